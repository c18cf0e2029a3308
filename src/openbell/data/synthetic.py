"""Prices that nobody traded, from a seed: volatility that clusters, overnight gaps, splits and dividends.

The same seed and symbol give the same prices, whatever span is asked and in whatever pieces: each day is
drawn from its own seed. A day's minutes lie inside its daily bar, open at its open and close at its close.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from openbell.core.errors import ConfigError
from openbell.core.types import NANOS_PER_DAY, NANOS_PER_SECOND, Action, Dividend, Split
from openbell.data.bars import Floats, Times
from openbell.data.calendar import Sessions, sessions

MINUTE = 60 * NANOS_PER_SECOND

#: Where every path begins: 2000-01-03, in ns UTC.
FIRST = 946_857_600 * NANOS_PER_SECOND

_YEAR = 252.0  #: sessions by which the yearly volatility and drift are spread
_NEWS, _MEMORY = 0.08, 0.90  #: GARCH(1,1): the weight of yesterday's shock and of yesterday's variance
_OVERNIGHT = 0.25  #: the share of a day's variance that passes while the exchange is closed
_DEAR, _CHEAP = 400.0, 4.0  #: raw prices at which a company splits its shares, and joins them
_QUARTER = 63  #: sessions between two dividends
_STEPS = 8  #: draws inside a minute


class Columns(NamedTuple):
    """Raw bars, (n,) each: open, high, low, close in whole cents, and volume in whole shares."""

    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats


class History(NamedTuple):
    """All days of a symbol: its sessions, its bars, and its splits and dividends at midnight UTC."""

    sessions: Sessions
    bars: Columns
    actions: tuple[Action, ...]


@dataclass(frozen=True, slots=True)
class Recipe:
    """How prices are made.

    Args:
        seed: Another seed is another world.
        calendar: The exchange whose sessions and half days they have.
        volatility: The standard deviation of a year's log return.
        drift: The mean of a year's log return.
    """

    seed: int = 0
    calendar: str = "XNYS"
    volatility: float = 0.3
    drift: float = 0.06

    def __post_init__(self) -> None:
        if not 0.0 < self.volatility <= 5.0:
            raise ConfigError(f"volatility={self.volatility} must be above 0 and at most 5, such as 0.3")
        if not -2.0 <= self.drift <= 2.0:
            raise ConfigError(f"drift={self.drift} must be from -2 to 2, such as 0.06")


def make_days(recipe: Recipe, symbol: str, end: int) -> History:
    """Return the days of a symbol from 2000 to `end`, ns UTC."""
    calendar = sessions(recipe.calendar, FIRST, max(end, FIRST + 1))
    kept = (calendar.opens >= FIRST) & (calendar.opens < end)
    dates, opens, closes = calendar.dates[kept], calendar.opens[kept], calendar.closes[kept]
    known = Sessions(recipe.calendar, dates, opens, closes)
    draws = np.array([_seeded(recipe, symbol, int(date)).standard_normal(8) for date in dates])
    draws = draws.reshape(-1, 8)
    night, day, spread = _returns(recipe, draws)
    start = 20.0 + 180.0 * _seeded(recipe, symbol, -1).random()
    close = np.log(start) + np.cumsum(night + day)
    opening = close - day
    pays = _seeded(recipe, symbol, -2).random() < 0.5
    factor, actions = _actions(symbol, np.exp(close), dates * NANOS_PER_DAY, pays=pays)
    high = np.maximum(opening, close) + spread * np.abs(draws[:, 3])
    low = np.minimum(opening, close) - spread * np.abs(draws[:, 4])
    prices = [_cents(np.exp(line) / factor) for line in (opening, high, low, close)]
    volume = np.floor(1e6 * factor * np.exp(0.4 * draws[:, 5] + 15.0 * np.abs(day))) + 1.0
    bars = Columns(
        prices[0], np.maximum.reduce(prices), np.minimum.reduce(prices), prices[3], np.asarray(volume)
    )
    return History(known, bars, actions)


def make_minutes(recipe: Recipe, symbol: str, history: History, day: int) -> tuple[Times, Columns]:
    """Return the minutes of one of a history's days, and when each opens (ns UTC)."""
    opens, closes = int(history.sessions.opens[day]), int(history.sessions.closes[day])
    count = (closes - opens) // MINUTE
    whole = Columns(*(float(column[day]) for column in history.bars))  # type: ignore[arg-type]  # one value each
    random = _seeded(recipe, symbol, int(history.sessions.dates[day]) + 1_000_000)
    path = _bridge(random, whole, count)
    parts = path[1:].reshape(count, _STEPS)
    begins = path[0 : count * _STEPS : _STEPS]
    ends = parts[:, -1]
    lines = [begins, np.maximum(begins, parts.max(1)), np.minimum(begins, parts.min(1)), ends]
    opened, high, low, close = (np.clip(_cents(line), whole.low, whole.high) for line in lines)
    opened[0], close[-1] = whole.open, whole.close
    high, low = np.maximum.reduce([high, opened, close]), np.minimum.reduce([low, opened, close])
    high[np.argmax(high)], low[np.argmin(low)] = whole.high, whole.low
    shape = 1.0 + 2.0 * np.abs(np.linspace(-1.0, 1.0, count)) ** 2  # busy at the open and at the close
    weights = shape * np.exp(0.3 * random.standard_normal(count))
    volume = np.floor(float(whole.volume) * weights / weights.sum())
    volume[0] += float(whole.volume) - volume.sum()
    return opens + MINUTE * np.arange(count, dtype=np.int64), Columns(opened, high, low, close, volume)


def _seeded(recipe: Recipe, symbol: str, day: int) -> np.random.Generator:
    """Return a generator that depends on nothing but the seed, the symbol and the day."""
    text = f"{recipe.seed}/{recipe.calendar}/{symbol}/{day}".encode()
    return np.random.Generator(np.random.PCG64(int.from_bytes(hashlib.sha256(text).digest()[:16], "little")))


def _returns(recipe: Recipe, draws: Floats) -> tuple[Floats, Floats, Floats]:
    """Return log returns over night and over day, and the scale of a day's reach beyond both."""
    usual = recipe.volatility**2 / _YEAR
    variance, yesterday = usual, usual
    deviations = np.empty(len(draws))
    for i, draw in enumerate(draws[:, 0].tolist()):
        variance = (1.0 - _NEWS - _MEMORY) * usual + _NEWS * yesterday + _MEMORY * variance
        deviations[i] = math.sqrt(variance)
        yesterday = variance * draw * draw
    night = deviations * math.sqrt(_OVERNIGHT) * draws[:, 1]
    day = deviations * math.sqrt(1.0 - _OVERNIGHT) * draws[:, 0] + (recipe.drift / _YEAR - 0.5 * usual)
    return night, day, 0.4 * deviations


def _actions(symbol: str, whole: Floats, dates: Times, *, pays: bool) -> tuple[Floats, tuple[Action, ...]]:
    """Return by what each day's price is divided, and the splits and dividends, for prices without any."""
    factor = np.ones(len(whole))
    actions: list[Action] = []
    divisor = 1.0
    for i in range(1, len(whole)):
        raw = float(whole[i - 1]) / divisor
        if raw > _DEAR or raw < _CHEAP:
            new, old = (2, 1) if raw > _DEAR else (1, 10)
            divisor *= new / old
            actions.append(Split(symbol, int(dates[i]), new, old))
        elif pays and i % _QUARTER == 0:
            actions.append(Dividend(symbol, int(dates[i]), max(round(0.005 * raw, 2), 0.01)))
        factor[i] = divisor
    return factor, tuple(actions)


def _bridge(random: np.random.Generator, whole: Columns, minutes: int) -> Floats:
    """Return a path from a day's open to its close, (1 + minutes x draws,), not cut to its extremes."""
    count = minutes * _STEPS
    walk = np.concatenate(([0.0], np.cumsum(random.standard_normal(count)))) / math.sqrt(count)
    place = np.linspace(0.0, 1.0, count + 1)
    reach = float(whole.high) - float(whole.low)
    line = float(whole.open) + (float(whole.close) - float(whole.open)) * place
    path: Floats = line + reach * (walk - walk[-1] * place)
    return path


def _cents(prices: Floats) -> Floats:
    return np.maximum(np.round(prices, 2), 0.01)
