"""The commands `openbell trials`: what may be typed."""

from __future__ import annotations

from typing import Annotated

import typer

from openbell.cli.answer import Answer
from openbell.cli.options import command
from openbell.cli.sweepoptions import Top

trials = typer.Typer(help="Show what was ever tried of an idea.", rich_markup_mode=None)


@command(trials, "openbell trials list", "openbell trials list --json", name="list")
def listed() -> Answer:
    """List the ideas, on what each was tried, and how often.

    Each backtest, sweep, walk-forward and cross-validation counts; the same trial again does not.
    """
    from openbell.cli.trials import list_ideas

    return list_ideas()


@command(trials, "openbell trials show sma_cross", "openbell trials show sma_cross --top 3 --json")
def show(
    idea: Annotated[str, typer.Argument(metavar="IDEA", help="The strategy's name, or how it begins.")],
    *,
    top: Top = 10,
) -> Answer:
    """Show an idea's trials: how many, what they are worth, and the best of them."""
    from openbell.cli.trials import show_idea

    return show_idea(idea, top)
