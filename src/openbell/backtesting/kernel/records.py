"""What the kernel keeps: the broker's and the desk's state as records, and the market as columns.

Each record mirrors a class of the event engine, whose docstring says what the fields mean: `Working` and its
reservation in `Funds`, `Position` and `Track`, `Account`. Numbers are float64 and int64 alone.
"""

from __future__ import annotations

import ctypes
from inspect import get_annotations
from typing import Any

from openbell.core.types import OrderStatus, Reason

#: Room for one symbol's orders. A decision sends seven at most: one, and two sets of three exits. Those that
#: were sent before have ended by then, as they were another target's. At an open, three have a second turn.
SLOTS = 16

MARKET, LIMIT, STOP, TRAILING = range(4)
ENDED, ASLEEP, ACTIVE = range(3)
OPEN, INTRABAR = range(2)
SHARE_OF_EQUITY, FIXED_QUANTITY, FIXED_NOTIONAL = range(3)
MADE, UPDATE, FILL, CHARGE, SPLIT, DIVIDEND, AMBIGUITY = range(7)

STATUSES = tuple(OrderStatus)
REASONS = tuple(Reason)
REASON_COUNT = len(REASONS)
SAME = -1  #: a status that does not change

HELD = STATUSES.index(OrderStatus.HELD)
ACCEPTED = STATUSES.index(OrderStatus.ACCEPTED)
TRIGGERED = STATUSES.index(OrderStatus.TRIGGERED)
CANCELLED = STATUSES.index(OrderStatus.CANCELLED)
EXPIRED = STATUSES.index(OrderStatus.EXPIRED)
REJECTED = STATUSES.index(OrderStatus.REJECTED)

NONE = REASONS.index(Reason.NONE)
REPLACED = REASONS.index(Reason.REPLACED)
OCO = REASONS.index(Reason.OCO)
POSITION_CLOSED = REASONS.index(Reason.POSITION_CLOSED)
PARENT_ENDED = REASONS.index(Reason.PARENT_ENDED)
BY_SPLIT = REASONS.index(Reason.SPLIT)
END_OF_DATA = REASONS.index(Reason.END_OF_DATA)
NO_BUYING_POWER = REASONS.index(Reason.NO_BUYING_POWER)
GAP_UNAFFORDABLE = REASONS.index(Reason.GAP_UNAFFORDABLE)
CUT = REASONS.index(Reason.CUT_TO_AFFORDABLE)
SHORT_NOT_ALLOWED = REASONS.index(Reason.SHORT_NOT_ALLOWED)
NOTHING_TO_REDUCE = REASONS.index(Reason.NOTHING_TO_REDUCE)
SIZE_ZERO = REASONS.index(Reason.SIZE_ZERO)
MARGIN_CALL = REASONS.index(Reason.MARGIN_CALL)


def _laid_out(record: type[ctypes.Structure]) -> None:
    """Lay a record out as its annotations say: a float64 for each `float`, an int64 for each `int`."""
    kinds: dict[str, type[Any]] = {"float": ctypes.c_double, "int": ctypes.c_int64}
    record._fields_ = [(name, kinds[kind]) for name, kind in get_annotations(record).items()]


class Order(ctypes.Structure):
    """One order, at the exchange and at the desk."""

    side: float
    quantity: float
    filled: float
    pending: float
    limit: float
    stop: float
    level: float  #: a stop's price in force, on the tick grid
    trail: float
    mark: float
    lot: float
    raw: float
    value: float
    paid: float
    need: float  #: what it reserves of free equity
    held: float  #: for how many shares; 0 where it reserves nothing
    id: int
    kind: int
    state: int
    working: int  #: whether the desk counts on it; -1 while it is being cancelled
    is_stop: int
    since: int
    parent: int
    oco: int
    aim: int
    reduce_only: int
    symbol: int


class Symbol(ctypes.Structure):
    """One symbol: its grid, its cursor, its position, and what was decided last."""

    tick: float
    lot: float
    unit: float
    carried: float  #: the last close in the shares of now, as a curve is valued
    position: float
    conviction: float  #: the desk's, NaN before the first
    last: float  #: the strategy's
    projected: float
    taken: float  #: of the bar's volume
    turning: float  #: the position while an open's orders are put into their turns
    trade_pnl: float
    tried: (
        float  #: signed shares of market orders that were refused at `tried_at`: the desk hears of it later
    )
    tried_limit: float  #: what a limit order of them was worth, signed
    first: int  #: of its bars among all symbols'
    bars: int
    at: int  #: the last known bar
    shortable: int
    orders: int  #: slots in use
    sent: int
    booked: int
    tried_at: int  #: a moment


class Run(ctypes.Structure):
    """A run: its settings, its account, its counts, and the addresses of its arrays."""

    # settings
    initial_cash: float
    per_share: float
    per_order: float
    taker_bps: float
    maker_bps: float
    minimum: float
    maximum_share: float
    slip_share: float
    slip_bps: float
    spread_bps: float
    impact: float
    initial: float
    maintenance: float
    borrow_rate: float
    interest_rate: float
    volume_share: float
    size: float
    part: float  #: of what the account can pay for
    stop_loss: float
    take_profit: float
    trailing_stop: float
    limit: float
    years: float
    periods: float  #: sessions a year
    sizer: int
    short: int
    cut: int
    reenter: int
    entries_only: int
    figures_only: int  #: whether no log is kept
    dense: int  #: whether every symbol has a bar at every moment
    # the account
    cash: float
    reserved: float
    fees: float
    slippage: float
    charges: float
    won: float
    lost: float
    foreseen: float  #: signed shares of a fill at the next open that is worked out already
    foreseen_price: float
    foreseen_fee: float
    foreseen_slip: float  #: its slippage in money
    falls: float  #: the stop of the position that it begins; without one, minus infinity
    rises: float  #: its target, or infinity
    trail_mark: float  #: a trailing stop's, while bars pass by
    trail_level: float
    asked: float  #: the conviction that ends the position; 1 where an exit does
    left_price: float  #: of the fill that ends it
    left_fee: float
    left_slip: float
    trades: int
    wins: int
    invested: int  #: marks at which something was held
    shorts: int
    since: int  #: the moment from which nights are charged, -1 where they are not
    # counts
    symbols: int
    moments: int
    sessions: int
    mark_count: int
    changes: int
    change: int  #: the next one
    left: int  #: the next one when a position has ended that is foreseen
    actions: int
    log_size: int
    next_id: int
    holds: int
    resting: int
    queued: int
    turned: int
    joined: int
    trailing: int
    positions: int
    senders: int
    moment: int
    mark: int  #: the next one
    restless: int  #: whether a conviction that stands is to be acted on at the next bars
    logged: int
    fault: int
    # where the bars are, symbol after symbol
    open_at: int
    high_at: int
    low_at: int
    close_at: int
    volume_at: int
    start_at: int
    known_at: int
    slots_at: int  #: the moment of each bar
    # where the timeline is
    times_at: int
    ends_at: int  #: the last moment of each session; of one without bars, of what was before it
    nights_at: int  #: the day of each session's close, counted in nights
    opens_at: int  #: the open of each session
    marks_at: int  #: moments at which statistics look
    action_moments_at: int
    action_symbols_at: int
    action_times_at: int
    action_new_at: int  #: shares after a split, or the dividend
    action_old_at: int  #: shares before it; 0 for a dividend
    # where the changes of conviction are
    when_at: int
    who_at: int
    what_at: int
    # where results go
    curve_at: int
    results_at: int
    log_at: int
    notes_at: int
    # where the state is
    orders_at: int  #: those of a symbol side by side, oldest first
    symbols_at: int
    resting_at: int  #: slots of the orders that work, oldest first
    queue_at: int  #: those that the moment's bars may fill
    turns_at: int  #: the same in the order of the open, and those that joined
    trailing_at: int  #: slots of the trailing stops that the bars move
    joined_at: int  #: slots that began to work at an open
    positions_at: int  #: symbols in the order of their first booking
    senders_at: int  #: symbols in the order of their first order


class Event(ctypes.Structure):
    """One thing that happened. What `a` to `f` are depends on the kind."""

    a: float
    b: float
    c: float
    d: float
    e: float
    f: float
    kind: int
    moment: int
    time: int
    order: int
    symbol: int
    code: int
    reason: int


for _record in (Order, Symbol, Run, Event):
    _laid_out(_record)
