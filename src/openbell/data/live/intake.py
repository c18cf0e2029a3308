"""The rules of a feed, without I/O: from what a line says, and when, to what a consumer is told.

The same events at the same times give the same items: nothing here looks at a clock or waits, so that a
recorded session can be replayed. docs/explanation/real-time.md has the rules in words.
"""

from __future__ import annotations

import math
from collections import deque

from openbell.core.messages import BarMessage, PriceBand, Quote, Trade, TradingStatus
from openbell.data.live.aggregate import Aggregator
from openbell.data.live.alarms import Alarms
from openbell.data.live.conditions import US_STOCKS, Conditions
from openbell.data.live.gaps import Gaps
from openbell.data.live.items import (
    Answer,
    Ask,
    Connected,
    Correction,
    Counters,
    Down,
    Event,
    Free,
    Full,
    Gap,
    Item,
    Lost,
    Settled,
    Slow,
    Stale,
    Unusable,
    Up,
)
from openbell.data.live.lane import Fate, Lane, find_fault
from openbell.data.live.plan import Plan, nanos
from openbell.data.live.timetable import Timetable
from openbell.data.live.watch import Watch


class Intake:
    """Turns events into items.

    After each call, `items` has what to deliver, `asks` what to fetch and `renewals` why to connect anew;
    whoever calls empties them. `deadline()` says when `tick` must be called next.
    """

    def __init__(self, plan: Plan, *, conditions: Conditions = US_STOCKS) -> None:
        self.plan = plan
        self.counters = Counters()
        self.items: deque[Item] = deque()
        self.asks: deque[Ask] = deque()
        self.renewals: deque[str] = deque()
        self._times = Timetable(plan.calendar, plan.step, regular=plan.regular)
        self.lanes = {symbol: Lane(symbol) for symbol in plan.symbols}
        self._alarms = Alarms()
        self._watch = Watch(
            self._times, nanos(plan.mute_after), steady=bool({"quotes", "trades"} & set(plan.channels))
        )
        self._gaps = Gaps(
            plan,
            self.lanes,
            times=self._times,
            alarms=self._alarms,
            send=self._ask,
            tell=self._tell_gap,
            deliver=self._deliver,
            suspect=self._suspect,
        )
        self._aggregator: Aggregator | None = None
        if plan.aggregates:
            self._aggregator = Aggregator(
                self._times.period, conditions=conditions, extended=lambda time: not self._times.is_open(time)
            )
        self._up = False
        self._given_up = False  # the connection is to be renewed
        self._paused = False  # for the consumer
        self._begun = False
        self._whole = 0  # bars made out of trades count from here on: older ones lack trades
        self._settled = 0
        self._newest = 0  # end of the newest bars, and how many symbols have it
        self._complete = 0

    def take(self, at: int, event: Event) -> None:
        """Take what a line said at a time."""
        self.tick(at)
        if isinstance(event, BarMessage):
            self._hear(min(max(at, event.end), at + self._times.step))  # our clock may be behind
            self._take_bar(at, event)
        elif isinstance(event, Quote | TradingStatus | PriceBand):
            self._hear(at)
            self._take_news(event)
        elif isinstance(event, Trade):
            self._hear(at)
            self._take_trade(at, event)
        elif isinstance(event, Answer):
            self._take_answer(at, event)
        elif isinstance(event, Up):
            self._begin(at)
        elif isinstance(event, Down):
            self._end(at, event.reason)
        elif isinstance(event, Full):
            self._paused = True
            self.counters.slow += 1
            self.items.append(Slow(at, event.waiting))
        elif isinstance(event, Free):
            self._paused = False
            self._watch.hear(at)

    def tick(self, now: int) -> None:
        """Do what is due up to now."""
        self._alarms.run(now)

    def deadline(self) -> int | None:
        """Return when `tick` must be called next."""
        return self._alarms.next()

    # what arrives

    def _hear(self, at: int) -> None:
        self.counters.messages += 1
        self._watch.hear(at)

    def _take_bar(self, at: int, bar: BarMessage) -> None:
        lane = self._lane(bar.symbol)
        if lane is None or not self.plan.bars or self._aggregator is not None or not self._is_usable(at, bar):
            return
        self._place(at, lane, bar)
        self._gaps.release(at, (lane,))

    def _take_news(self, news: Quote | TradingStatus | PriceBand) -> None:
        self.counters.quotes += isinstance(news, Quote)
        if self._lane(news.symbol) is not None:
            self.items.append(news)

    def _take_trade(self, at: int, trade: Trade) -> None:
        self.counters.trades += 1
        lane = self._lane(trade.symbol)
        if self._aggregator is None or lane is None:
            return
        if not (0 < trade.price < math.inf and 0 <= trade.size < math.inf):
            self._refuse(at, f"{trade.symbol}: a trade of {trade.size} at {trade.price}")
            return
        self._place_made(at, self._aggregator.take(trade))

    def _place_made(self, at: int, bars: list[BarMessage]) -> None:
        """Place bars that were made out of trades, if none of these was missed."""
        for bar in bars:
            if bar.start >= self._whole:
                lane = self.lanes[bar.symbol]
                self._place(at, lane, bar)
                self._gaps.release(at, (lane,))

    def _lane(self, symbol: str) -> Lane | None:
        lane = self.lanes.get(symbol)
        if lane is None:
            self.counters.foreign += 1
        return lane

    def _is_usable(self, at: int, bar: BarMessage) -> bool:
        period = self._times.period(bar.start)
        if period is None:
            self.counters.outside += 1
            return False
        fault = find_fault(bar, at=at, period=period, step=self._times.step)
        if fault:
            self._refuse(at, f"{bar.symbol}: {fault}")
        return not fault

    def _refuse(self, at: int, reason: str) -> None:
        self.counters.unusable += 1
        self.items.append(Unusable(at, reason))

    def _place(self, at: int, lane: Lane, bar: BarMessage) -> None:
        if lane.held and bar.start < max(lane.held):
            self.counters.reordered += 1
        fate, before = lane.place(bar)
        lane.quiet = lane.next_check = 0
        if fate is Fate.DUPLICATE:
            self.counters.duplicates += 1
        elif fate is Fate.REPLACED:
            self.counters.replaced += 1
        elif fate is not Fate.NEW:
            self.counters.corrections += 1
            self.items.append(Correction(at, bar, before))

    # what is delivered

    def _deliver(self, at: int, ready: list[BarMessage]) -> None:
        for bar in ready:
            self.counters.bars += 1
            self.items.append(bar)
            if bar.end > self._newest:
                self._newest, self._complete = bar.end, 0
            self._complete += bar.end == self._newest
            if self._complete == len(self.lanes) and self._newest > self._settled:
                self._say_settled(at, bar.end)

    def _say_settled(self, at: int, end: int) -> None:
        self._settled = end
        self.items.append(Settled(at, end))

    def _settle(self, time: int) -> None:
        """Complete the bars of trades whose grace is past, and say that a moment is over."""
        end = time - nanos(self.plan.grace)
        if self._aggregator is not None:
            self._place_made(time, self._aggregator.flush(end))
        if not self._gaps.is_filling and end > self._settled:
            self._say_settled(time, end)
        self._alarms.set(self._times.next_end(end) + nanos(self.plan.grace), self._settle)

    # the connection

    def _begin(self, at: int) -> None:
        self.counters.connected += 1
        self.items.append(Connected(at, again=self._begun))
        self._up, self._given_up, self._paused = True, False, False
        self._watch.begin(at)
        self._alarms.set(self._watch.deadline(), self._check_stream)
        if self.plan.bars:
            self._find_gaps(at)
            end = self._times.next_end(at)
            self._alarms.set(end + nanos(self.plan.grace), self._settle)
            self._alarms.set(end + nanos(self.plan.mute_after), self._check_symbols)
        self._begun = True

    def _find_gaps(self, at: int) -> None:
        """Fill what the connection came too late for."""
        period = self._times.period(at)
        first = begin = at if period is None else period.start
        if period is not None and self._aggregator is not None and first < at:
            first = period.end  # trades of the bar that is being made were missed
        self._whole = max(self._whole, first)
        if self._aggregator is not None:
            self._aggregator.forget()
        if not self._begun:
            done = begin if self.plan.since is None else min(self.plan.since, begin)
            for lane in self.lanes.values():
                lane.done = done
        self._gaps.find(at, first)

    def _end(self, at: int, reason: str) -> None:
        self._up = False
        self._alarms.drop(self._settle, self._check_symbols, self._check_stream)
        self.counters.lost += 1
        self.items.append(Lost(at, reason))

    # what is missing

    def _ask(self, ask: Ask) -> None:
        self.counters.asked += 1
        self.asks.append(ask)

    def _take_answer(self, at: int, answer: Answer) -> None:
        self._gaps.note_answer(at)
        lane = self.lanes[answer.symbol]
        usable = [bar for bar in answer.bars if self._is_usable(at, bar)]
        if lane.pending == answer.span:
            filled = self._gaps.fill(at, lane, answer.span, bars=usable, reason=answer.reason)
            self.counters.quiet += not (filled or answer.reason)
            return
        for bar in usable:  # it comes too late, or a newer question has taken its place
            self._place(at, lane, bar)
        self._gaps.release(at, (lane,))

    def _tell_gap(self, gap: Gap) -> None:
        self.counters.filled += gap.bars
        self.counters.unfilled += bool(gap.reason)
        self.items.append(gap)

    # silence

    def _check_stream(self, time: int) -> None:
        if self._given_up:
            return
        due = self._watch.deadline()
        if self._paused:  # we do not listen ourselves
            due = max(due, time + nanos(self.plan.mute_after))
        if due > time:
            self._alarms.set(due, self._check_stream)
            return
        self._watch.note_mute()
        self._suspect(time, "", self._watch.heard)

    def _check_symbols(self, time: int) -> None:
        end = time - nanos(self.plan.mute_after)
        if not (self._given_up or self._paused) and self._times.is_open(end - 1):
            self._gaps.check(time, end)
        self._alarms.set(self._times.next_end(end) + nanos(self.plan.mute_after), self._check_symbols)

    def _suspect(self, at: int, symbol: str, since: int) -> None:
        """Say that the stream is mute, and have it renewed."""
        self.counters.stale += 1
        self.items.append(Stale(at, symbol, since))
        if self._up and not self._given_up:
            self._given_up = True
            who = f"for {symbol}" if symbol else "at all"
            self.renewals.append(f"it was mute {who} while the exchange is open")
