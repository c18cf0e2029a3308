"""What a session's journal amounts to, as the API and the dashboard show it."""

from __future__ import annotations

import math
from itertools import islice
from time import time_ns

from openbell.app import models
from openbell.app.follower import Follower
from openbell.core.errors import ConfigError, nearest
from openbell.core.types import NANOS_PER_SECOND
from openbell.storage.journal import Entry
from openbell.trading.funds import own_funds


def session_of(one: Follower) -> models.Session:
    """Return how a session stands."""
    return models.Session.model_validate({
        "name": one.name, "state": one.state, "time": one.time, "events": one.last,
        "strategies": [standing_of(one, name) for name in one.ledgers],
    })  # fmt: skip


def standing_of(one: Follower, name: str) -> models.Standing:
    """Return how a strategy stands."""
    ledger, observed, equity = one.ledgers[name], one.observed, one.equity(name)
    peak = max(observed.peak.get(name, equity), equity)
    return models.Standing(
        strategy=name,
        equity=equity,
        cash=ledger.account.cash,
        today=equity - observed.day_began.get(name, ledger.account.initial_cash),
        drawdown=1.0 - equity / peak if peak > 0.0 else 0.0,
        positions=sum(position.quantity != 0.0 for position in ledger.account.positions.values()),
        working=len(one.working(name)),
        fills=len(ledger.fills),
        failed=one.failed.get(name, ""),
        paused=name in observed.paused,
        parameters=dict(observed.parameters.get(name, {})),
    )


def positions_of(one: Follower) -> list[models.Position]:
    """Return what a session's strategies hold."""
    return [
        models.Position(
            strategy=name, symbol=symbol, quantity=held.quantity, average=held.average,
            price=one.price(symbol), unrealised=held.unrealised(one.price(symbol)), realised=held.realised,
        )
        for name, ledger in one.ledgers.items()
        for symbol, held in ledger.account.positions.items()
        if held.quantity != 0.0
    ]  # fmt: skip


def account_of(one: Follower) -> models.Account:
    """Return the money of a session's account."""
    funds = one.observed.funds or own_funds(one.observed.begun, one.ledgers, one.price, one.time)
    cash = [
        models.Cash(currency=currency, amount=amount, rate=funds.rate(currency))
        for currency, amount in funds.cash.items()
    ]
    worth, equity, power = (None if math.isnan(v) else v for v in (funds.worth, funds.equity, funds.power))
    return models.Account(
        time=funds.time, currency=funds.currency, cash=cash, worth=worth, equity=equity, power=power
    )


def orders_of(one: Follower, *, working: bool = False, last: int | None = None) -> list[models.Order]:
    """Return a session's orders, oldest first: all, those that work, or the last ones of each strategy."""
    found = [
        models.Order(
            strategy=name, id=order.id, text=order.describe(), symbol=order.symbol, side=order.side,
            quantity=order.quantity, filled=order.filled, average=order.average, fees=order.fees,
            status=order.status.value, reason=order.reason.value, decided=order.decided,
        )
        for name, ledger in one.ledgers.items()
        for order in islice(
            reversed(one.working(name) if working else ledger.orders.values()), last
        )
    ]  # fmt: skip
    return sorted(found, key=lambda order: (order.decided, order.strategy, order.id))


def fills_of(one: Follower, *, last: int | None = None) -> list[models.Fill]:
    """Return a session's fills, oldest first: all, or the last ones of each strategy."""
    found = [
        models.Fill(
            strategy=name, order_id=fill.order_id, symbol=fill.symbol, side=fill.side,
            quantity=fill.quantity, price=fill.price, fee=fill.fee, time=fill.time,
        )
        for name, ledger in one.ledgers.items()
        for fill in islice(reversed(ledger.fills), last)
    ]  # fmt: skip
    found.reverse()  # those of one moment stay in the order in which they came
    return sorted(found, key=lambda fill: (fill.time, fill.strategy, fill.order_id))


def signals_of(one: Follower) -> list[models.Signal]:
    """Return the last signal of each strategy for each symbol, the latest first."""
    found = [
        models.Signal(strategy=strategy, symbol=symbol, conviction=conviction, time=time)
        for (strategy, symbol), (conviction, time) in one.observed.signals.items()
    ]
    return sorted(found, key=lambda signal: (-signal.time, signal.strategy, signal.symbol))


def notices_of(one: Follower) -> list[models.Notice]:
    """Return what somebody should know of a session, oldest first; the last 500."""
    return [models.Notice(**notice._asdict()) for notice in one.observed.notices]


def data_of(one: Follower) -> models.DataHealth:
    """Return how fresh a session's prices are."""
    now, observed = time_ns(), one.observed
    symbols = [
        models.SymbolHealth(
            symbol=symbol, time=seen.time, wall=seen.wall, bars=seen.bars,
            age=max(now - seen.wall, 0) / NANOS_PER_SECOND,
        )
        for symbol, seen in sorted(observed.fresh.items())
    ]  # fmt: skip
    return models.DataHealth(
        symbols=symbols, stream=observed.link_up, reconnects=observed.reconnects, checked=observed.checked
    )


def machinery_of(one: Follower) -> models.Machinery:
    """Return how a session's process does."""
    pulse = one.pulse
    return models.Machinery(
        pulse=None if pulse is None else one.silence,
        lag=None if pulse is None else pulse.lag,
        memory=None if pulse is None else pulse.memory,
        uncopied=one.uncopied,
        latencies=[
            models.Latency(way=way, count=timing.count, p50=timing.quantile(0.5), p99=timing.quantile(0.99))
            for way, timing in one.observed.timings.items()
        ],
    )


def curve_of(one: Follower, strategy: str) -> models.Curve:
    """Return a strategy's equity over time."""
    times, values = one.curve(strategy)
    return models.Curve(strategy=strategy, times=times, values=values)


def event_of(entry: Entry) -> models.Event:
    """Return an event of the journal."""
    return models.Event(**{**entry._asdict(), "body": dict(entry.body)})


def check_order(one: Follower, strategy: str, order: int) -> None:
    """Make sure that a strategy has an order that may still fill.

    Raises:
        ConfigError: There is none, or it has ended.
    """
    ledger = one.ledgers.get(strategy)
    if ledger is None:
        raise ConfigError(f"strategy {strategy!r} is unknown in this session{nearest(strategy, one.ledgers)}")
    if order not in ledger.orders:
        raise ConfigError(f"order {order} is unknown: strategy {strategy!r} has none of that number")
    if not ledger.orders[order].open:
        raise ConfigError(f"order {order} has ended: {ledger.orders[order].status.value}")
