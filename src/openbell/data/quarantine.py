"""Bars that are kept apart: taken out before a series is made, with the reason, and never mended."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from openbell.core.errors import ConfigError, nearest
from openbell.data.bars import COLUMNS, Finding, FindingKind, Floats, Policy, Times
from openbell.data.oddities import find_spikes
from openbell.data.validate import POLICY, row_rules

#: Kinds that one bar can have by itself, so that it alone can be kept apart.
OF_ROWS = (
    FindingKind.NOT_A_NUMBER,
    FindingKind.NOT_POSITIVE,
    FindingKind.HIGH_BELOW_LOW,
    FindingKind.OUTSIDE_RANGE,
    FindingKind.NEGATIVE_VOLUME,
    FindingKind.DUPLICATE,
    FindingKind.ZERO_VOLUME,
    FindingKind.SPIKE,
)
_CHOICES = ("fail", "quarantine", "flag")


class Quarantined(NamedTuple):
    """A bar that is kept apart: when it opens (ns UTC), why, and its open, high, low, close and volume."""

    time: int
    kind: FindingKind
    reason: str
    values: tuple[float, ...]


def make_policy(asked: Mapping[str, str]) -> Mapping[FindingKind, Policy]:
    """Return what is done about each kind of finding, from settings such as `{"spike": "quarantine"}`.

    Raises:
        ConfigError: A kind or a policy is unknown, or the kind cannot have it: what would break a run cannot
            be kept and flagged, and what no bar has by itself cannot be put apart.
    """
    policy = dict(POLICY)
    for name, choice in asked.items():
        if name not in {kind.value for kind in FindingKind}:
            raise ConfigError(
                f"data.findings.{name} is unknown{nearest(name, [k.value for k in FindingKind])}"
            )
        if choice not in _CHOICES:
            raise ConfigError(f"data.findings.{name}={choice!r} is unknown{nearest(choice, _CHOICES)}")
        kind = FindingKind(name)
        if choice == "quarantine" and kind not in OF_ROWS:
            raise ConfigError(f"data.findings.{name}=quarantine: no one bar has it; use fail or flag")
        if choice == "flag" and POLICY[kind] == "fail":
            raise ConfigError(f"data.findings.{name}=flag: no run can have such bars; use fail or quarantine")
        policy[kind] = choice  # type: ignore[assignment]  # one of the three, as checked above
    return policy


def sift(
    start: Times, columns: Mapping[str, Floats], policy: Mapping[FindingKind, Policy]
) -> tuple[NDArray[np.bool_], list[Quarantined]]:
    """Tell which rows stay, (n,), and list those that are put apart, in the order of their times.

    Of the rows with one time the first stays.

    Args:
        start: (n,) when each bar opens, ns UTC.
        columns: open, high, low, close and volume, (n,) each.
        policy: What is done about each kind.
    """
    stays = np.ones(len(start), np.bool_)
    apart: list[Quarantined] = []

    def put_apart(kind: FindingKind, broken: NDArray[np.bool_], wrong: str) -> None:
        for row in np.flatnonzero(broken & stays):
            values = {name: f"{name} {columns[name][row]:.10g}" for name in COLUMNS}
            numbers = tuple(float(columns[name][row]) for name in COLUMNS)
            apart.append(Quarantined(int(start[row]), kind, wrong.format(**values), numbers))
        stays[broken] = False

    for kind, broken, wrong in row_rules(columns):
        if policy[kind] == "quarantine":
            put_apart(kind, broken, wrong)
    if policy[FindingKind.DUPLICATE] == "quarantine":
        put_apart(FindingKind.DUPLICATE, _repeats(start, stays), "another bar has this time")
    if policy[FindingKind.ZERO_VOLUME] == "quarantine":
        put_apart(FindingKind.ZERO_VOLUME, columns["volume"] == 0, "{volume}: nobody traded")
    if policy[FindingKind.SPIKE] == "quarantine":
        broken = np.zeros(len(start), np.bool_)
        prices = [columns[name][stays] for name in COLUMNS[:4]]
        broken[stays] = find_spikes(*prices)
        put_apart(
            FindingKind.SPIKE, broken, "{open}, {high}, {low}, {close}: a spike that its neighbours undo"
        )
    return stays, sorted(apart)


def _repeats(start: Times, stays: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Tell of each row whether a row before it, of those that stay, has its time."""
    rows = np.flatnonzero(stays)
    _, first = np.unique(start[rows], return_index=True)
    repeats = stays.copy()
    repeats[rows[first]] = False
    return repeats


def describe(symbol: str, apart: list[Quarantined]) -> list[Finding]:
    """Return a finding for each kind of bars that were put apart."""
    findings = []
    for kind in sorted({one.kind for one in apart}):
        of_kind = [one for one in apart if one.kind is kind]
        when = f"{np.datetime64(of_kind[0].time, 'ns').astype('datetime64[m]')}Z"
        bars = "1 bar is" if len(of_kind) == 1 else f"{len(of_kind)} bars are"
        message = (
            f"{symbol}: {bars} in quarantine as {kind.value}, the first of {when} ({of_kind[0].reason}); "
            f"`openbell data health {symbol}` lists them"
        )
        findings.append(Finding(FindingKind.QUARANTINED, symbol, of_kind[0].time, message, "quarantine"))
    return findings
