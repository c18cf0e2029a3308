from __future__ import annotations

import random

import pytest

from openbell.core.errors import ConfigError
from openbell.core.messages import BarMessage, Trade
from openbell.data.live.aggregate import Aggregator
from openbell.data.live.conditions import ALL, IEX, NONE, RANGE, US_STOCKS, VOLUME, Conditions, Effect
from openbell.data.live.items import Correction, Unusable
from openbell.data.live.plan import Plan
from openbell.data.live.timetable import Timetable
from tests.unit.live_by_hand import MINUTE, SECOND, Listener, clock_time

TEN = clock_time("10:00")
PLAN = Plan(("A",), ("trades",), mute_after=3600.0)  #: silence is never too long


def aggregator(*, regular: bool = True) -> Aggregator:
    times = Timetable("XNYS", MINUTE, regular=regular)
    return Aggregator(times.period, conditions=US_STOCKS, extended=lambda time: not times.is_open(time))


def trade(
    second: float, price: float, size: float = 100.0, *conditions: str, name: str = "", tape: str = "C"
) -> Trade:
    return Trade("A", TEN + round(second * SECOND), price, size, name, conditions, tape)


def bar_of(*trades: Trade) -> list[BarMessage]:
    made = aggregator()
    for one in trades:
        assert made.take(one) == []
    return made.flush(TEN + MINUTE)


def test_a_bar_has_its_trades_first_highest_lowest_last_and_sum() -> None:
    (bar,) = bar_of(trade(0, 10.0), trade(1, 12.0, 50), trade(2, 9.0), trade(3, 11.0, 7))
    assert bar == BarMessage("A", TEN, TEN + MINUTE, 10.0, 12.0, 9.0, 11.0, 257.0)


def test_first_and_last_are_by_the_time_of_the_trade_and_not_of_its_arrival() -> None:
    (bar,) = bar_of(trade(30, 10.0), trade(5, 11.0), trade(50, 12.0), trade(40, 13.0))
    assert (bar.open, bar.close) == (11.0, 12.0)


def test_of_trades_of_one_nanosecond_the_first_opens_and_the_last_closes() -> None:
    (bar,) = bar_of(trade(5, 10.0), trade(5, 11.0), trade(5, 12.0))
    assert (bar.open, bar.close) == (10.0, 12.0)


def test_minutes_are_half_open() -> None:
    made = aggregator()
    assert made.take(trade(0, 10.0)) == []
    assert made.take(trade(60 - 1e-9, 11.0)) == []
    (first,) = made.take(trade(60, 12.0))
    assert (first.start, first.close) == (TEN, 11.0)
    (second,) = made.flush(TEN + 2 * MINUTE)
    assert (second.start, second.open) == (TEN + MINUTE, 12.0)


def test_a_minute_without_trades_is_no_bar() -> None:
    made = aggregator()
    made.take(trade(0, 10.0))
    (first,) = made.take(trade(300, 12.0))
    assert first.start == TEN
    assert made.flush(TEN + 5 * MINUTE) == []


def test_a_minute_whose_trades_set_no_price_is_no_bar() -> None:
    assert bar_of(trade(1, 10.0, 5, "@", "I"), trade(2, 10.0, 100, "M")) == []


@pytest.mark.parametrize(
    ("conditions", "tape", "effect"),
    [
        ((), "A", ALL),
        ((" ",), "A", ALL),
        (("@", "F"), "C", ALL),
        (("@", "I"), "C", VOLUME),
        (("@", "4"), "C", RANGE),
        (("@", "4", "I"), "C", VOLUME),
        (("B",), "A", VOLUME),
        (("B",), "B", VOLUME),
        (("B",), "C", ALL),
        (("B",), "", VOLUME),
        (("W",), "C", VOLUME),
        (("G",), "C", RANGE),
        (("Z",), "A", RANGE),
        (("P",), "A", RANGE),
        (("T",), "C", VOLUME),
        (("M",), "C", NONE),
        (("Q",), "A", NONE),
        (("9",), "C", Effect(open_close=True, high_low=True, volume=False)),
        (("unheard of",), "C", VOLUME),
    ],
)
def test_conditions_have_the_effects_of_the_tapes_tables(conditions, tape, effect) -> None:
    assert US_STOCKS.effect(conditions, tape, False) == effect


def test_each_condition_does_to_a_bar_what_its_effect_says() -> None:
    base = trade(0, 10.0)
    for code, other in (("@", (20.0, 20.0, 200.0)), ("Z", (20.0, 10.0, 200.0)), ("I", (10.0, 10.0, 200.0))):
        (bar,) = bar_of(base, trade(1, 20.0, 100, code))
        assert (bar.high, bar.close, bar.volume) == other, code
    (bar,) = bar_of(base, trade(1, 20.0, 100, "M"))
    assert (bar.high, bar.close, bar.volume) == (10.0, 10.0, 100.0)


def test_form_t_makes_bars_outside_the_sessions_and_none_inside() -> None:
    made = aggregator(regular=False)
    early = clock_time("08:00:10")
    made.take(Trade("A", early, 10.0, 100, "", ("@", "T"), "C"))
    (bar,) = made.flush(clock_time("08:01"))
    assert bar[1:] == (clock_time("08:00"), clock_time("08:01"), 10.0, 10.0, 10.0, 10.0, 100.0, False)
    made.take(trade(1, 10.0, 100, "@", "T"))
    assert made.flush(TEN + MINUTE) == []


def test_trades_outside_the_sessions_make_no_bar_of_a_regular_feed() -> None:
    made = aggregator()
    assert made.take(Trade("A", clock_time("08:00:10"), 10.0, 100)) == []
    assert made.flush(clock_time("09:00")) == []


def test_conditions_can_be_overridden() -> None:
    rules = US_STOCKS.override({"I": ALL})
    assert rules.effect(("@", "I"), "C", False) == ALL
    assert US_STOCKS.effect(("@", "I"), "C", False) == VOLUME


def test_the_flags_of_iex_have_a_table_of_their_own() -> None:
    assert IEX.effect(("intermarket_sweep",), "", False) == ALL
    assert IEX.effect(("intermarket_sweep", "odd_lot"), "", False) == VOLUME
    assert IEX.effect(("after_hours",), "", False) == VOLUME
    assert IEX.effect(("after_hours",), "", True) == ALL
    assert IEX.override({"odd_lot": ALL}).effect(("odd_lot", "after_hours"), "", True) == ALL


def test_a_condition_that_sets_the_open_and_not_the_high_is_refused() -> None:
    with pytest.raises(ConfigError, match="'X' of tape 'C' sets open and close but not high and low"):
        Conditions({"": {}, "C": {"X": Effect(open_close=True, high_low=False, volume=True)}})
    with pytest.raises(ConfigError, match="no table for the tape ''"):
        Conditions({"C": {}})


def test_a_trade_that_comes_twice_counts_once() -> None:
    made = aggregator()
    made.take(trade(0, 10.0, name="7"))
    made.take(trade(0, 10.0, name="7"))
    (bar,) = made.flush(TEN + MINUTE)
    assert (bar.volume, made.repeated) == (100.0, 1)


def test_a_late_trade_corrects_its_bar() -> None:
    made = aggregator()
    made.take(trade(0, 10.0))
    made.take(trade(61, 11.0))
    (better,) = made.take(trade(59, 12.0))
    assert better == BarMessage("A", TEN, TEN + MINUTE, 10.0, 12.0, 10.0, 12.0, 200.0, corrected=True)
    assert made.take(trade(59, 12.0, 100, "M")) == []


def test_a_late_trade_makes_the_bar_that_there_was_not() -> None:
    made = aggregator()
    made.take(trade(61, 11.0))
    (made_late,) = made.take(trade(59, 12.0))
    assert (made_late.start, made_late.corrected) == (TEN, False)
    volume_only = aggregator()
    volume_only.take(trade(0, 10.0, 100, "I"))
    assert volume_only.flush(TEN + MINUTE) == []
    (late,) = volume_only.take(trade(1, 10.0))
    assert (late.volume, late.corrected) == (200.0, False)


def test_a_trade_of_a_forgotten_bar_is_counted_and_left_out() -> None:
    made = aggregator()
    for minute in range(1, 5):
        made.take(trade(60 * minute, 10.0))
    assert made.take(trade(0, 10.0)) == []
    assert made.late == 1


def test_fractions_add_up_to_the_same_bits_in_any_order() -> None:
    sizes = [0.1, 0.2, 0.3, 1.0, 2.7, 1e-9, 3.0]
    volumes = set()
    for seed in range(20):
        random.Random(seed).shuffle(sizes)
        (bar,) = bar_of(*(trade(0, 10.0, size) for size in sizes))
        volumes.add(bar.volume)
    assert volumes == {7.300000001}


def test_unknown_conditions_are_counted() -> None:
    made = aggregator()
    made.take(trade(0, 10.0, 100, "?"))
    assert made.unknown == 1


def vendor(trades: list[Trade]) -> list[BarMessage]:
    """Return the bars as the vendor documents them: sort, group, filter by field, apply a function."""
    bars = []
    for minute in sorted({one.time // MINUTE for one in trades}):
        group = sorted((one for one in trades if one.time // MINUTE == minute), key=lambda one: one.time)
        effects = [US_STOCKS.effect(one.conditions, one.tape, False) for one in group]
        last = [one.price for one, effect in zip(group, effects, strict=True) if effect.open_close]
        span = [one.price for one, effect in zip(group, effects, strict=True) if effect.high_low]
        size = [one.size for one, effect in zip(group, effects, strict=True) if effect.volume]
        if last:
            prices = (last[0], max(span), min(span), last[-1])
            bars.append(BarMessage("A", minute * MINUTE, (minute + 1) * MINUTE, *prices, sum(size)))
    return bars


@pytest.mark.parametrize("seed", range(3))
async def test_a_days_trades_make_the_vendors_bars_bit_by_bit(seed) -> None:
    draw = random.Random(seed)
    codes = [
        (),
        ("@",),
        ("@", "F"),
        ("@", "I"),
        ("@", "4"),
        ("Z",),
        ("M",),
        ("@", "T"),
        ("W",),
        ("B",),
        ("P",),
    ]
    times = sorted(TEN + draw.randrange(60 * MINUTE) for _ in range(2000))
    price, trades = 100.0, []
    for number, time in enumerate(times):
        price = round(price + draw.gauss(0, 0.05), 4)
        trades.append(
            Trade(
                "A",
                time,
                price,
                float(draw.randrange(1, 500)),
                str(number),
                draw.choice(codes),
                draw.choice("ABC"),
            )
        )
    async with Listener(PLAN, "10:00:00") as ear:
        for one in trades:
            if one.time > ear.clock.now() + 5 * SECOND:
                await ear.clock.go_to(one.time)
            ear.origin.stream.send(one)
        await ear.at("11:00:02")
    assert ear.bars == vendor(trades)


async def test_trades_that_come_late_within_the_grace_are_in_the_bar() -> None:
    async with Listener(PLAN, "10:00:00") as ear:
        await ear.at("10:00:59.9", trade(59, 10.0))
        await ear.at("10:01:00.9", trade(58, 9.0))
        await ear.at("10:01:01.1")
        await ear.at("10:01:05", trade(59.5, 11.0))
    assert [(one.open, one.close, one.volume) for one in ear.bars] == [(9.0, 10.0, 200.0)]
    (told,) = ear.of(Correction)
    assert (told.bar.close, told.before and told.before.close) == (11.0, 10.0)


async def test_a_minute_that_the_stream_missed_a_part_of_is_taken_from_the_vendor() -> None:
    whole = BarMessage("A", TEN, TEN + MINUTE, 5.0, 15.0, 4.0, 11.0, 900.0)
    async with Listener(PLAN, "10:00:20") as ear:
        ear.origin.history.append(whole)
        await ear.at("10:00:30", trade(30, 10.0))
        await ear.at("10:01:01", trade(61, 12.0))
        await ear.at("10:01:02.1")
        assert ear.bars == [whole]
        await ear.at("10:02:01.1")
    assert [one.open for one in ear.bars] == [5.0, 12.0]


async def test_trades_that_were_missed_while_the_stream_was_away_are_in_no_bar_of_ours() -> None:
    wholes = [
        BarMessage("A", TEN + n * MINUTE, TEN + (n + 1) * MINUTE, 5.0, 15.0, 4.0, 11.0, 900.0)
        for n in range(2)
    ]
    async with Listener(PLAN, "10:00:00") as ear:
        ear.origin.history += wholes
        await ear.at("10:00:05", trade(5, 10.0))
        await ear.at("10:00:40")
        ear.origin.stream.drop()
        await ear.at("10:01:10", trade(70, 12.0))
        ear.origin.stream.drop()
        await ear.at("10:01:20", trade(80, 13.0))
        await ear.at("10:02:03", trade(121, 14.0))
        await ear.at("10:03:02")
    assert ear.bars[:2] == wholes
    assert [one.open for one in ear.bars[2:]] == [14.0]


@pytest.mark.parametrize(
    ("price", "size"), [(0.0, 1.0), (float("nan"), 1.0), (1.0, -1.0), (float("inf"), 1.0)]
)
async def test_a_trade_that_cannot_be_right_is_left_out_and_told(price, size) -> None:
    async with Listener(PLAN, "10:00:00") as ear:
        await ear.at("10:00:05", trade(5, price, size))
    assert len(ear.of(Unusable)) == 1


async def test_trades_beside_the_vendors_bars_are_not_made_into_bars() -> None:
    async with Listener(Plan(("A",), ("bars", "trades")), "10:00:00") as ear:
        await ear.at("10:00:05", trade(5, 10.0))
        await ear.at("10:01:05", trade(65, 10.0))
    assert ear.bars == []
