"""`openbell verify` and `openbell report`: recorded runs, run again."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from tests.integration.cli_runs import run, run_folder

STRATEGY = """
import openbell as ob

class Mine(ob.Strategy):
    def on_bar(self, bar):
        self.target_quantity(bar.symbol, 10)
"""


@pytest.fixture
def made(tmp_path, monkeypatch):
    """Return the folder of a recorded run of the user's own strategy on the user's own prices."""
    monkeypatch.chdir(tmp_path)
    rows = "".join(f"2005-01-{day:02d},10,20,1,{day},100000\n" for day in (3, 4, 5, 6, 7, 10, 11))
    Path("MINE.csv").write_text("date,open,high,low,close,volume\n" + rows, encoding="utf-8")
    Path("mine.py").write_text(STRATEGY, encoding="utf-8")
    assert run("backtest", "mine.py", "--data", "MINE.csv").code == 0
    return run_folder(Path("reports"))


def edit(path, old, new):
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def test_the_same_run_is_the_same(made):
    ended = run("verify", str(made))
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.startswith(f"same: 1 ledger row of {made}, byte for byte\n")


def test_a_run_is_found_by_its_path_its_file_its_name_and_its_beginning(made):
    for name in (str(made), str(made / "run.json"), made.name, "mine-M"):
        assert run("verify", name, "--json").document["run"] == str(made)
    assert run("verify", made.name, "--reports", "elsewhere").code == 2


def test_a_beginning_that_fits_two_runs_is_refused_with_both(made):
    shutil.copytree(made, made.with_name("mine-copy"))
    ended = run("verify", "mine")
    assert ended.code == 2
    assert "mine-copy" in ended.line
    assert made.name in ended.line


def test_edited_figures_are_different_though_the_ledger_is_the_same(made):
    described = json.loads((made / "run.json").read_text(encoding="utf-8"))
    described["metrics"]["sharpe"] = 9.9
    (made / "run.json").write_text(json.dumps(described), encoding="utf-8")
    ended = run("verify", str(made))
    assert ended.code == 1
    assert ended.out.startswith(f"DIFFERENT: {made / 'run.json'}\n")
    assert "metrics of" in ended.out


def test_an_edited_ledger_is_different_with_its_first_line(made):
    edit(made / "ledger.csv", ",10", ",11")
    ended = run("verify", str(made), "--json")
    document = ended.document
    assert (ended.code, document["same"], document["changed"]) == (1, False, [])
    assert document["first_difference"]["line"] == 2
    ended = run("verify", str(made))
    assert ended.out.startswith(f"DIFFERENT: {made / 'ledger.csv'}\n  line 2 recorded: ")
    assert "was ledger.csv or the plan edited?" in ended.out


@pytest.mark.parametrize(
    ("path", "old", "new", "changed"),
    [
        ("mine.py", "10)", "12)", "the code of mine.py:Mine"),
        ("MINE.csv", "2005-01-04,10,", "2005-01-04,11,", "the data of MINE"),
    ],
)
def test_what_changed_since_is_named(made, path, old, new, changed):
    edit(Path(path), old, new)
    ended = run("verify", str(made))
    assert ended.code == 1
    assert f"  changed since: {changed}\n" in ended.out
    assert "edited?" not in ended.out


def test_a_version_that_changed_is_named_and_the_same_ledger_is_still_fine(made):
    versions = json.loads((made / "run.json").read_text(encoding="utf-8"))["versions"]
    edit(made / "run.json", f'"numpy": "{versions["numpy"]}"', '"numpy": "1.0"')
    ended = run("verify", str(made))
    assert ended.code == 0
    assert f"changed since: numpy 1.0, now {versions['numpy']}" in ended.out


def test_a_report_is_written_anew_while_the_ledger_is_the_same(made):
    page = (made / "report.html").read_bytes()
    described = (made / "run.json").read_bytes()
    (made / "report.html").write_text("an old one", encoding="utf-8")
    ended = run("report", made.name)
    assert ended.code == 0
    assert ended.out == f"ran {made} again: the ledger is the same\nwrote {made / 'report.html'}\n"
    assert (made / "report.html").read_bytes() == page
    assert (made / "run.json").read_bytes() == described


def test_a_report_is_not_written_over_another_ledger(made):
    edit(Path("mine.py"), "10)", "12)")
    before = {path.name: path.read_bytes() for path in made.iterdir()}
    ended = run("report", made.name)
    assert (ended.code, "nothing was written" in ended.out) == (1, True)
    assert {path.name: path.read_bytes() for path in made.iterdir()} == before


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "no JSON"),
        ("[]", "holds no run"),
        ("{}", "schema None"),
        ('{"schema": 1}', "the plan cannot be read"),
        ('{"schema": 1, "plan": {}}', "the plan cannot be read"),
    ],
)
def test_a_damaged_run_file_is_bad_input(made, text, said):
    (made / "run.json").write_text(text, encoding="utf-8")
    ended = run("verify", str(made))
    assert ended.code == 2
    assert said in ended.line
    assert "run.json" in ended.line


def test_a_run_without_its_ledger_cannot_be_compared(made):
    (made / "ledger.csv").unlink()
    ended = run("verify", str(made))
    assert ended.code == 2
    assert "ledger.csv" in ended.line


@pytest.mark.parametrize(
    ("keys", "value", "said"),
    [
        (("plan",), [], "plan must be a mapping"),
        (("plan", "symbols"), "AAPL", "plan.symbols must be a list"),
        (("plan", "symbols"), [1], "plan.symbols[0] must be text"),
        (("plan", "parameters"), [1], "plan.parameters must be a mapping"),
        (("plan", "provider"), None, "plan.provider must be text"),
        (("plan", "start"), 5, "plan.start must be text or null"),
        (("plan", "cash"), True, "plan.cash must be a number"),
        (("plan", "costs"), "x", "plan.costs must be a mapping"),
        (("plan", "cash"), -1, "cash=-1"),
        (("plan", "finer"), [[]], "plan.finer[0] must be text"),
        (("strategy",), {"a": 1}, "strategy.hash is missing"),
        (("data",), 5, "data must be a list"),
        (("data",), [{}], "data[0].symbol is missing"),
        (("lookahead",), 5, "lookahead must be a mapping or null"),
    ],
)
def test_a_run_file_that_somebody_edited_is_told_where(made, keys, value, said):
    described = json.loads((made / "run.json").read_text(encoding="utf-8"))
    *sections, last = keys
    inner = described
    for key in sections:
        inner = inner[key]
    inner[last] = value
    (made / "run.json").write_text(json.dumps(described), encoding="utf-8")
    ended = run("verify", str(made))
    assert ended.code == 2
    assert ended.line.startswith(f"{made / 'run.json'}: the plan cannot be read ({said}")
    assert ended.line.endswith("; `openbell backtest` makes a new run")


def test_a_run_file_nested_without_end_is_no_json(made):
    (made / "run.json").write_text("[" * 200_000, encoding="utf-8")
    assert "is no JSON" in run("verify", str(made)).line
