"""The panels of a session that are looked at now and then: charts, risk, health and the log."""

from __future__ import annotations

from typing import Any, Protocol

from nicegui import ui

from openbell.app import models
from openbell.app.dashboard import charts, words
from openbell.app.dashboard.tables import Figure, Table
from openbell.app.follower import Follower
from openbell.app.riskview import risk_of, stress_of
from openbell.app.views import data_of, machinery_of, notices_of

_ROWS = 60
_WAYS = {
    "bar_to_order": "Bar to order", "order_to_ack": "Order to acceptance",
    "ack_to_fill": "Acceptance to fill",
}  # fmt: skip


class Panel(Protocol):
    """A part of a session's page."""

    def show(self, one: Follower, seen: models.Session) -> None:
        """Show what is new, at once."""

    def refresh(self, one: Follower) -> None:
        """Show the rest, once a second."""


class _Chart:
    """A chart that is drawn again where its options are others."""

    def __init__(self, says: str, height: str = "h-72") -> None:
        self._chart = charts.place(says, height)

    def set_visibility(self, *, shown: bool) -> None:
        self._chart.set_visibility(shown)

    def draw(self, options: dict[str, Any]) -> None:
        if any(self._chart.options.get(key) != value for key, value in options.items()):
            self._chart.options.update(options)
            self._chart.update()


class Charts:
    """A symbol's bars with the trades on them, equity, and drawdown."""

    def __init__(self) -> None:
        self._symbol = ui.select([], label="Symbol", on_change=self._turn).classes("w-40").props("dense")
        self._price = _Chart("Prices with the trades", "h-80")
        ui.label("Equity").classes("text-subtitle1")
        self._equity = _Chart("Equity over time")
        ui.label("Drawdown, in percent, and its limits").classes("text-subtitle1")
        self._drawdown = _Chart("Drawdown over time", "h-56")
        self._one: Follower | None = None

    def show(self, one: Follower, seen: models.Session) -> None:
        """Do nothing at once: a chart that moves twenty times a second cannot be read."""

    def refresh(self, one: Follower) -> None:
        """Draw."""
        self._one = one
        symbols = sorted(one.observed.bars)
        if self._symbol.options != symbols:
            self._symbol.set_options(symbols, value=self._symbol.value or (symbols[0] if symbols else None))
        if self._symbol.value:
            self._price.draw(charts.price_options(one, self._symbol.value))
        self._equity.draw({"series": charts.equity_series(one)})
        self._drawdown.draw(
            {"series": charts.drawdown_series(one, one.once("risk", risk_of, every=1.0).drawdown_limits)}
        )

    def _turn(self) -> None:
        if self._one is not None and self._symbol.value:
            self._price.draw(charts.price_options(self._one, self._symbol.value))


class Risks:
    """Exposure, drawdown against its limits, value at risk, correlation, refusals."""

    def __init__(self) -> None:
        with ui.row().classes("ob-figures w-full gap-x-6 gap-y-2"):
            self._figures = {
                name: Figure(name)
                for name in ("Long", "Short", "Net", "Largest", "Drawdown now", "Limits", "Shortfall 99%")
            }
        ui.label("Exposure by sector, as a share of equity").classes("text-subtitle1")
        self._sectors = _Chart("Exposure by sector", "h-56")
        self._nothing = ui.label("Nothing is held.").classes("ob-dim")
        ui.label("Correlation of returns of bars").classes("text-subtitle1")
        self._few = ui.label().classes("ob-dim")
        self._correlation = _Chart("Correlation of returns", "h-96")
        self._held = Table(
            "held", {"symbol": "Symbol", "value": "Value", "beta": "Beta", "risk": "Adds to risk"},
            "Nothing is held.", title="What moves the account",
        )  # fmt: skip
        self._falls = Table(
            "falls", {"name": "Fall", "span": "When", "pnl": "Profit", "share": "Of equity"},
            "Nothing is held.", title="What falls of the past would cost",
        )  # fmt: skip
        self._refusals = Table(
            "refusals", {"reason": "Reason", "count": "Orders"}, "No order was refused.", title="Refusals"
        )

    def show(self, one: Follower, seen: models.Session) -> None:
        """Do nothing at once."""

    def refresh(self, one: Follower) -> None:
        """Show all of it."""
        risk = one.once("risk", risk_of, every=1.0)
        limits = ", ".join(f"{name} {words.share(bound)}" for name, bound in risk.drawdown_limits.items())
        for name, text in (
            ("Long", words.share(risk.long)), ("Short", words.share(risk.short)), ("Net",
            words.share(risk.net)),
            ("Largest", words.share(risk.largest)), ("Drawdown now", words.share(risk.drawdown)),
            ("Limits", limits or "none"), ("Shortfall 99%", words.share(risk.expected_shortfall)),
        ):  # fmt: skip
            self._figures[name].show(text)
        self._sectors.draw(charts.sector_options(risk))
        self._nothing.set_visibility(not risk.sectors)
        self._sectors.set_visibility(shown=bool(risk.sectors))
        known = any(cell is not None for row in risk.correlation for cell in row)
        self._few.text = "" if known else f"{risk.bars} returns are known; it takes 20."
        self._correlation.draw(charts.correlation_options(risk))
        stress = one.once("stress", stress_of, every=1.0)
        self._held.fill([
            {
                "key": symbol, "symbol": symbol, "value": words.money(value),
                "beta": "–" if symbol not in stress.betas else f"{stress.betas[symbol]:.2f}",
                "risk": f"{stress.risk[symbol]:.2%}" if symbol in stress.risk else "–",
            }
            for symbol, value in stress.values.items()
        ])  # fmt: skip
        self._falls.fill([
            {
                "key": loss.name, "name": loss.name, "span": loss.span, "pnl": words.change(loss.pnl),
                "share": words.share(loss.share),
            }
            for loss in (stress.losses if stress.values else ())
        ])  # fmt: skip
        self._refusals.fill(
            [
                {"key": reason, "reason": reason.replace("_", " "), "count": f"{count:,}"}
                for reason, count in sorted(risk.refusals.items(), key=lambda one: -one[1])
            ]
        )


class Machinery:
    """How fresh prices are, how the broker's stream and the process do, and how long things take."""

    def __init__(self) -> None:
        with ui.row().classes("ob-figures w-full gap-x-6 gap-y-2"):
            self._figures = {
                name: Figure(name)
                for name in (
                    "Answered", "Loop late by", "Memory", "Feed", "Broker stream", "Reconnects",
                    "Compared", "Copy",
                )
            }  # fmt: skip
        self._ways = Table(
            "latencies",
            {"name": "Way", "count": "Count", "p50": "Median", "p99": "99 %"},
            "",
            title="Latency",
        )
        self._fresh = Table(
            "freshness", {"symbol": "Symbol", "time": "Last bar", "age": "Came", "bars": "Bars"},
            "No bar has come yet.", title="Freshness",
        )  # fmt: skip

    def show(self, one: Follower, seen: models.Session) -> None:
        """Do nothing at once."""

    def refresh(self, one: Follower) -> None:
        """Show all of it."""
        machinery, data = machinery_of(one), data_of(one)
        stream = {None: "none", True: "stands", False: "down"}[data.stream]
        copy = machinery.uncopied
        behind = "no database" if copy is None else "up to date" if copy == 0 else f"{copy:,} events behind"
        checked = max(one.observed.wall - data.checked, 0) / 1e9 if data.checked else None
        memory = "–" if machinery.memory is None else f"{machinery.memory / 1e6:,.0f} MB"
        for name, text in (
            ("Answered", f"{words.age(machinery.pulse)} ago" if machinery.pulse is not None else "–"),
            ("Loop late by", "–" if machinery.lag is None else words.quick(machinery.lag)), ("Memory",
            memory),
            ("Feed", one.observed.feed or "stored bars"), ("Broker stream", stream),
            ("Reconnects", f"{data.reconnects:,}"),
            ("Compared", "–" if checked is None else f"{words.age(checked)} ago"), ("Copy", behind),
        ):  # fmt: skip
            self._figures[name].show(text)
        self._ways.fill([
            {
                "key": way.way, "name": _WAYS[way.way], "count": f"{way.count:,}",
                "p50": words.quick(way.p50),
                "p99": words.quick(way.p99),
            }
            for way in machinery.latencies
        ])  # fmt: skip
        self._fresh.fill([
            {
                "key": health.symbol, "symbol": health.symbol, "time": words.when(health.time),
                "age": f"{words.age(health.age)} ago", "bars": f"{health.bars:,}",
            }
            for health in data.symbols
        ])  # fmt: skip


class Log:
    """What somebody should know, and the events that one bar led to."""

    def __init__(self) -> None:
        self._notices = Table(
            "notices", {"time": "Time", "kind": "Kind", "strategy": "Strategy", "said": "Said"},
            "Nothing has happened that one should know of.", title="Notices",
        )  # fmt: skip
        self._trace = (
            ui.input("Events of one bar, by its trace; empty for the latest").classes("w-80").props("dense")
        )
        self._events = Table(
            "events", {"seq": "Event", "time": "Time", "kind": "Kind", "trace": "Trace", "said": "Says"},
            "No event.", title="Journal",
        )  # fmt: skip

    def show(self, one: Follower, seen: models.Session) -> None:
        """Do nothing at once."""

    def refresh(self, one: Follower) -> None:
        """Show all of it."""
        self._notices.fill(
            [
                {
                    "key": n.seq,
                    "time": words.when(n.time),
                    "kind": n.kind,
                    "strategy": n.strategy,
                    "said": n.said,
                }
                for n in reversed(notices_of(one)[-_ROWS:])
            ]
        )
        wanted = (self._trace.value or "").strip()
        entries = [e for e in one.recent if not wanted or e.trace == wanted]
        self._events.fill([
            {
                "key": e.seq, "seq": e.seq, "time": words.when(e.time), "kind": e.kind, "trace": e.trace,
                "said": _short(e.body),
            }
            for e in reversed(entries[-_ROWS:])
        ])  # fmt: skip


def _short(body: Any) -> str:
    text = ", ".join(f"{key} {value}" for key, value in body.items())
    return text if len(text) <= 120 else f"{text[:117]}…"
