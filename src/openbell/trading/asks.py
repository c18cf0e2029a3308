"""What somebody asks of a strategy while it runs: an order's end, a position's, a pause, a signal.

An ask is an input like a bar: it is in the journal before it is done, with who asked, and a session that is
gone on with does it again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from openbell.core.engine import Engine
from openbell.core.errors import StrategyError, nearest
from openbell.core.inputs import real, shown
from openbell.core.ports import Reviewed
from openbell.core.requests import NO_EXITS, Ticket, exits_of, ticket_of
from openbell.core.types import Reason

Body = Mapping[str, Any]

#: The tag of orders that somebody asked for from outside.
TAG = "outside"


def carry_out(engine: Engine, asked: Body) -> Sequence[Reviewed]:
    """Do what is asked of a strategy; return what is to be sent because of it, which has passed the gate.

    Args:
        engine: The strategy's.
        asked: `do` is a name in `DOS`; the rest is what that takes.

    Raises:
        StrategyError: It cannot be done; then nothing has changed.
    """
    do = str(asked.get("do", ""))
    step = _STEPS.get(do)
    if step is None:
        raise StrategyError(f"ask: {shown(do)} cannot be asked of a strategy{nearest(do, _STEPS)}")
    try:
        step(engine, asked)
    except StrategyError:
        engine.desk.blotter.take_back()
        raise
    return engine.flush()


def _cancel(engine: Engine, asked: Body) -> None:
    number = asked.get("order")
    order = engine.desk.orders.get(number) if isinstance(number, int) else None
    if order is None:
        raise StrategyError(f"cancel: order {shown(number)} is unknown; `openbell orders` lists them")
    if not order.open:
        raise StrategyError(f"cancel: order {order.id} ({order.describe()}) has ended: {order.status.value}")
    engine.desk.cancel(order, Reason.ASKED)


def _close(engine: Engine, asked: Body) -> None:
    desk, symbol = engine.desk, asked.get("symbol")
    desk.check("close", symbol)
    assert isinstance(symbol, str)  # noqa: S101  # what was checked
    if symbol not in desk.active():
        raise StrategyError(f"close: nothing of {symbol} is held, and no order for it works")
    for order in list(desk.working.get(symbol, {}).values()):
        desk.cancel(order, Reason.ASKED)
    desk.signal(symbol, 0.0, NO_EXITS, Ticket(tag=TAG))


def _pause(engine: Engine, _asked: Body) -> None:
    engine.pause(on=True)


def _go_on(engine: Engine, _asked: Body) -> None:
    engine.pause(on=False)


def _signal(engine: Engine, asked: Body) -> None:
    """Take a signal as the strategy's own: the sizer makes a quantity of it."""
    desk, symbol = engine.desk, asked.get("symbol")
    desk.check("signal", symbol)
    assert isinstance(symbol, str)  # noqa: S101  # what was checked
    conviction = real(asked.get("conviction"))
    if not -1.0 <= conviction <= 1.0:
        says = f"must be a number from -1 to 1, not {shown(asked.get('conviction'))}"
        raise StrategyError(f"signal for {symbol}: conviction {says}")
    exits = exits_of(
        "signal", symbol, asked.get("stop_loss"), asked.get("take_profit"), asked.get("trailing_stop")
    )
    ticket = ticket_of("signal", symbol, limit=asked.get("limit"), tag=asked.get("tag") or TAG)
    desk.signal(symbol, conviction, exits, ticket)


_STEPS: Mapping[str, Callable[[Engine, Body], None]] = {
    "cancel": _cancel, "close": _close, "pause": _pause, "go_on": _go_on, "signal": _signal,
}  # fmt: skip
#: Agrees that a strategy's limits are loosened as its file has them.
LOOSEN = "loosen"
#: What can be asked of a strategy; `set` gives it other parameters, which its session does, as it loosens.
DOS = (*_STEPS, "set", LOOSEN)
