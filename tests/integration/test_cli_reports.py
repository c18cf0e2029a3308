"""The commands of reports, of a run and of a session in a fresh folder."""

import json

import pytest
from tests.integration.cli_runs import run


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("reports")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(made)
        span = ("--symbols", "AAPL", "--no-check")
        assert run("backtest", "sma_cross", *span, "--start", "2011-06-01", "--end", "2012-06-29").code == 0
        replay = ("--replay", "2011-06-01", "--until", "2012-06-29")
        assert run("paper", "sma_cross", "--symbols", "AAPL", *replay).code == 0
    return made


@pytest.fixture(autouse=True)
def here(folder, monkeypatch):
    monkeypatch.chdir(folder)


def test_a_session_states_what_the_backtest_of_its_bars_states():
    said = [
        json.loads(run("report", "statement", name, "--month", "2012-03", "--json").out)["statements"][0]
        for name in ("sma_cross-AAPL", "paper-sma_cross")
    ]
    assert said[0] == said[1]
    assert said[0]["sessions"] == 22


def test_reports_of_both_are_written_with_a_print(folder):
    assert run("report", "sma_cross-AAPL", "--pdf").code == 0
    assert run("report", "paper-sma_cross", "--pdf").code == 0
    assert len(list(folder.glob("*/*/report.pdf"))) == 2
    assert (folder / "state/paper-sma_cross/report.html").is_file()


def test_comparison_portfolio_statement_and_export_are_written(folder):
    names = ("sma_cross-AAPL", "paper-sma_cross")
    assert run("report", "compare", *names, "--to", "both.html").code == 0
    assert run("report", "portfolio", *names, "--to", "all.html").code == 0
    assert run("report", "statement", "--week", "2012-W10", "--to", "st.pdf").code == 0
    assert run("report", "export", names[1], "--to", "out", "--format", "csv,xlsx").code == 0
    for file in ("both.html", "all.html", "st.pdf", "out/ledger.csv", "out/tables.xlsx"):
        assert (folder / file).is_file()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("statement",), "none was given"),
        (("statement", "--month", "2012-3"), "is no month"),
        (("statement", "--day", "2012-03-05", "--to", "a.doc"), "must end in .html or .pdf"),
        (("compare", "sma_cross-AAPL"), "name 2 to 6"),
        (("export", "sma_cross-AAPL", "--to", "out", "--format", "cvs"), "did you mean 'csv'"),
        (("export", "sma_cross-AAPL", "--to", "out", "--lots", "filo"), "'filo' is unknown"),
        (("nothing-like-it",), "is unknown"),
    ],
    ids=str,
)
def test_what_is_wrong_is_one_line(words, said):
    ended = run("report", *words)
    assert ended.code == 2
    assert said in ended.line
