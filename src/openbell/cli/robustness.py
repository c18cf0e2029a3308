"""The command `robustness`: what is left of a recorded run under doubt."""

from __future__ import annotations

from dataclasses import replace

from openbell.backtesting.measures import MEASURES
from openbell.backtesting.sweep import SweepInterrupted
from openbell.cli.answer import Answer, Column, Table
from openbell.cli.recorded import read_recorded
from openbell.cli.saved import run_again
from openbell.cli.searches import stopped
from openbell.cli.sweeps import Watch
from openbell.cli.terminal import progress
from openbell.doubting import examine
from openbell.portfolio.summary import DESCRIPTIONS
from openbell.reporting.robustness import LABELS, SHOWN, SPREAD, Asked, Robustness, spread_of
from openbell.reporting.words import capitalised, shown
from openbell.searching import Search


def doubt(name: str, reports: str | None, asked: Asked, search: Search) -> Answer:
    """Run a recorded run again under doubt, and write the page into its folder.

    Raises:
        ConfigError: There is no such run, or its folder cannot be written.
        BadData: It has too few sessions, or never traded.
        StrategyError: The strategy raised over prices that it has not seen before.
    """
    recorded = read_recorded(name, reports)
    result = run_again(recorded)
    try:
        with progress() as tell:
            made = examine(
                result, asked, replace(search, unfinished=recorded.folder), progress=Watch(tell).tell
            )
    except SweepInterrupted as interrupted:
        return stopped(interrupted)
    page = made.write(recorded.folder)
    first, *said = made.words()
    document = {"run": str(recorded.folder), "page": str(page), **made.document()}
    parts: list[str | Table] = [first, "", _table(made), "", *said, "", f"Page: {page}"]
    return Answer(parts, document)


def _table(made: Robustness) -> Table:
    """Return every run in a row, or the quantiles of many."""
    own = dict(zip(MEASURES, made.own.tolist(), strict=True))
    rows = [("as recorded", own), *((one.name, one.middle) for one in made.reruns)]
    many = [(LABELS[law], history.values) for law, history in made.histories.items()]
    if len(made.permuted):
        many.append(("prices in other orders", made.permuted))
    for name, values in many:
        for share, column in zip(SPREAD, spread_of(values).T.tolist(), strict=True):
            rows.append((f"{name}, {share:.0%}", dict(zip(SHOWN, column, strict=True))))
    heads = [Column(""), *(Column(DESCRIPTIONS[name].label, right=True) for name in SHOWN)]
    cells = [[capitalised(name), *(shown(key, row[key]) for key in SHOWN)] for name, row in rows]
    return Table(heads, cells)
