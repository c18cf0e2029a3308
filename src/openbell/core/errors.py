"""Errors, grouped by what must happen next."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from difflib import get_close_matches
from types import TracebackType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from openbell.core.orders import Order
    from openbell.core.types import Reason


#: More valid names than this are not listed in a message.
_MOST_NAMES = 60


class OpenbellError(Exception):
    """The root of every error that Openbell raises on purpose. Its message is one line."""


class ConfigError(OpenbellError):
    """Do not start: a setting, a parameter or a name is wrong."""


class BadData(OpenbellError):
    """Do not use these data: they break a rule that the message names."""


class OrderRefused(OpenbellError):
    """Carry on: one order was refused, for a stated reason."""

    def __init__(self, order: Order, reason: Reason, detail: str) -> None:
        super().__init__(f"order {order.id} ({order.describe()}) refused, {reason}: {detail}")
        self.order = order
        self.reason = reason


class RemoteError(OpenbellError):
    """Somebody else's server, a data provider's or a broker's, did not do what it was asked."""


class Retryable(RemoteError):
    """Ask again later, reads only: the server is busy, slow or broken for now.

    Args:
        message: What was asked of whom, and what came back.
        after: Seconds that the server wants to be left alone; None if it did not say.
    """

    def __init__(self, message: str, *, after: float | None = None) -> None:
        super().__init__(message)
        self.after = after


class Rejected(RemoteError):
    """Do not ask again as it is: the server understood, and refuses."""


class Disconnected(RemoteError):
    """A connection is gone, or mute: connect again, and ask for what was missed."""


class Halt(OpenbellError):
    """Stop trading now."""


class StrategyError(Halt):
    """A strategy raised, or asked for what no strategy may have. Names the bar and the line."""


class LookAhead(StrategyError):
    """A strategy asked for a value that was not known yet."""


class Translation:
    """A context around foreign code: what it raises leaves as the error that `translate` makes of it.

    The first error stays as the cause. Where `translate` answers None, it leaves as it is.
    """

    def __init__(
        self, translate: Callable[[BaseException, TracebackType | None], OpenbellError | None]
    ) -> None:
        self._translate = translate

    def __enter__(self) -> None:
        """Begin to watch."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Raise the translation of what was raised."""
        if isinstance(error, Exception | SystemExit):  # `sys.exit()` is no way to end a part of a program
            translated = self._translate(error, trace)
            if translated is not None:
                raise translated from error


def nearest(name: str, valid: Iterable[str]) -> str:
    """Return `"; did you mean 'x'?"` for the closest valid name, else the list of valid names."""
    names = sorted(valid)
    close = get_close_matches(name, names, n=1, cutoff=0.5) or get_close_matches(
        name.lower(), [n.lower() for n in names], n=1, cutoff=0.5
    )
    if close:
        match = next(n for n in names if n.lower() == close[0].lower())
        return f"; did you mean {match!r}?"
    if len(names) > _MOST_NAMES:
        return f"; there are {len(names)} names, such as {', '.join(names[:3])}"
    return f"; valid names: {', '.join(names)}" if names else ""
