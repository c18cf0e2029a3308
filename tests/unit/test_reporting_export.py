import json
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import openbell as ob
from openbell.backtesting.ledger import ledger_text
from openbell.backtesting.plan import plan_from_json
from openbell.core.errors import ConfigError
from openbell.reporting import identity
from openbell.reporting.export import RUN_FILE, VERDICT_FILE, default_folder, mark, write_run
from openbell.reporting.result import Result
from openbell.strategies.registry import find
from tests.unit.fill_desk import series

FILES = [
    "equity.csv", "fills.csv", "ledger.csv", "orders.csv", "report.html", "run.json", "trades.csv",
    "verdict.json",
]  # fmt: skip


@pytest.fixture(scope="module")
def result() -> Result:
    return ob.backtest("sma_cross", "AAPL", start="2011-01-01", seed=7)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_run_is_written_with_all_its_files_and_nothing_beside_them(result, tmp_path):
    folder = write_run(result, tmp_path / "reports" / "one")
    assert folder == tmp_path / "reports" / "one"
    assert names(folder) == FILES
    assert names(tmp_path / "reports") == ["one"]
    assert (folder / "ledger.csv").read_text() == ledger_text(result.outcome.entries)


def test_writing_the_same_run_again_gives_the_same_bytes(result, tmp_path):
    again = Result(replace(result.plan), result.found, result.outcome, result.benchmark_curve)
    assert default_folder(again) == default_folder(result)


def test_the_usual_folder_names_strategy_symbols_and_ledger(result, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert default_folder(result) == Path("reports") / f"sma_cross-AAPL-{mark(result)}"
    assert write_run(result) == default_folder(result)
    many = Result(
        replace(result.plan, symbols=("BTC/USD", "A", "B", "C", "D")),
        result.found,
        result.outcome,
        np.zeros(1),
    )
    assert default_folder(many).name == f"sma_cross-BTC_USD-A-B-and-2-more-{mark(many)}"


def test_the_working_folder_itself_is_no_run_to_replace(result, monkeypatch, tmp_path):
    (tmp_path / "mine").mkdir()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match="name another folder"):
        write_run(result, ".")


def test_a_report_alone_goes_where_it_is_told(result, tmp_path):
    page = result.report(tmp_path / "new" / "page.html")
    assert page.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert result.report(str(tmp_path / "new")) == tmp_path / "new" / "report.html"
    assert names(tmp_path / "new") == ["page.html", "report.html"]


def test_writing_a_run_of_three_thousand_bars_takes_a_blink(tmp_path):
    times = []
    for number in range(3):
        result = ob.backtest("sma_cross", "AAPL")
        begin = time.process_time()
        write_run(result, tmp_path / str(number))
        times.append(time.process_time() - begin)
    assert min(times) < 0.3


# --- run.json ----------------------------------------------------------------------------------------------


def test_run_json_repeats_the_run(result, tmp_path):
    described = json.loads((write_run(result, tmp_path / "run") / RUN_FILE).read_text(encoding="utf-8"))
    assert described["schema"] == 2
    assert plan_from_json(described["plan"]) == result.plan
    assert described["ledger_hash"] == result.hash
    assert described["strategy"]["parameters"] == {"fast": 10, "slow": 30}
    assert described["strategy"]["code"] == find("sma_cross").source
    assert described["strategy"]["hash"] == find("sma_cross").code_hash
    assert described["seed"] == 7
    assert set(described["versions"]) == {"python", "openbell", "numpy", "TA-Lib", "exchange_calendars"}
    assert described["metrics"].keys() == result.metrics.keys()
    assert described["lookahead"] is None


def test_what_is_thought_of_a_run_is_beside_it_and_no_part_of_what_it_is(result, tmp_path):
    run = write_run(result, tmp_path / "run", lookahead={"clean": False, "text": "look-ahead: x"})
    described = json.loads((run / VERDICT_FILE).read_text(encoding="utf-8"))
    assert described["verdict"]["standing"] == "unsound"
    assert described["findings"][0]["kind"] == "look_ahead"
    assert {notice["level"] for notice in described["findings"]} <= {"serious", "caution", "note"}
    assert "verdict" not in json.loads((run / RUN_FILE).read_text(encoding="utf-8"))


def test_run_json_knows_the_data(result):
    (data,) = identity.describe(result)["data"]
    assert (data["symbol"], data["provider"], data["feed"]) == ("AAPL", "bundled", "quandl-wiki")
    assert (data["adjustment"], data["session"], data["calendar"]) == ("raw", "regular", "XNYS")
    assert (data["timeframe"], data["bars"]) == ("1d", len(result.outcome.times))
    assert (data["first"], data["last"]) == ("2011-01-03T14:30:00Z", "2013-03-01T21:00:00Z")
    assert data["hash"].startswith("sha256:")


def test_run_json_holds_nothing_of_the_machine(result, tmp_path):
    text = (write_run(result, tmp_path / "run") / RUN_FILE).read_text(encoding="utf-8")
    assert str(Path.home()) not in text
    assert str(tmp_path) not in text
    assert str(Path(ob.__file__).parent) not in text


def test_a_verdict_on_look_ahead_is_kept(result, tmp_path):
    verdict = {"clean": False, "kind": "leak", "text": "look-ahead: it reads tomorrow's close."}
    folder = write_run(result, tmp_path / "run", lookahead=verdict)
    assert json.loads((folder / RUN_FILE).read_text())["lookahead"] == verdict
    assert "Look-ahead: it reads tomorrow&#x27;s close." in (folder / "report.html").read_text(
        encoding="utf-8"
    )


def test_what_is_no_finite_number_is_null_and_objects_are_their_text():
    class Idle(ob.Strategy):
        what: str = "x"

        def on_bar(self, bar):
            pass

    result = ob.backtest(Idle, series(["10 11 9 10"] * 3), parameters={"what": "y"})
    odd = replace(
        result.plan,
        parameters={"n": np.int64(3), "f": np.float64(0.5), "inf": np.inf, "o": ob.SMA(5), "t": (1, True)},
    )
    described = identity.describe(Result(odd, result.found, result.outcome, result.benchmark_curve))
    kept = described["plan"]["parameters"]
    assert (kept["n"], kept["f"], kept["inf"], kept["t"]) == (3, 0.5, None, [1, True])
    assert "SMA" in kept["o"]
    assert described["metrics"]["sharpe"] is None
    assert json.loads(identity.as_text(described)) == described


def test_the_origin_of_a_file_is_as_it_was_typed_and_of_a_script_without_its_folders(tmp_path, monkeypatch):
    code = "import openbell as ob\nclass Idle(ob.Strategy):\n    def on_bar(self, bar):\n        pass\n"
    (tmp_path / "mine.py").write_text(code)
    monkeypatch.chdir(tmp_path)
    found = find("mine.py:Idle")
    assert identity.origin(found) == "mine.py:Idle"

    class Script(ob.Strategy):
        pass

    Script.__module__ = "__main__"
    inside, outside = f"{tmp_path / 'sub' / 'run.py'}:Script", "/somewhere/else/run.py:Script"
    assert identity.origin(replace(found, form=Script, origin=inside)) == "sub/run.py:Script"
    assert identity.origin(replace(found, form=Script, origin=outside)) == "run.py:Script"
    assert identity.origin(replace(found, form=Script, origin="__main__:Script")) == "__main__:Script"
    signal = ob.signal(period=ob.SMA(5))(lambda period: period)
    assert identity.origin(replace(found, form=signal)) == "mine.py:Idle"


def test_a_package_that_is_not_installed_has_no_version(monkeypatch):
    monkeypatch.setattr(identity, "PACKAGES", ("openbell", "no-such-package"))
    assert identity.versions()["no-such-package"] == ""


def test_an_undecodable_name_does_not_stop_the_writing(result, tmp_path):
    odd = Result(
        replace(result.plan, benchmark="\udcff"), result.found, result.outcome, result.benchmark_curve
    )
    page = odd.report(tmp_path / "page.html").read_text(encoding="utf-8")
    assert "holding \\udcff" in page
    text = (write_run(odd, tmp_path / "run") / RUN_FILE).read_text(encoding="utf-8")
    assert json.loads(text)["plan"]["benchmark"] == "\\udcff"  # six characters: JSON has no half of a pair
