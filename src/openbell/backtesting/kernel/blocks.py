"""A function in LLVM's assembly while it is being written: its blocks, its registers and its variables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from openbell.backtesting.kernel.phrases import Value, cast, llvm_of, truth, wider


class Way(NamedTuple):
    """A block that comes to an answer, and goes on from there."""

    label: str
    lines: list[str]
    value: Value
    end: str


class Blocks:
    """Blocks, of which one is being written. Variables lie in memory: LLVM makes registers of them."""

    def __init__(self, given: Mapping[str, str]) -> None:
        """Begin a function of arguments, given as kinds by name."""
        self._given = tuple(given.values())
        self._kinds = dict(given)  #: of all variables
        self.start()

    def start(self) -> None:
        """Begin, or begin again, with what is known of the variables' kinds."""
        self.is_wider = False  #: whether a variable holds more than what was first written to it
        self._registers = self._labels = 0
        self._aims: set[str] = set()  #: labels to which something jumps
        self._blocks: list[tuple[str, list[str]]] = []
        self.begin("entry")
        for at, (name, kind) in enumerate(zip(self._kinds, self._given, strict=False)):
            self.store(name, Value(kind, f"%a{at}"))

    def text(self) -> str:
        """Return all blocks."""
        rooms = [f"  %v.{name} = alloca {llvm_of(kind)}" for name, kind in self._kinds.items()]
        lines = []
        for at, (label, body) in enumerate(self._blocks):
            lines += [f"{label}:", *(rooms if at == 0 else ()), *body]
        return "\n".join(lines)

    # --- lines -----------------------------------------------------------------------------------------

    def emit(self, text: str) -> str:
        """Add an instruction; return the register that it writes, if it does."""
        if text.startswith(("store ", "call void ")):
            self._lines.append(f"  {text}")
            return ""
        self._registers += 1
        self._lines.append(f"  %r{self._registers} = {text}")
        return f"%r{self._registers}"

    def store(self, name: str, value: Value) -> None:
        """Write a variable."""
        before = self._kinds.setdefault(name, value.kind)
        self._kinds[name] = kind = wider(before, value.kind)
        self.is_wider |= kind != before
        self.emit(f"store {llvm_of(kind)} {cast(self.emit, value, kind).text}, ptr %v.{name}")

    def load(self, name: str) -> Value:
        """Read a variable."""
        kind = self._kinds[name]
        return Value(kind, self.emit(f"load {llvm_of(kind)}, ptr %v.{name}"))

    # --- jumps -----------------------------------------------------------------------------------------

    def label(self) -> str:
        """Return a new block's name."""
        self._labels += 1
        return f"b{self._labels}"

    def begin(self, label: str) -> None:
        """Begin a block."""
        self._lines: list[str] = []
        self._label, self.is_open = label, True
        self._blocks.append((label, self._lines))

    def end(self, text: str) -> None:
        """End the block, unless it has ended."""
        if self.is_open:
            self._lines.append(f"  {text}")
            self.is_open = False

    def go(self, label: str, mark: str = "") -> None:
        """End the block with a jump, unless it has ended."""
        if self.is_open:
            self._aims.add(label)
        self.end(f"br label %{label}{mark}")

    def go_if(self, found: str, yes: str, no: str) -> None:
        """End the block with a jump to one of two."""
        self._aims |= {yes, no}
        self.end(f"br i1 {found}, label %{yes}, label %{no}")

    def is_reached(self, label: str) -> bool:
        """Tell whether something jumps to a block."""
        return label in self._aims

    def way(self, value: Value, after: str, *, goes_on: bool | None = None) -> Way:
        """Note the block's answer, and begin the next one where it is true, or false, or never."""
        label, lines, end = self._label, self._lines, f"br label %{after}"
        if goes_on is not None:
            following = self.label()
            yes, no = (following, after) if goes_on else (after, following)
            end = f"br i1 {truth(self.emit, value)}, label %{yes}, label %{no}"
            self.begin(following)
        return Way(label, lines, value, end)

    def merge(self, ways: Sequence[Way], after: str) -> Value:
        """Join blocks that have each an answer: they end now that all kinds are known."""
        if len(ways) == 1:
            return ways[0].value
        kind = wider(*(way.value.kind for way in ways))
        found = []
        for way in ways:
            self._lines = way.lines
            found.append(f"[ {cast(self.emit, way.value, kind).text}, %{way.label} ]")
            way.lines.append(f"  {way.end}")
        self.begin(after)
        return Value(kind, self.emit(f"phi {llvm_of(kind)} {', '.join(found)}"))
