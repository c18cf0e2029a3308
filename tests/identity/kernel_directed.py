"""Runs written by hand for what random ones rarely meet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from tests.identity.kernel_cases import follow
from tests.unit.fill_desk import costs, days, series
from tests.unit.kernel_by_hand import Prepared, prepared

import openbell as ob
from openbell.core.costs import Commission, Margin, Slippage
from openbell.core.types import Action, Dividend, Instrument, Split

#: An account that owes up to nine tenths of what it holds.
DEEP = Margin(initial=0.1, maintenance=0.1, short=True, borrow_rate=0.0, interest_rate=0.0)
Rows = Mapping[int, str]


def hand(
    rows: Sequence[str] | Mapping[str, Rows],
    wants: Sequence[float],
    *,
    actions: Sequence[Action] = (),
    exits: Mapping[str, Any] | None = None,
    shares: float = 10.0,
    tick: float = 0.01,
    lot: float = 1.0,
    **settings: Any,
) -> Prepared:
    """Return a run of bars `open high low close volume`, of one symbol or by the day, and what is wanted."""
    table = rows if isinstance(rows, Mapping) else {"X": dict(enumerate(rows))}
    spans = days(1 + max(day for bars in table.values() for day in bars))
    data = []
    for symbol, bars in table.items():
        made = series(list(bars.values()), symbol, spans=[spans[day] for day in bars])
        mine = tuple(action for action in actions if action.symbol == symbol)
        data.append(replace(made, extra={"want": np.array([wants[day] for day in bars])}, actions=mine))
    given = {
        "cash": 10_000.0, "costs": costs(), "sizer": ob.FixedQuantity(shares),
        "instruments": [Instrument(symbol, tick, lot) for symbol in table], **settings,
    }  # fmt: skip
    return prepared(ob.signal(want=ob.field("want"), **(exits or {}))(follow), data, **given)


def split(day: int, new: int, old: int) -> Split:
    return Split("X", days(day + 1)[day][0], new, old)


QUIET = "100 101 99 100"

DEAR = hand(  # the shares are paid for, their fee is not: the order is refused, though the next open is lower
    ["50 51 49 50", "50 51 49 50", "50 101 49 100", "90 91 89 90", "90 91 89 90"], [1.0, 0.0, 1.0, 1.0, 1.0],
    cash=1_003.0, costs=costs(commission=Commission(per_order=1.0), margin=Margin(short=False)),
    sizer=ob.ShareOfEquity(1.0),
)  # fmt: skip

CALLED = hand(  # Y falls when X has no bar: X's exits end, and its order is sent, at Y's moment
    {"X": {0: QUIET, 1: QUIET, 2: QUIET, 4: QUIET, 5: QUIET}, "Y": dict(enumerate(
        [QUIET, QUIET, QUIET, "80 81 79 80", "80 81 79 80", "80 81 79 80"]))},
    [1.0] * 6, shares=400.0, costs=costs(margin=DEEP), exits={"stop_loss": 0.5},
)  # fmt: skip

CUT = hand(  # the open is dearer than the close before it: less is bought, and less is protected
    [QUIET, "110 111 109 110", "110 111 100 104", QUIET], [1.0] * 4, shares=95.0,
    costs=costs(unaffordable="cut"), exits={"stop_loss": 0.02, "take_profit": 0.5},
)  # fmt: skip

LONG_STOP = hand(  # bars pass by in stretches of sixteen: one bar of a stretch touches
    [QUIET] * 24 + ["100 101 94 99"] + [QUIET] * 40, [1.0] * 65, exits={"stop_loss": 0.05, "reenter": True}
)

LONG_TARGET = hand(  # the same where a position is left to its exits, whatever is decided meanwhile
    [QUIET] * 40 + ["100 104 99 101"] + [QUIET] * 40, ([1.0] * 5 + [0.0] * 4) * 9,
    exits={"stop_loss": 0.05, "take_profit": 0.03, "reenter": True, "entries_only": True},
)  # fmt: skip

TOO_DEAR = hand(
    [QUIET, "110 111 109 110", QUIET], [1.0] * 3, shares=95.0, exits={"stop_loss": 0.02, "take_profit": 0.5}
)

BIT_BY_BIT = hand(  # a tenth of each bar's volume: exits grow with the entry, and fill while it still works
    [QUIET, "100 101 99 100 300", "100 101 99 100 200", "100 101 94 97 100", "97 98 96 97 400",
     "97 104 96 103 50", "100 101 90 92 9000", QUIET],
    [1.0] * 8, shares=80.0, costs=costs(volume_share=0.1), exits={"stop_loss": 0.05, "take_profit": 0.03},
)  # fmt: skip

BOTH = hand(  # the third bar touches the stop and its target
    [QUIET, QUIET, "100 110 90 100", QUIET], [1.0] * 4, exits={"stop_loss": 0.05, "take_profit": 0.05}
)

AGAIN = hand(  # a stop closes the position, and the conviction that stands opens it again, twice
    [QUIET, QUIET, "100 101 90 92", "92 93 91 92", "92 93 80 82", "82 83 81 82", "82 83 81 82"],
    [1.0] * 7, exits={"stop_loss": 0.05, "reenter": True},
)  # fmt: skip

LEFT = hand(  # a position is left to its exits while the conviction falls and turns
    [QUIET, QUIET, QUIET, QUIET, "100 101 90 92", QUIET, QUIET, QUIET],
    [1.0, 0.5, -1.0, 1.0, 0.0, -1.0, 1.0, 1.0],
    exits={"stop_loss": 0.05, "entries_only": True}, costs=costs(margin=ob.REG_T),
)  # fmt: skip

RESTING = hand(  # a margin call ends what rests of a symbol that is not held
    {"X": dict.fromkeys(range(6), QUIET), "Y": dict(enumerate(
        [QUIET, "100 101 97 100", QUIET, "80 81 79 80", "80 81 79 80", "80 81 79 80"]))},
    [1.0] * 6, shares=400.0, costs=costs(margin=DEEP), exits={"limit": 0.02},
)  # fmt: skip

TWO_TRAILS = hand(  # what is added to a position trails from its own fill
    [QUIET, "100 101 99 101", "101 108 100 107", "107 108 106 107", "107 112 106 111",
     "111 112 95 96", QUIET],
    [0.5, 0.5, 1.0, 1.0, 1.0, 1.0, 1.0], exits={"trailing_stop": 0.1},
)  # fmt: skip

ODD = hand(  # a split leaves an odd lot, beside which whole ones are bought
    [QUIET, QUIET, "67 68 66 67", "67 68 66 67", "67 68 66 67", QUIET], [0.5, 0.5, 0.5, 1.0, 0.5, 0.0],
    shares=100.0, lot=10.0, actions=[split(2, 3, 2)],
)  # fmt: skip

SPLIT_UP = hand(  # three for two while an entry fills bit by bit and its exits wait
    [QUIET, "100 101 99 100 110", "67 68 66 67 150", "67 68 60 62 90", "62 63 61 62 1000",
     "62 80 61 79 1000"],
    [1.0] * 6, shares=45.0, costs=costs(volume_share=0.1), actions=[split(2, 3, 2)],
    exits={"stop_loss": 0.05, "take_profit": 0.2, "trailing_stop": 0.15},
)  # fmt: skip

SPLIT_DOWN = hand(  # one for three: the exits end, and a third of a share is paid in cash
    [QUIET, QUIET, "300 303 297 300", "300 303 297 300"], [1.0] * 4, actions=[split(2, 1, 3)],
    exits={"stop_loss": 0.05, "take_profit": 0.2},
)  # fmt: skip

GONE = hand(  # one for twenty of a short of ten: all of it is paid in cash, and the trade is done
    [QUIET, QUIET, "2000 2020 1980 2000", "2000 2020 1980 2000"], [-1.0] * 4, actions=[split(2, 1, 20)],
    costs=costs(margin=ob.REG_T),
)  # fmt: skip

SPENT = hand(  # fractions of three splits leave an exit of a share when its position is closed
    [QUIET, "100 101 99 100 100", "87.5 88 87 87.5 0", "76.56 77 76 76.56 0", "67 68 66 67 0",
     "66 67 60 61 99", "61 62 60 61 99", "5000 5001 4999 5000 1000", QUIET, QUIET],
    [1.0] * 10, shares=50.0, lot=10.0, costs=costs(volume_share=0.1), exits={"stop_loss": 0.05},
    actions=[split(day, 8, 7) for day in (2, 3, 4)],
)  # fmt: skip

PLAIN = hand(  # whole fills at the next open: one on a dividend's day, one after it, one that is too dear
    [QUIET, "100 101 99 101", "101 102 99 100", "100 101 98 99", "99 101 98 100", "150 151 149 150", QUIET],
    [0.0, 1.0, 0.5, 1.0, 0.0, 1.0, 1.0], shares=90.0,
    actions=[Dividend("X", days(3)[2][0], 1.5)], costs=costs(slippage=Slippage(bps=10.0)),
)  # fmt: skip

PLAIN_TOO_DEAR = hand([QUIET, "110 111 109 110", "120 121 119 120"], [1.0, 1.0, 0.0], shares=95.0)

TO_THE_CENT = hand(  # the cash is what it costs, but for the order in which large numbers are summed
    ["113 113.5 112 113", "113.31 114 113 113.5", "113.5 114 113 113.5"], [1.0, 1.0, 0.0],
    cash=369014249.857469, sizer=ob.ShareOfEquity(3_254_257.5 * 113.0 / 369014249.857469),
    costs=costs(commission=Commission(), slippage=Slippage(bps=7.0)),
)  # fmt: skip

GROWN = hand(  # an exit that grows inside a bar does not fill in what is left of it
    [QUIET, "100 101 97 100 100", "100 106 97 100 10000", QUIET], [1.0] * 4, shares=20.0,
    costs=costs(volume_share=0.1), exits={"limit": 0.02, "take_profit": 0.05},
)  # fmt: skip

# --- positions with exits, whose figures come the short way or not ---

SLIPS = costs(commission=Commission(taker_bps=10.0, maker_bps=3.0), slippage=Slippage(bps=20.0))
BRACKET = {"stop_loss": 0.05, "take_profit": 0.05}

GAPPED = hand([QUIET, QUIET, "90 91 89 90", QUIET], [1.0] * 4, costs=SLIPS, exits=BRACKET)

SOARED = hand([QUIET, QUIET, "110 111 109 110", QUIET], [1.0] * 4, costs=SLIPS, exits=BRACKET)

REACHED = hand([QUIET, QUIET, "101 106 100 104", QUIET], [1.0] * 4, costs=SLIPS, exits=BRACKET)

AT_ENTRY = hand([QUIET, "100 106 94 100", QUIET], [1.0] * 3, costs=SLIPS, exits=BRACKET)

TRAILED = hand(  # the mark rises with the bars; the stop that it drags is above the fixed one
    [QUIET, QUIET, "101 104 101 104", "104 109 104 108", "108 109 101 102", QUIET], [1.0] * 6,
    costs=SLIPS, exits={**BRACKET, "take_profit": 0.3, "trailing_stop": 0.06},
)  # fmt: skip

CLOSED = hand(  # by an order at the market, while its exits rest; then once more
    [QUIET, QUIET, QUIET, "101 102 100 101", QUIET, "102 103 101 102", QUIET],
    [1.0, 1.0, 0.0, 1.0, 1.0, -1.0, 0.0], costs=SLIPS, exits=BRACKET,
)  # fmt: skip

OVERTAKEN = hand(  # the conviction falls in the bar whose stop is touched already
    [QUIET, QUIET, "100 101 94 100", QUIET, QUIET, QUIET], [1.0, 1.0, 0.0, 1.0, 1.0, 1.0], exits=BRACKET
)

IGNORED = hand(  # the position is left to its exits, and still there at the end
    [QUIET] * 5, [1.0, 0.0, 1.0, 0.5, 0.0], exits={**BRACKET, "entries_only": True, "reenter": True}
)

TOO_LATE = hand([QUIET] * 4, [1.0, 1.0, 1.0, 0.0], exits=BRACKET)  # the last close has no open after it

THIN = hand(  # the entry's bar has volume for it, and for a part of its exit
    [QUIET, "100 101 94 100 150", "100 101 99 100 1000"], [1.0] * 3, exits=BRACKET,
    costs=costs(volume_share=0.1),
)  # fmt: skip

RESIZED = hand([QUIET] * 4 + ["95 96 90 91"], [0.5, 0.5, 1.0, 1.0, 1.0], exits=BRACKET)

PAID = hand(
    [QUIET, QUIET, QUIET, "98 99 94 95", QUIET], [1.0] * 5, exits=BRACKET,
    actions=[Dividend("X", days(3)[2][0], 1.5)],
)  # fmt: skip

IN_DEBT = hand(  # what the stop brings is less than its fee
    [QUIET, QUIET, "0.1 0.1 0.1 0.1", "0.1 0.1 0.1 0.1"], [1.0] * 4, exits=BRACKET, cash=1_053.0,
    costs=costs(commission=Commission(minimum=53.0, maximum_share=0.0)),
)  # fmt: skip

TOO_MANY = hand(  # more than can be paid for: what fits is bought, and protected
    [QUIET, QUIET, "97 98 96 97", QUIET], [1.0] * 4, shares=200.0, exits={"stop_loss": 0.02}
)

TOO_MANY_TOGETHER = hand(  # the second has what the first leaves, and the third nothing
    {"X": dict(enumerate([QUIET] * 4)), "Y": dict(enumerate([QUIET] * 4)), "Z": dict(enumerate([QUIET] * 4))},
    [1.0] * 4, shares=60.0,
)  # fmt: skip

BESIDE = hand(  # an open that is beside its bar: the bar of the entry does not touch what its open is beyond
    [QUIET, "90 101 99 100", QUIET], [1.0] * 3, exits=BRACKET
)

ABOVE = hand([QUIET, QUIET, "106 101 94 100", QUIET], [1.0] * 4, exits=BRACKET)  # nor here the target

SOARING = hand([QUIET, "100 1001 100 1000"], [1.0] * 2, shares=95.0)  # a year of that is no float

NEVER = hand([QUIET, QUIET], [float("nan")] * 2)  # the indicator never has a value

ALL = {name: case for name, case in globals().items() if name.isupper() and isinstance(case, tuple)}

# What no run can have, and both engines refuse.
WORTHLESS_STOP = hand([QUIET, QUIET], [1.0] * 2, tick=1.0, exits={"stop_loss": 0.996})
TOO_SURE = hand([QUIET, QUIET], [0.0, 1.5])
NOT_A_NUMBER = hand([QUIET, QUIET], [1.0, float("nan")])
REFUSED = (WORTHLESS_STOP, TOO_SURE, NOT_A_NUMBER)
