"""What may be asked of a running session, by the client: signals, cancels, a pause, parameters, a stop."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.integration.api_server import Served, begin_session, until

from openbell.app.access import Access, Scope
from openbell.app.desk import Desk
from openbell.app.guard import Guard
from openbell.client import Client
from openbell.core.errors import Disconnected, Rejected
from openbell.operation.parity import find_parity
from openbell.storage.journal import Journal

TOKENS = {
    Scope.READ: "canary-may-read-0",
    Scope.TRADE: "canary-may-trade-0",
    Scope.ADMIN: "canary-may-all-00",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("actions")


@pytest.fixture(scope="module")
def served(folder: Path) -> Iterator[Served]:
    one = Served(
        Desk(folder / "state", folder / "reports"), Guard("127.0.0.1", Access(TOKENS), rate=10_000.0)
    )
    yield one
    one.end()


def client_of(served: Served, scope: Scope) -> Client:
    return Client(served.address, token=TOKENS[scope])


def test_a_running_session_does_what_it_is_asked_and_says_who_asked(served: Served, folder: Path) -> None:
    process = begin_session(folder, "one")
    with client_of(served, Scope.TRADE) as client:

        def standing():
            return client.session("one").strategies[0]

        until(lambda: any(s.name == "one" and s.events > 5 for s in client.sessions()))
        client.pause("one", "sma_cross")
        until(lambda: standing().paused)
        price = client.positions("one")[0].price if client.positions("one") else 200.0

        client.signal("one", "sma_cross", "AAPL", 0.5, limit=round(price / 4, 2))
        (order,) = until(lambda: list(client.orders("one", working=True)))
        assert order.text.startswith("buy ")
        client.cancel("one", "sma_cross", order.id)
        until(lambda: not list(client.orders("one", working=True)))
        ended = next(one for one in client.orders("one") if one.id == order.id)
        assert (ended.status, ended.reason) == ("cancelled", "asked")

        client.signal("one", "sma_cross", "MSFT", 0.4, tag="mine")
        until(lambda: any(one.symbol == "MSFT" for one in client.positions("one")))
        assert ("MSFT", 0.4) in {(one.symbol, one.conviction) for one in client.signals("one")}
        assert client.risk("one").long > 0.3
        assert client.account("one").cash[0].currency == "USD"
        assert client.stress("one", "MSFT=-0.5").losses[-1].name == "MSFT=-0.5"
        client.close_position("one", "sma_cross", "MSFT")
        until(lambda: not client.positions("one"))

        client.change("one", "sma_cross", fast=4)
        until(lambda: standing().parameters == {"fast": 4})
        client.change("one", "sma_cross", fast=400)
        client.change("one", "sma_cross", quick=4)
        client.go_on("one", "sma_cross")
        until(lambda: not standing().paused)
        assert standing().parameters == {"fast": 400}

        with pytest.raises(Rejected, match="order 99999 is unknown"):
            client.cancel("one", "sma_cross", 99_999)
        with pytest.raises(Rejected, match="strategy 'sma_cros' is unknown"):
            client.pause("one", "sma_cros")
        client.stop("one", "flatten")
        until(lambda: client.session("one").state == "stopped")
        with pytest.raises(Rejected, match="does not run"):
            client.pause("one", "sma_cross")
    process.communicate(timeout=90)
    assert process.returncode == 0

    with Journal(folder / "state/one/journal.db", read_only=True) as journal:
        entries = list(journal.read())
    said = [e.body for e in entries if e.kind in {"ask", "asked"}]
    assert {one["by"] for one in said} == {"the trade token"}
    assert [one["do"] for one in said] == [
        "pause", "signal", "cancel", "signal", "close", "set", "set", "set", "go_on", "stop",
    ]  # fmt: skip
    assert "quick" in next(one["declined"] for one in said if "declined" in one)
    assert find_parity(folder / "state/one").unexplained == []
    with client_of(served, Scope.ADMIN) as admin:
        lines = admin._ask("GET", "/audit", {"limit": 1000})["items"]
    assert {(one["action"], one["outcome"]) for one in lines} >= {
        ("stop", "asked"), ("stop", "passed on"), ("signal", "passed on"),
        ("cancel", "refused: order 99999 is unknown: strategy 'sma_cross' has none of that number"),
    }  # fmt: skip


@pytest.mark.parametrize("scope", [None, Scope.READ, Scope.TRADE])
def test_each_may_do_what_its_token_says_and_no_more(served: Served, scope: Scope | None) -> None:
    token = TOKENS[scope] if scope else "no token of anybody"
    with Client(served.address, token=token) as client:
        if scope is None:
            with pytest.raises(Rejected, match="give the token"):
                client.health()
            return
        assert client.health().sessions >= 0
        if scope is Scope.READ:
            with pytest.raises(Rejected, match="the read token may read; this needs trade"):
                client.stop("one", "keep")
            with pytest.raises(Rejected, match="this needs trade"):
                client.start("backtest", "sma_cross", "AAPL")
        with pytest.raises(Rejected, match="this needs admin"):
            client._ask("GET", "/audit")


def test_a_job_runs_with_its_progress_and_what_it_finds_is_listed(served: Served, folder: Path) -> None:
    heard: list[float] = []
    with client_of(served, Scope.TRADE) as client:
        job = client.start("backtest", "sma_cross", "AAPL", start="2010-01-04", parameters={"fast": 7})
        waiting = client.start("sweep", "sma_cross", "AAPL", grid={"fast": "5:15:5", "slow": "20:40:20"})
        assert client.end_job(waiting.id).state == "cancelled"
        done = client.wait(job.id, lambda one: heard.append(one.done))
        assert (done.state, done.done, done.said) == ("finished", 1.0, "")
        (run,) = client.runs()
        assert (run.strategy, run.symbols) == ("sma_cross", ["AAPL"])
        assert client.run(run.id)["strategy"]["parameters"]["fast"] == 7
        for wrong, says in (
            ({"strategy": "sma_cros"}, "did you mean 'sma_cross'"),
            ({"strategy": "os:system"}, "body.strategy"),
            ({"symbols": ["--help"]}, "body.symbols"),
            ({"grid": {"fast": "1"}}, "are for a sweep"),
            ({"parameters": {"costs.slippage.bps": 0}}, "is no name"),
        ):
            body = {"kind": "backtest", "strategy": "sma_cross", "symbols": ["AAPL"], **wrong}
            with pytest.raises(Rejected, match=says):
                client._ask("POST", "/jobs", body=body)
        failed = client.wait(client.start("backtest", "sma_cross", "NOBODY").id)
        assert failed.state == "failed"
        assert "NOBODY" in failed.said


def test_events_are_typed_and_a_server_that_is_away_is_said(served: Served) -> None:
    with client_of(served, Scope.READ) as client:
        stream = client.events("one")
        assert [next(stream).seq for _ in range(3)] == [1, 2, 3]
        stream.close()
        with pytest.raises(Disconnected, match="session 'two' is unknown"):
            next(client.events("two"))
    with Client("http://127.0.0.1:9") as nobody, pytest.raises(Disconnected, match="does not answer"):
        nobody.health()
