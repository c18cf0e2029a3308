import itertools
import json
import os
import signal
import sqlite3
import subprocess
import sys
import textwrap
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from openbell.core.errors import ConfigError
from openbell.core.types import NANOS_PER_DAY
from openbell.portfolio.sketch import courses_of
from openbell.storage import trialfile
from openbell.storage.schema import migrate
from openbell.storage.trialrecords import (
    CROSS,
    MIGRATIONS,
    TRAINING,
    WALK,
    Batch,
    Seen,
    is_new,
    sum_up,
)
from openbell.storage.trials import TrialLedger

DAYS = (14_000 + np.arange(401)) * NANOS_PER_DAY
FRESH = itertools.count()
SHARPES = np.random.default_rng(2).normal(0.02, 0.03, 1000)


def batch(*numbers: int, kind: str = "backtest", first: int = 0, last: int = 400, note: str = "") -> Batch:
    """Trials of one parameter, whose values are the numbers."""
    rng = np.random.default_rng(list(numbers))
    grown = np.exp(np.cumsum(rng.normal(0.0, 0.01, (1, last - first + 1)), axis=1))
    return Batch(
        kind, "cross (a.py)", "AAPL 1d bundled", int(DAYS[first]), int(DAYS[last]), last - first,
        json.dumps({"names": ["fast"], "values": [list(range(1000))]}),
        np.array(numbers, np.int32)[:, None], np.array(numbers, np.uint64) * 7919 + first,
        SHARPES[list(numbers)], courses_of(DAYS[first : last + 1], grown), note,
    )  # fmt: skip


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "trials.db"


def test_the_same_trial_counts_once_and_keeps_its_number(path: Path) -> None:
    with TrialLedger(path) as ledger:
        assert ledger.record(batch(1), wall=1).number == 1
        assert ledger.record(batch(2, 3), wall=2).number == 3
        again = ledger.record(batch(1), wall=3)
        assert (again.number, again.tried.count) == (1, 3)
        assert ledger.record(batch(3, 4, 4), wall=4).tried.count == 4
        values = [one.parameters["fast"] for one in ledger.trials("cross (a.py)", "AAPL 1d bundled")]
        assert values == [1, 2, 3, 4]
    with TrialLedger(path, read_only=True) as again_open:
        assert again_open.ideas() == [("cross (a.py)", "AAPL 1d bundled")]


@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.lists(st.integers(0, 30), min_size=1, max_size=4), min_size=1, max_size=4), st.randoms())
def test_neither_the_order_nor_repeats_change_what_was_tried(tmp_path, groups, random):
    shuffled = [*groups, *groups[:2]]
    random.shuffle(shuffled)
    found = []
    for name, order in (("one", groups), ("other", shuffled)):
        file = tmp_path / f"{name}-{next(FRESH)}.db"
        with TrialLedger(file) as ledger:
            for numbers in order:
                for number in numbers:  # by itself: a batch's sketch is of what it was drawn with
                    tried = ledger.record(batch(number), wall=1).tried
        found.append(tried)
    assert found[0].count == found[1].count == len({n for numbers in groups for n in numbers})
    assert found[0].independent == pytest.approx(found[1].independent, rel=1e-6)
    assert found[0].deviation == pytest.approx(found[1].deviation)


@given(st.lists(st.integers(0, 12), min_size=1, max_size=12), st.lists(st.integers(0, 12), max_size=12))
def test_what_is_new_is_what_nobody_knows_for_the_first_time(keys, known):
    found = is_new(np.array(keys, np.uint64), np.array(known, np.uint64))
    assert found.tolist() == [key not in known and key not in keys[:at] for at, key in enumerate(keys)]


def test_trials_count_where_their_bars_overlap(path: Path) -> None:
    with TrialLedger(path) as ledger:
        ledger.record(batch(1, 2, first=0, last=200), wall=1)
        ledger.record(batch(3, first=100, last=400), wall=2)
        assert ledger.record(batch(4, first=150, last=300), wall=3).tried.count == 4
        unseen = ledger.record(batch(5, first=300, last=400), wall=4)
        assert unseen.tried.count == 2  # with number 3, which has seen these bars too
        other = batch(6)._replace(idea="another (b.py)")
        assert ledger.record(other, wall=5).tried.count == 1
        assert ledger.record(batch(6)._replace(place="IBM 1d bundled"), wall=6).tried.count == 1
        assert ledger.rows("nobody's", "AAPL 1d bundled") == []
        known = ledger.rows("cross (a.py)", "AAPL 1d bundled")
        assert [row.size for row in known] == [2, 1, 1, 1]
        assert sum_up(known, 400).count == 5


def test_ratios_of_shorter_records_count_for_less(path: Path) -> None:
    with TrialLedger(path) as ledger:
        ledger.record(batch(1, 2)._replace(periods=100), wall=1)
        tried = ledger.record(batch(3), wall=2).tried
    assert tried.deviation == pytest.approx(np.std([*SHARPES[1:3] / 2.0, SHARPES[3]], ddof=1))


def test_ten_thousand_trials_take_little_room(path: Path) -> None:
    many = np.arange(10_000)
    codes = np.stack(np.unravel_index(many, (100, 100)), axis=1).astype(np.int32)
    values = json.dumps({"names": ["fast", "slow"], "values": [list(range(100))] * 2})
    large = batch(1)._replace(
        kind="sweep",
        parameters=values,
        codes=codes,
        keys=many.astype(np.uint64),
        sharpes=SHARPES[many % 1000],
    )
    with TrialLedger(path) as ledger:
        assert ledger.record(large, wall=1).tried.count == 10_000
        last = list(ledger.trials(large.idea, large.place))[-1]
    assert last.parameters == {"fast": 99, "slow": 99}
    assert path.stat().st_size < 300_000


def test_rows_are_never_changed_or_removed(path: Path) -> None:
    with TrialLedger(path) as ledger:
        ledger.record(batch(1), wall=1)
    with closing(sqlite3.connect(path)) as connection:
        for attack in ("UPDATE trial SET size = 0", "DELETE FROM trial"):
            with pytest.raises(sqlite3.IntegrityError, match="never"):
                connection.execute(attack)


def test_a_holdout_is_opened_by_the_first_and_by_nobody_after(path: Path) -> None:
    since = int(DAYS[200])
    with TrialLedger(path) as ledger:
        ledger.record(batch(1, first=0, last=200), wall=1)
        assert ledger.seen("cross (a.py)", "AAPL 1d bundled", since) is None
        opening = batch(1, kind="holdout", note="it lost")
        counted = ledger.open_holdout(opening, since=since, wall=5)
        assert not isinstance(counted, Seen)
        assert counted.tried.count == 2
        again = ledger.open_holdout(opening, since=since, wall=9)
        assert again == Seen(1, 5, "holdout", "it lost")
        ledger.record(batch(7, 8), wall=10)
        seen = ledger.seen("cross (a.py)", "AAPL 1d bundled", since)
        assert seen == Seen(3, 5, "holdout", "it lost")


# --- other processes -----------------------------------------------------------------------------------

WRITER = """
    import sys
    sys.path.insert(0, {root!r})
    from tests.unit.test_trials import batch
    from openbell.storage.trials import TrialLedger
    print("ready", flush=True)
    sys.stdin.readline()
    for number in {numbers}:
        with TrialLedger({path!r}) as ledger:
            ledger.record(batch(number), wall=number)
"""


def start(code: str, path: Path, numbers: range | None = None) -> subprocess.Popen[str]:
    text = textwrap.dedent(code).format(
        root=str(Path(__file__).parents[2]), path=str(path), numbers=repr(numbers)
    )
    process = subprocess.Popen(
        [sys.executable, "-c", text], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def test_two_processes_at_once_lose_and_double_nothing(path: Path) -> None:
    ranges = (range(20), range(10, 30))
    processes = [start(WRITER, path, numbers) for numbers in ranges]
    for process in processes:  # which make the file both at once
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in processes:
        process.communicate(timeout=60)
        assert process.returncode == 0
    with TrialLedger(path) as ledger:
        values = [one.parameters["fast"] for one in ledger.trials("cross (a.py)", "AAPL 1d bundled")]
    assert sorted(values) == list(range(30))
    assert [file.name for file in path.parent.iterdir()] == ["trials.db"]


KILLED = """
    import sys
    sys.path.insert(0, {root!r})
    from tests.unit.test_trials import batch
    from openbell.storage.trials import TrialLedger
    ledger = TrialLedger({path!r})
    ledger.record(batch(1), wall=1)
    ledger._connection.execute("BEGIN IMMEDIATE")
    ledger._record(batch(2), 2)
    print("ready", flush=True)
    sys.stdin.readline()
"""


def test_a_process_killed_in_the_middle_leaves_what_was_whole(path: Path) -> None:
    process = start(KILLED, path)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate(timeout=60)
    with TrialLedger(path) as ledger:
        counted = ledger.record(batch(3), wall=3)
    assert (counted.number, counted.tried.count) == (2, 2)


def test_who_waits_too_long_says_so_and_writes_nothing(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trialfile, "PATIENCE", 0.01)
    with TrialLedger(path) as ledger, closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(ConfigError, match=r"trials\.db' cannot be used \(database is locked\)"):
            ledger.record(batch(1), wall=1)
        with pytest.raises(ConfigError, match="locked"):
            ledger.open_holdout(batch(1), since=0, wall=1)
        other.execute("ROLLBACK")
        assert ledger.record(batch(1), wall=1).tried.count == 1


# --- what may be wrong with a file -----------------------------------------------------------------------


def test_a_file_that_is_no_ledger_is_refused_and_left_alone(path: Path) -> None:
    path.parent.mkdir()
    path.write_text("dear diary\n" * 100)
    with pytest.raises(ConfigError, match="OPENBELL_TRIALS") as caught:
        TrialLedger(path)
    assert "\n" not in str(caught.value)
    assert path.read_text().startswith("dear diary")


@pytest.mark.parametrize("where", ["/proc/trials.db", "/dev/null/trials.db"])
def test_a_place_where_nothing_can_be_written(where: str) -> None:
    with pytest.raises(ConfigError, match="cannot be used"):
        TrialLedger(where)


def test_a_ledger_that_is_not_there_is_not_made_to_be_read(path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be used"):
        TrialLedger(path, read_only=True)
    assert not path.exists()


def test_a_ledger_of_a_later_version_is_refused(path: Path) -> None:
    TrialLedger(path).close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 99")
    with pytest.raises(ConfigError, match="has schema 99, and this Openbell knows 2; update Openbell"):
        TrialLedger(path)


def test_damage_is_one_line(path: Path) -> None:
    with TrialLedger(path) as ledger:
        ledger.record(batch(1)._replace(parameters="{"), wall=1)
        with pytest.raises(ConfigError, match="cannot be used"):
            list(ledger.trials("cross (a.py)", "AAPL 1d bundled"))
        ledger._connection.execute("DROP TABLE trial")
        for ask in (
            ledger.ideas,
            lambda: ledger.seen("", "", 0),
            lambda: ledger.rows("", ""),
        ):
            with pytest.raises(ConfigError, match="no such table"):
                ask()


def test_a_file_system_without_links(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    with TrialLedger(path) as ledger:
        assert ledger.record(batch(1), wall=1).number == 1
    with TrialLedger(path) as ledger:
        assert ledger.record(batch(1), wall=1).tried.count == 1
    late = path.with_name("late.db")
    late.write_bytes(path.read_bytes())
    trialfile.put(path, late)  # another process was quicker: its file stays
    assert path.exists()


def test_a_ledger_of_the_first_version_is_read_as_it_is_and_brought_up_to_date(path: Path) -> None:
    path.parent.mkdir()
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        migrate(connection, path, steps=MIGRATIONS[:1])
    with TrialLedger(path, read_only=True) as ledger:
        assert ledger.ideas() == []
    with TrialLedger(path) as ledger:
        assert ledger.record(batch(1), wall=1).tried.compared == 1
    with closing(sqlite3.connect(path)) as connection:
        for attack in ("UPDATE course SET rows = 0", "DELETE FROM course"):
            with pytest.raises(sqlite3.IntegrityError, match="never"):
                connection.execute(attack)


def test_the_choice_among_trials_is_compared_over_the_bars_of_the_last(path: Path) -> None:
    with TrialLedger(path) as ledger:
        for number in range(1, 4):
            few = ledger.record(batch(number), wall=number).tried
        assert (few.overfitting, few.compared) == (None, 3)
        tried = ledger.record(batch(4), wall=4).tried
        assert tried.compared == 4
        assert tried.overfitting is not None
        assert 0.0 <= tried.overfitting <= 1.0
        part = ledger.record(batch(5, first=100, last=300), wall=5).tried
        assert (part.count, part.overfitting, part.compared) == (5, None, 1)
        ledger.record(batch(6, kind=TRAINING), wall=6)
        assert ledger.record(batch(4), wall=7).tried.compared == 4


def test_what_was_trained_has_not_seen_the_tests(path: Path) -> None:
    with TrialLedger(path) as ledger:
        ledger.record(batch(1, 2, 3, kind=TRAINING), wall=1)
        walked = ledger.record(batch(9, kind=WALK), wall=2)
        assert (walked.number, walked.tried.count, walked.tried.compared) == (1, 1, 0)
        assert ledger.record(batch(1, 2, kind="sweep"), wall=3).tried.count == 6
        assert ledger.record(batch(8, kind=CROSS), wall=4).tried.count == 4
        assert ledger.record(batch(2, 3, kind=TRAINING), wall=5).tried.count == 7  # nothing new
