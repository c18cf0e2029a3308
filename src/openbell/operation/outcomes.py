"""A session's journal as results: what its reports and statements are made of, as a backtest's are."""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from openbell.backtesting.outcome import Outcome
from openbell.backtesting.plan import Plan
from openbell.backtesting.replay import Marks
from openbell.core.errors import ConfigError
from openbell.core.orders import Refusal
from openbell.core.types import Reason
from openbell.data.bars import Source, Times
from openbell.reporting.result import Result
from openbell.run import panel_of
from openbell.run.course import read_course
from openbell.storage.journal import JOURNAL, Entry, Journal
from openbell.strategies.base import Strategy
from openbell.strategies.registry import Found
from openbell.trading.ledger import Ledger, fold
from openbell.trading.recall import moments_in, series_in
from openbell.trading.record import latest_session
from openbell.trading.rehearsal import actions_of


class Absent(Strategy):
    """Stands for a session's strategy: a report needs its name and its trades, and must not run its code."""


def read_results(folder: str | Path) -> list[Result]:
    """Return what the last session of a folder has led to so far, a result for each of its strategies.

    Bars, orders and fills are the journal's. Sessions that another one followed are not in it.

    Raises:
        ConfigError: There is no session, or it has seen no bar yet.
        BadData: The journal is damaged.
    """
    path = Path(folder) / JOURNAL
    with Journal(path, read_only=True) as journal:
        begun, entries = latest_session(journal)
        kind = "paper" if journal.account == "paper" else "live"
    if begun is None:
        raise ConfigError(f"journal {str(path)!r} has no session; `openbell status` lists the sessions")
    if any("sources" not in described for described in begun.body["strategies"]):
        raise ConfigError(f"journal {str(path)!r} was begun by an earlier version, which kept too little")
    ledgers = fold(entries)
    found = [
        _result(described, ledgers, entries, kind=kind)
        for described in begun.body["strategies"]
        if described["name"] in ledgers
    ]
    results = [one for one in found if one is not None]
    if not results:
        raise ConfigError(f"session {Path(folder)} has seen no bar yet, so there is nothing to report")
    return results


def _result(
    described: Mapping[str, Any], ledgers: Mapping[str, Ledger], entries: Sequence[Entry], *, kind: str
) -> Result | None:
    name, plan, sources = read_course(described)
    ledger = ledgers[name]
    outcome = _outcome(plan, ledger, sources, entries=entries, name=name)
    if outcome is None:
        return None
    found = Found(name, Absent, plan.strategy, "", "")
    way = (kind, "a session's journal was read")
    return Result(plan, found, outcome, outcome.hold_benchmark(), way=way)


def _outcome(
    plan: Plan, ledger: Ledger, sources: Mapping[str, Source], *, entries: Sequence[Entry], name: str
) -> Outcome | None:
    """Return a strategy's orders, fills and bookings on the bars that the session saw; None without any."""
    actions = [action for entry in entries if entry.kind == "expect" for action in actions_of(entry)]
    series = series_in(moments_in(entries), plan.timeframe, sources, actions)
    if not series:
        return None
    panel = panel_of(plan, series)
    return Outcome(
        panel,
        ledger.account,
        list(ledger.orders.values()),
        ledger.fills,
        _marks(ledger, panel.times),
        (),
        {},
        refused=_refusals(entries, name),
    )


def _marks(ledger: Ledger, times: Times) -> Marks:
    """Return how many bookings there were after each moment; those after the last count for it."""
    booked = np.array([entry.time for entry in ledger.account.entries], np.int64)
    at = np.minimum(np.searchsorted(times, np.maximum.accumulate(booked)), len(times) - 1)
    moments, counts = np.unique(at, return_counts=True)
    return Marks(array("q", moments.tolist()), array("q", np.cumsum(counts).tolist()))


def _refusals(entries: Sequence[Entry], name: str) -> list[Refusal]:
    found = []
    for entry in entries:
        if entry.kind == "refused" and entry.strategy == name:
            body = entry.body
            order = body["order"]["id"] if "order" in body else body["replace"]["order_id"]
            found.append(Refusal(
                order, Reason(body["limit"]), body.get("value", float("nan")), body["bound"], body["said"],
                entry.time,
            ))  # fmt: skip
    return found
