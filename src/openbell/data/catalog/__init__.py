"""Bars on disk, with their identity: which provider, feed, adjustment, session, timeframe and symbol.

Names are loaded when they are first used: pyarrow takes longer to load than most runs need.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from openbell.data.catalog.arrival import series_of as series_of
    from openbell.data.catalog.key import Key as Key
    from openbell.data.catalog.manifest import Origin as Origin
    from openbell.data.catalog.store import Catalog as Catalog
    from openbell.data.providers.protocol import Span as Span

#: Where each public name lives.
_HOMES = {
    "Catalog": "openbell.data.catalog.store",
    "Key": "openbell.data.catalog.key",
    "Origin": "openbell.data.catalog.manifest",
    "Span": "openbell.data.providers.protocol",
    "series_of": "openbell.data.catalog.arrival",
}

__all__ = list(_HOMES)  # the table is the one list of names


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value
