"""What somebody asks of a strategy while it runs: done once, written down with its author, done again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

import openbell as ob
from openbell.core.types import OrderStatus
from openbell.run import prepare
from openbell.run.course import ground_of, make_course
from openbell.storage.journal import JOURNAL, Journal
from openbell.trading.course import Course
from openbell.trading.inbox import Inbox, Nobody, ask_of
from openbell.trading.moments import moments_of
from openbell.trading.record import latest_session
from openbell.trading.session import Session
from tests.loopback.direct import EVERYTHING, Direct
from tests.loopback.exchange import Exchange
from tests.unit.trading_by_hand import INSTRUMENTS, START, Life, scripted


class Idle(ob.Strategy):
    """Decides nothing itself; counts the bars that it is asked about."""

    size: int = ob.param(3, ge=1, le=9)

    def on_start(self) -> None:
        self.seen = 0

    def on_bar(self, bar: ob.Bar) -> None:
        self.seen += 1


class Asking(Nobody):
    """Asks for things, each after so many moments; and to stop after the last."""

    def __init__(self, asks: list[tuple[int, Mapping[str, Any]]], moments: int) -> None:
        self._asks, self._moments, self._taken = asks, moments, 0
        self.by = "a test"

    def stop_asked(self) -> str:
        return "keep" if self._taken >= self._moments else ""

    def take_asks(self) -> Iterator[Mapping[str, Any]]:
        self._taken += 1
        for number, (after, body) in enumerate(self._asks):
            if after == self._taken:
                yield {"id": f"ask{number}", "strategy": "Idle", "by": "somebody", **body}


async def play(path: Path, asks: list[tuple[int, Mapping[str, Any]]], moments: int = 12) -> Course:
    """Play so many moments of a session, a new one or the one that is there; return its course."""
    plan, found, series = prepare(Idle, "AAPL", start="2012-01-03", end="2012-06-29")
    with Journal(path / JOURNAL, account="paper") as journal:
        course = make_course("Idle", plan, found, ground_of(plan, series), journal)
        session = Session([course], journal, requests=Asking(asks, moments))
        begun, entries = latest_session(journal)
        if begun is None:
            session.begin({})
        else:
            session.resume(entries)
        after = session.time if begun is not None else -1
        bars = [one for one in moments_of(series) if one[-1].end > after]

        async def feed() -> Any:
            for moment in bars:
                yield moment

        await session.run(feed())
    return course


def kinds(path: Path, *wanted: str) -> list[tuple[str, Any]]:
    with Journal(path / JOURNAL, read_only=True) as journal:
        return [(e.kind, e.body) for e in journal.read() if e.kind in wanted]


ORDER = {"do": "signal", "symbol": "AAPL", "conviction": 0.5, "limit": 1.0}
BUY = {"do": "signal", "symbol": "AAPL", "conviction": 0.5, "stop_loss": 1.0}


async def test_a_signal_is_sized_and_a_close_leaves_nothing(tmp_path: Path) -> None:
    course = await play(tmp_path, [(2, BUY), (6, {"do": "close", "symbol": "AAPL"})])
    fills = course.engine.fills
    assert [fill.side for fill in fills] == [1, -1]
    assert fills[0].quantity == fills[1].quantity > 100
    assert course.is_flat
    assert {order.tag for order in course.engine.desk.orders.values()} == {"outside", "stop_loss"}
    assert [body["by"] for _, body in kinds(tmp_path, "ask")] == ["somebody"] * 2
    assert kinds(tmp_path, "signal")[0] == ("signal", {"conviction": 0.5})


async def test_an_order_is_cancelled_because_it_was_asked(tmp_path: Path) -> None:
    course = await play(tmp_path, [(2, ORDER), (4, {"do": "cancel", "order": 1})])
    (order,) = course.engine.desk.orders.values()
    assert (order.status, order.reason.value) == (OrderStatus.CANCELLED, "asked")


async def test_a_paused_strategy_is_asked_about_no_bar_until_it_goes_on(tmp_path: Path) -> None:
    course = await play(tmp_path, [(3, {"do": "pause"}), (8, {"do": "go_on"})])
    assert course.engine.strategy.seen == 3 + 4  # type: ignore[attr-defined]  # Idle's own


async def test_what_was_asked_is_done_again_when_a_session_goes_on(tmp_path: Path) -> None:
    first = await play(
        tmp_path, [(2, BUY), (3, {"do": "pause"}), (4, {"do": "set", "parameters": {"size": 5}})]
    )
    again = await play(tmp_path, [], 3)
    assert again.engine.fills == first.engine.fills
    assert again.engine.paused
    assert again.engine.strategy.seen == 0  # type: ignore[attr-defined]  # it was prepared anew, and is paused
    assert again.tuning is not None
    assert again.tuning.parameters == {"size": 5}


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({"do": "sell"}, "ask: 'sell' cannot be asked of a strategy; valid names: cancel"),
        ({"do": "cancel", "order": 7}, "cancel: order 7 is unknown"),
        ({"do": "cancel", "order": "one"}, "cancel: order 'one' is unknown"),
        ({"do": "close", "symbol": "MSFT"}, "close: symbol 'MSFT' is not in this run"),
        ({"do": "close", "symbol": "AAPL"}, "close: nothing of AAPL is held"),
        (
            {"do": "signal", "symbol": "AAPL", "conviction": 2.0},
            "conviction must be a number from -1 to 1, not 2.0",
        ),
        ({"do": "signal", "symbol": "AAPL", "conviction": None}, "conviction must be a number from -1 to 1"),
        ({"do": "signal", "symbol": "AAPL", "conviction": 1.0, "limit": -1.0}, "limit"),
    ],
)
async def test_what_cannot_be_done_is_declined_in_words(tmp_path: Path, asked: Any, says: str) -> None:
    course = await play(tmp_path, [(2, asked)], 4)
    ((_, body),) = kinds(tmp_path, "declined")
    assert says in body["said"]
    assert not course.engine.desk.orders


async def test_an_order_that_has_ended_cannot_be_cancelled_again(tmp_path: Path) -> None:
    cancel = {"do": "cancel", "order": 1}
    await play(tmp_path, [(2, ORDER), (4, cancel), (6, cancel)])
    ((_, body),) = kinds(tmp_path, "declined")
    assert body["said"].endswith("has ended: cancelled")


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({"do": "pause", "strategy": "Other"}, "strategy 'Other' is not in this session"),
        ({"do": "set", "parameters": {"size": 99}}, "size=99 must be <= 9"),
    ],
)
async def test_what_a_session_does_not_take_is_noted_with_its_reason(
    tmp_path: Path, asked: Any, says: str
) -> None:
    await play(tmp_path, [(2, asked)], 4)
    declined = [body["declined"] for _, body in kinds(tmp_path, "asked") if "declined" in body]
    assert [says in one for one in declined] == [True]


def test_files_are_taken_in_their_order_once_and_those_of_before_are_thrown_away(tmp_path: Path) -> None:
    ask_of(tmp_path, "s", "pause", by="x")
    inbox = Inbox(tmp_path)
    assert list(inbox.take_asks()) == []
    names = [ask_of(tmp_path, "s", do, by="x", symbol=None, order=3) for do in ("pause", "go_on", "close")]
    taken = list(inbox.take_asks())
    assert [(one["id"], one["do"]) for one in taken] == list(
        zip(names, ("pause", "go_on", "close"), strict=True)
    )
    assert taken[0] == {"id": names[0], "do": "pause", "strategy": "s", "by": "x", "order": 3}
    assert list(inbox.take_asks()) == []


async def test_a_live_session_does_what_is_asked_through_its_router(tmp_path: Path) -> None:
    x = Exchange(INSTRUMENTS, time=START)
    for symbol in ("A", "B"):
        x.trade(symbol, 100)
    life = Life(tmp_path, x, Direct(x, EVERYTHING), {"s": scripted({})})
    life.start()
    await life.moment(0, 100)

    async def ask(**body: Any) -> None:
        life.wish.asks.append({"id": f"i{life.journal.last}", "strategy": "s", "by": "somebody", **body})
        life.session.bring(lambda: None)  # it looks when something comes, or ten times a second
        await life.rest()

    await ask(do="signal", symbol="A", conviction=1.0)
    await life.moment(1, 101)
    assert x.positions.keys() == {"A"}
    await ask(do="close", symbol="A")
    await life.moment(2, 102)
    assert not any(x.positions.values())
    await ask(do="cancel", order=99)
    await ask(do="pause", strategy="other")
    await ask(do="pause")
    assert life.floor.courses["s"].engine.paused
    await life.end()
    entries = kinds(tmp_path, "ask", "asked", "declined")
    assert [body.get("do", "declined") for _, body in entries] == [
        "signal", "close", "cancel", "declined", "pause", "pause",
    ]  # fmt: skip
    assert x.audit() == []
