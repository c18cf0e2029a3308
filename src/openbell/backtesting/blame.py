"""Turn what a strategy raises into one line that names the bar and the line of code."""

from __future__ import annotations

import traceback
from pathlib import Path
from types import TracebackType

import openbell
from openbell.core.engine import Engine
from openbell.core.errors import OpenbellError, StrategyError
from openbell.core.market import as_datetime

_PACKAGE = Path(openbell.__file__).parent
_EXAMPLES = _PACKAGE / "strategies" / "examples"


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
        if not isinstance(error, Exception):
            return
        frame = next((f for f in reversed(traceback.extract_tb(trace)) if _is_users(f.filename)), None)
        if (
            frame is None
            or type(error) not in (StrategyError,)
            and isinstance(error, OpenbellError)
            and _placed(error)
        ):
            return
        market = self._engine.market
        when = as_datetime(market.time).strftime("%Y-%m-%d %H:%M UTC")
        said = str(error) if isinstance(error, OpenbellError) else f"{type(error).__name__}: {error}"
        place = f"{Path(frame.filename).name}:{frame.lineno}"
        raised = StrategyError if not isinstance(error, StrategyError) else type(error)
        raise raised(
            f"strategy {self._engine.strategy.name}, {place} in {frame.name}, at {when}: {said}"
        ) from error


def _is_users(filename: str) -> bool:
    path = Path(filename)
    return not path.is_relative_to(_PACKAGE) or path.is_relative_to(_EXAMPLES)


def _placed(error: OpenbellError) -> bool:
    return str(error).startswith("strategy ")
