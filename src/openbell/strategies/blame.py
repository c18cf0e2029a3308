"""Turn what a strategy raises into one line that names the bar and the line of code."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType

from openbell.core.engine import Engine
from openbell.core.errors import StrategyError, Translation
from openbell.core.market import as_datetime
from openbell.strategies.faults import culprit, said


def blame(engine: Engine) -> Translation:
    """Return a context for a replay: an error that passes the user's code leaves as a `StrategyError`.

    An error that never touched the user's code is ours, and leaves as it is.
    """

    def translate(error: BaseException, trace: TracebackType | None) -> StrategyError | None:
        frame = culprit(trace)
        if frame is None:
            return None
        when = as_datetime(engine.market.time).strftime("%Y-%m-%d %H:%M UTC")
        place = f"{Path(frame.filename).name}:{frame.lineno}"
        kind = type(error) if isinstance(error, StrategyError) else StrategyError
        return kind(f"strategy {engine.strategy.name}, {place} in {frame.name}, at {when}: {said(error)}")

    return Translation(translate)
