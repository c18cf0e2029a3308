"""The copier's process and what starts and ends it, run here, on a real Postgres."""

import io
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from loguru import logger
from tests.integration.cli_runs import run
from tests.postgres.journals import assert_copied, part
from tests.postgres.server import Project, where

from openbell.core.errors import ConfigError, Rejected
from openbell.storage.journal import Journal
from openbell.storage.supabase import connection as connection_module
from openbell.storage.supabase.connection import connect
from openbell.trading import copying
from openbell.trading.copying import Voice, copied, main

NOBODY = "postgresql://postgres:of-nobody@127.0.0.1:9/postgres"


@pytest.fixture
def at_home(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """The process of the test stays as it is: as urgent, and with its own signals."""
    monkeypatch.setattr(copying, "yield_to_engine", lambda: None)
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO()))
    return monkeypatch


@pytest.fixture
def listening(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """What is logged."""
    said: list[str] = []
    monkeypatch.setattr(copying, "configure", lambda: None)
    logger.remove()
    logger.add(said.append, format="{level} {message}")
    yield said
    logger.remove()


def configure(monkeypatch: pytest.MonkeyPatch, **environ: str) -> None:
    for name, text in environ.items():
        monkeypatch.setenv(name, text)


def test_a_copier_whose_input_ends_copies_what_is_there_and_ends_well(
    project: Project, source: Path, at_home: pytest.MonkeyPatch, listening: list[str]
):
    configure(at_home, **project.environ)
    assert main(source) == 0
    assert_copied(project, source)
    assert listening == []


def test_a_copier_that_cannot_says_why_once(
    project: Project, source: Path, at_home: pytest.MonkeyPatch, listening: list[str]
):
    configure(at_home, SUPABASE_DB_URL=NOBODY)
    assert main(source) == 1
    (line,) = listening
    assert line.startswith(
        "WARNING the journal is not copied for now, and trading goes on: database postgres@"
    )
    listening.clear()
    configure(at_home, **{**project.environ, "SUPABASE_OWNER": "nobody"})
    assert main(source) == 1
    (line,) = listening
    assert line.startswith("ERROR the journal is not copied: SUPABASE_OWNER='nobody' is no user's id; it is")


@pytest.mark.skipif(not hasattr(os, "SCHED_IDLE"), reason="this system knows no idle work")
def test_a_copier_runs_when_nothing_else_wants_to():
    words = "import os; from openbell.trading.copying import yield_to_engine as f; f(); print(os.{})"
    for asked, told in (("sched_getscheduler(0) == os.SCHED_IDLE", "True"), ("nice(0)", str(os.nice(0)))):
        ran = subprocess.run(
            [sys.executable, "-c", words.format(asked)], capture_output=True, text=True, check=True
        )
        assert ran.stdout.strip() == told


def test_a_copier_that_may_not_wait_for_idle_time_is_less_urgent(monkeypatch: pytest.MonkeyPatch):
    def refuse(*_: object) -> None:
        raise PermissionError

    urgency: list[int] = []
    monkeypatch.setattr(os, "sched_setscheduler", refuse, raising=False)
    monkeypatch.setattr(os, "nice", urgency.append)
    copying.yield_to_engine()
    assert urgency == [10]


def test_an_outage_is_said_when_it_begins_when_it_changes_and_when_it_is_over(listening: list[str]):
    voice = Voice()
    for error in (Rejected("a"), Rejected("a"), Rejected("b"), None, None):
        voice.tell(error)
    assert [line.partition(" ")[0] for line in listening] == ["WARNING", "WARNING", "INFO"]


def test_a_database_that_never_answers_holds_no_session_up(
    tmp_path: Path, source: Path, monkeypatch: pytest.MonkeyPatch, listening: list[str]
):
    monkeypatch.setattr(copying, "_PATIENCE", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as mute, part(tmp_path, source, 50) as journal:
        url = f"postgresql://u:of-nobody@127.0.0.1:{mute.getsockname()[1]}/db"
        with copied(journal.path, {"SUPABASE_DB_URL": url}):
            pass
    assert f"openbell db replicate --state {tmp_path}" in listening[-1]


def test_without_a_database_nothing_is_started(source: Path, monkeypatch: pytest.MonkeyPatch):
    started: list[object] = []
    monkeypatch.setattr(subprocess, "Popen", started.append)
    with copied(source, {}):
        assert started == []
    assert started == []


def test_a_missing_driver_is_one_line(source: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with (
        pytest.raises(ConfigError, match=r"pip install 'openbell\[supabase\]'"),
        copied(source, {"SUPABASE_DB_URL": NOBODY}),
    ):
        pass


def test_what_is_followed_in_this_process_ends_by_a_signal(
    project: Project, tmp_path: Path, source: Path, monkeypatch: pytest.MonkeyPatch
):
    configure(monkeypatch, **project.environ)
    before = signal.getsignal(signal.SIGTERM)
    tell = Voice.tell

    def interrupt(voice: Voice, error: object) -> None:
        tell(voice, None)
        os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(Voice, "tell", interrupt)
    project.tell("alter table events rename to hidden")
    with part(tmp_path / "s", source, 50):
        ended = run("db", "replicate", "--follow", "--state", str(tmp_path / "s"))
    assert ended.code == 2
    assert "run `openbell db migrate`" in ended.line
    assert signal.getsignal(signal.SIGTERM) is before


def test_copies_of_journals_that_are_elsewhere_are_shown_too(
    project: Project, tmp_path: Path, source: Path, monkeypatch: pytest.MonkeyPatch
):
    configure(monkeypatch, **project.environ)
    monkeypatch.chdir(tmp_path)
    with part(tmp_path / "s", source, 50):
        assert run("db", "replicate", "--state", "s").code == 0
    Journal(tmp_path / "state" / "x" / "journal.db", account="paper").close()
    assert "elsewhere" in run("db", "status").out
    (tmp_path / "state" / "bad").mkdir(parents=True)
    (tmp_path / "state" / "bad" / "journal.db").write_bytes(b"no journal" * 500)
    shown = run("db", "status")
    assert shown.code == 0
    assert "state/bad/journal.db is left out" in shown.err


def test_through_the_transaction_pooler_nothing_is_prepared(
    project: Project, monkeypatch: pytest.MonkeyPatch
):
    address = where(project)
    monkeypatch.setattr(type(address), "keeps_session", property(lambda _: False))
    with connect(address) as connection:
        assert connection.prepare_threshold is None
        for _ in range(20):
            connection.execute("select %s::int", (1,))
        assert connection.execute("select count(*) from pg_prepared_statements").fetchone() == (0,)
    assert connection_module.import_psycopg().__name__ == "psycopg"
