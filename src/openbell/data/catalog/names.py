"""One company under several names: what was stored under a former one belongs to the present one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from openbell.core.types import Action, SymbolChange
from openbell.data.bars import COLUMNS, Series

#: Reads a former name's bars that open before a time, with its actions; None where nothing is stored.
Former = Callable[[str, int], Series | None]


def join_former(series: Series, former: Former) -> Series:
    """Put what is stored under a series' former name before it, under its present name.

    Bars of the present name win: of the former one those are taken that open before the change, and before
    the first bar of the present name. The same holds for actions of one kind on one date.
    """
    changes = [one for one in series.actions if isinstance(one, SymbolChange)]
    if not changes:
        return series
    last = changes[-1]
    before = former(last.symbol, min([last.ex, *series.start[:1].tolist()]))
    if before is None:
        return series
    actions = _joined_actions(series, before, last.ex)
    if not len(before):
        return replace(series, actions=actions)
    columns: dict[str, Any] = {
        name: np.concatenate([getattr(before, name), getattr(series, name)])
        for name in ("start", "known", *COLUMNS)
    }
    both = {name: column for name, column in series.extra.items() if name in before.extra}
    extra = {name: np.concatenate([before.extra[name], column]) for name, column in both.items()}
    return replace(series, **columns, extra=extra, actions=actions)


def _joined_actions(series: Series, before: Series, ex: int) -> tuple[Action, ...]:
    known = {(type(action), action.ex) for action in series.actions}
    return (
        *series.actions,
        *(
            action if isinstance(action, SymbolChange) else replace(action, symbol=series.symbol)
            for action in before.actions
            if action.ex < ex and (type(action), action.ex) not in known
        ),
    )
