import subprocess
import sys

import pytest

import openbell as ob
from openbell.run import engines


@ob.signal(fast=ob.SMA(5), slow=ob.SMA(20))
def crossed(fast, slow):
    return 1.0 if fast > slow else 0.0


@ob.signal(fast=ob.SMA(5))
def rooted(fast):
    return 1.0 if fast**0.5 > 3.0 else 0.0


@ob.signal(fast=ob.SMA(5))
def undecided(fast):
    return float("nan") if fast > 20.0 else 1.0


class Buys(ob.Strategy):
    def on_bar(self, bar):
        self.buy(bar.symbol)


def test_both_engines_give_the_same_ledger_and_say_which_ran():
    compiled = ob.backtest(crossed, "AAPL", engine="compiled")
    event = ob.backtest(crossed, "AAPL", engine="event")
    assert (compiled.engine, event.engine) == ("compiled", "event")
    assert compiled.hash == event.hash
    assert compiled.metrics == pytest.approx(event.metrics, nan_ok=True)
    assert [order.life for order in compiled.outcome.orders] == [order.life for order in event.outcome.orders]
    assert "engine compiled: it was asked for" in repr(compiled)


def test_what_is_short_is_not_compiled_for():
    result = ob.backtest(crossed, "AAPL")
    assert (result.engine, result.engine_reason) == ("event", "3,270 bars are too few to compile for")


def test_what_is_long_is_compiled(monkeypatch):
    monkeypatch.setattr(engines, "WORTH_COMPILING", 1_000)
    result = ob.backtest(crossed, "AAPL")
    assert (result.engine, result.engine_reason) == ("compiled", "there are 3,270 bars")


def test_what_is_long_and_cannot_be_compiled_says_why(monkeypatch):
    monkeypatch.setattr(engines, "WORTH_COMPILING", 1_000)
    result = ob.backtest(Buys, "AAPL")
    assert result.engine == "event"
    assert "is a class" in result.engine_reason


@pytest.mark.parametrize(
    ("form", "said"),
    [(Buys, "is a class, which decides in Python"), (rooted, r"test_run_engines\.py:\d+ uses \*\*")],
)
def test_what_cannot_be_compiled_is_one_line_that_offers_the_other_engine(form, said):
    with pytest.raises(ob.ConfigError, match=said) as raised:
        ob.backtest(form, "AAPL", engine="compiled")
    assert str(raised.value).endswith("use engine='event'")


def test_an_unknown_engine_is_one_line():
    with pytest.raises(ob.ConfigError, match="engine='fast' is unknown"):
        ob.backtest(crossed, "AAPL", engine="fast")


def test_a_wrong_decision_is_said_with_its_bar_by_both_engines():
    said = []
    for engine in ("event", "compiled"):
        with pytest.raises(ob.StrategyError) as raised:
            ob.backtest(undecided, "AAPL", engine=engine)
        said.append(str(raised.value))
    assert said[0] == said[1]
    assert "decided nan for AAPL on 20" in said[0]


def test_an_event_backtest_never_loads_the_compiler():
    code = "import sys, openbell as ob; ob.backtest('sma_cross', 'AAPL'); print('numba' in sys.modules)"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "False"


NOWHERE = """
import openbell as ob

names = {"ob": ob, "__name__": "a_module_that_nobody_finds"}
exec('''
@ob.signal(fast=ob.SMA(6), slow=ob.SMA(21))
def crossed(fast, slow):
    return 0.9 if fast > slow else 0.0
''', names)
print(ob.backtest(names["crossed"], "AAPL", engine="compiled").hash)
"""


def test_a_decision_of_no_module_is_kept_for_the_next_process(tmp_path, monkeypatch):
    monkeypatch.setenv("OPENBELL_CACHE", str(tmp_path))
    said = [
        subprocess.run([sys.executable, "-c", NOWHERE], capture_output=True, text=True, check=True).stdout
        for _ in range(2)
    ]
    assert said[0] == said[1]
    assert len(list((tmp_path / "decisions").glob("*.py"))) == 1
