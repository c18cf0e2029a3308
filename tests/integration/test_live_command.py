"""`openbell live` in a process of its own, with Alpaca's SDK and its protocol on loopback."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from tests.integration.cli_runs import run
from tests.loopback.alpaca import ENVIRON
from tests.loopback.alpaca_broker import AlpacaBrokerServer
from tests.loopback.exchange import Exchange

from openbell.core.types import Instrument
from openbell.data.bars import parse_date

WORDS = (
    "live",
    "sma_cross",
    "--symbols",
    "AAPL",
    "--broker",
    "mine",
    "--feed",
    "synthetic",
    "--history",
    "0",
)
SPEED = (
    "--set",
    "fast=2",
    "--set",
    "slow=5",
    "--cash",
    "20000",
)


@pytest.fixture
async def server() -> AsyncIterator[AlpacaBrokerServer]:
    begin = parse_date("2024-07-01T13:30:00+00:00") or 0
    exchange = Exchange([Instrument("AAPL")], time=begin, speed=600.0)
    exchange.trade("AAPL", "165")
    async with AlpacaBrokerServer(exchange) as running:
        yield running
    assert exchange.audit() == []


def configure(folder: Path, server: AlpacaBrokerServer, **options: Any) -> None:
    (folder / "config").mkdir()
    chosen = {**server.options, **options}
    lines = "".join(f"      {name}: {value}\n" for name, value in chosen.items())
    (folder / "config" / "brokers.yaml").write_text(
        f"brokers:\n  mine:\n    kind: alpaca\n    options:\n{lines}  sim:\n    kind: simulated\n"
    )


async def begin(folder: Path, *words: str) -> asyncio.subprocess.Process:
    return await start(folder, *WORDS, *SPEED, *words)


async def start(folder: Path, *words: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "openbell.cli", *words,
        cwd=folder, env={**os.environ, **ENVIRON},
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip


async def until(told: Any, process: asyncio.subprocess.Process) -> None:
    for _ in range(600):
        if told():
            return
        if process.returncode is not None:
            _, err = await process.communicate()
            pytest.fail(err.decode())
        await asyncio.sleep(0.05)  # another process's deeds are no event
    process.kill()
    _, err = await process.communicate()
    pytest.fail(err.decode())


async def test_orders_reach_the_account_and_a_stop_leaves_it_flat(
    server: AlpacaBrokerServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure(tmp_path, server)
    monkeypatch.chdir(tmp_path)
    process = await begin(tmp_path)
    await until(lambda: len(server.exchange.fills) >= 3 and server.exchange.positions.get("AAPL"), process)
    seen = await asyncio.to_thread(run, "status", "--json")
    (standing,) = seen.document["sessions"]
    assert standing["state"] in {"running", "silent"}  # which is a busy machine
    assert (await asyncio.to_thread(run, "stop", "--flatten")).code == 0
    out, err = await asyncio.wait_for(process.communicate(), 90)
    assert process.returncode == 0, err.decode()
    assert "on paper" in err.decode()
    assert not any(secret in (out + err).decode() for secret in ENVIRON.values())
    assert not server.exchange.positions.get("AAPL")
    assert not server.exchange.working()
    compared = await asyncio.to_thread(run, "parity", "live-mine", "--json")
    found = compared.document
    assert (found["simulated"], found["fills"]) == (False, len(server.exchange.fills))
    assert compared.code == (1 if found["unexplained"] else 0)
    assert all(one["word"] and one["said"] for one in found["differences"])


async def test_a_killed_session_goes_on_with_what_the_account_has(
    server: AlpacaBrokerServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure(tmp_path, server)
    monkeypatch.chdir(tmp_path)
    first = await begin(tmp_path)
    await until(lambda: len(server.exchange.fills) >= 2, first)
    first.kill()
    await first.communicate()
    before = len(server.exchange.fills)
    second = await start(tmp_path, "resume")
    await until(lambda: len(server.exchange.fills) > before, second)
    second.terminate()
    _, err = await asyncio.wait_for(second.communicate(), 90)
    assert second.returncode == 0, err.decode()
    document = (await asyncio.to_thread(run, "positions", "--json")).document
    held = {one["symbol"]: one["quantity"] for one in document["positions"]}
    assert held == {symbol: float(q) for symbol, q in server.exchange.positions.items() if q}


async def test_real_money_is_not_traded_unasked(server: AlpacaBrokerServer, tmp_path: Path) -> None:
    configure(tmp_path, server, paper="false")
    process = await begin(tmp_path)
    _, err = await asyncio.wait_for(process.communicate(), 90)
    assert process.returncode == 2
    said = [line.partition("INFO     ")[2] or line for line in err.decode().splitlines()]
    assert said[:4] == [
        "account alpaca:live:PA3TEST00001: REAL MONEY",
        "  cash 100,000.00 USD, equity 100,000.00, buying power 100,000.00",
        "  sma_cross: AAPL, capital 20,000.00",
        "    limits: none",
    ]
    assert "trades real money: say --yes-trade-real-money" in said[-1]
    assert server.exchange.orders == {}
    agreed = await begin(tmp_path, "--yes-trade-real-money")
    await until(lambda: server.exchange.orders, agreed)
    agreed.terminate()
    await asyncio.wait_for(agreed.communicate(), 90)
    assert agreed.returncode == 0


@pytest.mark.parametrize("typed", ["yes", "alpaca:live:PA3TEST00001"])
async def test_at_a_terminal_the_accounts_id_is_asked_for(
    server: AlpacaBrokerServer, tmp_path: Path, typed: str
) -> None:
    configure(tmp_path, server, paper="false")
    here, there = os.openpty()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "openbell.cli", *WORDS, *SPEED,
        cwd=tmp_path, env={**os.environ, **ENVIRON},
        stdin=there, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    os.close(there)
    assert process.stderr is not None
    said = b""
    while b"to trade real money (" not in said:
        said += await asyncio.wait_for(process.stderr.read(200), 30)
    assert server.exchange.orders == {}
    os.write(here, typed.encode() + b"\n")
    if typed == "yes":
        _, err = await asyncio.wait_for(process.communicate(), 90)
        assert (process.returncode, server.exchange.orders) == (2, {})
        assert b"nobody agreed to trade on it" in err
    else:
        await until(lambda: server.exchange.orders, process)
        process.terminate()
        await asyncio.wait_for(process.communicate(), 90)
        assert process.returncode == 0
    os.close(here)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("live", "sma_cross", "--symbols", "AAPL"), "--broker is missing: name it, as in --broker alpaca"),
        (("live", "config/none.yaml"), "no file 'config/none.yaml'; make one, such as {broker: "),
        ((*WORDS[:5], "min", *WORDS[6:]), "no broker is named 'min'; did you mean 'mine'?"),
        ((*WORDS[:5], "sim", *WORDS[6:]), "is simulated, which is paper trading"),
        ((*WORDS[:7], "bundled", *WORDS[8:]), "provider 'bundled' is unknown"),
    ],
)
def test_wrong_words_are_one_line(
    words: tuple[str, ...], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "brokers.yaml").write_text(
        "brokers:\n  mine:\n    kind: alpaca\n  sim:\n    kind: simulated\n"
    )
    ended = run(*words)
    assert ended.code == 2
    assert said in ended.line


def test_a_live_file_is_read_and_its_faults_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config").mkdir()
    file = tmp_path / "config" / "live.yaml"
    (tmp_path / "config" / "strategies.yaml").write_text(
        "strategies:\n  - {name: a, strategy: sma_cross, symbols: [AAPL]}\n"
    )
    for text, said in (
        ("broker: x\nfeeds: y\n", "config/live.yaml:2"),
        ("broker: x\nfeed: synthetic\nstrategies: [b]\n", "live.yaml: strategies: 'b' is unknown"),
        ("broker: x\nfeed: synthetic\nstrategies: [a]\n", "no broker is named 'x'"),
    ):
        file.write_text(text)
        ended = run("live", "config/live.yaml")
        assert ended.code == 2
        assert said in ended.line
    assert "config/live.yaml says this" in run("live", "config/live.yaml", "--broker", "x").line
