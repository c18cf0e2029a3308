"""The ledger: cash, positions, and every booking that changed them."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import NamedTuple

from openbell.core import rules
from openbell.core.types import Charge, Delisting, Dividend, Fill, Instrument, SpinOff, Split


class EntryKind(StrEnum):
    """What a ledger entry books."""

    __hash__ = str.__hash__  # the enumeration's own is a call of Python

    FILL = "fill"
    DIVIDEND = "dividend"
    SPLIT = "split"
    SPIN_OFF = "spin_off"  #: what left the parent; then, for the child, the shares that it was paid in
    DELISTING = "delisting"
    BORROW = "borrow"
    INTEREST = "interest"


class Entry(NamedTuple):
    """One booking. `quantity` is the signed change of the position, `cash` the balance after it.

    `amount` is the change of cash. A split's `price` is what a fraction of a share is paid with.
    """

    time: int
    kind: EntryKind
    symbol: str
    quantity: float
    price: float
    fee: float
    cash: float
    position: float
    realised: float
    amount: float
    ratio: float = 1.0  #: a split's shares after for one before


_FILL = EntryKind.FILL
_new = tuple.__new__  # a named tuple's own constructor is a call of Python more


class Position:
    """What is held of one symbol: signed shares, and what came of it so far."""

    __slots__ = ("average", "borrow", "dividends", "fees", "quantity", "realised", "symbol")

    def __init__(self, symbol: str) -> None:
        self.symbol = symbol
        self.quantity = 0.0
        self.average = 0.0
        self.realised = 0.0
        self.fees = 0.0
        self.dividends = 0.0
        self.borrow = 0.0

    def unrealised(self, price: float) -> float:
        """Return the profit, before fees, that closing at `price` would realise."""
        return self.quantity * (price - self.average)

    def __repr__(self) -> str:
        return f"<Position {self.quantity:g} {self.symbol} at {self.average:.4f}>"


class Account:
    """Cash and positions as a fold over fills, dividends, splits and charges. Nothing else changes them."""

    def __init__(self, cash: float) -> None:
        self.initial_cash = cash
        self.cash = cash
        self.positions: dict[str, Position] = {}
        self.entries: list[Entry] = []  #: all bookings, or the later ones where earlier were let go
        self.gone = 0  #: bookings that were let go
        self.interest = 0.0
        self.shorts = 0  #: symbols held short now

    @property
    def booked(self) -> int:
        """Return how many bookings there have been."""
        return self.gone + len(self.entries)

    def since(self, booked: int) -> list[Entry]:
        """Return the bookings after so many; those that were let go are not among them."""
        return self.entries[max(booked - self.gone, 0) :]

    def retire(self, before: int) -> None:
        """Let go of the bookings from before a time in ns: cash and positions stay what they are."""
        count = next((i for i, one in enumerate(self.entries) if one.time >= before), len(self.entries))
        del self.entries[:count]
        self.gone += count

    def quantity(self, symbol: str) -> float:
        """Return the signed shares held of `symbol`."""
        position = self.positions.get(symbol)
        return position.quantity if position is not None else 0.0

    def equity(self, price: Callable[[str], float]) -> float:
        """Return cash plus every position at `price(symbol)`."""
        total = self.cash
        for symbol, position in self.positions.items():
            if position.quantity != 0.0:
                total += position.quantity * price(symbol)
        return total

    def gross(self, price: Callable[[str], float]) -> float:
        """Return the sum of the positions' absolute values."""
        total = 0.0
        for symbol, position in self.positions.items():
            if position.quantity != 0.0:
                total += abs(position.quantity) * price(symbol)
        return total

    def book_fill(self, fill: Fill) -> None:
        """Book one execution."""
        _, _, symbol, side, quantity, price, fee, _, time, _ = fill
        position = self.positions.get(symbol) or self._position(symbol)
        before = position.quantity
        signed = side * quantity
        after, position.average, gain = rules.booked(before, position.average, signed, price)
        position.quantity = after
        position.realised += gain
        position.fees += fee
        if after < 0.0 or before < 0.0:
            self.shorts += (after < 0.0) - (before < 0.0)
        amount = rules.fill_amount(signed, price, fee)
        self.cash = cash = self.cash + amount
        self.entries.append(
            _new(Entry, (time, _FILL, symbol, signed, price, fee, cash, after, gain, amount, 1.0))
        )

    def book_split(self, split: Split, *, time: int, previous_close: float, instrument: Instrument) -> None:
        """Book a split: exact ratio; the fraction of a share is paid in cash at the previous close.

        Where a lot is several shares an odd lot stays; where it is less than one, its fraction is paid.

        Args:
            split: The action.
            time: When it is booked, in ns.
            previous_close: The last close before it, in the shares of then.
            instrument: Has the lot.
        """
        position = self.positions.get(split.symbol)
        if position is None or position.quantity == 0.0:
            return
        before = position.quantity
        direction = 1.0 if before > 0.0 else -1.0
        exact = rules.split_shares(before, split.new, split.old)
        kept = direction * rules.whole_lots(abs(exact), min(instrument.lot, 1.0))
        price = rules.split_price(previous_close, split.new, split.old)
        average = rules.split_price(position.average, split.new, split.old)
        fraction = exact - kept
        gain = fraction * (price - average)
        position.quantity = kept
        position.average = average if kept != 0.0 else 0.0
        position.realised += gain
        self.shorts -= before < 0.0 and kept == 0.0
        self.cash += fraction * price
        self.entries.append(
            Entry(
                time, EntryKind.SPLIT, split.symbol, kept - before, price, 0.0, self.cash, kept, gain,
                fraction * price, split.ratio,
            )
        )  # fmt: skip

    def book_dividend(self, dividend: Dividend, *, time: int) -> None:
        """Book a dividend on its ex-date: a holder receives it, a short seller pays it."""
        position = self.positions.get(dividend.symbol)
        if position is None or position.quantity == 0.0:
            return
        amount = position.quantity * dividend.amount
        position.dividends += amount
        self.cash += amount
        self.entries.append(
            Entry(
                time, EntryKind.DIVIDEND, dividend.symbol, 0.0, dividend.amount, 0.0, self.cash,
                position.quantity, amount, amount,
            )
        )  # fmt: skip

    def book_spin_off(self, spin_off: SpinOff, *, time: int, child: Instrument | None) -> None:
        """Book a spin-off: what leaves the parent is paid out, and all whole shares of the child are bought.

        So the two entries add up to what a fraction of a share is paid in cash. A short seller owes both.

        Args:
            spin_off: The action.
            time: When it is booked, in ns.
            child: What is traded of the child; None if it is not: then all of it is paid in cash.
        """
        parent = self.positions.get(spin_off.symbol)
        if parent is None or parent.quantity == 0.0:
            return
        held, price = parent.quantity, spin_off.price
        exact = rules.split_shares(held, spin_off.new, spin_off.old)
        amount = exact * price
        parent.dividends += amount
        self.cash += amount
        self.entries.append(
            Entry(
                time, EntryKind.SPIN_OFF, spin_off.symbol, 0.0, spin_off.amount, 0.0, self.cash, held, amount,
                amount,
            )
        )  # fmt: skip
        if child is None:
            return
        whole = rules.whole_lots(abs(exact), min(child.lot, 1.0))
        if whole > 0.0:
            signed = whole if held > 0.0 else -whole
            self._transfer(spin_off.child, signed, price, kind=EntryKind.SPIN_OFF, time=time)

    def book_delisting(self, delisting: Delisting, *, time: int, price: float) -> None:
        """Book the end of a symbol: what is held of it is closed at `price`, without a fee."""
        held = self.quantity(delisting.symbol)
        if held != 0.0:
            self._transfer(delisting.symbol, -held, price, kind=EntryKind.DELISTING, time=time)

    def book_charge(self, charge: Charge) -> None:
        """Book a cost of holding: a borrow fee of a symbol, or interest on a debit (no symbol)."""
        held = 0.0
        if charge.symbol:
            position = self._position(charge.symbol)
            position.borrow += charge.amount
            held = position.quantity
        else:
            self.interest += charge.amount
        self.cash -= charge.amount
        self.entries.append(
            Entry(
                charge.time, EntryKind(charge.kind), charge.symbol, 0.0, 0.0, charge.amount, self.cash, held,
                -charge.amount, -charge.amount,
            )
        )  # fmt: skip

    def _transfer(self, symbol: str, signed: float, price: float, *, kind: EntryKind, time: int) -> None:
        """Book shares that change hands at a price, but by no order and without a fee."""
        position = self._position(symbol)
        before = position.quantity
        after, position.average, gain = rules.booked(before, position.average, signed, price)
        position.quantity = after
        position.realised += gain
        self.shorts += (after < 0.0) - (before < 0.0)
        amount = rules.fill_amount(signed, price, 0.0)
        self.cash += amount
        self.entries.append(Entry(time, kind, symbol, signed, price, 0.0, self.cash, after, gain, amount))

    def _position(self, symbol: str) -> Position:
        position = self.positions.get(symbol)
        if position is None:
            position = self.positions[symbol] = Position(symbol)
        return position
