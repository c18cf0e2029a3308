"""The options that several commands take, and how a command is declared."""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from functools import wraps
from typing import Annotated, Any, get_type_hints

import typer

from openbell.cli.answer import Answer, Exit

Command = Callable[..., Answer]

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document; all else goes to stderr.")]
Debug = Annotated[
    bool, typer.Option("--debug", envvar="OPENBELL_DEBUG", help="Show where an error came from.")
]

ConfigFolder = Annotated[
    str | None, typer.Option("--config", metavar="FOLDER", help="Folder of settings.yaml; else config.")
]
Environment = Annotated[
    str | None, typer.Option("--env", metavar="NAME", help="Lay settings.NAME.yaml over settings.yaml.")
]
Overrides = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="A setting, such as costs.slippage.bps=3."),
]
Reports = Annotated[
    str | None, typer.Option("--reports", metavar="FOLDER", help="Where reports go; else reports.")
]
NoCheck = Annotated[bool, typer.Option("--no-check", help="Do not check for look-ahead.")]
Symbols = Annotated[list[str] | None, typer.Option("--symbols", metavar="A,B", help="What to trade.")]
Universe = Annotated[
    str | None,
    typer.Option("--universe", metavar="FILE", help="CSV of symbol,start,end: who may be bought when."),
]
Start = Annotated[str | None, typer.Option("--start", metavar="DATE", help="The first day.")]
End = Annotated[str | None, typer.Option("--end", metavar="DATE", help="The last day.")]
Parameters = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="NAME=VALUE",
        help="A strategy's parameter, such as fast=20, or, with a dot in its name, a setting.",
    ),
]
Settings = Annotated[
    list[str] | None,
    typer.Option("--config-set", metavar="KEY=VALUE", help="A setting, such as costs.slippage.bps=3."),
]
Same = Annotated[
    list[str] | None, typer.Option("--config-set", metavar="KEY=VALUE", help="The same as --set.")
]
Cash = Annotated[str | None, typer.Option("--cash", metavar="AMOUNT", help="What to start with.")]
Provider = Annotated[
    str | None, typer.Option("--provider", metavar="NAME", help="bundled, csv:FOLDER, or such as yahoo.")
]
Data = Annotated[
    str | None,
    typer.Option("--data", metavar="PATH", help="A CSV or Parquet file, or a folder of SYMBOL.csv."),
]
Timezone = Annotated[
    str | None,
    typer.Option("--timezone", metavar="ZONE", help="Zone of a file's times, such as America/New_York."),
]
Timeframe = Annotated[
    str | None, typer.Option("--timeframe", metavar="TIME", help="A bar's length, such as 5m or 1d.")
]
Benchmark = Annotated[
    str | None, typer.Option("--benchmark", metavar="SYMBOL", help="Compare with it; else with holding.")
]
Costs = Annotated[
    bool, typer.Option("--costs/--no-costs", help="Charge commission and slippage, or trade for nothing.")
]
Limits = Annotated[
    str | None,
    typer.Option("--risk", metavar="LIMITS", help="standard, none or FILE.yaml; else what settings say."),
]
Seed = Annotated[str | None, typer.Option("--seed", metavar="NUMBER", help="Of what is random.")]
Holdout = Annotated[
    str | None,
    typer.Option("--holdout", metavar="DATE", help="Let nothing see the bars from this day on."),
]
Unlock = Annotated[
    bool, typer.Option("--unlock-holdout", help="See the holdout after all: once, and on record.")
]
Run = Annotated[str, typer.Argument(metavar="RUN", help="A run's folder, or how its name begins.")]

#: What each exit code means, in few words, for `--help`.
MEANINGS = {
    Exit.FINE: "fine",
    Exit.FAILED: "the check failed",
    Exit.BAD_INPUT: "bad input",
    Exit.LOOK_AHEAD: "look-ahead found",
}


def command(
    group: typer.Typer, *examples: str, name: str | None = None, codes: tuple[Exit, ...] = ()
) -> Callable[[Command], Command]:
    """Add a function to a group as a command that also takes `--json` and `--debug`.

    Args:
        group: The commands to add it to.
        examples: What to type, as `--help` shows it.
        name: What to call it; else the function's name.
        codes: The exit codes beside 0 and 2 that it can end with.
    """
    ends = sorted({Exit.FINE, Exit.BAD_INPUT, *codes})
    meanings = ", ".join(f"{int(code)} {MEANINGS[code]}" for code in ends)
    listed = "".join(f"\n  {example}" for example in examples)
    epilog = f"\b\nExamples:{listed}\n\nExit codes: {meanings}."

    def register(function: Command) -> Command:
        group.command(name, epilog=epilog)(_with_output(function))
        return function

    return register


def _with_output(function: Command) -> Command:
    """Let a command take `--json` and `--debug`, which `program` acts on before and after it runs.

    A parameter that is a record of options becomes those options; the function gets the record.
    """
    own = inspect.signature(function, eval_str=True).parameters.values()
    records: dict[str, Any] = {one.name: one.annotation for one in own if is_dataclass(one.annotation)}

    @wraps(function)
    def run(*, json: bool, debug: bool, **given: Any) -> Answer:  # noqa: ARG001  # see above
        for name, kind in records.items():
            given[name] = kind(**{field.name: given.pop(field.name) for field in fields(kind)})
        return function(**given)

    keyword = inspect.Parameter.KEYWORD_ONLY
    added = {"json": Json, "debug": Debug}
    taken = [*itertools.chain.from_iterable(_options(one) for one in own)]
    taken += [
        inspect.Parameter(name, keyword, default=False, annotation=kind) for name, kind in added.items()
    ]
    run.__signature__ = inspect.Signature(taken, return_annotation=Answer)  # type: ignore[attr-defined]  # typer reads it
    run.__annotations__ = {one.name: one.annotation for one in taken}
    return run


def _options(one: inspect.Parameter) -> list[inspect.Parameter]:
    """Return a parameter, or the options of the record that it is."""
    if not is_dataclass(one.annotation):
        return [one]
    kinds = get_type_hints(one.annotation, include_extras=True)
    return [
        inspect.Parameter(field.name, one.KEYWORD_ONLY, default=field.default, annotation=kinds[field.name])
        for field in fields(one.annotation)
    ]


Engine = Annotated[str, typer.Option("--engine", metavar="NAME", help="auto, event or compiled.")]
