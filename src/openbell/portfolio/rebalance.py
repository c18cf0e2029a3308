"""From target weights to the fewest trades: bands, whole lots, a cash buffer, and what cannot be traded."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

from openbell.core import rules
from openbell.core.clock import Sessions
from openbell.core.errors import ConfigError, nearest
from openbell.core.types import NANOS_PER_SECOND
from openbell.portfolio.rounding import nearest_lots

PERIODS = ("", "day", "week", "month", "quarter", "year")
_ROUNDS = 20  #: a plan that is made again on its own outcome settles in two or three


class Holding(NamedTuple):
    """What is held of a symbol, signed, and what it can be traded at. `tradable` is false while suspended."""

    quantity: float
    price: float
    lot: float = 1.0
    tradable: bool = True


class Trade(NamedTuple):
    """Signed shares to trade."""

    symbol: str
    quantity: float


@dataclass(frozen=True, slots=True)
class Rebalancing:
    """When positions are brought back to their weights, and how closely. Shares are of the equity.

    Without `every` and `drift` it happens whenever it is asked for; with either, only when one says so.
    """

    every: str = ""  #: `day`, `week`, `month`, `quarter` or `year`, by the exchange calendar
    at: str = "first"  #: the `first` or the `last` session of it
    drift: float = 0.0  #: it happens as well when a position is farther off its weight than this
    band: float = 0.0  #: a position nearer to its weight than this is left alone
    minimum: float = 0.0  #: a trade worth less, in money, is left out, unless it closes a position
    buffer: float = 0.0  #: what stays in cash
    lots: str = "nearest"  #: whole lots with the least tracking error; `down` never more than the weight

    def __post_init__(self) -> None:
        for name, known in (("every", PERIODS), ("at", ("first", "last")), ("lots", ("nearest", "down"))):
            value = getattr(self, name)
            if value not in known:
                raise ConfigError(f"rebalancing.{name}={value!r} is unknown{nearest(str(value), known)}")
        for name in ("drift", "band", "buffer"):
            self._check(name, below=1.0)
        self._check("minimum", below=math.inf)

    def _check(self, name: str, *, below: float) -> None:
        value = getattr(self, name)
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < below:
            bound = "" if below == math.inf else f" and below {below:g} (0.05 is 5 %)"
            raise ConfigError(f"rebalancing.{name}={value!r} must be 0 or more{bound}")


def is_due(how: Rebalancing, sessions: Sessions, time: int, last: int) -> bool:
    """Tell by the exchange calendar whether it is time: in a new period, or at the end of one.

    Args:
        how: Its `every` and `at`.
        sessions: Of the exchange.
        time: Now, ns UTC.
        last: When it last happened; -1 for never, and then it is time.
    """
    if last < 0:
        return True
    ahead = 1 if how.at == "last" else 0  # the session before a new period is the last of its own
    return _period(how.every, sessions, time, ahead) != _period(how.every, sessions, last, ahead)


def drifted(weights: Mapping[str, float], held: Mapping[str, Holding], equity: float) -> float:
    """Return how far the farthest position is off its weight, as a share of equity."""
    off = (
        abs(one.quantity * one.price / equity - weights.get(symbol, 0.0))
        for symbol, one in held.items()
        if one.tradable
    )
    return max(off, default=0.0)


def target_quantities(
    weights: Mapping[str, float], held: Mapping[str, Holding], equity: float, how: Rebalancing
) -> dict[str, float]:
    """Return the signed shares to hold of each symbol that can be traded; what stays as it is, too.

    Asked again when they are held, at the same prices, it answers the same: a second rebalance does nothing.
    What is suspended stays, and the others share what it leaves of the weights' sum.

    Args:
        weights: Shares of equity, negative for short; what is not named is closed.
        held: Every symbol that is held or named.
        equity: Of the account.
        how: Bands, minimum, buffer and lots.
    """
    wanted = _available(weights, held, equity, how.buffer)
    found = {symbol: one.quantity for symbol, one in held.items() if one.tradable}
    after, rounds = _aims(wanted, held, equity, how), 1
    while after != found and rounds < _ROUNDS:
        now = {symbol: held[symbol]._replace(quantity=quantity) for symbol, quantity in after.items()}
        found, after, rounds = after, _aims(wanted, now, equity, how), rounds + 1
    return after


def trades_to(targets: Mapping[str, float], held: Mapping[str, Holding]) -> list[Trade]:
    """Return the trades that lead to targets: one for each position that changes, what frees money first."""
    changes = [Trade(symbol, quantity - held[symbol].quantity) for symbol, quantity in targets.items()]
    moved = [trade for trade in changes if abs(trade.quantity) >= rules.DUST]
    return sorted(moved, key=lambda trade: _frees(held[trade.symbol].quantity, trade.quantity))


def _available(
    weights: Mapping[str, float], held: Mapping[str, Holding], equity: float, buffer: float
) -> dict[str, float]:
    """Return the weights of what can be traded, less than asked where a buffer or a suspension takes some."""
    asked = math.fsum(map(abs, weights.values()))
    total = min(asked, 1.0 - buffer) if buffer > 0.0 else asked
    stuck = math.fsum(abs(one.quantity * one.price) for one in held.values() if _is_stuck(one)) / equity
    free = {symbol: weights.get(symbol, 0.0) for symbol, one in held.items() if one.tradable}
    named = math.fsum(map(abs, free.values()))
    scale = min(1.0, max(total - stuck, 0.0) / named) if named > 0.0 else 1.0
    if asked > 0.0:
        scale = min(scale, total / asked)
    return {symbol: weight * scale for symbol, weight in free.items()}


def _is_stuck(one: Holding) -> bool:
    return not one.tradable and one.quantity != 0.0 and not math.isnan(one.price)


def _aims(
    wanted: Mapping[str, float], held: Mapping[str, Holding], equity: float, how: Rebalancing
) -> dict[str, float]:
    """Return one round's targets: what stays is taken off the money that the rest is rounded into."""
    values = {symbol: weight * equity for symbol, weight in wanted.items()}
    stays = {
        symbol
        for symbol, one in held.items()
        if one.tradable and _stays(one, values[symbol], equity * how.band)
    }
    while True:
        rest = {symbol: value for symbol, value in values.items() if symbol not in stays}
        kept = math.fsum(abs(held[symbol].quantity) * held[symbol].price for symbol in stays)
        budget = math.fsum(map(abs, values.values())) - kept
        asked = math.fsum(map(abs, rest.values()))
        scale = min(1.0, max(budget, 0.0) / asked) if asked > 0.0 else 1.0
        fitting = {symbol: value * scale for symbol, value in rest.items()}
        sizes = _whole(fitting, held, budget if how.lots == "nearest" else 0.0)
        small = {
            symbol
            for symbol, quantity in sizes.items()
            if quantity != 0.0 and abs(quantity - held[symbol].quantity) * held[symbol].price < how.minimum
        }
        if not small:
            return {symbol: sizes.get(symbol, held[symbol].quantity) for symbol in values}
        stays |= small


def _stays(one: Holding, value: float, band: float) -> bool:
    """Tell whether a position that is to stay open is near enough to its target."""
    return one.quantity * value > 0.0 and abs(one.quantity * one.price - value) <= band


def _whole(values: Mapping[str, float], held: Mapping[str, Holding], budget: float) -> dict[str, float]:
    """Return values as whole lots that cost no more than a budget; each rounded down where there is none."""
    sizes = {symbol: _down(value, held[symbol]) for symbol, value in values.items()}
    wanted = [symbol for symbol, value in values.items() if value != 0.0 and held[symbol].price > 0.0]
    if wanted and budget > 0.0:
        steps = [held[symbol].lot * held[symbol].price for symbol in wanted]
        lots = nearest_lots([abs(values[symbol]) for symbol in wanted], steps, budget)
        for symbol, count in zip(wanted, lots, strict=True):
            sizes[symbol] = rules.whole_lots(count * held[symbol].lot, held[symbol].lot)
    return {symbol: math.copysign(size, values[symbol]) for symbol, size in sizes.items()}


def _down(value: float, one: Holding) -> float:
    return rules.sized_by_value(abs(value), one.price, one.lot)


def _frees(held: float, change: float) -> int:
    """Rank a trade: what only reduces a position, what turns it over, what opens or adds."""
    if held * change >= 0.0:
        return 2
    return 0 if abs(change) <= abs(held) else 1


def _period(every: str, sessions: Sessions, time: int, ahead: int) -> tuple[int, ...]:
    """Return the period of the session that a moment is in, or of one that many sessions ahead."""
    closes = sessions.closes
    day = closes[min(bisect_left(closes, time) + ahead, len(closes) - 1)]
    date = datetime.fromtimestamp(day // NANOS_PER_SECOND, UTC).date()
    return {
        "": (time,),
        "day": (date.toordinal(),),
        "week": date.isocalendar()[:2],
        "month": (date.year, date.month),
        "quarter": (date.year, (date.month - 1) // 3),
        "year": (date.year,),
    }[every]
