"""The doctor of results: all that speaks against a run's figures, with what to do about it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from openbell.reporting import booked, conduct, credibility, events, provenance, reliance
from openbell.reporting.judgement import judge_run
from openbell.reporting.notices import LEVELS, LOOK_AHEAD, Level, Notice
from openbell.reporting.result import Result
from openbell.reporting.words import capitalised

#: How loud a look-ahead check that cleared all orders is told.
_CLEARED: Mapping[str, Level] = {"suspect": "caution"}


def findings(result: Result, *, lookahead: Mapping[str, Any] | None = None) -> list[Notice]:
    """Return what is to be said about a result, the most serious first.

    Args:
        result: The run.
        lookahead: The verdict of a look-ahead check as JSON values; None is what the result knows of one.
    """
    checked = result.checked if lookahead is None else lookahead
    found = [*look_ahead(result, checked), *(notice for check in _CHECKS for notice in check(result))]
    return sorted(found, key=lambda notice: LEVELS.index(notice.level))  # stable: the checks' order stays


def describe(result: Result, *, lookahead: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return the verdict on a result and what it was found to suffer from, as JSON values.

    Args:
        result: The run.
        lookahead: The verdict of a look-ahead check, as for `findings`.
    """
    found = findings(result, lookahead=lookahead)
    return {
        "verdict": judge_run(result, found).as_json(),
        "findings": [notice._asdict() for notice in found],
    }


def look_ahead(result: Result, checked: Mapping[str, Any] | None) -> Iterator[Notice]:
    """Say what a look-ahead check came to, or that there was none."""
    if checked is None:
        if result.engine not in ("paper", "live"):  # who trades as it happens has no bars from later
            yield Notice(
                "note", "No look-ahead check was made.",
                "An order that depends on later bars makes profits that nobody can have.", LOOK_AHEAD, None,
                "Make it: ob.check_lookahead(result), or openbell backtest without --no-check.",
            )  # fmt: skip
        return
    first, stop, rest = str(checked["text"]).partition(". ")
    level = "serious" if not checked["clean"] else _CLEARED.get(str(checked.get("kind")), "note")
    remedy = "" if level == "note" else "Mend what is named, and run it again."
    cuts = checked.get("cuts")
    figure = float(cuts) if isinstance(cuts, int) else None
    yield Notice(level, capitalised(first + stop.strip()), rest, LOOK_AHEAD, figure, remedy)


_CHECKS: tuple[Callable[[Result], Iterator[Notice]], ...] = (
    credibility.costs, credibility.ruin, credibility.trades, credibility.too_good, booked.margin_calls,
    booked.refused, booked.ambiguous, reliance.one_trade, reliance.one_symbol, reliance.one_year,
    reliance.eaten, reliance.volume, conduct.good_faith, conduct.pattern, credibility.length,
    provenance.dates, events.universe, events.delistings, events.spin_offs, events.new_names,
    provenance.findings, booked.unfinished, provenance.hindsight,
)  # fmt: skip
