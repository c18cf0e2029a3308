"""Which trades count for what in a bar: the sale conditions of the consolidated tapes.

From the tables "sale condition" of the CTS specification (tapes A and B) and of the UTP specification (tape
C), columns "consolidated": high/low, last, volume. Alpaca makes its minute bars by them. Where the
specifications make `last` depend on other trades of the day (`G`, `P`, `Z`, `4`: only if it is the day's
first), a bar's open and close take no part; `L` and `O` do, as they are prices of the present.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import NamedTuple

from openbell.core.errors import ConfigError


class Effect(NamedTuple):
    """What a trade does to its bar."""

    open_close: bool  #: may set the open and the close
    high_low: bool  #: may set the high and the low
    volume: bool


ALL = Effect(open_close=True, high_low=True, volume=True)
RANGE = Effect(open_close=False, high_low=True, volume=True)  #: not the last price: it is of another moment
VOLUME = Effect(open_close=False, high_low=False, volume=True)
NONE = Effect(open_close=False, high_low=False, volume=False)

#: Codes that mean the same on all tapes.
_COMMON: Mapping[str, Effect] = {
    "": ALL,  # regular sale
    " ": ALL,
    "@": ALL,
    "C": VOLUME,  # cash sale
    "F": ALL,  # intermarket sweep
    "H": VOLUME,  # price variation
    "I": VOLUME,  # odd lot
    "K": ALL,  # rule 127 or 155
    "L": ALL,  # sold last
    "M": NONE,  # official close: a statement, no trade
    "N": VOLUME,  # next day
    "O": ALL,  # opening
    "P": RANGE,  # prior reference price
    "Q": NONE,  # official open
    "R": VOLUME,  # seller
    "T": VOLUME,  # extended hours
    "U": VOLUME,  # extended hours, out of sequence
    "V": VOLUME,  # contingent
    "X": ALL,  # cross
    "Z": RANGE,  # sold, out of sequence
    "4": RANGE,  # derivatively priced
    "5": ALL,  # reopening
    "6": ALL,  # closing
    "7": VOLUME,  # qualified contingent
    "8": ALL,  # placeholder for 611 exempt
    "9": Effect(open_close=True, high_low=True, volume=False),  # corrected consolidated close
}

CTA: Mapping[str, Effect] = MappingProxyType(
    {
        **_COMMON,
        "B": VOLUME,  # average price
        "E": ALL,  # automatic execution
    }
)

UTP: Mapping[str, Effect] = MappingProxyType(
    {
        **_COMMON,
        "A": ALL,  # acquisition
        "B": ALL,  # bunched
        "D": ALL,  # distribution
        "E": ALL,
        "G": RANGE,  # bunched, sold
        "S": ALL,  # split trade
        "W": VOLUME,  # average price
        "Y": ALL,  # yellow flag
        "1": ALL,  # stopped stock
    }
)


class Conditions:
    """The rules of a vendor's bars.

    A trade has the effects that all its conditions allow. A condition that no table has counts for volume
    alone.

    Args:
        tables: Effects by code, for each tape; the empty tape serves those that are not named.
        extended: Codes that mean no more than "outside the sessions": there each trade has one, and it does
            not count.

    Raises:
        ConfigError: A code may set the open and not the high: a bar would not hold its own open.
    """

    def __init__(
        self, tables: Mapping[str, Mapping[str, Effect]], *, extended: Iterable[str] = ("T",)
    ) -> None:
        if "" not in tables:
            raise ConfigError("conditions: there is no table for the tape ''; give one for unnamed tapes")
        for tape, table in tables.items():
            for code, effect in table.items():
                if effect.open_close and not effect.high_low:
                    raise ConfigError(
                        f"conditions: {code!r} of tape {tape!r} sets open and close but not high and low; "
                        "let it set both"
                    )
        self._tables = {tape: dict(table) for tape, table in tables.items()}
        self._extended = frozenset(extended)
        self.effect = lru_cache(maxsize=4096)(self._effect)

    def override(self, changes: Mapping[str, Effect]) -> Conditions:
        """Return rules in which some codes have other effects, on all tapes."""
        tables = {tape: {**table, **changes} for tape, table in self._tables.items()}
        return Conditions(tables, extended=self._extended)

    def knows(self, codes: Iterable[str], tape: str) -> bool:
        """Return whether the tape's table has all codes."""
        return all(code in self._table(tape) for code in codes)

    def _table(self, tape: str) -> Mapping[str, Effect]:
        return self._tables.get(tape, self._tables[""])

    def _effect(self, codes: tuple[str, ...], tape: str, extended: bool) -> Effect:  # noqa: FBT001  # cached
        table = self._table(tape)
        found = [table.get(code, VOLUME) for code in codes if not (extended and code in self._extended)]
        return Effect(*(all(column) for column in zip(*found, strict=True))) if found else ALL


#: The rules of US stocks. A trade without a tape is read as of tape C, whose table has the most codes, with
#: `B` as the average price that it is on tapes A and B: no price is better than a wrong one.
US_STOCKS = Conditions({"A": CTA, "B": CTA, "C": UTP, "": {**UTP, "B": VOLUME}})

#: The rules of IEX's tape, with the flags of its messages as Tiingo hands them on.
IEX = Conditions(
    {
        "": {
            "after_hours": VOLUME,
            "halted": VOLUME,
            "intermarket_sweep": ALL,
            "odd_lot": VOLUME,
            "rule_611_exempt": ALL,
        }
    },
    extended=("after_hours",),
)
