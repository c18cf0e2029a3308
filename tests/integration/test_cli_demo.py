"""`openbell demo`: the first thing that anybody sees."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from tests.integration.cli_runs import run

from openbell.cli.index import write_index
from openbell.strategies.examples import BY_NAME

FILES = {"report.html", "trades.csv", "orders.csv", "equity.csv", "run.json"}


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    """One demo as a program sees it, for all tests here: it takes seconds."""
    reports = tmp_path_factory.mktemp("demo") / "reports"
    return reports, run("demo", "--reports", str(reports), "--json")


def test_every_example_runs_with_costs_beside_a_benchmark_and_is_clean(shown):
    _, ended = shown
    assert (ended.code, ended.err) == (0, "")
    runs = ended.document["runs"]
    assert [one["name"] for one in runs] == list(BY_NAME)
    for one in runs:
        assert one["lookahead"]["clean"] is True
        assert one["metrics"]["costs_paid"] > 0
        assert one["benchmark_return"] is not None


def test_each_run_has_a_folder_with_its_files(shown):
    reports, ended = shown
    for one in ended.document["runs"]:
        folder = Path(one["folder"])
        assert folder.parent == reports
        assert {path.name for path in folder.iterdir()} >= FILES
        described = json.loads((folder / "run.json").read_text(encoding="utf-8"))
        assert described["ledger_hash"] == one["ledger_hash"]


def test_the_index_links_every_report_and_loads_nothing(shown):
    reports, ended = shown
    page = (reports / "index.html").read_text(encoding="utf-8")
    links = re.findall(r"href='([^']+)'", page)
    assert len(links) == len(ended.document["runs"])
    assert all((reports / link).is_file() for link in links)
    assert "default-src 'none'" in page
    assert "http" not in page.replace("http-equiv", "")


def test_the_index_escapes_names_and_says_which_run_it_cannot_read(tmp_path):
    for name, text in {"a<b": "{}", "c": "no json", ".c-new-1": "{}"}.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "run.json").write_text(text, encoding="utf-8")
    page = write_index(tmp_path).read_text(encoding="utf-8")
    assert page.count("unreadable") == 2
    assert "a&lt;b" in page
    assert "a%3Cb/report.html" in page
    assert not list(tmp_path.glob(".index*"))


def test_a_person_gets_a_table_of_80_columns_and_a_path(tmp_path):
    ended = run("demo", "--reports", str(tmp_path), "--no-check")
    lines = ended.out.splitlines()
    rows = lines[: len(BY_NAME) + 1]
    assert (ended.code, ended.err) == (0, "")
    assert [row.split()[0] for row in rows[1:]] == list(BY_NAME)
    assert all(len(line) <= 80 for line in lines[:-1])
    assert lines[-1] == f"Reports: {tmp_path / 'index.html'}"
