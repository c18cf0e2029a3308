"""`openbell db`, and the copy that a paper session makes by itself, on a real Postgres."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.integration.cli_runs import run
from tests.postgres.journals import assert_copied, part, stored, write_again
from tests.postgres.server import PASSWORD, Project, Server

from openbell.storage.journal import Journal
from openbell.trading import copying

PAPER = ("paper", "sma_cross", "--symbols", "AAPL", "--replay", "2012-01-03")
JOURNAL = Path("state/paper-sma_cross/journal.db")
NOBODY = "postgresql://postgres:of-nobody@127.0.0.1:9/postgres"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, project: Project) -> Project:
    """A user's folder, with the project in the environment."""
    configure(tmp_path, monkeypatch, project)
    return project


def configure(folder: Path, monkeypatch: pytest.MonkeyPatch, project: Project) -> None:
    monkeypatch.chdir(folder)
    for name, text in project.environ.items():
        monkeypatch.setenv(name, text)


def test_migrate_says_what_it_would_do_does_it_and_has_nothing_more_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, empty_project: Project
):
    configure(tmp_path, monkeypatch, empty_project)
    would = run("db", "migrate", "--dry-run", "--json").document
    assert [name.partition("_")[2] for name in would["pending"]] == [
        "tables", "indexes", "policies", "realtime",
    ]  # fmt: skip
    assert "0 migrations applied, 4 not" in run("db", "status").out
    looked = run("db", "doctor", "--json")
    assert (looked.code, looked.document["findings"][-1]["remedy"]) == (1, "run `openbell db migrate`")
    assert run("db", "migrate").out.count("applied: ") == 4
    assert run("db", "migrate").out == "The tables are up to date.\n"
    assert "There is no journal here" in run("db", "status").out


def test_the_address_may_stand_in_a_file_and_is_needed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SUPABASE_DB_URL", raising=False)
    assert "SUPABASE_DB_URL is not set" in run("db", "status").line
    (tmp_path / ".env").write_text(f"SUPABASE_DB_URL={NOBODY}\n")
    ended = run("db", "status")
    assert (ended.code, "Connection refused" in ended.line) == (2, True)
    assert "of-nobody" not in ended.line


def test_a_paper_session_copies_itself_and_the_database_says_so(
    here: Project, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(copying, "_PATIENCE", 60.0)  # on a busy machine
    assert run(*PAPER).code == 0
    assert_copied(here, JOURNAL)
    (journal,) = run("db", "status", "--json").document["journals"]
    assert (journal["journal"], journal["behind"]) == (str(JOURNAL), 0)
    ended = run("db", "doctor")
    assert (ended.code, "the database has what the copy needs" in ended.out) == (0, True)


def test_a_database_that_is_away_stops_no_session_and_gets_the_rest_later(
    here: Project, monkeypatch: pytest.MonkeyPatch
):
    with monkeypatch.context() as patch:
        patch.setenv("SUPABASE_DB_URL", NOBODY)
        alone = run(*PAPER)
        assert alone.code == 0
        assert "openbell db replicate --state state/paper-sma_cross" in alone.err
    (behind,) = run("db", "status", "--json").document["journals"]
    assert behind["behind"] == len(stored(JOURNAL.absolute()))
    assert run("db", "replicate", "--json").document["journals"][0]["behind"] == 0
    assert_copied(here, JOURNAL)


@pytest.mark.parametrize(
    ("harm", "name", "said"),
    [
        ("alter table orders disable row level security", "row level security", "orders"),
        ("drop policy fills_of_the_owner on fills", "row level security", "fills"),
        ("grant select on fills to anon", "anonymous access", "fills"),
        ("revoke service_role from postgres", "service role", "may not act"),
        ("alter publication supabase_realtime drop table alerts", "realtime", "alerts"),
        ("delete from events where seq = 5", "journal", "events"),
    ],
)
def test_doctor_finds_what_is_open_or_missing(
    own_project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, harm: str, name: str, said: str
):
    configure(tmp_path, monkeypatch, own_project)
    monkeypatch.setattr(copying, "_PATIENCE", 60.0)  # on a busy machine
    run(*PAPER)
    own_project.tell(harm)
    ended = run("db", "doctor", "--json")
    (fault,) = [one for one in ended.document["findings"] if not one["fine"]]
    assert (ended.code, ended.document["healthy"]) == (1, False)
    assert fault["name"].startswith(name)
    assert said in fault["said"]
    assert fault["remedy"]


def test_doctor_says_whose_the_rows_would_be(here: Project, monkeypatch: pytest.MonkeyPatch):
    def owner() -> tuple[bool, str]:
        findings = run("db", "doctor", "--json").document["findings"]
        (one,) = [one for one in findings if one["name"] == "owner"]
        return one["fine"], one["said"] + one["remedy"]

    assert owner() == (True, "00000000-0000-0000-0000-00000000000a, by SUPABASE_OWNER")
    monkeypatch.setenv("SUPABASE_OWNER", "00000000-0000-0000-0000-0000000000ff")
    assert "is no user of the project" in owner()[1]
    monkeypatch.setenv("SUPABASE_OWNER", "")
    assert "several users" in owner()[1]
    here.tell("delete from auth.users where email like 'bert%'")
    assert "the project's only user" in owner()[1]


def test_doctor_names_a_server_that_reads_only(here: Project):
    here.tell(f"alter database {here.name} set default_transaction_read_only = on")
    ended = run("db", "doctor")
    assert ended.code == 1
    assert "it reads only" in ended.out


def test_a_wrong_password_is_refused_without_a_word_of_it(here: Project, monkeypatch: pytest.MonkeyPatch):
    if not isinstance(here.server, Server):
        pytest.skip("somebody else's server may trust everybody")
    monkeypatch.setenv("SUPABASE_DB_URL", here.server.url(here.name).replace("postgres:", "postgres:wrong-"))
    ended = run("db", "status", "--debug")
    assert ended.code == 2
    assert "check the user and the password in SUPABASE_DB_URL" in ended.err
    assert PASSWORD not in ended.err
    assert "wrong-" not in ended.err


def test_several_sessions_are_copied_but_one_is_followed(here: Project):
    for name in ("one", "two"):
        run(*PAPER, "--state", f"state/{name}", "--until", "2012-02-03")
    assert "several sessions, and one can be followed" in run("db", "replicate", "--follow").line
    assert [j["behind"] for j in run("db", "replicate", "--json").document["journals"]] == [0, 0]
    assert "there is no session" in run("db", "replicate", "--state", "nowhere").line
    assert here.ask("select count(*) from journals") == [(2,)]


def test_what_is_followed_is_copied_as_it_comes_until_it_is_interrupted(
    here: Project, tmp_path: Path, source: Path
):
    words = [sys.executable, "-m", "openbell.cli", "db", "replicate", "--follow", "--json", "--state", "f"]
    with part(tmp_path / "f", source, 100) as journal:
        follower = subprocess.Popen(words, stdout=subprocess.PIPE, env=dict(os.environ))
        wait_for(here, 100)
        write_again(journal, stored(source)[100:])
        wait_for(here, len(stored(source)))
        follower.send_signal(signal.SIGINT)
        out, _ = follower.communicate(timeout=90)
    assert follower.returncode == 0
    assert json.loads(out)["journals"][0] == {
        "journal": "f/journal.db", "events": len(stored(source)), "copied": len(stored(source)), "behind": 0,
    }  # fmt: skip
    assert_copied(here, tmp_path / "f" / "journal.db")


def wait_for(project: Project, count: int) -> None:
    end = time.monotonic() + 30
    while project.ask("select coalesce(max(copied), 0) from journals") != [(count,)]:
        assert time.monotonic() < end
        time.sleep(0.02)


def test_a_session_that_is_killed_has_its_copy_completed_by_its_copier(
    here: Project, tmp_path: Path, source: Path
):
    program = (
        "import os, sys\n"
        "from pathlib import Path\n"
        "from openbell.storage.journal import Journal\n"
        "from openbell.trading.copying import copied\n"
        "from tests.postgres.journals import stored, write_again\n"
        "with Journal('journal.db', account='paper') as journal, copied(journal.path, os.environ):\n"
        "    write_again(journal, stored(Path(sys.argv[1])))\n"
        "    os.kill(os.getpid(), 9)\n"
    )
    root = str(Path(__file__).parents[2])
    words = [sys.executable, "-c", program, str(source)]
    ended = subprocess.run(words, env={**os.environ, "PYTHONPATH": root}, check=False)
    assert ended.returncode == -signal.SIGKILL
    wait_for(here, len(stored(source)))
    with Journal(tmp_path / "journal.db", read_only=True) as journal:
        assert journal.verify() == len(stored(source))
    assert_copied(here, tmp_path / "journal.db")
