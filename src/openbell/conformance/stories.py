"""The stories.

The market stands at 100 when they begin. Extremes lie where orders lie, so that nobody has a choice of
prices.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from openbell.conformance.story import Act, Ask, Bar, Cancel, Change, Result, Story
from openbell.core.types import OrderStatus, TimeInForce

_S, _F = OrderStatus, TimeInForce
_EXACT = frozenset({"quantity", "limit", "stop", "trail", "take_profit", "stop_loss"})
_PAST = "100 100 100 100"
_CALM = "100 101 99.5 100"


def _buy(label: str = "a", **fields: Any) -> Ask:
    exact = {name: Decimal(str(value)) for name, value in fields.items() if name in _EXACT}
    return Ask(label=label, **{**fields, **exact})


def _sell(label: str = "a", **fields: Any) -> Ask:
    return _buy(label, side=-1, **fields)


def _pair(limit: float, stop: float) -> Ask:
    return _sell("p", limit=limit, stop_loss=stop, pair=True)


def _change(label: str = "a", **fields: Any) -> Change:
    return Change(label, **{name: Decimal(str(value)) for name, value in fields.items()})


def _bar(prices: str, volume: int | None = None, **fields: Any) -> Bar:
    return Bar(prices, volume, **fields)


_LATE = _bar("97 98 96 97", day=1, begin="16:00", end="17:00")  #: after the close


def _filled(average: float | str, quantity: float = 10) -> Result:
    return Result(_S.FILLED, Decimal(str(quantity)), Decimal(str(average)))


def _ended(status: OrderStatus, filled: int = 0, average: float | None = None) -> Result:
    return Result(status, Decimal(filled), None if average is None else Decimal(str(average)))


_WORKING = _ended(_S.ACCEPTED)
_CANCELLED = _ended(_S.CANCELLED)
_EXPIRED = _ended(_S.EXPIRED)
_REJECTED = _ended(_S.REJECTED)


def _story(
    name: str,
    *bars: str | Bar,
    acts: Sequence[Act] | dict[int, Sequence[Act]],
    position: float = 0,
    expected: dict[str, Result],
    **fields: Any,
) -> Story:
    """Return a story whose first bar is the past; acts without a bar's number come after that."""
    made = [bar if isinstance(bar, Bar) else Bar(bar) for bar in (_PAST, *bars)]
    if fields.pop("whole", False):  # all bars are given, the past too
        made = made[1:]
    numbered = acts if isinstance(acts, dict) else {0: acts}
    return Story(
        name=name, bars=made, acts=numbered, expected=expected, position=Decimal(str(position)), **fields
    )


_ENTRY = _buy("e")
_HELD = {"e": _filled(100)}  #: bought at an open of 100

_PRICES = (
    _story(
        "a market order fills at the next open", "101 102 100 102", acts=[_buy()], position=10,
        expected={"a": _filled(101)},
    ),
    _story(
        "a market order closes what is held", _CALM, "103 103 102 102",
        acts={0: [_ENTRY], 1: [_sell()]}, expected=_HELD | {"a": _filled(103)},
    ),
    _story(
        "a limit is filled where the market touches it", "100 101 99 100", acts=[_buy(limit=99)],
        position=10, expected={"a": _filled(99)},
    ),
    _story(
        "a gap through a limit fills at the better open", "97 98 96 97", acts=[_buy(limit=99)],
        position=10, expected={"a": _filled(97)},
    ),
    _story(
        "a limit at the open's own price fills there", "99 100 99 100", acts=[_buy(limit=99)],
        position=10, expected={"a": _filled(99)},
    ),
    _story(
        "a limit that is not reached waits", _CALM, _CALM, acts=[_buy(limit=99)],
        expected={"a": _WORKING},
    ),
    _story(
        "a limit to sell is filled by a gap up", _CALM, "107 108 106 107",
        acts={0: [_ENTRY], 1: [_sell(limit=105)]}, expected=_HELD | {"a": _filled(107)},
    ),
    _story(
        "a stop to buy fills where it is touched", "100 102 99 101", acts=[_buy(stop=102)],
        position=10, expected={"a": _filled(102)},
    ),
    _story(
        "a gap through a stop to buy fills at the worse open", "104 105 103 104", acts=[_buy(stop=102)],
        position=10, expected={"a": _filled(104)},
    ),
    _story(
        "a gap through a stop to sell fills at the worse open", _CALM, "93 94 92 93",
        acts={0: [_ENTRY], 1: [_sell(stop=95)]}, expected=_HELD | {"a": _filled(93)},
    ),
    _story(
        "a stop that is not reached waits", _CALM, _CALM,
        acts={0: [_ENTRY], 1: [_sell(stop=95)]}, position=10, expected=_HELD | {"a": _WORKING},
    ),
    _story(
        "a stop-limit fills at its stop", "100 102 100 101", acts=[_buy(stop=102, limit=103)],
        position=10, expected={"a": _filled(102)},
    ),
    _story(
        "a stop-limit gapped beyond its limit waits as a limit", "104 105 104 104", "104 104 103 104",
        acts=[_buy(stop=102, limit=103)], position=10, expected={"a": _filled(103)},
    ),
    _story(
        "a stop-limit gapped beyond its limit may never fill", "104 105 104 104", "105 106 104 105",
        acts=[_buy(stop=102, limit=103)], expected={"a": _WORKING},
    ),
    _story(
        "a trailing stop follows by an amount", _CALM, "100 105 100 105", "105 105 100 101",
        acts={0: [_ENTRY], 1: [_sell(trail=5)]}, expected=_HELD | {"a": _filled(100)},
    ),
    _story(
        "a trailing stop follows by a share of the price", _CALM, "101 120 101 120", "110 111 109 110",
        acts={0: [_ENTRY], 1: [_sell(trail="0.05", trail_percent=True)]},
        expected=_HELD | {"a": _filled(110)},
    ),
    _story(
        "a trailing stop to buy follows a fall", _CALM, _bar("100 100 90 90", low_first=False),
        _bar("90 95 90 94", low_first=True), acts={0: [_sell("e")], 1: [_buy(trail=5)]},
        expected={"e": _filled(100), "a": _filled(95)},
    ),
)  # fmt: skip

_TIMES = (
    _story(
        "an extended limit is filled by a gap after the close", _CALM, _LATE,
        acts={1: [_buy(limit=99, extended=True)]}, position=10, expected={"a": _filled(97)},
    ),
    _story(
        "an order of the session waits through the trading after its close", _CALM, _LATE,
        _bar("100 101 99 100", day=2), acts={1: [_buy(limit=99)]}, position=10, expected={"a": _filled(99)},
    ),
    _story(
        "a market order waits through the trading after the close", _CALM, _LATE,
        _bar("101 102 100 102", day=2), acts={1: [_buy()]}, position=10, expected={"a": _filled(101)},
    ),
    _story(
        "a day order expires at the close", _CALM, "98 99 97 98",
        acts=[_buy(limit=99, tif=_F.DAY)], expected={"a": _EXPIRED},
    ),
    _story(
        "a day order expires at the early close of a half day",
        _bar(_PAST, day=3, begin="12:00", end="12:30"), _bar(_CALM, day=3, begin="12:30"),
        _bar("98 99 97 98", day=4, end="10:00"),
        acts=[_buy(limit=99, tif=_F.DAY)], expected={"a": _EXPIRED}, whole=True,
    ),
    _story(
        "a day order works through its session",
        _bar(_PAST, day=1, begin="10:00", end="10:30"), _bar(_CALM, day=1, begin="10:30", end="11:00"),
        _bar("100 100 99 99", day=1, begin="11:00", end="11:30"),
        acts=[_buy(limit=99, tif=_F.DAY)], position=10, expected={"a": _filled(99)}, whole=True,
    ),
    _story(
        "an order until cancelled works over sessions", _CALM, _CALM, "100 100 99 100",
        acts=[_buy(limit=99)], position=10, expected={"a": _filled(99)},
    ),
    _story(
        "an order that is good till a date expires then", _CALM, "98 99 97 98",
        acts=[_buy(limit=99, tif=_F.GTD, until=1)], expected={"a": _EXPIRED},
    ),
    _story(
        "an order that is good till a date fills before it", _CALM, "98 99 97 98",
        acts=[_buy(limit=99, tif=_F.GTD, until=2)], position=10, expected={"a": _filled(98)},
    ),
    _story(
        "immediate or cancel takes what there is", _bar("100 101 99 100", 4),
        acts=[_buy(tif=_F.IOC)], position=4, expected={"a": _ended(_S.CANCELLED, 4, 100)},
    ),
    _story(
        "immediate or cancel that finds nothing is cancelled", "100 101 98 100",
        acts=[_buy(limit=99, tif=_F.IOC)], expected={"a": _CANCELLED},
    ),
    _story(
        "fill or kill fills whole", _bar("99 101 99 100", 10),
        acts=[_buy(limit=100, tif=_F.FOK)], position=10, expected={"a": _filled(99)},
    ),
    _story(
        "fill or kill that finds too little is cancelled", _bar("99 101 99 100", 9),
        acts=[_buy(limit=100, tif=_F.FOK)], expected={"a": _CANCELLED},
    ),
    _story(
        "a market order on open fills at the open", "101 103 100 102",
        acts=[_buy(tif=_F.OPG)], position=10, expected={"a": _filled(101)},
    ),
    _story(
        "a limit on open that the open misses expires", "100 101 98 100",
        acts=[_buy(limit=99, tif=_F.OPG)], expected={"a": _EXPIRED},
    ),
    _story(
        "a market order on close fills at the close", "101 103 100 102",
        acts=[_buy(tif=_F.CLS)], position=10, expected={"a": _filled(102)},
    ),
    _story(
        "a limit on close that the close misses expires", "101 103 98 102",
        acts=[_buy(limit=99, tif=_F.CLS)], expected={"a": _EXPIRED},
    ),
)  # fmt: skip

_CHANGES = (
    _story(
        "a partial fill, then the cancel of the rest", _bar("99 100 98 99", 4), "98 99 97 98",
        acts={0: [_buy(limit=99)], 1: [Cancel("a")]}, position=4,
        expected={"a": _ended(_S.CANCELLED, 4, 99)},
    ),
    _story(
        "an order fills in two sessions", _bar("99 100 99 99.5", 4), _bar("98 99 98 99", 6),
        acts=[_buy(limit=99)], position=10, expected={"a": _filled("98.4")},
    ),
    _story(
        "a cancel before anything fills", _CALM, "98 99 97 98",
        acts={0: [_buy(limit=99)], 1: [Cancel("a")]}, expected={"a": _CANCELLED},
    ),
    _story(
        "the cancel of a filled order changes nothing", "100 101 99 100", _CALM,
        acts={0: [_buy(limit=99)], 1: [Cancel("a")]}, position=10, expected={"a": _filled(99)},
    ),
    _story(
        "a second cancel changes nothing", _CALM, _CALM,
        acts={0: [_buy(limit=99)], 1: [Cancel("a")], 2: [Cancel("a")]}, expected={"a": _CANCELLED},
    ),
    _story(
        "a replaced price is the one that fills", "100 101 99.5 100", "100 101 99 100",
        acts={0: [_buy(limit=95)], 1: [_change(limit=99)]}, position=10, expected={"a": _filled(99)},
    ),
    _story(
        "a replaced stop is the one that triggers", _CALM, _CALM, "98 98 97 97.5",
        acts={0: [_ENTRY], 1: [_sell(stop=90)], 2: [_change(stop=97)]},
        expected=_HELD | {"a": _filled(97)},
    ),
    _story(
        "a replacement after a partial fill counts what has filled", _bar("99 100 99 100", 4),
        "99 100 99 99", acts={0: [_buy(limit=99)], 1: [_change(quantity=8)]}, position=8,
        expected={"a": _filled(99, 8)},
    ),
    _story(
        "a replacement can be replaced", _CALM, _CALM, "100 101 99 100",
        acts={0: [_buy(limit=90)], 1: [_change(limit=95)], 2: [_change(limit=99, quantity=7)]},
        position=7, expected={"a": _filled(99, 7)},
    ),
    _story(
        "a replaced order can be cancelled", _CALM, "98 99 97 98", "98 99 97 98",
        acts={0: [_buy(limit=90)], 1: [_change(limit=95)], 2: [Cancel("a")]}, expected={"a": _CANCELLED},
    ),
    _story(
        "a replacement that a fill outran changes nothing", "100 101 99 100", _CALM,
        acts={0: [_buy(limit=99)], 1: [_change(limit=98)]}, position=10, expected={"a": _filled(99)},
    ),
    _story(
        "two orders share what there is by age", _bar("99 100 99 100", 10),
        acts=[_buy("a", quantity=6, limit=99), _buy("b", quantity=6, limit=99)], position=10,
        expected={"a": _filled(99, 6), "b": _ended(_S.ACCEPTED, 4, 99)},
    ),
)  # fmt: skip

_EXITS = (
    _story(
        "of a pair the target fills and the stop goes", _CALM, "100 105 100 104",
        acts={0: [_ENTRY], 1: [_pair(105, 95)]}, expected=_HELD | {"p": _filled(105), "p-sl": _CANCELLED},
    ),
    _story(
        "of a pair the stop fills and the target goes", _CALM, "100 101 95 96",
        acts={0: [_ENTRY], 1: [_pair(105, 95)]}, expected=_HELD | {"p": _CANCELLED, "p-sl": _filled(95)},
    ),
    _story(
        "of a pair that is touched at both ends the stop fills", _CALM, "100 105 95 100",
        acts={0: [_ENTRY], 1: [_pair(105, 95)]}, expected=_HELD | {"p": _CANCELLED, "p-sl": _filled(95)},
    ),
    _story(
        "a gap beyond a pair's target fills at the open", _CALM, "107 108 106 107",
        acts={0: [_ENTRY], 1: [_pair(105, 95)]}, expected=_HELD | {"p": _filled(107), "p-sl": _CANCELLED},
    ),
    _story(
        "a pair that is not reached protects on", _CALM, _CALM,
        acts={0: [_ENTRY], 1: [_pair(105, 95)]}, position=10,
        expected=_HELD | {"p": _WORKING, "p-sl": _WORKING},
    ),
    _story(
        "a bracket's target fills and its stop goes", _CALM, "100 105 100 104",
        acts=[_buy(take_profit=105, stop_loss=95)],
        expected={"a": _filled(100), "a-tp": _filled(105), "a-sl": _CANCELLED},
    ),
    _story(
        "a bracket's stop is gapped through", _CALM, "93 94 92 93",
        acts=[_buy(take_profit=105, stop_loss=95)],
        expected={"a": _filled(100), "a-tp": _CANCELLED, "a-sl": _filled(93)},
    ),
    _story(
        "a bracket whose entry is cancelled has no exits", _CALM, _CALM,
        acts={0: [_buy(limit=99, take_profit=105, stop_loss=95)], 1: [Cancel("a")]},
        expected={"a": _CANCELLED, "a-tp": _CANCELLED, "a-sl": _CANCELLED},
    ),
    _story(
        "a bracket's entry fills in two sessions, and its target sells it all",
        _bar("99 100 99 99.5", 4), _bar("99 100 99 99.5", 6), "100 105 100 104",
        acts=[_buy(limit=99, take_profit=105, stop_loss=95)],
        expected={"a": _filled(99), "a-tp": _filled(105), "a-sl": _CANCELLED},
    ),
    _story(
        "a bracket sells short", _CALM, "100 100 95 96",
        acts=[_sell(take_profit=95, stop_loss=105)],
        expected={"a": _filled(100), "a-tp": _filled(95), "a-sl": _CANCELLED},
    ),
    _story(
        "an entry with a stop alone is protected", _CALM, "100 101 95 96",
        acts=[_buy(stop_loss=95)], expected={"a": _filled(100), "a-sl": _filled(95)},
    ),
    _story(
        "a bracket's exits wait while nothing happens", _CALM, _CALM,
        acts=[_buy(take_profit=105, stop_loss=95)], position=10,
        expected={"a": _filled(100), "a-tp": _WORKING, "a-sl": _WORKING},
    ),
)  # fmt: skip

_BRACKETED = _buy("e", stop_loss=95, take_profit=105)
_CUT = _sell("c", quantity=4, reduce_only=True)
_SHRUNK = _HELD | {"c": _filled(101, 4)}
_STEP = "101 102 100 101"

#: Exits that something beside them makes too large or too small for the position.
_SHRINKING = (
    _story(
        "a bracket's stop is for what a sale beside it has left", _CALM, _STEP, "100 101 95 96",
        acts={0: [_BRACKETED], 1: [_CUT]}, engine=True,
        expected=_SHRUNK | {"e-sl": _ended(_S.CANCELLED, 6, 95), "e-tp": _CANCELLED},
    ),
    _story(
        "a bracket's target is for what a sale beside it has left", _CALM, _STEP, "101 105 101 104",
        acts={0: [_BRACKETED], 1: [_CUT]}, engine=True,
        expected=_SHRUNK | {"e-tp": _ended(_S.CANCELLED, 6, 105), "e-sl": _CANCELLED},
    ),
    _story(
        "a pair's stop is for what a sale beside it has left", _CALM, _CALM, _STEP, "100 101 95 96",
        acts={0: [_ENTRY], 1: [_pair(105, 95)], 2: [_CUT]}, engine=True,
        expected=_SHRUNK | {"p-sl": _ended(_S.CANCELLED, 6, 95), "p": _CANCELLED},
    ),
    _story(
        "exits are cut twice, and then gone with the position", _CALM, _STEP, _STEP, _STEP, "90 91 89 90",
        acts={
            0: [_BRACKETED], 1: [_CUT], 2: [_sell("d", quantity=4, reduce_only=True)],
            3: [_sell("f", quantity=2, reduce_only=True)],
        },
        engine=True,
        expected=_SHRUNK
        | {"d": _filled(101, 4), "f": _filled(101, 2), "e-sl": _CANCELLED, "e-tp": _CANCELLED},
    ),
    _story(
        "a pair grows with the position as far as it was asked for", _CALM, _CALM, _STEP, "100 101 95 96",
        acts={0: [_buy("e", quantity=6)], 1: [_pair(105, 95)], 2: [_buy("g", quantity=4)]}, engine=True,
        expected={"e": _filled(100, 6), "g": _filled(101, 4), "p-sl": _filled(95), "p": _CANCELLED},
    ),
)  # fmt: skip

_MONEY = (
    _story(
        "a short sale is covered", _CALM, "95 96 94 95", acts={0: [_sell("e")], 1: [_buy()]},
        expected={"e": _filled(100), "a": _filled(95)},
    ),
    _story(
        "an order beyond the buying power is refused", _CALM, acts=[_buy()], cash=Decimal(500),
        expected={"a": _REJECTED},
    ),
    _story(
        "an order is accepted, and rejected at the open", "125 126 124 125", acts=[_buy()],
        cash=Decimal(1000), doomed=True, expected={"a": _REJECTED},
    ),
    _story(
        "a fraction of a share", "101 102 100 102", acts=[_buy(quantity="1.5", tif=_F.DAY)], lot=0.001,
        position=1.5, expected={"a": _filled(101, 1.5)},
    ),
    _story(
        "reduce-only without a position is cancelled", _CALM,
        acts=[_sell(limit=101, reduce_only=True)], engine=True, expected={"a": _CANCELLED},
    ),
    _story(
        "reduce-only sells no more than is held", _CALM, "105 106 104 105",
        acts={0: [_ENTRY], 1: [_sell(quantity=15, limit=105, reduce_only=True)]}, engine=True,
        expected=_HELD | {"a": _ended(_S.CANCELLED, 10, 105)},
    ),
)  # fmt: skip

#: All stories, by what they are about.
STORIES: tuple[Story, ...] = (*_PRICES, *_TIMES, *_CHANGES, *_EXITS, *_SHRINKING, *_MONEY)
