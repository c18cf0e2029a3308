import inspect
import json
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import Any, get_type_hints

import numpy as np
import pandas as pd
import pytest

import openbell as ob
from openbell.backtesting.ledger import ledger_text, stamp
from openbell.backtesting.plan import Plan, make_sizer, plan_from_json
from openbell.core.errors import ConfigError
from openbell.run import Settings, execute, load, prepare
from tests.unit.bars_by_hand import daily

PLAN = Plan(
    strategy="sma_cross",
    symbols=("AAPL",),
    parameters={"fast": 20},
    start="2005-01-01",
    costs=ob.Costs(margin=ob.REG_T, slippage=ob.Slippage(bps=1.0)),
    sizer=ob.FixedQuantity(100),
    seed=7,
    instruments=(ob.Instrument("AAPL", lot=0.001),),
)


def test_a_plan_survives_json():
    assert plan_from_json(json.loads(json.dumps(PLAN.as_json()))) == PLAN


def test_a_plan_that_was_read_back_gives_the_same_ledger():
    again = plan_from_json(json.loads(json.dumps(PLAN.as_json())))
    assert execute(again).hash == execute(PLAN).hash


@pytest.mark.parametrize("method", ["share_of_equity", "fixed_quantity", "fixed_notional"])
def test_each_sizer_is_made_by_name(method):
    values: dict[str, dict[str, float]] = {
        "share_of_equity": {},
        "fixed_quantity": {"quantity": 10},
        "fixed_notional": {"notional": 1e4},
    }
    assert make_sizer(method, **values[method])


def test_a_sizer_of_the_callers_cannot_be_made_again():
    class Own:
        def size(self, conviction, *, instrument, price, equity):
            return 1.0

    plan = Plan(strategy="sma_cross", symbols=("AAPL",), sizer=Own())
    with pytest.raises(ConfigError, match=r"sizing.method='Own' is unknown"):
        plan_from_json(plan.as_json())


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"cash": 0}, "cash=0 must be more than zero"),
        ({"cash": float("nan")}, "cash=nan must be a number, more than zero"),
        ({"cash": 1e308}, "cash=1e\\+308 must be at most 1e\\+13"),
        ({"symbols": ()}, "name at least one symbol"),
        ({"seed": -1}, "seed=-1 must be a whole number"),
        ({"seed": "x"}, "seed='x' must be a whole number"),
        ({"seed": True}, "seed=True must be a whole number"),
    ],
)
def test_a_plan_that_cannot_run_is_refused(values, message):
    with pytest.raises(ConfigError, match=message):
        Plan(**{"strategy": "sma_cross", "symbols": ("AAPL",), **values})


def test_an_unknown_sizer_or_parameter_is_named():
    with pytest.raises(ConfigError, match="'share_of_equty' is unknown; did you mean 'share_of_equity'"):
        make_sizer("share_of_equty")
    with pytest.raises(ConfigError, match=r"sizing.method='share_of_equity': .*'size'"):
        make_sizer(size=1)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: load("AAPL", start="2005-01-02", end="2005-01-01"), "the range of dates is empty"),
        (lambda: load("AAPL", start="2030-01-01"), "AAPL"),
        (lambda: load("APPL"), "'APPL' is not bundled"),
        (lambda: ob.backtest("sma_cross", []), "names nothing to trade"),
        (lambda: load("AAPL", timeframe="1m"), "bundled prices are daily"),
        (lambda: load("AAPL", provider="yahho"), "provider='yahho' is unknown"),
        (lambda: load("AAPL", provider="csv:"), "provider='csv:' is unknown"),
        (lambda: execute(Plan(strategy="sma_cross", symbols=("A",), provider="caller")), "give them again"),
    ],
)
def test_data_that_cannot_be_had_end_in_one_line(call, message):
    with pytest.raises(ob.OpenbellError, match=message) as caught:
        call()
    assert "\n" not in str(caught.value)


def test_data_may_be_a_frame_a_mapping_a_series_or_names():
    series = daily("A", [10.0] * 40)
    frame = pd.DataFrame(
        {name: getattr(series, name) for name in ("open", "high", "low", "close", "volume")},
        index=pd.DatetimeIndex(series.start.astype("datetime64[ns]")),
    )
    hashes = {ob.backtest("sma_cross", data).hash for data in (series, [series], frame, {"A": frame})}
    assert len(hashes) == 1
    assert [s.symbol for s in load(["AAPL", "IBM"])] == ["AAPL", "IBM"]
    assert load(frame)[0].symbol == "ASSET"


def test_a_ledger_is_text_that_reads_back_as_the_same_numbers():
    result = execute(PLAN)
    lines = ledger_text(result.outcome.entries).splitlines()
    assert lines[0] == "time,kind,symbol,quantity,price,fee,amount,cash,position,realised"
    assert len(lines) == len(result.outcome.entries) + 1
    assert float(lines[-1].split(",")[7]) == result.outcome.entries[-1].cash


@pytest.mark.parametrize(
    ("time", "text"),
    [
        (0, ""),
        (1_104_762_600_000_000_000, "2005-01-03T14:30:00Z"),
        (1_104_762_600_123_456_789, "2005-01-03T14:30:00.123456789Z"),
        (1_104_762_600_500_000_000, "2005-01-03T14:30:00.5Z"),
    ],
)
def test_a_time_is_written_with_as_many_decimals_as_it_needs(time, text):
    assert stamp(time) == text


def test_an_instrument_of_the_callers_is_traded_on_its_grid():
    whole = ob.backtest("buy_and_hold", "AAPL", cash=1_000).outcome.fills[0].quantity
    lot = ob.Instrument("AAPL", lot=0.001)
    part = ob.backtest("buy_and_hold", "AAPL", cash=1_000, instruments=[lot]).outcome.fills[0].quantity
    assert whole == whole // 1
    assert whole < part < whole + 1


def test_a_run_with_finer_bars_wants_them_again():
    plan = ob.backtest("sma_cross", "AAPL", finer=load("AAPL")).plan
    assert plan.finer == ("AAPL",)
    with pytest.raises(ConfigError, match="the run had finer bars of AAPL"):
        execute(plan)


@pytest.mark.parametrize(("change", "line"), [
    ({"costs": None}, "the plan is not as written: 'NoneType' object is not iterable"),
    ({"costs": {}}, "the plan has no 'commission'"),
    ({"instruments": [5]}, "the plan is not as written: openbell.core.types.Instrument() argument "),
    ({"sizing": {"method": 5}}, "sizing.method=5 must be text, such as 'share_of_equity'"),
    ({"finer": [1]}, "finer[0]=1 must be one such as 'AAPL'"),
    ({"cash": "much"}, "cash='much' must be a number, more than zero"),
])  # fmt: skip
def test_a_plan_that_was_edited_is_one_line(change, line):
    with pytest.raises(ConfigError) as raised:
        plan_from_json({**PLAN.as_json(), **change})
    assert str(raised.value).startswith(line)


# --- wrongly typed -----------------------------------------------------------------------------------------

SERIES = daily("A", [10.0] * 40)
TABLE = pd.DataFrame(
    {name: getattr(SERIES, name) for name in ("open", "high", "low", "close", "volume")},
    index=pd.DatetimeIndex(SERIES.start.astype("datetime64[ns]")),
)


#: Arguments of any type: what is typed here is wrong on purpose.
ANY: Callable[..., dict[str, Any]] = dict


class Narrow:
    """A sizer that cannot be asked as the engine asks."""

    def size(self, conviction):
        return conviction


def line_of(call) -> str:
    with pytest.raises(ConfigError) as raised:
        call()
    assert "\n" not in str(raised.value)
    return str(raised.value)


@pytest.mark.parametrize(("setting", "line"), [
    ({"costs": 5}, "costs=5 must be ob.Costs(...); without any, ob.NO_COSTS"),
    ({"costs": 0}, "costs=0 must be ob.Costs(...); without any, ob.NO_COSTS"),
    ({"costs": ob.Costs(**ANY(commission=5))}, "costs.commission=5 must be ob.Commission(...)"),
    ({"costs": ob.Costs(**ANY(margin=True))}, "costs.margin=True must be ob.Margin(...)"),
    ({"cash": None}, "cash=None must be a number, more than zero"),
    ({"cash": "x"}, "cash='x' must be a number, more than zero"),
    ({"cash": True}, "cash=True must be a number, more than zero"),
    ({"cash": [1e5]}, "cash=[100000.0] must be a number, more than zero"),
    ({"cash": 10**400}, f"cash={repr(10**400)[:57]}... must be at most 1e+13, where cents still count"),
    ({"parameters": 5}, "parameters=5 must be a mapping of names to values: {'fast': 10}"),
    ({"parameters": ["fast"]}, "parameters=['fast'] must be a mapping of names to values: {'fast': 10}"),
    ({"parameters": {5: 1}}, "parameters={5: 1} must be a mapping of names to values: {'fast': 10}"),
    ({"start": pd.NaT}, "start=NaT is no date; leave it out, or write it as '2005-01-31'"),
    ({"end": pd.NaT}, "end=NaT is no date; leave it out, or write it as '2005-01-31'"),
    ({"start": 5}, "start=5 is no date; write it as '2005-01-31'"),
    ({"sizer": 3}, "sizer=3 must be one such as ob.ShareOfEquity(0.95)"),
    ({"sizer": ob.FixedQuantity}, "FixedQuantity'> must be one such as ob.ShareOfEquity(0.95)"),
    ({"benchmark": 5}, "benchmark=5 must be text, such as 'IBM'; '' holds what the run trades"),
    ({"benchmark": None}, "benchmark=None must be text, such as 'IBM'; '' holds what the run trades"),
    ({"provider": None}, "provider=None must be text, such as 'bundled' or 'csv:FOLDER'"),
    ({"timeframe": None}, "timeframe=None must be text, such as '1d' or '5m'"),
    ({"seed": "x"}, "seed='x' must be a whole number, zero or more"),
    ({"seed": 1.0}, "seed=1.0 must be a whole number, zero or more"),
    ({"finer": 5}, "finer=5 must be a list, such as [ob.from_frame(minutes, 'AAPL')]"),
    ({"finer": "AAPL"}, "finer='AAPL' must be a list, such as [ob.from_frame(minutes, 'AAPL')]"),
    ({"finer": [1]}, "finer[0]=1 must be one such as ob.from_frame(minutes, 'AAPL')"),
    ({"instruments": [1]}, "instruments[0]=1 must be one such as ob.Instrument('AAPL', lot=0.001)"),
    ({"instruments": ob.Instrument("AAPL")}, "must be a list, such as [ob.Instrument('AAPL', lot=0.001)]"),
    ({"progress": 5}, "progress=5 must be a function of (moments done, moments in all)"),
    ({"progress": lambda: 0}, "must be a function of (moments done, moments in all)"),
])  # fmt: skip
def test_a_setting_of_the_wrong_type_is_one_line_with_the_remedy(setting, line):
    assert line_of(lambda: ob.backtest("sma_cross", "AAPL", **setting)).endswith(line)


def test_a_sizer_that_cannot_be_asked_is_refused_before_the_run():
    line = line_of(lambda: ob.backtest("sma_cross", "AAPL", sizer=Narrow()))  # type: ignore[arg-type]  # the slip
    assert line.endswith("its size must take (conviction, *, instrument, price, equity)")


@pytest.mark.parametrize(("data", "line"), [
    (None, "data=None names nothing to trade; give a symbol, "),
    ({}, "data={} names nothing to trade; give a symbol, "),
    ((), "data=() names nothing to trade; give a symbol, "),
    ("", "data='' names nothing to trade; give a symbol, "),
    (5, "data=5 must be a symbol, a list of symbols, a DataFrame, {'AAPL': DataFrame} or series of "),
    (np.array(["AAPL"]), "data=a numpy.ndarray must be a symbol, a list of symbols"),
    (b"AAPL", "data=b'AAPL' must be a symbol"),
    ({"AAPL"}, "data={'AAPL'} is a set, which has no order; give sorted(...) of it"),
    (["AAPL", None], "data[1]=None must be a symbol, as text, like the first"),
    ([None, "AAPL"], "data[0]=None must be a symbol, as text or a series of ob.from_frame"),
    ([SERIES, 5], "data[1]=5 must be a series of ob.from_frame, like the first"),
    ([SERIES, "AAPL"], "data[1]='AAPL' must be a series of ob.from_frame, like the first"),
    (["AAPL", SERIES], "data[1]=the series of A must be a symbol, as text, like the first"),
    (["AAPL", TABLE], "data[1] is a table without its symbol; give {'AAPL': table}"),
    ([TABLE.close], "data[0]=a pandas.Series must be a symbol, as text or a series of ob.from_frame"),
    ([TABLE], "data[0] is a table without its symbol; give {'AAPL': table}"),
    ({"A": None}, "A: NoneType is no "),
    ({5: TABLE}, "data: the key 5 must be a symbol, as text"),
    ({" ": TABLE}, "data: the key ' ' must be a symbol, as text"),
])  # fmt: skip
def test_data_of_the_wrong_type_are_one_line_with_the_remedy(data, line):
    assert line_of(lambda: ob.backtest("sma_cross", data)).startswith(line)


def test_numpys_numbers_and_decimals_are_kept_as_pythons_own():
    typed = ANY(cash=Decimal(5000), seed=np.int64(3), parameters={"fast": np.int64(5), "slow": Fraction(15)})
    plan = ob.backtest("sma_cross", "AAPL", **typed).plan
    assert (plan.cash, plan.seed, plan.parameters) == (5000.0, 3, {"fast": 5, "slow": 15.0})
    assert plan_from_json(json.loads(json.dumps(plan.as_json()))) == plan


def test_a_benchmark_that_is_not_there_is_said_before_the_run():
    told: list[int] = []
    line = line_of(
        lambda: ob.backtest("sma_cross", "AAPL", benchmark="SPY", progress=lambda done, _: told.append(done))
    )
    assert "'SPY' is not bundled" in line
    assert told == []


@pytest.mark.parametrize("name", ["instruments", "finer"])
def test_what_belongs_to_no_symbol_of_the_run_is_not_passed_over(name):
    given = {"instruments": [ob.Instrument("AAPPL")], "finer": [daily("AAPPL", [1.0, 2.0])]}
    assert line_of(lambda: ob.backtest("sma_cross", ["AAPL", "IBM"], **ANY({name: given[name]}))) == (
        f"{name}: 'AAPPL' is not traded in this run; did you mean 'AAPL'?"
    )


def test_all_settings_are_written_out_once_and_checked_everywhere():
    explicit = inspect.signature(ob.backtest, eval_str=True).parameters
    settings = get_type_hints(Settings)
    assert {name: explicit[name].annotation for name in settings} == settings
    assert line_of(lambda: prepare("sma_cross", "AAPL", cahs=5)) == (  # type: ignore[call-arg]  # the slip
        "a backtest has no setting 'cahs'; did you mean 'cash'?"
    )
    line = line_of(lambda: ob.check_lookahead("sma_cross", "AAPL", cuts="x"))  # type: ignore[arg-type]  # the slip
    assert line == "cuts='x' must be a whole number, zero or more"
