"""Everything that decides a run, as data: written into `run.json`, and read again to repeat it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from types import TracebackType
from typing import Any

from openbell.backtesting import inputs
from openbell.backtesting.inputs import text_of
from openbell.core.costs import Commission, Costs, Margin, Slippage
from openbell.core.errors import ConfigError, Translation, nearest
from openbell.core.ports import Sizer
from openbell.core.types import Instrument
from openbell.data.universe import Universe
from openbell.execution.risk.limits import Risk, risk_from_json
from openbell.portfolio.sizing import SIZERS, ShareOfEquity


@dataclass(frozen=True, slots=True)
class Plan:
    """What is run on what, and how. `strategy` and `provider` say where to find them again.

    Raises:
        ConfigError: A value has the wrong type, or is out of bounds.
    """

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
    universe: Universe | None = None  #: who may be bought when; the symbols are those with prices
    risk: Risk = field(default_factory=Risk)
    begin: int | None = None  #: ns UTC; bars that are known by then serve indicators, and are not traded on
    holdout: str | None = None  #: a date; bars from then on are not seen
    unlock_holdout: bool = False  #: they are seen after all

    def __post_init__(self) -> None:
        text_of("strategy", self.strategy, such_as="'sma_cross'")
        symbols = inputs.records_of("symbols", self.symbols, str, such_as="'AAPL'")
        if not symbols:
            raise ConfigError("symbols=[]: name at least one symbol")
        text_of("provider", self.provider, such_as="'bundled' or 'csv:FOLDER'")
        text_of("timeframe", self.timeframe, such_as="'1d' or '5m'")
        text_of("benchmark", self.benchmark, such_as="'IBM'; '' holds what the run trades")
        read = {
            "symbols": symbols,
            "parameters": inputs.parameters_of(self.parameters),
            "cash": inputs.cash_of(self.cash),
            "costs": inputs.costs_of(self.costs),
            "sizer": inputs.sizer_of(self.sizer),
            "risk": inputs.risk_of(self.risk, symbols),
            "finer": inputs.records_of("finer", self.finer, str, such_as="'AAPL'"),
            "seed": inputs.count_of("seed", self.seed),
            "instruments": inputs.records_of(
                "instruments", self.instruments, Instrument, such_as="ob.Instrument('AAPL', lot=0.001)"
            ),
        }
        for name, value in read.items():
            object.__setattr__(self, name, value)  # as it is meant, whatever it was typed as

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
            **({} if self.universe is None else {"universe": self.universe.as_json()}),
            **({"risk": self.risk.as_json()} if self.risk.active else {}),
            **({} if self.begin is None else {"begin": self.begin}),
            **({} if self.holdout is None else {"holdout": self.holdout}),
            **({"unlock_holdout": True} if self.unlock_holdout else {}),
        }

    @property
    def traded(self) -> str:
        """What is traded, in few words."""
        if self.universe is None:
            return ", ".join(self.symbols)
        return f"universe {self.universe.name} ({len(self.symbols)} symbols)"


_BUILT = {"symbols", "costs", "sizing", "instruments", "finer", "universe", "risk"}


def plan_from_json(values: Mapping[str, Any]) -> Plan:
    """Read a plan back.

    Raises:
        ConfigError: Its sizer is an object of the caller's, which cannot be made again from a name; or the
            plan is not as it was written.
    """
    with Translation(_unreadable):
        return _read(values)


def _unreadable(error: BaseException, _trace: TracebackType | None) -> ConfigError | None:
    if isinstance(error, KeyError):
        return ConfigError(f"the plan has no {error.args[0]!r}")
    return (
        ConfigError(f"the plan is not as written: {error}")
        if isinstance(error, TypeError | ValueError)
        else None
    )


def _read(values: Mapping[str, Any]) -> Plan:
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
        universe=Universe.from_json(values["universe"]) if "universe" in values else None,
        risk=risk_from_json(values.get("risk", {})),
    )


def make_sizer(method: str = "share_of_equity", **parameters: float | str) -> Sizer:
    """Return a sizer by its name in the configuration.

    Raises:
        ConfigError: The name or a parameter is unknown.
    """
    text_of("sizing.method", method, such_as="'share_of_equity'")
    if method not in SIZERS:
        raise ConfigError(f"sizing.method={method!r} is unknown{nearest(method, SIZERS)}")
    try:
        made: Sizer = SIZERS[method](**parameters)
    except TypeError as error:
        raise ConfigError(f"sizing.method={method!r}: {error}") from error
    return made
