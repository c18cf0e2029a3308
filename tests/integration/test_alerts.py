"""Alerts over real sockets: web hooks and mail, with failures, secrets kept, and a session that dies."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest
from tests.integration.api_server import begin_session, is_at_work, until
from tests.integration.cli_runs import run

from openbell.app.alerts.book import Book
from openbell.app.alerts.watcher import Watcher
from openbell.app.desk import Desk
from openbell.config.alerts import AlertsFile

SECRET = "canary-in-the-address"  # noqa: S105  # a canary


class Hook(ThreadingHTTPServer):
    """A web hook that refuses as often as it is told."""

    def __init__(self) -> None:
        self.heard: list[dict[str, Any]] = []
        self.pings = 0
        self.refuse = 0
        super().__init__(("127.0.0.1", 0), _Answers)
        Thread(target=self.serve_forever, daemon=True).start()

    def has_pings(self) -> bool:
        return self.pings > 0


class _Answers(BaseHTTPRequestHandler):
    server: Hook

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        refused = self.server.refuse > 0
        self.server.refuse -= refused
        if not refused:
            self.server.heard.append(json.loads(body))
        self._end(503 if refused else 200)

    def do_GET(self) -> None:
        self.server.pings += 1
        self._end(200)

    def _end(self, status: int) -> None:
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def hook() -> Iterator[Hook]:
    one = Hook()
    yield one
    one.shutdown()
    one.server_close()


def rules_of(**more: Any) -> AlertsFile:
    return AlertsFile.model_validate({"targets": {"hook": {"url": "${HOOK}"}}, "group": 0.0, **more})


def environ_of(hook: Hook) -> dict[str, str]:
    place = f"127.0.0.1:{hook.server_port}"
    return {"HOOK": f"json://{place}/{SECRET}", "DEAD_MAN": f"http://{place}/{SECRET}"}


def test_a_session_that_is_killed_is_told_after_a_failed_try_and_no_secret_is(
    hook: Hook, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    desk = Desk(tmp_path / "state", tmp_path)
    rules = rules_of(rules={"fill": None}, dead_man={"url": "${DEAD_MAN}", "every": 1})
    watcher, ended = Watcher(desk, rules, environ_of(hook)), Event()
    watching = Thread(target=watcher.run, args=(ended.wait,), daemon=True)
    watching.start()
    session = begin_session(tmp_path, "one")
    until(lambda: is_at_work(tmp_path / "state/one"))
    until(hook.has_pings)
    hook.refuse = 1
    session.send_signal(signal.SIGKILL)
    session.communicate()
    until(lambda: any("without a word" in one["message"] for one in hook.heard))
    ended.set()
    watching.join(20)
    (down,) = [one for one in hook.heard if "without a word" in one["message"]]
    assert down["title"] == "Openbell: engine down in one"
    assert (down["type"], down["message"]) == (
        "failure",
        "[critical] one: its process has ended without a word",
    )
    book = Book(tmp_path / "state")
    assert [line["outcome"] for line in book.read()][-2:] == ["failed", "sent"]
    assert "503" in next(line["why"] for line in book.read() if line["outcome"] == "failed")
    out, err = capfd.readouterr()
    assert SECRET not in out + err + book.path.read_text() + json.dumps(hook.heard)


def test_events_are_told_once_also_by_a_watcher_that_comes_later(hook: Hook, tmp_path: Path) -> None:
    def look() -> None:
        ended = Event()
        ended.set()
        Watcher(Desk(tmp_path / "state", tmp_path), rules_of(), environ_of(hook)).run(ended.wait)

    (tmp_path / "state").mkdir()
    look()
    words = ["paper", "sma_cross", "--symbols", "AAPL", "--replay", "2012-01-03", "--until", "2012-03-30"]
    assert run(*words, "--state", str(tmp_path / "state/one")).code == 0
    Book(tmp_path / "state").places.keep({"one": 0})
    look()
    look()
    (message,) = [one["message"] for one in hook.heard]
    assert "[info] one: sma_cross: bought " in message
    assert len(message.splitlines()) == message.count("[info] one: ")


class Post:
    """A mail server that keeps what it gets."""

    def __init__(self) -> None:
        self.letters: list[str] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 here\r\n")
        while line := (await reader.readline()).decode().upper():
            if line.startswith("DATA"):
                writer.write(b"354 go on\r\n")
                letter = await reader.readuntil(b"\r\n.\r\n")
                self.letters.append(letter.decode())
            elif line.startswith("QUIT"):
                break
            writer.write(b"250 fine\r\n")
            await writer.drain()
        writer.close()


async def test_a_mail_arrives_by_the_test_command(tmp_path: Path) -> None:
    post = Post()
    server = await asyncio.start_server(post.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    (tmp_path / "config").mkdir()
    (tmp_path / "config/alerts.yaml").write_text("targets:\n  mail:\n    url: ${MAIL}\n")
    address = f"mailto://127.0.0.1:{port}?from=me@example.com&to=you@example.com&mode=insecure"
    (tmp_path / ".env").write_text(f"MAIL={address}\n")
    command = [sys.executable, "-m", "openbell.cli", "alerts", "test", "--json"]
    process = await asyncio.create_subprocess_exec(*command, cwd=tmp_path, stdout=subprocess.PIPE)
    out, _ = await process.communicate()
    server.close()
    assert json.loads(out) == {"targets": [{"target": "mail", "arrived": True, "why": ""}]}
    assert process.returncode == 0
    (letter,) = post.letters
    assert "Subject: Openbell: a test" in letter
    listed = run("alerts", "list", "--state", str(tmp_path / "state"), "--json").document
    assert [(one["target"], one["outcome"]) for one in listed["alerts"]] == [("mail", "sent")]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("targets: {}", "should have at least 1 item"),
        (
            "targets:\n  a: {url: 'slack://token'}",
            "targets.a.url: must name a variable, such as ${ALERT_MAIL}",
        ),
        ("targets:\n  a: {url: '${A}', lest: info}", "targets.a.lest: unknown key; did you mean 'least'?"),
        ("targets:\n  a: {url: '${A}'}\nrules: {fills: info}", "rules.fills: must be 'fill', 'refusal'"),
        (
            "targets:\n  a: {url: '${A}'}\nquiet: {begin: '25:00', end: '07:00'}",
            "quiet.begin: must be a time such",
        ),
        (
            "targets:\n  a: {url: '${A}'}\nsummary: {at: '22:00', zone: Mars}",
            "summary.zone: must be a time zone",
        ),
        ("targets:\n  a: {url: '${NOT_SET}'}", "targets.a.url: NOT_SET is not set"),
        ("targets:\n  a: {url: '${ODD}'}", "targets.a.url: apprise knows no such address (odd)"),
    ],
)
def test_what_is_wrong_in_the_file_is_named_without_the_address(
    text: str, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ODD", f"odd://{SECRET}")
    monkeypatch.setenv("A", f"json://127.0.0.1/{SECRET}")
    (tmp_path / "config").mkdir()
    (tmp_path / "config/alerts.yaml").write_text(text)
    ended = run("alerts", "watch")
    assert (ended.code, says in ended.line) == (2, True), ended.line
    assert SECRET not in ended.line
    assert "token" not in ended.line
