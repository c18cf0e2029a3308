"""Exports: four forms of the same tables, each as exact as the ledger."""

import csv
import json
import math
from datetime import UTC, datetime
from pathlib import Path

import openpyxl
import pytest
from pyarrow import parquet

import openbell as ob
from openbell.core.errors import ConfigError
from openbell.reporting import columns, exchange


@pytest.fixture(scope="module")
def results():
    return [
        ob.backtest(name, "AAPL", start="2005-01-01", end="2006-12-31")
        for name in ("sma_cross", "donchian_trend")
    ]


@pytest.fixture(scope="module")
def folder(results, tmp_path_factory):
    made = tmp_path_factory.mktemp("export")
    for form in exchange.FORMS:
        exchange.write_tables(results, made, form)
    return made


def read_csv(path):
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_every_column_of_every_table_is_explained(results):
    for name, table in exchange.tables_of(results).items():
        for column in table.columns:
            assert columns.describe(name, column)


def test_all_forms_have_the_same_numbers_bit_for_bit(folder, results):
    table = exchange.tables_of(results)["ledger"]
    numbers = [at for at, kind in enumerate(table.columns.values()) if kind == "number"]
    names = [list(table.columns)[at] for at in numbers]
    exact = [[row[at] for at in numbers] for row in table.rows]
    text = [[float(row[name]) for name in names] for row in read_csv(folder / "ledger.csv")]
    document = json.loads((folder / "tables.json").read_text(encoding="utf-8"))
    plain = [[row[name] for name in names] for row in document["tables"]["ledger"]]
    arrow = [
        [row[name] for name in names] for row in parquet.read_table(folder / "ledger.parquet").to_pylist()
    ]
    assert text == plain == arrow == exact


def test_times_keep_their_zone_and_their_nanoseconds(folder, results):
    first = results[0].outcome.entries[0].time
    kept = parquet.read_table(folder / "ledger.parquet")
    assert str(kept.schema.field("time").type) == "timestamp[ns, tz=UTC]"
    assert kept.column("time")[0].value == first
    stamp = datetime.fromtimestamp(first // 10**9, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    assert read_csv(folder / "ledger.csv")[0]["time"] == stamp
    assert kept.schema.field("amount").metadata == {b"description": b"Money: the change of cash"}


def test_totals_of_every_form_are_the_ledgers_to_the_cent(folder, results):
    document = json.loads((folder / "tables.json").read_text(encoding="utf-8"))
    with_sheets = openpyxl.load_workbook(folder / "tables.xlsx", read_only=False)
    for result in results:
        name = result.found.name
        change = result.outcome.account.cash - result.plan.cash
        amounts = {
            "csv": [float(r["amount"]) for r in read_csv(folder / "ledger.csv") if r["strategy"] == name],
            "json": [r["amount"] for r in document["tables"]["ledger"] if r["strategy"] == name],
            "parquet": [
                r["amount"] for r in parquet.read_table(folder / "ledger.parquet").to_pylist()
                if r["strategy"] == name
            ],
            "xlsx": [
                row[7] for row in with_sheets["ledger"].iter_rows(min_row=2, values_only=True)
                if row[0] == name
            ],
        }  # fmt: skip
        for form, values in amounts.items():
            assert round(math.fsum(values), 2) == round(change, 2), form
        profit = result.final_equity - result.plan.cash
        for table, column in (("trades", "pnl"), ("attribution", "pnl")):
            rows = [r[column] for r in document["tables"][table] if r["strategy"] == name]
            assert round(math.fsum(rows), 2) == round(profit, 2), table
        totals = document["totals"][name]
        assert totals["amounts"] == pytest.approx(change, abs=1e-6)
        fees = [r["fee"] for r in document["tables"]["fills"] if r["strategy"] == name]
        assert round(math.fsum(fees), 2) == round(totals["fees"], 2)
    with_sheets.close()


def test_a_sheet_has_dates_as_dates_and_no_formula(results, tmp_path):
    class Named(ob.Strategy):
        def on_bar(self, bar):
            if bar.index == 1:
                self.order(bar.symbol, 5, tag="=1+1")

    done = ob.backtest(Named, "IBM", start="2005-01-01", end="2005-02-01")
    (file,) = exchange.write_tables([done], tmp_path, "xlsx")
    again = file.read_bytes()
    exchange.write_tables([done], tmp_path, "xlsx")
    assert file.read_bytes() == again
    book = openpyxl.load_workbook(file)
    (row,) = book["fills"].iter_rows(min_row=2)
    assert isinstance(row[1].value, datetime)
    assert (row[-1].value, row[-1].data_type) == ("=1+1", "s")
    book.close()


def test_too_many_rows_for_a_sheet_and_unknown_forms_are_refused(results, tmp_path, monkeypatch):
    monkeypatch.setattr(exchange, "EXCEL_ROWS", 100)
    with pytest.raises(
        ConfigError, match=r"equity has [0-9,]+ rows, and a sheet takes 99; take --format parquet"
    ):
        exchange.write_tables(results, tmp_path, "xlsx")
    with pytest.raises(ConfigError, match="'exel' is unknown"):
        exchange.write_tables(results, tmp_path, "exel")
    assert list(Path(tmp_path).iterdir()) == []
