"""A running strategy's parameters: changed between two moments, on trial until the next bar has passed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from openbell.core.engine import Engine
from openbell.core.errors import StrategyError
from openbell.strategies.base import Strategy
from openbell.strategies.trial import Trial
from openbell.trading.scribe import Scribe
from openbell.utils.logging import get_logger

#: Makes a strategy with these parameters.
Make = Callable[[Mapping[str, Any]], Strategy]


class Tuning:
    """Changes one strategy's parameters, and puts the old ones back if it raises with the new ones."""

    def __init__(self, engine: Engine, scribe: Scribe, parameters: Mapping[str, Any], make: Make) -> None:
        """Take the parts; `parameters` are those that the strategy begins with."""
        self.parameters = dict(parameters)
        self._engine, self._scribe, self.make = engine, scribe, make
        self._trial: Trial | None = None
        self._before = self.parameters

    def check(self, parameters: Mapping[str, Any]) -> None:
        """Find out whether parameters are valid.

        Raises:
            ConfigError: One is unknown, has the wrong type, or is out of bounds.
        """
        self.make(parameters)

    def change(self, parameters: Mapping[str, Any], time: int) -> None:
        """Give the strategy other parameters, from the next bar on."""
        trial = Trial(self._engine, self.make(parameters))
        try:
            trial.begin()
        except StrategyError as error:
            self._say(parameters, error, time)
            return
        if self._trial is None:
            self._before = self.parameters
        self._trial, self.parameters = self._trial or trial, dict(parameters)

    def pass_bar(self) -> None:
        """Take note that the strategy has decided without raising."""
        if self._trial is not None and self._trial.is_over:
            self._trial = None

    def roll_back(self, error: StrategyError, time: int) -> bool:
        """Put the old parameters back because the strategy raised; tell whether there was a change to undo.

        The bar passes without a decision. Fills and cash are what they are.
        """
        if self._trial is None:
            return False
        self._trial.undo()
        self._trial, failed, self.parameters = None, self.parameters, dict(self._before)
        self._say(failed, error, time)
        return True

    def _say(self, failed: Mapping[str, Any], error: StrategyError, time: int) -> None:
        body = {"said": str(error), "failed": dict(failed), "parameters": self.parameters}
        self._scribe.write("rolled_back", body, time=time)
        get_logger().error(f"{self._scribe.strategy}: goes on with its old parameters: {error}")


def describe_change(before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    """Return what differs, as in `fast 10 -> 20, slow 30 -> default`."""
    names = [name for name in {**before, **after} if before.get(name) != after.get(name)]
    return ", ".join(
        f"{name} {before.get(name, 'default')} -> {after.get(name, 'default')}" for name in names
    )
