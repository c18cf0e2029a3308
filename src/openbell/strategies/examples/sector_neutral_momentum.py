"""Momentum that bets on no sector: in each, the strong against the weak."""

import openbell as ob


class SectorNeutralMomentum(ob.Strategy):
    """Long what rose most in its sector, short what rose least, with as much money on either side."""

    lookback: int = ob.param(126, ge=5, le=500)
    gross: float = ob.param(0.8, gt=0, le=2)
    sectors: str = "AAPL=devices IBM=devices MSFT=software GOOG=software"

    def on_start(self) -> None:
        self.sector = dict(pair.split("=") for pair in self.sectors.split())

    def on_bars(self, bars: ob.CrossSection) -> None:
        close = bars.history("close", self.lookback + 1)
        growth = dict(zip(self.symbols, close[-1] / close[0], strict=True))
        sides: dict[str, float] = {}
        for sector in dict.fromkeys(self.sector.values()) if len(close) > self.lookback else ():
            known = [s for s in self.symbols if self.sector.get(s) == sector and growth[s] > 0]
            ranked, half = sorted(known, key=lambda s: growth[s]), len(known) // 2
            sides |= dict.fromkeys(ranked[:half], -1.0) | dict.fromkeys(ranked[len(ranked) - half :], 1.0)
        if sides:
            each = self.gross / len(sides)
            self.rebalance({s: side * each for s, side in sides.items()}, ob.Rebalancing(every="month"))
