"""The command `montecarlo`: other courses that a recorded run could have taken."""

from __future__ import annotations

from typing import NamedTuple

from openbell.backtesting.scattered import choose_spread
from openbell.cli.answer import Answer
from openbell.cli.recorded import read_recorded
from openbell.cli.saved import run_again
from openbell.cli.sweeps import as_options
from openbell.core.errors import ConfigError
from openbell.portfolio.summary import DESCRIPTIONS
from openbell.reporting.montecarlo import Asked, MonteCarlo
from openbell.reporting.words import shown


class Typed(NamedTuple):
    """The options that say who makes the draws, as they were typed."""

    engine: str = "auto"
    address: str | None = None
    workers: int | None = None


def draw_courses(name: str, reports: str | None, asked: Asked, typed: Typed) -> Answer:
    """Run a recorded run again, draw other courses of it, and write the page into its folder.

    Raises:
        ConfigError: There is no such run, or its folder cannot be written.
        BadData: It has too few sessions.
    """
    recorded = read_recorded(name, reports)
    try:
        made = MonteCarlo(run_again(recorded), asked, choose_spread(*typed))
        made.draw()
    except ConfigError as error:
        raise ConfigError(as_options(str(error))) from error
    page = made.write(recorded.folder)
    first, *said = made.words()
    width = max(len(DESCRIPTIONS[name].label) for name in made.intervals)
    rows = [f"{'':{width}}  {'run':>10}  {'from':>10}  {'to':>10}"]
    for figure, one in made.intervals.items():
        values = "  ".join(f"{shown(figure, value):>10}" for value in one)
        rows.append(f"{DESCRIPTIONS[figure].label:{width}}  {values}")
    document = {"run": str(recorded.folder), "page": str(page), **made.document()}
    return Answer([first, "", *rows, "", *said, "", f"Page: {page}"], document)
