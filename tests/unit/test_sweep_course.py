"""The course of a sweep: chunks, memory, failures, and what is kept when it is stopped."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import openbell as ob
from openbell.backtesting.checkpoint import Folder, identify
from openbell.backtesting.grid import Combinations
from openbell.backtesting.measures import MEASURES
from openbell.backtesting.plan import Plan
from openbell.backtesting.sweep import (
    Chunked,
    Part,
    Rows,
    SweepInterrupted,
    describe,
    explore,
    megabytes,
    read_memory,
)
from openbell.core.errors import ConfigError, StrategyError
from openbell.strategies.registry import find
from tests.unit.sweep_by_hand import ByHand, Failing, combinations, measured

GRID = combinations(fast=range(10), slow=range(10))
IDENTITY = {"format": 1, "data": {"AAPL 1d": "a"}, "code": "b", "combinations": 100}


def figure(combination: Any) -> float:
    return float(combination["fast"] - combination["slow"])


class Stopped:
    """An engine that Ctrl-C stops after some parts."""

    measures = MEASURES

    def __init__(self, after: int) -> None:
        self.after, self.asked = after, np.zeros(0, np.int64)

    def held(self) -> AbstractContextManager[None]:
        return nullcontext()

    def run(self, given: Combinations, rows: Rows) -> Generator[Part, None, None]:
        self.asked = rows
        for number, part in enumerate(Chunked(ByHand(figure, size=100), memory=1_000).run(given, rows)):
            if number == self.after:
                raise KeyboardInterrupt
            yield part


@given(st.integers(1, 200))
def test_the_result_is_the_same_whatever_the_chunks(fit):
    engine = Chunked(ByHand(figure, size=1_000), memory=fit * 1_000)
    assert np.array_equal(explore(GRID, engine).values, measured(GRID, figure).values)


def test_a_chunk_is_the_largest_power_of_two_that_fits():
    evaluator = ByHand(figure, size=1_000)
    explore(GRID, Chunked(evaluator, memory=39_999))
    assert evaluator.asked == [32, 32, 32, 4]


def test_a_sweep_begins_with_as_many_as_its_engine_is_told():
    evaluator = ByHand(figure, size=1_000)
    explore(GRID, Chunked(evaluator, memory=32_000, first=8))
    assert evaluator.asked[0] == 8
    evaluator = ByHand(figure, size=1_000)
    explore(GRID, Chunked(evaluator, memory=32_000, first=10**6))
    assert evaluator.asked[0] == 32


def test_chunks_shrink_where_one_takes_long(monkeypatch):
    clock = iter(range(0, 10_000, 5))
    monkeypatch.setattr("openbell.backtesting.sweep.perf_counter", lambda: float(next(clock)))
    evaluator = ByHand(figure, size=1_000)
    explore(GRID, Chunked(evaluator, memory=32_000))
    assert evaluator.asked == [32, 16, 8, 4, 2, *[1] * 38]


def test_without_a_budget_one_combination_may_take_what_it_needs():
    assert explore(GRID, Chunked(ByHand(figure, size=10**12))).done.all()


def test_a_chunks_errors_belong_to_their_rows():
    evaluator = ByHand(figure, size=1_000)
    evaluator.wrong = "no"
    assert explore(GRID, Chunked(evaluator, memory=8_000)).errors == dict.fromkeys(range(30, 40), "no")


def test_a_budget_too_small_for_one_combination_is_refused():
    with pytest.raises(ConfigError) as error:
        Chunked(ByHand(figure, size=5_000_000), memory=2_000_000)
    assert str(error.value) == (
        "memory=2MB is too little: one combination needs about 5MB; "
        "give memory='5MB' or more, or shorten the range of dates"
    )


@pytest.mark.parametrize(
    ("given", "size"),
    [("300MB", 300_000_000), ("1.5 GiB", 1_610_612_736), (4096, 4096), ("10kb", 10_000), (None, None)],
)
def test_a_size_is_read(given, size):
    assert read_memory(given) == size


@pytest.mark.parametrize("given", ["lots", "3 TB", "-5MB", 0, True, "", "MB"])
def test_a_size_that_is_none_is_refused(given):
    with pytest.raises(ConfigError, match=r"is no size; write it as '300MB' or '2GB'"):
        read_memory(given)


def test_sizes_are_told_in_megabytes_rounded_up():
    assert [megabytes(size) for size in (999, 1_000_000, 1_000_001)] == ["999 bytes", "1MB", "2MB"]


def test_a_row_that_fails_is_kept_with_its_reason():
    trials = explore(GRID, Failing({3: "division by zero"}), unready={5: "too short"})
    assert trials.errors == {3: "division by zero", 5: "too short"}
    assert np.flatnonzero(np.isnan(trials.values).all(axis=1)).tolist() == [3, 5]


def test_when_all_rows_fail_the_first_reason_is_named():
    made = combinations(fast=[5, 10])
    with pytest.raises(StrategyError, match=r"all 2 combinations failed, the first \(fast=5\) with: no$"):
        explore(made, Failing({0: "no", 1: "never"}))


def test_progress_counts_what_is_done_and_begins_with_what_was_there():
    told: list[tuple[int, int]] = []
    engine = Chunked(ByHand(figure, size=1_000), memory=64_000)
    explore(GRID, engine, unready={0: "x"}, progress=lambda done, total: told.append((done, total)))
    assert told == [(1, 100), (65, 100), (100, 100)]


def test_a_combination_is_described_as_it_would_be_typed():
    assert describe({"fast": 5, "kind": ob.SMA(3)}) == "fast=5, kind=SMA(3)"


def test_ctrl_c_keeps_what_is_done():
    with pytest.raises(SweepInterrupted, match="stopped after 24 of 100 combinations") as error:
        explore(GRID, Stopped(after=3))
    trials = error.value.trials.finished()
    assert len(trials.combinations) == 24
    assert trials.values[:, MEASURES.index("sharpe")].tolist() == [
        figure(one) for one in trials.combinations.between(0, 24)
    ]


def test_what_is_done_before_ctrl_c_keeps_its_errors():
    with pytest.raises(SweepInterrupted) as error:
        explore(GRID, Stopped(after=1), unready={99: "too short"})
    assert error.value.trials.finished().errors == {8: "too short"}


def test_a_stopped_sweep_goes_on_where_it_was(tmp_path):
    folder = tmp_path / "kept"
    with pytest.raises(SweepInterrupted):
        explore(GRID, Stopped(after=3), unready={50: "short"}, store=Folder(folder, IDENTITY, MEASURES))
    second = Stopped(after=99)
    told: list[int] = []
    store = Folder(folder, IDENTITY, MEASURES)
    trials = explore(
        GRID, second, unready={50: "short"}, store=store, progress=lambda done, _: told.append(done)
    )
    assert second.asked.tolist() == [*range(24, 50), *range(51, 100)]
    assert told[0] == 25
    whole = measured(GRID, figure).values
    whole[50] = np.nan
    assert np.array_equal(trials.values, whole, equal_nan=True)


def test_errors_come_back_from_the_folder(tmp_path):
    made = combinations(fast=[1, 2, 3])
    explore(made, Failing({1: "é\n" * 3}), store=Folder(tmp_path, IDENTITY, MEASURES))
    trials = explore(made, Failing({0: "never asked again"}), store=Folder(tmp_path, IDENTITY, MEASURES))
    assert trials.errors == {1: "é\n" * 3}


def test_a_damaged_part_is_made_anew(tmp_path):
    made = combinations(fast=[1, 2, 3])
    explore(made, Failing({}), store=Folder(tmp_path, IDENTITY, MEASURES))
    first, *_ = sorted((tmp_path / "parts").iterdir())
    first.write_bytes(b"half")
    (tmp_path / "parts" / ".left-over").write_bytes(b"half")
    trials = explore(made, Failing({}), store=Folder(tmp_path, IDENTITY, MEASURES))
    assert trials.values[:, 0].tolist() == [0.0, 1.0, 2.0]


def test_a_fresh_start_replaces_what_is_there(tmp_path):
    made = combinations(fast=[1, 2, 3])
    explore(made, Failing({}), store=Folder(tmp_path, IDENTITY, MEASURES))
    again = Folder(tmp_path, IDENTITY, MEASURES, fresh=True)
    trials = explore(made, Failing({1: "now it fails"}), store=again)
    assert trials.errors == {1: "now it fails"}
    assert len(list((tmp_path / "parts").iterdir())) == 3


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ({"data": {"AAPL 1d": "x"}}, "whose data differs in AAPL 1d"),
        ({"code": "x"}, "whose code differs"),
        ({"combinations": 7}, "whose combinations is 100, and here 7"),
    ],
)
def test_another_sweeps_folder_is_refused(tmp_path, other, said):
    explore(GRID, Failing({}), store=Folder(tmp_path, IDENTITY, MEASURES))
    with pytest.raises(ConfigError, match=said):
        Folder(tmp_path, {**IDENTITY, **other}, MEASURES)


def test_a_folder_of_something_else_is_left_alone(tmp_path):
    (tmp_path / "letter.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"is not empty and holds no sweep\.json"):
        Folder(tmp_path, IDENTITY, MEASURES)
    with pytest.raises(ConfigError, match="is a file; name a folder"):
        Folder(tmp_path / "letter.txt", IDENTITY, MEASURES)
    with pytest.raises(ConfigError, match="cannot be used"):
        Folder(tmp_path / "letter.txt" / "below", IDENTITY, MEASURES)


def test_a_folder_that_vanishes_or_cannot_be_written_is_one_line(tmp_path):
    folder = Folder(tmp_path / "there", IDENTITY, MEASURES)
    (tmp_path / "there").write_text("in the way", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"there cannot be used \(Not a directory\)"):
        folder.save(Part(np.array([0]), np.zeros((1, len(MEASURES))), {}))


def test_an_unreadable_manifest_is_one_line(tmp_path):
    (tmp_path / "sweep.json").write_text("{", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"sweep.json cannot be read \(Expecting"):
        Folder(tmp_path, IDENTITY, MEASURES)


def test_an_empty_folder_will_do_and_nothing_is_written_before_something_is_done(tmp_path):
    Folder(tmp_path, IDENTITY, MEASURES)
    Folder(tmp_path / "new", IDENTITY, MEASURES)
    assert list(tmp_path.iterdir()) == []


def test_an_identity_tells_what_decides_a_sweep():
    (series,) = _series()
    made = combinations(fast=[5, 10], kind=[ob.SMA(3)])
    plan = Plan("x", ("AAPL",))
    found = find("sma_cross")
    one = identify(plan, found, [series], made, engine="event")
    assert one["grid"] == {"fast": [5, 10], "kind": ["SMA(3)"]}
    assert one["data"] == {"AAPL 1d": series.content_hash}
    assert one["code"] == found.code_hash
    assert one["rows"] != identify(plan, found, [series], combinations(fast=[5]), engine="event")["rows"]


def test_code_that_was_typed_at_a_prompt_is_told_apart():
    codes = []
    for text in ("1.0 if fast > slow else 0.0", "1.0 if fast < slow else 0.0"):
        space: dict[str, Any] = {"__name__": "typed"}
        exec(f"def decide(fast, slow):\n    return {text}", space)  # noqa: S102  # as typed
        form = ob.signal(fast=ob.SMA(3), slow=ob.SMA(5))(space["decide"])
        codes.append(identify(Plan("x", ("A",)), find(form), [], GRID, engine="event")["code"])
    exec("import openbell as ob\nclass A(ob.Strategy):\n    def on_bar(self, bar): [x for x in ()]", space)  # noqa: S102
    codes.append(identify(Plan("x", ("A",)), find(space["A"]), [], GRID, engine="event")["code"])
    assert len(set(codes)) == 3
    assert all(code.startswith("code:") for code in codes)


def _series() -> Any:
    from openbell import run

    return run.load("AAPL", start="2012-01-01", end="2012-03-01")


def test_a_relative_folder_is_where_it_is_said_to_be(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    explore(GRID, Failing({}), store=Folder("here", IDENTITY, MEASURES))
    assert (Path("here") / "sweep.json").is_file()
