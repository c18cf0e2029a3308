"""`openbell db restore`: a journal comes back from its copy, and its session goes on."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import pytest
from tests.integration.cli_runs import run
from tests.integration.test_live_command import begin, configure, start, until
from tests.loopback.alpaca_broker import AlpacaBrokerServer
from tests.loopback.exchange import Exchange
from tests.postgres.journals import copy, part, stored, trade
from tests.postgres.server import Project

import openbell as ob
from openbell.core.types import Instrument
from openbell.data.bars import parse_date
from openbell.storage.journal import Journal
from openbell.trading.ledger import fold
from openbell.trading.record import latest_session


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, project: Project) -> Project:
    """A user's folder, with the project in the environment."""
    monkeypatch.chdir(tmp_path)
    for name, text in project.environ.items():
        monkeypatch.setenv(name, text)
    return project


def test_a_restored_journal_is_the_copied_one_and_its_copy_goes_on(here: Project, source: Path) -> None:
    copy(here, source)
    ended = run("db", "restore", "--state", "state/again")
    assert ended.code == 0, ended.err
    assert "`openbell resume --state state/again` goes on" in ended.out
    again = Path("state/again/journal.db").absolute()
    assert stored(again) == stored(source)
    assert not list(again.parent.glob("*.restored*"))
    assert copy(here, again) == 0


def test_a_paper_session_goes_on_from_a_restored_journal_as_if_it_had_been_stopped_there(
    here: Project, source: Path, tmp_path: Path
) -> None:
    rows = stored(source)
    first = next(number for number, row in enumerate(rows) if row.kind == "fill" and number > len(rows) // 2)
    cut = next(number for number in range(first, len(rows)) if rows[number].kind == "moment")
    with part(tmp_path, source, cut) as journal:
        pass
    copy(here, journal.path)
    assert run("db", "restore", "--state", "state/again").code == 0
    again = trade(Path("state/again"))
    ledgers = []
    for path in (source, again):
        with Journal(path, read_only=True) as journal:
            (ledger,) = fold(latest_session(journal)[1]).values()
        ends = [(one.id, one.status, one.filled) for one in ledger.orders.values()]
        ledgers.append((ledger.account.cash, ledger.fills, ends))
    assert ledgers[0] == ledgers[1]
    assert len(ledgers[0][1]) > 1


def test_what_cannot_be_restored_is_one_line_and_leaves_no_file(here: Project, source: Path) -> None:
    said = run("db", "restore", "--state", "state/again").line
    assert said.endswith("db restore: no journal is copied in this database")
    copy(here, source)
    ob.paper("sma_cross", "AAPL", start="2003-01-01", end="2003-03-31", state="state/other")
    copy(here, Path("state/other/journal.db"))
    assert (
        "there is a journal at 'state/other/journal.db' already"
        in run(
            "db",
            "restore",
            "--state",
            "state/other",
            "--copy",
            str(here.ask("select id from journals")[0][0]),
        ).line
    )
    assert "which copy? There are: paper " in run("db", "restore", "--state", "state/again").line
    assert (
        "--copy 'xy': no copy's id begins so"
        in run("db", "restore", "--state", "state/again", "--copy", "xy").line
    )
    assert not list(Path("state/again").glob("journal*"))


@pytest.mark.parametrize(
    ("harm", "event"),
    [
        ("update events set body = '{}' where seq = 7", 7),
        ("delete from events where seq = 7", 7),
        ("delete from events where seq > 20", 21),
    ],
)
def test_a_copy_that_was_changed_is_not_restored(here: Project, source: Path, harm: str, event: int) -> None:
    copy(here, source)
    here.tell(harm)
    ended = run("db", "restore", "--state", "state/again")
    assert ended.code == 2
    assert f"event {event} is damaged or missing, so no journal is written" in ended.line
    assert not list(Path("state/again").glob("journal*"))


@pytest.mark.parametrize("behind", [False, True])
async def test_a_live_session_goes_on_from_a_restored_journal_unless_the_copy_lacks_orders(
    behind: bool, here: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = parse_date("2024-07-01T13:30:00+00:00") or 0
    x = Exchange([Instrument("AAPL")], time=at, speed=600.0)
    x.trade("AAPL", "165")
    async with AlpacaBrokerServer(x) as server:
        for name in here.environ:
            monkeypatch.delenv(name)  # the session is not to copy by itself
        configure(tmp_path, server)
        first = await begin(tmp_path)
        await until(lambda: len(x.fills) >= 2, first)
        journal = tmp_path / "state/live-mine/journal.db"
        if behind:
            copy(here, journal)
            known = len(x.fills)
            await until(lambda: len(x.fills) >= known + 2, first)
        first.kill()
        await first.communicate()
        if not behind:
            copy(here, journal)
        shutil.move(tmp_path / "state", tmp_path / "lost")
        for name, text in here.environ.items():
            monkeypatch.setenv(name, text)
        ended = await asyncio.to_thread(run, "db", "restore", "--state", "state/live-mine")
        assert ended.code == 0, ended.err
        before = len(x.orders)
        second = await start(tmp_path, "resume")
        if behind:
            _, err = await asyncio.wait_for(second.communicate(), 90)
            assert second.returncode == 2, err.decode()
            assert "of this session, which its journal does not know" in err.decode()
            assert len(x.orders) == before
            return
        await until(lambda: len(x.orders) > before + 1, second)
        second.terminate()
        _, err = await asyncio.wait_for(second.communicate(), 90)
        assert second.returncode == 0, err.decode()
        assert x.audit() == []
    with Journal(journal, read_only=True) as kept:
        (ledger,) = fold(latest_session(kept)[1]).values()
    held = {symbol: one.quantity for symbol, one in ledger.account.positions.items() if one.quantity}
    assert held == {symbol: float(quantity) for symbol, quantity in x.positions.items() if quantity}
    assert len(ledger.fills) == len(x.fills)
