"""Other parameters for a strategy that runs: taken on trial, and taken back if it raises with them."""

from __future__ import annotations

import copy
from collections import deque
from collections.abc import Mapping
from typing import Any

from openbell.core.engine import Engine
from openbell.core.errors import StrategyError
from openbell.strategies.base import Strategy
from openbell.strategies.blame import blame
from openbell.strategies.signal import SignalStrategy

#: What is the desk's and not the strategy's own: it is never put back.
_SEAT = frozenset({"_desk", "_positions"})
#: What a signal's parameters decide.
_SIGNAL = ("signal", "_protection", "_again", "_entries", "_plain")
_CONTAINERS = (list, dict, set, deque, bytearray)


class Trial:
    """One change of parameters, between two moments.

    The strategy gets the new values, and `on_reload` is called; without that hook `on_start` is called again,
    so that indicators are declared anew and are filled from the past. Neither may send orders.
    """

    def __init__(self, engine: Engine, fresh: Strategy) -> None:
        """Take the engine, and a strategy of the same kind that was made with the new parameters."""
        strategy = engine.strategy
        assert isinstance(strategy, Strategy)  # noqa: S101  # courses run nothing else
        self._engine, self._strategy, self._fresh = engine, strategy, fresh
        self._kept = {name: _copied(value) for name, value in vars(strategy).items() if name not in _SEAT}
        self._random = strategy.random.getstate()
        self._waiting = set(engine.waiting)
        self.before: Mapping[str, Any] = strategy.values()

    def begin(self) -> None:
        """Give the strategy its new parameters.

        Raises:
            StrategyError: It raised, or sent orders; then everything is as it was.
        """
        strategy, engine = self._strategy, self._engine
        _take_parameters(strategy, self._fresh)
        try:
            self._prepare()
        except StrategyError:
            self.undo()
            raise
        engine.waiting = set(engine.market.symbols)

    def _prepare(self) -> None:
        """Let the strategy prepare with its new parameters.

        Raises:
            StrategyError: It raised, or sent orders.
        """
        strategy, engine = self._strategy, self._engine
        with blame(engine):
            if type(strategy).on_reload is Strategy.on_reload:
                strategy._recipes.clear()  # noqa: SLF001  # declared anew
                strategy.on_start()
            else:
                strategy.on_reload()
        if engine.outbox:
            raise StrategyError(
                f"strategy {strategy.name} sends orders in on_start, so its parameters cannot change "
                "while it runs; give it an on_reload that sends none, or begin a new session"
            )

    def undo(self) -> None:
        """Put the strategy back to where it was before; what it has asked for since is taken back."""
        strategy, engine = self._strategy, self._engine
        engine.desk.blotter.take_back()
        state = vars(strategy)
        for name in state.keys() - self._kept.keys() - _SEAT:
            del state[name]
        state.update(self._kept)
        strategy.random.setstate(self._random)
        engine.waiting = self._waiting

    @property
    def is_over(self) -> bool:
        """Tell whether the strategy has been asked about every symbol it waits for."""
        return not self._engine.waiting


def _take_parameters(strategy: Strategy, fresh: Strategy) -> None:
    if isinstance(strategy, SignalStrategy):
        for name in _SIGNAL:
            setattr(strategy, name, getattr(fresh, name))
        return
    for name, value in fresh.values().items():
        setattr(strategy, name, value)


def _copied(value: Any) -> Any:
    """Copy what a failed bar may have changed in place, one level deep; the rest is kept as it is."""
    return copy.copy(value) if isinstance(value, _CONTAINERS) else value
