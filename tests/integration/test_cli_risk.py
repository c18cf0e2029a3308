import pytest
from tests.integration.cli_runs import run

CHECK = ("risk", "check", "sma_cross", "--symbols", "AAPL", "--end", "2001-12-31")


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_a_check_says_what_limits_would_have_done():
    ended = run(*CHECK, "--risk", "standard", "--json")
    (found,) = ended.document["checks"]
    assert ended.code == 0
    assert sum(found["refused"].values()) + found["warnings"] == len(found["refusals"])
    assert found["without"]["worst"]["drawdown"]["value"] > found["with"]["worst"]["drawdown"]["value"]
    said = run(*CHECK, "--risk", "standard").out
    assert "without limits" in said
    assert "value at risk" in said


def test_limits_may_stand_in_a_file_or_be_set(tmp_path):
    (tmp_path / "tight.yaml").write_text("risk:\n  order: {max_quantity: 1}\n", encoding="utf-8")
    (tmp_path / "bare.yaml").write_text("order: {max_quantity: 1}\n", encoding="utf-8")
    for given in (["--risk", "tight.yaml"], ["--risk", "bare.yaml"], ["--set", "risk.order.max_quantity=1"]):
        (found,) = run(*CHECK, *given, "--json").document["checks"]
        assert list(found["refused"]) == ["order_quantity"]
        assert found["with"]["fills"] == 0


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ([], "sma_cross has no limits of risk; give --risk standard, or set some in settings.yaml"),
        (["--risk", "standrd"], "--risk: 'standrd' is no file of limits (.yaml); did you mean 'standard'?"),
        (["--risk", "not.yaml"], "--risk: there is no file 'not.yaml'; name one, or one of standard, none"),
        (["--risk", "none"], "sma_cross has no limits of risk"),
    ],
)
def test_what_is_no_set_of_limits_is_refused(given, says):
    ended = run(*CHECK, *given)
    assert ended.code == 2
    assert says in ended.err


def test_a_file_of_strategies_that_is_not_there_says_how_one_begins(tmp_path):
    said = run("risk", "check", "config/strategies.yaml", "--risk", "standard")
    assert said.code == 2
    start = "openbell: no file 'config/strategies.yaml'; make one, such as "
    assert said.err.startswith(start)
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "strategies.yaml").write_text(said.err.removeprefix(start), encoding="utf-8")
    ended = run("risk", "check", "config/strategies.yaml", "--risk", "standard", "--json")
    assert ended.code == 0
    assert [one["strategy"] for one in ended.document["checks"]] == ["mine"]


def test_a_run_with_limits_writes_what_they_refused(tmp_path):
    ended = run("backtest", *CHECK[2:], "--risk", "standard", "--no-check", "--reports", "out", "--json")
    assert ended.code == 0
    (folder,) = (tmp_path / "out").iterdir()
    assert (
        (folder / "refusals.csv")
        .read_text(encoding="utf-8")
        .startswith("time,order,symbol,limit,value,bound,")
    )
    assert "<h2 id='limits-title'>Limits</h2>" in (folder / "report.html").read_text(encoding="utf-8")
    assert '"reached"' in (folder / "run.json").read_text(encoding="utf-8")
    assert run("verify", str(folder)).code == 0
