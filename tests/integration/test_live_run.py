"""Live trading as `openbell live` wires it: a stream, a broker, several strategies, one account."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from tests.conformance.fronts import CCXT
from tests.loopback.direct import Direct
from tests.loopback.exchange import Exchange
from tests.loopback.tws_broker import TwsBroker

from openbell.backtesting.plan import Plan
from openbell.core.errors import ConfigError, Halt
from openbell.core.messages import BarMessage, Message
from openbell.core.types import Instrument
from openbell.data.bars import parse_date
from openbell.data.live.clock import StreamClock
from openbell.data.providers.synthetic import SyntheticConnection, SyntheticProvider
from openbell.data.synthetic import MINUTE
from openbell.execution.brokers.alpaca import AlpacaBroker
from openbell.execution.factory import open_broker
from openbell.execution.port import LiveBroker
from openbell.execution.risk.limits import OrderLimits, Risk
from openbell.operation.live import Live, run_live
from openbell.operation.revival import revive
from openbell.operation.streamed import Stream
from openbell.operation.venue import FRACTION, Account, Venue
from openbell.operation.whatif import Asked, foresee
from openbell.storage.journal import Journal
from openbell.strategies.registry import find
from openbell.trading.inbox import ask_to_stop
from openbell.trading.ledger import fold
from openbell.trading.livesession import LiveSession
from openbell.trading.record import latest_session
from openbell.trading.sender import Timing
from openbell.trading.session import Ending
from openbell.utils.ratelimit import Budget

SYMBOLS = ("AAPL", "MSFT")
FAST = {"fast": 2, "slow": 5}


class Mirror(SyntheticProvider):
    """Synthetic prices, which the exchange trades at too."""

    def __init__(self, exchange: Exchange, *, bars: int) -> None:
        super().__init__({}, speed=1e9, begin="2024-07-01")
        self.exchange, self.left = exchange, iter(range(bars))
        self.session: Any = None

    async def instrument(self, symbol: str) -> Instrument:
        return replace(await super().instrument(symbol), fractionable=True)

    async def wait_for_decisions(self, time: int) -> None:
        """Wait until the bars of a time were decided on: the market is not to run away."""
        floor = self.session.floor
        courses = floor.courses.values()
        while floor.started and min(one.tape.time for one in courses) < time:  # noqa: ASYNC110  # no event
            await asyncio.sleep(0.001)

    def connect(self) -> SyntheticConnection:
        mirror = self

        class Mirrored(SyntheticConnection):
            async def messages(self) -> AsyncIterator[Message]:
                async for message in super().messages():
                    yield message
                    if isinstance(message, BarMessage):
                        mirror.exchange.set_time(message.end)
                        mirror.exchange.trade(message.symbol, Decimal(str(message.close)))
                        await mirror.wait_for_decisions(message.end - 2 * MINUTE)
                        if next(mirror.left, None) is None:
                            mirror.session._requests.ask("keep")
                            return

        return Mirrored(self._minutes, 1e9)


@pytest.fixture
def exchange() -> Iterator[Exchange]:
    begin = parse_date("2024-07-01T13:30:00+00:00") or 0
    made = Exchange([Instrument(symbol) for symbol in SYMBOLS], time=begin, fee=Decimal("0.005"))
    yield made
    assert made.audit() == []


def job(name: str, *symbols: str, cash: float = 50_000.0) -> Any:
    plan = Plan("sma_cross", symbols, parameters=FAST, provider="synthetic", timeframe="1m", cash=cash)
    return name, plan, find("sma_cross")


async def agree(_account: Account) -> bool:
    return True


async def trade(folder: Path, exchange: Exchange, *jobs: Any, bars: int, **more: Any) -> Live:
    mirror = Mirror(exchange, bars=bars)
    stream = Stream(mirror, history=more.pop("history", 0), clock=StreamClock())

    def told(session: LiveSession) -> None:
        mirror.session = session

    timing = Timing(power=0.0, fills=0.0)
    fractional = more.pop("fractional", False)
    venue = Venue(
        more.pop("broker", None) or Direct(exchange),
        Budget(10_000, 1.0),
        timing=timing,
        fractional=fractional,
    )
    options = {"agree": agree, "told": told, **more}
    return await asyncio.wait_for(run_live(jobs, stream, venue, folder=folder, **options), 60)


def books(folder: Path) -> tuple[Decimal, dict[str, Decimal]]:
    """Return the cash that strategies have won or lost, and what they hold, by the journal."""
    with Journal(folder / "journal.db", read_only=True) as journal:
        ledgers = fold(latest_session(journal)[1])
    cash, held = Decimal(0), dict.fromkeys(SYMBOLS, Decimal(0))
    for ledger in ledgers.values():
        cash += Decimal(repr(round(ledger.account.cash - ledger.account.initial_cash, 6)))
        for symbol, position in ledger.account.positions.items():
            held[symbol] += Decimal(repr(position.quantity))
    return cash, {symbol: quantity for symbol, quantity in held.items() if quantity}


async def test_two_strategies_trade_one_account_and_the_books_are_the_exchanges(
    tmp_path: Path, exchange: Exchange
) -> None:
    done = await trade(tmp_path, exchange, job("a", "AAPL"), job("b", "AAPL", "MSFT"), bars=200)
    assert done.ending is Ending.STOPPED
    assert sum(len(one.fills) for one in done.strategies) == len(exchange.fills) > 10
    cash, held = books(tmp_path)
    assert cash == pytest.approx(exchange.cash - exchange.initial)
    assert held == {symbol: quantity for symbol, quantity in exchange.positions.items() if quantity}


async def test_fractions_are_traded_where_they_are_asked_for(tmp_path: Path) -> None:
    begin = parse_date("2024-07-01T13:30:00+00:00") or 0
    parts = Exchange([Instrument("AAPL", lot=FRACTION)], time=begin, fee=Decimal(0))
    done = await trade(tmp_path, parts, job("a", "AAPL"), bars=60, fractional=True)
    assert done.strategies[0].fills
    assert any(fill.quantity % 1 for fill in parts.fills)
    assert all(fill.quantity % Decimal("0.000001") == 0 for fill in parts.fills)
    cash, held = books(tmp_path)
    assert float(cash) == pytest.approx(float(parts.cash - parts.initial), abs=1e-4)
    assert {symbol: float(quantity) for symbol, quantity in held.items()} == pytest.approx(
        {symbol: float(quantity) for symbol, quantity in parts.positions.items() if quantity}
    )
    assert parts.audit() == []


async def test_a_session_goes_on_where_it_was(tmp_path: Path, exchange: Exchange) -> None:
    resumed = []
    for bars in (60, 40, 80):
        done = await trade(tmp_path, exchange, job("a", "AAPL"), job("b", "AAPL", "MSFT"), bars=bars)
        resumed.append(done.resumed)
    assert resumed[0] == 0 < resumed[1] < resumed[2]
    cash, held = books(tmp_path)
    assert cash == pytest.approx(exchange.cash - exchange.initial)
    assert held == {symbol: quantity for symbol, quantity in exchange.positions.items() if quantity}


async def test_a_stop_that_an_ended_session_did_not_take_is_said_when_it_goes_on(
    tmp_path: Path, exchange: Exchange
) -> None:
    for asked in (None, "flatten", None):
        if asked is not None:
            ask_to_stop(tmp_path, "flatten")  # of a session that hangs, and is killed then
        await trade(tmp_path, exchange, job("a", "AAPL"), bars=20)
    with Journal(tmp_path / "journal.db", read_only=True) as journal:
        (alarm,) = journal.of_kind("alarm")
    assert alarm.body["said"].startswith("`openbell stop --flatten` was asked before this session ended")


@pytest.mark.parametrize("saved", [True, False])
async def test_a_session_that_began_with_bars_of_before_has_them_again(
    saved: bool, tmp_path: Path, exchange: Exchange
) -> None:
    first = await trade(tmp_path, exchange, job("a", "AAPL"), bars=220, history=50)
    assert list((tmp_path / "saved").iterdir())
    if not saved:
        shutil.rmtree(tmp_path / "saved")
    done = await trade(tmp_path, exchange, job("a", "AAPL"), bars=60, history=50)
    with Journal(tmp_path / "journal.db", read_only=True) as journal:
        (past,) = journal.of_kind("history")
    assert len(past.body["columns"][0]) == 50
    assert done.resumed > len(first.strategies[0].fills) > 0
    cash, held = books(tmp_path)
    assert cash == pytest.approx(exchange.cash - exchange.initial)
    assert held == {symbol: quantity for symbol, quantity in exchange.positions.items() if quantity}


def copy_journal(folder: Path, to: Path) -> None:
    """Write a copy of a session's journal, whole as of now."""
    with (
        closing(sqlite3.connect(folder / "journal.db")) as source,
        closing(sqlite3.connect(to)) as target,
    ):
        source.backup(target)


@pytest.mark.parametrize("saved", [True, False])
async def test_an_older_journal_than_the_account_is_refused_and_nothing_is_sent(
    saved: bool, tmp_path: Path, exchange: Exchange
) -> None:
    folder, older = tmp_path / "session", tmp_path / "older.db"
    jobs = [job("a", "AAPL"), job("b", "AAPL", "MSFT")]
    await trade(folder, exchange, *jobs, bars=220)
    copy_journal(folder, older)
    known = len(exchange.orders)
    await trade(folder, exchange, *jobs, bars=300)
    before = (len(exchange.orders), len(exchange.fills))
    assert before[0] > known
    for name in ("journal.db-wal", "journal.db-shm"):
        (folder / name).unlink(missing_ok=True)
    older.replace(folder / "journal.db")
    if not saved:
        shutil.rmtree(folder / "saved")
    for _ in range(2):  # the second time too
        with pytest.raises(
            Halt, match=r"the account has order ob\S+ of this session, which its journal does"
        ):
            await trade(folder, exchange, *jobs, bars=360)
    assert (len(exchange.orders), len(exchange.fills)) == before


async def test_an_older_journal_goes_on_where_nothing_was_ordered_since(
    tmp_path: Path, exchange: Exchange
) -> None:
    folder, older = tmp_path / "session", tmp_path / "older.db"
    calm = ("a", replace(job("a", "AAPL")[1], parameters={"fast": 2, "slow": 150}), find("sma_cross"))
    await trade(folder, exchange, calm, bars=20)
    copy_journal(folder, older)
    await trade(folder, exchange, calm, bars=40)
    for name in ("journal.db-wal", "journal.db-shm"):
        (folder / name).unlink(missing_ok=True)
    older.replace(folder / "journal.db")
    await trade(folder, exchange, calm, bars=300)
    assert len(exchange.fills) >= 2
    cash, held = books(folder)
    assert cash == pytest.approx(exchange.cash - exchange.initial)
    assert held == {symbol: quantity for symbol, quantity in exchange.positions.items() if quantity}


async def test_nothing_is_sent_before_somebody_agrees(tmp_path: Path, exchange: Exchange) -> None:
    seen: list[Account] = []

    async def refuse(account: Account) -> bool:
        seen.append(account)
        return False

    with pytest.raises(ConfigError, match="nobody agreed to trade on it"):
        await trade(tmp_path, exchange, job("a", "AAPL"), bars=10, agree=refuse)
    assert seen[0].balance.cash == exchange.cash
    assert not (tmp_path / "journal.db").exists()
    assert exchange.orders == {}


async def test_another_session_is_not_gone_on_with(tmp_path: Path, exchange: Exchange) -> None:
    await trade(tmp_path, exchange, job("a", "AAPL"), bars=10)
    with pytest.raises(ConfigError, match="has a strategy 'a', which is not asked"):
        await trade(tmp_path, exchange, job("b", "AAPL"), bars=10)
    with pytest.raises(ConfigError, match="cash"):
        await trade(tmp_path, exchange, job("a", "AAPL", cash=1_000.0), bars=10)


async def test_an_account_that_cannot_trade_is_refused(tmp_path: Path, exchange: Exchange) -> None:
    exchange.trading_blocked = "the account is blocked"
    with pytest.raises(ConfigError, match="cannot trade: the account is blocked"):
        await trade(tmp_path, exchange, job("a", "AAPL"), bars=10)


@pytest.mark.parametrize(
    ("identity", "real"), [("alpaca:paper:PA1", False), ("alpaca:live:1", True), ("x", True)]
)
def test_an_account_is_real_unless_it_says_that_it_is_on_paper(identity: str, real: bool) -> None:
    assert Account(identity, None, ()).is_real is real  # type: ignore[arg-type]  # its balance does not matter


@asynccontextmanager
async def broker_of(kind: str, exchange: Exchange) -> AsyncIterator[LiveBroker]:
    """Give a broker to trade at: IB's own adapter at a TWS, or what the others can do."""
    if kind != "ib":
        yield Direct(exchange, AlpacaBroker.capabilities if kind == "alpaca" else CCXT, name=kind)
        return
    async with TwsBroker(exchange) as server:
        yield open_broker("ib", {"port": server.port}, {})


@pytest.mark.parametrize("kind", ["alpaca", "ib", "ccxt"])
async def test_an_order_is_foreseen_in_a_live_session_by_its_journal_alone(
    kind: str, tmp_path: Path, exchange: Exchange
) -> None:
    name, plan, found = job("a", "AAPL", "MSFT")
    plan = replace(plan, risk=Risk(order=OrderLimits(max_quantity=50)))
    async with broker_of(kind, exchange) as broker:
        await trade(tmp_path, exchange, (name, plan, found), bars=120, broker=broker)
    before = (tmp_path / "journal.db").read_bytes()
    made = revive(tmp_path)
    _, held = books(tmp_path)
    account = made["a"].course.engine.account
    assert {s: Decimal(repr(p.quantity)) for s, p in account.positions.items() if p.quantity} == held
    answered = foresee("a", made["a"], Asked("AAPL", 60.0)).answered
    assert answered is not None
    assert answered.refusal is not None
    assert answered.refusal.limit.value == "order_quantity"
    assert (tmp_path / "journal.db").read_bytes() == before
