"""Saves: a session's state in files beside its journal, so that going on need not begin at its beginning.

A save is only ever a shorter way: the journal says how far it goes and has its digest, what follows is gone
through again and must say the same, and where a save cannot be used the whole session is gone through.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from typing import Any

from openbell.storage.entries import Entry
from openbell.storage.journal import Journal
from openbell.trading.build import build
from openbell.trading.doubts import Doubts, modules_of
from openbell.trading.freezing import Unfrozen, freeze, thaw
from openbell.trading.record import Record
from openbell.trading.summaries import write_summary
from openbell.utils.files import remove_unfinished, write_whole
from openbell.utils.logging import get_logger

SAVED = "saved"
_KEPT = 2  #: files: the one before is used when the last was not finished
_AFTER = 200  #: inputs that make a save worth while


class Saves:
    """Writes and reads the saves of one session."""

    def __init__(
        self,
        journal: Journal,
        strategies: Collection[object],
        code: Mapping[str, str],
        *,
        after: int = _AFTER,
    ) -> None:
        """Take the parts.

        Args:
            journal: The session's.
            strategies: They have not run yet.
            code: The hashes of their code, by name.
            after: Inputs that make a save worth while.
        """
        self._journal, self._after = journal, after
        self._modules, self._doubts = modules_of(strategies), Doubts(strategies)
        self._folder = journal.path.parent / "saved"
        self._build = {"openbell": build(), **{f"strategy {name}": one for name, one in code.items()}}
        self._inputs = self._summed = 0  # of the last save, and of the last summary
        self._said = ""

    def write(self, state: Any, outside: Mapping[str, object], *, inputs: int, time: int, wall: int) -> bool:
        """Save a state after so many inputs; tell whether that was done. What cannot be saved is said once.

        Raises:
            Halt: The journal cannot be written.
        """
        if inputs - self._summed >= self._after:
            self._sum(inputs, time, wall)
        if inputs - self._inputs < self._after:
            return False
        try:
            data = self._frozen(state, outside)
            digest = hashlib.sha256(data).hexdigest()
            write_whole(self._folder / f"{self._journal.last}.state", data)
        except (Unfrozen, OSError) as error:
            self._say(f"the session's state is not saved: {error}; to go on, all of it is gone through again")
            return False
        body = {"upto": self._journal.last, "inputs": inputs, "digest": digest, "build": self._build}
        self._journal.append(SAVED, body, time=time, wall=wall)
        self._journal.commit()
        self._inputs = inputs
        for old in sorted(self._folder.glob("[0-9]*.state"), key=lambda one: int(one.stem))[:-_KEPT]:
            old.unlink()
        remove_unfinished(self._folder)
        return True

    def _sum(self, inputs: int, time: int, wall: int) -> None:
        """Keep how all stands for those who ask."""
        try:
            write_summary(self._journal, time=time, wall=wall)
        except (Unfrozen, OSError) as error:
            self._say(f"how the session stands is not kept: {error}; who asks reads all of its journal")
        self._summed = inputs

    def _frozen(self, state: Any, outside: Mapping[str, object]) -> bytes:
        """Return a state as bytes that can be read again.

        Raises:
            Unfrozen: It cannot be kept, or a strategy keeps some of its state elsewhere.
        """
        said = self._doubts.find()
        if said:
            raise Unfrozen(said)
        data = freeze(state, outside)
        if not self._inputs:  # the first: it must not turn out later that none can be used
            thaw(data, outside, self._modules)
        return data

    def latest(self, record: Record) -> Entry | None:
        """Return the event of the last save that can be used; None without one, or with the reason said."""
        saved = record.latest(SAVED)
        if saved is None:
            return None
        before = saved.body["build"]
        changed = [name for name, one in self._build.items() if before.get(name) != one]
        if changed:
            said = ", ".join(changed)
            self._say(f"since event {saved.seq} the code has changed ({said}); all is gone through again")
            return None
        return saved

    def read(self, saved: Entry, outside: Mapping[str, object]) -> Any:
        """Return the state of a save.

        Raises:
            Unfrozen: Its file is not there, or is not what was written.
        """
        path = self._folder / f"{saved.body['upto']}.state"
        try:
            data = path.read_bytes()
        except OSError as error:
            raise Unfrozen(f"{path} cannot be read ({error.strerror})") from error
        if hashlib.sha256(data).hexdigest() != saved.body["digest"]:
            raise Unfrozen(f"{path} is not what was written")
        state = thaw(data, outside, self._modules)
        self._inputs = self._summed = saved.body["inputs"]
        return state

    def _say(self, said: str) -> None:
        if said != self._said:
            self._said = said
            get_logger().warning(said)
