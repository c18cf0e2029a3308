"""The migrations, on a real Postgres: by our runner, by the Supabase CLI, and one after the other."""

import json
import os
import shutil
import subprocess
import sys
import threading
import zipfile
from pathlib import Path

import pytest
from tests.postgres.server import Project, where

from openbell.core.errors import ConfigError, Rejected
from openbell.storage.supabase import migrations
from openbell.storage.supabase.connection import connect
from openbell.storage.supabase.migrations import Migration, applied, migrate, pending
from openbell.storage.supabase.tables import ALL, WATCHED

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / "supabase" / "migrations").glob("*.sql"))
VERSIONS = [path.name.partition("_")[0] for path in FILES]
TABLES = "select tablename from pg_tables where schemaname = 'public' order by 1"


def test_every_step_is_applied_once_in_order_and_noted_as_the_cli_does(empty_project: Project):
    told: list[Migration] = []
    with connect(where(empty_project)) as connection:
        assert [one.version for one in pending(connection)] == VERSIONS
        assert migrate(connection, told.append) == told
        assert [f"{one}.sql" for one in told] == [path.name for path in FILES]
        assert migrate(connection) == pending(connection) == []
        assert applied(connection) == VERSIONS
    assert empty_project.ask(TABLES) == [(name,) for name in sorted(ALL)]
    noted = empty_project.ask("select statements from supabase_migrations.schema_migrations order by version")
    assert noted == [([path.read_text(encoding="utf-8")],) for path in FILES]


def test_a_step_that_fails_leaves_nothing_and_those_before_it_stay(
    empty_project: Project, monkeypatch: pytest.MonkeyPatch
):
    bad = Migration("20990101000000", "bad", "create table half (a int); create table journals (a int);")
    whole = migrations.migrations()
    monkeypatch.setattr(migrations, "migrations", lambda: [*whole, bad])
    with connect(where(empty_project)) as connection:
        with pytest.raises(
            Rejected, match='migration 20990101000000_bad: relation "journals" already exists'
        ):
            migrate(connection)
        assert applied(connection) == VERSIONS
        assert pending(connection) == [bad]
    assert empty_project.ask("select to_regclass('public.half')") == [(None,)]


def test_those_who_migrate_at_once_wait_for_each_other(empty_project: Project):
    done: list[list[Migration]] = []

    def run() -> None:
        with connect(where(empty_project)) as connection:
            done.append(migrate(connection))

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(one.version for some in done for one in some) == VERSIONS


def test_a_database_that_is_no_project_is_refused(empty_project: Project):
    empty_project.tell("drop schema auth cascade")
    with connect(where(empty_project)) as connection, pytest.raises(ConfigError, match="no Supabase project"):
        migrate(connection)
    assert empty_project.ask(TABLES) == []


@pytest.mark.parametrize("before", ["drop publication if exists supabase_realtime",
                                    "create publication supabase_realtime for all tables"])  # fmt: skip
def test_the_publication_may_be_there_or_not(empty_project: Project, before: str):
    empty_project.tell(before)
    with connect(where(empty_project)) as connection:
        migrate(connection)
    names = {name for (name,) in empty_project.ask("select tablename from pg_publication_tables")}
    assert names >= set(WATCHED)


@pytest.mark.parametrize(
    ("question", "index"),
    [
        ("select * from orders where owner = '{o}' order by at desc limit 50", "orders_latest"),
        ("select * from fills where owner = '{o}' and strategy = 's' order by at desc limit 50",
         "fills_by_strategy"),
        ("select at, equity from equity where owner = '{o}' and strategy = 's' order by at", "equity_curve"),
        ("select * from positions where owner = '{o}' and quantity <> 0", "positions_open"),
        ("select * from orders where owner = '{o}' and strategy = 's' and open", "orders_open"),
        ("select * from alerts where owner = '{o}' and acknowledged_at is null order by at desc limit 9",
         "alerts_new"),
    ],
)  # fmt: skip
def test_each_question_of_a_dashboard_has_its_index(project: Project, question: str, index: str):
    with project.admin() as connection:
        connection.execute("set enable_seqscan = off")
        connection.execute("set enable_sort = off")
        plan = connection.execute(f"explain {question.format(o='0' * 32)}".encode()).fetchall()
    assert any(index in line for (line,) in plan), plan


def test_the_wheel_carries_the_migrations(tmp_path: Path):
    words = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(words, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert [n for n in names if n.endswith(".sql")] == [
        f"openbell/storage/supabase/migrations/{path.name}" for path in FILES
    ]


@pytest.fixture(scope="session")
def supabase(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The real Supabase CLI, in a folder of its own."""
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("the Supabase CLI needs node, which is not here")
    folder = tmp_path_factory.mktemp("cli")
    (folder / "package.json").write_text("{}")
    done = subprocess.run(
        [npm, "i", "supabase"], cwd=folder, capture_output=True, text=True, timeout=300, check=False
    )
    if done.returncode:
        pytest.skip(f"npm i supabase does not work here: {done.stderr.strip().splitlines()[-1:]}")
    shutil.copytree(ROOT / "supabase", folder / "supabase")
    return folder


def ask_cli(folder: Path, project: Project, *words: str) -> str:
    """Run the CLI against a database, as a superuser; return what it says."""
    environment = {
        **os.environ, "SUPABASE_TELEMETRY_DISABLED": "1", "PGSSLMODE": "disable", "HOME": str(folder),
        "DO_NOT_TRACK": "1",
    }  # fmt: skip
    remote = f"--remote={project.environ['SUPABASE_DB_URL']}"
    done = subprocess.run(
        [str(folder / "node_modules/.bin/supabase"), *words, remote],
        cwd=folder, env=environment, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_supabase_cli_applies_and_lints_the_migrations(supabase: Path, empty_project: Project):
    ask_cli(supabase, empty_project, "db", "push", "--yes")
    assert empty_project.ask(TABLES) == [(name,) for name in sorted(ALL)]
    with connect(where(empty_project)) as connection:
        assert pending(connection) == []
        assert migrate(connection) == []
    ask_cli(supabase, empty_project, "db", "advisors", "--fail-on", "warn")


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_what_we_applied_the_supabase_cli_takes_as_applied(supabase: Path, project: Project):
    assert "up to date" in ask_cli(supabase, project, "db", "push", "--yes", "--dry-run")
    listed = ask_cli(supabase, project, "migration", "list")
    assert all(listed.count(version) >= 2 for version in VERSIONS), json.dumps(listed)
