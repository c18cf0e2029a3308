"""Counts trials: each run, sweep and walk-forward is written into the ledger, which knows all before it.

A result is never lost because it could not be counted: that is one line of warning.
"""

from __future__ import annotations

import atexit
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import RLock
from typing import Any, NamedTuple

from openbell.core.errors import BadData, ConfigError
from openbell.data.bars import Series
from openbell.reporting.result import Result
from openbell.reporting.sweep import Sweep
from openbell.run.batches import DrawRows, batch_of_run, batch_of_trials, draw_some, ground_of
from openbell.storage.trialrecords import Batch, Counted
from openbell.storage.trials import TrialLedger
from openbell.strategies.registry import Found
from openbell.utils.logging import get_logger

#: The variable that names the ledger, or says `off`.
VARIABLE = "OPENBELL_TRIALS"
OFF = "off"
#: Where the ledger is, unless the environment says otherwise.
LEDGER = Path("state") / "trials.db"


def ledger_path() -> Path | None:
    """Return where the ledger is; None where it is turned off."""
    given = os.environ.get(VARIABLE, "").strip()
    if given.lower() == OFF:
        return None
    return Path(given) if given else LEDGER


@contextmanager
def open_ledger(path: Path) -> Iterator[TrialLedger]:
    """Open the ledger, and leave it open for the next run: SQLite waits for the disk when it is closed.

    Raises:
        ConfigError: It cannot be opened.
    """
    with _lock:
        key = f"{os.getpid()} {path.absolute()}"  # a process that was forked opens its own
        known = _kept.get(key)
        if known is None or known.inode != _inode(path):
            if known is not None:
                _kept.pop(key).ledger.close()
            ledger = TrialLedger(path)
            known = _kept[key] = _Kept(ledger, _inode(path))
        yield known.ledger


def close_ledgers() -> None:
    """Let go of what this process has open."""
    with _lock:
        for key in [key for key in _kept if key.partition(" ")[0] == str(os.getpid())]:
            _kept.pop(key).ledger.close()


class _Kept(NamedTuple):
    ledger: TrialLedger
    inode: tuple[int, int] | None  #: of the file, which somebody may have moved away meanwhile


def _inode(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


_kept: dict[str, _Kept] = {}
_lock = RLock()
atexit.register(close_ledgers)


def count_run(result: Result, *, kind: str = "backtest", chosen: Mapping[str, Any] | None = None) -> None:
    """Count a run, and tell its result which trial it is and how many there are.

    Args:
        result: The run.
        kind: What made it.
        chosen: What decided it, if that is more than its parameters.
    """
    if ledger_path() is None:
        return
    counted = count_batches([batch_of_run(result, kind=kind, chosen=chosen)])
    if counted is not None:
        result.trial, result.tried = counted.number, counted.tried


def count_sweep(
    sweep: Sweep, *, found: Found, series: Sequence[Series], draw: DrawRows | None = None, quick: bool = False
) -> None:
    """Count the combinations of a sweep, and tell it what was tried by now.

    Args:
        sweep: The sweep.
        found: The strategy.
        series: Its data.
        draw: Draws rows; None where there is no time to.
        quick: Whether that takes next to nothing.
    """
    if ledger_path() is None:
        return
    ground = ground_of(sweep.plan, found, series)
    bars = sum(map(len, series))
    drawn = None if draw is None else draw_some(sweep.results, draw, bars=bars, quick=quick)
    batch = batch_of_trials(sweep.results, ground, begin=sweep.plan.begin, drawn=drawn)
    counted = count_batches([batch] if batch is not None else [])
    if counted is not None:
        sweep.tried = counted.tried


def count_batches(batches: Sequence[Batch]) -> Counted | None:
    """Write batches into the ledger; None where there is none, nothing to write, or no way to."""
    path = ledger_path()
    if path is None or not batches:
        return None
    try:
        with open_ledger(path) as ledger:
            return ledger.record_all(batches, wall=time.time_ns())
    except (ConfigError, BadData) as error:
        get_logger().warning(f"not counted among the trials: {error}")
        return None
