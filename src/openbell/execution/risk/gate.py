"""The risk gate: every order of an engine is reviewed here, in a backtest, on paper and live alike."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

from openbell.core import rules
from openbell.core.clock import Sessions
from openbell.core.desk import Desk
from openbell.core.engine import Engine
from openbell.core.orders import Cancel, Order, Refusal, Replace
from openbell.core.ports import Command
from openbell.core.types import Action, OrderType, Reason
from openbell.execution.risk.book import Book, Slot
from openbell.execution.risk.checks import Checks, Hold, refuse
from openbell.execution.risk.conditions import Conditions
from openbell.execution.risk.cutting import cut_to_fit
from openbell.execution.risk.exits import Stewardship
from openbell.execution.risk.forecast import open_forecast
from openbell.execution.risk.limits import Risk
from openbell.execution.risk.pulse import Pulse
from openbell.execution.risk.returns import Returns
from openbell.execution.risk.trial import Scene, Trial, changed_by, expected_price
from openbell.execution.risk.whole import TOGETHER, Together, Whole
from openbell.execution.risk.worst import Worst

_TRAILING = OrderType.TRAILING_STOP


def open_gate(risk: Risk, sessions: Sessions) -> RiskGate | None:
    """Return the gate of a run's limits; None where there are none, which costs nothing."""
    return RiskGate(risk, sessions) if risk.active else None


def gate_of(engine: Engine) -> RiskGate | None:
    """Return the gate of an engine's limits, if it has one."""
    gate = None if engine.screen is None else engine.screen.gate
    return gate if isinstance(gate, RiskGate) else None


class RiskGate:
    """Reviews orders against limits. Bound to one desk, whose account, market and orders it reads."""

    def __init__(self, risk: Risk, sessions: Sessions, conditions: Conditions | None = None) -> None:
        """Take the limits, the exchange's sessions, and what a live session knows beside bars."""
        self.risk = risk
        self.conditions = conditions or Conditions()
        self.counts: dict[Reason, int] = {}  #: refused orders by limit
        self._sessions = sessions
        self._checks = Checks(risk)
        self._scene: Scene
        self._built = (-1, -1)  # the time and the ledger's length that the book is of
        self._ahead: set[int] = set()  # orders of this flush that are still to be reviewed
        self._parents: set[int] = set()
        self._cuts: dict[int, float] = {}  # to what entries were cut, whose exits follow

    def bind(self, desk: Desk) -> None:
        """Take the desk whose orders are reviewed."""
        risk, market, limits = self.risk, desk.market, self.risk.portfolio
        self._desk, self._market, self._tracks = desk, market, desk.tracks
        self.pulse = Pulse(self._sessions, desk.account.cash)
        self.book = Book(desk.account, market.tracks, limits.asset_classes, credit=limits.credit_closing)
        self.forecast = open_forecast(risk, list(market.symbols))
        self._returns = Returns(market.tracks)
        self._steward = Stewardship(risk, desk, self.pulse)
        self.worst = Worst()  #: the highest value of each measure so far
        self.together: Together | None = None  #: the account, where others trade in it too

    def share(self, whole: Whole) -> None:
        """Hold orders against what all strategies of an account lead to together, too."""
        self.together = Together(whole, self.book, self.risk, self.conditions)

    def limit(self, risk: Risk) -> None:
        """Hold orders against other limits from now on; what was counted goes on."""
        self.risk, self._checks = risk, Checks(risk)
        self._steward.limit(risk)

    @property
    def enforces(self) -> bool:
        """Tell whether what is refused is held back, and not only recorded."""
        return self.risk.enforce

    @property
    def stop_file_is_there(self) -> bool:
        """Tell whether the file of the emergency stop exists. Drivers ask; the gate itself never does."""
        name = self.risk.operation.stop_file
        return bool(name) and Path(name).exists()

    # --- moments ---------------------------------------------------------------------------------------

    def watch(self) -> Sequence[Refusal]:
        """Take note of a moment: prices, what the account is worth, and whether it is to be got out of."""
        desk, time = self._desk, self._market.time
        if self.forecast is not None:
            self.forecast.push(self._returns.step())
        equity = desk.equity()
        self.pulse.beat(time, equity, desk.account)
        drop = 0.0 if self.together is None else self.together.watch(time)
        self.book.rebuild()
        self._measure(equity, time)
        self._count_working()
        return self._steward.tend(equity, time, account=drop)

    def act(self, action: Action) -> None:
        """Take note of a corporate action: the next return is of another unit."""
        self._returns.act(action)
        if self.together is not None:
            self.together.whole.act(action, self._desk)
        self.book.slots[action.symbol].volume_at = -1  # volumes are of other shares now

    def retire(self, gone: Collection[int]) -> None:
        """Let go of orders that ended long ago, by id."""
        self._parents.difference_update(gone)
        self._cuts = {number: cut for number, cut in self._cuts.items() if number not in gone}

    def _measure(self, equity: float, time: int) -> None:
        """Keep the highest values of what is held now, whatever works."""
        if self.forecast is not None and self.book.positions:
            self.forecast.hold(self.book.exposures())
        self.worst.measure(self.book, self.pulse, self.forecast, equity=equity, time=time)

    # --- orders ----------------------------------------------------------------------------------------

    def begin(self, commands: Sequence[Command]) -> None:
        """Take note of what leaves together, and bring the book up to what is held and works.

        What a desk cancels is not among its working orders any more; its symbol is counted anew.
        """
        cancelled = []
        for command in commands:
            if isinstance(command, Order):
                self._ahead.add(command.id)
                if command.parent:
                    self._parents.add(command.parent)
            elif isinstance(command, Cancel):
                cancelled.append(self._desk.orders[command.order_id].symbol)
        self.catch_up(cancelled)

    def review(self, command: Order | Replace) -> Refusal | None:
        """Return why an order, or a change of one, may not pass; one that passes is counted in."""
        if isinstance(command, Replace):
            return self._review_change(command)
        self._ahead.discard(command.id)
        if command.parent in self._cuts:
            command.quantity = min(command.quantity, self._cuts[command.parent])
        refusal = self.judge(command)
        if refusal is not None:
            if self._cut(command, refusal):
                refusal = None
            else:
                self._refuse(refusal)
        if refusal is None or not self.risk.enforce:
            self._count(command)
        return refusal

    def judge(self, order: Order, *, again: bool = False, hold: Hold = refuse) -> Refusal | None:
        """Return why an order may not pass; nothing is counted. `hold` holds it against checks."""
        slot, time = self.book.slot(order.symbol), self._market.time
        if math.isnan(slot.price):
            text = f"{order.symbol}: no price is known yet, so nothing can be measured"
            return Refusal(order.id, Reason.NO_PRICE, math.nan, 0.0, text, time)
        trial = Trial(order, slot, self._tracks[order.symbol], self._scene)
        closing = trial.opens <= rules.DUST
        if closing and again:
            return None
        if closing and slot.exits > 0.0 and not order.reduce_only and self.risk.enforce:
            order.reduce_only = True  # with the exits beside it, it could do more than close
        quiet = self.conditions.are_quiet
        refusal = hold(self._checks.of(closing=closing, again=again, quiet=quiet), trial)
        if refusal is None and self.together is not None and not closing:
            refusal = hold(self._checks.account, self.together.trial(trial), f" {TOGETHER}")
        return refusal

    def _refuse(self, refusal: Refusal) -> None:
        self.counts[refusal.limit] = self.counts.get(refusal.limit, 0) + 1

    def _cut(self, order: Order, refusal: Refusal) -> bool:
        """Make an entry as large as it may be, where limits are to do so; tell whether it passes now."""
        if not (self.risk.cut and self.risk.enforce):
            return False
        lot = self._tracks[order.symbol].instrument.lot
        if not cut_to_fit(order, lot, refusal, self.judge):
            return False
        self._cuts[order.id] = order.quantity
        return True

    def _count(self, order: Order) -> None:
        """Count an order in that passes, and give it exits if it has none."""
        slot = self.book.slot(order.symbol)
        opens = 0.0 if order.reduce_only else slot.splits(order.side, order.quantity)[1]
        self._put(slot, order)
        price = expected_price(order, slot.price)
        value = order.quantity * price if order.type is not _TRAILING and price == price else 0.0  # noqa: PLR0124
        if order.reduce_only and (order.parent or order.oco):
            value = 0.0  # an exit
        remember = self.risk.order.duplicate_seconds is not None
        self.pulse.note(order, value, self._market.time, remember=remember)
        if self.together is not None:
            self.together.whole.pulse.traded += value
        if opens > rules.DUST and order.id not in self._parents and not order.parent:
            self._steward.protect(order, opens, price)

    def _put(self, slot: Slot, order: Order) -> None:
        before = slot.money
        self.book.count(slot, order)
        self.book.settle(slot)
        self._shift(slot, slot.money - before)

    def _review_change(self, change: Replace) -> Refusal | None:
        """Review a change of a working order as the order that it leads to; a smaller one passes."""
        order = self._desk.orders[change.order_id]
        grows = change.quantity > order.quantity
        if not grows and math.isnan(change.limit) and math.isnan(change.stop):
            return None
        changed = changed_by(order, change)
        refusal = self._review_as(order, changed)
        if grows and (refusal is None or not self.risk.enforce):
            self.book.grow(order, change.quantity)
        return refusal

    def review_again(self, command: Order | Replace) -> Refusal | None:
        """Return why what passed, and has not left, may not any more: what was cancelled may have filled."""
        self.catch_up()
        if isinstance(command, Order):
            return self._review_as(command, command, again=True)
        order = self._desk.orders[command.order_id]
        return self._review_as(order, changed_by(order, command), again=True)

    def _review_as(self, order: Order, changed: Order, *, again: bool = False) -> Refusal | None:
        """Review an order that is counted already as what it becomes, and count it as that if it may."""
        self._ahead.add(order.id)
        self._recount(order.symbol)  # without the order as it is
        refusal = self.judge(changed, again=again)
        if refusal is not None:
            self._refuse(refusal)
        if refusal is not None and self.risk.enforce:
            changed = order
            self.book.growth.pop(order.id, None)
        self._ahead.discard(order.id)
        self._put(self.book.slot(order.symbol), changed)
        return refusal

    # --- the book --------------------------------------------------------------------------------------

    def _count_working(self) -> None:
        """Count what works in, at the prices of this moment: orders that follow are single steps."""
        desk, forecast = self._desk, self.forecast
        working = False
        for symbol, orders in desk.working.items():
            if orders:
                self.book.refresh(symbol, orders.values(), self._ahead)
                working = True
        if forecast is not None and (working or self._built[0] != self._market.time):
            forecast.hold(self.book.exposures())
        self._built = self._market.time, desk.account.booked
        self._set_scene()

    def catch_up(self, cancelled: Iterable[str] = ()) -> None:
        """Bring the book up to what was booked and cancelled since it was built, and to what others did."""
        (time, booked), account = self._built, self._desk.account
        if time != self._market.time:
            self.book.rebuild()
            self._count_working()
        else:
            news = account.since(booked) if account.booked != booked else ()
            symbols = [entry.symbol for entry in news if entry.symbol]
            for symbol in dict.fromkeys([*symbols, *cancelled]):  # in one order: sums are equal to the bit
                self._recount(symbol)
            if news:
                self._built = time, account.booked
                self._set_scene()
        if self.together is not None:
            self.together.look()

    def _recount(self, symbol: str) -> None:
        """Count one symbol anew."""
        slot = self.book.slot(symbol)
        before = slot.money
        self.book.refresh(symbol, self._desk.working.get(symbol, {}).values(), self._ahead)
        self._shift(slot, slot.money - before)

    def _shift(self, slot: Slot, change: float) -> None:
        """Let the forecasts know of an exposure that changes."""
        if self.forecast is not None:
            self.forecast.shift(slot.at, change)
        if self.together is not None:
            self.together.shift(slot.symbol, change)

    def _set_scene(self) -> None:
        equity, pulse = self._desk.equity(), self.pulse
        self._scene = Scene(
            self.book, pulse, self.forecast, self.conditions, equity, self._market.time,
            pulse.drawdown(equity), pulse.daily_loss(equity),
        )  # fmt: skip
