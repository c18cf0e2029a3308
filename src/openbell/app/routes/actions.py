"""Routes that ask something of a session: each is in the audit log before it is done.

Annotations are evaluated here (no `from __future__ import annotations`): FastAPI reads them.
"""

from collections.abc import Callable
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Depends, Path

from openbell.app import asked, models, views
from openbell.app.access import Caller
from openbell.app.audit import Audit
from openbell.app.desk import Desk
from openbell.app.routes.common import Name, StrategyName, Trader, may_see, problems
from openbell.core.errors import OpenbellError

Done = TypeVar("Done")
OrderId = Annotated[int, Path(ge=1, le=2**53, description="the order's number in its strategy")]
SymbolName = Annotated[asked.Symbol, Path(examples=["AAPL"])]


class Actions:
    """What may be asked of sessions, by whom it is, written down. The dashboard asks here too."""

    def __init__(self, desk: Desk, audit: Audit) -> None:
        self.desk, self._audit = desk, audit

    def do(self, by: str, action: str, on: str, act: Callable[[], Done], **more: Any) -> Done:
        """Write an action down, do it, and write down what came of it.

        Raises:
            OpenbellError: It was refused, which is in the log too.
        """
        self._audit.note(by, action, on=on, outcome="asked", **more)
        try:
            done = act()
        except OpenbellError as error:
            self._audit.note(by, action, on=on, outcome=f"refused: {error}")
            raise
        self._audit.note(by, action, on=on, outcome="passed on")
        return done

    def ask(self, caller: Caller, session: str, strategy: str, do: str, **more: Any) -> str:
        """Ask something of a strategy; return the id under which the session's journal has it."""

        def act() -> str:
            one = self.desk.session(session)
            if do == "cancel":
                views.check_order(one, strategy, more["order"])
            return self.desk.ask(session, strategy, do, by=caller.name, **more)

        return self.do(caller.name, do, f"{session}/{strategy}", act, **more)

    def stop(self, caller: Caller, session: str, how: Any) -> None:
        """Ask a session to stop."""
        self.do(caller.name, "stop", session, lambda: self.desk.stop(session, how, caller.name), how=how)

    def resume(self, caller: Caller, session: str) -> None:
        """Go on with an interrupted session."""

        def told(code: int) -> None:
            self._audit.note(caller.name, "resume", on=session, outcome=f"its process ended with code {code}")

        self.do(caller.name, "resume", session, lambda: self.desk.resume(session, told))


def action_routes(actions: Actions) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(
        prefix="/sessions/{name}", tags=["actions"], responses=problems(404, 409, 422, 503),
        dependencies=[Depends(may_see)],
    )  # fmt: skip
    desk = actions.desk

    @routes.post("/stop", status_code=202)
    async def stop(name: Name, body: asked.Stop, caller: Trader) -> models.Session:
        """Ask a session to stop. It does so between two moments."""
        actions.stop(caller, name, body.how)
        return views.session_of(desk.session(name))

    @routes.post("/resume", status_code=202)
    async def resume(name: Name, caller: Trader) -> models.Session:
        """Go on with an interrupted paper session, as it was begun."""
        actions.resume(caller, name)
        return views.session_of(desk.session(name))

    @routes.post("/signals", status_code=202)
    async def signal(name: Name, body: asked.Signal, caller: Trader) -> asked.Receipt:
        """Send a signal into a strategy: its sizer makes a quantity of it, its limits judge the order."""
        given = body.model_dump(exclude={"strategy"}, exclude_none=True)
        return asked.Receipt(id=actions.ask(caller, name, body.strategy, "signal", **given))

    @routes.post("/strategies/{strategy}/pause", status_code=202)
    async def pause(name: Name, strategy: StrategyName, caller: Trader) -> asked.Receipt:
        """Ask a strategy to decide nothing; its orders and positions stay."""
        return asked.Receipt(id=actions.ask(caller, name, strategy, "pause"))

    @routes.post("/strategies/{strategy}/go-on", status_code=202)
    async def go_on(name: Name, strategy: StrategyName, caller: Trader) -> asked.Receipt:
        """Let a paused strategy decide again."""
        return asked.Receipt(id=actions.ask(caller, name, strategy, "go_on"))

    @routes.patch("/strategies/{strategy}/parameters", status_code=202)
    async def change(name: Name, strategy: StrategyName, body: asked.Change, caller: Trader) -> asked.Receipt:
        """Give a strategy other parameters from the next bar on; those that are not named stay."""
        return asked.Receipt(id=actions.ask(caller, name, strategy, "set", parameters=dict(body.parameters)))

    @routes.delete("/strategies/{strategy}/orders/{order}", status_code=202)
    async def cancel(name: Name, strategy: StrategyName, order: OrderId, caller: Trader) -> asked.Receipt:
        """Cancel an order."""
        return asked.Receipt(id=actions.ask(caller, name, strategy, "cancel", order=order))

    @routes.delete("/strategies/{strategy}/positions/{symbol:path}", status_code=202)
    async def close(name: Name, strategy: StrategyName, symbol: SymbolName, caller: Trader) -> asked.Receipt:
        """Close a position, and cancel the symbol's orders."""
        return asked.Receipt(id=actions.ask(caller, name, strategy, "close", symbol=symbol))

    return routes
