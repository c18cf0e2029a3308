"""What a recorded session says of each bar: all its versions, and of which time every bar came."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from openbell.core.errors import ConfigError
from openbell.core.messages import BarMessage
from openbell.data.catalog.spans import subtract, unite
from openbell.data.live.intake import Intake
from openbell.data.live.items import Correction, Gap, Item, Up
from openbell.data.live.recording import Recording
from openbell.data.providers.protocol import Span


class Version(NamedTuple):
    """A bar as it stood from a moment on."""

    at: int  #: when it came, ns UTC
    bar: BarMessage


@dataclass(slots=True)
class Transcript:
    """What a session says of one symbol.

    Args:
        versions: Of each bar, by its start: the delivered one and its corrections, in the order in which they
            came. One that came too late to be delivered has that version alone.
        covered: The time of which every bar came, or rightly none.
    """

    versions: dict[int, list[Version]] = field(default_factory=dict)
    covered: tuple[Span, ...] = ()

    @property
    def corrections(self) -> int:
        """How many versions are not the first of their bar."""
        return sum(len(versions) - 1 for versions in self.versions.values())


def transcribe(recording: Recording) -> Mapping[str, Transcript]:
    """Return what a session says of each symbol. Gaps that stayed are not covered.

    Raises:
        ConfigError: Its bars were made out of trades, or it has none: no vendor's bars are in it.
        BadData: The recording is damaged.
    """
    plan = recording.plan
    if plan.aggregates or not plan.bars:
        raise ConfigError(
            f"{recording.parts[0].path.name}: channels {', '.join(plan.channels)} bring no bars of a "
            "vendor's, which a catalog keeps; fetch them"
        )
    intake = Intake(plan)
    told = {symbol: Transcript() for symbol in plan.symbols}
    first: dict[str, int] = {}
    given_up: dict[str, list[Span]] = {symbol: [] for symbol in plan.symbols}
    for at, event in recording:
        intake.take(at, event)
        if isinstance(event, Up) and not first:
            first = {symbol: lane.done for symbol, lane in intake.lanes.items()}
        for item in intake.items:
            _note(item, at, told=told, given_up=given_up)
        for queue in (intake.items, intake.asks, intake.renewals):
            queue.clear()
    for symbol, one in told.items():
        if symbol in first:
            reached = Span(first[symbol], intake.lanes[symbol].done)
            late = [Span(versions[0].bar.start, versions[0].bar.end) for versions in one.versions.values()]
            one.covered = unite([*subtract(reached, given_up[symbol]), *late])
    return told


def _note(item: Item, at: int, *, told: dict[str, Transcript], given_up: dict[str, list[Span]]) -> None:
    if isinstance(item, BarMessage):
        told[item.symbol].versions[item.start] = [Version(at, item)]
    elif isinstance(item, Correction):
        told[item.bar.symbol].versions.setdefault(item.bar.start, []).append(Version(at, item.bar))
    elif isinstance(item, Gap) and item.reason:
        given_up[item.symbol].append(item.span)
