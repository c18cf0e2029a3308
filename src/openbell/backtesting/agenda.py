"""When something can happen next: the moments at which bars meet what works at the broker."""

from __future__ import annotations

from openbell.data.panel import Panel
from openbell.execution.brokers.simulated import SimulatedBroker


class Agenda:
    """Knows the next moment at which a bar may fill, trigger or expire an order, or holding costs something.

    Before it, to let the bars meet the broker would change nothing. So a resting stop costs nothing on the
    bars that pass it by.
    """

    def __init__(self, broker: SimulatedBroker, panel: Panel) -> None:
        self.action = len(panel)  #: the moment of the next corporate action
        self._resting, self._open, self._holding = broker.book.resting, broker.book.open, broker.holding
        self._panel = panel
        self._due: dict[str, int] = {}
        self._end = len(panel)

    def next_after(self, at: int) -> int:
        """Return the first moment after `at` that matters; the panel's length or more when none does."""
        resting = self._resting
        if resting.pressing or self._holding.since:
            return at + 1
        due, changed = self._due, resting.changed
        if not self._open:
            if due or changed:
                due.clear()
                changed.clear()
            return self.action
        changed.update([symbol for symbol, moment in due.items() if moment <= at])
        if changed:
            self._look(changed)
        return min(self.action, min(due.values(), default=self._end))

    def _look(self, changed: set[str]) -> None:
        """Look again at the symbols whose orders have changed, or met a bar."""
        due, resting, panel = self._due, self._resting, self._panel
        for symbol in changed:
            due[symbol] = panel.next_reach(symbol, *resting.reach(symbol))
            if due[symbol] >= self._end:
                del due[symbol]
        changed.clear()
