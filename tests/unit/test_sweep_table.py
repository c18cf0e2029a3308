"""What a sweep shows: its table, the best, the front, the plateau and the map."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet
from scipy import stats

import openbell as ob
from openbell.backtesting.axes import span
from openbell.backtesting.checkpoint import MANIFEST, TABLE, Folder
from openbell.backtesting.grid import Choice
from openbell.backtesting.measures import MEASURES, read_objectives
from openbell.backtesting.sweep import explore
from openbell.core.errors import ConfigError
from openbell.reporting import sweepfiles
from openbell.reporting.sweepfiles import PAGE, default_name
from openbell.reporting.sweepmap import choose
from openbell.reporting.sweeptable import reach, shown
from tests.unit.sweep_by_hand import Failing, combinations, measured, sweep

PEAK = {(2, 2): 9.0}  #: a lonely peak on a hill around (6, 6)


def hill(one):
    return PEAK.get((one["fast"], one["slow"]), 5.0 - abs(one["fast"] - 6) - abs(one["slow"] - 6))


HILL = measured(combinations(fast=range(10), slow=range(10)), hill)
SAMPLE = measured(
    combinations(choice=Choice("random", 300, 1), fast=span(0.0, 1.0), slow=span(1, 3), kind=["a", "b"]),
    lambda one: one["fast"],
)


def test_the_table_has_a_column_for_each_parameter_and_measure():
    table = sweep(measured(combinations(fast=[5, 10], kind=["x", "y"]), lambda one: one["fast"])).table
    assert list(table.columns) == ["fast", "kind", *MEASURES, "error"]
    assert table.fast.tolist() == [5, 5, 10, 10]
    assert table.fast.dtype == np.int64
    assert table.kind.tolist() == ["x", "y", "x", "y"]
    assert table.sharpe.tolist() == [5.0, 5.0, 10.0, 10.0]
    assert table.error.tolist() == [""] * 4


def test_who_writes_into_the_table_changes_no_figure():
    made = sweep(measured(combinations(fast=[5, 10]), lambda one: one["fast"]))
    made.table.loc[0, "sharpe"] = 99.0
    assert made.table.sharpe.tolist() == [99.0, 10.0]
    assert made.best().measures["sharpe"] == 10.0


def test_columns_are_numbers_where_all_values_are_and_text_where_not():
    made = combinations(a=[1, 2.5], b=[True], c=[ob.SMA(3), "x"], d=[2**70, 1])
    table = sweep(measured(made, lambda _: 1.0)).table
    assert table.dtypes[["a", "b", "d"]].tolist() == [np.float64, np.bool_, np.float64]
    assert set(table.c) == {"SMA(3)", "x"}


def test_a_parameter_that_is_called_as_a_measure_keeps_a_column_of_its_own():
    table = sweep(measured(combinations(exposure=[0.5]), lambda _: 1.0)).table
    assert table["parameter exposure"].tolist() == [0.5]
    assert table.exposure.tolist() == [1.0]


def test_the_best_says_of_how_many():
    made = sweep(HILL)
    best = made.best()
    assert (best.parameters, best.trials, best.measures["sharpe"]) == ({"fast": 2, "slow": 2}, 100, 9.0)
    assert str(best) == "fast=2, slow=2: Sharpe ratio 9.00, the best of 100 combinations tried"
    assert made.best("costs_paid").parameters == {"fast": 0, "slow": 0}
    assert made.trials == 100
    assert "the best of 100 combinations tried" in repr(made)


def test_the_first_of_equals_is_the_best_unless_another_objective_decides():
    results = measured(combinations(fast=[3, 1, 2]), lambda one: one["fast"])
    assert sweep(results).best("trades").parameters == {"fast": 3}
    assert sweep(results).best(["trades", "costs_paid"]).parameters == {"fast": 1}


def test_the_top_rows_are_the_best_first_and_keep_their_index():
    made = sweep(measured(combinations(fast=[3, 1, 2]), lambda one: one["fast"]))
    assert made.top(2).index.tolist() == [0, 2]
    assert made.top(2, "-sharpe").fast.tolist() == [1, 2]
    wrong: Any
    for wrong in (0, True, 2.5):
        with pytest.raises(ConfigError, match="ask for 1 row or more"):
            made.top(wrong)


def test_what_has_no_figure_is_last():
    results = explore(combinations(fast=[1, 2, 3]), Failing({2: "broken"}))
    made = sweep(results)
    assert made.top(3).fast.tolist() == [2, 1, 3]
    assert made.failed == 1
    assert made.table.error.tolist() == ["", "", "broken"]
    assert repr(made).endswith("1 combination failed, the first: broken")


def test_without_any_figure_there_is_no_best_and_it_is_said():
    made = sweep(measured(combinations(fast=[1, 2]), lambda _: np.nan))
    with pytest.raises(ConfigError, match="no combination has a sharpe"):
        made.best()
    with pytest.raises(ConfigError, match="no combination has a sharpe"):
        made.plateau()
    assert "no combination has a sharpe" in repr(made)
    assert len(made.heatmap().data) == 1


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=1, max_size=12))
def test_no_row_beats_one_of_the_front(pairs):
    made = combinations(at=range(len(pairs)))
    results = measured(made, lambda _: 1.0)
    figures = results.values  # noqa: PD011  # no pandas
    for name, values in zip(("sharpe", "costs_paid"), zip(*pairs, strict=True), strict=True):
        figures[:, MEASURES.index(name)] = values
    front = sweep(results).front("sharpe", "costs_paid")
    for sharpe, costs in pairs:
        kept = any(s == sharpe and c == costs for s, c in zip(front.sharpe, front.costs_paid, strict=True))
        beaten = any(s >= sharpe and c <= costs and (s, c) != (sharpe, costs) for s, c in pairs)
        assert kept is not beaten


def test_the_plateau_is_where_neighbours_are_good_and_not_the_peak():
    plateau = sweep(HILL).plateau()
    assert plateau.parameters == {"fast": 6, "slow": 6}
    assert (plateau.value, plateau.neighbours, plateau.trials) == (5.0, 8, 100)
    assert plateau.mean == pytest.approx((5 + 4 * 4 + 4 * 3) / 9)
    assert "3.67 on average over it and 8 neighbours, 5.00 itself, of 100 combinations tried" in str(plateau)
    assert sweep(HILL).plateau("costs_paid").parameters == {"fast": 0, "slow": 1}  # a corner has too few


def test_neighbours_are_by_size_whatever_the_order_and_never_across_kinds():
    made = combinations(fast=[30, 10, 20], kind=["a", "b"])
    figures = {(10, "a"): 4.0, (20, "a"): 4.0, (30, "a"): 0.0, (20, "b"): 9.0}
    results = measured(made, lambda one: figures.get((one["fast"], one["kind"]), -9.0))
    plateau = sweep(results).plateau()
    assert plateau.parameters == {"fast": 10, "kind": "a"}
    assert (plateau.mean, plateau.neighbours) == (4.0, 1)


def test_a_cell_that_a_constraint_isolates_is_no_plateau():
    made = combinations("fast < slow - 6 or fast == 9 and slow == 0", fast=range(10), slow=range(20))
    results = measured(made, lambda one: 99.0 if one["fast"] == 9 and one["slow"] == 0 else 1.0)
    assert sweep(results).best().parameters == {"fast": 9, "slow": 0}
    assert sweep(results).plateau().parameters != {"fast": 9, "slow": 0}


def test_a_fine_grid_has_more_neighbours():
    assert [reach(range(size)) for size in (1, 39, 40, 100)] == [1, 1, 2, 5]


def test_a_sample_has_no_plateau():
    with pytest.raises(ConfigError, match=r"a random sample has no neighbours; plateau\(\) needs method"):
        sweep(SAMPLE).plateau()


def test_a_measure_is_shown_as_it_is_read():
    assert [shown("equity", 1234.5), shown("equity", np.nan), shown("cagr", 0.1)] == [
        "1,234.50",
        "–",
        "10.0%",
    ]


def test_the_map_has_the_cells_where_they_belong_and_marks_the_peak_and_the_plateau():
    figure = sweep(HILL).heatmap()
    cells, peak, plateau = figure.data
    assert (figure.layout.xaxis.title.text, figure.layout.yaxis.title.text) == ("fast", "slow")
    assert cells.z[2][2] == 9.0
    assert cells.z[5][7] == hill({"fast": 7, "slow": 5})
    assert (list(peak.x), list(peak.y)) == (["2"], ["2"])
    assert (list(plateau.x), list(plateau.y)) == (["6"], ["6"])
    frame = figure.layout.shapes[0]
    assert (frame.x0, frame.x1, frame.y0, frame.y1) == (4.5, 7.5, 4.5, 7.5)


def test_the_map_can_be_of_other_axes_and_measures():
    figure = sweep(HILL).heatmap("slow", "fast", "costs_paid")
    assert figure.layout.xaxis.title.text == "slow"
    assert figure.data[0].z[7][5] == 10 * hill({"fast": 7, "slow": 5})
    assert figure.data[0].reversescale


def test_a_cell_is_the_mean_over_what_the_map_does_not_show():
    results = measured(combinations(a=[1, 2], b=[1, 2, 3], c=[0, 10]), lambda one: sum(one.values()))
    figure = sweep(results).heatmap()
    assert figure.layout.xaxis.title.text == "a"
    assert [list(row) for row in figure.data[0].z] == [[7.0, 8.0], [8.0, 9.0], [9.0, 10.0]]


def test_cells_that_were_not_tried_are_empty():
    results = measured(combinations("fast < slow", fast=[1, 2, 3], slow=[2, 3]), lambda _: 1.0)
    figure = sweep(results).heatmap()
    assert [list(row) for row in figure.data[0].z] == [[1.0, None], [1.0, 1.0]]


def test_a_map_of_more_values_than_a_screen_can_tell_apart_shows_groups_of_them():
    results = measured(combinations(a=range(1000), b=[0, 1]), lambda one: one["a"])
    cells, peak, plateau = sweep(results).heatmap().data
    assert np.shape(cells.z) == (2, 200)
    assert [list(cells.x)[at] for at in (0, 1, 199)] == ["0", "5", "995"]
    assert list(cells.z[0][:2]) == [2.0, 7.0]
    assert (list(peak.x), list(plateau.x)) == (["995"], ["995"])
    uneven = measured(combinations(a=range(301)), lambda one: one["a"])
    line = sweep(uneven).heatmap().data[0]
    assert all(0 <= y - int(x) <= 1 for x, y in zip(line.x, line.y, strict=True))


def test_one_parameter_is_a_line():
    figure = sweep(measured(combinations(fast=[3, 1, 2], slow=[9]), lambda one: one["fast"])).heatmap()
    line, peak, _ = figure.data
    assert (list(line.x), list(line.y)) == (["1", "2", "3"], [1.0, 2.0, 3.0])
    assert (list(peak.x), list(peak.y)) == (["3"], [3.0])


def test_a_single_combination_has_a_map_too():
    figure = sweep(measured(combinations(fast=[3], slow=[9]), lambda _: 1.0)).heatmap()
    assert list(figure.data[0].y) == [1.0]


def test_many_drawn_values_are_binned():
    figure = sweep(SAMPLE).heatmap("fast", "kind")
    cells = np.array(figure.data[0].z, float)
    assert cells.shape == (2, 30)
    assert np.nanmax(np.abs(cells - np.array([float(x) for x in figure.data[0].x]))) < 1 / 30
    assert len(figure.data) == 2


def test_the_axes_are_those_with_the_most_values():
    assert choose(SAMPLE, None, None) == ("fast", "slow")
    assert choose(SAMPLE, "kind", None) == ("kind", "fast")
    assert choose(SAMPLE, None, "fast") == ("slow", "fast")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("fst",), "heatmap: 'fst' was not swept; did you mean 'fast'?"),
        (("fast", "fast"), "x and y are both 'fast'"),
        (("fast", "slow", "sharp"), "'sharp' is unknown; did you mean 'sharpe'?"),
    ],
)
def test_a_map_of_what_is_not_there_is_refused(arguments, said):
    with pytest.raises(ConfigError) as error:
        sweep(HILL).heatmap(*arguments)
    assert said in str(error.value)


def test_extremes_do_not_decide_the_colours_of_many_cells():
    results = measured(
        combinations(a=range(20), b=range(20)), lambda one: 1e6 if one == {"a": 3, "b": 3} else one["a"]
    )
    trace = sweep(results).heatmap().data[0]
    assert (trace.zmin, trace.zmax) == (0.0, 19.0)
    flat = measured(combinations(a=range(20), b=range(20)), lambda _: 1.0)
    assert sweep(flat).heatmap().data[0].zmin is None


def test_a_sweep_is_written_whole_and_read_back(tmp_path):
    made = sweep(HILL, where="fast < 99", samples=None)
    folder = made.write(tmp_path / "out")
    assert sorted(path.name for path in folder.iterdir()) == [PAGE, MANIFEST, TABLE]
    read = pd.read_parquet(folder / TABLE)
    pd.testing.assert_frame_equal(read, made.table)
    manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    assert (manifest["trials"], manifest["state"], manifest["best"]["parameters"]) == (
        100,
        "finished",
        {"fast": 2, "slow": 2},
    )
    assert manifest["plateau"]["parameters"] == {"fast": 6, "slow": 6}
    before = (folder / TABLE).read_bytes()
    made.write(folder)
    assert (folder / TABLE).read_bytes() == before
    assert list(tmp_path.iterdir()) == [folder]


def test_a_finished_sweep_is_not_made_again(tmp_path):
    made = sweep(explore(combinations(fast=[1, 2, 3]), Failing({1: "broken"})))
    made.write(tmp_path / "out")
    store = Folder(tmp_path / "out", made.identity, MEASURES)
    again = explore(combinations(fast=[1, 2, 3]), Failing({0: "never asked"}), store=store)
    assert again.errors == {1: "broken"}
    assert np.array_equal(again.values, made.results.values, equal_nan=True)


def test_many_rows_are_written_in_parts(tmp_path, monkeypatch):
    monkeypatch.setattr(sweepfiles, "_ROWS_A_GROUP", 3)
    made = sweep(explore(combinations(fast=range(10), kind=["a"]), Failing({8: "broken"})))
    written = made.write(tmp_path / "out") / TABLE
    assert parquet.ParquetFile(written).num_row_groups == 4
    assert pd.read_parquet(written).equals(made.table)


def test_what_is_no_sweep_is_not_replaced(tmp_path):
    (tmp_path / "letter.txt").write_text("mine", encoding="utf-8")
    for place, said in ((tmp_path, "holds no sweep.json"), (tmp_path / "letter.txt", "is a file")):
        with pytest.raises(ConfigError, match=said):
            sweep(HILL).write(place)
    assert [path.name for path in tmp_path.iterdir()] == ["letter.txt"]


def test_the_page_says_what_was_tried_and_of_how_many(tmp_path):
    for made in (
        sweep(HILL, where="fast < <b>"),
        sweep(SAMPLE, samples=300),
        sweep(measured(combinations(x=list("abcdefghijklmnop"), y=[0.1]), lambda _: np.nan)),
        sweep(measured(combinations(x=[ob.SMA(3)]), lambda _: 1.0), ["-trades", "sharpe"]),
    ):
        page = (made.write(tmp_path / "out") / PAGE).read_text(encoding="utf-8")
        body = page[page.index("<body") : page.index("<script")]
        assert f"{made.trials:,} combination" in body
        assert "the luckiest of them" in body
        assert "<b>" not in body
        assert "http://" not in body


def test_a_folders_name_tells_strategy_and_symbols():
    names = ["A", "B/C", "D", "E"]
    identity = {"strategy": "my cross", "plan": {"symbols": names}}
    assert default_name(identity).startswith("sweep-my_cross-A-B_C-D-and-1-more-")
    assert default_name({**identity, "plan": {"symbols": ["A"]}}).startswith("sweep-my_cross-A-")


def test_a_distribution_of_scipy_is_drawn():
    made = combinations(choice=Choice("latin", 50, 3), x=stats.uniform(2, 1))
    assert all(2 <= value <= 3 for value in made.column("x"))


def test_objectives_may_be_several():
    made = sweep(HILL, ["sharpe", "-trades"])
    assert made.objective == "sharpe"
    assert made.manner.objectives == read_objectives(["sharpe", "-trades"])
    assert len(made.front()) >= 1
