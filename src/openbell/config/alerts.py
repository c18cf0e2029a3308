"""Reads alerts.yaml: whom to tell of what, when to leave them alone, and who notices that nobody tells.

Annotations are evaluated here (no `from __future__ import annotations`): pydantic reads them.
"""

import re
from collections.abc import Mapping
from datetime import time
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, Field, ValidationError

from openbell.config.section import Section
from openbell.config.yamlfile import read_yaml, strip
from openbell.core.errors import ConfigError, nearest

Severity = Literal["info", "warning", "critical"]
Kind = Literal[
    "fill", "refusal", "drawdown", "stale_feed", "disagreement", "strategy_error", "margin_call",
    "engine_down", "journal", "action", "summary",
]  # fmt: skip

#: What is told unless the file says otherwise: `null` there tells it no more.
DEFAULTS: Mapping[Kind, Severity] = {
    "refusal": "warning", "drawdown": "warning", "stale_feed": "warning", "disagreement": "critical",
    "strategy_error": "critical", "margin_call": "critical", "engine_down": "critical", "journal": "critical",
    "action": "info", "fill": "info", "summary": "info",
}  # fmt: skip


def _check_reference(value: str) -> str:
    if not re.fullmatch(r"\$\{[A-Za-z_][A-Za-z0-9_]*\}", value):
        raise ValueError("must name a variable, such as ${ALERT_MAIL}: the address itself stands in .env")
    return value


def _check_zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise ValueError("must be a time zone such as America/New_York or UTC") from error
    return value


def _check_clock(value: str) -> str:
    if not re.fullmatch(r"([01][0-9]|2[0-3]):[0-5][0-9]", value):
        raise ValueError("must be a time such as 22:30")
    return value


Reference = Annotated[str, AfterValidator(_check_reference)]
Zone = Annotated[str, AfterValidator(_check_zone)]
Clock = Annotated[str, AfterValidator(_check_clock)]


class Target(Section):
    """Whom to tell: an address of apprise's, out of the environment, and how bad it must be."""

    url: Reference
    least: Severity = "info"
    kinds: tuple[Kind, ...] = ()  #: only these; none is all


class Quiet(Section):
    """When to leave people alone: what is less than `let` waits until the end."""

    begin: Clock
    end: Clock
    zone: Zone = "UTC"
    let: Severity = "critical"


class Summary(Section):
    """When the day is summed up."""

    at: Clock
    zone: Zone = "UTC"


class DeadMan(Section):
    """An address that is asked while all is well: somebody else notices when it is not asked any more."""

    url: Reference
    every: float = Field(default=60.0, ge=1.0, le=86_400.0)


class AlertsFile(Section):
    """All keys of alerts.yaml. Times are seconds."""

    targets: Mapping[str, Target] = Field(min_length=1)
    rules: Mapping[Kind, Severity | None] = Field(default_factory=dict)
    drawdown: tuple[Annotated[float, Field(gt=0, lt=1)], ...] = (0.05, 0.10, 0.20)
    group: float = Field(default=5.0, ge=0.0, le=3_600.0)  #: what comes within so long goes together
    repeat: float = Field(default=600.0, ge=0.0)  #: the same again within so long is counted, not sent
    per_hour: int = Field(default=30, ge=1)  #: messages to one target; critical ones go anyway
    attempts: int = Field(default=8, ge=1, le=50)
    quiet: Quiet | None = None
    summary: Summary | None = None
    dead_man: DeadMan | None = None

    def severity(self, kind: Kind) -> Severity | None:
        """Return how bad a kind is; None where it is not told."""
        return self.rules[kind] if kind in self.rules else DEFAULTS[kind]


def read_alerts(path: Path) -> AlertsFile:
    """Read an alerts.yaml.

    Raises:
        ConfigError: It is not there, or a key is unknown, missing or wrong; names the key.
    """
    if not path.is_file():
        raise ConfigError(f"no file {str(path)!r}; docs/how-to/get-alerts.md has one to begin with")
    item = read_yaml(path)
    try:
        return AlertsFile.model_validate(strip(item))
    except ValidationError as error:
        raise ConfigError(f"{path}: {_describe(error)}") from error


def clock_of(text: str) -> time:
    """Return a time of day."""
    return time.fromisoformat(text)


def _describe(error: ValidationError) -> str:
    """Return the first thing that is wrong, without the value: it may be a secret in the wrong place."""
    wrong = error.errors(include_input=False, include_url=False)[0]
    key = ".".join(str(part) for part in wrong["loc"] if part != "[key]")
    if wrong["type"] == "extra_forbidden":
        return f"{key}: unknown key{nearest(key.rpartition('.')[2], _NAMES)}"
    if wrong["type"] == "literal_error":
        return f"{key}: {wrong['msg'].replace('Input should be', 'must be')}"
    return f"{key}: {wrong['msg'].removeprefix('Value error, ')}"


_NAMES = sorted(
    {name for model in (AlertsFile, Target, Quiet, Summary, DeadMan) for name in model.model_fields}
)
