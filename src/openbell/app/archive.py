"""Recorded runs and sweeps by their files; one that cannot be read hides no other."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from openbell.core.errors import ConfigError, nearest

_RUN, _SWEEP = "run.json", "sweep.json"
_PAGES = ("report.html", "heatmap.html")


class Record(NamedTuple):
    """A folder of the archive, and what its file says."""

    id: str
    said: Mapping[str, Any]


class Archive:
    """The reports below a folder. Files are read again when they have changed."""

    def __init__(self, folder: Path) -> None:
        """Take the folder, which need not be there yet."""
        self.folder = folder
        self._read: dict[Path, tuple[tuple[int, int], Mapping[str, Any] | str]] = {}
        #: Runs and sweeps whose file cannot be read, each with the reason.
        self.unreadable: dict[str, str] = {}

    def runs(self) -> list[Record]:
        """Return the recorded runs that can be read, the latest first; `unreadable` has the others."""
        return self._all(_RUN, _check_run)

    def sweeps(self) -> list[Record]:
        """Return the recorded sweeps that can be read, the latest first."""
        return self._all(_SWEEP, _check_sweep)

    def run(self, name: str) -> Record:
        """Return one run.

        Raises:
            ConfigError: There is none of that name, or its file cannot be read.
        """
        found = {one.id: one for one in self.runs()}
        if name in found:
            return found[name]
        if name in self.unreadable:
            raise ConfigError(self.unreadable[name])
        raise ConfigError(f"run {name!r} is unknown{nearest(name, found)}")

    def page(self, name: str) -> Path:
        """Return the page of a run or a sweep.

        Raises:
            ConfigError: There is none.
        """
        known = {path.parent.name: path for page in _PAGES for path in self.folder.glob(f"*/{page}")}
        if name not in known:
            raise ConfigError(f"report {name!r} is unknown{nearest(name, known)}")
        return known[name]

    def equity(self, name: str) -> list[tuple[str, float]]:
        """Return a run's equity over time, as its table has it.

        Raises:
            ConfigError: There is none of that name, or its table cannot be read.
        """
        path = self.folder / self.run(name).id / "equity.csv"
        try:
            with path.open(encoding="utf-8", newline="") as lines:
                rows = csv.DictReader(lines)
                return [(row["time"], float(row["equity"])) for row in rows]
        except (OSError, ValueError, KeyError) as error:
            raise ConfigError(
                f"run {name!r}: {path} cannot be read ({error}); run the backtest again"
            ) from error

    def _all(self, file: str, check: Callable[[Any], object]) -> list[Record]:
        found = []
        for path in self.folder.glob(f"*/{file}"):
            if path.parent.name.startswith("."):  # it is being written
                continue
            try:
                facts = path.stat()
            except FileNotFoundError:  # it was replaced meanwhile
                continue
            said = self._said(path, (facts.st_mtime_ns, facts.st_size), check)
            if isinstance(said, str):
                self.unreadable[path.parent.name] = said
            else:
                self.unreadable.pop(path.parent.name, None)
                found.append((facts.st_mtime_ns, Record(path.parent.name, said)))
        return [record for _, record in sorted(found, key=lambda one: (one[0], one[1].id), reverse=True)]

    def _said(
        self, path: Path, stamp: tuple[int, int], check: Callable[[Any], object]
    ) -> Mapping[str, Any] | str:
        """Return what a file says, or why it cannot be read."""
        known = self._read.get(path)
        if known is not None and known[0] == stamp:
            return known[1]
        said: Mapping[str, Any] | str
        try:
            said = json.loads(path.read_text(encoding="utf-8"))
            check(said)
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            said = (
                f"{path} cannot be read ({type(error).__name__}: {error}); run it again, or delete its folder"
            )
        self._read[path] = (stamp, said)
        return said


def figures_of(run: Mapping[str, Any]) -> dict[str, float | None]:
    """Return a run's figures that are numbers."""
    return {name: value for name, value in run["metrics"].items() if isinstance(value, int | float)}


def _check_run(said: Any) -> None:
    """Look at all that is shown of a run; what is not there raises."""
    figures_of(said)
    str(said["name"]), list(said["plan"]["symbols"])


def _check_sweep(said: Any) -> None:
    str(said["strategy"]), list(said["plan"]["symbols"]), int(said["combinations"]), said.get("best")
