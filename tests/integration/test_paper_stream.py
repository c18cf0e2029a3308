"""Paper trading on streams: synthetic prices, and Alpaca's through the real SDK, dropped in the middle."""

from __future__ import annotations

import asyncio
import gc
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.integration.cli_runs import run
from tests.loopback.alpaca import ENVIRON, AlpacaServer, send, stamp
from tests.unit.live_by_hand import MINUTE, SECOND, SimulatedClock, bars_between, clock_time

from openbell.backtesting.plan import Plan
from openbell.core.errors import ConfigError
from openbell.core.messages import BarMessage
from openbell.data.bars import Series, parse_date
from openbell.data.catalog import Catalog
from openbell.data.live.recording import read_recordings
from openbell.data.providers import open_provider
from openbell.data.providers.protocol import Span
from openbell.operation.parity import find_parity
from openbell.operation.streamed import Stream, run_streamed
from openbell.papering import Paper
from openbell.storage.journal import Journal
from openbell.strategies.registry import find
from openbell.trading.recall import moments_in
from openbell.trading.record import latest_session
from openbell.trading.session import Ending, Session

UNTIL = parse_date("2024-07-01T16:00:00+00:00")
FAST = {"fast": 2, "slow": 5}
Told = Callable[[Session], object]


def job(name: str, *symbols: str, provider: str = "synthetic") -> Any:
    plan = Plan("sma_cross", symbols, parameters=FAST, provider=provider, timeframe="1m")
    return name, plan, find("sma_cross")


def synthetic(**options: Any) -> Stream:
    provider = open_provider("synthetic", {"speed": 1e9, "begin": "2024-07-01"}, {})
    return Stream(provider, until=UNTIL, **options)


def after(count: int) -> Told:
    """Ask for a stop after so many moments."""

    def told(session: Session) -> None:
        take, left = session.take, iter(range(count - 1))

        def counted(bars: Any) -> None:
            take(bars)
            if next(left, None) is None:
                session._requests.ask("keep")  # type: ignore[attr-defined]  # a session's inbox

        session.take = counted  # type: ignore[method-assign]  # to count

    return told


async def play(folder: Path, *jobs: Any, stream: Stream | None = None, **options: Any) -> Paper:
    return await run_streamed(jobs or [job("a", "AAPL")], stream or synthetic(), folder=folder, **options)


def entries_of(folder: Path, kind: str) -> list[Any]:
    with Journal(folder / "journal.db", read_only=True) as journal:
        return [entry for entry in latest_session(journal)[1] if entry.kind == kind]


def starts(folder: Path, symbol: str) -> list[int]:
    moments = [bars for entry in [entries_of(folder, "moment")] for bars in moments_in(entry)]
    return [bar.start for bars in moments for bar in bars if bar.symbol == symbol]


async def test_strategies_share_a_stream_and_its_recording_and_have_parity(tmp_path: Path) -> None:
    done = await play(tmp_path, job("a", "AAPL"), job("b", "AAPL", "MSFT"))
    assert done.ending is Ending.END_OF_DATA
    found = find_parity(tmp_path)
    assert found.differences == []
    assert found.orders > 5
    assert len(entries_of(tmp_path, "history")) == 2
    (recording,) = read_recordings(tmp_path / "feed")
    assert recording.plan.symbols == ("AAPL", "MSFT")


async def test_indicators_begin_with_the_bars_of_before(tmp_path: Path) -> None:
    slow = job("a", "AAPL")
    slow = (slow[0], Plan("sma_cross", ("AAPL",), parameters={"fast": 5, "slow": 60}, provider="synthetic",
                          timeframe="1m"), slow[2])  # fmt: skip
    ready = clock_time("10:30", "2024-07-01")
    first = {}
    for which, count in (("with", 500), ("without", 0)):
        await play(tmp_path / which, slow, stream=synthetic(history=count))
        first[which] = entries_of(tmp_path / which, "order")[0].time
    assert first["with"] < ready <= first["without"]
    assert find_parity(tmp_path / "without").differences == []


async def test_history_is_the_catalogs_as_far_as_it_goes(tmp_path: Path) -> None:
    provider = synthetic().provider
    day = parse_date("2024-06-28") or 0
    (batch,) = [one async for one in provider.bars("AAPL", "1m", Span(day, day + 86_400 * SECOND))]
    columns: dict[str, Any] = dict(batch.columns)
    source = provider.source("AAPL")
    series = Series("AAPL", "1m", batch.start, batch.start + MINUTE, **columns, source=source)
    catalog = Catalog(tmp_path / "catalog")
    catalog.write(series.between(None, int(series.start[200])))
    await play(tmp_path / "s", stream=synthetic(catalog=catalog, history=300))
    await play(tmp_path / "t", stream=synthetic(history=300))
    one, other = (entries_of(tmp_path / which, "history")[0].body for which in "st")
    assert one == other
    assert len(one["columns"][0]) == 300


async def test_a_session_that_stops_anywhere_goes_on_without_a_seam(tmp_path: Path) -> None:
    whole = await play(tmp_path / "whole")
    resumed = []
    for count in (1, 40, 60):
        done = await play(tmp_path / "parts", told=after(count))
        assert done.ending is Ending.STOPPED
        resumed.append(done.resumed)
    last = await play(tmp_path / "parts")
    assert [*resumed, last.resumed] == [0, 1, 41, 101]
    assert starts(tmp_path / "parts", "AAPL") == starts(tmp_path / "whole", "AAPL")
    assert last.strategies[0].fills == whole.strategies[0].fills
    assert find_parity(tmp_path / "parts").differences == []


async def test_the_garbage_collector_passes_over_what_was_loaded_before_a_stream(tmp_path: Path) -> None:
    frozen: list[int] = []

    def told(session: Session) -> None:
        take = session.take

        def counted(bars: Any) -> None:
            frozen.append(gc.get_freeze_count())
            take(bars)

        session.take = counted  # type: ignore[method-assign]  # to look meanwhile

    await play(tmp_path, told=told)
    assert min(frozen) > 10_000
    assert gc.get_freeze_count() == 0


async def test_another_session_is_not_gone_on_with(tmp_path: Path) -> None:
    await play(tmp_path, told=after(3))
    with pytest.raises(ConfigError, match="has a strategy 'a', which is not asked"):
        await play(tmp_path, job("b", "AAPL"))
    name, plan, found = job("a", "AAPL")
    other = Plan(plan.strategy, plan.symbols, parameters={"fast": 4}, provider="synthetic", timeframe="1m")
    with pytest.raises(ConfigError, match="has fast=2, and 4 is asked; give the same"):
        await play(tmp_path, (name, other, found))


def test_the_command_line_kills_and_resumes_a_stream(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    words = ["paper", "sma_cross", "--symbols", "AAPL", "--feed", "synthetic", "--set", "fast=3",
             "--set", "slow=8", "--until", "2024-07-01", "--history", "50"]  # fmt: skip
    process = subprocess.Popen(
        [sys.executable, "-m", "openbell.cli", *words, "--speed", "3000x"], stderr=subprocess.PIPE
    )
    journal = tmp_path / "state/paper-sma_cross/journal.db"
    while not (journal.exists() and run("status", "--json").document["sessions"]):
        assert process.poll() is None
        time.sleep(0.05)  # another process's journal has no event to wait for
    while run("status", "--json").document["sessions"][0]["time"] < clock_time("09:40", "2024-07-01"):
        time.sleep(0.05)  # as above
    process.send_signal(signal.SIGKILL)
    process.communicate()
    ended = run("resume", "--json")
    assert ended.code == 0, ended.err
    assert ended.document["resumed"] > 5
    assert run("parity", "paper-sma_cross").code == 0
    again = run("resume")
    assert again.code == 2
    assert "resume: no session in 'state' was interrupted" in again.line


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--feed", "synthetic", "--replay", "2024-07-01"), "--replay is for stored bars"),
        (("--feed", "synthetic", "--timeframe", "5m"), "'5m' is not one of a stream"),
        (("--feed", "synthetic", "--sessions"), "have a time of their own"),
        (("--feed", "tiingo", "--speed", "2x"), "tiingo is as fast as life"),
        (("--feed", "alphavantage"), "alphavantage"),
        (("--feed", "nobody"), "nobody"),
        (("--sessions",), "--sessions is for a stream"),
        (("--history", "5"), "--history is for a stream"),
    ],
)
def test_wrong_words_are_one_line(
    words: tuple[str, ...], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ALPHAVANTAGE_API_KEY", "key-of-nobody-0123")
    monkeypatch.setenv("TIINGO_API_KEY", "key-of-nobody-0123")
    ended = run("paper", "sma_cross", "--symbols", "AAPL", *words)
    assert ended.code == 2
    assert said in ended.line


# --- Alpaca's stream, by its SDK -------------------------------------------------------------------------


def row(bar: BarMessage) -> dict[str, Any]:
    prices = {"o": bar.open, "h": bar.high, "l": bar.low, "c": bar.close, "v": bar.volume}
    return {"T": "b", "S": bar.symbol, "t": stamp(bar.start), **prices, "n": 3, "vw": bar.close}


def rest_row(bar: BarMessage) -> dict[str, Any]:
    text = f"{np.datetime64(bar.start, 'ns').astype('datetime64[s]')}Z"
    return {**row(bar), "t": text}


ASSET = {
    "id": "b0b6dd9d-8b9b-48a9-ba46-b9d54906e415", "class": "us_equity", "exchange": "NASDAQ",
    "symbol": "AAPL", "name": "Apple", "status": "active", "tradable": True, "marginable": True,
    "shortable": True, "easy_to_borrow": True, "fractionable": True,
}  # fmt: skip


class Seen:
    """The bars that a session has taken; it is asked to stop after the last."""

    def __init__(self, last: int) -> None:
        self._count, self._last, self._more = 0, last, asyncio.Event()

    def watch(self, session: Session) -> None:
        take = session.take

        def noted(moment: Any) -> None:
            take(moment)
            self._count += len(moment)
            self._more.set()
            if self._count == self._last:
                session._requests.ask("keep")  # type: ignore[attr-defined]  # a session's inbox

        session.take = noted  # type: ignore[method-assign, assignment]  # to see what comes

    async def at_least(self, count: int) -> None:
        while self._count < count:
            self._more.clear()
            await self._more.wait()


async def tick(clock: SimulatedClock) -> None:
    """Let time pass, ten times as fast as life: for the waits of a line and a feed."""
    while True:
        await asyncio.sleep(0.01)
        await clock.go_to(clock.now() + SECOND // 10)


async def test_a_stream_that_drops_loses_and_doubles_no_bar(tmp_path: Path) -> None:
    """The socket is cut in the middle; what it did not bring comes by REST; the session is its backtest."""
    bars = [
        one._replace(open=one.open + wave, close=one.close + wave, high=one.high + 9, low=one.low - 9)
        for number, one in enumerate(bars_between("AAPL", "10:00", "10:24"))
        for wave in [float((number * 7) % 11 - 5)]
    ]
    clock = SimulatedClock(clock_time("10:00"))
    connections, seen = 0, Seen(len(bars))

    async def speak(socket: Any, first: int, last: int) -> None:
        for number in range(first, last):
            await clock.go_to(bars[number].end)
            await send(socket, [row(bars[number])])
            await seen.at_least(number + 1)

    async def talk(socket: Any) -> None:
        nonlocal connections
        connections += 1
        if connections == 1:
            await speak(socket, 0, 8)
            server.login_error = (406, "connection limit exceeded")
            server.bars["AAPL"] = [rest_row(bar) for bar in bars[:12]]
            socket._req.transport.abort()
            await clock.go_to(bars[11].end + 2 * SECOND)
            server.login_error = None
            return
        await send(socket, [row(bars[7])])  # it was delivered already
        await seen.at_least(12)
        await speak(socket, 12, len(bars))

    async with AlpacaServer() as server, asyncio.timeout(12):
        server.assets["AAPL"] = ASSET
        server.talk = talk
        provider = open_provider("alpaca", {**server.options, "timeout": 5.0}, ENVIRON)
        stream = Stream(provider, history=0, clock=clock)
        ticking = asyncio.ensure_future(tick(clock))
        apple = job("a", "AAPL", provider="alpaca")
        done = await play(tmp_path, apple, stream=stream, told=seen.watch)
        ticking.cancel()
        await provider.close()
    assert connections == 2
    assert starts(tmp_path, "AAPL") == [bar.start for bar in bars]
    assert {entry.body["kind"] for entry in entries_of(tmp_path, "feed")} >= {"Connected", "Lost", "Gap"}
    assert len(done.strategies[0].fills) > 3
    assert find_parity(tmp_path).differences == []
