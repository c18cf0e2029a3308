"""The option `--universe` of backtest and paper."""

from pathlib import Path

import pytest
from tests.integration.cli_runs import run

ROWS = "symbol,start,end\nAAPL,,2005-06-30\nMSFT,2005-07-01,\nGONE,,\n"
YEARS = ("--start", "2005-01-01", "--end", "2006-12-31")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "index.csv").write_text(ROWS, encoding="utf-8")
    return tmp_path


@pytest.mark.usefixtures("here")
def test_a_backtest_over_a_universe_says_what_it_covers():
    ended = run("backtest", "sma_cross", "--universe", "index.csv", *YEARS)
    assert ended.code == 0, ended.err
    assert "sma_cross on universe index (2 symbols), 2005-01-03 to 2006-12-29" in ended.out
    assert "Universe index: prices for 50.0% of the sessions of 3 members; 66.7% were members" in ended.out
    document = run("backtest", "sma_cross", "--universe", "index.csv", *YEARS, "--json").document
    assert document["runs"][0]["symbols"] == ["AAPL", "MSFT"]


@pytest.mark.usefixtures("here")
def test_a_run_over_a_universe_can_be_verified():
    assert run("backtest", "sma_cross", "--universe", "index.csv", *YEARS).code == 0
    ended = run("verify", "sma_cross")
    assert ended.code == 0, ended.err + ended.out


@pytest.mark.usefixtures("here")
def test_a_universe_is_traded_on_paper():
    words = ("--replay", "2005-01-01", "--until", "2006-12-31", "--json")
    paper = run("paper", "sma_cross", "--universe", "index.csv", *words)
    assert paper.code == 0, paper.err
    backtest = run("backtest", "sma_cross", "--universe", "index.csv", *YEARS, "--json")
    (one,) = paper.document["strategies"]
    assert one["equity"] == pytest.approx(backtest.document["runs"][0]["final_equity"], rel=1e-12)


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--universe", "none.csv"), "--universe: universe 'none.csv' cannot be read"),
        (("--universe", "index.csv", "--symbols", "AAPL"), "--symbols and --universe both say"),
        (
            ("--universe", "early.csv", *YEARS),
            "--universe: early has no member in the range",
        ),
        (("--universe", "bad.csv"), "bad.csv line 2: A ends on 2004-01-01"),
    ],
)
def test_a_universe_that_cannot_be_traded_is_refused(words: tuple[str, ...], said: str):
    Path("early.csv").write_text("symbol,start,end\nAAPL,,2001-01-01\n", encoding="utf-8")
    Path("bad.csv").write_text("symbol,start,end\nA,2005-01-01,2004-01-01\n", encoding="utf-8")
    ended = run("backtest", "sma_cross", *words)
    assert ended.code == 2
    assert said in ended.line
