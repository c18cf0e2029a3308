"""What the settings say of prices: each slip is one line with its place, and what outweighs what."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.integration.cli_runs import check_refused, run, run_apart

HEADER = "date,open,high,low,close,volume\n"


DAYS = [f"2005-01-{day:02d},10,11,9,10.5,100000\n" for day in (3, 4, 5, 6, 7, 10, 11, 12, 13, 14)]


CROSS = "backtest sma_cross --symbols AAPL"


NAIVE = "time,open,high,low,close,volume\n" + "".join(
    f"2005-01-03T09:3{i}:00,10,11,9,10,9\n" for i in range(10)
)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write_settings(text):
    Path("config").mkdir(exist_ok=True)
    Path("config/settings.yaml").write_text(text, encoding="utf-8")


def write_prices(folder="prices", symbol="A"):
    Path(folder).mkdir(exist_ok=True)
    Path(folder, f"{symbol}.csv").write_text(HEADER + "".join(DAYS), encoding="utf-8")


MINE = ("backtest", "buy_and_hold", "--symbols", "A", "--no-check")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("data:\n  folder: nix\n", "settings.yaml:2: data.folder: 'nix' is not used"),
        ("data:\n  calendar: XNYS\n", "settings.yaml:2: data.calendar: 'XNYS' is not used"),
        ("data:\n  provider: csv:p\n  folder: p\n", "settings.yaml:3: data.folder: 'p' is not used"),
        (
            "data:\n  provider: csv\n  folder: nix\n",
            "settings.yaml:3: data.folder: path 'nix' does not exist",
        ),
        ("data:\n  provider: csv:prices?timezone=UTCC\n", "settings.yaml:2: data.provider: timezone='UTCC'"),
        (
            "data:\n  provider: csv:prices\n  calendar: XNYSS\n",
            "settings.yaml:3: data.calendar: calendar 'XNYSS'",
        ),
        ("data:\n  provider: nix\n", "settings.yaml:2: data.provider='nix' is unknown"),
        ("data:\n  provider: csv\n", "settings.yaml:2: data.provider='csv' needs data.folder"),
        ("data:\n  timeframe: 5m\n", "settings.yaml:2: data.timeframe=5m: the bundled prices are daily"),
        ("benchmark: NIX\n", "settings.yaml:1: benchmark: symbol 'NIX' is not bundled"),
        ("reports:\n  folder: ''\n", "settings.yaml:2: reports.folder: '' must name a folder"),
        ('data:\n  folder: "a\\0b"\n', "settings.yaml:2: data.folder: 'a\\x00b' must not hold a NUL"),
    ],
)
def test_a_setting_of_the_prices_is_blamed_where_it_stands(text, said):
    write_prices()
    write_settings(text)
    symbol = "A" if "csv" in text else "AAPL"
    check_refused([*MINE[:2], "--symbols", symbol], said)


@pytest.mark.parametrize(
    ("text", "words", "place"),
    [
        ("", ["--data", "prices"], "--data: "),
        ("", ["--provider", "csv:prices"], "--provider: "),
        ("data:\n  provider: csv\n  folder: prices\n", [], "config/settings.yaml:3: data.folder: "),
        ("data:\n  provider: csv:prices\n", [], "config/settings.yaml:2: data.provider: "),
    ],
)
def test_a_symbol_without_a_file_is_said_with_the_place_that_names_the_folder(text, words, place):
    write_prices()
    write_settings(text)
    said = "folder 'prices' has no X.csv (it holds A.csv)"
    check_refused(["backtest", "buy_and_hold", "--symbols", "A,X", *words], f"{place}{said}")
    words = [*MINE[:4], *words, "--benchmark", "X"]
    check_refused(words, f"--benchmark: {place}{said}")


def test_what_a_lower_source_says_for_another_provider_is_outweighed():
    write_prices()
    write_settings("data:\n  provider: csv\n  folder: nix\n  calendar: XLON\n")
    assert run(*MINE[:2], "--symbols", "AAPL", "--no-check", "--provider", "bundled").code == 0
    assert run(*MINE, "--data", "prices", "--set", "data.calendar=auto").code == 0
    check_refused([*MINE, "--provider", "bundled", "--set", "data.calendar=XNYS"], "--set", "(--provider)")
    write_settings("data:\n  calendar: XNYS\n")
    assert run(*MINE, "--data", "prices").code == 0


def test_how_to_read_may_stand_in_the_provider_in_the_settings_and_in_an_option():
    write_prices()
    words = ("--provider", "csv:prices?stamp=start", "--set", "data.calendar=24/7", "--timezone", "UTC")
    (one,) = run(*MINE, *words, "--json").document["runs"]
    plan = json.loads(Path(one["folder"], "run.json").read_text(encoding="utf-8"))["plan"]
    assert plan["provider"] == "csv:prices?stamp=start&calendar=24%2F7&timezone=UTC"


# --- what stands in the way of the settings ---------------------------------------------------------------


def test_a_file_where_the_folder_of_settings_is_looked_for_is_not_overlooked():
    Path("config").write_text("seed: 1\n", encoding="utf-8")
    check_refused(["demo"], "config: is a file", "rename it", "--config")
    check_refused(CROSS.split(), "config: is a file", "rename it", "--config")
    Path("config").unlink()
    Path("config").symlink_to("nix")
    check_refused(CROSS.split(), "config: is a link to what is not there", "rename it")


def test_a_folder_where_variables_are_looked_for_is_not_overlooked():
    Path(".env").mkdir()
    check_refused(CROSS.split(), ".env: is a folder", "rename it")
    Path(".env/pyvenv.cfg").write_text("home = /usr/bin\n", encoding="utf-8")  # a virtual environment
    assert run("config", "show").code == 0


def test_settings_that_are_a_link_to_nothing_are_not_overlooked():
    Path("config").mkdir()
    Path("config/settings.yaml").symlink_to("nix")
    check_refused(CROSS.split(), "config/settings.yaml: cannot be read")


# --- names that are no text -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "words",
    [
        ["strategies", "a\udcff.py"],
        ["backtest", "a\udcff.py", "--symbols", "AAPL"],
        [*CROSS.split(), "--reports", "a\udcff"],
        ["new", "strategy", "mine", "--folder", "a\udcff"],
    ],
)
def test_a_word_that_is_no_text_is_refused(words):
    check_refused(words, "of the command line", "a\\udcff", "is no text in", "rename", "PYTHONUTF8=1")


NAMED = "import openbell as ob\nclass Mine(ob.Strategy):\n    def on_bar(self, bar):\n        pass\n"
ASCII = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}


@pytest.mark.parametrize("name", [b"a\xff.py", "ü.py".encode()])
def test_a_file_whose_name_is_no_text_here_is_one_line(name, folder):
    (folder / os.fsdecode(name)).write_text(NAMED, encoding="utf-8")
    for command in ("backtest", "strategies"):
        ended = run_apart(command, os.fsdecode(name), "--json", folder=folder, **ASCII)
        assert (ended.code, ended.document["error"]["kind"]) == (2, "ConfigError")
        assert "is no text in ascii" in ended.line


@pytest.mark.parametrize(
    "environment", [{"LC_ALL": "C"}, {"LC_ALL": "C.UTF-8"}, {**ASCII, "PYTHONUTF8": "1"}]
)
def test_a_file_whose_name_is_text_works_in_every_locale(environment, folder):
    (folder / "ü.py").write_text(NAMED, encoding="utf-8")
    ended = run_apart(
        "backtest", "ü.py", "--symbols", "AAPL", "--no-check", "--json", folder=folder, **environment
    )
    assert (ended.code, ended.err) == (0, "")
    (one,) = ended.document["runs"]
    plan = json.loads((folder / one["folder"] / "run.json").read_text(encoding="utf-8"))["plan"]
    assert plan["strategy"] == "ü.py:Mine"


def test_a_working_folder_that_is_no_text_or_is_gone_is_no_fault_of_ours(folder):
    odd = folder / "b\udcff"
    odd.mkdir()
    (odd / "mine.py").write_text(NAMED, encoding="utf-8")
    ended = run_apart("backtest", "mine.py", "--symbols", "AAPL", "--no-check", folder=odd)
    assert ended.code in {0, 2}
    assert ended.code == 0 or "is no text in" in ended.line
    gone = f"mkdir gone; cd gone; rmdir ../gone; {sys.executable} -m openbell.cli"
    for words, code, said in (
        ("strategies", 2, "openbell: the working folder cannot be used (No such file or directory)"),
        ("--version", 0, ""),
    ):
        done = subprocess.run(
            ["/bin/bash", "-c", f"{gone} {words}"], capture_output=True, cwd=folder, text=True, check=False
        )
        assert (done.returncode, done.stderr[: len(said)]) == (code, said)
