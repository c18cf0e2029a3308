"""The answer of a look-ahead check."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from openbell.backtesting.evidence import Difference


class Kind(StrEnum):
    """What a check came to."""

    CLEAN = "clean"  #: nothing changed
    SUSPECT = "suspect"  #: no order changed, but the text names something that this check cannot clear
    LEAK = "leak"  #: orders or sizes depend on later bars
    REFUSED = "refused"  #: the strategy asked for a value that is not known yet, and was refused
    UNREPEATABLE = "unrepeatable"  #: two runs over the same bars differ, so that nothing can be said


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer of a check, and what it rests on."""

    clean: bool  #: no order and no size changed
    kind: Kind
    cuts: int  #: moments that were tested
    first: Difference | None
    inputs: tuple[str, ...]  #: the leaking inputs, or where to look
    text: str  #: one paragraph for a reader

    def as_json(self) -> dict[str, Any]:
        """Return the verdict as JSON values."""
        return asdict(self) | {"kind": self.kind.value, "inputs": list(self.inputs),
                               "first": self.first._asdict() if self.first else None}  # fmt: skip
