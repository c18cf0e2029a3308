"""A sweep on a Ray cluster of several nodes on this machine: the same figures, whoever dies on the way."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import openbell as ob
from openbell import run
from openbell.backtesting import cluster
from openbell.backtesting.cluster import Cluster, load_ray
from openbell.backtesting.recipe import Recipe
from openbell.backtesting.workers import pack_by_value
from openbell.core.errors import ConfigError, StrategyError

YEARS: dict[str, Any] = {"start": "2010-01-01", "end": "2011-12-31"}
GRID: dict[str, Any] = {"fast": [3, 5, 8, 10], "slow": [20, 30, 40, 50, 60]}


class Cross(ob.Strategy):
    """Long while the fast average is above the slow one."""

    fast: int = ob.param(10, ge=2)
    slow: int = ob.param(30, ge=2)

    def on_start(self):
        self.quick = self.indicator(ob.SMA(self.fast))
        self.calm = self.indicator(ob.SMA(self.slow))

    def on_bar(self, bar):
        (self.buy if self.quick[-1] > self.calm[-1] else self.close)(bar.symbol)


class Marked(Cross):
    """Leaves its process's number in a folder, and lingers a moment."""

    folder: str = ""

    def on_start(self):
        super().on_start()
        (Path(self.folder) / str(os.getpid())).touch()
        time.sleep(0.05)


class Leaves(ob.Strategy):
    """Ends its process for one value."""

    fast: int = 1

    def on_bar(self, bar):
        if self.fast == 2:
            os._exit(7)


class Raises(ob.Strategy):
    """Ends by `sys.exit()`, and raises, for one value each."""

    fast: int = 1

    def on_bar(self, bar):
        if self.fast == 2:
            raise SystemExit(3)
        if self.fast == 3:
            raise ValueError("two\nlines")


@pytest.fixture(scope="module")
def address():
    """Return the address of a cluster of two nodes with one worker each."""
    load_ray()
    from ray.cluster_utils import Cluster as Nodes

    nodes = Nodes()
    for settings in ({"include_dashboard": False}, {}):
        patiently(lambda settings=settings: nodes.add_node(num_cpus=1, **settings))
    yield nodes.address
    nodes.shutdown()


def patiently(start):
    """Start a node; Ray gives one thirty seconds, which are too few where others keep the machine busy."""
    for _ in range(3):
        try:
            return start()
        except Exception as error:
            if "timed out during startup" not in str(error):
                raise
    return start()


def same(one, other):
    pd.testing.assert_frame_equal(one.table, other.table, check_exact=True)


def test_figures_are_those_of_one_process_bit_for_bit(address):
    here = ob.sweep(Cross, "AAPL", engine="event", workers=1, **YEARS, **GRID)
    there = ob.sweep(Cross, "AAPL", engine="ray", address=address, **YEARS, **GRID)
    same(there, here)
    assert there.manner.engine == "event"
    assert there.manner.reason.startswith("on Ray")


def test_a_decision_is_compiled_on_the_cluster(address):
    here = ob.sweep("sma_cross", "AAPL", engine="compiled", **YEARS, **GRID)
    there = ob.sweep("sma_cross", "AAPL", engine="ray", address=address, workers=1, **YEARS, **GRID)
    same(there, here)
    assert there.manner.engine == "compiled"


def test_histories_are_run_on_the_cluster(address):
    few: dict[str, Any] = {"prices": "blocks", "histories": 2, "permutations": 2, "drops": 0}
    result = ob.backtest(Cross, "AAPL", **YEARS)
    here = ob.robustness(result, engine="event", workers=1, **few)
    there = ob.robustness(result, engine="ray", address=address, **few)
    assert there.document() == here.document()


def test_the_workers_are_killed_in_the_middle_and_nothing_is_lost(address, tmp_path):
    killed: list[int] = []

    def kill(done: int, total: int) -> None:
        if done and not killed:
            killed.extend(int(file.name) for file in tmp_path.iterdir())
            for pid in killed:
                os.kill(pid, signal.SIGKILL)

    fixed = {"folder": str(tmp_path)}
    there = ob.sweep(
        Marked, "AAPL", engine="ray", address=address, progress=kill, parameters=fixed, **YEARS, **GRID
    )
    assert killed
    assert os.getpid() not in killed
    assert len(list(tmp_path.iterdir())) > len(killed)  # others came in their place
    same(there, ob.sweep(Marked, "AAPL", engine="event", workers=1, parameters=fixed, **YEARS, **GRID))


def test_a_walk_forward_is_that_of_one_process_though_its_workers_are_killed(address, tmp_path):
    asked: dict[str, Any] = {"train": "9m", "test": "6m", "parameters": {"folder": str(tmp_path)}, **YEARS}
    grid: dict[str, Any] = {"fast": [3, 5, 8], "slow": [20, 30]}
    killed: list[int] = []

    def kill(done: int, total: int) -> None:
        if done and not killed:
            killed.extend(int(file.name) for file in tmp_path.iterdir())
            for pid in killed:
                os.kill(pid, signal.SIGKILL)

    there = ob.walkforward(Marked, "AAPL", engine="ray", address=address, progress=kill, **asked, **grid)
    assert killed
    here = ob.walkforward(Marked, "AAPL", engine="event", workers=1, **asked, **grid)
    assert there.table.equals(here.table)
    assert there.result.hash == here.result.hash


@pytest.mark.slow
def test_a_search_that_learns_stays_connected_and_tries_the_same(address):
    asked: dict[str, Any] = {"method": "optuna", "samples": 12, **YEARS, **GRID}
    same(
        ob.sweep(Cross, "AAPL", engine="ray", address=address, **asked),
        ob.sweep(Cross, "AAPL", engine="event", workers=1, **asked),
    )


@pytest.mark.slow
def test_a_cross_validation_has_the_same_paths(address):
    asked: dict[str, Any] = {"folds": 4, "test_folds": 2, **YEARS, "fast": [3, 5], "slow": [20, 30]}
    for form in (Cross, "sma_cross"):
        there = ob.crossvalidate(form, "AAPL", engine="ray", address=address, **asked)
        assert np.array_equal(there.paths, ob.crossvalidate(form, "AAPL", workers=1, **asked).paths)


class Dies:
    """Draws, and ends the first process that does."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self, first, last, figures, curves):
        mark = self.folder / "died"
        if not mark.exists():
            mark.touch()
            os._exit(9)
        figures[:] = np.arange(first, last)[:, None]
        curves[:] = first


def test_monte_carlo_draws_are_those_of_one_process(address):
    result = ob.backtest("sma_cross", "AAPL", **YEARS)
    here = ob.montecarlo(result, draws=5_000, workers=1)
    for there in (
        ob.montecarlo(result, draws=5_000, engine="ray", address=address),
        ob.montecarlo(result, draws=5_000, workers=2),
    ):
        assert np.array_equal(there.of_days.figures, here.of_days.figures)
        assert np.array_equal(there.of_days.curves, here.of_days.curves)
        assert there.intervals == here.intervals


def test_a_worker_that_dies_over_draws_loses_nothing(address, tmp_path):
    from openbell.backtesting.scattered import Scattered

    figures, curves = Scattered(Cluster(address), piece=30)(Dies(tmp_path), 100, (2, 3))
    assert (tmp_path / "died").exists()
    assert figures[:, 1].tolist() == list(range(100))
    assert curves[:, 2].tolist() == [at - at % 30 for at in range(100)]


def test_draws_that_cannot_be_made_are_said(address, monkeypatch):
    from openbell.backtesting import scattered

    def raises(first, last, figures, curves):
        raise ValueError("no such thing")

    def leaves(first, last, figures, curves):
        os._exit(9)

    spread = scattered.Scattered(Cluster(address))
    with pytest.raises(ConfigError, match="a worker of the cluster failed: ValueError: no such thing"):
        spread(raises, 10, (2, 3))
    monkeypatch.setattr(scattered, "TRIES", 0)
    with pytest.raises(StrategyError, match="1 workers of the cluster died over the same draws"):
        spread(leaves, 10, (2, 3))
    with pytest.raises(ConfigError, match="draws=0"):
        spread(raises, 0, (2, 3))
    with pytest.raises(ConfigError, match="engine='rai' is unknown"):
        scattered.choose_spread("rai", None, None)
    with pytest.raises(ConfigError, match="goes with engine='ray' alone"):
        scattered.choose_spread("auto", "auto", None)


def test_what_a_worker_does_is_what_is_done_here(address):
    with Cluster(address).connected() as ray:
        plan, found, series = run.prepare(Cross, "AAPL", **YEARS)
        recipe = Recipe(run.simulate, plan, found)
        store = [ray.put(pack_by_value(found, tuple(recipe))), ray.put(tuple(series))]
        wanted = [{"fast": 3, "slow": 20}, {"fast": 5, "slow": 20}]
        answers = [cluster._examine(store, wanted) for _ in range(2)]
    expected, errors = recipe.make(series).examine(wanted)
    for found_there, errors_there, seconds in answers:
        assert (found_there == expected).all()
        assert (errors_there, seconds > 0.0) == (errors, True)


def test_what_one_combination_raises_is_said_and_the_others_go_on(address):
    there = ob.sweep(Raises, "AAPL", engine="ray", address=address, fast=[1, 2, 3], **YEARS)
    assert there.table["sharpe"].isna().tolist()[1:] == [True, True]
    here = ob.sweep(Raises, "AAPL", engine="event", workers=2, fast=[1, 2, 3], **YEARS)
    assert there.table["error"].tolist() == here.table["error"].tolist()


def test_a_combination_that_kills_every_worker_is_named(address, monkeypatch):
    monkeypatch.setattr(cluster, "TRIES", 1)
    with pytest.raises(StrategyError, match=r"2 workers of the cluster died over .*fast.*2"):
        ob.sweep(Leaves, "AAPL", engine="ray", address=address, fast=[2], **YEARS)


def test_ctrl_c_keeps_what_is_done_and_another_engine_goes_on(address, tmp_path):
    def stop(done: int, total: int) -> None:
        if done:
            raise KeyboardInterrupt

    with pytest.raises(ob.SweepInterrupted) as stopped:
        ob.sweep(
            Cross,
            "AAPL",
            engine="ray",
            address=address,
            resume=tmp_path / "kept",
            progress=stop,
            **YEARS,
            **GRID,
        )
    assert 0 < int(stopped.value.trials.done.sum()) < 20
    on = ob.sweep(Cross, "AAPL", engine="event", workers=1, resume=tmp_path / "kept", **YEARS, **GRID)
    same(on, ob.sweep(Cross, "AAPL", engine="event", workers=1, **YEARS, **GRID))


def test_a_worker_that_cannot_load_the_strategy_says_so():
    _, found, series = run.prepare(Cross, "AAPL", **YEARS)
    with pytest.raises(ConfigError, match=r"cannot load the strategy.*on every machine"):
        cluster._make(pack_by_value(found, ("no", "work"))[:-4], series)


def test_an_address_where_no_ray_is_says_so():
    with pytest.raises(ConfigError, match=r"address='127.0.0.1:1': no Ray answers there"):
        ob.sweep(Cross, "AAPL", engine="ray", address="127.0.0.1:1", **YEARS, **GRID)


def test_a_class_has_no_compiled_recipe():
    plan, found, series = run.prepare(Cross, "AAPL", **YEARS)
    with pytest.raises(ConfigError, match="only @signal strategies compile"):
        Recipe(run.simulate, plan, found, join=run.panel_of).make(series)


def test_a_budget_that_holds_no_combination_is_refused_before_ray_is_asked():
    with pytest.raises(ConfigError, match="memory=1000 bytes is too little"):
        ob.sweep(Cross, "AAPL", engine="ray", address="127.0.0.1:1", memory=1000, **YEARS, **GRID)


def test_an_address_goes_with_ray_alone():
    with pytest.raises(ConfigError, match="goes with engine='ray' alone"):
        ob.sweep(Cross, "AAPL", address="auto", **YEARS, **GRID)


def test_a_package_that_is_missing_is_named(monkeypatch):
    def none(name: str) -> None:
        raise ModuleNotFoundError(name)

    monkeypatch.setattr("importlib.import_module", none)
    with pytest.raises(ConfigError, match=r'pip install "openbell\[ray\]"'), Cluster().connected():
        pass
