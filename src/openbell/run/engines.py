"""The two engines behind one plan: events, bar by bar, and the same run compiled."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

from openbell.backtesting.outcome import Outcome
from openbell.backtesting.plan import Plan
from openbell.backtesting.replay import Turn, replay
from openbell.core.engine import Engine
from openbell.core.errors import ConfigError, StrategyError, nearest
from openbell.data.bars import Series
from openbell.data.calendar import sessions
from openbell.data.panel import Panel
from openbell.execution.brokers.hindered import HinderedBroker, Hindrance
from openbell.execution.brokers.simulated import Detail, SimulatedBroker
from openbell.execution.risk.gate import gate_of, open_gate
from openbell.portfolio.currencies import currency_of
from openbell.run.prices import instrument
from openbell.strategies.registry import Found
from openbell.strategies.signal import Signal
from openbell.utils.heap import seldom_collected

Progress = Callable[[int, int], None]
ENGINES = ("auto", "event", "compiled")
#: Bars from which on `auto` compiles: the event engine needs for them what loading the compiler takes.
WORTH_COMPILING = 500_000


class Way(NamedTuple):
    """Which engine ran, and why that one."""

    engine: str
    reason: str


def run_plan(
    plan: Plan,
    found: Found,
    series: Sequence[Series],
    *,
    engine: str = "auto",
    finer: Sequence[Series] = (),
    progress: Progress | None = None,
) -> tuple[Outcome, Way]:
    """Run a plan by the engine that is asked for; `auto` compiles what is long and can be.

    Raises:
        ConfigError: The engine is unknown, or cannot run the plan.
    """
    if engine not in ENGINES:
        raise ConfigError(f"engine={engine!r} is unknown{nearest(str(engine), ENGINES)}")
    bars, asked = sum(map(len, series)), "it was asked for"
    if engine == "compiled":
        return simulate_compiled(plan, found, series), Way("compiled", asked)
    reason = asked
    if engine == "auto":
        reason = f"{bars:,} bars are too few to compile for"
        if bars >= WORTH_COMPILING:
            try:
                return simulate_compiled(plan, found, series), Way("compiled", f"there are {bars:,} bars")
            except ConfigError as error:
                reason = str(error)
    return simulate(plan, found, series, finer=finer, progress=progress), Way("event", reason)


@seldom_collected()
def simulate(
    plan: Plan,
    found: Found,
    series: Sequence[Series],
    *,
    finer: Sequence[Series] = (),
    until: int | None = None,
    turns: Sequence[Turn] = (),
    hindrance: Hindrance | None = None,
    progress: Progress | None = None,
) -> Outcome:
    """Run a plan over loaded series, up to moment `until`, with turns on the way and entries hindered."""
    panel = panel_of(plan, series)
    first = panel.after(plan.begin)
    engine = _engine(plan, found, panel)
    make = SimulatedBroker if hindrance is None else partial(HinderedBroker, hindrance)
    broker = make(
        strategy=engine.strategy.name,
        account=engine.account,
        market=panel,
        sessions=panel.calendar,
        costs=plan.costs,
        detail=_detail(finer) if finer else None,
    )
    marks = replay(engine, broker, panel, first=first, until=until, turns=turns, progress=progress)
    engine.close()
    panel.close()
    desk, gate = engine.desk, gate_of(engine)
    return Outcome(
        panel,
        engine.account,
        list(desk.orders.values()),
        engine.fills,
        marks,
        broker.ambiguities,
        desk.notes,
        frozenset(engine.waiting),
        engine.refusals,
        {} if gate is None else gate.worst.reached,
        first,
    )


def simulate_compiled(plan: Plan, found: Found, series: Sequence[Series]) -> Outcome:
    """Run a plan as `simulate` does, bit for bit, in compiled code.

    Raises:
        ConfigError: The strategy or a setting has no compiled form; the message says which, and where.
        StrategyError: As `simulate` raises it.
    """
    if not isinstance(found.form, Signal):
        raise ConfigError(
            f"strategy {found.name} is a class, which decides in Python, so it cannot be compiled; "
            "use engine='event'"
        )
    if plan.begin is not None:
        raise ConfigError("a run that begins within its bars is told by the event engine; use engine='event'")
    from openbell.backtesting.kernel import single  # numba is slow to load

    panel = panel_of(plan, series)
    try:
        return single.simulate(plan, found.form, panel, _engine(plan, found, panel))
    except StrategyError:
        return simulate(plan, found, series)  # which raises it with the bar and the line that it is about


def panel_of(plan: Plan, series: Sequence[Series]) -> Panel:
    """Return the market of a plan.

    Raises:
        ConfigError: What it trades is priced in two currencies.
    """
    first = min(int(s.start[0]) for s in series)
    last = max(int(s.known[-1]) for s in series)
    instruments = {s.symbol: instrument(s, plan.provider) for s in series}
    instruments |= {i.symbol: i for i in plan.instruments}
    currency_of(instruments.values())
    return Panel(
        series,
        sessions=sessions(series[0].source.calendar, first, last),
        instruments=instruments,
        universe=plan.universe,
    )


def _engine(plan: Plan, found: Found, panel: Panel) -> Engine:
    strategy = found.make(plan.parameters)
    engine = Engine(
        strategy,
        market=panel,
        cash=plan.cash,
        sizer=plan.sizer,
        short=plan.costs.margin.short,
        initial=plan.costs.margin.initial,
        gate=open_gate(plan.risk, panel.calendar),
    )
    strategy.bind(engine.desk, seed=plan.seed)
    return engine


def _detail(finer: Sequence[Series]) -> Detail:
    by_symbol = {series.symbol: series for series in finer}

    def bars(symbol: str, start: int, known: int) -> list[tuple[float, float, float]]:
        series = by_symbol.get(symbol)
        if series is None:
            return []
        part = series.between(start, known)
        return list(zip(part.open.tolist(), part.high.tolist(), part.low.tolist(), strict=True))

    return bars
