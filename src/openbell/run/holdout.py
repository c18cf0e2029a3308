"""A holdout: the newest bars, which nothing sees until one run opens them, once and on record."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from openbell.backtesting.perturbation import cut_off, known_until
from openbell.backtesting.plan import Plan
from openbell.core.errors import ConfigError
from openbell.data.bars import Series, parse_date
from openbell.reporting.holdout import describe_opening
from openbell.reporting.result import Result
from openbell.reporting.words import count, date
from openbell.run.batches import batch_of_run, ground_of
from openbell.run.counting import VARIABLE, ledger_path, open_ledger
from openbell.storage.trialrecords import HOLDOUT, Seen
from openbell.strategies.registry import Found

_AGAIN = "run without --unlock-holdout, or keep newer bars apart with a later --holdout"


def withhold(series: Sequence[Series], plan: Plan) -> list[Series]:
    """Return what of series a plan may see: what was known when its holdout began, or all of them.

    A symbol that had no bars yet is left out.

    Raises:
        ConfigError: Nothing is left.
    """
    since = since_of(plan)
    if since is None or plan.unlock_holdout:
        return list(series)
    kept = [cut_off(one, since) for one in series if known_until(one, since)]
    if not kept:
        raise ConfigError(
            f"holdout={plan.holdout}: all bars lie in it; begin earlier, or open it, once, with "
            "--unlock-holdout (unlock_holdout=True)"
        )
    return kept


def since_of(plan: Plan) -> int | None:
    """Return when a plan's holdout begins, ns UTC; None where it has none.

    Raises:
        ConfigError: It is no date.
    """
    return parse_date(plan.holdout, where="holdout")


def check_closed(plan: Plan, found: Found, series: Sequence[Series]) -> None:
    """Find out, before a run that would open a holdout, whether it can be opened.

    Raises:
        ConfigError: There is nothing to open; it was seen before, and then when and what came out; or it
            cannot be on record.
    """
    since = _begin(plan)
    if all(known_until(one, since) == len(one) for one in series):
        raise ConfigError(f"holdout={plan.holdout}: there are no bars after it, so nothing to open")
    ground = ground_of(plan, found, series)
    path = _recorded()
    if path.exists():
        with open_ledger(path) as ledger:
            seen = ledger.seen(ground.idea, ground.place, since)
        if seen is not None:
            raise _refusal(plan, found, seen)


def open_holdout(result: Result) -> None:
    """Put a run that saw its holdout on record, and tell it which trial it is.

    Raises:
        ConfigError: Another run saw those bars meanwhile, or the ledger cannot be written: then nobody may
            see what came out.
    """
    since = _begin(result.plan)
    batch = batch_of_run(result, kind=HOLDOUT, note=describe_opening(result))
    with open_ledger(_recorded()) as ledger:
        counted = ledger.open_holdout(batch, since=since, wall=time.time_ns())
    if isinstance(counted, Seen):
        raise _refusal(result.plan, result.found, counted)
    result.trial, result.tried = counted.number, counted.tried


def _begin(plan: Plan) -> int:
    since = since_of(plan)
    if since is None:
        raise ConfigError(
            "--unlock-holdout (unlock_holdout=True) opens a holdout, and there is none; say where it begins, "
            "as in --holdout 2012-01-01"
        )
    return since


def _recorded() -> Path:
    path = ledger_path()
    if path is None:
        raise ConfigError(
            f"a holdout is opened on record, and {VARIABLE}=off keeps none; name a file there, or unset it"
        )
    return path


def _refusal(plan: Plan, found: Found, seen: Seen) -> ConfigError:
    what = f"the bars of {plan.traded} from {plan.holdout} on"
    if seen.kind == HOLDOUT:
        return ConfigError(
            f"{what} were opened for {found.name} on {date(seen.wall)} and gave: {seen.note}; they are no "
            f"holdout any more: {_AGAIN}"
        )
    return ConfigError(
        f"{what} were seen by {count(seen.trials, 'trial')} of {found.name} already, the first on "
        f"{date(seen.wall)}; they are no holdout any more: {_AGAIN}"
    )
