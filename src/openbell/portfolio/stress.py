"""What a portfolio would lose: in falls that have happened, and in shocks of one's own."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from openbell.core.errors import ConfigError, nearest

MARKET = "market"


@dataclass(frozen=True, slots=True)
class Shock:
    """How far prices move at once, as fractions: a symbol's own, its sector's, or beta times market."""

    name: str
    market: float = 0.0
    sectors: Mapping[str, float] = field(default_factory=dict)
    symbols: Mapping[str, float] = field(default_factory=dict)
    span: str = ""  #: of a historical one: from the close of the first day to that of the last

    def __post_init__(self) -> None:
        for value in (self.market, *self.sectors.values(), *self.symbols.values()):
            if not value >= -1.0 or value == math.inf:
                raise ConfigError(
                    f"shock {self.name!r}: {value!r} must be -1 or more (-0.2 is a fall of 20 %)"
                )

    def move(self, symbol: str, *, sector: str, beta: float) -> float:
        """Return how far a symbol moves; no price falls below zero."""
        if symbol in self.symbols:
            return self.symbols[symbol]
        if sector in self.sectors:
            return self.sectors[sector]
        return max(beta * self.market, -1.0)


#: Falls of the S&P 500 without dividends, from close to close.
HISTORICAL = (
    Shock("Black Monday", -0.2047, span="1987-10-16 to 1987-10-19"),
    Shock("The dot-com bust", -0.4915, span="2000-03-24 to 2002-10-09"),
    Shock("The financial crisis", -0.5678, span="2007-10-09 to 2009-03-09"),
    Shock("The downgrade of US debt", -0.1677, span="2011-07-22 to 2011-08-08"),
    Shock("The pandemic", -0.3392, span="2020-02-19 to 2020-03-23"),
    Shock("The rise of interest rates", -0.2543, span="2022-01-03 to 2022-10-12"),
)


class Loss(NamedTuple):
    """What a shock does. `pnl` is in money, `share` of the equity before it; `parts` by symbol."""

    shock: Shock
    pnl: float
    share: float
    parts: dict[str, float]


def stress(
    values: Mapping[str, float],
    equity: float,
    *,
    shocks: tuple[Shock, ...] = HISTORICAL,
    betas: Mapping[str, float] | None = None,
    sectors: Mapping[str, str] | None = None,
) -> list[Loss]:
    """Return what each shock does to positions worth `values`, signed, in money.

    Args:
        values: The positions.
        equity: Of the account.
        shocks: What happens; the historical falls if not given.
        betas: Of each symbol to the market; 1 where none is given.
        sectors: Of each symbol.
    """
    found = []
    for shock in shocks:
        parts = {
            symbol: value
            * shock.move(symbol, sector=(sectors or {}).get(symbol, ""), beta=(betas or {}).get(symbol, 1.0))
            for symbol, value in values.items()
        }
        pnl = math.fsum(parts.values())
        found.append(Loss(shock, pnl, pnl / equity if equity > 0.0 else math.nan, parts))
    return found


def read_shock(text: str, symbols: Collection[str], sectors: Collection[str] = ()) -> Shock:
    """Return a shock that somebody typed: what moves, and how far, as in `market=-0.1,AAPL=-0.3`.

    Args:
        text: Names and fractions; a name is `market`, a sector's or a symbol's, looked for in this order.
        symbols: That there are.
        sectors: That there are.

    Raises:
        ConfigError: A name is unknown or comes twice, or a fraction is none.
    """
    found: dict[str, float] = {}
    for part in text.split(","):
        name, is_there, number = (one.strip() for one in part.partition("="))
        known = (MARKET, *sectors, *symbols)
        if not is_there or name in found:
            raise ConfigError(f"shock {text!r}: write names and fractions, each once: market=-0.1,AAPL=-0.3")
        if name not in known:
            raise ConfigError(f"shock {text!r}: {name!r} is unknown{nearest(name, known)}")
        try:
            found[name] = float(number)
        except ValueError as error:
            raise ConfigError(f"shock {text!r}: {number!r} is no fraction, as in {name}=-0.1") from error
    return Shock(
        text, found.pop(MARKET, 0.0), {name: move for name, move in found.items() if name in sectors},
        {name: move for name, move in found.items() if name not in sectors},
    )  # fmt: skip
