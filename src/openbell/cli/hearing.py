"""When sessions were last heard, so that nobody takes what is old for what is: for the terminal and JSON."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from openbell.cli.standings import Standing
from openbell.trading.pulse import is_quiet, spell_age


def tell_heard(sessions: Iterable[Standing]) -> tuple[list[str], list[dict[str, Any]]]:
    """Return a line for each session that is at work, and what JSON has of each."""
    known = list(sessions)
    return [_say(one, spell_age(one.age)) for one in known if one.age is not None], [
        {"folder": str(one.folder), "state": one.state, "heard": one.heard, "age": one.age} for one in known
    ]


def state_of(one: Standing) -> str:
    """Return a session's state as a table has it."""
    doing = "starting" if one.starting else "running"
    if one.age is None or not is_quiet(one.state, one.age):
        return one.state
    return f"{doing}, silent for {spell_age(one.age)}"


def _say(one: Standing, age: str) -> str:
    if not is_quiet(one.state, one.age):
        return f"{one.folder}: as of {age} ago"
    remedy = (
        f"`openbell stop --cancel --state {one.folder}` cancels its orders at the broker all the same"
        if one.has_standby
        else f"a stop waits until it goes on; `kill -9 {one.pid}` ends it, and `openbell resume` goes on"
        if one.pid
        else "a stop waits until it goes on"
    )
    if one.starting:
        return (
            f"{one.folder}: starting, and silent for {age} (its `on_start` or the journal that it goes "
            f"through may be long; else it hangs); {remedy}"
        )
    return (
        f"{one.folder}: silent for {age} (a strategy or the process hangs), and what is shown "
        f"is as old; {remedy}"
    )
