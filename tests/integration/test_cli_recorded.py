"""The command `data recorded`: what a session heard, looked at and written to the catalog."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.integration.cli_runs import run
from tests.loopback.alpaca import ENVIRON, AlpacaServer, send, stamp
from tests.unit.live_by_hand import SECOND, SimulatedClock, bar, clock_time

from openbell.core.messages import BarMessage
from openbell.data.live.items import Correction
from openbell.data.live.opening import make_plan, open_feed
from openbell.data.live.plan import Plan
from openbell.data.live.recorder import Recorder
from openbell.data.providers import open_provider


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def row(one: BarMessage, kind: str = "b") -> dict[str, Any]:
    prices = {"o": one.open, "h": one.high, "l": one.low, "c": one.close, "v": one.volume}
    return {"T": kind, "S": one.symbol, "t": stamp(one.start), **prices, "n": 3, "vw": one.close}


async def hear_alpaca(folder: Path) -> None:
    """Record three minutes of Alpaca's stream, of which the second is corrected after the third."""
    minutes = [bar("AAPL", text) for text in ("10:00", "10:01", "10:02")]
    clock = SimulatedClock(clock_time("10:00"))

    async def talk(socket: Any) -> None:
        for one in minutes:
            await clock.go_to(one.end + SECOND // 10)
            await send(socket, [row(one)])
        await send(socket, [row(minutes[1]._replace(volume=777.0), "u")])
        await socket.receive()

    async with AlpacaServer() as server:
        server.talk = talk
        provider = open_provider("alpaca", server.options, ENVIRON)
        plan = make_plan(provider, ["AAPL"])
        with Recorder(folder, plan, sources={"AAPL": provider.source("AAPL")}) as recorder:
            async with open_feed(provider, plan, clock=clock, log=recorder) as feed:
                async for item in feed:
                    if isinstance(item, Correction):
                        break
        await provider.close()


async def test_alpacas_updated_bars_get_into_the_catalog(home: Path) -> None:
    await hear_alpaca(home / "feed")
    shown = run("data", "recorded", "feed", "--json")
    assert shown.code == 0, shown.err
    (one,) = shown.document["heard"]
    assert (one["symbol"], one["bars"], one["corrections"]) == ("AAPL", 3, 1)
    assert not (home / "data").exists()
    done = run("data", "recorded", "feed", "--to-catalog")
    assert (done.code, done.err) == (0, "")
    assert done.out.splitlines()[1].split()[-5:] == ["3", "1", "3", "0", "0"]
    assert run("data", "recorded", "feed", "--to-catalog").out.splitlines()[1].split()[-3:] == ["0", "0", "0"]
    (series,) = run("data", "show", "AAPL", "--json").document["series"]
    assert (series["provider"], series["feed"], series["bars"]) == ("alpaca", "iex", 3)
    assert [told["request"] for told in series["provenance"]] == ["recording 2024-07-02.jsonl"]
    assert run("data", "export", "AAPL", "--timeframe", "1m", "--to", "a.csv").code == 0
    assert ",777" in (home / "a.csv").read_text().splitlines()[2]


def test_a_session_on_paper_leaves_prices_for_a_backtest(home: Path) -> None:
    words = ("sma_cross", "--symbols", "AAPL", "--set", "fast=3", "--set", "slow=8")
    session = run("paper", *words, "--feed", "synthetic", "--until", "2024-07-01", "--history", "0", "--json")
    assert session.code == 0, session.err
    (one,) = run("data", "recorded", "state/paper-sma_cross", "--to-catalog", "--json").document["heard"]
    assert (one["added"], one["replaced"], one["older"]) == (one["bars"], 0, 0)
    assert one["bars"] >= 390, "a session of minutes"
    tested = run("backtest", *words, "--provider", "synthetic", "--timeframe", "1m", "--no-check", "--json")
    assert tested.code == 0, tested.err
    day = ("--start", "2024-07-01", "--end", "2024-07-01")
    again = run("data", "fetch", "AAPL", "--provider", "synthetic", "--timeframe", "1m", *day, "--json")
    assert [symbol["bars"] for symbol in again.document["symbols"]] == [0], "they are there already"


def record_old(folder: Path) -> None:
    """Write a recording as an earlier version did, which does not say whose it is."""
    with Recorder(folder, Plan(("AAPL",))) as recorder:
        recorder.write(clock_time("10:01"), bar("AAPL", "10:00"))
    (file,) = folder.glob("*.jsonl")
    head, *events = file.read_text().splitlines(keepends=True)
    fields = {name: value for name, value in json.loads(head).items() if name != "sources"}
    file.write_text("".join([json.dumps(fields) + "\n", *events]))


def test_an_old_recording_is_told_whose_it_is(home: Path) -> None:
    record_old(home / "feed")
    assert run("data", "recorded", "feed").code == 0
    line = run("data", "recorded", "feed", "--to-catalog").line
    assert line.endswith(".jsonl does not say whose its prices are; say it, as in --provider alpaca:iex")
    done = run("data", "recorded", "feed", "--to-catalog", "--provider", "alpaca:iex", "--json")
    assert [one["of"] for one in done.document["heard"]] == ["alpaca:iex"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("nowhere",), "path 'nowhere' has no recording; give a recorder's folder"),
        ((" ",), "PATH: ' ' must name a folder"),
        (("feed", "--to-catalog", "--provider", "tiingo"), "was recorded of alpaca:iex, not of 'tiingo'"),
        (("feed", "--to-catalog", "--catalog", " "), "--catalog: ' ' must name a folder"),
    ],
)
async def test_wrong_words_are_one_line(home: Path, words: tuple[str, ...], said: str) -> None:
    await hear_alpaca(home / "feed")
    ended = run("data", "recorded", *words)
    assert ended.code == 2
    assert said in ended.line


async def test_the_provider_may_be_said_though_the_recording_says_it(home: Path) -> None:
    await hear_alpaca(home / "feed")
    done = run("data", "recorded", "feed", "--to-catalog", "--provider", "alpaca", "--json")
    assert [one["of"] for one in done.document["heard"]] == ["alpaca:iex"]
