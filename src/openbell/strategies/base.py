"""The class that a strategy derives from: parameters, four hooks, and two ways to act."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, ClassVar, TypeVar

from openbell.core.account import Position
from openbell.core.desk import Desk
from openbell.core.errors import ConfigError, StrategyError
from openbell.core.inputs import real, shown, whole
from openbell.core.market import Bar, as_datetime
from openbell.core.orders import Order
from openbell.core.requests import (
    NO_EXITS,
    NO_TICKET,
    amount_of,
    change_of,
    exits_of,
    refused,
    signed,
    text,
    ticket_of,
)
from openbell.core.types import Fill, TimeInForce
from openbell.indicators.spec import Indicator
from openbell.portfolio.rebalance import Rebalancing
from openbell.strategies.parameters import Parameter, checked, parameters_of
from openbell.strategies.rebalancing import rebalance, weights_of

F = TypeVar("F", bound=Callable[..., Any])


def _default_hook(function: F) -> F:
    """Mark a hook that does nothing, so that the engine need not call it."""
    vars(function)["_is_default_hook"] = True
    return function


class Strategy:
    """Decide on bars. Parameters are annotated class attributes; nothing needs `super()`.

    Hooks: `on_start`, `on_bar(bar)` for each symbol's bar, `on_bars(bars)` once a moment over all symbols,
    `on_fill(fill)`, `on_stop`. Two ways to act: a signal (`buy`, `sell`, `hold`, with a confidence; the sizer
    makes a quantity of it) or an explicit order (`order`, `target_weight`, `rebalance`, `close`).
    """

    parameters: ClassVar[dict[str, Parameter]] = {}

    def __init_subclass__(cls) -> None:
        """Collect the class's parameters.

        Raises:
            ConfigError: One hides a name that a strategy has already, or its default is no valid value.
        """
        for name, value in vars(cls).items():
            if name in _CALLED or (name in _METHODS and not callable(value)):
                raise ConfigError(
                    f"{cls.__name__}.{name}: every strategy has a {name!r}; choose another name"
                )
        cls.parameters = parameters_of(cls)
        for name in cls.parameters:
            if name in _TAKEN:
                raise ConfigError(
                    f"{cls.__name__}.{name}: every strategy has a {name!r}; choose another name"
                )

    def __init__(self, **values: Any) -> None:
        self.name: str = type(self).__name__
        for name, value in checked(self.parameters, values, owner=self.name).items():
            setattr(self, name, value)
        self.random = random.Random(0)
        self._desk: Desk | None = None
        self._positions: Mapping[str, Position] = {}
        self._rebalanced = -1  # when a rule last said that it was time
        self._recipes: dict[str, dict[Indicator, None]] = {}  # by symbol, in the order of their declaration

    # --- hooks -----------------------------------------------------------------------------------------

    @_default_hook
    def on_start(self) -> None:
        """Declare indicators; called once, before the first bar."""

    @_default_hook
    def on_bar(self, bar: Bar) -> None:
        """Decide on one symbol's bar."""

    @_default_hook
    def on_bars(self, bars: Any) -> None:
        """Decide on all symbols at one moment; `bars.close` and the like are arrays over symbols."""

    @_default_hook
    def on_fill(self, fill: Fill) -> None:
        """Take note of an execution."""

    @_default_hook
    def on_stop(self) -> None:
        """Clean up; called once, after the last bar."""

    @_default_hook
    def on_reload(self) -> None:
        """Go on with changed parameters; without this hook `on_start` is called again."""

    # --- signals ---------------------------------------------------------------------------------------

    def buy(  # noqa: PLR0913  # a signal with its exits
        self,
        symbol: str,
        *,
        confidence: float = 1.0,
        stop_loss: float | None = None,
        take_profit: float | None = None,
        trailing_stop: float | None = None,
        limit: float | None = None,
        shares: float | None = None,
        notional: float | None = None,
        extended: bool = False,
        tag: str = "",
    ) -> Order | None:
        """Signal a rise, with a confidence from 0 to 1. Repeated while it stands, it is a hold.

        Exits are prices, `trailing_stop` a share of the price; they live from the entry's fill on and the
        first to fill cancels the others. With `limit` the entry waits for that price, with `extended` before
        the open and after the close too. `shares`, or `notional` in money, is the size in the sizer's place.
        """
        return self._signal("buy", symbol, confidence, stop_loss, take_profit, trailing_stop, limit, tag,
                            shares, notional, extended)  # fmt: skip

    def sell(  # noqa: PLR0913  # a signal with its exits
        self,
        symbol: str,
        *,
        confidence: float = 1.0,
        stop_loss: float | None = None,
        take_profit: float | None = None,
        trailing_stop: float | None = None,
        limit: float | None = None,
        shares: float | None = None,
        notional: float | None = None,
        extended: bool = False,
        tag: str = "",
    ) -> Order | None:
        """Signal a fall: `buy` mirrored. A cash account cannot be short, and only closes what it holds."""
        return self._signal("sell", symbol, confidence, stop_loss, take_profit, trailing_stop, limit, tag,
                            shares, notional, extended)  # fmt: skip

    def _signal(  # noqa: PLR0913  # by position: each name would cost as much as a check of it
        self,
        call: str,
        symbol: str,
        confidence: object,
        stop_loss: object,
        take_profit: object,
        trailing_stop: object,
        limit: object,
        tag: object,
        shares: object,
        notional: object,
        extended: object,
    ) -> Order | None:
        desk = self._desk or self.desk
        if symbol.__class__ is not str:
            desk.check(call, symbol)
        conviction = confidence if confidence.__class__ is float else real(confidence)
        if not 0.0 <= conviction <= 1.0:
            raise refused(call, symbol, "confidence", confidence, "must be a number from 0 to 1")
        if call == "sell":
            conviction = -conviction
        amount = None
        if shares is not None or notional is not None:
            amount = amount_of(call, symbol, confidence=confidence, shares=shares, notional=notional)
        if desk.holds(symbol, conviction, amount):
            return None
        if symbol not in desk.tracks:
            desk.check(call, symbol)
        plain = limit is None and extended is False and tag.__class__ is str and not tag
        ticket = NO_TICKET if plain else ticket_of(call, symbol, limit=limit, tag=tag, extended=extended)
        protection = NO_EXITS
        if stop_loss is not None or take_profit is not None or trailing_stop is not None:
            protection = exits_of(call, symbol, stop_loss, take_profit, trailing_stop)
        act = desk.follow if conviction > 0.0 else desk.signal  # which asks again, of what it makes of it
        return act(symbol, conviction, protection, ticket, amount)

    def hold(self, symbol: str) -> None:
        """Leave the position and its orders as they are: a decision that is written out."""
        self.desk.check("hold", symbol)

    # --- explicit orders -------------------------------------------------------------------------------

    def order(  # noqa: PLR0913  # everything that an order can be asked for
        self,
        symbol: str,
        quantity: float,
        *,
        limit: float | None = None,
        stop: float | None = None,
        trail: float | None = None,
        trail_percent: bool = False,
        tif: TimeInForce | str = TimeInForce.GTC,
        good_till: datetime | None = None,
        reduce_only: bool = False,
        stop_loss: float | None = None,
        take_profit: float | None = None,
        trailing_stop: float | None = None,
        after: Order | None = None,
        oco: Order | None = None,
        extended: bool = False,
        tag: str = "",
    ) -> Order:
        """Send one order for `quantity` shares, negative to sell.

        Its type follows from its prices: `limit`, `stop`, both (stop-limit), `trail` (an amount, or a share
        of the price with `trail_percent`), none (market). `tif` is DAY, GTC, IOC, FOK, OPG (on open), CLS (on
        close) or GTD with `good_till`. `after` holds it back until that order of the same symbol fills (OTO);
        `oco` makes the two cancel each other. `extended` lets a limit order work before the open and after
        the close too.
        """
        desk = self.desk
        desk.check("order", symbol)
        parent = None if after is None else desk.own("order", "after", after)
        pair = None if oco is None else desk.own("order", "oco", oco)
        shares = signed("order", symbol, "quantity", quantity, says=_SHARES)
        if shares == 0.0:
            raise refused("order", symbol, "quantity", quantity, _SHARES)
        ticket = ticket_of(
            "order", symbol, limit=limit, stop=stop, trail=trail, trail_percent=trail_percent, tif=tif,
            good_till=good_till, reduce_only=reduce_only, parent=parent, extended=extended, tag=tag,
        )  # fmt: skip
        order = desk.order(
            symbol, shares, exits_of("order", symbol, stop_loss, take_profit, trailing_stop), ticket
        )
        if pair is not None:
            desk.pair(order, pair)
        return order

    def target_weight(self, symbol: str, weight: float) -> Order | None:
        """Bring one position to a share of equity; the others stay."""
        made = self.desk.weigh(weights_of(self.desk, "target_weight", {symbol: weight}), only=False)
        return made[0] if made else None

    def target_quantity(self, symbol: str, quantity: float) -> Order | None:
        """Bring one position to a number of shares, negative for short."""
        desk = self.desk
        desk.check("target_quantity", symbol)
        shares = signed("target_quantity", symbol, "quantity", quantity, says=_TARGET)
        return desk.target(symbol, shares, NO_EXITS, NO_TICKET)

    def rebalance(self, weights: Mapping[str, float], how: Rebalancing | None = None) -> list[Order]:
        """Bring all positions to shares of equity; what is not named is closed. Sales go first.

        `how` says when it is time and how closely: `ob.Rebalancing(every="month", band=0.02)`. Without it,
        it happens at once, to whole lots that are worth their weights or less.
        """
        shares = weights_of(self.desk, "rebalance", weights)
        if how is None:
            return self.desk.weigh(shares, only=True)
        orders, done = rebalance(self.desk, shares, how, last=self._rebalanced)
        if done:
            self._rebalanced = self.market.time
        return orders

    def close(self, symbol: str) -> Order | None:
        """Leave a position and cancel its orders."""
        desk = self._desk or self.desk
        if symbol.__class__ is not str or symbol not in desk.tracks:
            desk.check("close", symbol)
        return desk.signal(symbol, 0.0, NO_EXITS, NO_TICKET)

    def cancel(self, order: Order) -> None:
        """Cancel an order; one that has ended is left alone."""
        self.desk.cancel(self.desk.own("cancel", "order", order))

    def replace(
        self,
        order: Order,
        *,
        quantity: float | None = None,
        limit: float | None = None,
        stop: float | None = None,
    ) -> None:
        """Change a working order; what is not given stays. A quantity has no sign: the side stays."""
        mine = self.desk.own("replace", "order", order)
        self.desk.replace(mine, change_of(mine, quantity=quantity, limit=limit, stop=stop))

    # --- questions -------------------------------------------------------------------------------------

    def indicator(self, recipe: Any, *columns: str, symbol: str = "", timeframe: str = "") -> Any:
        """Return an indicator's values: `[-1]` now, `[-2]` one bar ago; in `on_start`, for every symbol.

        Without `symbol` it speaks of the bar that is being decided on. With `timeframe` it is computed on
        coarser bars, of which only finished ones are seen.
        """
        if not isinstance(recipe, Indicator):
            raise StrategyError(f"indicator({shown(recipe)}) must be a recipe such as ob.SMA(10)")
        if symbol != "":
            self.desk.check("indicator", symbol)
        recipe = recipe.on(*columns) if columns else recipe
        recipe = recipe.at(timeframe) if timeframe != "" else recipe
        known = self._recipes.get(symbol, {})
        if recipe not in known:
            self._recipes[symbol] = {**known, recipe: None}  # a new one: the old can be put back
        return self.market.indicator(recipe, symbol)

    def history(self, symbol: str, column: str, count: int) -> Any:
        """Return the last `count` values of a column as an array, oldest first, adjusted as of now."""
        self.desk.check("history", symbol)
        values = count if count.__class__ is int else whole(count)
        if values is None or values < 1:
            raise refused("history", symbol, "count", count, "must be a whole number, 1 or more")
        if column.__class__ is not str:
            column = text("history", symbol, "column", column)
        return self.market.history(symbol, column, values)

    def ready(self, symbol: str) -> bool:
        """Tell whether every indicator has a value for a symbol: before that, the strategy is not asked.

        One that was declared for another symbol does not count.
        """
        self.desk.check("ready", symbol)
        declared = (self._recipes.get(of, ()) for of in ("", symbol))
        return all(self.market.indicator(recipe, symbol).ready() for some in declared for recipe in some)

    def position(self, symbol: str) -> float:
        """Return the signed shares held."""
        positions = self._positions
        try:
            if symbol in positions:  # no call, as `get` is one
                return positions[symbol].quantity
        except TypeError:  # a list, which no dictionary looks up: the check says so
            pass
        self.desk.check("position", symbol)
        return 0.0

    def price(self, symbol: str) -> float:
        """Return the last known close; NaN before the first bar."""
        self.desk.check("price", symbol)
        return float(self.market.price(symbol))

    @property
    def symbols(self) -> tuple[str, ...]:
        """The run's symbols."""
        return tuple(self.market.symbols)

    @property
    def cash(self) -> float:
        """The account's cash."""
        return self.desk.account.cash

    @property
    def equity(self) -> float:
        """Cash plus positions at the last known closes."""
        return self.desk.equity()

    @property
    def now(self) -> datetime:
        """The time of the bars that are being decided on, in UTC."""
        return as_datetime(self.market.time)

    @property
    def working(self) -> tuple[Order, ...]:
        """The strategy's orders that can still fill."""
        return tuple(order for orders in self.desk.working.values() for order in orders.values())

    @property
    def desk(self) -> Desk:
        """The desk that the strategy acts through, once it runs."""
        if self._desk is None:
            raise StrategyError(f"{self.name} is not running: act in a hook, not in __init__")
        return self._desk

    @property
    def market(self) -> Any:
        """What is known of the market, once the strategy runs."""
        return self.desk.market

    def bind(self, desk: Desk, *, seed: int) -> None:
        """Seat the strategy at its desk."""
        self._desk = desk
        self._positions = desk.account.positions
        self._recipes.clear()
        self._rebalanced = -1
        self.random = random.Random(seed)

    def values(self) -> dict[str, Any]:
        """Return the parameters' values."""
        return {name: getattr(self, name) for name in self.parameters}


#: Names that a parameter may not have: those of every strategy.
_TAKEN = frozenset(name for name in (*dir(Strategy), "name", "random") if not name.startswith("__"))
#: Its methods, which a plain value would hide; and those that the engine calls.
_METHODS = frozenset(
    name for name in _TAKEN if not name.startswith("on_") and callable(getattr(Strategy, name, None))
)
_CALLED = frozenset({"bind", "ready"})

_SHARES = "must be a number of shares, negative to sell, not zero"
_TARGET = "must be a number of shares, negative for short, zero for none"
