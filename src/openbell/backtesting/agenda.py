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
        self._broker = broker
        self._panel = panel
        self._changed = broker.changed
        self._due: dict[str, int] = {}
        self._end = len(panel)

    def next_after(self, at: int) -> int:
        """Return the first moment after `at` that matters; the panel's length or more when none does."""
        if self._broker.pressing:
            return at + 1
        due = self._due
        if self._broker.idle:
            due.clear()
            self._changed.clear()
            return self.action
        for symbol in [symbol for symbol, moment in due.items() if moment <= at]:
            self._changed.add(symbol)
        if self._changed:
            self._look()
        return min(self.action, min(due.values(), default=self._end))

    def _look(self) -> None:
        """Look again at the symbols whose orders have changed, or met a bar."""
        due, broker, panel = self._due, self._broker, self._panel
        for symbol in self._changed:
            due[symbol] = panel.next_reach(symbol, *broker.reach(symbol))
            if due[symbol] >= self._end:
                del due[symbol]
        self._changed.clear()
