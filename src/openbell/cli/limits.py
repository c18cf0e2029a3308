"""Limits of risk from the command line: a name, or a file of limits; else what the settings say."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path

from openbell.cli.places import placed
from openbell.config.yamlfile import read_yaml, strip
from openbell.core.errors import ConfigError, nearest
from openbell.execution.risk.limits import STANDARD_RISK, Risk, risk_from_json

#: Limits that have a name.
NAMED = {"standard": STANDARD_RISK, "none": Risk()}


def read_limits(given: str | None, configured: Risk) -> Risk:
    """Return the limits of a run.

    Args:
        given: `standard`, `none` or a YAML file; None leaves what is configured.
        configured: What the settings say.

    Raises:
        ConfigError: There is no such name or file, or a limit is wrong.
    """
    if given is None:
        return configured
    if given in NAMED:
        return NAMED[given]
    path = Path(given)
    if path.suffix.lower() not in {".yaml", ".yml"}:
        raise ConfigError(f"--risk: {given!r} is no file of limits (.yaml){nearest(given, NAMED)}")
    if not path.is_file():
        raise ConfigError(f"--risk: there is no file {given!r}; name one, or one of {', '.join(NAMED)}")
    values = strip(read_yaml(path))
    with placed(given):
        return risk_from_json(values.get("risk", {}) if set(values) == {"risk"} else values)


def describe_limits(risk: Risk) -> str:
    """Return the limits that are set, in one line: `position.max_share 0.2, portfolio.max_drawdown 0.1`."""
    if not risk.active:
        return "none"
    found = []
    for section in ("order", "position", "exits", "portfolio", "operation"):
        limits = getattr(risk, section)
        usual = type(limits)()
        for field in fields(limits):
            value = getattr(limits, field.name)
            if value != getattr(usual, field.name):
                found.append(f"{section}.{field.name} {_shown(value)}")
    return ", ".join(found) + ("" if risk.enforce else " (only recorded)")


def _shown(value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    return f"{value:.10g}" if isinstance(value, float) else str(value)


def only_recorded(risk: Risk) -> Risk:
    """Return limits that hold nothing back."""
    return replace(risk, enforce=False)
