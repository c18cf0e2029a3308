"""How many trials a result is one of: in words, and as a file beside the run.

The count is of the day on which a run was made, and no property of the run: it stands in a file of its own,
so that a run that is written again says what it said the first time.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from openbell.core.errors import ConfigError
from openbell.portfolio.tried import Tried
from openbell.reporting.result import Result
from openbell.reporting.words import count

#: The file beside a run that has its trial's number, and what was tried by then.
FILE = "tried.json"


def describe_trial(result: Result) -> str:
    """Return which trial of its idea on its data a run is; nothing where it is not known."""
    if result.tried is None or not result.trial:
        return ""
    return numbered(result.trial, result.tried)


def numbered(number: int, tried: Tried) -> str:
    """Return a trial's number, how many there are, and how many independent ones they are worth."""
    which = f"trial {number:,} of this idea on this data"
    if number < tried.count:
        which += f", of {tried.count:,} so far"
    return which + worth(tried)


def worth(tried: Tried) -> str:
    """Return what correlated trials are worth, to be put behind their number; nothing if as much as that."""
    if tried.independent > 0.995 * tried.count:
        return ""
    return f" (as good as {count(max(round(tried.independent), 1), 'independent one')})"


def describe_tried(tried: Tried) -> str:
    """Return how often an idea was tried on data."""
    return f"{count(tried.count, 'trial')} of this idea on this data by now{worth(tried)}"


def as_json(result: Result) -> dict[str, Any] | None:
    """Return a run's number and what was tried as JSON values; None where nothing was counted."""
    return None if result.tried is None else {"trial": result.trial, **asdict(result.tried)}


def trial_text(result: Result) -> str | None:
    """Return the text of the file beside a run; None where nothing was counted."""
    values = as_json(result)
    return None if values is None else json.dumps(values, indent=2, allow_nan=False) + "\n"


def restore_trial(result: Result, folder: Path) -> None:
    """Tell a run that was run again what was counted when it was recorded, if anything was.

    Raises:
        ConfigError: The file beside the run is damaged.
    """
    file = folder / FILE
    if not file.is_file():
        return
    try:
        known = json.loads(file.read_text(encoding="utf-8"))
        overfitting = known.get("overfitting")  # which no run had before it was known
        tried = Tried(
            int(known["count"]), float(known["independent"]), float(known["deviation"]),
            None if overfitting is None else float(overfitting), int(known.get("compared", 0)),
        )  # fmt: skip
        result.trial, result.tried = int(known["trial"]), tried
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigError(
            f"{file} cannot be read ({error!r}); delete it, and the run says nothing of trials"
        ) from error
