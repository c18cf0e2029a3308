"""Everything that decides a run, as data: written into `run.json`, and read again to repeat it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from openbell.core.costs import Commission, Costs, Margin, Slippage
from openbell.core.errors import ConfigError, nearest
from openbell.core.ports import Sizer
from openbell.core.types import Instrument
from openbell.portfolio.sizing import FixedNotional, FixedQuantity, ShareOfEquity

#: float64 keeps cents up to here.
MOST_CASH = 1e13

SIZERS: dict[str, type] = {
    "share_of_equity": ShareOfEquity,
    "fixed_quantity": FixedQuantity,
    "fixed_notional": FixedNotional,
}


@dataclass(frozen=True, slots=True)
class Plan:
    """What is run on what, and how. `strategy` and `provider` say where to find them again."""

    strategy: str
    symbols: tuple[str, ...]
    parameters: Mapping[str, Any] = field(default_factory=dict)
    provider: str = "bundled"
    timeframe: str = "1d"
    start: str | None = None
    end: str | None = None
    cash: float = 100_000.0
    costs: Costs = field(default_factory=Costs)
    sizer: Sizer = field(default_factory=ShareOfEquity)
    benchmark: str = ""
    seed: int = 0
    instruments: tuple[Instrument, ...] = ()  #: the caller's, instead of the provider's
    finer: tuple[str, ...] = ()  #: symbols with finer bars of the caller's

    def __post_init__(self) -> None:
        if not self.cash > 0:
            raise ConfigError(f"cash={self.cash} must be more than zero")
        if self.cash > MOST_CASH:
            raise ConfigError(f"cash={self.cash} must be at most {MOST_CASH:g}, where cents still count")
        if isinstance(self.seed, bool) or not isinstance(self.seed, int) or self.seed < 0:
            raise ConfigError(f"seed={self.seed!r} must be a whole number, zero or more")
        if not self.symbols:
            raise ConfigError("symbols=[]: name at least one symbol")

    def as_json(self) -> dict[str, Any]:
        """Return the plan as JSON values; `from_json` reads them back."""
        name = next(
            (name for name, kind in SIZERS.items() if type(self.sizer) is kind), type(self.sizer).__name__
        )
        sizing = asdict(self.sizer) if name in SIZERS else {}  # type: ignore[call-overload]  # a dataclass
        return {
            "strategy": self.strategy,
            "symbols": list(self.symbols),
            "parameters": dict(self.parameters),
            "provider": self.provider,
            "timeframe": self.timeframe,
            "start": self.start,
            "end": self.end,
            "cash": self.cash,
            "costs": asdict(self.costs),
            "sizing": {"method": name, **sizing},
            "benchmark": self.benchmark,
            "seed": self.seed,
            "instruments": [asdict(instrument) for instrument in self.instruments],
            "finer": list(self.finer),
        }


_BUILT = {"symbols", "costs", "sizing", "instruments", "finer"}


def plan_from_json(values: Mapping[str, Any]) -> Plan:
    """Read a plan back.

    Raises:
        ConfigError: Its sizer is an object of the caller's, which cannot be made again from a name.
    """
    costs = dict(values["costs"])
    made = Costs(
        **{
            **costs,
            "commission": Commission(**costs["commission"]),
            "slippage": Slippage(**costs["slippage"]),
            "margin": Margin(**costs["margin"]),
        }
    )
    plain = {name: value for name, value in values.items() if name not in _BUILT}
    return Plan(
        **plain,
        symbols=tuple(values["symbols"]),
        costs=made,
        sizer=make_sizer(**values["sizing"]),
        instruments=tuple(Instrument(**fields) for fields in values["instruments"]),
        finer=tuple(values["finer"]),
    )


def make_sizer(method: str = "share_of_equity", **parameters: float) -> Sizer:
    """Return a sizer by its name in the configuration.

    Raises:
        ConfigError: The name or a parameter is unknown.
    """
    if method not in SIZERS:
        raise ConfigError(f"sizing.method={method!r} is unknown{nearest(method, SIZERS)}")
    try:
        made: Sizer = SIZERS[method](**parameters)
    except TypeError as error:
        raise ConfigError(f"sizing.method={method!r}: {error}") from error
    return made
