"""What identifies a stored series, and the folder that the identity becomes.

Each part of the identity is a level of folders, as Hive names them, so that other programs read the catalog
as one table. Names are escaped: `BRK.B`, `BTC/USD` and `brk.b` become folders that every file system keeps
apart, those too that do not tell capitals from small letters, and no folder has a name that Windows reserves.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote

from openbell.core.errors import ConfigError
from openbell.data.bars import Series, Source, format_timeframe, parse_timeframe

#: The levels of folders below the root, the highest first.
LEVELS = ("provider", "feed", "adjustment", "session", "calendar", "timeframe", "symbol")
#: Those whose names are in capitals as a rule; a letter of the other kind is escaped.
_CAPITALS = frozenset({"calendar", "symbol"})
_LONGEST = 200  #: of a folder's name; file systems take 255


class Key(NamedTuple):
    """The identity of a stored series."""

    source: Source
    symbol: str
    timeframe: str

    @property
    def tape(self) -> str:
        """The provider and its feed, as `--provider` takes them: `alpaca:iex`."""
        return f"{self.source.provider}:{self.source.feed}" if self.source.feed else self.source.provider

    def __str__(self) -> str:
        usual = Source(self.source.provider, self.source.feed, calendar=self.source.calendar)
        more = (
            [self.source.adjustment] if self.source.adjustment != usual.adjustment else [],
            [f"{self.source.session} session"] if self.source.session != usual.session else [],
        )
        return " ".join([self.symbol, self.timeframe, "of", self.tape, *more[0], *more[1]])


def key_of(series: Series) -> Key:
    """Return the key under which a series is kept."""
    return Key(series.source, series.symbol, series.timeframe)


def folder_of(root: Path, key: Key) -> Path:
    """Return the folder of a series.

    Raises:
        ConfigError: A name is too long, or the timeframe is none.
    """
    source = key.source
    names = (source.provider, source.feed, source.adjustment, source.session, source.calendar)
    values = (*names, format_timeframe(parse_timeframe(key.timeframe)), key.symbol)
    return root.joinpath(*(level_name(level, value) for level, value in zip(LEVELS, values, strict=True)))


def level_name(level: str, value: str) -> str:
    """Return a folder's name for a value, such as `symbol=BRK%2EB`.

    Raises:
        ConfigError: The name is too long for a folder.
    """
    name = f"{level}={escape(value, capitals=level in _CAPITALS)}"
    if len(name) > _LONGEST:
        raise ConfigError(f"{level} {value[:40]!r}… is too long for a folder's name; shorten it")
    return name


def level_value(level: str, name: str) -> str | None:
    """Return the value of a folder's name; None if it is none of this level."""
    head, sign, text = name.partition("=")
    if head != level or not sign:
        return None
    value = unquote(text, errors="surrogateescape")
    return value if level_name(level, value) == name else None


def escape(text: str, *, capitals: bool) -> str:
    """Write a text with capitals (or small letters), digits, `-` and `_` alone; others as `%2E`, in UTF-8."""
    kept = r"[A-Z0-9_-]" if capitals else r"[a-z0-9_-]"
    return "".join(
        sign if re.fullmatch(kept, sign) else "".join(f"%{byte:02X}" for byte in _bytes(sign))
        for sign in text
    )


def _bytes(sign: str) -> bytes:
    return sign.encode("utf-8", "surrogateescape")
