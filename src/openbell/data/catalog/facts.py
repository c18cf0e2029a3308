"""What is known of a symbol beside its bars: splits, dividends and the like, and its instrument.

Actions are kept by class name and fields, so that a new kind of action needs no change here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, NamedTuple, get_args

import numpy as np

from openbell.core.errors import BadData
from openbell.core.types import NANOS_PER_DAY, Action, Instrument, turn_of
from openbell.data.calendar import sessions
from openbell.data.catalog.key import level_name
from openbell.data.catalog.manifest import Origin, damaged, read_document, write_document
from openbell.data.catalog.merging import moment
from openbell.data.catalog.spans import unite
from openbell.data.providers.protocol import Caveat, Span


class Told(NamedTuple):
    """The provenance of one write of actions."""

    origin: Origin
    actions: int  #: how many were given
    replaced: tuple[Action, ...] = ()  #: what was stored before and is no more


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of one provider's symbol."""

    actions: tuple[Action, ...] = ()
    covered: tuple[Span, ...] = ()  #: of which all actions are here
    told: tuple[Told, ...] = ()
    instrument: Instrument | None = None
    caveats: tuple[Caveat, ...] = ()  #: what was told and no action says
    own: tuple[Action, ...] = ()  #: those of the actions that somebody wrote by hand, and not the provider

    def with_instrument(self, instrument: Instrument) -> Facts:
        """Return the same with other facts of the instrument."""
        return replace(self, instrument=instrument)


def facts_path(root: Path, provider: str, symbol: str) -> Path:
    """Return the file of a provider's symbol. Its folder begins with `_`: it holds no bars."""
    return root / "_facts" / level_name("provider", provider) / f"{level_name('symbol', symbol)}.json"


def read_facts(root: Path, provider: str, symbol: str) -> Facts:
    """Return what is known of a symbol; nothing if there is no file.

    Raises:
        BadData: The file is damaged, or has what this version does not know.
    """
    path = facts_path(root, provider, symbol)
    try:
        body = read_document(path)
    except FileNotFoundError:
        return Facts()
    try:
        return Facts(
            tuple(_action(one, path) for one in body["actions"]),
            tuple(Span(*span) for span in body["covered"]),
            tuple(
                Told(Origin(**origin), count, tuple(_action(one, path) for one in replaced))
                for origin, count, replaced in body["told"]
            ),
            None if body["instrument"] is None else Instrument(**body["instrument"]),
            tuple(Caveat(**one) for one in body.get("caveats", ())),  # files of before have none
            tuple(_action(one, path) for one in body.get("own", ())),  # as with these
        )
    except (KeyError, TypeError, ValueError) as error:
        raise damaged(path, f"{type(error).__name__}: {error}") from error


def write_facts(root: Path, provider: str, symbol: str, known: Facts) -> None:
    """Put what is known of a symbol in the place of what was, in one step."""
    body = {
        "actions": [_described(action) for action in known.actions],
        "covered": known.covered,
        "told": [
            [asdict(one.origin), one.actions, [_described(action) for action in one.replaced]]
            for one in known.told
        ],
        "instrument": None if known.instrument is None else asdict(known.instrument),
        "caveats": [asdict(one) for one in known.caveats],
        "own": [_described(action) for action in known.own],
    }
    write_document(facts_path(root, provider, symbol), body)


def _described(action: Action) -> dict[str, Any]:
    return {"kind": type(action).__name__, **asdict(action)}


def _action(described: dict[str, Any], path: Path) -> Action:
    values = dict(described)
    kind = values.pop("kind")
    kinds = {form.__name__: form for form in get_args(Action)}
    if kind not in kinds:
        raise BadData(f"{path} has an action of kind {kind!r}, which this version has not; update Openbell")
    made: Action = kinds[kind](**values)
    return made


def place_actions(actions: Iterable[Action], calendar: str) -> tuple[Action, ...]:
    """Put the session's open in the place of ex-dates that are given as a date's midnight in UTC.

    An ex-date without a session takes effect at the next one.
    """
    placed = [replace(action, ex=place_ex(action.ex, calendar)) for action in actions]
    return tuple(sorted(placed, key=_order))


def place_ex(ex: int, calendar: str) -> int:
    """Return the open of the session of a date's midnight in UTC, or of the next; another moment stays."""
    if ex % NANOS_PER_DAY:
        return ex
    known = sessions(calendar, ex, ex)
    return int(known.opens[int(np.searchsorted(known.dates, ex // NANOS_PER_DAY))])


def _order(action: Action) -> tuple[Any, ...]:
    return *turn_of(action), type(action).__name__, repr(action)


def merge_actions(
    known: Facts, actions: Sequence[Action], *, origin: Origin, covers: Span | None, revise: bool
) -> Facts:
    """Lay new actions over those that are known, by the rule of `merging`.

    Two actions are the same if all is the same; they differ if they are of one kind on one date. What
    somebody wrote by hand stays where the provider has nothing, and where it differs, until a revision.

    Raises:
        BadData: Actions differ and `revise` is not given; names the first.
    """
    if not origin.hand and not revise:
        held = {(type(action), action.ex) for action in known.own}
        actions = [a for a in actions if a in known.actions or (type(a), a.ex) not in held]
    same = set(known.actions) & set(actions)
    taken = {(type(action), action.ex) for action in actions}
    lost = [
        action
        for action in known.actions
        if action not in same
        if (type(action), action.ex) in taken
        or (covers and covers.start <= action.ex < covers.end and (origin.hand or action not in known.own))
    ]
    if lost and not revise:
        first = lost[0]
        raise BadData(
            f"{first.symbol}: {_shown(first)} of {moment(first.ex)} is stored, and what is written of "
            f"{origin.provider} has it otherwise or not at all; to take that, revise (--revise)"
        )
    kept = [action for action in known.actions if action not in lost]
    added = [action for action in dict.fromkeys(actions) if action not in same]
    covered = unite([*known.covered, *([covers] if covers else [])])
    own = tuple(a for a in known.own if a in kept and (origin.hand or a not in same))
    own += tuple(added) if origin.hand else ()
    if not added and not lost and covered == known.covered and own == known.own:
        return known
    return replace(
        known,
        actions=tuple(sorted([*kept, *added], key=_order)),
        covered=covered,
        told=(*known.told, Told(origin, len(actions), tuple(lost))),
        own=own,
    )


def disputes(known: Facts, actions: Iterable[Action]) -> list[str]:
    """Say which of a provider's actions, as placed, are otherwise in what somebody wrote by hand."""
    held = {(type(action), action.ex): action for action in known.own}
    pairs = [(held.get((type(action), action.ex)), action) for action in actions]
    return [
        f"{own.symbol}: {_shown(own)} of {moment(own.ex)} was written by hand and stays; the provider has "
        f"{_shown(other)}, which --revise takes"
        for own, other in pairs
        if own is not None and own != other
    ]


def _shown(action: Action) -> str:
    terms = [f"{f.name} {getattr(action, f.name)}" for f in fields(action) if f.name not in {"symbol", "ex"}]
    return f"the {type(action).__name__.lower()} ({', '.join(terms)})"
