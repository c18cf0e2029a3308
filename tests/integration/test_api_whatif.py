"""What an order would do, asked over the API: as the command says it, and nothing of the session changes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.integration.api_server import Served
from tests.integration.cli_runs import run

import openbell as ob
from openbell.app.access import Access, Scope
from openbell.app.desk import Desk
from openbell.app.foresight import Foresight
from openbell.app.guard import Guard
from openbell.client import Client
from openbell.core.errors import Rejected
from openbell.operation.whatif import Asked
from openbell.storage.journal import Journal

READS = "canary-reads"
ACCESS = Access({Scope.ADMIN: "canary-token", Scope.READ: READS})
RISK = ob.Risk(order=ob.OrderLimits(max_quantity=100, collar=0.05), cut=True)


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whatif") / "state"
    ob.paper("sma_cross", "AAPL", start="2005-01-03", end="2005-06-30", state=folder / "one", risk=RISK)
    return folder


@pytest.fixture(scope="module")
def served(state: Path) -> Iterator[Served]:
    one = Served(Desk(state, state.parent / "reports"), Guard("127.0.0.1", ACCESS, rate=10_000.0))
    yield one
    one.end()


@pytest.fixture
def client(served: Served) -> Iterator[Client]:
    with Client(served.address, token=READS) as made:
        yield made


def test_who_may_read_may_ask_and_hears_what_the_command_says(client: Client, state: Path) -> None:
    before = (state / "one" / "journal.db").read_bytes()
    found = client.what_if("one", "AAPL", 150, limit=37.0)
    assert (found.passes, found.quantity_that_passes, found.refused_by) == (False, 100.0, "order_quantity")
    assert [one.limit for one in found.limits if not one.passes] == ["order_quantity"]
    said = run("risk", "whatif", "AAPL", "150", "--limit", "37", "--state", str(state / "one"), "--json")
    told = {name: value for name, value in said.document.items() if name != "folder"}
    assert found.model_dump() == {**told, "time": int(told["time"])}
    assert client.what_if("one", "AAPL", -10, strategy="sma_cross").order.quantity == -10
    assert (state / "one" / "journal.db").read_bytes() == before


@pytest.mark.parametrize(
    ("given", "status", "said"),
    [
        ("symbol=APPL&quantity=1", 409, "no strategy of the session trades 'APPL'; did you mean 'AAPL'?"),
        ("symbol=AAPL&quantity=1.5", 409, "quantity 1.5 is not a whole number of lots of 1"),
        ("symbol=AAPL&quantity=0", 409, "quantity 0"),
        ("symbol=AAPL&quantity=1&strategy=sma", 409, "strategy 'sma' is not in this session"),
        ("symbol=AAPL&quantity=1&limit=-3", 422, "limit"),
        ("symbol=AAPL&quantity=nan", 422, "quantity"),
        ("symbol=AAPL", 422, "quantity"),
    ],
)
def test_what_is_wrong_is_said(served: Served, given: str, status: int, said: str) -> None:
    asking = {"Authorization": f"Bearer {READS}"}
    answer = served.client.get(f"/sessions/one/whatif?{given}", headers=asking)
    assert (answer.status_code, said in answer.json()["detail"]) == (status, True), answer.text


def test_who_has_no_token_may_not_ask(served: Served) -> None:
    assert served.client.get("/sessions/one/whatif?symbol=AAPL&quantity=1").status_code == 401


def test_a_session_that_is_not_there_is_unknown(client: Client) -> None:
    with pytest.raises(Rejected, match="'two' is unknown"):
        client.what_if("two", "AAPL", 1)


def test_a_copy_of_another_computers_session_cannot_be_asked(
    served: Served, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert client.session("one").name == "one"
    monkeypatch.setattr(served.app.state.desk._followers["one"], "is_copy", True)
    with pytest.raises(Rejected, match="'one' is of another computer"):
        client.what_if("one", "AAPL", 1)


def test_the_sessions_asked_last_are_kept(tmp_path: Path) -> None:
    foresight = Foresight()
    for number in range(6):
        folder = tmp_path / str(number)
        ob.paper("buy_and_hold", "AAPL", start="2005-01-03", end="2005-01-10", state=folder)
        assert foresight.ask(folder, Asked("AAPL", 1.0), None).passes
    assert [one.name for one in foresight._kept] == ["2", "3", "4", "5"]
    with Journal(tmp_path / "5" / "journal.db") as journal:
        journal.append("session", {"state": "stopped"}, time=1, wall=1)
        journal.commit()
    assert foresight.ask(tmp_path / "5", Asked("AAPL", 1.0), "buy_and_hold").passes
