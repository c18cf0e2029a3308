"""How the kernel is compiled: one piece of code, kept on disk, and made anew when its rules change."""

from __future__ import annotations

import inspect
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numba
import pytest
from numba.core.errors import UnsupportedError

from openbell.backtesting.kernel import compiler, loop
from openbell.backtesting.kernel.compiler import SOURCE, compiled, kept, ready
from openbell.backtesting.kernel.funds import book_fill
from openbell.backtesting.kernel.memory import (
    event_at,
    item,
    order_at,
    put,
    put_value,
    run_at,
    symbol_at,
    value,
)  # fmt: skip
from openbell.backtesting.kernel.records import Run
from openbell.core import rules
from tests.unit.test_kernel_parts import memory_of, put_order

PROBE = """
import json
import openbell as ob
from openbell.backtesting.kernel import loop

@ob.signal(fast=ob.SMA(5), slow=ob.SMA(20))
def crossed(fast, slow):
    return 1.0 if fast > slow else 0.0

result = ob.backtest(crossed, "AAPL", engine="compiled")
stats = loop.replay.stats
print(json.dumps([result.hash, sum(stats.cache_hits.values()), sum(stats.cache_misses.values())]))
"""


@compiled
def move(run: Run, slot: int, cash: float) -> float:
    """Touch each kind of record and array."""
    order, symbol = order_at(run, slot), symbol_at(run, 0)
    order.quantity += 1.0
    symbol.position = 2.0 * order.quantity
    event_at(run, 1).a = cash
    put(run.slots_at, 2, item(run.slots_at, 1) + 40)
    put_value(run.close_at, 0, value(run.close_at, 1) + cash)
    run.cash = cash
    return symbol.position


def step(address, slot):
    run = run_at(address)
    book_fill(run, 0, 3.0, 10.0, 1.0)
    return move(run, slot, run.cash) + move(run, slot, 5.0)


def state(made):
    kept_arrays = {name: made._kept[name].tolist() for name in ("close", "slots", "positions")}
    return kept_arrays, bytes(made.orders[0]), bytes(made.symbols[0]), made.log["a"].tolist(), made.run.cash


def test_compiled_code_does_to_memory_what_python_does():
    results = []
    for form in (step, numba.njit(step)):
        made = memory_of()
        slot = put_order(made)
        results.append((form(made.address, slot), state(made)))
    assert results[0] == results[1]
    assert results[0][0] == 46.0


def test_a_function_is_taken_in_once_and_stays_pythons():
    assert rules.on_tick(9.994, 0.01) == 9.99
    assert move.__name__ == "move"
    assert compiled(move) is move


def test_a_rule_that_changes_changes_the_source(monkeypatch):
    assert compiler._source_hash() == SOURCE
    changed = inspect.getsource(rules).replace(">= 0.0", "> 0.0", 1)
    monkeypatch.setattr(inspect, "getsource", lambda _module: changed)
    assert compiler._source_hash() != SOURCE


def test_a_kernel_file_that_changes_changes_the_source(monkeypatch):
    read = Path.read_text
    monkeypatch.setattr(Path, "read_text", lambda path: read(path) + ("\n" * (path.name == "desk.py")))
    assert compiler._source_hash() != SOURCE


def test_the_source_is_part_of_the_kernel():
    plain = loop.replay.py_func  # type: ignore[attr-defined]  # numba's
    assert SOURCE in [cell.cell_contents for cell in plain.__closure__]


@pytest.mark.timeout(240)
def test_a_second_process_takes_the_machine_code_of_the_first(tmp_path):
    places = {name: str(tmp_path / name) for name in ("NUMBA_CACHE_DIR", "OPENBELL_CACHE")}
    calendars = Path(os.environ["OPENBELL_CACHE"]) / "calendars"
    if calendars.exists():  # those take seconds to compute, and are not the question
        shutil.copytree(calendars, tmp_path / "OPENBELL_CACHE" / "calendars")
    ran = [
        subprocess.run([sys.executable, "-c", "import sys; exec(sys.stdin.read())"], input=PROBE, text=True,
                       capture_output=True, check=True, env=os.environ | places)
        for _ in range(2)
    ]  # fmt: skip
    first, second = (json.loads(one.stdout) for one in ran)
    assert first[0] == second[0]
    assert first[1:] == [0, 1]
    assert second[1:] == [1, 0]
    assert list(tmp_path.glob("OPENBELL_CACHE/decisions/*.py"))


class Dispatcher:
    """Stands for a function of numba."""

    def __init__(self):
        self.signatures = []
        self.asked = 0

    def compile(self, signature):
        self.asked += 1
        self.signatures.append(signature)


@pytest.mark.parametrize("folder", ["there", "none", "a file"])
def test_a_long_compilation_is_announced_once(tmp_path, monkeypatch, folder):
    (tmp_path / "file").write_text("")
    home = {"there": tmp_path, "none": None, "a file": tmp_path / "file" / "below"}[folder]
    said: list[str] = []
    monkeypatch.setattr(compiler, "cache_folder", lambda _name: home)
    monkeypatch.setattr(compiler, "get_logger", lambda: SimpleNamespace(info=said.append))
    for _ in range(2):
        one: Any = Dispatcher()
        for _ in range(2):
            ready(one, ())
        assert one.asked == 1
    assert said == ["compiling the backtest kernel: some seconds, once"] * (1 if folder == "there" else 2)


def test_what_is_kept_runs_without_pythons_lock():
    assert kept(step).targetoptions["nogil"] is True  # type: ignore[attr-defined]  # numba's


@compiled
def refuse(cash: float) -> float:
    """Do what code taken into a kernel cannot."""
    if cash < 0.0:
        raise ValueError
    return cash


def test_a_function_that_raises_does_not_compile():
    def call(cash):
        return refuse(cash)

    with pytest.raises(UnsupportedError, match="raise"):
        numba.njit(call)(1.0)
