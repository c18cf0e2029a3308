"""What a session's strategies hold, have ordered and signal, with what may be asked of each."""

from __future__ import annotations

from typing import Any

from openbell.app import models
from openbell.app.dashboard import words
from openbell.app.dashboard.asking import ask_to_change, confirm
from openbell.app.dashboard.frame import Page
from openbell.app.dashboard.tables import Row, Table
from openbell.app.follower import Follower
from openbell.app.views import account_of, fills_of, orders_of, positions_of, session_of, signals_of
from openbell.strategies.registry import names

_ROWS = 50  #: of orders, fills and signals that are shown
_STRATEGIES = {
    "strategy": "Strategy", "state": "State", "equity": "Equity", "today": "Today", "drawdown": "Drawdown",
    "given": "Parameters",
}  # fmt: skip
_POSITIONS = {
    "symbol": "Symbol", "quantity": "Quantity", "average": "Average", "price": "Price",
    "unrealised": "Unrealised", "strategy": "Strategy",
}  # fmt: skip
_ACCOUNT = {
    "currency": "Currency", "amount": "Cash", "rate": "Rate", "worth": "Worth", "time": "Time",
}  # fmt: skip
_WORKING = {
    "text": "Order",
    "status": "Status",
    "filled": "Filled",
    "decided": "Decided",
    "strategy": "Strategy",
}
_ORDERS = {
    "text": "Order", "status": "Status", "reason": "Reason", "filled": "Filled", "decided": "Decided",
    "strategy": "Strategy",
}  # fmt: skip
_FILLS = {
    "time": "Time", "symbol": "Symbol", "quantity": "Quantity", "price": "Price", "fee": "Fee",
    "strategy": "Strategy",
}  # fmt: skip
_SIGNALS = {"symbol": "Symbol", "direction": "Direction", "confidence": "Confidence", "time": "Time",
            "strategy": "Strategy"}  # fmt: skip


class Trading:
    """The panel that is looked at all day."""

    def __init__(self, page: Page, name: str) -> None:
        self._page, self._name = page, name
        self._defaults: dict[str, Any] = {}
        self._others = -1  # events that were no bars, when the orders were last shown

        def button(icon: str, says: str, act: Any) -> Any:
            return (icon, says, act) if page.may_trade else None

        self._strategies = Table(
            "strategies", _STRATEGIES, "No strategy is in it.", title="Strategies",
            button=button("tune", "Pause or change", self._ask_strategy),
        )  # fmt: skip
        self._positions = Table(
            "positions", _POSITIONS, "Nothing is held.", title="Positions",
            button=button("close", "Close", self._ask_close),
        )  # fmt: skip
        self._account = Table("account", _ACCOUNT, "Nothing is known yet.", title="Cash of the account")
        self._working = Table(
            "working", _WORKING, "No order works.", title="Working orders",
            button=button("cancel", "Cancel order", self._ask_cancel),
        )  # fmt: skip
        self._signals = Table("signals", _SIGNALS, "No signal yet.", title="Signals")
        self._fills = Table("fills", _FILLS, "Nothing was filled yet.", title="Fills")
        self._orders = Table("orders", _ORDERS, "Nothing was ordered yet.", title="Orders")

    def show(self, one: Follower, seen: models.Session) -> None:
        """Show what is new."""
        self._seen = seen
        self._strategies.fill(one.once("strategies", _strategy_rows))
        self._positions.fill(one.once("positions", _position_rows))
        self._account.fill(one.once("account", _account_rows))
        if one.last - one.moments == self._others:
            return  # bars alone have come: no order, fill or signal is new
        self._others = one.last - one.moments
        self._working.fill(one.once("working", _working_rows))
        self._orders.fill(one.once("orders", _latest_rows))
        self._fills.fill(one.once("fills", _fill_rows))
        self._signals.fill(one.once("signals", _signal_rows))
        if not self._defaults:
            self._defaults = _defaults_of(one)

    def refresh(self, one: Follower) -> None:
        """Do nothing more once a second: all of this is new with events alone."""

    def _ask_strategy(self, row: Row) -> None:
        from nicegui import ui

        page, name, strategy = self._page, self._name, row["strategy"]
        standing = next(one for one in self._seen.strategies if one.strategy == strategy)
        do, yes = ("go_on", "Let it decide again") if standing.paused else ("pause", "Pause it")
        with ui.dialog() as dialog, ui.card():
            ui.label(strategy).classes("text-h6")

            def pause() -> None:
                dialog.close()
                confirm(
                    f"{yes}: {strategy}?", "Its orders and positions stay as they are.", yes,
                    lambda: page.actions.ask(page.caller, name, strategy, do), "asked",
                )  # fmt: skip

            def change() -> None:
                dialog.close()
                ask_to_change(
                    page, name, strategy, {**self._defaults.get(strategy, {}), **standing.parameters}
                )

            ui.button(yes, on_click=pause)
            ui.button("Change its parameters", on_click=change)
            ui.button("Nothing", on_click=dialog.close).props("flat")
        dialog.open()

    def _ask_close(self, row: Row) -> None:
        page, name, symbol = self._page, self._name, row["symbol"]
        confirm(
            f"Close {row['quantity']} {symbol}?", "By a market order, and its other orders are cancelled.",
            "Close",
            lambda: page.actions.ask(page.caller, name, row["strategy"], "close", symbol=symbol),
            "asked to close",
        )  # fmt: skip

    def _ask_cancel(self, row: Row) -> None:
        page, name = self._page, self._name
        confirm(
            "Cancel this order?", row["text"], "Cancel it",
            lambda: page.actions.ask(page.caller, name, row["strategy"], "cancel", order=row["id"]),
            "asked to cancel",
        )  # fmt: skip


def _strategy_rows(one: Follower) -> list[Row]:
    return [_strategy_row(standing) for standing in one.once("session", session_of).strategies]


def _strategy_row(standing: models.Standing) -> Row:
    state = "raised" if standing.failed else "paused" if standing.paused else "decides"
    given = ", ".join(f"{key} {value}" for key, value in standing.parameters.items())
    return {
        "key": standing.strategy, "strategy": standing.strategy, "state": state,
        "equity": words.money(standing.equity), "today": words.change(standing.today),
        "drawdown": words.share(standing.drawdown), "given": given or "defaults",
    }  # fmt: skip


def _position_rows(one: Follower) -> list[Row]:
    return [
        {
            "key": f"{p.symbol} of {p.strategy}", "symbol": p.symbol, "quantity": f"{p.quantity:g}",
            "average": words.money(p.average), "price": words.money(p.price),
            "unrealised": words.change(p.unrealised), "strategy": p.strategy,
        }
        for p in positions_of(one)
    ]  # fmt: skip


def _account_rows(one: Follower) -> list[Row]:
    account = account_of(one)
    rows = [
        {
            "key": cash.currency, "currency": cash.currency, "amount": words.money(cash.amount),
            "rate": "–" if cash.rate is None else f"{cash.rate:g}",
            "worth": "–" if cash.rate is None else words.money(cash.amount * cash.rate),
            "time": words.when(account.time),
        }
        for cash in account.cash
    ]  # fmt: skip
    if len(rows) > 1 and account.worth is not None:
        total = {"key": "all", "currency": f"all, in {account.currency}", "amount": "", "rate": ""}
        rows.append({**total, "worth": words.money(account.worth), "time": words.when(account.time)})
    return rows


def _working_rows(one: Follower) -> list[Row]:
    return [_order_row(order) for order in reversed(orders_of(one, working=True)[-_ROWS:])]


def _latest_rows(one: Follower) -> list[Row]:
    return [_order_row(order) for order in reversed(orders_of(one, last=_ROWS)[-_ROWS:])]


def _fill_rows(one: Follower) -> list[Row]:
    count = sum(len(ledger.fills) for ledger in one.ledgers.values())
    latest = list(reversed(fills_of(one, last=_ROWS)))[:_ROWS]
    return [
        {
            "key": f"{count - at}", "time": words.when(f.time), "symbol": f.symbol,
            "quantity": f"{f.side * f.quantity:+g}", "price": f"{f.price:,.4f}",
            "fee": words.money(f.fee), "strategy": f.strategy,
        }
        for at, f in enumerate(latest)
    ]  # fmt: skip


def _signal_rows(one: Follower) -> list[Row]:
    return [
        {
            "key": f"{s.symbol} of {s.strategy}", "symbol": s.symbol, "strategy": s.strategy,
            "direction": "long" if s.conviction > 0 else "short" if s.conviction < 0 else "flat",
            "confidence": words.share(abs(s.conviction)), "time": words.when(s.time),
        }
        for s in signals_of(one)[:_ROWS]
    ]  # fmt: skip


def _order_row(order: models.Order) -> Row:
    return {
        "key": f"{order.id} of {order.strategy}", "id": order.id, "text": order.text, "status": order.status,
        "reason": order.reason, "filled": f"{order.filled:g}", "decided": words.when(order.decided),
        "strategy": order.strategy,
    }  # fmt: skip


def _defaults_of(one: Follower) -> dict[str, Any]:
    """Return the parameters of strategies that have a name here, by the name that each has in its session."""
    known = names()
    return {
        described["name"]: dict(known[described["strategy"]].parameters())
        for described in one.observed.begun.get("strategies", ())
        if described["strategy"] in known
    }
