"""The dashboard: sessions as they run, and one session with its equity, positions, orders and events."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from fastapi import FastAPI
from nicegui import ui

from openbell.app.desk import Desk
from openbell.app.follower import Follower
from openbell.app.routes.overview import run_of
from openbell.app.views import fills_of, orders_of, positions_of, session_of
from openbell.core.errors import ConfigError
from openbell.core.market import as_datetime
from openbell.trading.inbox import How

_EVERY = 0.2  #: seconds between two looks at the journals
_ROWS = 50  #: of orders and fills that are shown
_STOPS: dict[How, str] = {
    "keep": "Leaves orders and positions as they are.",
    "cancel": "Cancels what works; positions stay.",
    "flatten": "Cancels what works, and closes what is held at the next open.",
}
#: The columns of tables: what they are called in a row, and on the page.
_RUNS = {
    "run": "Run", "strategy": "Strategy", "symbols": "Symbols", "total": "Return", "sharpe": "Sharpe",
    "drawdown": "Drawdown",
}  # fmt: skip
_POSITIONS = {
    "symbol": "Symbol", "quantity": "Quantity", "average": "Average", "price": "Price",
    "unrealised": "Unrealised", "strategy": "Strategy",
}  # fmt: skip
_ORDERS = {
    "text": "Order", "status": "Status", "reason": "Reason", "filled": "Filled", "decided": "Decided",
    "strategy": "Strategy",
}  # fmt: skip
_FILLS = {
    "time": "Time", "symbol": "Symbol", "quantity": "Quantity", "price": "Price", "fee": "Fee",
    "strategy": "Strategy",
}  # fmt: skip
_LINE = {"type": "line", "showSymbol": False, "animation": False}
_BADGES = {
    "running": "positive",
    "silent": "negative",
    "interrupted": "warning",
    "stopped": "grey",
    "end_of_data": "grey",
}


def add_dashboard(app: FastAPI, desk: Desk) -> None:
    """Add the pages to an application."""

    @ui.page("/", title="Openbell")
    def overview() -> None:
        _frame("Openbell", back=False)
        Overview(desk)

    @ui.page("/session/{name}", title="Openbell session")
    def session(name: str) -> None:
        _frame(name, back=True)
        try:
            desk.session(name)
        except ConfigError as error:
            ui.label(str(error)).classes("text-lg")
            return
        Session(desk, name)

    ui.run_with(app, title="Openbell", dark=None, show_welcome_message=False)


def _frame(title: str, *, back: bool) -> None:
    ui.colors(primary="#0b5cad")
    with ui.header().classes("items-center q-py-sm"):
        if back:
            ui.button(icon="arrow_back", on_click=lambda: ui.navigate.to("/")).props(
                "flat round dense color=white aria-label='Back to all sessions'"
            )
        ui.label(title).classes("text-h6")


class Overview:
    """All sessions, and the recorded runs."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        with ui.column().classes("w-full max-w-5xl mx-auto gap-4"):
            ui.label("Sessions").classes("text-h6")
            self._cards = ui.column().classes("w-full gap-2")
            ui.label("Recorded runs").classes("text-h6")
            self._runs = _table(
                "runs",
                _RUNS,
                "No runs are recorded here. `openbell backtest sma_cross --symbols AAPL` makes one.",
            )
        self._seen: Any = None
        self._update()
        ui.timer(_EVERY, self._update)

    def _update(self) -> None:
        sessions = [session_of(one) for one in self._desk.sessions()]
        unreadable = dict(self._desk.unreadable)
        if (sessions, unreadable) == self._seen:
            return
        self._seen = (sessions, unreadable)
        self._cards.clear()
        with self._cards:
            for name, reason in unreadable.items():
                ui.label(f"{name}: {reason}").classes("text-negative").props("data-unreadable")
            if not sessions and not unreadable:
                ui.label("No session is here. `openbell paper sma_cross --symbols AAPL` begins one.")
            for one in sessions:
                with ui.card().classes("w-full cursor-pointer").on(
                    "click", lambda name=one.name: ui.navigate.to(f"/session/{name}")
                ), ui.row().classes("w-full items-center"):  # fmt: skip
                    ui.link(one.name, f"/session/{one.name}").classes("text-subtitle1")
                    ui.badge(one.state, color=_BADGES[one.state])
                    ui.space()
                    ui.label(_when(one.time)).classes("text-grey")
                    for standing in one.strategies:
                        ui.label(f"{standing.strategy}: {standing.equity:,.2f}")
        rows = []
        for run in (run_of(*one) for one in self._desk.archive.runs()):
            figures = run.metrics
            rows.append({
                "run": run.id, "strategy": run.strategy, "symbols": ", ".join(run.symbols),
                "total": _share(figures.get("total_return")), "sharpe": _number(figures.get("sharpe")),
                "drawdown": _share(figures.get("max_drawdown")),
            })  # fmt: skip
        self._runs(rows)


class Session:
    """One session, kept up as it goes on."""

    def __init__(self, desk: Desk, name: str) -> None:
        self._desk, self._name = desk, name
        self._shown = -1
        self._state = ""
        with ui.column().classes("w-full max-w-5xl mx-auto gap-4"):
            with ui.row().classes("w-full items-center gap-4"):
                self._badge = ui.badge("").props("data-state")
                self._time = ui.label().classes("text-grey")
                ui.space()
                self._stop = ui.button("Stop", icon="stop", color="negative", on_click=self._ask)
            self._alarm = ui.label().classes("text-negative")
            with ui.row().classes("w-full gap-6"):
                self._figures = {
                    title: _figure(title) for title in ("Equity", "Cash", "Positions", "Working", "Fills")
                }
            chart = ui.echart(_empty_chart()).classes("w-full h-72")
            self._chart = chart.props("aria-label='Equity over time'")
            self._positions = _table("positions", _POSITIONS, "Nothing is held.", title="Positions")
            self._orders = _table("orders", _ORDERS, "Nothing was ordered yet.", title="Orders")
            self._fills = _table("fills", _FILLS, "Nothing was filled yet.", title="Fills")
        self._update()
        ui.timer(_EVERY, self._update)

    def _update(self) -> None:
        follower = self._desk.session(self._name)
        state = follower.state
        if follower.last == self._shown and state == self._state:
            return
        self._shown, self._state = follower.last, state
        seen = session_of(follower)
        self._badge.text = state
        self._badge.props(f"color={_BADGES[state]}")
        self._time.text = _when(follower.time)
        self._stop.set_visibility(state == "running")
        self._alarm.text = "; ".join(f"{one.strategy}: {one.failed}" for one in seen.strategies if one.failed)
        standing = seen.strategies
        self._figures["Equity"].text = f"{sum(one.equity for one in standing):,.2f}"
        self._figures["Cash"].text = f"{sum(one.cash for one in standing):,.2f}"
        for title, number in (("Positions", "positions"), ("Working", "working"), ("Fills", "fills")):
            self._figures[title].text = f"{sum(getattr(one, number) for one in standing):,}"
        self._draw(follower)
        self._list(follower)

    def _draw(self, follower: Follower) -> None:
        self._chart.options["series"] = [
            _LINE | {"name": name, "data": _points(follower, name)} for name in follower.ledgers
        ]
        self._chart.update()

    def _list(self, follower: Follower) -> None:
        self._positions([
            {
                "symbol": one.symbol, "quantity": f"{one.quantity:g}", "average": f"{one.average:,.2f}",
                "price": f"{one.price:,.2f}", "unrealised": f"{one.unrealised:+,.2f}",
                "strategy": one.strategy,
            }
            for one in positions_of(follower)
        ])  # fmt: skip
        self._orders([
            {
                "text": one.text, "status": one.status, "reason": one.reason, "filled": f"{one.filled:g}",
                "decided": _when(one.decided), "strategy": one.strategy,
            }
            for one in reversed(orders_of(follower)[-_ROWS:])
        ])  # fmt: skip
        self._fills([
            {
                "time": _when(one.time), "symbol": one.symbol, "quantity": f"{one.side * one.quantity:+g}",
                "price": f"{one.price:,.4f}", "fee": f"{one.fee:,.2f}", "strategy": one.strategy,
            }
            for one in reversed(fills_of(follower)[-_ROWS:])
        ])  # fmt: skip

    def _ask(self) -> None:
        """Ask how to stop, and to confirm it."""
        with ui.dialog() as dialog, ui.card():
            ui.label(f"Stop {self._name}?").classes("text-h6")
            for how, says in _STOPS.items():
                with ui.row().classes("items-center"):
                    ui.button(how, on_click=lambda how=how: self._do_stop(how, dialog))
                    ui.label(says)
            ui.button("Go on", on_click=dialog.close).props("flat")
        dialog.open()

    def _do_stop(self, how: How, dialog: Any) -> None:
        dialog.close()
        try:
            self._desk.stop(self._name, how)
        except ConfigError as error:
            ui.notify(str(error), type="negative")
        else:
            ui.notify(f"asked to stop ({how})")


def _points(follower: Follower, strategy: str) -> list[list[float]]:
    """Return a strategy's curve as a chart takes it: ms since 1970, and equity."""
    times, values = follower.curve(strategy)
    return [[time // 1_000_000, round(value, 2)] for time, value in zip(times, values, strict=True)]


def _table(
    name: str, columns: Mapping[str, str], nothing: str, *, title: str = ""
) -> Callable[[list[dict[str, str]]], None]:
    """Place a table; return what fills it."""
    if title:
        ui.label(title).classes("text-subtitle1")
    heads = [{"name": key, "label": text, "field": key, "align": "left"} for key, text in columns.items()]
    table = ui.table(columns=heads, rows=[]).classes("w-full")
    table.props(f"dense flat bordered data-table={name} :rows-per-page-options='[0]' hide-bottom")
    empty = ui.label(nothing).classes("text-grey")

    def fill(rows: list[dict[str, str]]) -> None:
        table.rows = rows
        table.set_visibility(bool(rows))
        empty.set_visibility(not rows)

    return fill


def _figure(title: str) -> ui.label:
    with ui.column().classes("gap-0"):
        ui.label(title).classes("text-grey text-caption")
        return ui.label("").classes("text-h6").props(f"data-figure='{title}'")


def _empty_chart() -> dict[str, Any]:
    return {
        "grid": {"left": 70, "right": 16, "top": 32, "bottom": 28},
        "tooltip": {"trigger": "axis"},
        "legend": {"top": 0, "textStyle": {"color": "#888"}},
        "xAxis": {"type": "time"},
        "yAxis": {"type": "value", "scale": True},
        "series": [],
    }


def _when(nanos: int) -> str:
    return f"{as_datetime(nanos):%Y-%m-%d %H:%M:%S}Z" if nanos else ""


def _share(value: float | None) -> str:
    return "" if value is None else f"{100 * value:+.1f}%"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"
