"""What differs between a session and its backtest, order by order, and why."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from enum import StrEnum
from typing import NamedTuple

from openbell.core.messages import BarMessage
from openbell.core.orders import Order
from openbell.core.types import Fill, OrderStatus


class Word(StrEnum):
    """What an order's difference is, or what it comes from."""

    DATA = "data"  #: the session saw other bars
    TIMING = "timing"  #: it saw a bar late, or the order came or filled at another time
    FILL_PRICE = "fill price"
    FEE = "fee"
    REJECTION = "rejection"  #: one side's order was refused
    QUANTITY = "quantity"
    MISSING = "missing"  #: the backtest has the order or a fill, the session has not
    EXTRA = "extra"  #: the other way round


#: What a real broker may do differently from the simulated one, without anything being wrong.
_MARKET = frozenset({Word.TIMING, Word.FILL_PRICE, Word.FEE, Word.REJECTION})


class Traded(NamedTuple):
    """The orders and fills of one strategy."""

    orders: Sequence[Order]
    fills: Sequence[Fill]


class Faults(NamedTuple):
    """What was wrong with the bars that a session saw: when bars ended that were others, or late (ns UTC)."""

    data: Sequence[int] = ()
    late: Sequence[int] = ()

    def cause(self, time: int) -> Word | None:
        """Return what may have changed a decision at a time."""
        for word, times in ((Word.DATA, self.data), (Word.TIMING, self.late)):
            if any(end <= time for end in times):
                return word
        return None


class Difference(NamedTuple):
    """One order's difference.

    Args:
        strategy: Whose.
        order: Its id in the session; in the backtest where the session has none.
        symbol: Which.
        time: When it was decided, ns UTC.
        word: What it is.
        said: Both sides, in words.
        cause: What it comes from, in words; empty if nothing explains it.
    """

    strategy: str
    order: int
    symbol: str
    time: int
    word: Word
    said: str
    cause: str


class _Found(NamedTuple):
    word: Word
    said: str


def late_ends(moments: Iterable[Sequence[BarMessage]], symbols: Iterable[str]) -> list[int]:
    """Return the ends of the bars that became known later than they ended, of these symbols."""
    own, now, late = set(symbols), 0, []
    for bars in moments:
        mine = [bar for bar in bars if bar.symbol in own]
        now = max([now, *(bar.end for bar in mine)])
        late += [bar.end for bar in mine if bar.end < now]
    return late


def changed_ends(seen: Iterable[BarMessage], stored: Mapping[tuple[str, int], BarMessage]) -> list[int]:
    """Return the ends of the bars that differ from what is stored; one that is not stored is passed over."""
    return [
        bar.end for bar in seen if (kept := stored.get((bar.symbol, bar.start))) and kept[3:8] != bar[3:8]
    ]


def compare(
    strategy: str,
    session: Traded,
    backtest: Traded,
    *,
    faults: Faults,
    simulated: bool,
    shared: Collection[int] = (),
) -> list[Difference]:
    """Return the differences of one strategy, in the order of their decisions.

    Args:
        strategy: Its name.
        session: What the session did.
        backtest: What the backtest did on the session's bars.
        faults: What was wrong with the bars.
        simulated: Whether the session's broker was the simulated one. Then prices, fees and rejections have
            no reason to differ.
        shared: The session's orders that come of limits on all strategies of the account, by id.
    """
    found: list[Difference] = []
    first = 0  # the first order that explains the ones after it
    for mine, other in _pairs(session.orders, backtest.orders):
        order = mine or other
        assert order is not None  # noqa: S101  # a pair has at least one side
        for one in _differences(mine, other, session.fills, backtest.fills):
            cause = _cause(one.word, order, faults, simulated=simulated, first=first)
            if not cause and order is mine and order.id in shared:
                cause = "the other strategies"
            if cause and not first:
                first = order.id
            word = Word(cause) if cause in {Word.DATA, Word.TIMING} else one.word
            found.append(
                Difference(strategy, order.id, order.symbol, order.decided, word, one.said, str(cause))
            )
    return found


def _cause(word: Word, order: Order, faults: Faults, *, simulated: bool, first: int) -> str:
    """Return what a difference comes from; empty if nothing explains it."""
    bars = faults.cause(order.life[-1].time)
    if bars is not None and word not in {Word.FILL_PRICE, Word.FEE}:
        return bars
    if bars is Word.DATA:
        return bars
    if not simulated and word in _MARKET:
        return "the market"
    if first and (simulated or word in {Word.QUANTITY, Word.MISSING, Word.EXTRA}):
        return f"order {first}"
    return ""


def _pairs(session: Iterable[Order], backtest: Iterable[Order]) -> list[tuple[Order | None, Order | None]]:
    """Return orders beside each other that were decided alike; then those that differ in their time alone."""
    pairs, mine, other = _match(list(session), list(backtest), timed=True)
    more, mine, other = _match(mine, other, timed=False)
    alone = [(one, None) for one in mine] + [(None, one) for one in other]
    return sorted([*pairs, *more, *alone], key=_turn)


def _turn(pair: tuple[Order | None, Order | None]) -> tuple[int, int]:
    order = pair[0] or pair[1]
    return (0, 0) if order is None else (order.decided, order.id)


def _match(
    session: list[Order], backtest: list[Order], *, timed: bool
) -> tuple[list[tuple[Order | None, Order | None]], list[Order], list[Order]]:
    def key(order: Order) -> tuple[object, ...]:
        return (order.symbol, order.side, order.type, order.tag, order.decided if timed else 0)

    waiting: dict[tuple[object, ...], list[Order]] = defaultdict(list)
    for order in backtest:
        waiting[key(order)].append(order)
    pairs: list[tuple[Order | None, Order | None]] = []
    alone = []
    for order in session:
        alike = waiting[key(order)]
        if alike:
            pairs.append((order, alike.pop(0)))
        else:
            alone.append(order)
    return pairs, alone, [order for some in waiting.values() for order in some]


def _differences(
    mine: Order | None, other: Order | None, fills: Sequence[Fill], others: Sequence[Fill]
) -> list[_Found]:
    if mine is None or other is None:
        word, order = (Word.MISSING, other) if mine is None else (Word.EXTRA, mine)
        assert order is not None  # noqa: S101  # a pair has at least one side
        return [
            _Found(word, f"{order.describe()}: only the {'backtest' if mine is None else 'session'} has it")
        ]
    if mine.decided != other.decided:
        return [_Found(Word.TIMING, f"{mine.describe()}: decided {_later(mine.decided, other.decided)}")]
    rejected = [one.status is OrderStatus.REJECTED for one in (mine, other)]
    if rejected[0] != rejected[1]:
        one, side = (mine, "session") if rejected[0] else (other, "backtest")
        return [_Found(Word.REJECTION, f"{mine.describe()}: rejected in the {side} ({one.reason.value})")]
    if mine.quantity != other.quantity:
        said = f"{mine.describe()}: quantity {mine.quantity:g}, in the backtest {other.quantity:g}"
        return [_Found(Word.QUANTITY, said)]
    got = [fill for fill in fills if fill.order_id == mine.id]
    due = [fill for fill in others if fill.order_id == other.id]
    return _fill_differences(mine, other, got, due)


def _fill_differences(mine: Order, other: Order, got: Sequence[Fill], due: Sequence[Fill]) -> list[_Found]:
    filled, wanted = (sum(fill.quantity for fill in some) for some in (got, due))
    if filled != wanted:
        word = Word.MISSING if filled < wanted else Word.EXTRA
        return [_Found(word, f"{mine.describe()}: filled {filled:g}, in the backtest {wanted:g}")]
    found = []
    if got and got[0].time != due[0].time:
        said = f"{mine.describe()}: filled {_later(got[0].time, due[0].time)}"
        return [_Found(Word.TIMING, said)]  # another time has another price
    if _average(got) != _average(due):
        said = f"{mine.describe()}: filled at {_average(got):.10g}, in the backtest at {_average(due):.10g}"
        found.append(_Found(Word.FILL_PRICE, said))
    if _fees(got) != _fees(due):
        said = f"{mine.describe()}: fees {_fees(got):.10g}, in the backtest {_fees(due):.10g}"
        found.append(_Found(Word.FEE, said))
    if not found and mine.status is not other.status and not (mine.open and not other.open):
        said = f"{mine.describe()}: {mine.status.value}, in the backtest {other.status.value}"
        found.append(_Found(Word.TIMING, said))
    return found


def _average(fills: Sequence[Fill]) -> float:
    """Return the mean price of fills; one fill's price as it is."""
    if len(fills) == 1:
        return fills[0].price
    shares = sum(fill.quantity for fill in fills)
    return sum(fill.price * fill.quantity for fill in fills) / shares if shares else 0.0


def _fees(fills: Sequence[Fill]) -> float:
    return sum(fill.fee for fill in fills)


def _later(mine: int, other: int) -> str:
    seconds = (mine - other) / 1e9
    return f"{abs(seconds):g} s {'later' if seconds > 0 else 'earlier'} than in the backtest"
