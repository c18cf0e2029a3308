"""Numbers, dates and reasons in the words of a report."""

from __future__ import annotations

import math

import numpy as np

from openbell.core.costs import Costs
from openbell.core.types import Reason
from openbell.portfolio.summary import DESCRIPTIONS

MINUS = "−"

#: Why an order ended or a decision came to nothing, as the end of a sentence.
REASONS: dict[Reason, str] = {
    Reason.ASKED: "the strategy cancelled it",
    Reason.REPLACED: "a newer target took its place",
    Reason.OCO: "the other order of its pair filled",
    Reason.POSITION_CLOSED: "nothing was left to protect",
    Reason.PARENT_ENDED: "its parent order ended without a fill",
    Reason.SESSION_END: "its session ended before it filled",
    Reason.GOOD_TILL: "its time ran out",
    Reason.NOT_IMMEDIATE: "it could not fill at once",
    Reason.SPLIT: "a reverse split cancelled it",
    Reason.SPIN_OFF: "a spin-off cancelled it",
    Reason.DELISTED: "the symbol was delisted",
    Reason.NOT_A_MEMBER: "the symbol was not in the universe",
    Reason.END_OF_DATA: "the data ended before it filled",
    Reason.NO_BUYING_POWER: "it cost more than the account could pay",
    Reason.GAP_UNAFFORDABLE: "a gap made it dearer than the account could pay",
    Reason.CUT_TO_AFFORDABLE: "it was cut to what the account could pay",
    Reason.SHORT_NOT_ALLOWED: "a cash account may not sell short",
    Reason.NOTHING_TO_REDUCE: "there was no position to reduce",
    Reason.BAD_QUANTITY: "its quantity is not valid",
    Reason.BAD_PRICE: "its price is not valid",
    Reason.UNKNOWN_SYMBOL: "its symbol is unknown",
    Reason.SIZE_ZERO: "the sizer's target was less than one lot",
    Reason.NO_PRICE: "no price was known for the symbol yet",
    Reason.MARGIN_CALL: "a margin call closed it",
    Reason.STOPPED: "the session was asked to stop",
    Reason.STOPPED: "the session was asked to stop",
    Reason.UNSUPPORTED: "the broker has no such order",
    Reason.MARKET_CLOSED: "the market was closed",
    Reason.NOT_SENT: "the broker never got it",
    Reason.BROKER_REFUSED: "the broker refused it",
    Reason.BROKER_CANCELLED: "the broker ended it",
    Reason.LATE_FILL: "it filled after it had ended",
    Reason.ADOPTED: "it was taken over from the account",
    Reason.ORDER_QUANTITY: "it was for more shares than an order may be",
    Reason.ORDER_NOTIONAL: "it was worth more than an order may be",
    Reason.PRICE_COLLAR: "its price was too far from the last one",
    Reason.DUPLICATE_ORDER: "the same order was sent a moment before",
    Reason.ORDER_RATE: "too many orders were sent in that time",
    Reason.FAT_FINGER: "it was many times as large as usual",
    Reason.REDUCE_ONLY_MODE: "only orders that reduce a position were allowed",
    Reason.TRADING_HOURS: "it was outside of the hours that were allowed",
    Reason.RESTRICTED_SYMBOL: "its symbol may not be traded",
    Reason.POSITION_QUANTITY: "the position would have had too many shares",
    Reason.POSITION_NOTIONAL: "the position would have been worth too much",
    Reason.POSITION_SHARE: "the position would have been too large a share of equity",
    Reason.SHORT_LIMIT: "too much would have been held short",
    Reason.LIQUIDITY: "the position would have been too large for the usual volume",
    Reason.DAYS_TO_EXIT: "the position would have taken too long to close",
    Reason.GROSS_EXPOSURE: "gross exposure would have been too large",
    Reason.NET_EXPOSURE: "net exposure would have been too large",
    Reason.LEVERAGE: "leverage would have been too large",
    Reason.CONCENTRATION: "the largest positions would have been too large a share of equity",
    Reason.SECTOR: "its sector would have been too large a share of equity",
    Reason.ASSET_CLASS: "its asset class would have been too large a share of equity",
    Reason.POSITION_COUNT: "there would have been too many positions",
    Reason.CORRELATION: "it moved too much like what was held",
    Reason.BETA: "the portfolio's beta would have been too large",
    Reason.VALUE_AT_RISK: "value at risk would have been too large",
    Reason.EXPECTED_SHORTFALL: "expected shortfall would have been too large",
    Reason.DAILY_LOSS: "the day's loss was too large to take on more risk",
    Reason.DRAWDOWN: "the drawdown was too large to take on more risk",
    Reason.TURNOVER: "too much would have been traded in that session",
    Reason.STALE_DATA: "the last price of its symbol was too old",
    Reason.SPREAD: "the spread was too wide",
    Reason.UNSETTLED: "the proceeds that should pay for it had not settled",
    Reason.DAY_TRADES: "it could have made a pattern of day trades",
    Reason.NOT_LOCATED: "more would have been sold short than could be borrowed",
    Reason.PRICE_BAND: "its price was at limit up or limit down",
    Reason.HALTED_SYMBOL: "trading in its symbol was halted",
    Reason.BROKER_DISAGREES: "the broker's account and the ledger did not agree",
    Reason.CLOCK_SKEW: "the computer's clock was too far off",
    Reason.ERROR_RATE: "too many errors had happened",
    Reason.EMERGENCY_STOP: "the emergency stop was pulled",
    Reason.TIME_STOP: "it was held as long as a position may be",
}


def signed(text: str) -> str:
    """Return a number's text with a true minus sign, and none on what rounds to zero."""
    if not any(digit in text for digit in "123456789"):
        return text.removeprefix("-")
    return text.replace("-", MINUS)


def percent(value: float) -> str:
    """Return a fraction as percent with one decimal."""
    return "–" if math.isnan(value) else signed(f"{value:,.1%}")


def money(value: float) -> str:
    """Return money without its cents, which no reader needs in a sentence."""
    return "–" if math.isnan(value) else signed(f"{value:,.0f}")


def figure(key: str, value: float) -> str:
    """Return a metric as a reader expects it."""
    return signed(shown(key, value))


def capitalised(text: str) -> str:
    """Return a text with its first letter in upper case, and all others as they are."""
    return text[:1].upper() + text[1:]


def spaceless(text: str) -> str:
    """Return a text of other modules with percent signs as here."""
    return text.replace(" %", "%")


def count(number: int, noun: str) -> str:
    """Return `1 trade`, `2 trades`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def span(days: float) -> str:
    """Return a length of time in the unit that it is told in: days, else hours, minutes or seconds."""
    sign, size = ("-" if days < 0.0 else ""), abs(days)
    for noun, each in (("day", 1), ("hour", 24), ("minute", 1_440)):
        if size * each >= 1.0:
            places = 0 if size * each >= 10.0 else 1
            text = f"{size * each:,.{places}f}".removesuffix(".0")
            return f"{sign}{text} {noun}{'' if text == '1' else 's'}"
    return f"{sign}{count(round(size * 86_400), 'second')}"


def date(time: int) -> str:
    """Return a time's UTC date; one at midnight closes the day before."""
    return str(np.datetime64(time - 1, "ns").astype("datetime64[D]"))


def plain(value: float) -> str:
    """Return a number without the noise of its last digits."""
    return signed(f"{value:,.10g}")


def commission(costs: Costs) -> str:
    """Return what a commission is made of."""
    c = costs.commission
    parts = [
        f"{plain(c.per_share)} a share" if c.per_share else "",
        f"{plain(c.per_order)} an order" if c.per_order else "",
        f"{plain(c.taker_bps)} bps of the value" if c.taker_bps else "",
        f"{plain(c.maker_bps)} bps as a maker" if c.maker_bps else "",
        f"at least {plain(c.minimum)} an order" if c.minimum else "",
    ]
    given = [part for part in parts if part]
    if given and c.maximum_share:
        given.append(f"at most {plain(100 * c.maximum_share)}% of the value")
    return ", ".join(given) or "none"


def slippage(costs: Costs) -> str:
    """Return what slippage is made of."""
    s = costs.slippage
    parts = [
        f"{plain(s.bps)} bps of the price" if s.bps else "",
        f"{plain(s.per_share)} a share" if s.per_share else "",
        f"half of a spread of {plain(s.spread_bps)} bps" if s.spread_bps else "",
        f"an impact of {plain(s.impact)} × √(shares / bar volume)" if s.impact else "",
    ]
    return ", ".join(part for part in parts if part) or "none"


def shown(key: str, value: float) -> str:
    """Return a metric as a reader expects it: percents with one decimal, money with two."""
    if math.isnan(value):
        return "–"
    unit = DESCRIPTIONS[key].unit
    if unit == "percent":
        return f"{value:,.1%}"
    if unit == "money":
        return f"{value:,.2f}"
    if unit == "span":
        return span(value)
    return f"{value:,.0f}" if unit in ("count", "days") else f"{value:.2f}"
