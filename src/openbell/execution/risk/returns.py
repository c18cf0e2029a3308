"""Each bar's returns, as they become known: corporate actions are no gains and no losses."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from openbell.core.market import Track
from openbell.core.types import Action, Dividend, SpinOff, Split
from openbell.execution.risk.estimates import Floats


class Returns:
    """The last close of each symbol, in today's shares, and what the next one makes of it."""

    def __init__(self, tracks: Mapping[str, Track]) -> None:
        self._tracks = list(tracks.values())
        self._index = {track.symbol: at for at, track in enumerate(self._tracks)}
        self._seen = [track.cursor.at for track in self._tracks]
        self._closes = [track.price() for track in self._tracks]

    def step(self) -> Floats:
        """(symbols,) the returns of the bars that became known since the last step; NaN where none did."""
        found: Floats = np.full(len(self._tracks), math.nan)
        for at, track in enumerate(self._tracks):
            now = track.cursor.at
            if now == self._seen[at]:
                continue
            close = track.close[now]
            found[at] = close / self._closes[at] - 1.0
            self._seen[at], self._closes[at] = now, close
        return found

    def act(self, action: Action) -> None:
        """Turn a symbol's last close into the shares of after a corporate action."""
        at = self._index[action.symbol]
        if isinstance(action, Split):
            self._closes[at] /= action.ratio
        elif isinstance(action, Dividend | SpinOff):
            self._closes[at] -= action.amount
