"""The options that `sweep` alone takes."""

from __future__ import annotations

from typing import Annotated

import typer

Grid = Annotated[
    list[str] | None,
    typer.Option("--grid", metavar="NAME=VALUES", help="What to try, such as fast=5:60:5 or fast=5,10,20."),
]
Where = Annotated[
    str | None, typer.Option("--where", metavar="TEXT", help="What has to hold, such as 'fast < slow'.")
]
Objectives = Annotated[
    list[str] | None,
    typer.Option(
        "--objective",
        metavar="MEASURE",
        help="What is best; else sharpe. -trades asks for few. FILE.py:NAME is a function.",
    ),
]
Require = Annotated[
    str | None,
    typer.Option("--require", metavar="TEXT", help="What figures must meet, as 'max_drawdown > -0.3'."),
]
Figures = Annotated[
    str, typer.Option("--figures", metavar="NAME", help="All, or those of the trades alone: quicker.")
]
Each = Annotated[bool, typer.Option("--each", help="Sweep each symbol by itself; else all are a portfolio.")]
Method = Annotated[
    str, typer.Option("--method", metavar="NAME", help="grid, random, latin, optuna or coordinate.")
]
Samples = Annotated[
    int | None, typer.Option("--samples", metavar="COUNT", help="How many a sample or optuna tries.")
]
SweepEngine = Annotated[
    str, typer.Option("--engine", metavar="NAME", help="auto, event, compiled, or ray for a cluster.")
]
Address = Annotated[
    str | None,
    typer.Option("--address", help="Of a Ray cluster that runs, such as auto; else one starts here."),
]
Workers = Annotated[
    int | None, typer.Option("--workers", metavar="COUNT", help="Processes; else as many as are worth it.")
]
Memory = Annotated[
    str | None, typer.Option("--memory", metavar="SIZE", help="The most to use beside the data, as 300MB.")
]
Top = Annotated[int, typer.Option("--top", metavar="COUNT", help="How many of the best to show.")]
Resume = Annotated[
    str | None, typer.Option("--resume", metavar="FOLDER", help="Go on with a sweep that was stopped.")
]

Train = Annotated[
    str, typer.Option("--train", metavar="LENGTH", help="How long parameters are chosen on: 504 bars, or 3y.")
]
Test = Annotated[str, typer.Option("--test", metavar="LENGTH", help="How long they are traded: 126, or 6m.")]
Gap = Annotated[int, typer.Option("--gap", metavar="BARS", help="The purge: bars between the two.")]
Embargo = Annotated[
    int, typer.Option("--embargo", metavar="BARS", help="More bars between them, beside the purge.")
]
Anchored = Annotated[bool, typer.Option("--anchored", help="Choose on everything so far.")]
Choose = Annotated[
    str, typer.Option("--choose", metavar="NAME", help="The plateau of each window, or its best.")
]
Boundary = Annotated[
    str,
    typer.Option("--boundary", metavar="NAME", help="close what is held where a window ends, or carry it."),
]
Refit = Annotated[
    str | None,
    typer.Option("--refit", metavar="FILE", help="Only choose, on the newest bars, for a strategies.yaml."),
]
Folds = Annotated[
    int, typer.Option("--folds", metavar="COUNT", help="Parts that the sessions are divided into.")
]
TestFolds = Annotated[
    int, typer.Option("--test-folds", metavar="COUNT", help="How many are tested at a time; 1 is the k-fold.")
]
Purge = Annotated[
    int, typer.Option("--purge", metavar="SESSIONS", help="Left out of choosing before and after a test.")
]
Lingering = Annotated[
    int, typer.Option("--embargo", metavar="SESSIONS", help="Left out after a test beside those.")
]
