"""Who is let in, and as whom: tokens, users of Supabase by their JWTs, browsers that have signed in."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from tests.integration.api_server import Served
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from openbell.app.access import Access, Scope, SupabaseUsers
from openbell.app.desk import Desk
from openbell.app.guard import Guard

KEY, OTHER = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
ADMIN = "canary-may-all-00"


class Keys(BaseHTTPRequestHandler):
    """A project's published keys."""

    def do_GET(self) -> None:
        key = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(KEY.public_key())) | {
            "kid": "one", "alg": "ES256", "use": "sig",
        }  # fmt: skip
        body = json.dumps({"keys": [key]}).encode()
        self.send_response(200 if self.path == "/auth/v1/.well-known/jwks.json" else 404)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture(scope="module")
def project() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Keys)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def served(project: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("access")
    access = Access({Scope.ADMIN: ADMIN}, SupabaseUsers(project, owner="user-1"))
    one = Served(Desk(folder / "state", folder / "reports"), Guard("127.0.0.1", access, rate=10_000.0))
    yield one
    one.end()


def token_of(
    project: str, *, key: Any = KEY, kid: str = "one", algorithm: str = "ES256", **changed: Any
) -> str:
    claims = {
        "sub": "user-1", "aud": "authenticated", "iss": f"{project}/auth/v1", "exp": time.time() + 60,
        "app_metadata": {"openbell": "trade"},
    }  # fmt: skip
    said = {name: value for name, value in (claims | changed).items() if value is not None}
    return jwt.encode(said, key, algorithm=algorithm, headers={"kid": kid})


def ask(served: Served, token: str, method: str = "GET", path: str = "/sessions") -> httpx.Response:
    return served.client.request(
        method,
        path,
        headers={"Authorization": f"Bearer {token}"},
        json={"how": "keep"} if method != "GET" else None,
    )


@pytest.mark.parametrize(("scope", "status"), [("read", 403), ("trade", 404), ("admin", 404)])
def test_a_user_may_do_what_the_project_says(served: Served, project: str, scope: str, status: int) -> None:
    token = token_of(project, app_metadata={"openbell": scope})
    assert ask(served, token).status_code == 200
    assert ask(served, token, "POST", "/sessions/none/stop").status_code == status


WRONG: dict[str, dict[str, Any]] = {
    "another's key": {"key": OTHER},
    "a key that is not published": {"kid": "two"},
    "over": {"exp": 1.0},
    "never over": {"exp": None},
    "of nobody": {"aud": "anon"},
    "of another project": {"iss": "https://evil.example"},
    "of another user": {"sub": "user-2"},
    "of who may nothing": {"app_metadata": None},
    "of no known scope": {"app_metadata": {"openbell": "root"}},
    "of no scopes": {"app_metadata": "x"},
    "signed by a secret": {"key": "a secret that is long enough to be one", "algorithm": "HS256"},
    "not signed": {"key": None, "algorithm": "none"},
}


@pytest.mark.parametrize("wrong", sorted(WRONG))
def test_a_jwt_that_is_not_right_in_each_part_is_nobodys(served: Served, project: str, wrong: str) -> None:
    assert ask(served, token_of(project, **WRONG[wrong])).status_code == 401


def test_a_browser_signs_in_once_and_out_again(served: Served) -> None:
    page = {"Accept": "text/html"}
    with httpx.Client(base_url=served.address) as browser:
        led = browser.get("/v1/sessions", headers=page)
        assert (led.status_code, led.headers["location"]) == (303, "/sign-in?next=/v1/sessions")
        form = browser.get(led.headers["location"])
        assert (form.status_code, "name='token'" in form.text) == (200, True)
        assert browser.post("/sign-in", data={"token": "wrong"}).status_code == 401
        done = browser.post("/sign-in?next=//evil.example", data={"token": ADMIN})
        assert (done.status_code, done.headers["location"]) == (303, "/")
        cookie = done.headers["set-cookie"].lower()
        assert "httponly" in cookie
        assert "samesite=strict" in cookie
        assert ADMIN not in done.headers["set-cookie"]
        assert browser.get("/v1/audit").status_code == 200
        crossed = browser.post(
            "/v1/sessions/none/stop", json={"how": "keep"}, headers={"Origin": "http://evil"}
        )
        assert crossed.status_code == 403
        browser.post("/sign-out")
        assert browser.get("/v1/audit").status_code == 401


def test_a_socket_needs_the_token_too(served: Served) -> None:
    address = f"ws://127.0.0.1:{served.port}/v1/sessions/none/events"
    for headers, code in (({}, 4401), ({"Authorization": f"Bearer {ADMIN}"}, 4404)):
        with (
            connect(address, additional_headers=headers) as socket,
            pytest.raises(ConnectionClosed) as closed,
        ):
            socket.recv(timeout=10)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == code


def test_answers_tell_browsers_to_be_careful_and_no_other_site_to_read(served: Served) -> None:
    for path in ("/v1/sessions", "/v1/none", "/health/live"):
        headers = httpx.get(f"{served.address}{path}", headers={"Origin": "http://evil.example"}).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert "access-control-allow-origin" not in headers
    assert httpx.get(f"{served.address}/health/live").json() == {"live": True}
    assert httpx.get(f"{served.address}/metrics").status_code == 401


def test_who_asks_too_often_is_told_when_to_come_back(tmp_path: Path) -> None:
    one = Served(Desk(tmp_path, tmp_path), Guard("127.0.0.1", rate=0.5))
    try:
        answers = [one.client.get("/health", headers={"Host": "localhost"}) for _ in range(8)]
        assert (answers[-1].status_code, answers[-1].headers["retry-after"]) == (429, "1")
    finally:
        one.end()
