"""The option `--universe`: who may be bought when."""

from __future__ import annotations

from collections.abc import Sequence

from openbell.cli.places import placed
from openbell.core.errors import ConfigError
from openbell.data.bars import parse_date
from openbell.data.universe import Universe


def read_universe(path: str | None, symbols: Sequence[str]) -> Universe | None:
    """Return the universe of a file; None if there is no file.

    Raises:
        ConfigError: Symbols are given too, or the file cannot be read.
        BadData: A row of it is wrong.
    """
    if path is None:
        return None
    if symbols:
        raise ConfigError("--symbols and --universe both say what is traded; give one of them")
    with placed("--universe"):
        return Universe.read(path)


def members_of(universe: Universe, start: str | None, end: str | None) -> tuple[str, ...]:
    """Return who is ever a member in a range of dates.

    Raises:
        ConfigError: Nobody is.
    """
    first = parse_date(start, where="--start")
    found = universe.between(first, parse_date(end, where="--end", end_of_day=True))
    if not found:
        raise ConfigError(f"--universe: {universe.name} has no member in the range of dates; widen it")
    return found
