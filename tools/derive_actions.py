#!/usr/bin/env python3
"""Work the splits and dividends of the bundled stocks out of their adjusted closes.

The source adjusts closes backwards: on an ex-date the ratio of the adjusted to the traded close grows, by a
split's ratio or by 1 + D / close, with D the dividend and the close that of the ex-date itself. So a growth
that is a ratio of small whole numbers is a split, and any other is a dividend of (growth - 1) x close, which
comes out in whole cents.

Run it from the repository's root to write `src/openbell/data/bundled/actions.csv` anew.
"""

from __future__ import annotations

import csv
import gzip
import io
import sys
from fractions import Fraction
from itertools import groupby, pairwise
from operator import itemgetter
from pathlib import Path
from typing import NamedTuple

BUNDLED = Path("src/openbell/data/bundled")
HEADER = ("symbol", "date", "kind", "new", "old", "amount")

LARGEST_SPLIT = 20  #: of either side of a split's ratio
SAME = 1e-9  #: growth by which a ratio that nothing happened to may differ from 1: the source has 12 digits
CENT = 1e-8  #: by how much a dividend may miss whole cents


class Row(NamedTuple):
    """One session of one symbol."""

    symbol: str
    date: str
    close: float
    adjusted: float


def read_prices(path: Path) -> list[Row]:
    """Return the sessions of all symbols, in the file's order."""
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        return [
            Row(row["Ticker"], row["Date"], float(row["Close"]), float(row["Adj Close"]))
            for row in csv.DictReader(file)
        ]


def derive(rows: list[Row]) -> list[tuple[str, ...]]:
    """Return the actions, as rows under `HEADER`, by symbol and date.

    Raises:
        ValueError: A growth is neither a split nor a dividend in whole cents.
    """
    found = []
    for _, group in groupby(rows, key=itemgetter(0)):
        for before, now in pairwise(group):
            growth = (now.adjusted / now.close) / (before.adjusted / before.close)
            if abs(growth - 1.0) > SAME:
                found.append(explain(now, growth))
    return found


def explain(row: Row, growth: float) -> tuple[str, ...]:
    """Return the action that makes the ratio of the adjusted to the traded close grow so on a session."""
    ratio = Fraction(growth).limit_denominator(LARGEST_SPLIT)
    if abs(growth / float(ratio) - 1.0) < SAME and ratio.numerator <= LARGEST_SPLIT:
        return row.symbol, row.date, "split", str(ratio.numerator), str(ratio.denominator), ""
    amount = (growth - 1.0) * row.close
    if amount <= 0 or abs(amount - round(amount, 2)) > CENT:
        raise ValueError(
            f"{row.symbol} {row.date}: growth {growth} is no split, and {amount} no dividend in cents"
        )
    return row.symbol, row.date, "dividend", "", "", f"{amount:.2f}"


def write(actions: list[tuple[str, ...]]) -> str:
    """Return the actions as the text of a CSV file."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(HEADER)
    writer.writerows(actions)
    return text.getvalue()


def main() -> None:
    """Write the file of actions, and say what it holds."""
    actions = derive(read_prices(BUNDLED / "stocks.csv.gz"))
    (BUNDLED / "actions.csv").write_text(write(actions), encoding="utf-8")
    sys.stdout.write(f"{len(actions)} actions written to {BUNDLED / 'actions.csv'}\n")


if __name__ == "__main__":
    main()
