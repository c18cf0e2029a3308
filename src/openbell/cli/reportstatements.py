"""The command `report statement`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from openbell.cli.answer import Answer, Column, Table
from openbell.cli.sources import read_sources
from openbell.core.errors import ConfigError
from openbell.reporting import statementpage
from openbell.reporting.export import write_file
from openbell.reporting.period import read_period
from openbell.reporting.statement import Statement, state

_FORMS = (".html", ".pdf")


def show_statement(
    runs: Sequence[str],
    asked: Mapping[str, str | None],
    to: str | None,
    *,
    reports: str | None,
    state: str | None,
) -> Answer:
    """Show the statements of a period, and write them if a file is named.

    Raises:
        ConfigError: The period or a run is wrong, or the file cannot be written.
    """
    period = read_period(asked)
    form = Path(to).suffix.lower() if to is not None else ""
    if to is not None and form not in _FORMS:
        raise ConfigError(f"--to: {to!r} must end in {' or '.join(_FORMS)}")
    found = [_state(result, period) for result in read_sources(runs, reports, state)]
    parts: list[str | Table] = []
    for one in found:
        parts += [*([""] if parts else []), *_shown(one)]
    if len(found) > 1:
        opening, closing = (sum(getattr(s, at).equity for s in found) for at in ("opening", "closing"))
        parts += ["", f"All {len(found)}: {opening:,.2f} → {closing:,.2f} ({closing - opening:+,.2f})"]
    if to is not None:
        path = Path(to)
        write_file(
            path, statementpage.print_pdf(found) if form == ".pdf" else statementpage.render(found).encode()
        )
        parts += ["", f"wrote {path}"]
    document: dict[str, Any] = {"period": period.name, "statements": [one.as_json() for one in found]}
    return Answer(parts, {**document, **({} if to is None else {"file": to})})


_state = state


def _shown(one: Statement) -> list[str | Table]:
    parts: list[str | Table] = [
        f"{one.name}, {one.period.kind} {one.period.name}: {one.first} to {one.last}, {one.sessions} sessions"
    ]
    for title, heads, rows in statementpage.grids(one):
        if rows:
            columns = [Column(head.name, head.number) for head in heads]
            parts += [title, Table(columns, [[cell.text for cell in row] for row in rows])]
    return parts
