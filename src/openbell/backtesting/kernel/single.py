"""One run in compiled code, told as the event engine would have lived it."""

from __future__ import annotations

import numpy as np

from openbell.backtesting.kernel.batch import Batch
from openbell.backtesting.kernel.records import REASONS
from openbell.backtesting.kernel.telling import Telling
from openbell.backtesting.outcome import Outcome
from openbell.backtesting.plan import Plan
from openbell.core.engine import Engine
from openbell.data.panel import Panel
from openbell.strategies.signal import Signal


def simulate(plan: Plan, signal: Signal, panel: Panel, engine: Engine) -> Outcome:
    """Run a plan over a panel that is not replayed yet.

    Args:
        plan: What to run.
        signal: Its strategy.
        panel: The bars.
        engine: Seated at the panel, not started; the run is told through it.

    Raises:
        CannotCompile: The strategy or a setting has no compiled form.
        StrategyError: The decision or an order is one that no run can have.
    """
    batch = Batch(panel, plan, signal, threads=1)
    memory = batch.trace()
    telling = Telling(engine, panel)
    telling.tell(memory)
    notes = {REASONS[at]: int(memory.notes[at]) for at in np.flatnonzero(memory.notes)}
    return Outcome(
        panel,
        engine.account,
        list(engine.desk.orders.values()),
        engine.fills,
        telling.marks,
        telling.ambiguities,
        notes,
        batch.waiting(),
    )
