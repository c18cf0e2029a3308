"""Whatever a strategy does wrong leaves the run as one line with strategy, place and bar."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

import openbell as ob
from openbell.core.errors import BadData, ConfigError, Halt, LookAhead, StrategyError
from openbell.strategies.blame import blame
from openbell.strategies.faults import culprit, said, user_code
from tests.unit.bars_by_hand import daily

HERE = Path(__file__).name
PACKAGE = Path(ob.__file__).parent


def run(strategy, **settings):
    series = [daily("A", [10, 11, 12, 13]), daily("B", [20, 21, 22, 23])]
    return ob.backtest(strategy, series, costs=ob.NO_COSTS, **settings)


def acting(act, *, at: int = 1, symbol: str = "A") -> type[ob.Strategy]:
    """Return a strategy that does one thing at one bar."""

    class Acting(ob.Strategy):
        def on_bar(self, bar):
            if (bar.index, bar.symbol) == (at, symbol):
                act(self, bar)

    return Acting


def line_of(strategy, **settings) -> str:
    with pytest.raises(StrategyError) as raised:
        run(strategy, **settings)
    assert "\n" not in str(raised.value)
    return str(raised.value)


def test_an_error_in_a_hook_names_strategy_file_line_function_and_bar():
    class Divider(ob.Strategy):
        def on_bar(self, bar):
            if bar.index == 2:
                self.x = 1 / 0

    first = Divider.on_bar.__code__.co_firstlineno
    assert line_of(Divider) == (
        f"strategy Divider, {HERE}:{first + 2} in on_bar, at 2024-01-04 00:00 UTC: "
        "ZeroDivisionError: division by zero"
    )


def test_the_cause_is_kept_for_who_wants_the_traceback():
    with pytest.raises(StrategyError) as raised:
        run(acting(lambda self, bar: 1 / 0))
    assert isinstance(raised.value.__cause__, ZeroDivisionError)


@pytest.mark.parametrize("hook", ["on_start", "on_bars", "on_fill", "on_stop"])
def test_every_hook_is_watched(hook):
    def fail(self, *_):
        raise ValueError("two\nlines")

    def buy(self, bar):
        self.order(bar.symbol, 1)

    strategy = type("Failing", (ob.Strategy,), {"on_bar": buy, hook: fail})
    assert line_of(strategy).endswith("ValueError: two lines")
    assert f"{HERE}:{fail.__code__.co_firstlineno + 1} in fail" in line_of(strategy)


NAN, INF = float("nan"), float("inf")
LEFT_OUT = "must be a positive number; leave it out for none"
SHARES = "must be a number of shares, negative to sell, not zero"


@pytest.mark.parametrize(("act", "message"), [
    (lambda s, b: s.order("A", NAN), f"order('A'): quantity=nan {SHARES}"),
    (lambda s, b: s.order("A", 0), f"order('A'): quantity=0 {SHARES}"),
    (lambda s, b: s.order("A", -INF), f"order('A'): quantity=-inf {SHARES}"),
    (lambda s, b: s.order("A", -1.5), "quantity 1.5 is not a whole number of lots of 1"),
    (lambda s, b: s.order("A", 1, limit=NAN), f"limit=nan {LEFT_OUT}"),
    (lambda s, b: s.order("A", 1, limit=-5.0), f"order('A'): limit=-5.0 {LEFT_OUT}"),
    (lambda s, b: s.order("A", 1, tif="dya"), "tif='dya' is unknown; did you mean 'day'?"),
    (lambda s, b: s.order("A", 1, trail=1.0, stop=2.0), "either a trail or a limit and a stop, not both"),
    (lambda s, b: s.order("A", "many"), f"order('A'): quantity='many' {SHARES}"),
    (lambda s, b: s.buy("A", stop_loss=NAN), f"stop_loss=nan {LEFT_OUT}"),
    (lambda s, b: s.buy("A", take_profit=-1.0), f"take_profit=-1.0 {LEFT_OUT}"),
    (lambda s, b: s.order("A", 1, trailing_stop=5.0), "trailing_stop=5.0 must be below 1 (0.05 is 5 %)"),
    (lambda s, b: s.buy("AA"), "symbol 'AA' is not in this run; did you mean 'A'?"),
    (lambda s, b: s.buy(b, confidence=0.5), "must be text: bar.symbol, or one such as 'A'"),
    (lambda s, b: s.target_weight("A", NAN),
     "target_weight('A'): weight=nan must be a number: a share of equity, negative for short"),
    (lambda s, b: s.history("A", "clos", 3), "A has no column 'clos'; did you mean 'close'?"),
    (lambda s, b: s.indicator(ob.SMA(2))[0], "is not known yet: [-1] is now, [-2] one bar ago"),
    (lambda s, b: s.missing, "AttributeError: 'Acting' object has no attribute 'missing'"),
])  # fmt: skip
def test_a_slip_is_one_line_that_names_the_value(act, message):
    line = line_of(acting(act))
    assert line.startswith(f"strategy Acting, {HERE}:")
    assert " in <lambda>, at 2024-01-03 00:00 UTC: " in line
    assert line.endswith(message)


def test_a_look_into_the_future_is_still_a_look_ahead():
    with pytest.raises(LookAhead, match=r"bar\[1\] of A asks for a bar that is not known yet$"):
        run(acting(lambda self, bar: bar[1]))


def test_an_endless_loop_of_orders_ends_with_one_line():
    class Endless(ob.Strategy):
        def on_bar(self, bar):
            while True:
                self.order(bar.symbol, 1)

    assert re.fullmatch(
        rf"strategy Endless, {HERE}:\d+ in on_bar, at 2024-01-02 00:00 UTC: "
        r"10001 orders at one moment \(the most is 10000\): a loop\?",
        line_of(Endless),
    )


def test_an_endless_recursion_ends_with_one_line():
    class Deep(ob.Strategy):
        def on_bar(self, bar):
            self.on_bar(bar)

    assert "in on_bar, at 2024-01-02 00:00 UTC: RecursionError: " in line_of(Deep)


def test_an_error_inside_a_library_is_blamed_on_the_line_that_called_it():
    def read(text):
        return json.loads(text)

    line = line_of(acting(lambda self, bar: read("{")))
    assert f"{HERE}:{read.__code__.co_firstlineno + 1} in read" in line
    assert "JSONDecodeError: Expecting property name" in line


def test_an_error_in_an_example_names_the_example():
    with pytest.raises(StrategyError) as raised:
        ob.backtest("pairs_trade", daily("A", [10, 11]))
    assert re.fullmatch(
        r"strategy PairsTrade, pairs_trade\.py:\d+ in on_start, at .* UTC: "
        r"it trades two symbols against each other: name a second one",
        str(raised.value),
    )


def test_what_a_strategy_raises_on_purpose_stops_the_run_in_its_words():
    def give_up(self, bar):
        raise Halt("enough")

    with pytest.raises(Halt, match=r"in give_up, at .*: enough$"):
        run(acting(give_up))


# --- what is not the strategy's ----------------------------------------------------------------------------


def raised_at(place: Path | str) -> BaseException:
    """Return an error of code that stands at a place, without the frames that lead there."""
    with pytest.raises(ZeroDivisionError) as raised:
        exec(compile("1 / 0", str(place), "exec"), {})  # noqa: S102  # code that stands elsewhere
    return raised.value.with_traceback(raised.tb.tb_next)


@pytest.mark.parametrize(("place", "guilty"), [
    ("/home/me/mine.py", True), ("<stdin>", True), (PACKAGE / "strategies" / "examples" / "x.py", True),
    (Path(np.__file__).with_name("x.py"), True), (PACKAGE / "core" / "x.py", False),
    (Path(json.__file__), False), ("<frozen importlib._bootstrap>", False),
])  # fmt: skip
def test_the_user_is_blamed_for_what_is_neither_ours_nor_pythons(place, guilty):
    assert (culprit(raised_at(place).__traceback__) is not None) == guilty


def test_a_watch_lets_through_what_never_touched_the_users_code():
    class Watched:
        strategy = market = None

    ours = raised_at(PACKAGE / "core" / "x.py")
    blame(Watched()).__exit__(type(ours), ours, ours.__traceback__)  # type: ignore[arg-type]  # nothing is asked
    complete = ConfigError("complete")
    user_code("strategy x").__exit__(ConfigError, complete, None)
    with pytest.raises(ConfigError, match=r"^strategy x: ZeroDivisionError: division by zero$"):
        user_code("strategy x").__exit__(type(ours), ours, ours.__traceback__)


@pytest.mark.parametrize("watch", [blame(None), user_code("strategy x")])  # type: ignore[arg-type]  # nothing is asked
def test_an_interrupt_is_nobodys_fault(watch):
    with pytest.raises(KeyboardInterrupt), watch:
        raise KeyboardInterrupt


def test_an_error_without_words_is_named_by_its_type():
    assert said(KeyError()) == "KeyError"
    assert said(BadData("a\n  b")) == "a b"


def test_a_strategy_that_exits_is_an_error_with_its_place():
    class Leaves(ob.Strategy):
        def on_bar(self, bar):
            raise SystemExit(3)

    with pytest.raises(ob.StrategyError, match=r"errors.py:\d+ in on_bar, at .*: SystemExit: 3"):
        ob.backtest(Leaves, "AAPL")
