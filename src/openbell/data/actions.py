"""What splits, dividends and spin-offs do to a position that is held: growth factors over the bars."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from openbell.core.errors import BadData
from openbell.core.types import Action, Dividend, SpinOff, Split, SymbolChange, turn_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from openbell.data.bars import Floats, Times


def repricing(actions: Iterable[Action]) -> list[Split | Dividend | SpinOff]:
    """Return the actions that change what one share stands for, and with it the unit of prices."""
    return [action for action in actions if isinstance(action, Split | Dividend | SpinOff)]


def factors(start: Times, close: Floats, actions: Iterable[Action]) -> tuple[Floats, Floats]:
    """Return how many shares one share of the first bar has become at each bar.

    The first array counts splits alone, the second reinvests dividends as well. Both are 1.0 at the first
    bar and change at the first bar that starts at or after an action's ex-date: an `n`:`m` split multiplies
    both by n/m; a dividend D multiplies the second by 1 / (1 - D/P), with P the raw close before it (the
    convention of CRSP: the dividend is reinvested at P - D). Actions on or before the first bar change
    nothing, and neither do those after the last. A spin-off counts as a dividend of what leaves with a share.
    A new name and a delisting are in no price.

    A price of bar s, adjusted as of bar t, is `price[s] * total[s] / total[t]`: for s = t the ratio is
    exactly 1, and nothing that happens after t is in it.

    Where several actions lie between two bars they apply in the order of their dates, on one date
    dividends first, each to what the one before left of P.

    Args:
        start: (n,) ns UTC, ascending; when each bar opens.
        close: (n,) raw closes.
        actions: Those of the symbol, in any order.

    Returns:
        Two arrays of shape (n,): the split factor and the total factor.

    Raises:
        BadData: A dividend, or a spin-off, is not below the close before it.
    """
    split = np.ones(len(start))
    total = np.ones(len(start))
    bar, reference = 0, 0.0
    for action in sorted(repricing(actions), key=turn_of):
        at = int(np.searchsorted(start, action.ex))
        if at == 0 or at == len(start):
            continue
        if at != bar:
            bar, reference = at, float(close[at - 1])
        if isinstance(action, Split):
            split[at] *= action.ratio
            total[at] *= action.ratio
            reference /= action.ratio
            continue
        left = reference - action.amount
        if left <= 0.0:
            day = np.datetime64(action.ex, "ns").astype("datetime64[D]")
            kind = "spin-off" if isinstance(action, SpinOff) else "dividend"
            raise BadData(
                f"{action.symbol}: the {kind} of {action.amount} on {day} is not below the price before it "
                f"({reference:.6g}); correct its amount or date"
            )
        total[at] *= reference / left
        reference = left
    return np.cumprod(split, dtype=np.float64), np.cumprod(total, dtype=np.float64)


def terms_of(action: Action) -> list[int | str | None]:
    """Return what an action says beside its symbol and date, exactly, as JSON has it."""
    if isinstance(action, Split):
        return [action.new, action.old]
    if isinstance(action, Dividend):
        return [float(action.amount).hex()]
    if isinstance(action, SpinOff):
        return [action.child, action.new, action.old, float(action.price).hex()]
    if isinstance(action, SymbolChange):
        return [action.symbol, action.new_symbol]
    return [None if action.price is None else float(action.price).hex()]
