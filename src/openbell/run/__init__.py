"""Wire the parts: the only place that chooses what is behind the ports."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, TypedDict, Unpack

from openbell.backtesting import inputs
from openbell.backtesting.cuts import CUTS
from openbell.backtesting.honesty import check, is_refusal, refusal
from openbell.backtesting.plan import Plan
from openbell.backtesting.verdict import Verdict
from openbell.core.costs import Costs
from openbell.core.errors import ConfigError, nearest
from openbell.core.ports import Sizer
from openbell.core.types import Instrument
from openbell.data.bars import Series
from openbell.data.universe import Universe
from openbell.execution.risk.limits import Risk
from openbell.reporting.result import Result
from openbell.run.batches import CALLER
from openbell.run.counting import count_run
from openbell.run.engines import Progress, panel_of, run_plan, simulate, simulate_compiled
from openbell.run.holdout import check_closed, open_holdout, withhold
from openbell.run.prices import (
    CATALOG,
    FILES,
    READING,
    Place,
    catalog_place,
    check_bundled,
    instrument,
    is_symbols,
    load,
    open_catalog,
)
from openbell.strategies.registry import Form, Found, find

__all__ = [
    "CATALOG", "FILES", "READING", "Place", "Settings", "backtest", "catalog_place", "check_bundled",
    "check_lookahead", "execute", "instrument", "load", "load_plan", "open_catalog", "panel_of", "prepare",
    "simulate", "simulate_compiled",
]  # fmt: skip


def backtest(  # noqa: PLR0913  # a run has many settings, all named and all with a default
    strategy: str | Form,
    data: Any,
    *,
    start: Any = None,
    end: Any = None,
    parameters: Mapping[str, Any] | None = None,
    cash: float = 100_000.0,
    costs: Costs | None = None,
    sizer: Sizer | None = None,
    benchmark: str = "",
    provider: str = "bundled",
    timeframe: str = "1d",
    finer: Sequence[Series] = (),
    seed: int = 0,
    instruments: Sequence[Instrument] = (),
    risk: Risk | None = None,
    holdout: Any = None,
    unlock_holdout: bool = False,
    engine: str = "auto",
    progress: Progress | None = None,
) -> Result:
    """Run a strategy over history, with costs on, and return what it led to.

    Args:
        strategy: A `Strategy` class, an `@signal` function, a registered name, `module:Class` or `path.py`.
        data: A symbol or several of the provider, a `Universe` of them, a DataFrame or a mapping of them by
            symbol, or `Series`.
        start: First date, as text or a date; None is the first there is.
        end: Last date, included.
        parameters: The strategy's parameters by name.
        cash: What the account begins with.
        costs: Commission, slippage, volume, margin and borrow; the default is on and a cash account.
        sizer: Turns signals into shares; the default puts 95 % of equity into a full conviction.
        benchmark: A symbol to compare with; empty holds what the run trades, in equal parts.
        provider: Where symbols come from: `bundled`; or `csv:FOLDER` or `parquet:FOLDER`, where
            `?timezone=America/New_York`, `?calendar=24/7`, `?stamp=end` and `?session=extended`, joined by
            `&`, may follow; or what the catalog holds, such as `yahoo` or `alpaca:iex`, where
            `?catalog=FOLDER` may follow.
        timeframe: The bars that are asked of the provider.
        finer: Finer bars that decide which came first when a bar touches a stop and its target.
        seed: Of `self.random`.
        instruments: Tick, lot and the like of a symbol, instead of what its provider says.
        risk: Limits that each order must pass; the default is none. `STANDARD_RISK` is a set to begin with.
        holdout: A date; bars from then on are not seen.
        unlock_holdout: See them after all: once for an idea on its data, on record in the ledger of trials.
        engine: `event`, bar by bar; `compiled`, for `@signal` strategies; or `auto`, which compiles what is
            long and can be. The result is the same, and says which it was.
        progress: Called with (moments done, moments in all) now and then, by the event engine.

    Raises:
        ConfigError: A name, a parameter, a date or a setting is wrong.
        BadData: The data break a rule.
        StrategyError: The strategy raised.
    """
    settings = Settings(
        start=start, end=end, parameters=parameters, cash=cash, costs=costs, sizer=sizer, benchmark=benchmark,
        provider=provider, timeframe=timeframe, seed=seed, instruments=instruments, risk=risk,
        holdout=holdout, unlock_holdout=unlock_holdout,
    )  # fmt: skip
    plan, found, series = prepare(strategy, data, finer=finer, **settings)
    return execute(
        plan, found=found, series=series, finer=finer, engine=engine, progress=progress, counted=True
    )


class Settings(TypedDict, total=False):
    """What decides a run beside its strategy and its data; `backtest` says what each one means."""

    start: Any
    end: Any
    parameters: Mapping[str, Any] | None
    cash: float
    costs: Costs | None
    sizer: Sizer | None
    benchmark: str
    provider: str
    timeframe: str
    seed: int
    instruments: Sequence[Instrument]
    risk: Risk | None
    holdout: Any
    unlock_holdout: bool


def prepare(
    strategy: str | Form, data: Any, *, finer: Sequence[Series] = (), **settings: Unpack[Settings]
) -> tuple[Plan, Found, list[Series]]:
    """Return the plan, the strategy and the series of a backtest without running it; arguments as there.

    Raises:
        ConfigError: A setting is unknown, or has the wrong type.
        BadData: The data break a rule.
    """
    given: dict[str, Any] = {**settings}
    for name in given:
        if name not in Settings.__annotations__:
            raise ConfigError(f"a backtest has no setting {name!r}{nearest(name, Settings.__annotations__)}")
    found = find(strategy)
    place = {name: given.pop(name) for name in ("provider", "timeframe", "start", "end") if name in given}
    inputs.check_date("holdout", given.get("holdout"))
    given["holdout"] = _written(given.pop("holdout", None))
    given["unlock_holdout"] = inputs.flag_of("unlock_holdout", given.get("unlock_holdout", False))
    series = load(data, **place)
    for name in ("parameters", "costs", "sizer", "risk"):
        if given.get(name, ...) is None:
            del given[name]
    plan = Plan(
        strategy=found.origin,
        symbols=tuple(dict.fromkeys(s.symbol for s in series)),
        provider=place.get("provider", "bundled") if is_symbols(data) else CALLER,
        timeframe=series[0].timeframe,
        start=_written(place.get("start")),
        end=_written(place.get("end")),
        finer=tuple(s.symbol for s in _finer(finer)),
        universe=data if isinstance(data, Universe) else None,
        **given,
    )
    series = withhold(series, plan)
    plan = replace(plan, symbols=tuple(dict.fromkeys(s.symbol for s in series)))
    inputs.check_traded("instruments", [one.symbol for one in plan.instruments], plan.symbols)
    inputs.check_traded("finer", plan.finer, plan.symbols)
    return plan, found, series


def check_lookahead(
    strategy: Result | str | Form,
    data: Any = None,
    *,
    finer: Sequence[Series] = (),
    cuts: int = CUTS,
    **settings: Unpack[Settings],
) -> Verdict:
    """Tell whether a strategy's orders depend on bars that were not known yet, and name what leaks.

    It is run again up to some moments, over bars that are replaced or cut off after them: the orders up to
    each moment must stay the same. `docs/explanation/look-ahead.md` says what this cannot find.

    Args:
        strategy: A finished `Result`, whose findings and report then say it, or what `backtest` takes.
        data: As for `backtest`; not for a result.
        finer: The finer bars that the result was made with.
        cuts: The most moments to test; a long run is tested at fewer.
        **settings: Those of `backtest`; not for a result.

    Raises:
        ConfigError: A setting is wrong.
        StrategyError: The strategy raises, and not because it looks ahead.
    """
    inputs.count_of("cuts", cuts)
    _finer(finer)
    outcome = None
    if isinstance(strategy, Result):
        if data is not None or settings:
            given = ", ".join([*(["data"] if data is not None else []), *settings])
            raise ConfigError(f"check_lookahead(result) has its data and settings already; leave out {given}")
        plan, found, outcome = strategy.plan, strategy.found, strategy.outcome
        series = outcome.panel.series
    else:
        try:
            plan, found, series = prepare(strategy, data, **settings)
        except ConfigError as error:
            if is_refusal(error):  # such as `.ago(-1)` in the strategy's file
                return refusal(error)
            raise
    verdict = check(
        lambda other, until: simulate(plan, found, other, finer=finer, until=until),
        series, form=found.form, outcome=outcome, cuts=cuts,
    )  # fmt: skip
    if isinstance(strategy, Result):
        strategy.take_check(verdict.as_json())
    return verdict


def execute(
    plan: Plan,
    *,
    found: Found | None = None,
    series: Sequence[Series] | None = None,
    finer: Sequence[Series] = (),
    engine: str = "auto",
    progress: Progress | None = None,
    counted: bool = False,
) -> Result:
    """Run a plan, with what it names unless it is given, and return what it led to.

    Args:
        plan: What is run.
        found: The strategy.
        series: The data.
        finer: Finer bars of the caller's.
        engine: Which runs it.
        progress: Called with (moments done, moments in all) now and then.
        counted: Whether it is a trial of the idea, and so written into the ledger of trials.

    Raises:
        ConfigError: The plan names what is not there, or its data were the caller's own and are not given.
    """
    _finer(finer)
    inputs.progress_of(progress)
    if found is None:
        found = find(plan.strategy)
    if series is None:
        if plan.provider == CALLER:
            raise ConfigError(
                "the run's data were a table of the caller's: they are not kept, so give them again"
            )
        series = load_plan(plan)
        plan = replace(plan, symbols=tuple(one.symbol for one in series))  # those that there are bars of
    if plan.finer and not finer:
        raise ConfigError(
            f"the run had finer bars of {', '.join(plan.finer)}: they are not kept, so give them again"
        )
    other: list[Series] = []
    if plan.benchmark:  # before the run, which may be long, so that a wrong name is said at once
        provider = "bundled" if plan.provider == CALLER else plan.provider
        other = load(
            plan.benchmark, provider=provider, timeframe=plan.timeframe, start=plan.start, end=plan.end
        )
        other = withhold(other, plan)
    if counted and plan.unlock_holdout:
        check_closed(plan, found, series)
    outcome, way = run_plan(plan, found, series, engine=engine, finer=finer, progress=progress)
    curve = outcome.growth_of(other[0]) * plan.cash if other else outcome.hold_benchmark()
    result = Result(plan, found, outcome, curve, compared=other, finer=finer, way=way)
    if counted and plan.unlock_holdout:
        open_holdout(result)
    elif counted:
        count_run(result)
    return result


def load_plan(plan: Plan) -> list[Series]:
    """Return the series of what a plan names.

    Raises:
        ConfigError: The provider has not what it names.
        BadData: The data break a rule.
    """
    place = {"provider": plan.provider, "timeframe": plan.timeframe}
    series = load(plan.universe or list(plan.symbols), **place, start=plan.start, end=plan.end)
    return withhold(series, plan)


def _written(moment: Any) -> str | None:
    return None if moment is None else str(moment)


def _finer(given: Sequence[Series]) -> tuple[Series, ...]:
    return inputs.records_of("finer", given, Series, such_as="ob.from_frame(minutes, 'AAPL')")
