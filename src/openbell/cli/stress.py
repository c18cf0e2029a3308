"""The command `risk stress`: what is held, what moves it, and what falls would cost."""

from __future__ import annotations

from collections.abc import Sequence

from openbell.cli.answer import Answer, Column, Table
from openbell.cli.sources import read_sources
from openbell.portfolio.exposed import Exposed
from openbell.portfolio.stress import HISTORICAL, Loss
from openbell.reporting.exposed import exposed
from openbell.reporting.html.exposed import fall_grid, held_grid
from openbell.reporting.html.sections import Grid
from openbell.reporting.words import date


def tell_stress(run: str | None, shocks: Sequence[str], *, reports: str | None, state: str | None) -> Answer:
    """Say it of a run, of each strategy of a session, or of all sessions.

    Raises:
        ConfigError: There is none, or a shock names what is not there.
        BadData: A journal is damaged.
    """
    parts: list[str | Table] = []
    documents = []
    for result in read_sources([] if run is None else [run], reports, state):
        found = exposed(result)
        title = f"{result.found.name}, {date(int(result.outcome.times[-1]))}"
        known = (*HISTORICAL, *found.read(shocks)) if found.values else ()
        losses = found.losses(known)
        parts += [*([""] if parts else []), *_say(title, found, losses)]
        documents.append({
            "strategy": result.found.name, "time": int(result.outcome.times[-1]), "equity": found.equity,
            "values": found.values, "betas": found.betas, "risk": found.risk, "returns": found.known,
            "losses": [
                {
                    "name": one.shock.name, "span": one.shock.span, "pnl": one.pnl, "share": one.share,
                    "parts": one.parts,
                }
                for one in losses
            ],
        })  # fmt: skip
    return Answer(parts, {"strategies": documents})


def _say(title: str, found: Exposed, losses: Sequence[Loss]) -> list[str | Table]:
    if not found.values:
        return [f"{title}: nothing is held."]
    return [f"{title}:", _table(held_grid(found)), "", _table(fall_grid(losses))]


def _table(grid: Grid) -> Table:
    columns, rows = grid
    return Table(
        [Column(one.name, right=one.number) for one in columns], [[cell.text for cell in row] for row in rows]
    )
