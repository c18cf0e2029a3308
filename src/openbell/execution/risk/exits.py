"""What the gate does by itself: exits for entries without any, time stops, the way out of a drawdown."""

from __future__ import annotations

from collections.abc import Sequence

from openbell.core.desk import Desk
from openbell.core.orders import Order, Refusal
from openbell.core.requests import NO_EXITS, Exits, Ticket
from openbell.core.types import NANOS_PER_DAY, Reason
from openbell.execution.risk.limits import Risk
from openbell.execution.risk.pulse import Pulse


class Stewardship:
    """Orders at the desk that no strategy asked for. They pass the gate like any other."""

    def __init__(self, risk: Risk, desk: Desk, pulse: Pulse) -> None:
        self.limit(risk)
        self._desk, self._pulse = desk, pulse
        self._stage = 0  # 1 when warned, 2 when reducing only, 3 when halted

    def limit(self, risk: Risk) -> None:
        """Take the limits, or others."""
        self._exits, self._portfolio = risk.exits, risk.portfolio
        self._enforces = risk.enforce
        self._protects = risk.enforce and risk.exits.placed

    def tend(self, equity: float, time: int, *, account: float = 0.0) -> Sequence[Refusal]:
        """Look at what is held, after a moment's bars; return what to warn of.

        `account` is how far the equity of all strategies of the account together has fallen.
        """
        warnings = self._stages(self._pulse.drawdown(equity), account, time)
        if self._enforces:
            if self._pulse.halted:
                self._get_out()
            elif self._exits.max_days is not None:
                self._end_old(time - int(self._exits.max_days * NANOS_PER_DAY))
        return warnings

    def protect(self, order: Order, opens: float, price: float) -> None:
        """Give an entry the exits that it came without: they live from its fill on."""
        if not self._protects:
            return
        exits, side = self._exits, order.side
        made = Exits(
            stop_loss=None if exits.stop_loss is None else price * (1.0 - side * exits.stop_loss),
            take_profit=None if exits.take_profit is None else price * (1.0 + side * exits.take_profit),
            trailing_stop=exits.trailing_stop,
        )
        self._desk.blotter.protect(order.symbol, side * opens, made, parent=order.id)

    def _stages(self, own: float, account: float, time: int) -> list[Refusal]:
        limits, drop = self._portfolio, max(own, account)
        whose = "the account's equity" if account > own else "equity"
        rows = (
            (limits.drawdown_warn, "a warning"),
            (limits.drawdown_reduce, "only orders that reduce pass now"),
            (limits.drawdown_halt, "everything is closed, and nothing opens any more"),
        )
        stage, said = 0, []
        for number, (bound, text) in enumerate(rows, start=1):
            if bound is None or drop <= bound:
                continue
            stage = number
            if number > self._stage:
                words = f"{whose} is {drop:.2%} below its highest: {text}"
                said.append(Refusal(0, Reason.DRAWDOWN, drop, bound, words, time))
        self._stage = stage
        if stage == len(rows):
            self._pulse.halted = True
        return said

    def _get_out(self) -> None:
        """Cancel what works, and close what is held."""
        desk = self._desk
        for symbol in desk.active():
            for order in list(desk.working.get(symbol, {}).values()):
                if not order.reduce_only:
                    desk.cancel(order, Reason.DRAWDOWN)
            desk.target(symbol, 0.0, NO_EXITS, Ticket(tag=Reason.DRAWDOWN.value))

    def _end_old(self, first: int) -> None:
        """Close what has been held since before a time."""
        for symbol, since in list(self._pulse.opened.items()):
            if since < first:
                self._desk.target(symbol, 0.0, NO_EXITS, Ticket(tag=Reason.TIME_STOP.value))
