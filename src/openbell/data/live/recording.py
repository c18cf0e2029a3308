"""Recorded sessions: read, and replayed through a feed at any speed."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from openbell.core.errors import BadData, ConfigError
from openbell.data.bars import Source
from openbell.data.live.clock import Clock, WallClock
from openbell.data.live.feed import Feed
from openbell.data.live.items import Ask, Event
from openbell.data.live.line import Sink
from openbell.data.live.plan import Plan
from openbell.data.live.script import Head, read_event, read_head

_FAIR = 64  #: events after which others have a turn


class Part(NamedTuple):
    """A stretch of a file, from one byte up to another; its lines count on from `line`."""

    path: Path
    first: int
    last: int
    line: int


@dataclass(frozen=True, slots=True)
class Recording:
    """One session of a feed: what it was to deliver, and every event that it received.

    `sources` says whose the prices of each symbol are; what an earlier version recorded has none.
    """

    plan: Plan
    parts: tuple[Part, ...]
    sources: Mapping[str, Source]

    def __iter__(self) -> Iterator[tuple[int, Event]]:
        """Yield events with the times of their receipt.

        Raises:
            BadData: A line is damaged that is not the torn end of a killed session.
        """
        for part in self.parts:
            yield from _read(part)

    def replay(self, *, speed: float = math.inf) -> RecordedLine:
        """Return a line that brings a feed these events again.

        Args:
            speed: How many times faster than life; infinite needs no clock at all.
        """
        return RecordedLine(self, speed)

    def feed(self, *, speed: float = math.inf, **options: Any) -> Feed:
        """Return a feed over the replay, with the session's own plan."""
        return Feed(self.replay(speed=speed), self.plan, **options)


def read_recordings(path: str | Path) -> list[Recording]:
    """Return the sessions in a recorder's folder or in one of its files, oldest first.

    Raises:
        ConfigError: There is no recording, or it is of another version.
        BadData: A file does not begin as a recording does.
    """
    place = Path(path)
    files = sorted(place.glob("*.jsonl")) if place.is_dir() else [place]
    if not files or not files[0].exists():
        raise ConfigError(f"path {str(path)!r} has no recording; give a recorder's folder")
    found: list[tuple[Head, list[Part]]] = []
    for file in files:
        for head, part in _scan(file):
            if head.goes_on and found:
                found[-1][1].append(part)
            else:
                found.append((head, [part]))
    return [Recording(head.plan, tuple(parts), head.sources) for head, parts in found]


class _RecordedClock:
    """Stands where the recording is."""

    def __init__(self) -> None:
        self.time = 0

    def now(self) -> int:
        return self.time

    async def sleep_until(self, time: int) -> None:
        self.time = max(self.time, time)


class RecordedLine:
    """Brings a feed the events of a recording. It asks for nothing: all answers are among them."""

    timed = False

    def __init__(self, recording: Recording, speed: float, *, wall: Clock | None = None) -> None:
        """Take what to replay; `wall` paces a finite speed.

        Raises:
            ConfigError: The speed is not positive.
        """
        if not speed > 0:
            raise ConfigError(f"speed={speed!r} must be positive, such as 60 or infinity")
        self._recorded = _RecordedClock()
        self.clock: Clock = self._recorded
        self._recording = recording
        self._speed = speed
        self._wall: Clock = WallClock() if wall is None else wall
        self._closed = False

    async def run(self, sink: Sink) -> None:
        """Bring the events."""
        first, began = -1, self._wall.now()
        for count, (at, event) in enumerate(self._recording):
            if self._closed:
                return
            if math.isfinite(self._speed):
                first = at if first < 0 else first
                await self._wall.sleep_until(began + round((at - first) / self._speed))
            elif count % _FAIR == 0:
                await asyncio.sleep(0)
            self._recorded.time = max(self._recorded.time, at)
            sink.take(at, event)
            if sink.is_full:
                await sink.space()

    def ask(self, ask: Ask) -> None:
        """Do nothing: the answer is in the recording."""

    def renew(self, reason: str) -> None:
        """Do nothing: what followed is in the recording."""

    async def close(self) -> None:
        """End the replay."""
        self._closed = True


def _scan(file: Path) -> Iterator[tuple[Head, Part]]:
    """Yield what each head in a file begins."""
    head: Head | None = None
    place, start, began = 0, 0, 1
    with file.open("rb") as stream:
        for number, line in enumerate(stream, 1):
            if line.startswith(b"{") and (found := _read_head(file, number, line)) is not None:
                if head is not None:
                    yield head, Part(file, start, place, began)
                head, start, began = found, place + len(line), number + 1
            elif head is None and line.strip():
                raise BadData(f"{file.name}: line {number} is no head of a recording; give a recorder's file")
            place += len(line)
    if head is not None:
        yield head, Part(file, start, place, began)


def _read_head(file: Path, number: int, line: bytes) -> Head | None:
    """Return a head; None if the line is torn."""
    try:
        fields = json.loads(line)
    except ValueError:
        return None
    try:
        return read_head(fields)
    except (KeyError, TypeError) as error:
        raise BadData(f"{file.name}: line {number} is no head of a recording ({error!r})") from error


def _read(part: Part) -> Iterator[tuple[int, Event]]:
    """Yield a part's events. Torn lines at its end are left out: a writer was killed, or the disk full."""
    damage: BadData | None = None
    with part.path.open("rb") as stream:
        stream.seek(part.first)
        place, number = part.first, part.line
        while place < part.last:
            line = stream.readline()
            place += len(line)
            if line.strip():
                try:
                    found = read_event(json.loads(line))
                except (ValueError, TypeError, KeyError) as error:
                    damage = BadData(
                        f"{part.path.name}: line {number} is damaged ({error}); cut the file there"
                    )
                    damage.__cause__ = error
                else:
                    if damage is not None:
                        raise damage
                    yield found
            number += 1
