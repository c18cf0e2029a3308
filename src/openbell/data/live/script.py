"""How a recording writes events: one JSON list a line, every number exactly as it was."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any, NamedTuple

from openbell.core.messages import BarMessage, PriceBand, Quote, Trade, TradingStatus
from openbell.data.bars import Source
from openbell.data.live.items import Answer, Down, Event, Free, Full, Pulse, Up
from openbell.data.live.plan import Plan, plan_of
from openbell.data.providers.protocol import Span

VERSION = 1

_TAGS: dict[type, str] = {
    BarMessage: "bar",
    Quote: "quote",
    Trade: "trade",
    TradingStatus: "status",
    PriceBand: "band",
    Up: "up",
    Down: "down",
    Full: "full",
    Free: "free",
    Pulse: "pulse",
    Answer: "answer",
}
_encode = json.JSONEncoder(separators=(",", ":"), check_circular=False).encode


def write_event(at: int, event: Event) -> bytes:
    """Return an event and the time of its receipt as a line."""
    return f"{_encode([at, _TAGS[type(event)], *event])}\n".encode()


def read_event(fields: list[Any]) -> tuple[int, Event]:
    """Return what `write_event` wrote, after its line was read as JSON.

    Raises:
        KeyError, TypeError, ValueError: It is no event.
    """
    at, tag, *values = fields
    return at, _READERS[tag](values)


class Head(NamedTuple):
    """What stands before events."""

    plan: Plan
    goes_on: bool  #: whether they follow others of the same session
    sources: Mapping[str, Source]  #: of symbols; what an earlier version recorded has none


def write_head(head: Head) -> bytes:
    """Return the line that begins a session, or the next file of one."""
    sources = {symbol: asdict(source) for symbol, source in head.sources.items()}
    fields = {"openbell": VERSION, "goes_on": head.goes_on, "plan": head.plan.as_dict(), "sources": sources}
    return f"{_encode(fields)}\n".encode()


def read_head(fields: dict[str, Any]) -> Head:
    """Return what `write_head` wrote.

    Raises:
        KeyError, TypeError: It is no head.
        ConfigError: Its plan is of another version.
    """
    sources = {symbol: Source(**source) for symbol, source in fields.get("sources", {}).items()}
    return Head(plan_of(fields["plan"]), bool(fields["goes_on"]), sources)


def _trade(values: list[Any]) -> Trade:
    symbol, time, price, size, name, conditions, *rest = values
    return Trade(symbol, time, price, size, name, tuple(conditions), *rest)


def _answer(values: list[Any]) -> Answer:
    symbol, span, bars, reason = values
    return Answer(symbol, Span(*span), tuple(BarMessage(*bar) for bar in bars), reason)


_READERS: dict[str, Callable[[list[Any]], Event]] = {
    "bar": lambda values: BarMessage(*values),
    "quote": lambda values: Quote(*values),
    "trade": _trade,
    "status": lambda values: TradingStatus(*values),
    "band": lambda values: PriceBand(*values),
    "up": lambda values: Up(*values),
    "down": lambda values: Down(*values),
    "full": lambda values: Full(*values),
    "free": lambda values: Free(*values),
    "pulse": lambda values: Pulse(*values),
    "answer": _answer,
}
