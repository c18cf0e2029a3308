"""The small records that pass between the parts.

Times are integers: nanoseconds since 1970-01-01 in UTC. Sides are the numbers +1 and -1, so that one
formula serves both. Prices, quantities and cash are float64; Decimal begins at a broker's wire.
"""

# ruff: noqa: PLC0414  # mypy takes a name from here only if it is named so; actions belong to the records

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import Literal, NamedTuple

from openbell.core.actions import Action as Action
from openbell.core.actions import Delisting as Delisting
from openbell.core.actions import Dividend as Dividend
from openbell.core.actions import SpinOff as SpinOff
from openbell.core.actions import Split as Split
from openbell.core.actions import SymbolChange as SymbolChange
from openbell.core.actions import turn_of as turn_of
from openbell.core.errors import ConfigError
from openbell.core.inputs import real, shown

Side = Literal[1, -1]
BUY: Side = 1
SELL: Side = -1

NANOS_PER_SECOND = 1_000_000_000
NANOS_PER_DAY = 86_400 * NANOS_PER_SECOND


class OrderType(StrEnum):
    """How an order asks for its price. Market-on-open and -close are MARKET with OPG and CLS."""

    __hash__ = str.__hash__  # the enumeration's own is a call of Python

    MARKET = "market"
    LIMIT = "limit"
    STOP = "stop"
    STOP_LIMIT = "stop_limit"
    TRAILING_STOP = "trailing_stop"


class TimeInForce(StrEnum):
    """How long an order works."""

    __hash__ = str.__hash__  # the enumeration's own is a call of Python

    DAY = "day"  #: until the close of its session, by the exchange calendar
    GTC = "gtc"  #: until cancelled
    IOC = "ioc"  #: what fills at once; the rest is cancelled
    FOK = "fok"  #: all of it at once, or nothing
    OPG = "opg"  #: at a session's open only
    CLS = "cls"  #: at a session's close only
    GTD = "gtd"  #: until a given time


class OrderStatus(StrEnum):
    """Where an order stands. `orders.TRANSITIONS` is the table of allowed steps."""

    __hash__ = str.__hash__  # the enumeration's own is a call of Python

    NEW = "new"  #: made by a strategy, not yet sent
    SUBMITTED = "submitted"  #: on its way to a broker
    HELD = "held"  #: accepted, and asleep until its parent fills
    ACCEPTED = "accepted"  #: working
    TRIGGERED = "triggered"  #: a stop whose level was reached: a market or limit order now
    PARTIALLY_FILLED = "partially_filled"
    FILLED = "filled"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    REJECTED = "rejected"


class Reason(StrEnum):
    """Why an order ended, or why nothing was ordered: every zero is explained with one of these."""

    __hash__ = str.__hash__  # the enumeration's own is a call of Python

    NONE = ""
    ASKED = "asked"  #: the strategy cancelled it
    REPLACED = "replaced"  #: a newer target for the symbol took its place
    OCO = "oco"  #: the other order of its pair filled
    POSITION_CLOSED = "position_closed"  #: nothing left to protect
    PARENT_ENDED = "parent_ended"  #: its parent ended without a fill
    SESSION_END = "session_end"  #: DAY, OPG or CLS ran out
    GOOD_TILL = "good_till"  #: GTD ran out
    NOT_IMMEDIATE = "not_immediate"  #: IOC or FOK found nothing, or not enough, at once
    SPLIT = "split"  #: a reverse split cancels resting orders
    SPIN_OFF = "spin_off"  #: a spin-off cancels resting orders
    DELISTED = "delisted"  #: the symbol is not traded any more
    END_OF_DATA = "end_of_data"  #: the run ended first
    NO_BUYING_POWER = "no_buying_power"  #: unaffordable when it was accepted
    GAP_UNAFFORDABLE = "gap_unaffordable"  #: affordable when accepted, not at its fill
    CUT_TO_AFFORDABLE = "cut_to_affordable"  #: the affordable part filled, the rest was dropped
    SHORT_NOT_ALLOWED = "short_not_allowed"
    UNSETTLED = "unsettled"  #: what was sold has not settled, and pays for nothing before
    DAY_TRADES = "day_trades"  #: it could make a pattern day trader of an account with too little equity
    NOT_LOCATED = "not_located"  #: more would be sold short than can be borrowed
    NOT_A_MEMBER = "not_a_member"  #: the symbol is not in the universe now
    NOTHING_TO_REDUCE = "nothing_to_reduce"  #: reduce-only without a position
    BAD_QUANTITY = "bad_quantity"
    BAD_PRICE = "bad_price"
    UNKNOWN_SYMBOL = "unknown_symbol"
    SIZE_ZERO = "size_zero"  #: the sizer's target is less than one lot
    NO_PRICE = "no_price"  #: no price is known for the symbol yet
    MARGIN_CALL = "margin_call"
    STOPPED = "stopped"  #: the session was asked to stop
    UNSUPPORTED = "unsupported"  #: the broker has no such order, and it cannot be emulated
    MARKET_CLOSED = "market_closed"  #: it cannot wait for the next session
    NOT_SENT = "not_sent"  #: the broker never got it, and it is too old to be sent now
    BROKER_REFUSED = "broker_refused"  #: the broker understood it and refused; its words are in the journal
    BROKER_CANCELLED = "broker_cancelled"  #: ended at the broker, and not by us
    LATE_FILL = "late_fill"  #: filled after it had ended
    ADOPTED = "adopted"  #: taken over from the account, because a policy says so

    # --- limits of risk: `execution.risk` says what each measures
    ORDER_QUANTITY = "order_quantity"
    ORDER_NOTIONAL = "order_notional"
    PRICE_COLLAR = "price_collar"
    DUPLICATE_ORDER = "duplicate_order"
    ORDER_RATE = "order_rate"
    FAT_FINGER = "fat_finger"
    REDUCE_ONLY_MODE = "reduce_only_mode"
    TRADING_HOURS = "trading_hours"
    RESTRICTED_SYMBOL = "restricted_symbol"
    POSITION_QUANTITY = "position_quantity"
    POSITION_NOTIONAL = "position_notional"
    POSITION_SHARE = "position_share"
    SHORT_LIMIT = "short_limit"
    LIQUIDITY = "liquidity"
    DAYS_TO_EXIT = "days_to_exit"
    GROSS_EXPOSURE = "gross_exposure"
    NET_EXPOSURE = "net_exposure"
    LEVERAGE = "leverage"
    CONCENTRATION = "concentration"
    SECTOR = "sector"
    ASSET_CLASS = "asset_class"
    POSITION_COUNT = "position_count"
    CORRELATION = "correlation"
    BETA = "beta"
    VALUE_AT_RISK = "value_at_risk"
    EXPECTED_SHORTFALL = "expected_shortfall"
    DAILY_LOSS = "daily_loss"
    DRAWDOWN = "drawdown"
    TURNOVER = "turnover"
    STALE_DATA = "stale_data"
    SPREAD = "spread"
    HALTED_SYMBOL = "halted_symbol"
    PRICE_BAND = "price_band"  #: limit up or limit down
    BROKER_DISAGREES = "broker_disagrees"
    CLOCK_SKEW = "clock_skew"
    ERROR_RATE = "error_rate"
    EMERGENCY_STOP = "emergency_stop"
    TIME_STOP = "time_stop"  #: held as long as a position may be


class Phase(IntEnum):
    """In which part of a bar a fill happened."""

    OPEN = 0
    INTRABAR = 1
    CLOSE = 2


class Fill(NamedTuple):
    """One execution. `price` includes slippage; `slippage` is its cost a share, never negative."""

    order_id: int
    strategy: str
    symbol: str
    side: Side
    quantity: float
    price: float
    fee: float
    slippage: float
    time: int
    phase: Phase


@dataclass(frozen=True, slots=True)
class Instrument:
    """What may be traded of a symbol, and on which grid."""

    symbol: str
    tick: float = 0.01
    lot: float = 1.0
    currency: str = "USD"
    shortable: bool = True
    sector: str = ""
    exchange: str = ""  #: where it is listed, in the words of whoever said so
    fractionable: bool = False  #: whether a broker sells parts of a share beside whole lots

    def __post_init__(self) -> None:
        if not (isinstance(self.symbol, str) and self.symbol.strip()):
            raise ConfigError(f"instrument {shown(self.symbol)}: its symbol must be text, such as 'AAPL'")
        for name, value in (("tick", self.tick), ("lot", self.lot)):
            number = real(value)
            if not 0.0 < number < math.inf:
                raise ConfigError(
                    f"instrument {self.symbol}: {name}={shown(value)} must be a positive number"
                )
            object.__setattr__(self, name, number)


class Charge(NamedTuple):
    """Cash that leaves or enters for holding: borrow fees and interest. `amount` is what is paid."""

    strategy: str
    symbol: str
    kind: str
    amount: float
    time: int


class MarginCall(NamedTuple):
    """The account's equity fell below its maintenance margin: every position must be closed."""

    strategy: str
    equity: float
    needed: float
    time: int
