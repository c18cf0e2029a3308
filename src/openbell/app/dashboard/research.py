"""Research: recorded runs and sweeps, their reports, comparison, and jobs that make more of them."""

from __future__ import annotations

from datetime import UTC, datetime
from urllib.parse import quote

from nicegui import ui
from pydantic import ValidationError

from openbell.app.asked import JobRequest
from openbell.app.dashboard import charts, words
from openbell.app.dashboard.asking import attempt
from openbell.app.dashboard.frame import Page, column
from openbell.app.dashboard.tables import Row, Table
from openbell.app.routes.overview import run_of, sweep_of
from openbell.core.errors import OpenbellError
from openbell.portfolio.summary import DESCRIPTIONS
from openbell.reporting.words import shown
from openbell.strategies.registry import names

_EVERY = 1.0
_RUNS = {
    "run": "Run", "strategy": "Strategy", "symbols": "Symbols", "total": "Return", "sharpe": "Sharpe",
    "drawdown": "Drawdown", "trades": "Trades",
}  # fmt: skip
_SWEEPS = {
    "run": "Sweep",
    "strategy": "Strategy",
    "symbols": "Symbols",
    "count": "Combinations",
    "best": "Best",
}
_JOBS = {
    "name": "Job",
    "strategy": "Strategy",
    "symbols": "Symbols",
    "state": "State",
    "done": "Done",
    "said": "Says",
}


class RunTable:
    """The recorded runs: one leads to its report, several to their comparison."""

    def __init__(self, page: Page) -> None:
        self._page = page
        self._chosen: list[str] = []
        self._runs = Table(
            "runs", _RUNS,
            "No runs are recorded here. `openbell backtest sma_cross --symbols AAPL` makes one.",
            button=("description", "Report of", _open), choose=self._choose,
        )  # fmt: skip
        self._compare = ui.button("Compare", icon="compare", on_click=self._go).props("outline")
        self._compare.set_visibility(False)
        self._wrong = ui.label().classes("ob-bad").props("data-unreadable")

    def update(self) -> None:
        """Show what is recorded now."""
        archive, rows = self._page.desk.archive, []
        for record in archive.runs():
            run = run_of(*record)
            figures = run.metrics
            rows.append({
                "key": run.id, "run": run.id, "strategy": run.strategy, "symbols": ", ".join(run.symbols),
                "total": words.share(figures.get("total_return"), signed=True),
                "sharpe": words.number(figures.get("sharpe")),
                "drawdown": words.share(figures.get("max_drawdown")),
                "trades": f"{figures.get('trades') or 0:g}",
            })  # fmt: skip
        self._runs.fill(rows)
        self._wrong.text = " · ".join(archive.unreadable.values())
        self._wrong.set_visibility(bool(archive.unreadable))

    def _choose(self, rows: list[Row]) -> None:
        self._chosen = [row["key"] for row in rows]
        self._compare.set_visibility(len(self._chosen) > 1)

    def _go(self) -> None:
        ui.navigate.to(f"/compare?runs={','.join(map(quote, self._chosen))}")


class Research:
    """Runs, sweeps and jobs."""

    def __init__(self, page: Page) -> None:
        self._page = page
        with column():
            if page.may_trade:
                self._form()
            self._jobs = Table(
                "jobs", _JOBS, "No job was begun since the server was.", title="Jobs",
                button=("cancel", "End job", self._end) if page.may_trade else None,
            )  # fmt: skip
            ui.label("Runs").classes("text-subtitle1")
            self._runs = RunTable(page)
            self._sweeps = Table(
                "sweeps", _SWEEPS, "No sweeps are recorded here. `openbell sweep` makes one.", title="Sweeps",
                button=("grid_on", "Map of", _open),
            )  # fmt: skip
        self._update()
        ui.timer(_EVERY, self._update)

    def _form(self) -> None:
        known = sorted(names())
        with ui.row().classes("w-full items-end gap-3"):
            self._strategy = ui.select(known, value=known[0], label="Strategy").classes("w-48")
            self._symbols = ui.input("Symbols", value="AAPL").classes("w-40")
            self._start = ui.input("From", placeholder="2010-01-04").classes("w-32")
            self._grid = ui.input("Grid, for a sweep", placeholder="fast=5:20:5 slow=20:60:20").classes(
                "w-64"
            )
            ui.button("Run", icon="play_arrow", on_click=self._begin)

    def _begin(self) -> None:
        try:
            grid = dict(one.split("=", 1) for one in (self._grid.value or "").split())
            asked = JobRequest(
                kind="sweep" if grid else "backtest",
                strategy=str(self._strategy.value),
                symbols=[one.strip() for one in (self._symbols.value or "").split(",") if one.strip()],
                start=self._start.value or None,
                grid=grid,
            )
        except ValidationError as error:
            wrong = error.errors(include_url=False)[0]
            ui.notify(f"{'.'.join(map(str, wrong['loc']))}: {wrong['msg']}", type="negative")
            return
        except ValueError:
            ui.notify("grid: write it as name=values, such as fast=5:20:5", type="negative")
            return
        page = self._page
        on = f"{asked.strategy} on {', '.join(asked.symbols)}"
        attempt(
            lambda: page.actions.do(
                page.caller.name, asked.kind, on, lambda: page.jobs.start(asked, page.caller.name)
            ),
            "it has begun",
        )  # fmt: skip

    def _end(self, row: Row) -> None:
        page, job = self._page, row["key"]
        attempt(
            lambda: page.actions.do(page.caller.name, "cancel a job", job, lambda: page.jobs.cancel(job)),
            "ended",
        )

    def _update(self) -> None:
        self._jobs.fill([
            {
                "key": job.id, "name": job.asked.kind, "strategy": job.asked.strategy,
                "symbols": ", ".join(job.asked.symbols), "state": job.state, "done": words.share(job.done),
                "said": job.said or job.doing, "act": job.state in {"waiting", "running"},
            }
            for job in self._page.jobs.all()
        ])  # fmt: skip
        self._runs.update()
        self._sweeps.fill([
            {
                "key": one.id, "run": one.id, "strategy": one.strategy, "symbols": ", ".join(one.symbols),
                "count": f"{one.combinations:,}",
                "best": ", ".join(f"{k} {v}" for k, v in ((one.best or {}).get("parameters") or {}).items()),
            }
            for one in (sweep_of(*record) for record in self._page.desk.archive.sweeps())
        ])  # fmt: skip


class Report:
    """One run's report, or one sweep's map, in a frame of its own that reaches nothing else."""

    def __init__(self, _page: Page, name: str) -> None:
        with ui.column().classes("ob-live w-full"):
            ui.element("iframe").props(
                f"src='/v1/reports/{quote(name)}' title='Report of {quote(name)}' sandbox='allow-scripts'"
            ).classes("w-full border-0").style("height: calc(100vh - 90px)")


class Compare:
    """Several runs side by side."""

    def __init__(self, page: Page, chosen: list[str]) -> None:
        with column():
            found = []
            for name in chosen[:10]:
                try:
                    found.append((page.desk.archive.run(name), page.desk.archive.equity(name)))
                except OpenbellError as error:
                    ui.label(str(error)).classes("ob-bad").props("role=alert")
            if not found:
                ui.label("Choose runs on the page Research.")
                return
            chart = charts.place("Equity of the runs, each beginning at 100", "h-80")
            chart.options["series"] = [
                {
                    "type": "line", "showSymbol": False, "name": record.id,
                    "data": [[_millis(time), round(100.0 * value / curve[0][1], 3)] for time, value in curve],
                }
                for record, curve in found
                if curve
            ]  # fmt: skip
            table = Table(
                "comparison", {"name": "Figure", **{r.id: r.id for r, _ in found}}, "", title="Figures"
            )
            table.fill([
                {
                    "key": key, "name": described.label,
                    **{record.id: _shown(key, record.said["metrics"].get(key)) for record, _ in found},
                }
                for key, described in DESCRIPTIONS.items()
            ])  # fmt: skip


def _shown(key: str, value: float | None) -> str:
    return "–" if value is None else shown(key, value)


def _millis(time: str) -> int:
    return int(datetime.fromisoformat(time).replace(tzinfo=UTC).timestamp() * 1e3)


def _open(row: Row) -> None:
    ui.navigate.to(f"/report/{quote(row['key'])}")
