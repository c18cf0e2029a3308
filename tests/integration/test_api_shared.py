"""Users of Supabase ask the API: they see what row level security shows them, on a real Postgres."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

import httpx
import pytest
from tests.integration.api_server import Served
from tests.integration.cli_runs import run
from tests.integration.test_api_access import ADMIN, token_of
from tests.integration.test_api_access import project as issuer
from tests.postgres.journals import trade
from tests.postgres.server import ANNE, BERT, Project, where
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from openbell.app.access import Access, Scope, SupabaseUsers
from openbell.app.desk import Desk
from openbell.app.guard import Guard
from openbell.core.errors import RemoteError
from openbell.storage.supabase.reading import Copied, Database
from openbell.trading.copying import copy_journal

__all__ = ["issuer"]  # a fixture
CAROL = UUID(int=0xC)


class Site(NamedTuple):
    """A server, its database, and who publishes the keys of its users' tokens."""

    served: Served
    database: Project
    issuer: str

    def get(self, user: Any, path: str, **given: Any) -> httpx.Response:
        return self.ask(user, "GET", path, **given)

    def ask(self, user: Any, method: str, path: str, scope: str = "trade", **given: Any) -> httpx.Response:
        token = token_of(self.issuer, sub=str(user), role="authenticated", app_metadata={"openbell": scope})
        headers = {"Authorization": f"Bearer {token}"} | given.pop("headers", {})
        return self.served.client.request(method, path, headers=headers, **given)

    def names(self, user: Any) -> list[str]:
        return [one["name"] for one in self.get(user, "/sessions").raise_for_status().json()]


def copy(path: Path, database: Project, owner: UUID) -> None:
    copy_journal(path, replace(where(database), owner=owner), lambda _: False, follow=False)


@pytest.fixture
def site(project: Project, issuer: str, tmp_path: Path) -> Iterator[Site]:
    """Anne's session is of this computer and copied, Bert's is copied from elsewhere, one is not copied."""
    for name, folder, owner in (
        ("mine", "state", ANNE),
        ("far", "elsewhere", BERT),
        ("alone", "state", None),
    ):
        path = trade(tmp_path / folder / name, "sma_cross", "AAPL", start="2003-01-01", end="2003-09-30")
        if owner is not None:
            copy(path, project, owner)
    database = Database(where(project))
    users = SupabaseUsers(issuer, owner=str(ANNE), shared=True)
    guard = Guard("127.0.0.1", Access({Scope.ADMIN: ADMIN}, users), rate=1e9)
    served = Served(Desk(tmp_path / "state", tmp_path / "reports"), guard, database=database)
    yield Site(served, project, issuer)
    served.end()
    database.close()


def test_each_user_sees_own_sessions_and_a_token_those_of_this_computer(site: Site) -> None:
    assert site.names(ANNE) == ["mine"]
    far = site.names(BERT)
    assert [name[:6] for name in far] == ["paper-"]
    assert site.names(CAROL) == []
    may = {"Authorization": f"Bearer {ADMIN}"}
    assert {one["name"] for one in site.served.client.get("/sessions", headers=may).json()} == {
        "mine",
        "alone",
    }
    for user, name, status in (
        (ANNE, far[0], 404),
        (BERT, "mine", 404),
        (ANNE, "alone", 404),
        (BERT, far[0], 200),
    ):
        for what in ("", "/positions", "/orders", "/fills", "/equity", "/risk", "/events", "/notices"):
            assert site.get(user, f"/sessions/{name}{what}").status_code == status, (user, name, what)


def test_what_a_user_reads_from_the_database_is_what_the_journal_says(site: Site) -> None:
    may = {"Authorization": f"Bearer {ADMIN}"}
    for what in (
        "",
        "/positions",
        "/orders",
        "/fills?limit=1000",
        "/equity",
        "/events?kind=fill",
        "/notices",
    ):
        copied = site.get(ANNE, f"/sessions/mine{what}").raise_for_status().json()
        assert copied == site.served.client.get(f"/sessions/mine{what}", headers=may).json(), what
    assert site.get(ANNE, "/sessions/mine/fills").json()["items"] != []


def test_it_is_the_database_that_says_so_at_each_request(site: Site) -> None:
    assert site.names(ANNE) == ["mine"]
    site.database.tell(f"update journals set owner = '{BERT}' where owner = '{ANNE}'")
    assert (site.names(ANNE), len(site.names(BERT))) == ([], 2)
    assert site.get(ANNE, "/sessions/mine/fills").status_code == 404
    site.database.tell("drop policy journals_of_the_owner on journals")
    assert site.names(BERT) == []  # no policy, no row: nothing here filters beside it


def test_what_is_asked_of_a_session_is_passed_on_only_by_who_may_see_it(site: Site) -> None:
    stop: dict[str, Any] = {"json": {"how": "keep"}}
    assert site.ask(BERT, "POST", "/sessions/mine/stop", **stop).status_code == 404
    ended = site.ask(ANNE, "POST", "/sessions/mine/stop", **stop)
    assert (ended.status_code, "does not run" in ended.json()["detail"]) == (409, True)
    assert site.ask(ANNE, "POST", "/sessions/mine/stop", scope="read", **stop).status_code == 403


def test_who_is_not_the_owner_sees_nothing_else_of_this_computer(site: Site) -> None:
    for path in ("/runs", "/audit", "/jobs", "/alerts", "/health", "/sweeps"):
        assert site.get(BERT, path).status_code == 403, path
        assert site.ask(ANNE, "GET", path, scope="admin").status_code == 200, path
    assert site.get(BERT, f"{site.served.address}/metrics").status_code == 403
    assert site.get(BERT, "/strategies").status_code == 200


def test_a_stream_is_opened_to_who_may_see_it_and_ends_with_the_token(site: Site) -> None:
    where_ = f"ws://127.0.0.1:{site.served.port}/v1/sessions/mine/events?after=100000"
    for user, lasts, code in ((BERT, 60.0, 4404), (ANNE, 2.0, 4401)):
        token = token_of(site.issuer, sub=str(user), exp=time.time() + lasts)
        with (
            connect(where_, additional_headers={"Authorization": f"Bearer {token}"}) as socket,
            pytest.raises(ConnectionClosed) as closed,
        ):
            socket.recv(timeout=30)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == code


def test_a_cookie_lasts_no_longer_than_its_token(site: Site) -> None:
    token = token_of(site.issuer, sub=str(ANNE), exp=time.time() + 2.0)
    with httpx.Client(base_url=site.served.address, timeout=30.0) as browser:
        assert browser.post("/sign-in", data={"token": token}).status_code == 303
        end = time.monotonic() + 30.0
        while browser.get("/v1/strategies").status_code == 200:
            assert time.monotonic() < end
            time.sleep(0.1)


def test_a_database_that_is_away_is_said_to_be_and_tokens_go_on(site: Site) -> None:
    site.database.tell("alter table journals rename to gone")
    away = site.get(ANNE, "/sessions")
    assert (away.status_code, "openbell db migrate" in away.json()["detail"]) == (503, True)
    assert (
        site.served.client.get("/sessions", headers={"Authorization": f"Bearer {ADMIN}"}).status_code == 200
    )
    site.database.tell("alter table gone rename to journals")
    assert site.names(ANNE) == ["mine"]


def test_claims_reach_no_other_transaction(project: Project) -> None:
    with closing(Database(where(project))) as database:
        seen = "select current_user::text, current_setting('request.jwt.claims')"
        rows = [database.ask({"sub": str(user)}, seen)[0] for user in (ANNE, BERT)]
        assert rows == [("authenticated", f'{{"sub": "{user}"}}') for user in (ANNE, BERT)]
        with pytest.raises(RemoteError, match="permission denied"):
            database.ask({"sub": str(ANNE)}, "insert into public.journals default values")
        assert Copied(database, UUID(int=1), {"sub": str(ANNE)}).newest() == (0, 0)


def test_users_without_a_database_or_an_owner_are_let_in_by_nobody(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OPENBELL_API_SUPABASE", "https://abc.supabase.co")
    for name in ("SUPABASE_DB_URL", "SUPABASE_OWNER", "OPENBELL_API_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    ended = run("serve", "--port", "8399")
    assert (ended.code, "nothing says what is whose: set SUPABASE_DB_URL" in ended.line) == (2, True)
