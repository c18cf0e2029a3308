"""The small records: times, bars, sessions, costs, instruments, tickets and how errors read."""

import math
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import pandas as pd
import pytest

from openbell.core.clock import Sessions
from openbell.core.costs import NO_COSTS, REG_T, Commission, Costs, Margin, Slippage
from openbell.core.errors import BadData, ConfigError, LookAhead, StrategyError, nearest
from openbell.core.market import as_datetime
from openbell.core.orders import Order
from openbell.core.requests import (
    NO_EXITS,
    Exits,
    change_of,
    exits_of,
    nanos_of,
    order_type,
    ticket_of,
    tif_of,
)
from openbell.core.types import Dividend, Instrument, OrderType, Split, TimeInForce
from tests.unit.market_by_hand import DAY, HandMarket

# --- bars --------------------------------------------------------------------------------------------------


def test_a_bar_is_a_view_that_moves_on():
    market = HandMarket("A")
    bar = market.move(A=10.0).bars[0]
    assert (bar.open, bar.high, bar.low, bar.close, bar.volume, bar.index) == (10, 10, 10, 10, 1e6, 0)
    market.move(A=11.0)
    assert (bar.close, bar.index, bar.nanos) == (11.0, 1, 3 * DAY)
    assert bar.time == datetime(1970, 1, 4, tzinfo=UTC)
    assert bar.start == datetime(1970, 1, 3, tzinfo=UTC)
    assert repr(bar) == "<Bar A 1970-01-04 00:00 open 11 high 11 low 11 close 11 volume 1e+06>"


def test_a_bar_shows_neither_the_future_nor_the_past():
    bar = HandMarket("A").move(A=10.0).bars[0]
    assert bar[0] is bar
    with pytest.raises(LookAhead, match=r"^bar\[1\] of A asks for a bar that is not known yet$"):
        bar[1]
    with pytest.raises(
        StrategyError, match=r"^bar\[-1\]: a bar is one bar; take earlier values from self.history"
    ):
        bar[-1]


def test_the_last_price_is_in_todays_shares():
    track = HandMarket("A").tracks["A"]
    assert math.isnan(track.price())
    market = HandMarket("A")
    market.move(A=10.0)
    market.tracks["A"].unit = 0.5
    assert market.price("A") == 5.0


def test_a_time_is_a_moment_in_utc_to_the_microsecond():
    assert as_datetime(1_700_000_000_123_456_789) == datetime(2023, 11, 14, 22, 13, 20, 123456, tzinfo=UTC)


# --- sessions ----------------------------------------------------------------------------------------------


SESSIONS = Sessions("TEST", [100, 200, 300], [150, 250, 350])


def test_an_order_works_first_in_the_session_that_closes_later():
    assert [SESSIONS.index_after(t) for t in (0, 149, 150, 349)] == [0, 0, 1, 2]
    assert [SESSIONS.close_after(t) for t in (0, 120, 150)] == [150, 150, 250]


def test_an_opening_order_waits_for_the_next_open():
    assert [SESSIONS.open_from(t) for t in (0, 100, 101, 300)] == [100, 100, 200, 300]


def test_beyond_the_calendar_nothing_is_guessed():
    with pytest.raises(
        BadData, match=r"^calendar TEST: no session is known after 350 ns; extend the calendar$"
    ):
        SESSIONS.close_after(350)
    with pytest.raises(BadData, match="after 301 ns"):
        SESSIONS.open_from(301)


# --- tickets -----------------------------------------------------------------------------------------------

ORDER = Order(3, "s", "A", 1, 10.0, decided=0)


def till(value: object) -> int:
    return nanos_of("order", "A", "good_till", value)


def test_a_ticket_has_what_is_given():
    ticket = ticket_of("order", "A", limit=1, stop=None, tag=None, reduce_only=True, parent=ORDER)
    assert ticket == {"limit": 1.0, "reduce_only": True, "parent": 3}
    assert type(ticket["limit"]) is float
    assert change_of(ORDER, quantity=None, limit=2)[:3:2] == (3, 2.0)


@pytest.mark.parametrize(("make", "line"), [
    (lambda v: ticket_of("buy", "A", limit=v), "buy('A'): limit={} {}for none"),
    (lambda v: exits_of("buy", "A", None, v), "buy('A'): take_profit={} {}for none"),
    (lambda v: change_of(ORDER, limit=v), "replace('A'): limit={} {}to keep it as it is"),
])  # fmt: skip
@pytest.mark.parametrize("value", [math.nan, math.inf, 0, -1.0, "5", True])
def test_a_price_is_a_positive_number(make, line, value):
    with pytest.raises(StrategyError) as raised:
        make(value)
    assert str(raised.value) == line.format(repr(value), "must be a positive number; leave it out ")


@pytest.mark.parametrize(("ticket", "kind"), [
    ({}, OrderType.MARKET), ({"limit": 1.0}, OrderType.LIMIT), ({"stop": 1.0}, OrderType.STOP),
    ({"stop": 1.0, "limit": 1.0}, OrderType.STOP_LIMIT), ({"trail": 1.0}, OrderType.TRAILING_STOP),
])  # fmt: skip
def test_prices_imply_the_type(ticket, kind):
    assert order_type(ticket) is kind


@pytest.mark.parametrize("extra", ["limit", "stop"])
def test_a_trail_has_no_other_price(extra):
    with pytest.raises(StrategyError, match="not both"):
        order_type({"trail": 1.0, extra: 1.0})  # type: ignore[misc]  # a name from a table


def test_exits_are_counted_and_stops_come_first():
    assert not Exits()
    exits = Exits(stop_loss=9.0, take_profit=11.0, trailing_stop=0.1)
    assert [tag for _, _, tag in exits.each()] == ["stop_loss", "trailing_stop", "take_profit"]
    assert len(exits) == 3
    assert list(Exits(take_profit=11.0).each()) == [(OrderType.LIMIT, 11.0, "take_profit")]
    assert exits_of("buy", "A") is NO_EXITS
    assert exits_of("buy", "A", 9, None, 0.1) == Exits(stop_loss=9.0, trailing_stop=0.1)


def test_a_time_in_force_is_found_in_either_case():
    found = {tif_of("order", "A", "tif", name) for name in ("DAY", "day", TimeInForce.DAY)}
    assert found == {TimeInForce.DAY}
    with pytest.raises(StrategyError, match=r"^order\('A'\): tif='gtk' is unknown; did you mean 'gt[cd]'\?$"):
        tif_of("order", "A", "tif", "gtk")


def test_a_moment_is_exact_to_the_microsecond_in_any_zone():
    assert till(datetime(2024, 1, 1, 0, 0, 0, 1, tzinfo=UTC)) == 1_704_067_200_000_001_000
    east = timezone(timedelta(hours=2))
    assert till(datetime(2024, 1, 1, 2, tzinfo=east)) == 1_704_067_200_000_000_000
    with pytest.raises(StrategyError, match=r"good_till='2024-01-01 00:00:00' has no time zone; add one"):
        till(datetime(2024, 1, 1))  # noqa: DTZ001  # that is the point


# --- costs and instruments ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("make", "said"), [
    (lambda: Commission(per_share=-1.0), "commission.per_share=-1.0 must be zero or more"),
    (lambda: Commission(minimum=math.nan), "commission.minimum=nan must be zero or more"),
    (lambda: Commission(minimum=math.inf), "commission.minimum=inf must be a number"),
    (lambda: Slippage(bps="5"), "slippage.bps='5' must be a number"),  # type: ignore[arg-type]  # as from a file
    (lambda: Slippage(bps=True), "slippage.bps=True must be a number"),
    (lambda: Margin(initial=0.0), "margin.initial=0.0 must be more than zero"),
    (lambda: Margin(initial=1.5), "margin.initial=1.5 must be at most 1 (1 is a cash account)"),
    (lambda: Margin(maintenance=2.0), "margin.maintenance=2.0 must not exceed margin.initial=1.0"),
    (lambda: Margin(short="no"), "margin.short='no' must be true or false"),  # type: ignore[arg-type]  # as from a file
    (lambda: Costs(volume_share=-0.1), "costs.volume_share=-0.1 must be zero or more"),
    (lambda: Costs(unaffordable="retry"), "costs.unaffordable='retry' must be 'reject' or 'cut'"),
    (lambda: Instrument("A", tick=0.0), "instrument A: tick=0.0 must be a positive number"),
    (lambda: Instrument("A", lot=math.inf), "instrument A: lot=inf must be a positive number"),
    (lambda: Instrument("A", lot="x"), "instrument A: lot='x' must be a positive number"),  # type: ignore[arg-type]  # as from a file
    (lambda: Instrument("A", tick=None), "instrument A: tick=None must be a positive number"),  # type: ignore[arg-type]  # the same
    (lambda: Instrument("A", lot=True), "instrument A: lot=True must be a positive number"),
    (lambda: Instrument(5), "instrument 5: its symbol must be text, such as 'AAPL'"),  # type: ignore[arg-type]  # the same
    (lambda: Instrument(" "), "instrument ' ': its symbol must be text, such as 'AAPL'"),
])  # fmt: skip
def test_a_bad_setting_is_named(make, said):
    with pytest.raises(ConfigError) as raised:
        make()
    assert str(raised.value) == said


def test_whole_numbers_are_numbers():
    assert Commission(per_share=0, minimum=1).minimum == 1


def test_a_run_is_free_only_without_any_commission_or_slippage():
    assert NO_COSTS.free
    assert not Costs().free
    assert not Costs(commission=NO_COSTS.commission, slippage=Slippage(bps=0.0, impact=0.1)).free
    assert (REG_T.initial, REG_T.short) == (0.5, True)


def test_an_instrument_keeps_its_grid_as_floats():
    coin = Instrument("A", tick=Decimal("0.01"), lot=1)  # type: ignore[arg-type]  # as from a broker
    assert (coin.tick, coin.lot) == (0.01, 1.0)
    assert type(coin.tick) is type(coin.lot) is float


@pytest.mark.parametrize(
    ("new", "old"), [(0, 1), (1, 0), (math.nan, 1), (1, math.inf), ("2", 1), (None, 1), (True, 1)]
)
def test_a_split_has_two_sides(new, old):
    with pytest.raises(BadData, match="both sides must be 1 or more"):
        Split("A", 1, new, old)


def test_a_split_has_a_ratio():
    assert Split("A", 1, 3, 2).ratio == 1.5


@pytest.mark.parametrize("amount", [0.0, -1.0, math.nan, math.inf, None, True])
def test_a_dividend_is_a_positive_amount(amount):
    with pytest.raises(BadData, match=f"^A: dividend of {amount}; it must be a positive amount$"):
        Dividend("A", 1, amount)


# --- names -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "valid", "said"), [
    ("APPL", ["AAPL", "IBM"], "; did you mean 'AAPL'?"),
    ("aapl", ["AAPL", "IBM"], "; did you mean 'AAPL'?"),
    ("xyz", ["AAPL", "IBM"], "; valid names: AAPL, IBM"),
    ("xyz", [], ""),
])  # fmt: skip
def test_a_typo_names_the_nearest_valid_name(name, valid, said):
    assert nearest(name, valid) == said


@pytest.mark.parametrize("field", ["taker_bps", "maker_bps"])
def test_a_rate_beyond_the_whole_price_is_refused(field):
    with pytest.raises(ConfigError, match=rf"commission.{field}=1e\+308 must be at most 10000"):
        Commission(**{field: 1e308})


def test_a_long_list_of_names_is_counted_rather_than_listed():
    assert (
        nearest("?", (f"name{i}" for i in range(100)))
        == "; there are 100 names, such as name0, name1, name10"
    )
    assert nearest("?", ["a", "b"]) == "; valid names: a, b"


@pytest.mark.parametrize("value", ["2010-02-01", date(2010, 2, 1), pd.NaT, 0])
def test_a_good_till_that_is_no_moment_is_named(value):
    with pytest.raises(StrategyError) as raised:
        till(value)
    assert str(raised.value) == f"order('A'): good_till={value!r} must be a datetime with a time zone"
