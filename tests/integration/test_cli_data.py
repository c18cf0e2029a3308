"""`openbell data`, and runs on what the catalog and Parquet files hold."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from tests.integration.cli_runs import run, run_folder
from tests.unit.catalog_by_hand import days, minutes, rows

import openbell as ob
from openbell.core.errors import BadData, ConfigError
from openbell.core.types import Dividend, Instrument
from openbell.data import bundled
from openbell.data.bars import Source
from openbell.data.catalog import Catalog, Span
from openbell.data.catalog.key import folder_of
from openbell.data.providers.files import write_file
from openbell.run import instrument, load

IEX = Source("alpaca", "iex")


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for symbol in ("AAPL", "MSFT"):
        for suffix in ("csv", "parquet"):
            Path(suffix).mkdir(exist_ok=True)
            write_file(bundled.load(symbol), Path(f"{suffix}/{symbol}.{suffix}"))
    return tmp_path


# --- between files and the catalog -----------------------------------------------------------------------


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_files_are_imported_with_provenance_and_exported_as_they_were(suffix):
    ended = run("data", "import", suffix, "--provider", "mine", "--feed", "eod", "--json")
    assert ended.code == 0
    assert [one["bars"] for one in ended.document["imported"]] == [3270, 3270]
    assert run("data", "export", "AAPL", "--to", f"out.{suffix}").code == 0
    assert suffix == "parquet" or Path("out.csv").read_bytes() == Path("csv/AAPL.csv").read_bytes()
    shown = run("data", "show", "AAPL", "--json").document["series"][0]
    assert (shown["provider"], shown["feed"], shown["bars"]) == ("mine", "eod", 3270)
    assert shown["provenance"][0]["request"] == f"file AAPL.{suffix}"
    assert shown["hash"] == replace(bundled.load("AAPL"), actions=()).content_hash


def test_minutes_and_extras_survive_a_way_through_files():
    whole = minutes("2024-07-02", "2024-07-05", extra={"trades": minutes("2024-07-02", "2024-07-05").volume})
    for suffix in ("csv", "parquet"):
        write_file(whole, Path(f"ACME.{suffix}"))
        assert run("data", "import", f"ACME.{suffix}", "--provider", "mine", "--timeframe", "1m").code == 0
    read = Catalog("data/catalog").find("ACME", "1m")
    assert Catalog("data/catalog").read(read).content_hash == whole.content_hash


def test_a_second_import_that_differs_is_refused_until_it_is_revised():
    run("data", "import", "csv/AAPL.csv", "--provider", "mine")
    text = Path("csv/AAPL.csv").read_text().replace("130.31", "130.30")
    Path("csv/AAPL.csv").write_text(text)
    again = ("data", "import", "csv/AAPL.csv", "--provider", "mine")
    ended = run(*again)
    assert ended.code == 2
    assert "stored with close 130.31, and written with 130.3; to take the new one, revise" in ended.line
    assert run(*again, "--revise").code == 0
    assert "yes" in run("data", "show", "AAPL").out


def test_adjusted_prices_are_exported_and_not_taken_back():
    run("data", "import", "csv/AAPL.csv", "--provider", "mine")
    Catalog("data/catalog").write_actions(Source("mine", ""), "AAPL", bundled.load("AAPL").actions)
    assert run("data", "export", "AAPL", "--adjusted", "total", "--to", "adjusted.parquet").code == 0
    assert pq.read_table("adjusted.parquet")["close"][0].as_py() < 33  # 130.31, split twice
    ended = run("data", "import", "adjusted.parquet", "--provider", "mine")
    assert "holds adjusted prices (total)" in ended.line


CROSS = "backtest sma_cross --symbols AAPL --provider"
FETCH = "fetch them: openbell data fetch AAPL --provider"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("data import none --provider x", "path 'none' does not exist"),
        ("data import csv --provider ''", "--provider is empty"),
        ("data import csv --provider x --symbols AAPLL", "has no AAPLL.csv"),
        ("data import csv --provider x --calendar NOPE", "calendar 'NOPE' is unknown"),
        ("data export AAPL --to a.csv --provider x", "import them: openbell data import FILE --provider x"),
        ("data show AAPL", f"{FETCH} yahoo --start 2000-01-01"),
        ("data list --catalog ''", "--catalog: '' must name a folder"),
        (f"{CROSS} yahoo", f"{FETCH} yahoo --timeframe 1d --start 2000-01-01"),
        (f"{CROSS} alpaca:sip --timeframe 5m", f"{FETCH} alpaca --feed sip --timeframe 5m --start 2024-"),
        (f"{CROSS} yaho", "did you mean 'yahoo'?"),
        (f"{CROSS} yahoo?catlog=x", "'catlog' is unknown; did you mean 'catalog'?"),
        (f"{CROSS} yahoo --timezone UTC", "--timezone is for files"),
        (f"{CROSS} parquet:", "names no folder"),
        (f"{CROSS} parquet", "data.provider='parquet' needs data.folder"),
        ("backtest sma_cross --symbols ZZZ --data parquet", "has no ZZZ.parquet"),
    ],
)
def test_what_is_wrong_is_one_line_with_the_remedy(words, told):
    ended = run(*[word.strip("'") for word in words.split()])
    assert ended.code == 2
    assert told in ended.line


def test_the_command_that_is_the_remedy_runs_as_it_is_told(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words = ("data", "fetch", "AAPL", "--provider", "synthetic")
    assert run(*words, "--start", "2024-06-03", "--end", "2024-06-28").code == 0
    lacks = run("data", "gaps", "AAPL", "--timeframe", "1m")
    assert lacks.code == 2
    (command,) = re.findall(r"fetch them: openbell (.*)$", lacks.line)
    assert run(*command.split(), "--end", "2024-01-03").code == 0
    assert run("data", "gaps", "AAPL", "--timeframe", "1m").code == 0


def test_an_export_is_a_csv_or_a_parquet_file():
    run("data", "import", "csv/AAPL.csv", "--provider", "mine")
    assert "must end in .csv or .parquet" in run("data", "export", "AAPL", "--to", "a.txt").line
    Path("taken.csv").mkdir()
    refused = run("data", "export", "AAPL", "--to", "taken.csv").line
    assert refused.startswith("file 'taken.csv' cannot be written (Is a directory); check")
    ended = run("data", "export", "AAPL", "--to", "a.csv", "--adjusted", "totals")
    assert "did you mean 'total'?" in ended.line


# --- looking at the catalog ------------------------------------------------------------------------------


def test_an_empty_catalog_is_no_fault():
    assert "holds nothing" in run("data", "list").out
    assert run("data", "gaps").code == run("data", "verify").code == 0


def test_the_list_shows_what_keeps_series_apart():
    catalog = Catalog("elsewhere")
    catalog.write(days(source=IEX))
    catalog.write(days(source=Source("alpaca", "sip", session="extended")))
    shown = run("data", "list", "--catalog", "elsewhere").out
    assert "alpaca:iex" in shown
    assert "extended" in shown
    only = run("data", "list", "ACME", "--provider", "alpaca:iex", "--catalog", "elsewhere", "--json")
    assert [one["feed"] for one in only.document["series"]] == ["iex"]


def test_gaps_name_missing_sessions_bars_and_what_was_never_fetched():
    catalog = Catalog("data/catalog")
    whole, fine = days(source=IEX), minutes(source=IEX)
    catalog.write(rows(whole, [*range(3), *range(5, 10)]), covers=span_of(whole, 0, 9))
    catalog.write(rows(whole, slice(15, 21)), covers=span_of(whole, 15, 20))
    catalog.write(rows(fine, [*range(100), *range(103, 780)]))
    told = {one["timeframe"]: one["gaps"] for one in run("data", "gaps", "--json").document["series"]}
    assert [gap["kind"] for gap in told["1d"]] == ["missing_sessions", "not_fetched"]
    assert told["1d"][0]["message"] == "7 sessions of XNYS have no bar, the first on 2024-01-05"
    assert told["1m"][0]["message"].startswith("3 bars are missing inside sessions")
    assert "was never fetched" in run("data", "gaps", "ACME").out


def span_of(whole, first, last):
    return Span(int(whole.start[first]), int(whole.known[last]))


def test_verify_names_what_is_damaged_and_fails():
    catalog = Catalog("data/catalog")
    catalog.write(days(source=IEX))
    catalog.write(days(symbol="FINE", source=IEX))
    assert run("data", "verify").code == 0
    (bars,) = folder_of(catalog.root, catalog.keys()[0]).glob("bars-*")
    bars.write_bytes(bars.read_bytes()[:-50])
    ended = run("data", "verify", "--json")
    assert ended.code == 1
    assert ended.document["checked"] == 2
    assert bars.name in ended.document["damaged"][0]["message"]
    assert run("data", "verify", "FINE").code == 0


def test_show_has_actions_and_instrument():
    catalog = Catalog("data/catalog")
    catalog.write(days(source=IEX, actions=(Dividend("ACME", int(days().start[4]), 0.5),)))
    catalog.write_instrument("alpaca", Instrument("ACME", tick=0.05, sector="Tools"))
    shown = run("data", "show", "ACME").out
    assert "actions:    1" in shown
    assert "tick 0.05" in shown
    one = run("data", "show", "ACME", "--json").document["series"][0]
    assert one["actions"][0] == {
        "kind": "Dividend", "symbol": "ACME", "ex": "2024-01-08T14:30:00Z", "amount": 0.5,
    }  # fmt: skip


# --- runs ------------------------------------------------------------------------------------------------


def test_a_run_on_the_catalog_is_that_on_the_same_bars_and_names_them(monkeypatch):
    raw = bundled.load("IBM")
    source = Source("yahoo", "")
    catalog = Catalog("elsewhere")
    catalog.write(replace(raw, source=source))
    monkeypatch.setenv("OPENBELL_DATA__CATALOG", "elsewhere")
    words = ("backtest", "sma_cross", "--symbols", "IBM", "--no-check", "--json")
    ended = run(*words, "--provider", "yahoo", "--reports", "stored")
    assert ended.code == 0
    assert ended.document["runs"][0]["ledger_hash"] == run(*words).document["runs"][0]["ledger_hash"]
    kept = json.loads((run_folder(Path("stored")) / "run.json").read_text())
    assert kept["data"][0]["provider"] == "yahoo"
    assert kept["data"][0]["hash"] == raw.content_hash
    monkeypatch.delenv("OPENBELL_DATA__CATALOG")
    assert run("verify", "sma_cross-IBM", "--reports", "stored").code == 0  # it knows its catalog


def test_coarser_bars_of_a_run_are_made_of_the_stored_ones():
    Catalog("data/catalog").write(minutes("2024-01-02", "2024-01-05", source=IEX))
    ended = run(
        "backtest", "buy_and_hold", "--symbols", "ACME", "--provider", "alpaca:iex", "--timeframe", "1h",
        "--no-check", "--json",
    )  # fmt: skip
    assert ended.code == 0
    assert len(load("ACME", provider="alpaca:iex", timeframe="1h")[0]) == 28


def test_a_run_trades_what_the_catalog_says_may_be_traded():
    catalog = Catalog("data/catalog")
    catalog.write(days(source=IEX))
    (series,) = load("ACME", provider="alpaca")
    assert instrument(series, "alpaca").tick == 0.01
    catalog.write_instrument("alpaca", Instrument("ACME", tick=0.05, lot=100.0))
    assert instrument(series, "alpaca").lot == 100.0
    assert instrument(series, "caller").lot == 1.0
    with pytest.raises(BadData, match="no 1d bars from 2023-01-01"):
        load("ACME", provider="alpaca", start="2023-01-01", end="2023-02-01")


def test_findings_of_stored_bars_reach_the_run():
    Catalog("data/catalog").write(rows(days(source=IEX), [*range(3), *range(5, 21)]))
    (series,) = load("ACME", provider="alpaca")
    assert "2 sessions of XNYS have no bar" in series.findings[0].message


def test_adjusted_prices_are_never_traded():
    catalog = Catalog("data/catalog")
    catalog.write(days(source=IEX))
    with pytest.raises(ConfigError, match=r"adjusted \(split\), and no order was ever filled at those"):
        ob.backtest("buy_and_hold", catalog.read(catalog.find("ACME", "1d"), adjusted="split"))


def test_parquet_files_are_read_as_csv_files_are():
    words = ("backtest", "sma_cross", "--symbols", "AAPL,MSFT", "--no-check", "--json")
    hashes = {
        run(*words, *place).document["runs"][0]["ledger_hash"]
        for place in (("--data", "parquet"), ("--data", "csv"), ("--provider", "parquet:parquet"))
    }
    assert len(hashes) == 1
    one = run("backtest", "sma_cross", "--data", "parquet/AAPL.parquet", "--no-check", "--json")
    assert one.document["runs"][0]["symbols"] == ["AAPL"]
