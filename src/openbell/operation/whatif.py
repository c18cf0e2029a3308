"""What an order would do to a session's account, and what its limits would say of it, before it is sent."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from functools import reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray

from openbell.core.desk import Desk
from openbell.core.errors import ConfigError, nearest
from openbell.core.faults import fault
from openbell.core.orders import Order
from openbell.core.types import OrderType, Side
from openbell.data.tape import Tape
from openbell.execution.risk.forecast import Forecast
from openbell.execution.risk.gate import gate_of
from openbell.execution.risk.limits import RiskModel
from openbell.execution.risk.probe import Answered, probe
from openbell.execution.risk.tails import Tail
from openbell.operation.revival import Standing
from openbell.portfolio.exposure import Exposure
from openbell.portfolio.whatif import Terms, WhatIf, what_if

Times = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Asked:
    """An order that is not sent: signed shares, and its prices; NaN is none."""

    symbol: str
    quantity: float
    limit: float = math.nan
    stop: float = math.nan

    def as_order(self, desk: Desk) -> Order:
        """Return it as an order that no desk knows."""
        has_limit, has_stop = not math.isnan(self.limit), not math.isnan(self.stop)
        kinds = {
            (False, False): OrderType.MARKET, (True, False): OrderType.LIMIT, (False, True): OrderType.STOP,
            (True, True): OrderType.STOP_LIMIT,
        }  # fmt: skip
        side: Side = 1 if self.quantity > 0.0 else -1
        return Order(
            0, "", self.symbol, side, abs(self.quantity), desk.market.time, type=kinds[has_limit, has_stop],
            limit=self.limit, stop=self.stop,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Foreseen:
    """What an order would do, and what of it would pass.

    Args:
        strategy: Whose account and limits it was asked of.
        time: The last moment that the session has seen, ns UTC; all is as of then.
        price: The symbol's last.
        cash: Before the order.
        equity: Before the order.
        held: Signed shares before the order.
        effect: What the whole order would do if it fills.
        answered: What the limits say; None where the strategy has none.
        enforced: Whether what the limits refuse is held back.
        tails: Value at risk and expected shortfall in money, before and after; None where
            too little is known.
        level: Of both, such as 0.99.
    """

    strategy: str
    time: int
    price: float
    cash: float
    equity: float
    held: float
    effect: WhatIf
    answered: Answered | None
    enforced: bool
    tails: tuple[Tail, Tail] | None
    level: float


def ask(standing: Mapping[str, Standing], asked: Asked, strategy: str | None = None) -> Foreseen:
    """Return what an order would do to a session's strategy: the one named, or the only one of its symbol.

    Raises:
        ConfigError: There is no such strategy, or more than one; or see `foresee`.
        BadData: The account's equity is not positive.
    """
    name = _choose(standing, asked.symbol, strategy)
    return foresee(name, standing[name], asked)


def _choose(standing: Mapping[str, Standing], symbol: str, strategy: str | None) -> str:
    if strategy is not None:
        if strategy not in standing:
            raise ConfigError(
                f"what-if: strategy {strategy!r} is not in this session{nearest(strategy, standing)}"
            )
        return strategy
    trading = [name for name, one in standing.items() if symbol in one.course.tape.tracks]
    if len(trading) == 1:
        return trading[0]
    if trading:
        raise ConfigError(f"what-if: {', '.join(trading)} trade {symbol!r}; say which strategy is asked")
    known = sorted({one for each in standing.values() for one in each.course.tape.tracks})
    raise ConfigError(f"what-if: no strategy of the session trades {symbol!r}{nearest(symbol, known)}")


def foresee(name: str, standing: Standing, asked: Asked) -> Foreseen:
    """Return what an order would do to a strategy's account. It is not sent, and nothing changes.

    Raises:
        ConfigError: The order is wrong in itself, or no price of its symbol is known.
        BadData: The account's equity is not positive.
    """
    course, plan = standing
    engine, tape = course.engine, course.tape
    if asked.symbol not in tape.tracks:
        raise ConfigError(
            f"what-if: strategy {name!r} does not trade {asked.symbol!r}{nearest(asked.symbol, tape.tracks)}"
        )
    instruments = {symbol: track.instrument for symbol, track in tape.tracks.items()}
    order = asked.as_order(engine.desk)
    wrong = fault(order, instruments[asked.symbol])
    if wrong is not None:
        raise ConfigError(f"what-if: {wrong[1]}")
    price = tape.price(asked.symbol)
    if math.isnan(price):
        raise ConfigError(f"what-if: no price of {asked.symbol!r} is known yet")
    account, gate = engine.account, gate_of(engine)
    held = {symbol: p.quantity for symbol, p in account.positions.items() if p.quantity}
    effect = what_if(
        asked.symbol, asked.quantity, cash=account.cash, positions=held,
        prices={symbol: tape.price(symbol) for symbol in {*held, asked.symbol}},
        instruments=instruments, costs=plan.costs, terms=Terms(asked.limit, asked.stop),
    )  # fmt: skip
    after = {**held, asked.symbol: held.get(asked.symbol, 0.0) + effect.quantity}
    model = plan.risk.model if gate is None else gate.risk.model
    return Foreseen(
        name, tape.time, price, account.cash, account.equity(tape.price), held.get(asked.symbol, 0.0), effect,
        None if gate is None else probe(gate, order, instruments[asked.symbol].lot),
        gate is not None and gate.enforces, _tails(tape, model, held, after), model.level,
    )  # fmt: skip


def _tails(
    tape: Tape, model: RiskModel, before: Mapping[str, float], after: Mapping[str, float]
) -> tuple[Tail, Tail] | None:
    """Return what may be lost with either holdings, by the limits' model, from the bars that all have."""
    symbols = sorted({*before, *after})
    closes = {one: tape.history(one, "close", model.window + 1) for one in symbols}
    starts = {one: _starts(tape, one, len(closes[one])) for one in symbols}
    common = reduce(np.intersect1d, starts.values())
    if len(common) <= model.minimum:
        return None
    prices = np.column_stack([closes[one][np.searchsorted(starts[one], common)] for one in symbols])
    forecast = Forecast(replace(model, benchmark=""), len(symbols))
    for returns in prices[1:] / prices[:-1] - 1.0:
        forecast.push(returns)
    found = []
    for holdings in (before, after):
        forecast.hold(np.array([holdings.get(one, 0.0) * tape.price(one) for one in symbols]))
        found.append(forecast.tail())
    return found[0], found[1]


def _starts(tape: Tape, symbol: str, count: int) -> Times:
    """Return when the last bars of a symbol began, ns."""
    track = tape.tracks[symbol]
    now = track.cursor.at + 1
    return np.array([track.start[at] for at in range(now - count, now)], np.int64)


def document_of(asked: Asked, seen: Foreseen) -> dict[str, Any]:
    """Return what an order would do as JSON values."""
    effect, answered = seen.effect, seen.answered
    was, now = seen.tails or (None, None)
    held = seen.held + effect.quantity
    return {
        "strategy": seen.strategy,
        "time": seen.time,
        "order": {name: _plain(value) for name, value in asdict(asked).items()},
        "price": effect.price,
        "fee": effect.fee,
        "last": seen.price,
        "affordable": effect.affordable,
        "level": seen.level,
        "before": _side(seen.held, seen.cash, seen.equity, effect.before, was),
        "after": _side(held, effect.cash, effect.equity, effect.after, now),
        "passes": answered is None or answered.refusal is None or not seen.enforced,
        "quantity_that_passes": abs(effect.quantity) if answered is None else answered.quantity,
        "refused_by": None if answered is None or answered.refusal is None else answered.refusal.limit.value,
        "limits": [
            {name: _plain(value) for name, value in one._asdict().items()}
            for one in (() if answered is None else answered.readings)
        ],
    }


def _side(held: float, cash: float, equity: float, exposure: Exposure, tail: Tail | None) -> dict[str, Any]:
    return {
        "position": held,
        "cash": cash,
        "equity": equity,
        **exposure._asdict(),
        "value_at_risk": None if tail is None else tail.var,
        "expected_shortfall": None if tail is None else tail.cvar,
    }


def _plain(value: Any) -> Any:
    """Return a value as JSON has it: what is not a finite number is none."""
    return None if isinstance(value, float) and not math.isfinite(value) else value
