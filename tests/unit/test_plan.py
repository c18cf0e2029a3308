import json

import pytest

import openbell as ob
from openbell.backtesting.ledger import ledger_text, stamp
from openbell.backtesting.plan import Plan, make_sizer, plan_from_json
from openbell.core.errors import ConfigError
from openbell.run import execute, load
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
        ({"cash": float("nan")}, "cash=nan must be more than zero"),
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
    import pandas as pd

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
