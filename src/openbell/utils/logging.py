"""Logs by loguru: readable lines or JSON lines, with the ids of what they belong to, without secrets.

loguru is imported on first use, so that importing this module costs nothing.
"""

from __future__ import annotations

import json as json_format
import math
import sys
import traceback
from typing import TYPE_CHECKING, TextIO
from urllib.parse import quote, quote_plus

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from loguru import Logger, Message, Record

MASK = "********"

_COLOURS = {"WARNING": "\033[33m", "ERROR": "\033[31m", "CRITICAL": "\033[1;31m"}
_PLAIN = "\033[0m"

_secrets: tuple[str, ...] = ()  # the longest first, so that no rest of a longer one is left


def get_logger() -> Logger:
    """Return loguru's logger."""
    from loguru import logger  # 0.1 s that `import openbell` must not pay

    return logger


def configure(level: str = "INFO", *, json: bool = False, sink: TextIO | None = None) -> None:
    """Send all logs from `level` on to one place, in place of all that were configured before.

    Args:
        level: A name of loguru's: TRACE, DEBUG, INFO, SUCCESS, WARNING, ERROR or CRITICAL.
        json: One JSON object a line, for machines; else text, with colours on a terminal.
        sink: Where to write; standard error if None.

    Raises:
        ValueError: loguru knows no such level.
    """
    logger = get_logger()
    logger.level(level)  # refuses an unknown level before the old handlers are gone
    logger.remove()
    stream = sys.stderr if sink is None else sink
    render = _render_json if json else _render_colour if stream.isatty() else _render_text
    logger.add(_make_writer(stream, render), level=level, format=_render_nothing)


def correlate(**ids: object) -> AbstractContextManager[None]:
    """Give every line that is logged inside the `with` block these ids, such as `run=7, order="a1"`.

    Blocks nest, and each asyncio task has its own.
    """
    return get_logger().contextualize(**ids)


def redact(value: str) -> None:
    """Hide a secret: from now on no log line shows it, nor its escaped and quoted forms."""
    global _secrets  # noqa: PLW0603  # one process has one set of secrets, whoever logs
    if not value:
        return
    forms = {
        value,
        repr(value)[1:-1],
        json_format.dumps(value)[1:-1],
        json_format.dumps(value, ensure_ascii=False)[1:-1],
        quote(value, safe=""),
        quote_plus(value),
    }
    _secrets = tuple(sorted(forms.union(_secrets), key=lambda form: (-len(form), form)))


def hide(text: str) -> str:
    """Return a text in which every secret that `redact` was told is masked, for messages of errors."""
    for secret in _secrets:
        text = text.replace(secret, MASK)
    return text


def _make_writer(stream: TextIO, render: Callable[[Record], str]) -> Callable[[Message], None]:
    def write(message: Message) -> None:
        stream.write(render(message.record) + "\n")
        stream.flush()

    return write


def _render_nothing(_: Record) -> str:
    return ""  # the writer renders the record itself: a secret is then gone before anything is escaped


def _render_text(record: Record) -> str:
    ids = "".join(f"  {name}={value}" for name, value in record["extra"].items())
    time, level = f"{record['time']:%H:%M:%S.%f}"[:-3], record["level"].name
    trace = _format_exception(record)
    line = f"{time} {level:<8} {record['message']}{ids}" + (f"\n{trace}" if trace else "")
    return hide(line)


def _render_colour(record: Record) -> str:
    colour = _COLOURS.get(record["level"].name)
    text = _render_text(record)
    return f"{colour}{text}{_PLAIN}" if colour else text


def _render_json(record: Record) -> str:
    fields: dict[str, object] = {
        "time": record["time"].isoformat(),
        "level": record["level"].name,
        "message": hide(record["message"]),
        "source": f"{record['name']}:{record['line']}",
        "ids": {hide(name): _simplify(value) for name, value in record["extra"].items()},
    }
    trace = _format_exception(record)
    if trace:
        fields["exception"] = hide(trace)
    return json_format.dumps(fields)


def _simplify(value: object) -> object:
    text = str(value)
    plain = isinstance(value, bool | int | None) or (isinstance(value, float) and math.isfinite(value))
    return value if plain and hide(text) == text else hide(text)


def _format_exception(record: Record) -> str:
    error = record["exception"]
    if error is None or error.type is None:
        return ""
    return "".join(traceback.format_exception(error.type, error.value, error.traceback)).rstrip()
