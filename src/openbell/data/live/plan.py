"""What a feed is to deliver, and how patient it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from openbell.core.errors import ConfigError
from openbell.core.types import NANOS_PER_SECOND
from openbell.data.bars import CalendarUnit, parse_timeframe
from openbell.data.providers.protocol import Channel


@dataclass(frozen=True, slots=True)
class Plan:
    """What a feed delivers. Spans of time are in seconds.

    Args:
        symbols: In the order in which bars of one moment come after a gap.
        channels: What is subscribed: `trades` without `bars` makes bars out of trades.
        timeframe: Of the stream's bars, or of those made out of trades.
        calendar: The exchange's.
        regular: Whether bars outside the sessions are left out.
        since: Bars that opened from here on are fetched first, ns UTC; None begins with the next one.
        mute_after: Silence that is too long, after a message was due.
        patience: How long a bar waits for older ones while no request for them is answered.
        settle: How long after a bar's end a request can be sure to find it.
        grace: How long after its end a bar made out of trades waits for late ones, and others for `Settled`.
    """

    symbols: tuple[str, ...]
    channels: tuple[Channel, ...] = ("bars",)
    timeframe: str = "1m"
    calendar: str = "XNYS"
    regular: bool = True
    since: int | None = None
    mute_after: float = 8.0
    patience: float = 30.0
    settle: float = 2.0
    grace: float = 1.0

    def __post_init__(self) -> None:
        if not self.symbols:
            raise ConfigError("feed: symbols is empty; name one or more")
        if len(set(self.symbols)) < len(self.symbols):
            twice = next(one for one in self.symbols if self.symbols.count(one) > 1)
            raise ConfigError(f"feed: symbol {twice!r} is named twice; name it once")
        if not self.channels:
            raise ConfigError("feed: channels is empty; give bars, quotes or trades")
        if isinstance(parse_timeframe(self.timeframe), CalendarUnit):
            raise ConfigError(
                f"feed: timeframe {self.timeframe!r} is not one of a stream; give 1m, and resample its bars"
            )
        for name in ("mute_after", "patience", "settle", "grace"):
            if not getattr(self, name) >= 0:
                raise ConfigError(f"feed: {name}={getattr(self, name)!r} must be 0 s or more")

    @property
    def step(self) -> int:
        """The timeframe in ns."""
        step = parse_timeframe(self.timeframe)
        assert not isinstance(step, CalendarUnit)  # noqa: S101  # refused when the plan was made
        return step

    @property
    def aggregates(self) -> bool:
        """Whether bars are made out of trades."""
        return "trades" in self.channels and "bars" not in self.channels

    @property
    def bars(self) -> bool:
        """Whether there are bars at all."""
        return "bars" in self.channels or self.aggregates

    def as_dict(self) -> dict[str, Any]:
        """Return the plan for JSON."""
        return {name: getattr(self, name) for name in self.__slots__}


def plan_of(values: dict[str, Any]) -> Plan:
    """Return a plan as `as_dict` wrote it.

    Raises:
        ConfigError: It is none.
    """
    lists = {name: tuple(values.get(name, ())) for name in ("symbols", "channels")}
    try:
        return Plan(**(values | lists))
    except TypeError as error:
        raise ConfigError(f"recording: its plan is not of this version ({error})") from error


def nanos(seconds: float) -> int:
    """Return seconds as ns."""
    return round(seconds * NANOS_PER_SECOND)
