"""A paper session is its backtest: no difference; and a journal that was tampered with is explained."""

import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

import openbell as ob
from openbell.core.errors import ConfigError
from openbell.core.messages import BarMessage
from openbell.core.orders import Order
from openbell.core.types import Fill, OrderStatus, Phase, Reason
from openbell.operation.parity import Parity, find_parity
from openbell.run import prepare
from openbell.run.course import describe_course, ground_of, make_course
from openbell.storage.journal import Journal
from openbell.strategies.examples import BY_NAME
from openbell.strategies.registry import find
from openbell.trading.inbox import Nobody
from openbell.trading.moments import moments_of
from openbell.trading.parity import Faults, Traded, Word, compare
from openbell.trading.record import latest_session
from openbell.trading.session import Ending, Session

PINNED = json.loads(Path(__file__).with_name("example_hashes.json").read_text(encoding="utf-8"))
YEARS: dict[str, Any] = {"start": "2005-01-03", "end": "2006-12-29"}
Edit = Callable[[dict[str, Any]], dict[str, Any] | None]


def play(state: Path, name: str = "sma_cross", symbols: Any = "AAPL", **settings: Any) -> Path:
    ob.paper(name, symbols, state=state, **{**YEARS, **settings})
    return state


def edit(state: Path, kind: str, at: int, change: Edit) -> None:
    """Write a session's journal once more, as if the event of a kind had been another, or had not been."""
    path = state / "journal.db"
    with Journal(path, read_only=True) as journal:
        account, events = journal.account, list(journal.read())
    for file in state.glob("journal.db*"):
        file.unlink()
    seq = [event.seq for event in events if event.kind == kind][at]
    with Journal(path, account=account) as journal:
        for event in events:
            body = change(dict(event.body)) if event.seq == seq else event.body
            if body is not None:
                journal.append(
                    event.kind, body, time=event.time, wall=event.wall, strategy=event.strategy,
                    subject=event.subject, trace=event.trace,
                )  # fmt: skip


def words(found: Parity) -> set[Word]:
    return {one.word for one in found.differences}


@pytest.mark.parametrize("name", BY_NAME)
def test_a_paper_session_of_an_example_has_no_difference(name: str, tmp_path: Path) -> None:
    case = PINNED[name]
    costs = ob.Costs(margin=ob.REG_T) if case["margin"] else None
    found = find_parity(play(tmp_path / "s", name, case["symbols"], costs=costs))
    assert found.differences == []
    assert found.notes == []
    assert found.orders > 0


def test_a_changed_fill_price_is_named_and_unexplained(tmp_path: Path) -> None:
    state = play(tmp_path / "s")
    edit(state, "fill", 1, lambda body: {**body, "price": body["price"] + 0.01})
    (one,) = find_parity(state).differences
    assert (one.word, one.cause) == (Word.FILL_PRICE, "")
    assert "in the backtest at" in one.said


def test_a_changed_fee_is_named(tmp_path: Path) -> None:
    state = play(tmp_path / "s")
    edit(state, "fill", 1, lambda body: {**body, "fee": body["fee"] + 1.0})
    assert words(find_parity(state)) == {Word.FEE}


def test_a_fill_that_is_not_in_the_journal_is_missing(tmp_path: Path) -> None:
    state = play(tmp_path / "s")
    edit(state, "fill", 2, lambda _: None)
    found = find_parity(state)
    assert words(found) == {Word.MISSING}
    assert len(found.unexplained) == 1


def test_a_fill_in_two_parts_that_the_backtest_has_not_is_extra(tmp_path: Path) -> None:
    state = play(tmp_path / "s")
    edit(state, "fill", 0, lambda body: {**body, "quantity": body["quantity"] - 1})
    edit(state, "fill", 1, lambda body: {**body, "quantity": body["quantity"] - 2})
    assert words(find_parity(state)) == {Word.MISSING}


def test_a_bar_that_came_late_explains_what_followed(tmp_path: Path) -> None:
    state = play(tmp_path / "s", "buy_and_hold", ["AAPL", "MSFT"])
    late: list[Any] = []

    def take_out(body: dict[str, Any]) -> dict[str, Any]:
        late.append(body["bars"].pop(0))
        return body

    edit(state, "moment", 0, take_out)
    edit(state, "moment", 1, lambda body: {"bars": [b for b in body["bars"] if b[0] != "AAPL"] + late})
    found = find_parity(state)
    assert words(found) == {Word.TIMING}
    assert found.unexplained == []


def test_another_bar_than_the_stored_one_is_data(tmp_path: Path) -> None:
    state = play(tmp_path / "s")

    def spike(body: dict[str, Any]) -> dict[str, Any]:
        (bar,) = body["bars"]
        return {"bars": [[*bar[:3], *(price * 3 for price in bar[3:7]), *bar[7:]]]}

    edit(state, "moment", 60, spike)
    found = find_parity(state)
    assert words(found) == {Word.DATA}
    assert found.unexplained == []


def test_a_session_of_a_users_own_class_needs_the_class(tmp_path: Path) -> None:
    class Mine(ob.Strategy):
        def on_bar(self, bar: ob.Bar) -> None:
            self.buy(bar.symbol)

    state = tmp_path / "s"
    ob.paper(Mine, "AAPL", state=state, **YEARS)
    found = find_parity(state, strategies={"mine": find(Mine)})
    assert found.differences == []


def test_what_is_no_session_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"has no journal\.db"):
        find_parity(tmp_path)


class Impatient(Nobody):
    """Asks for a stop at some moments."""

    def __init__(self, session: Session, how: str, after: int) -> None:
        self._session, self._how, self._after = session, how, after

    def stop_asked(self) -> str:
        taken = sum(entry.kind == "moment" for entry in self._session.journal.read())
        return self._how if taken >= self._after else ""


@pytest.mark.parametrize("how", ["keep", "cancel", "flatten"])
async def test_a_session_that_was_stopped_decides_again_and_has_parity(how: str, tmp_path: Path) -> None:
    plan, found, series = prepare("sma_cross", "AAPL", parameters={"fast": 3, "slow": 8}, **YEARS)
    ground = ground_of(plan, series)
    moments = list(moments_of(series))[:200]
    with Journal(tmp_path / "journal.db", account="paper") as journal:
        session = Session([make_course("sma_cross", plan, found, ground, journal)], journal)
        session.begin({"strategies": [describe_course("sma_cross", plan, ground)]})
        session._requests = Impatient(session, how, 100)
        assert await session.run(stream(moments)) is Ending.STOPPED
        again = Session([make_course("sma_cross", plan, found, ground, journal)], journal)
        played = again.resume(latest_session(journal)[1])
        assert 100 <= played < 110
        await again.run(stream(moments[played:]))
        last = again.courses[0].engine.fills[-1].time
        assert last > moments[150][0].end
        third = Session([make_course("sma_cross", plan, found, ground, journal)], journal)
        assert third.resume(latest_session(journal)[1]) == 200
    assert find_parity(tmp_path).differences == []


async def stream(moments: list[list[BarMessage]]) -> AsyncIterator[list[BarMessage]]:
    for bars in moments:
        yield bars


def test_what_has_no_session_or_one_of_an_earlier_version_is_refused(tmp_path: Path) -> None:
    with Journal(tmp_path / "journal.db", account="paper") as journal:
        journal.append("session", {"state": "resumed"}, time=1, wall=1)
    with pytest.raises(ConfigError, match="has no session"):
        find_parity(tmp_path)
    with Journal(tmp_path / "journal.db") as journal:
        journal.append("session", {"state": "begun", "strategies": [{"name": "a"}]}, time=1, wall=1)
    with pytest.raises(ConfigError, match="earlier version"):
        find_parity(tmp_path / "journal.db")


def test_a_session_without_bars_has_nothing_to_differ_in(tmp_path: Path) -> None:
    plan, found, series = prepare("sma_cross", "AAPL", **YEARS)
    ground = ground_of(plan, series)
    with Journal(tmp_path / "journal.db", account="paper") as journal:
        session = Session([make_course("sma_cross", plan, found, ground, journal)], journal)
        session.begin({"strategies": [describe_course("sma_cross", plan, ground)]})
    assert find_parity(tmp_path).differences == []


# --- the words, for a real account's session -------------------------------------------------------------


def traded(
    *, price: float = 10.0, fee: float = 1.0, time: int = 20, decided: int = 10, **changes: Any
) -> Traded:
    order = Order(1, "s", "A", 1, changes.get("quantity", 5.0), decided)
    if changes.get("rejected"):
        order.move(OrderStatus.REJECTED, decided, Reason.BROKER_REFUSED)
        return Traded([order], [])
    order.accept(decided)
    fill = Fill(1, "s", "A", 1, changes.get("filled", order.quantity), price, fee, 0.0, time, Phase.OPEN)
    order.book(fill)
    return Traded([order], [fill])


NOTHING = Traded([], [])


@pytest.mark.parametrize(
    ("session", "backtest", "word", "cause"),
    [
        (traded(price=10.5), traded(), Word.FILL_PRICE, "the market"),
        (traded(fee=0.0), traded(), Word.FEE, "the market"),
        (traded(time=25), traded(), Word.TIMING, "timing"),
        (traded(decided=11), traded(), Word.TIMING, "timing"),
        (traded(rejected=True), traded(), Word.REJECTION, "the market"),
        (traded(), traded(rejected=True), Word.REJECTION, "the market"),
        (traded(quantity=4.0), traded(), Word.QUANTITY, ""),
        (traded(filled=4.0), traded(), Word.MISSING, ""),
        (traded(), traded(filled=4.0), Word.EXTRA, ""),
        (traded(), NOTHING, Word.EXTRA, ""),
        (NOTHING, traded(), Word.MISSING, ""),
    ],
)
def test_a_live_orders_difference_has_its_word(
    session: Traded, backtest: Traded, word: Word, cause: str
) -> None:
    (one,) = compare("s", session, backtest, faults=Faults(), simulated=False)
    assert (one.word, one.cause.replace("the market", cause or "?")) == (word, cause)
    assert one.said


def test_an_order_that_ended_otherwise_without_a_fill_is_timing() -> None:
    order = Order(1, "s", "A", 1, 5.0, 10)
    order.accept(10)
    order.move(OrderStatus.EXPIRED, 30, Reason.SESSION_END)
    other = Order(1, "s", "A", 1, 5.0, 10)
    other.accept(10)
    session, backtest = Traded([order], []), Traded([other], [])
    (one,) = compare("s", session, backtest, faults=Faults(), simulated=True)
    assert one.said.endswith("expired, in the backtest accepted")
    assert compare("s", backtest, session, faults=Faults(), simulated=True) == []  # it works still


def test_other_prices_are_datas_where_a_bar_was_another() -> None:
    (one,) = compare("s", traded(price=11.0), traded(), faults=Faults(data=[20]), simulated=True)
    assert one.word is Word.DATA


def test_what_follows_from_a_markets_difference_is_explained_by_that_order() -> None:
    first, second = traded(price=11.0), traded(decided=30, time=40, quantity=4.0)
    mine = Traded([*first.orders, *second.orders], [])
    second.orders[0].id = 2
    fills = [first.fills[0], second.fills[0]._replace(order_id=2)]
    other = traded(decided=30, time=40)
    other.orders[0].id = 2
    theirs = Traded([*traded().orders, *other.orders], [*traded().fills, other.fills[0]._replace(order_id=2)])
    found = compare("s", Traded(mine.orders, fills), theirs, faults=Faults(), simulated=False)
    assert [(one.word, one.cause) for one in found] == [
        (Word.FILL_PRICE, "the market"),
        (Word.QUANTITY, "order 1"),
    ]


async def test_a_session_with_an_emergency_stop_has_parity(tmp_path: Path) -> None:
    stop = tmp_path / "STOP"
    risk = ob.Risk(operation=ob.OperationLimits(stop_file=str(stop)))
    plan, found, series = prepare("sma_cross", "AAPL", risk=risk, **YEARS)
    ground = ground_of(plan, series)
    with Journal(tmp_path / "journal.db", account="paper") as journal:
        session = Session([make_course("sma_cross", plan, found, ground, journal)], journal)
        session.begin({"strategies": [describe_course("sma_cross", plan, ground)]})
        for number, bars in enumerate(moments_of(series)):
            if number == 20:
                stop.touch()
            if number == 200:
                stop.unlink()
            session.take(bars)
    assert find_parity(tmp_path).differences == []
