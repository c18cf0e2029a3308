"""What fails while a journal is copied, on a real Postgres: nothing is lost, and nothing is doubled."""

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.postgres.journals import SOON, assert_copied, copy, never, part, stored, write_again
from tests.postgres.server import Project, Server, where

from openbell.core.errors import Disconnected, RemoteError, Retryable
from openbell.storage.journal import Journal
from openbell.storage.supabase.replicate import Replicator
from openbell.trading.projection import Projection


class Cut:
    """Cuts the copier's connection before its n-th statement from now on."""

    def __init__(self, project: Project, copier: Replicator, monkeypatch: pytest.MonkeyPatch) -> None:
        self.left = -1
        assert copier._connection is not None
        kind = type(copier._connection)
        execute = kind.execute

        def cutting(connection: Any, *words: Any, **named: Any) -> Any:
            if connection is copier._connection and connection is not None:
                self.left -= 1
                if self.left == 0:
                    project.ask("select pg_terminate_backend(%s)", connection.info.backend_pid)
            return execute(connection, *words, **named)

        monkeypatch.setattr(kind, "execute", cutting)


def test_a_connection_cut_before_any_statement_of_a_batch_loses_and_doubles_nothing(
    project: Project, tmp_path: Path, source: Path, monkeypatch: pytest.MonkeyPatch
):
    rows, done, statement = stored(source), 100, 0
    with part(tmp_path, source, done) as journal, Journal(journal.path, read_only=True) as reader:
        copier = Replicator(reader, where(project), Projection, patience=SOON)
        copier.step()
        cut = Cut(project, copier, monkeypatch)
        while True:
            write_again(journal, rows[done : done + 40])
            done, statement = done + 40, statement + 1
            cut.left = statement
            try:
                copier.step()
            except RemoteError:
                copier.close()
                assert copier.step() in {40, 0}
            else:
                break
        copier.run(never, follow=False)
        copier.close()
        assert statement > 5  # the role, the lock, the events, each table that changed, the mark
        assert_copied(project, journal.path)


def test_a_commit_whose_answer_is_lost_is_not_sent_again(
    project: Project, tmp_path: Path, source: Path, monkeypatch: pytest.MonkeyPatch
):
    with part(tmp_path, source, 300) as journal, Journal(journal.path, read_only=True) as reader:
        copier = Replicator(reader, where(project), Projection)
        write = copier._write

        def lose(batch: Any) -> None:
            write(batch)
            raise Disconnected("the answer to COMMIT did not come")

        with monkeypatch.context() as patch:
            patch.setattr(copier, "_write", lose)
            with pytest.raises(Disconnected):
                copier.step()
        copier.close()
        assert copier.step() == 0
        assert copier.copied == 300
        write_again(journal, stored(source)[300:])
        copier.run(never, follow=False)
        copier.close()
        assert_copied(project, journal.path)


def follow(copier: Replicator, journal: Path, stop: threading.Event) -> None:
    """Run a copier in its thread, with a reader of its own."""
    with Journal(journal, read_only=True) as reader:
        copier.journal = reader
        copier.run(stop.wait, idle=0.01)
        copier.close()


def test_a_server_that_stops_starts_and_crashes_while_events_come_loses_and_doubles_nothing(
    own_project: Project, tmp_path: Path, source: Path
):
    server, rows = own_project.server, stored(source)
    assert isinstance(server, Server)
    told: list[RemoteError | None] = []
    with part(tmp_path, source, 50) as journal:
        copier = Replicator(journal, where(own_project), Projection, patience=SOON, told=told.append)
        stop = threading.Event()
        thread = threading.Thread(target=follow, args=(copier, journal.path, stop), daemon=True)
        thread.start()
        done, step = 50, -(-(len(rows) - 50) // 30)
        for turn in range(30):
            write_again(journal, rows[done : done + step])
            done += step
            if turn in {5, 12, 20}:
                server.stop(how=signal.SIGQUIT if turn == 12 else signal.SIGINT)
            elif turn in {8, 14, 25}:
                server.start()
            time.sleep(0.02)
        stop.set()
        thread.join(30)
        assert not thread.is_alive()
    assert any(isinstance(error, RemoteError) for error in told)
    assert told[-1] is None
    assert_copied(own_project, journal.path)


def test_batches_that_a_crash_of_the_server_takes_back_are_copied_again(
    own_project: Project, tmp_path: Path, source: Path
):
    server, rows = own_project.server, stored(source)
    assert isinstance(server, Server)
    own_project.tell("alter system set wal_writer_delay = '10s'")  # until then no commit is on the disk
    own_project.ask("select pg_reload_conf()")
    with part(tmp_path, source, 100) as journal, Journal(journal.path, read_only=True) as reader:
        copier = Replicator(reader, where(own_project), Projection, patience=SOON)
        copier.run(never, follow=False)
        assert copier.copied == 100
        server.stop(how=signal.SIGQUIT)
        server.start()
        ((there,),) = own_project.ask("select coalesce(max(copied), 0) from journals")
        assert there < 100
        write_again(journal, rows[100:200])
        copier.run(never, follow=False)
        copier.close()
        assert copier.copied == 200
        assert_copied(own_project, journal.path)


def until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.01)


@pytest.mark.parametrize(
    ("harm", "mended", "said"),
    [
        pytest.param(
            "alter database {db} set default_transaction_read_only = on",
            "alter database {db} set default_transaction_read_only = off",
            "read-only transaction",
            id="a failover to a server that reads only",
        ),
        pytest.param(
            """create function no_room() returns trigger language plpgsql as
               $$ begin raise 'could not extend file: no space left' using errcode = '53100'; end $$;
               create trigger no_room before insert on equity execute function no_room()""",
            "drop trigger no_room on equity",
            "no space left",
            id="a full disk",
        ),

        pytest.param(
            "revoke service_role from postgres", "grant service_role to postgres", "needs the rights",
            id="a lost right",
        ),
        pytest.param(
            "alter database {db} with allow_connections false",
            "alter database {db} with allow_connections true",
            "not currently accepting connections", id="closed",
        ),
    ],
)  # fmt: skip
def test_what_a_server_refuses_for_a_time_is_copied_when_it_is_mended(
    own_project: Project, tmp_path: Path, source: Path, harm: str, mended: str, said: str
):
    told: list[RemoteError | None] = []
    with part(tmp_path, source, 400) as journal:
        copy(own_project, journal.path)
        with own_project.server.admin("postgres") as admin, own_project.admin() as inside:
            target = admin if harm.startswith("alter database") else inside
            target.execute(harm.format(db=own_project.name).encode())
            admin.execute("select pg_terminate_backend(pid) from pg_stat_activity where usename = 'postgres'")
            write_again(journal, stored(source)[400:])
            copier = Replicator(journal, where(own_project), Projection, patience=SOON, told=told.append)
            stop = threading.Event()
            thread = threading.Thread(target=follow, args=(copier, journal.path, stop), daemon=True)
            thread.start()
            until(lambda: len(told) > 2)
            assert said in str(told[0])
            assert copier.copied in {0, 400}
            if mended:
                target.execute(mended.format(db=own_project.name).encode())
                until(lambda: copier.copied == len(stored(source)))
            stop.set()
            thread.join(30)
            assert not thread.is_alive()
    if mended:
        assert_copied(own_project, journal.path)


def test_a_statement_that_takes_too_long_is_made_smaller_until_it_fits(
    project: Project, tmp_path: Path, source: Path
):
    """Each event takes 2 ms here, and a statement may take 200 ms."""
    project.tell("""
        create function slow() returns trigger language plpgsql as
            $$ begin perform pg_sleep(0.002); return new; end $$;
        create trigger slow before insert on events for each row execute function slow()
    """)
    told: list[RemoteError | None] = []
    with part(tmp_path, source, 500) as journal, Journal(journal.path, read_only=True) as reader:
        copier = Replicator(reader, where(project), Projection, timeout=0.2, patience=SOON, told=told.append)
        copier.run(never, follow=False)
        copier.close()
        assert "statement timeout" in str(told[0])
        assert copier.copied == 500
    assert project.ask("select count(*), max(seq) from events") == [(500, 500)]


def test_a_lock_that_somebody_holds_is_waited_out(project: Project, tmp_path: Path, source: Path):
    with part(tmp_path, source, 100) as journal, Journal(journal.path, read_only=True) as reader:
        copier = Replicator(reader, where(project), Projection, timeout=0.5)
        with project.admin() as other, other.transaction():
            other.execute("lock table events in access exclusive mode")
            with pytest.raises(Retryable, match="lock timeout"):
                copier.step()
        copier.close()
        assert copier.step() == 100
        copier.close()


def kill_at_random(project: Project, tmp_path: Path, source: Path, *, kills: int) -> Path:
    """Copy a growing journal by processes that are killed; then let one finish. Return the journal's path."""
    draw, rows = random.Random(kills), stored(source)
    words = [sys.executable, "-m", "openbell.trading.copying", str(tmp_path / "journal.db")]
    with part(tmp_path, source, 2) as journal:
        done = 2
        for kill in range(kills):
            copier = subprocess.Popen(words, stdin=subprocess.PIPE, env=environment(project))
            end = time.monotonic() + draw.uniform(0.2, 0.8)
            while time.monotonic() < end:
                step = draw.randrange(1, 4 * (len(rows) - 2) // (30 * kills) + 3)
                write_again(journal, rows[done : done + step])
                done = min(done + step, len(rows))
                time.sleep(0.01)
            copier.kill()
            copier.communicate()
            assert copier.returncode == -signal.SIGKILL, kill
        write_again(journal, rows[done:])
        last = subprocess.run(words, env=environment(project), stdin=subprocess.DEVNULL, check=False)
        assert last.returncode == 0
    return journal.path


def environment(project: Project) -> dict[str, str]:
    return {**os.environ, **project.environ}


def test_a_copier_killed_at_random_loses_and_doubles_nothing(project: Project, tmp_path: Path, source: Path):
    path = kill_at_random(project, tmp_path, source, kills=8)
    assert_copied(project, path)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_copier_killed_two_hundred_times_loses_and_doubles_nothing(
    project: Project, tmp_path: Path, source: Path
):
    path = kill_at_random(project, tmp_path, source, kills=200)
    assert_copied(project, path)
