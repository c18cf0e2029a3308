"""A sweep on a Ray cluster of several nodes on this machine: the same figures, whoever dies on the way."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pandas as pd
import pytest

import openbell as ob
from openbell.backtesting import cluster
from openbell.backtesting.cluster import Cluster, load_ray
from openbell.core.errors import ConfigError, StrategyError

YEARS = {"start": "2010-01-01", "end": "2011-12-31"}
GRID = {"fast": [3, 5, 8, 10], "slow": [20, 30, 40, 50, 60]}


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

    nodes = Nodes(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    nodes.add_node(num_cpus=1)
    yield nodes.address
    nodes.shutdown()


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


def test_half_of_the_workers_are_killed_and_nothing_is_lost(address, tmp_path):
    killed: list[int] = []

    def kill(done: int, total: int) -> None:
        if done and not killed:
            pid = int(min(tmp_path.iterdir(), key=lambda file: file.stat().st_ctime_ns).name)
            assert pid != os.getpid()
            os.kill(pid, signal.SIGKILL)
            killed.append(pid)

    fixed = {"folder": str(tmp_path)}
    there = ob.sweep(
        Marked, "AAPL", engine="ray", address=address, progress=kill, parameters=fixed, **YEARS, **GRID
    )
    assert killed
    assert len(list(tmp_path.iterdir())) > 2  # another came in its place
    same(there, ob.sweep(Marked, "AAPL", engine="event", workers=1, parameters=fixed, **YEARS, **GRID))


def test_what_one_combination_raises_is_said_and_the_others_go_on(address):
    there = ob.sweep(Raises, "AAPL", engine="ray", address=address, fast=[1, 2, 3], **YEARS)
    assert there.table["sharpe"].isna().tolist()[1:] == [True, True]
    here = ob.sweep(Raises, "AAPL", engine="event", workers=2, fast=[1, 2, 3], **YEARS)
    assert there.table["error"].tolist() == here.table["error"].tolist()


def test_a_combination_that_kills_every_worker_is_named(address, monkeypatch):
    monkeypatch.setattr(cluster, "_TRIES", 1)
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


def test_a_worker_that_cannot_load_the_strategy_says_so(address, monkeypatch):
    real = cluster.pack_by_value
    monkeypatch.setattr(cluster, "pack_by_value", lambda *given: real(*given)[:-40])
    with pytest.raises(ConfigError, match=r"cannot load the strategy.*on every machine"):
        ob.sweep(Cross, "AAPL", engine="ray", address=address, **YEARS, **GRID)


def test_a_budget_that_holds_no_combination_is_refused_before_ray_is_asked():
    with pytest.raises(ConfigError, match="memory=1000 bytes is too little"):
        ob.sweep(Cross, "AAPL", engine="ray", address="127.0.0.1:1", memory=1000, **YEARS, **GRID)


def test_an_address_goes_with_ray_alone():
    with pytest.raises(ConfigError, match="goes with engine='ray' alone"):
        ob.sweep(Cross, "AAPL", address="auto", **YEARS, **GRID)


def test_a_package_that_is_missing_is_named(monkeypatch):
    def none(name: str) -> None:
        raise ModuleNotFoundError(name)

    monkeypatch.setattr(cluster.importlib, "import_module", none)
    with pytest.raises(ConfigError, match=r'pip install "openbell\[ray\]"'), Cluster().connected():
        pass
