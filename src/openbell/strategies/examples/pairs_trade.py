"""Two stocks against each other: long the cheap one, short the dear one."""

import openbell as ob


class PairsTrade(ob.Strategy):
    """Trade the z-score of the ratio of the run's first two symbols back to its mean."""

    lookback: int = ob.param(60, ge=10, le=500)
    entry: float = ob.param(2.0, gt=0)
    leave: float = ob.param(0.5, ge=0)

    def on_start(self) -> None:
        if len(self.symbols) < 2:
            raise ob.ConfigError("it trades two symbols against each other: name a second one")

    def on_bars(self, bars: ob.CrossSection) -> None:
        first, second = self.symbols[:2]
        window = bars.history("close", self.lookback)
        if len(window) < self.lookback:
            return
        ratio = window[:, 0] / window[:, 1]
        score = (ratio[-1] - ratio.mean()) / ratio.std()
        held = self.position(first)
        if not held and abs(score) > self.entry:
            side = -1.0 if score > 0 else 1.0
            self.rebalance({first: 0.45 * side, second: -0.45 * side})
        elif held * score > 0 or (held and abs(score) < self.leave):
            self.rebalance({})
