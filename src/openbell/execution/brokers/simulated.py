"""The simulated broker: one for backtests and for paper trading.

It fills orders from bars by the rules that `docs/explanation/fills.md` draws. A bar has three phases: its
open, what happens inside, and its close. Within the open, orders that reduce positions go before those that
open them; inside, stops go before limits, which is the worse reading for the trader.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import NamedTuple

from openbell.core import rules
from openbell.core.account import Account
from openbell.core.clock import Sessions
from openbell.core.costs import Costs
from openbell.core.market import Track
from openbell.core.orders import Cancel, Order, OrderUpdate, Replace
from openbell.core.ports import Command, Event, Market
from openbell.core.types import (
    NANOS_PER_DAY,
    Charge,
    Fill,
    MarginCall,
    OrderStatus,
    OrderType,
    Phase,
    Reason,
    Split,
    TimeInForce,
)
from openbell.execution.brokers.funds import Funds
from openbell.execution.brokers.working import Working

#: Finer bars of a symbol within (start, known]: (open, high, low) of each, in order.
Detail = Callable[[str, int, int], Iterable[tuple[float, float, float]]]
#: An order, its symbol's track, and the index of the bar that it meets.
_Item = tuple[Working, Track, int]


class Ambiguity(NamedTuple):
    """A bar that touched a stop and its target: `taken` is the worse reading that was booked."""

    symbol: str
    time: int
    quantity: float
    taken: float
    better: float
    resolved: bool  #: finer bars decided, so this is no guess

    @property
    def difference(self) -> float:
        """Return what the better reading would have added, before fees."""
        return 0.0 if self.resolved else abs(self.better - self.taken) * self.quantity


class SimulatedBroker:
    """Takes commands and bars, and yields what happens to orders."""

    def __init__(  # each is a part of its own, passed by name
        self,
        *,
        strategy: str,
        account: Account,
        market: Market,
        sessions: Sessions,
        costs: Costs,
        detail: Detail | None = None,
    ) -> None:
        self.ambiguities: list[Ambiguity] = []
        self.funds = Funds(account, market, costs)
        self._strategy = strategy
        self._account = account
        self._tracks: Mapping[str, Track] = market.tracks
        self._sessions = sessions
        self._costs = costs
        self._detail = detail
        self._book: dict[str, list[Working]] = {}
        self._all: dict[int, Working] = {}
        self._children: dict[int, list[Working]] = {}
        self._taken: dict[str, float] = {}
        self._started: list[Working] = []
        self._price = market.price
        self._carry_from = 0

    @property
    def busy(self) -> bool:
        """Tell whether the next bars can change anything here: an order works or a position costs."""
        return bool(self._book) or self._carry_from != 0

    # --- commands --------------------------------------------------------------------------------------

    def submit(self, commands: Iterable[Command], time: int) -> Iterator[Event]:
        """Take commands at `time`; yield acceptances, rejections and cancellations."""
        for command in commands:
            if isinstance(command, Order):
                yield from self._accept(command, time)
            elif isinstance(command, Cancel):
                working = self._all.get(command.order_id)
                if working is not None:
                    yield from self._end(working, OrderStatus.CANCELLED, time, command.reason)
            else:
                yield from self._replace(command, time)

    def _accept(self, order: Order, time: int) -> Iterator[Event]:
        track = self._tracks[order.symbol]
        working = Working(
            order,
            tick=track.instrument.tick,
            since=time,
            expires=self._expiry(order, time),
            mark=track.price(),
        )
        yield OrderUpdate(order.id, OrderStatus.SUBMITTED, Reason.NONE, time)
        if order.parent:
            if order.parent not in self._all:
                yield OrderUpdate(order.id, OrderStatus.REJECTED, Reason.PARENT_ENDED, time)
                return
            working.active = False
            working.allowed = 0.0
            self._all[order.id] = working
            self._children.setdefault(order.parent, []).append(working)
            yield OrderUpdate(order.id, OrderStatus.HELD, Reason.NONE, time)
            return
        refusal = Reason.NO_PRICE if math.isnan(working.mark) else self.funds.refusal(order, track)
        if refusal is not None:
            yield OrderUpdate(order.id, OrderStatus.REJECTED, refusal, time)
            return
        self._all[order.id] = working
        self._book.setdefault(order.symbol, []).append(working)
        yield OrderUpdate(order.id, OrderStatus.ACCEPTED, Reason.NONE, time)

    def _expiry(self, order: Order, time: int) -> float:
        if order.tif in (TimeInForce.DAY, TimeInForce.CLS):
            return self._sessions.close_after(time)
        if order.tif is TimeInForce.OPG:
            return self._sessions.close_after(self._sessions.open_from(time))
        return order.good_till if order.tif is TimeInForce.GTD else math.inf

    def _replace(self, change: Replace, time: int) -> Iterator[Event]:
        working = self._all.get(change.order_id)
        if working is None:
            return  # it ended on the way: a fill or an expiry won the race
        for name in ("quantity", "limit", "stop"):
            value = getattr(change, name)
            if not math.isnan(value):
                setattr(working, name, value)
        if working.quantity <= working.filled + rules.DUST:
            yield from self._end(working, OrderStatus.CANCELLED, time, Reason.REPLACED)
            return
        yield OrderUpdate(
            change.order_id,
            working.order.status,
            Reason.REPLACED,
            time,
            change.quantity,
            change.limit,
            change.stop,
        )

    # --- a moment's bars -------------------------------------------------------------------------------

    def match(self, time: int) -> Iterator[Event]:
        """Let the bars that become known at `time` fill what rests. They are not known to anybody yet."""
        yield from self._carry(time)
        self._taken.clear()
        resting = [w for works in self._book.values() for w in works]
        resting.sort(key=lambda w: w.order.id)
        queue: list[_Item] = []
        for working in resting:
            track = self._tracks[working.order.symbol]
            at = track.cursor.at + 1
            has_bar = at < len(track.known) and track.known[at] == time
            if working.expires <= (track.start[at] if has_bar else time):
                yield from self._expire(working)
            elif has_bar and working.since <= track.start[at]:
                queue.append((working, track, at))
        triggered: set[Working] = set()
        yield from self._match_open(queue, triggered)
        yield from self._match_inside(queue, triggered)
        self._started.clear()
        yield from self._match_close(queue, time)
        if self._account.shorts or self._account.cash < 0.0:
            self._carry_from = time

    def _match_open(self, queue: list[_Item], triggered: set[Working]) -> Iterator[Event]:
        """Fill at the open, reductions first; children of what fills join the queue, as they work at once."""
        quantity = self._account.quantity
        passes = sorted(queue, key=lambda item: quantity(item[0].order.symbol) * item[0].order.side >= 0.0)
        for working, track, at in passes:  # grows while it is walked
            if not working.active or not self._opens_now(working, track, at):
                continue
            was_triggered = working.triggered
            price = working.price_at_open(track.open[at])
            if not math.isnan(price):
                yield from self._fill(working, track, at, price, Phase.OPEN)
                started = [(w, track, at) for w in self._started]
                self._started.clear()
                passes.extend(started)
                queue.extend(started)
            elif working.triggered and not was_triggered:
                triggered.add(working)
                yield OrderUpdate(working.order.id, OrderStatus.TRIGGERED, Reason.NONE, track.start[at])
            if working.active and working.immediate:
                yield from self._end(working, OrderStatus.CANCELLED, track.start[at], Reason.NOT_IMMEDIATE)
            elif working.active and working.order.tif is TimeInForce.OPG:
                yield from self._end(working, OrderStatus.EXPIRED, track.start[at], Reason.SESSION_END)

    def _match_inside(self, queue: list[_Item], triggered: set[Working]) -> Iterator[Event]:
        for working, track, at in sorted(queue, key=lambda item: not item[0].is_stop):
            if not working.active or working in triggered or working.order.tif is TimeInForce.OPG:
                continue
            was_triggered = working.triggered
            price = working.price_inside(track.high[at], track.low[at])
            if not math.isnan(price):
                chosen, price = self._decide(working, track, at, price)
                yield from self._fill(chosen, track, at, price, Phase.INTRABAR)
            elif working.triggered and not was_triggered:
                yield OrderUpdate(working.order.id, OrderStatus.TRIGGERED, Reason.NONE, track.known[at])

    def _match_close(self, queue: list[_Item], time: int) -> Iterator[Event]:
        for working, track, at in queue:
            if not working.active:
                continue
            order = working.order
            if order.tif is TimeInForce.CLS and time >= working.expires:
                price = working.price_at_close(track.close[at])
                if not math.isnan(price):
                    yield from self._fill(working, track, at, price, Phase.CLOSE)
            if working.active and order.type is OrderType.TRAILING_STOP:
                working.mark = rules.trailing_mark(order.side, working.mark, track.high[at], track.low[at])
        for works in list(self._book.values()):
            for working in list(works):
                if working.expires <= time:
                    yield from self._expire(working)

    def _opens_now(self, working: Working, track: Track, at: int) -> bool:
        """Tell whether this bar's open is one the order may fill at: for OPG, a session's first."""
        if working.order.tif is not TimeInForce.OPG:
            return True
        session = self._sessions.open_from(working.since)
        return track.start[at] >= session

    def _decide(self, working: Working, track: Track, at: int, price: float) -> tuple[Working, float]:
        """Choose between a stop and its target when the bar touches both: the stop, unless finer bars say."""
        order = working.order
        if not order.oco or not working.is_stop:
            return working, price
        targets = [
            w for w in self._book[order.symbol]
            if w.order.oco == order.oco and w.order.type is OrderType.LIMIT and w.active
            and not math.isnan(w.price_inside(track.high[at], track.low[at]))
        ]  # fmt: skip
        if not targets:
            return working, price
        target = targets[0]
        quantity = min(working.remaining, abs(self._account.quantity(order.symbol)))
        chosen = (working, price)
        resolved = False
        if self._detail is not None:
            for open_, high, low in self._detail(order.symbol, track.start[at], track.known[at]):
                touched = [
                    (w, open_ if not math.isnan(w.price_at_open(open_)) else p)
                    for w, p in ((working, price), (target, target.limit))
                    if not math.isnan(w.price_at_open(open_)) or not math.isnan(w.price_inside(high, low))
                ]
                if touched:
                    chosen, resolved = touched[0], len(touched) == 1
                    break
        self.ambiguities.append(
            Ambiguity(order.symbol, track.known[at], quantity, chosen[1], target.limit, resolved)
        )
        return chosen

    # --- fills -----------------------------------------------------------------------------------------

    def _fill(self, working: Working, track: Track, at: int, price: float, phase: Phase) -> Iterator[Event]:
        order, costs = working.order, self._costs
        symbol, side = order.symbol, order.side
        moment = track.start[at] if phase is Phase.OPEN else track.known[at]
        position = self._account.quantity(symbol)
        quantity = working.remaining
        if order.reduce_only:
            quantity = min(quantity, abs(position)) if position * side < 0.0 else 0.0
            if quantity == 0.0:
                yield from self._end(working, OrderStatus.CANCELLED, moment, Reason.NOTHING_TO_REDUCE)
                return
        volume = track.volume[at]
        taken = self._taken.get(symbol, 0.0)
        left = rules.volume_left(volume, costs.volume_share, taken, track.instrument.lot)
        if order.tif is TimeInForce.FOK and left < quantity:
            return  # the caller cancels it: all at once, or nothing
        quantity = min(quantity, left)
        if quantity <= 0.0:
            return
        if not self.funds.may_short(track) and position + side * quantity < -rules.DUST:
            yield from self._end(working, OrderStatus.REJECTED, moment, Reason.SHORT_NOT_ALLOWED)
            return
        maker = working.is_maker(price) and phase is not Phase.OPEN
        filled = self._priced(working, price, quantity, volume, maker=maker)
        fee, raw = self._fee(working, quantity, filled, maker=maker)
        self.funds.release(order.id, min(quantity / working.remaining, 1.0))
        short_of = (
            self.funds.needed(symbol, side, quantity, filled, fee, track.price()) - self.funds.unreserved
        )
        if short_of > rules.DUST:
            reason = Reason.GAP_UNAFFORDABLE
            if costs.unaffordable == "reject" or order.tif is TimeInForce.FOK:
                yield from self._end(working, OrderStatus.REJECTED, moment, reason)
                return
            quantity = rules.affordable(
                self.funds.unreserved, filled, costs.margin.initial, fee, track.instrument.lot
            )
            if quantity <= 0.0:
                yield from self._end(working, OrderStatus.REJECTED, moment, reason)
                return
            fee, raw = self._fee(working, quantity, filled, maker=maker)
            working.quantity = working.filled + quantity
            yield OrderUpdate(order.id, order.status, Reason.CUT_TO_AFFORDABLE, moment, working.quantity)
        working.filled += quantity
        working.value += quantity * filled
        working.raw = raw
        working.paid += fee
        self._taken[symbol] = taken + quantity
        yield Fill(
            order.id, order.strategy, symbol, side, quantity, filled, fee, abs(filled - price), moment, phase
        )
        yield from self._after_fill(working, track, quantity, filled, phase, at)

    def _priced(
        self, working: Working, price: float, quantity: float, volume: float, *, maker: bool
    ) -> float:
        if maker or working.order.type is OrderType.LIMIT:
            return price
        s = self._costs.slippage
        cost = rules.slippage(price, quantity, volume, s.per_share, s.bps, s.spread_bps, s.impact)
        return working.no_worse(rules.slipped(working.order.side, price, cost))

    def _fee(self, working: Working, quantity: float, price: float, *, maker: bool) -> tuple[float, float]:
        """Return what this fill adds to its order's fee, and the order's raw fee with it."""
        c = self._costs.commission
        value = quantity * price
        raw = working.raw + rules.charge_raw(
            quantity, value, c.per_share, c.maker_bps if maker else c.taker_bps
        )
        whole = rules.order_fee(raw, working.value + value, c.per_order, c.minimum, c.maximum_share)
        return whole - working.paid, raw

    def _after_fill(  # a fill and where it happened
        self, working: Working, track: Track, quantity: float, price: float, phase: Phase, at: int
    ) -> Iterator[Event]:
        order = working.order
        moment = track.start[at] if phase is Phase.OPEN else track.known[at]
        done = working.filled >= working.quantity - rules.DUST
        if done:
            self._drop(working)
        children = self._children.pop(order.id, []) if done else self._children.get(order.id, [])
        for child in children:
            child.allowed = working.filled
            if not child.active and child.order.id in self._all:
                child.active = True
                child.since = moment
                child.mark = price
                child.expires = self._expiry(child.order, moment)
                self._book.setdefault(order.symbol, []).append(child)
                self._started.append(child)
                yield OrderUpdate(child.order.id, OrderStatus.ACCEPTED, Reason.NONE, moment)
        if order.oco:
            yield from self._reduce_group(working, quantity, moment)
        if self._account.quantity(order.symbol) == 0.0:
            for other in list(self._book.get(order.symbol, ())):
                if other.order.reduce_only and not self._entries(other):
                    yield from self._end(other, OrderStatus.CANCELLED, moment, Reason.POSITION_CLOSED)

    def _entries(self, working: Working) -> bool:
        """Tell whether an order's parent may still fill, and so bring back something to protect."""
        return working.order.parent in self._all

    def _reduce_group(self, working: Working, quantity: float, moment: int) -> Iterator[Event]:
        """Take a fill off the other orders of its OCO group; what has nothing left is cancelled."""
        for other in list(self._book.get(working.order.symbol, ())):
            if other is working or other.order.oco != working.order.oco:
                continue
            other.quantity -= quantity
            if working.order.id not in self._all or other.quantity <= other.filled + rules.DUST:
                yield from self._end(other, OrderStatus.CANCELLED, moment, Reason.OCO)
            else:
                yield OrderUpdate(other.order.id, other.order.status, Reason.OCO, moment, other.quantity)

    # --- ends ------------------------------------------------------------------------------------------

    def _expire(self, working: Working) -> Iterator[Event]:
        reason = Reason.GOOD_TILL if working.order.tif is TimeInForce.GTD else Reason.SESSION_END
        yield from self._end(working, OrderStatus.EXPIRED, int(working.expires), reason)

    def _end(self, working: Working, status: OrderStatus, time: int, reason: Reason) -> Iterator[Event]:
        self._drop(working)
        yield OrderUpdate(working.order.id, status, reason, time)
        for child in self._children.pop(working.order.id, ()):
            if child.order.id not in self._all:
                continue
            if working.filled == 0.0:
                yield from self._end(child, OrderStatus.CANCELLED, time, Reason.PARENT_ENDED)
            elif child.quantity > working.filled:
                child.quantity = working.filled
                yield OrderUpdate(
                    child.order.id, child.order.status, Reason.PARENT_ENDED, time, child.quantity
                )

    def _drop(self, working: Working) -> None:
        order = working.order
        working.active = False
        self.funds.release(order.id)
        self._all.pop(order.id, None)
        works = self._book.get(order.symbol)
        if works is not None and working in works:
            works.remove(working)
            if not works:
                del self._book[order.symbol]

    def finish(self, time: int) -> Iterator[Event]:
        """End everything that still works, because the run ends."""
        for working in list(self._all.values()):
            if working.order.id in self._all:
                yield from self._end(working, OrderStatus.EXPIRED, time, Reason.END_OF_DATA)

    # --- holding ---------------------------------------------------------------------------------------

    def act(self, split: Split) -> Iterator[Event]:
        """Adjust what rests to a split: more shares at a lower price. A reverse split cancels it."""
        for working in [w for w in self._all.values() if w.order.symbol == split.symbol]:
            if split.ratio < 1.0:
                if working.order.id in self._all:
                    yield from self._end(working, OrderStatus.CANCELLED, split.ex, Reason.SPLIT)
                continue
            lot = self._tracks[split.symbol].instrument.lot
            rest = rules.split_shares(working.quantity - working.filled, split.new, split.old)
            working.quantity = working.filled + rules.whole_lots(rest, lot)
            working.limit = rules.on_tick(
                rules.split_price(working.limit, split.new, split.old), working.tick
            )
            working.stop = rules.on_tick(rules.split_price(working.stop, split.new, split.old), working.tick)
            working.mark = rules.split_price(working.mark, split.new, split.old)
            if not working.order.trail_percent:
                working.trail = rules.split_price(working.trail, split.new, split.old)
            yield OrderUpdate(
                working.order.id, working.order.status, Reason.SPLIT, split.ex,
                working.quantity, working.limit, working.stop,
            )  # fmt: skip

    def _carry(self, time: int) -> Iterator[Event]:
        """Charge borrow and interest for the nights since the last bars, at the last closes."""
        since, self._carry_from = self._carry_from, 0
        if not since:
            return
        opens = self._sessions.opens
        night = opens[self._sessions.index_after(since - 1)] // NANOS_PER_DAY
        day = opens[self._sessions.index_after(time - 1)] // NANOS_PER_DAY
        if day <= night:
            return
        margin = self._costs.margin
        moment = opens[self._sessions.index_after(time - 1)]
        for symbol, position in list(self._account.positions.items()):
            if position.quantity < 0.0:
                value = -position.quantity * self._tracks[symbol].price()
                yield Charge(
                    self._strategy,
                    symbol,
                    "borrow",
                    rules.carry(value, margin.borrow_rate, day - night),
                    moment,
                )
        if self._account.cash < 0.0:
            amount = rules.carry(-self._account.cash, margin.interest_rate, day - night)
            yield Charge(self._strategy, "", "interest", amount, moment)

    def call_margin(self, time: int) -> Iterator[Event]:
        """Ask for all positions to be closed when equity is below the maintenance margin at the closes."""
        account = self._account
        if account.shorts or account.cash < 0.0:
            equity = account.equity(self._price)
            needed = self._costs.margin.maintenance * account.gross(self._price)
            if equity < needed:
                yield MarginCall(self._strategy, equity, needed, time)
