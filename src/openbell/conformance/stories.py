"""The stories.

The market stands at 100 when they begin. Extremes lie where orders lie, so that nobody has a choice of
prices.
"""

from __future__ import annotations

from decimal import Decimal

from openbell.conformance.story import Cancel, Story
from openbell.conformance.telling import (
    CALM,
    CANCELLED,
    ENTRY,
    EXPIRED,
    HELD,
    LATE,
    PAST,
    REJECTED,
    WORKING,
    bar,
    buy,
    change,
    ended,
    filled,
    pair,
    sell,
    story,
)
from openbell.core.types import OrderStatus, TimeInForce

_S, _F = OrderStatus, TimeInForce
_PRICES = (
    story(
        "a market order fills at the next open", "101 102 100 102", acts=[buy()], position=10,
        expected={"a": filled(101)},
    ),
    story(
        "a market order closes what is held", CALM, "103 103 102 102",
        acts={0: [ENTRY], 1: [sell()]}, expected=HELD | {"a": filled(103)},
    ),
    story(
        "a limit is filled where the market touches it", "100 101 99 100", acts=[buy(limit=99)],
        position=10, expected={"a": filled(99)},
    ),
    story(
        "a gap through a limit fills at the better open", "97 98 96 97", acts=[buy(limit=99)],
        position=10, expected={"a": filled(97)},
    ),
    story(
        "a limit at the open's own price fills there", "99 100 99 100", acts=[buy(limit=99)],
        position=10, expected={"a": filled(99)},
    ),
    story(
        "a limit that is not reached waits", CALM, CALM, acts=[buy(limit=99)],
        expected={"a": WORKING},
    ),
    story(
        "a limit to sell is filled by a gap up", CALM, "107 108 106 107",
        acts={0: [ENTRY], 1: [sell(limit=105)]}, expected=HELD | {"a": filled(107)},
    ),
    story(
        "a stop to buy fills where it is touched", "100 102 99 101", acts=[buy(stop=102)],
        position=10, expected={"a": filled(102)},
    ),
    story(
        "a gap through a stop to buy fills at the worse open", "104 105 103 104", acts=[buy(stop=102)],
        position=10, expected={"a": filled(104)},
    ),
    story(
        "a gap through a stop to sell fills at the worse open", CALM, "93 94 92 93",
        acts={0: [ENTRY], 1: [sell(stop=95)]}, expected=HELD | {"a": filled(93)},
    ),
    story(
        "a stop that is not reached waits", CALM, CALM,
        acts={0: [ENTRY], 1: [sell(stop=95)]}, position=10, expected=HELD | {"a": WORKING},
    ),
    story(
        "a stop-limit fills at its stop", "100 102 100 101", acts=[buy(stop=102, limit=103)],
        position=10, expected={"a": filled(102)},
    ),
    story(
        "a stop-limit gapped beyond its limit waits as a limit", "104 105 104 104", "104 104 103 104",
        acts=[buy(stop=102, limit=103)], position=10, expected={"a": filled(103)},
    ),
    story(
        "a stop-limit gapped beyond its limit may never fill", "104 105 104 104", "105 106 104 105",
        acts=[buy(stop=102, limit=103)], expected={"a": WORKING},
    ),
    story(
        "a trailing stop follows by an amount", CALM, "100 105 100 105", "105 105 100 101",
        acts={0: [ENTRY], 1: [sell(trail=5)]}, expected=HELD | {"a": filled(100)},
    ),
    story(
        "a trailing stop follows by a share of the price", CALM, "101 120 101 120", "110 111 109 110",
        acts={0: [ENTRY], 1: [sell(trail="0.05", trail_percent=True)]},
        expected=HELD | {"a": filled(110)},
    ),
    story(
        "a trailing stop to buy follows a fall", CALM, bar("100 100 90 90", low_first=False),
        bar("90 95 90 94", low_first=True), acts={0: [sell("e")], 1: [buy(trail=5)]},
        expected={"e": filled(100), "a": filled(95)},
    ),
)  # fmt: skip

_TIMES = (
    story(
        "an extended limit is filled by a gap after the close", CALM, LATE,
        acts={1: [buy(limit=99, extended=True)]}, position=10, expected={"a": filled(97)},
    ),
    story(
        "an order of the session waits through the trading after its close", CALM, LATE,
        bar("100 101 99 100", day=2), acts={1: [buy(limit=99)]}, position=10, expected={"a": filled(99)},
    ),
    story(
        "a market order waits through the trading after the close", CALM, LATE,
        bar("101 102 100 102", day=2), acts={1: [buy()]}, position=10, expected={"a": filled(101)},
    ),
    story(
        "a day order expires at the close", CALM, "98 99 97 98",
        acts=[buy(limit=99, tif=_F.DAY)], expected={"a": EXPIRED},
    ),
    story(
        "a day order expires at the early close of a half day",
        bar(PAST, day=3, begin="12:00", end="12:30"), bar(CALM, day=3, begin="12:30"),
        bar("98 99 97 98", day=4, end="10:00"),
        acts=[buy(limit=99, tif=_F.DAY)], expected={"a": EXPIRED}, whole=True,
    ),
    story(
        "a day order works through its session",
        bar(PAST, day=1, begin="10:00", end="10:30"), bar(CALM, day=1, begin="10:30", end="11:00"),
        bar("100 100 99 99", day=1, begin="11:00", end="11:30"),
        acts=[buy(limit=99, tif=_F.DAY)], position=10, expected={"a": filled(99)}, whole=True,
    ),
    story(
        "an order until cancelled works over sessions", CALM, CALM, "100 100 99 100",
        acts=[buy(limit=99)], position=10, expected={"a": filled(99)},
    ),
    story(
        "an order that is good till a date expires then", CALM, "98 99 97 98",
        acts=[buy(limit=99, tif=_F.GTD, until=1)], expected={"a": EXPIRED},
    ),
    story(
        "an order that is good till a date fills before it", CALM, "98 99 97 98",
        acts=[buy(limit=99, tif=_F.GTD, until=2)], position=10, expected={"a": filled(98)},
    ),
    story(
        "immediate or cancel takes what there is", bar("100 101 99 100", 4),
        acts=[buy(tif=_F.IOC)], position=4, expected={"a": ended(_S.CANCELLED, 4, 100)},
    ),
    story(
        "immediate or cancel that finds nothing is cancelled", "100 101 98 100",
        acts=[buy(limit=99, tif=_F.IOC)], expected={"a": CANCELLED},
    ),
    story(
        "fill or kill fills whole", bar("99 101 99 100", 10),
        acts=[buy(limit=100, tif=_F.FOK)], position=10, expected={"a": filled(99)},
    ),
    story(
        "fill or kill that finds too little is cancelled", bar("99 101 99 100", 9),
        acts=[buy(limit=100, tif=_F.FOK)], expected={"a": CANCELLED},
    ),
    story(
        "a market order on open fills at the open", "101 103 100 102",
        acts=[buy(tif=_F.OPG)], position=10, expected={"a": filled(101)},
    ),
    story(
        "a limit on open that the open misses expires", "100 101 98 100",
        acts=[buy(limit=99, tif=_F.OPG)], expected={"a": EXPIRED},
    ),
    story(
        "a market order on close fills at the close", "101 103 100 102",
        acts=[buy(tif=_F.CLS)], position=10, expected={"a": filled(102)},
    ),
    story(
        "a limit on close that the close misses expires", "101 103 98 102",
        acts=[buy(limit=99, tif=_F.CLS)], expected={"a": EXPIRED},
    ),
)  # fmt: skip

_CHANGES = (
    story(
        "a partial fill, then the cancel of the rest", bar("99 100 98 99", 4), "98 99 97 98",
        acts={0: [buy(limit=99)], 1: [Cancel("a")]}, position=4,
        expected={"a": ended(_S.CANCELLED, 4, 99)},
    ),
    story(
        "an order fills in two sessions", bar("99 100 99 99.5", 4), bar("98 99 98 99", 6),
        acts=[buy(limit=99)], position=10, expected={"a": filled("98.4")},
    ),
    story(
        "a cancel before anything fills", CALM, "98 99 97 98",
        acts={0: [buy(limit=99)], 1: [Cancel("a")]}, expected={"a": CANCELLED},
    ),
    story(
        "the cancel of a filled order changes nothing", "100 101 99 100", CALM,
        acts={0: [buy(limit=99)], 1: [Cancel("a")]}, position=10, expected={"a": filled(99)},
    ),
    story(
        "a second cancel changes nothing", CALM, CALM,
        acts={0: [buy(limit=99)], 1: [Cancel("a")], 2: [Cancel("a")]}, expected={"a": CANCELLED},
    ),
    story(
        "a replaced price is the one that fills", "100 101 99.5 100", "100 101 99 100",
        acts={0: [buy(limit=95)], 1: [change(limit=99)]}, position=10, expected={"a": filled(99)},
    ),
    story(
        "a replaced stop is the one that triggers", CALM, CALM, "98 98 97 97.5",
        acts={0: [ENTRY], 1: [sell(stop=90)], 2: [change(stop=97)]},
        expected=HELD | {"a": filled(97)},
    ),
    story(
        "a replacement after a partial fill counts what has filled", bar("99 100 99 100", 4),
        "99 100 99 99", acts={0: [buy(limit=99)], 1: [change(quantity=8)]}, position=8,
        expected={"a": filled(99, 8)},
    ),
    story(
        "a replacement can be replaced", CALM, CALM, "100 101 99 100",
        acts={0: [buy(limit=90)], 1: [change(limit=95)], 2: [change(limit=99, quantity=7)]},
        position=7, expected={"a": filled(99, 7)},
    ),
    story(
        "a replaced order can be cancelled", CALM, "98 99 97 98", "98 99 97 98",
        acts={0: [buy(limit=90)], 1: [change(limit=95)], 2: [Cancel("a")]}, expected={"a": CANCELLED},
    ),
    story(
        "a replacement that a fill outran changes nothing", "100 101 99 100", CALM,
        acts={0: [buy(limit=99)], 1: [change(limit=98)]}, position=10, expected={"a": filled(99)},
    ),
    story(
        "two orders share what there is by age", bar("99 100 99 100", 10),
        acts=[buy("a", quantity=6, limit=99), buy("b", quantity=6, limit=99)], position=10,
        expected={"a": filled(99, 6), "b": ended(_S.ACCEPTED, 4, 99)},
    ),
)  # fmt: skip

_EXITS = (
    story(
        "of a pair the target fills and the stop goes", CALM, "100 105 100 104",
        acts={0: [ENTRY], 1: [pair(105, 95)]}, expected=HELD | {"p": filled(105), "p-sl": CANCELLED},
    ),
    story(
        "of a pair the stop fills and the target goes", CALM, "100 101 95 96",
        acts={0: [ENTRY], 1: [pair(105, 95)]}, expected=HELD | {"p": CANCELLED, "p-sl": filled(95)},
    ),
    story(
        "of a pair that is touched at both ends the stop fills", CALM, "100 105 95 100",
        acts={0: [ENTRY], 1: [pair(105, 95)]}, expected=HELD | {"p": CANCELLED, "p-sl": filled(95)},
    ),
    story(
        "a gap beyond a pair's target fills at the open", CALM, "107 108 106 107",
        acts={0: [ENTRY], 1: [pair(105, 95)]}, expected=HELD | {"p": filled(107), "p-sl": CANCELLED},
    ),
    story(
        "a pair that is not reached protects on", CALM, CALM,
        acts={0: [ENTRY], 1: [pair(105, 95)]}, position=10,
        expected=HELD | {"p": WORKING, "p-sl": WORKING},
    ),
    story(
        "a bracket's target fills and its stop goes", CALM, "100 105 100 104",
        acts=[buy(take_profit=105, stop_loss=95)],
        expected={"a": filled(100), "a-tp": filled(105), "a-sl": CANCELLED},
    ),
    story(
        "a bracket's stop is gapped through", CALM, "93 94 92 93",
        acts=[buy(take_profit=105, stop_loss=95)],
        expected={"a": filled(100), "a-tp": CANCELLED, "a-sl": filled(93)},
    ),
    story(
        "a bracket whose entry is cancelled has no exits", CALM, CALM,
        acts={0: [buy(limit=99, take_profit=105, stop_loss=95)], 1: [Cancel("a")]},
        expected={"a": CANCELLED, "a-tp": CANCELLED, "a-sl": CANCELLED},
    ),
    story(
        "a bracket's entry fills in two sessions, and its target sells it all",
        bar("99 100 99 99.5", 4), bar("99 100 99 99.5", 6), "100 105 100 104",
        acts=[buy(limit=99, take_profit=105, stop_loss=95)],
        expected={"a": filled(99), "a-tp": filled(105), "a-sl": CANCELLED},
    ),
    story(
        "a bracket sells short", CALM, "100 100 95 96",
        acts=[sell(take_profit=95, stop_loss=105)],
        expected={"a": filled(100), "a-tp": filled(95), "a-sl": CANCELLED},
    ),
    story(
        "an entry with a stop alone is protected", CALM, "100 101 95 96",
        acts=[buy(stop_loss=95)], expected={"a": filled(100), "a-sl": filled(95)},
    ),
    story(
        "a bracket's exits wait while nothing happens", CALM, CALM,
        acts=[buy(take_profit=105, stop_loss=95)], position=10,
        expected={"a": filled(100), "a-tp": WORKING, "a-sl": WORKING},
    ),
)  # fmt: skip

_BRACKETED = buy("e", stop_loss=95, take_profit=105)
_CUT = sell("c", quantity=4, reduce_only=True)
_SHRUNK = HELD | {"c": filled(101, 4)}
_STEP = "101 102 100 101"

#: Exits that something beside them makes too large or too small for the position.
_SHRINKING = (
    story(
        "a bracket's stop is for what a sale beside it has left", CALM, _STEP, "100 101 95 96",
        acts={0: [_BRACKETED], 1: [_CUT]}, engine=True,
        expected=_SHRUNK | {"e-sl": ended(_S.CANCELLED, 6, 95), "e-tp": CANCELLED},
    ),
    story(
        "a bracket's target is for what a sale beside it has left", CALM, _STEP, "101 105 101 104",
        acts={0: [_BRACKETED], 1: [_CUT]}, engine=True,
        expected=_SHRUNK | {"e-tp": ended(_S.CANCELLED, 6, 105), "e-sl": CANCELLED},
    ),
    story(
        "a pair's stop is for what a sale beside it has left", CALM, CALM, _STEP, "100 101 95 96",
        acts={0: [ENTRY], 1: [pair(105, 95)], 2: [_CUT]}, engine=True,
        expected=_SHRUNK | {"p-sl": ended(_S.CANCELLED, 6, 95), "p": CANCELLED},
    ),
    story(
        "exits are cut twice, and then gone with the position", CALM, _STEP, _STEP, _STEP, "90 91 89 90",
        acts={
            0: [_BRACKETED], 1: [_CUT], 2: [sell("d", quantity=4, reduce_only=True)],
            3: [sell("f", quantity=2, reduce_only=True)],
        },
        engine=True,
        expected=_SHRUNK
        | {"d": filled(101, 4), "f": filled(101, 2), "e-sl": CANCELLED, "e-tp": CANCELLED},
    ),
    story(
        "a pair grows with the position as far as it was asked for", CALM, CALM, _STEP, "100 101 95 96",
        acts={0: [buy("e", quantity=6)], 1: [pair(105, 95)], 2: [buy("g", quantity=4)]}, engine=True,
        expected={"e": filled(100, 6), "g": filled(101, 4), "p-sl": filled(95), "p": CANCELLED},
    ),
)  # fmt: skip

_MONEY = (
    story(
        "a short sale is covered", CALM, "95 96 94 95", acts={0: [sell("e")], 1: [buy()]},
        expected={"e": filled(100), "a": filled(95)}, shorts=True,
    ),
    story(
        "an order beyond the buying power is refused", CALM, acts=[buy()], cash=Decimal(500),
        expected={"a": REJECTED},
    ),
    story(
        "an order is accepted, and rejected at the open", "125 126 124 125", acts=[buy()],
        cash=Decimal(1000), doomed=True, expected={"a": REJECTED},
    ),
    story(
        "a fraction of a share", "101 102 100 102", acts=[buy(quantity="1.5", tif=_F.DAY)], lot=0.001,
        position=1.5, expected={"a": filled(101, 1.5)},
    ),
    story(
        "reduce-only without a position is cancelled", CALM,
        acts=[sell(limit=101, reduce_only=True)], engine=True, expected={"a": CANCELLED},
    ),
    story(
        "reduce-only sells no more than is held", CALM, "105 106 104 105",
        acts={0: [ENTRY], 1: [sell(quantity=15, limit=105, reduce_only=True)]}, engine=True,
        expected=HELD | {"a": ended(_S.CANCELLED, 10, 105)},
    ),
)  # fmt: skip

#: All stories, by what they are about.
STORIES: tuple[Story, ...] = (*_PRICES, *_TIMES, *_CHANGES, *_EXITS, *_SHRINKING, *_MONEY)
