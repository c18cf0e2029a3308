"""Wire the parts: the only place that chooses what is behind the ports."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypedDict, Unpack
from urllib.parse import parse_qsl

from openbell.backtesting import inputs
from openbell.backtesting.cuts import CUTS
from openbell.backtesting.honesty import check, is_refusal, refusal
from openbell.backtesting.outcome import Outcome
from openbell.backtesting.plan import Plan
from openbell.backtesting.replay import replay
from openbell.backtesting.verdict import Verdict
from openbell.core.costs import Costs
from openbell.core.engine import Engine
from openbell.core.errors import ConfigError, nearest
from openbell.core.ports import Sizer
from openbell.core.types import Instrument
from openbell.data import bundled
from openbell.data.bars import Series, parse_date
from openbell.data.calendar import sessions
from openbell.data.panel import Panel
from openbell.data.validate import cut_range
from openbell.execution.brokers.simulated import Detail, SimulatedBroker
from openbell.reporting.result import Result
from openbell.strategies.registry import Form, Found, find

#: The provider of data that were a table of the caller's.
CALLER = "caller"
#: What may follow `csv:FOLDER?`.
READING = ("calendar", "timezone", "stamp")
Progress = Callable[[int, int], None]


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
    progress: Progress | None = None,
) -> Result:
    """Run a strategy over history, with costs on, and return what it led to.

    Args:
        strategy: A `Strategy` class, an `@signal` function, a registered name, `module:Class` or `path.py`.
        data: A symbol or several of the provider, a DataFrame or a mapping of them by symbol, or `Series`.
        start: First date, as text or a date; None is the first there is.
        end: Last date, included.
        parameters: The strategy's parameters by name.
        cash: What the account begins with.
        costs: Commission, slippage, volume, margin and borrow; the default is on and a cash account.
        sizer: Turns signals into shares; the default puts 95 % of equity into a full conviction.
        benchmark: A symbol to compare with; empty holds what the run trades, in equal parts.
        provider: Where symbols come from: `bundled`, or `csv:FOLDER`, where `?timezone=America/New_York`,
            `?calendar=24/7` and `?stamp=end`, joined by `&`, may follow.
        timeframe: The bars that are asked of the provider.
        finer: Finer bars that decide which came first when a bar touches a stop and its target.
        seed: Of `self.random`.
        instruments: Tick, lot and the like of a symbol, instead of what its provider says.
        progress: Called with (moments done, moments in all) now and then.

    Raises:
        ConfigError: A name, a parameter, a date or a setting is wrong.
        BadData: The data break a rule.
        StrategyError: The strategy raised.
    """
    settings = Settings(
        start=start, end=end, parameters=parameters, cash=cash, costs=costs, sizer=sizer, benchmark=benchmark,
        provider=provider, timeframe=timeframe, seed=seed, instruments=instruments,
    )  # fmt: skip
    plan, found, series = prepare(strategy, data, finer=finer, **settings)
    return execute(plan, found=found, series=series, finer=finer, progress=progress)


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
    series = load(data, **place)
    for name in ("parameters", "costs", "sizer"):
        if given.get(name, ...) is None:
            del given[name]
    plan = Plan(
        strategy=found.origin,
        symbols=tuple(dict.fromkeys(s.symbol for s in series)),
        provider=place.get("provider", "bundled") if _is_symbols(data) else CALLER,
        timeframe=series[0].timeframe,
        start=_written(place.get("start")),
        end=_written(place.get("end")),
        finer=tuple(s.symbol for s in _finer(finer)),
        **given,
    )
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
        strategy: A finished `Result`, or what `backtest` takes.
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
    return check(
        lambda other, until: simulate(plan, found, other, finer=finer, until=until),
        series, form=found.form, outcome=outcome, cuts=cuts,
    )  # fmt: skip


def execute(
    plan: Plan,
    *,
    found: Found | None = None,
    series: Sequence[Series] | None = None,
    finer: Sequence[Series] = (),
    progress: Progress | None = None,
) -> Result:
    """Run a plan, with what it names unless it is given, and return what it led to.

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
        series = load(
            list(plan.symbols),
            provider=plan.provider,
            timeframe=plan.timeframe,
            start=plan.start,
            end=plan.end,
        )
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
    outcome = simulate(plan, found, series, finer=finer, progress=progress)
    curve = outcome.growth_of(other[0]) * plan.cash if other else outcome.hold_benchmark()
    return Result(plan, found, outcome, curve, compared=other, finer=finer)


def simulate(
    plan: Plan,
    found: Found,
    series: Sequence[Series],
    *,
    finer: Sequence[Series] = (),
    until: int | None = None,
    progress: Progress | None = None,
) -> Outcome:
    """Run a plan over loaded series, up to moment `until`."""
    first = min(int(s.start[0]) for s in series)
    last = max(int(s.known[-1]) for s in series)
    panel = Panel(
        series,
        sessions=sessions(series[0].source.calendar, first, last),
        instruments={s.symbol: instrument(s) for s in series} | {i.symbol: i for i in plan.instruments},
    )
    strategy = found.make(plan.parameters)
    engine = Engine(strategy, market=panel, cash=plan.cash, sizer=plan.sizer, short=plan.costs.margin.short)
    strategy.bind(engine.desk, seed=plan.seed)
    broker = SimulatedBroker(
        strategy=strategy.name,
        account=engine.account,
        market=panel,
        sessions=panel.calendar,
        costs=plan.costs,
        detail=_detail(finer) if finer else None,
    )
    marks = replay(engine, broker, panel, until=until, progress=progress)
    desk = engine.desk
    return Outcome(
        panel,
        engine.account,
        list(desk.orders.values()),
        engine.fills,
        marks,
        broker.ambiguities,
        desk.notes,
        frozenset(engine.waiting),
    )


def load(
    data: Any, *, provider: str = "bundled", timeframe: str = "1d", start: Any = None, end: Any = None
) -> list[Series]:
    """Return the series that `backtest`'s data mean, cut to the dates.

    Raises:
        ConfigError: The provider or a symbol is unknown, or an argument has the wrong type.
        BadData: Nothing is left between the dates, or the data break a rule.
    """
    inputs.text_of("provider", provider, such_as="'bundled' or 'csv:FOLDER'")
    inputs.text_of("timeframe", timeframe, such_as="'1d' or '5m'")
    inputs.check_date("start", start)
    inputs.check_date("end", end)
    inputs.check_data(data)
    first = parse_date(start, where="start")
    last = parse_date(end, where="end", end_of_day=True)
    if first is not None and last is not None and first >= last:
        raise ConfigError(f"start={start} is not before end={end}: the range of dates is empty")
    if isinstance(data, Series):
        found = [data]
    elif _is_symbols(data):
        names = [data] if isinstance(data, str) else list(data)
        found = [_from_provider(name, provider, timeframe) for name in names]
    elif isinstance(data, Mapping):
        found = [_from_table(table, symbol) for symbol, table in data.items()]
    elif isinstance(data, Sequence):
        found = list(data)
    else:
        found = [_from_table(data, "ASSET")]
    return [cut_range(one, first, last) for one in found]


def instrument(series: Series) -> Instrument:
    """Return what may be traded of a series: what its provider says, else whole shares in cents."""
    if series.source.provider == "bundled":
        return bundled.instrument(series.symbol)
    return Instrument(series.symbol)


def _is_symbols(data: Any) -> bool:
    return isinstance(data, str) or (isinstance(data, Sequence) and isinstance(data[0], str))


def _written(moment: Any) -> str | None:
    return None if moment is None else str(moment)


def _finer(given: Sequence[Series]) -> tuple[Series, ...]:
    return inputs.records_of("finer", given, Series, such_as="ob.from_frame(minutes, 'AAPL')")


def _from_provider(symbol: str, provider: str, timeframe: str) -> Series:
    if provider == "bundled":
        if timeframe != "1d":
            raise ConfigError(f"timeframe={timeframe}: the bundled prices are daily; use 1d")
        return bundled.load(symbol)
    kind, _, rest = provider.partition(":")
    path, _, query = rest.partition("?")
    if kind == "csv" and path:
        from openbell.data.providers.csv import CsvProvider  # pyarrow is slow to load

        return CsvProvider(Path(path), **_reading(query, provider)).load(symbol, timeframe, None, None)
    raise ConfigError(f"provider={provider!r} is unknown; use 'bundled' or 'csv:FOLDER'")


def _reading(query: str, provider: str) -> dict[str, Any]:
    """Return how CSV files are to be read, from `calendar=24/7&timezone=UTC&stamp=end`."""
    given: dict[str, Any] = dict(parse_qsl(query))
    for name in given:
        if name not in READING:
            raise ConfigError(f"provider={provider!r}: {name!r} is unknown{nearest(name, READING)}")
    return given


def _from_table(table: Any, symbol: str) -> Series:
    from openbell.data.frames import from_frame  # pandas is slow to load

    return from_frame(table, symbol)


def _detail(finer: Sequence[Series]) -> Detail:
    by_symbol = {series.symbol: series for series in finer}

    def bars(symbol: str, start: int, known: int) -> list[tuple[float, float, float]]:
        series = by_symbol.get(symbol)
        if series is None:
            return []
        part = series.between(start, known)
        return list(zip(part.open.tolist(), part.high.tolist(), part.low.tolist(), strict=True))

    return bars
