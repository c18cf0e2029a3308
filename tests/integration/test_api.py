"""The API over a real socket: what it says of a session, who may ask, and how it refuses."""

from __future__ import annotations

import json
import shutil
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.integration.api_server import Served, until
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

import openbell as ob
from openbell.app.access import Access, Scope
from openbell.app.desk import Desk
from openbell.app.follower import POINTS, Curve, Follower
from openbell.app.guard import Guard, Refusal, is_loopback
from openbell.app.healthview import health_of
from openbell.core.errors import BadData, ConfigError
from openbell.storage.journal import Journal
from openbell.storage.lock import FolderLock
from openbell.trading.inbox import Inbox
from openbell.trading.pulse import Heart, Pulse

ACCESS = Access({Scope.ADMIN: "canary-token", Scope.READ: "canary-reads"})


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("api")
    ob.paper("sma_cross", "AAPL", start="2005-01-03", end="2005-12-30", state=root / "state" / "one")
    from openbell.cli import main

    assert (
        main(
            [
                "backtest",
                "buy_and_hold",
                "--symbols",
                "AAPL",
                "--reports",
                str(root / "reports"),
                "--no-check",
            ]
        )
        == 0
    )
    return root


@pytest.fixture
def desk(folder: Path) -> Desk:
    return Desk(folder / "state", folder / "reports")


@pytest.fixture
def served(desk: Desk) -> Iterator[Served]:
    one = Served(desk, Guard("127.0.0.1", rate=10_000.0))
    yield one
    one.end()


def get(served: Served, path: str, **more: Any) -> Any:
    answer = served.client.get(path, **more)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_a_session_is_what_its_run_was(served: Served, folder: Path) -> None:
    (traded,) = ob.paper(
        "sma_cross", "AAPL", start="2005-01-03", end="2005-12-30", state=folder / "again"
    ).strategies
    (session,) = get(served, "/sessions")
    (standing,) = session["strategies"]
    assert session["state"] == "end_of_data"
    assert (standing["equity"], standing["cash"]) == (traded.equity, traded.account.cash)
    assert standing["fills"] == len(traded.fills)
    orders = get(served, "/sessions/one/orders?limit=1000")["items"]
    assert [one["text"] for one in orders] == [order.describe() for order in traded.orders]
    fills = get(served, "/sessions/one/fills?limit=1000")["items"]
    assert [one["price"] for one in fills] == [fill.price for fill in traded.fills]
    (curve,) = get(served, "/sessions/one/equity")
    assert curve["values"][0] == 100_000.0
    assert curve["values"][-1] == traded.equity
    assert len(curve["times"]) == 252
    stress = get(served, "/sessions/one/stress?shock=market=-0.1&shock=AAPL=-0.5")
    held = stress["values"].get("AAPL", 0.0)
    assert [loss["name"] for loss in stress["losses"]][-2:] == ["market=-0.1", "AAPL=-0.5"]
    assert stress["losses"][-1]["pnl"] == -0.5 * held
    account = get(served, "/sessions/one/account")
    assert account["cash"] == [{"currency": "USD", "amount": traded.account.cash, "rate": 1.0}]
    assert (account["equity"], account["worth"], account["power"]) == (traded.equity, standing["cash"], None)


def test_pages_follow_one_another(served: Served) -> None:
    whole = get(served, "/sessions/one/fills?limit=1000")
    first = get(served, "/sessions/one/fills?limit=5")
    rest = get(served, f"/sessions/one/fills?limit=1000&after={first['next']}")
    assert first["items"] + rest["items"] == whole["items"]
    assert (first["next"], rest["next"], whole["next"]) == (5, None, None)
    assert get(served, "/sessions/one/orders?working=true")["items"] == []


def test_what_has_not_changed_is_not_sent_again(served: Served) -> None:
    first = served.client.get("/sessions/one")
    again = served.client.get("/sessions/one", headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_runs_are_listed_and_shown_whole(served: Served) -> None:
    (run,) = get(served, "/runs")["items"]
    assert (run["strategy"], run["symbols"]) == ("buy_and_hold", ["AAPL"])
    assert get(served, f"/runs/{run['id']}")["ledger_hash"].startswith("sha256:")


def test_a_run_that_cannot_be_read_is_named_and_hides_no_other(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder / "reports", tmp_path / "reports")
    (good,) = (tmp_path / "reports").iterdir()
    for name, text in (
        ("cut", good.joinpath("run.json").read_text()[:500]),
        ("odd", '{"name": 1}'),
        ("list", "[]"),
    ):
        (tmp_path / "reports" / name).mkdir()
        (tmp_path / "reports" / name / "run.json").write_text(text)
    served = Served(Desk(tmp_path, tmp_path / "reports"), Guard("127.0.0.1", rate=10_000.0))
    try:
        runs = get(served, "/runs")
        assert [one["id"] for one in runs["items"]] == [good.name]
        assert sorted(runs["unreadable"]) == ["cut", "list", "odd"]
        assert "cut/run.json cannot be read (JSONDecodeError" in runs["unreadable"]["cut"]
        refused = served.client.get("/runs/odd")
        assert (refused.status_code, "odd/run.json cannot be read" in refused.json()["detail"]) == (409, True)
        shutil.copy(good / "run.json", tmp_path / "reports" / "odd" / "run.json")
        assert [one["id"] for one in get(served, "/runs")["items"]] == ["odd", good.name]
    finally:
        served.end()


def test_a_session_that_holds_its_folder_and_says_nothing_is_silent(desk: Desk, folder: Path) -> None:
    place = folder / "state" / "one"
    with FolderLock(place):
        for seconds, state in ((0.0, "running"), (3.0, "silent")):
            pulse = Pulse(time.time_ns() - int(seconds * 1e9), 1, lag=0.0, memory=1, queue=0)
            (place / "pulse.json").write_text(json.dumps(pulse._asdict()))
            assert desk.session("one").state == state
        assert health_of(desk)["reasons"] == ["one: it has not answered for 3 s"]
    (place / "pulse.json").unlink()
    assert health_of(desk)["ready"]
    desk.close()


@pytest.mark.parametrize(
    ("beat", "began", "state", "reasons"),
    [
        (1.0, 1.0, "starting", []),
        (3.0, 4.0, "starting", ["one: it is starting, and has not answered for 3 s"]),
        (11.0, 12.0, "silent", ["one: it is starting, and has not answered for 11 s"]),
        (1.0, 90.0, "starting", ["one: it has been starting for 90 s"]),
    ],
)
def test_a_session_that_has_not_begun_is_starting_until_nothing_was_heard_of_it_for_long(
    desk: Desk, folder: Path, beat: float, began: float, state: str, reasons: list[str]
) -> None:
    place, now = folder / "state" / "one", time.time_ns()
    with FolderLock(place):
        pulse = Pulse(now - int(beat * 1e9), 1, 0.0, 1, 0, starting=now - int(began * 1e9))
        (place / "pulse.json").write_text(json.dumps(pulse._asdict()))
        assert desk.session("one").state == state
        assert health_of(desk)["reasons"] == reasons
    (place / "pulse.json").unlink()
    desk.close()


def test_health_and_the_description_are_there(served: Served) -> None:
    assert get(served, "/health")["version"] == ob.__version__
    described = get(served, "/openapi.json")
    assert "/v1/sessions/{name}/stop" in described["paths"]


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "said"),
    [
        ("GET", "/sessions/on", None, 404, "session 'on' is unknown; did you mean 'one'?"),
        ("GET", "/runs/none", None, 404, "run 'none' is unknown"),
        ("POST", "/sessions/one/stop", {"how": "keep"}, 409, "does not run (end_of_data)"),
        ("POST", "/sessions/one/stop", {"how": "now"}, 422, "body.how"),
        ("POST", "/sessions/one/stop", {"how": "keep", "now": True}, 422, "body.now"),
        ("GET", "/sessions/one/fills?limit=0", None, 422, "query.limit"),
    ],
)
def test_refusals_are_problems_in_one_form(
    served: Served, method: str, path: str, body: Any, status: int, said: str
) -> None:
    answer = served.client.request(method, path, json=body)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["status"] == status
    assert said in problem["detail"]


def test_a_body_that_is_no_json_is_refused_in_one_sentence(served: Served) -> None:
    headers = {"Content-Type": "application/json"}
    answer = served.client.post("/sessions/one/stop", content=b'{"how": ', headers=headers)
    assert answer.status_code == 422
    assert answer.json()["detail"] == 'body: it is no JSON at character 8; send such as {"how": "keep"}'


def test_a_running_session_is_asked_to_stop(served: Served, folder: Path) -> None:
    place = folder / "state" / "one"
    with FolderLock(place):
        inbox = Inbox(place)
        Heart(place).at_work()
        answer = served.client.post("/sessions/one/stop", json={"how": "flatten"})
        assert (answer.status_code, answer.json()["state"]) == (202, "running")
        assert inbox.stop_asked() == "flatten"
    (place / "pulse.json").unlink()


def test_events_come_in_their_order_and_go_on_where_they_were(served: Served, folder: Path) -> None:
    with Journal(folder / "state" / "one" / "journal.db", read_only=True) as journal:
        kept = [(entry.seq, entry.kind) for entry in journal.read()]
    address = f"ws://127.0.0.1:{served.port}/v1/sessions/one/events"
    for after in (0, len(kept) - 3):
        with connect(f"{address}?after={after}") as listening:
            heard = [json.loads(listening.recv(timeout=10)) for _ in kept[after:]]
        assert [(event["seq"], event["kind"]) for event in heard] == kept[after:]


@pytest.mark.parametrize(
    ("name", "origin", "code"), [("none", None, 4404), ("one", "http://evil.example", 4403)]
)
def test_a_socket_that_may_not_be_is_closed_with_its_reason(
    served: Served, name: str, origin: Any, code: int
) -> None:
    address = f"ws://127.0.0.1:{served.port}/v1/sessions/{name}/events"
    with connect(address, origin=origin) as listening, pytest.raises(ConnectionClosed) as closed:
        listening.recv(timeout=10)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == code


@pytest.mark.parametrize(
    ("headers", "method", "status"),
    [
        ({"Host": "evil.example"}, "GET", 403),
        ({"Origin": "http://evil.example"}, "POST", 403),
        ({"Origin": "http://evil.example"}, "GET", 200),
    ],
)
def test_other_sites_may_not_reach_in(
    served: Served, headers: dict[str, str], method: str, status: int
) -> None:
    path = "/sessions" if method == "GET" else "/sessions/one/stop"
    answer = served.client.request(
        method, path, headers=headers, json={"how": "keep"} if method == "POST" else None
    )
    assert answer.status_code == status


def test_another_address_needs_the_token(desk: Desk) -> None:
    with pytest.raises(ConfigError, match="set OPENBELL_API_TOKEN"):
        Guard("0.0.0.0")  # noqa: S104  # it is refused
    served = Served(desk, Guard("0.0.0.0", ACCESS, rate=10_000.0))  # noqa: S104  # as above
    try:
        for said, status in (("", 401), ("Bearer wrong", 401), ("Bearer canary-token", 200)):
            answer = served.client.get("/sessions", headers={"Authorization": said})
            assert answer.status_code == status
            assert "canary-token" not in answer.text
    finally:
        served.end()


def test_who_asks_too_often_waits() -> None:
    now = 0.0
    guard = Guard("127.0.0.1", rate=1.0, clock=lambda: now)

    def ask(client: str = "a") -> bool:
        judged = guard.judge("GET", host="localhost", origin="", token="", client=client)
        return not isinstance(judged, Refusal)

    assert [ask() for _ in range(11)] == [True] * 10 + [False]
    assert ask("b")
    now = 1.0
    assert [ask(), ask()] == [True, False]


@pytest.mark.parametrize(
    ("host", "own"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("localhost", True),
        ("10.0.0.1", False),
        ("x", False),
    ],
)
def test_loopback_is_known(host: str, own: bool) -> None:
    assert is_loopback(host) is own


def test_long_curves_are_thinned_evenly() -> None:
    curve = Curve()
    for number in range(10 * POINTS):
        curve.add(number, float(number))
    assert POINTS / 2 < len(curve.times) <= POINTS
    steps = {b - a for a, b in zip(curve.times, curve.times[1:], strict=False)}
    assert len(steps) == 1
    assert curve.times[0] == 0


def test_a_session_that_begins_anew_is_followed_from_its_beginning(tmp_path: Path) -> None:
    folder = tmp_path / "one"
    ob.paper("buy_and_hold", "AAPL", start="2012-01-03", end="2012-02-01", state=folder)
    follower = Follower(folder)
    follower.refresh()
    first = follower.equity("buy_and_hold")
    ob.paper("buy_and_hold", "AAPL", start="2012-03-01", end="2012-03-05", state=folder)
    assert follower.refresh() > 0
    assert follower.equity("buy_and_hold") != first
    assert len(follower.curve("buy_and_hold")[0]) == 3
    assert follower.refresh() == 0
    follower.close()


def test_a_hole_in_a_journal_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ob.paper("buy_and_hold", "AAPL", start="2012-01-03", end="2012-02-01", state=tmp_path)
    follower = Follower(tmp_path)
    entries = [entry for entry in follower._journal.read() if entry.seq != 3]
    with monkeypatch.context() as patch:
        patch.setattr(follower._journal, "read", lambda _after: iter(entries))
        with pytest.raises(BadData, match="event 3 is missing"):
            follower.refresh()
    follower.close()


def front_page(folder: Path) -> str:
    """Return the front page of the dashboard of a folder's sessions."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = int(free.getsockname()[1])
    words = [sys.executable, "-m", "openbell.cli", "dashboard", "--port", str(port)]
    with subprocess.Popen(words, cwd=folder, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as process:
        try:
            return until(lambda: fetched(f"http://127.0.0.1:{port}/"))
        finally:
            process.terminate()


def fetched(address: str) -> str:
    """Return a page, or nothing while nobody listens."""
    try:
        return httpx.get(address).raise_for_status().text
    except httpx.ConnectError:
        return ""


def test_a_session_that_cannot_be_read_is_named_and_hides_no_other(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder / "state", tmp_path / "state")
    broken = tmp_path / "state" / "broken" / "journal.db"
    broken.parent.mkdir()
    broken.write_bytes(b"no journal" * 300)
    served = Served(Desk(tmp_path / "state", tmp_path), Guard("127.0.0.1", rate=10_000.0))
    try:
        assert [one["name"] for one in get(served, "/sessions")] == ["one"]
        health = get(served, "/health")
        assert health["sessions"] == 1
        assert list(health["unreadable"]) == ["broken"]
        assert "journal.db' cannot be opened (file is not a database)" in health["unreadable"]["broken"]
        asked = served.client.get("/sessions/broken")
        assert (asked.status_code, asked.json()["detail"]) == (409, health["unreadable"]["broken"])
        page = front_page(tmp_path)  # of a process of its own, which has one dashboard
        assert "broken: journal " in page
        shutil.copy(tmp_path / "state" / "one" / "journal.db", broken)
        assert get(served, "/health")["unreadable"] == {}
        assert get(served, "/sessions/broken")["strategies"] == get(served, "/sessions/one")["strategies"]
    finally:
        served.end()


def test_a_session_whose_journal_is_damaged_meanwhile_is_left_out(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder / "state", tmp_path / "state")
    desk = Desk(tmp_path / "state", tmp_path)
    assert [one.name for one in desk.sessions()] == ["one"]
    with sqlite3.connect(tmp_path / "state" / "one" / "journal.db") as changed:
        last = changed.execute("SELECT max(seq) FROM event").fetchone()[0]
        changed.execute(
            "INSERT INTO event SELECT seq + 2, time, wall, kind, strategy, subject, trace, body, digest "
            "FROM event WHERE seq = ?",
            (last,),
        )
    changed.close()
    assert desk.sessions() == []
    assert f"event {last + 1} is damaged (it is missing)" in desk.unreadable["one"]
    assert desk.sessions() == []
