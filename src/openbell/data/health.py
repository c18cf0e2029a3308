"""How sound the stored bars are: what is missing, odd or kept apart, and where two vendors disagree."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import combinations
from typing import NamedTuple

from openbell.core.errors import BadData
from openbell.core.types import Dividend, Split
from openbell.data.bars import Finding
from openbell.data.calendar import sessions
from openbell.data.catalog import Catalog, Key
from openbell.data.catalog.apart import read_apart
from openbell.data.catalog.caveats import describe_caveats
from openbell.data.quarantine import Quarantined
from openbell.data.validate import examine
from openbell.data.vendors import compare_vendors


class Health(NamedTuple):
    """What was found out about one series."""

    key: Key
    bars: int
    first: int  #: ns UTC; 0 where there are no bars
    last: int
    splits: int
    dividends: int
    findings: tuple[Finding, ...]
    apart: tuple[Quarantined, ...]
    damage: str  #: why it cannot be read; empty when it can

    @property
    def sound(self) -> bool:
        """Tell whether there is nothing to look at."""
        return not (self.findings or self.apart or self.damage)


def examine_catalog(catalog: Catalog, keys: Sequence[Key]) -> list[Health]:
    """Look at series, and at each pair of vendors for the same symbol and timeframe.

    A disagreement stands with the first of the two.
    """
    found = {key: _look(catalog, key) for key in keys}
    for one, other in _pairs(key for key, health in found.items() if not health.damage):
        said = compare_vendors(catalog.read(one), catalog.read(other))
        found[one] = found[one]._replace(findings=(*found[one].findings, *said))
    return list(found.values())


def _look(catalog: Catalog, key: Key) -> Health:
    try:
        catalog.verify(key)
        series = catalog.read(key)
        apart = read_apart(catalog.root, key)
    except BadData as error:
        return Health(key, 0, 0, 0, 0, 0, (), (), str(error))
    splits = sum(isinstance(action, Split) for action in series.actions)
    dividends = sum(isinstance(action, Dividend) for action in series.actions)
    if not len(series):
        return Health(key, 0, 0, 0, splits, dividends, (), apart, "")
    first, last = int(series.start[0]), int(series.known[-1])
    known = catalog.facts(key.source.provider, key.symbol)
    findings = [
        *examine(series, sessions(key.source.calendar, first, last)),
        *describe_caveats(known, first),
    ]
    return Health(key, len(series), first, last, splits, dividends, tuple(findings), apart, "")


def _pairs(keys: Iterable[Key]) -> Iterable[tuple[Key, Key]]:
    """Return the pairs of vendors' raw series of one symbol and timeframe."""
    raw = [key for key in keys if key.source.adjustment == "raw"]
    return [
        (one, other)
        for one, other in combinations(raw, 2)
        if (one.symbol, one.timeframe) == (other.symbol, other.timeframe)
    ]
