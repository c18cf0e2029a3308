"""Turn what a strategy raises into one line that names the bar and the line of code."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType

from openbell.core.engine import Engine
from openbell.core.errors import StrategyError
from openbell.core.market import as_datetime
from openbell.strategies.faults import culprit, said


class Blame:
    """A context around a replay. An error that passes the user's code leaves as a `StrategyError`.

    An error that never touched the user's code is ours, and leaves as it is.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def __enter__(self) -> None:
        """Begin to watch."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Raise what the strategy did wrong, with its place."""
        if not isinstance(error, Exception):
            return
        frame = culprit(trace)
        if frame is None:
            return
        when = as_datetime(self._engine.market.time).strftime("%Y-%m-%d %H:%M UTC")
        place = f"{Path(frame.filename).name}:{frame.lineno}"
        raised = type(error) if isinstance(error, StrategyError) else StrategyError
        raise raised(
            f"strategy {self._engine.strategy.name}, {place} in {frame.name}, at {when}: {said(error)}"
        ) from error
