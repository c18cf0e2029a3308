"""What may be configured: the keys of settings.yaml, strategies.yaml and brokers.yaml.

The costs are the core's own records, so that their defaults and their checks stand in one place.
Annotations are evaluated here (no `from __future__ import annotations`): pydantic reads them.
"""

import re
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo
from pydantic.dataclasses import dataclass

from openbell.config.providers import Providers
from openbell.config.section import RULES, Section
from openbell.config.sizing import ShareOfEquity, Sizing
from openbell.core.costs import Costs
from openbell.core.errors import nearest
from openbell.execution import factory
from openbell.execution.risk.limits import Risk


def _check_timeframe(value: str) -> str:
    if not re.fullmatch(r"[1-9][0-9]*[smhdw]", value):
        raise ValueError("must be a count and a unit of s, m, h, d or w, such as '1d' or '15m'")
    return value


def _check_currency(value: str) -> str:
    if not re.fullmatch(r"[A-Z]{3,5}", value):
        raise ValueError("must be a currency code in capitals, such as 'USD'")
    return value


def _check_name(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]*", value):
        raise ValueError("must be letters, digits, '_', '-' and '.', for it names files too")
    return value


def _check_symbols(value: tuple[str, ...]) -> tuple[str, ...]:
    if not value or not all(symbol.strip() for symbol in value):
        raise ValueError("must name at least one symbol, and no empty one")
    if len(set(value)) < len(value):
        raise ValueError("must name each symbol once")
    return value


def _check_end(value: date | None, info: ValidationInfo) -> date | None:
    start = info.data.get("start")
    if value is not None and start is not None and value < start:
        raise ValueError(f"must not be before start {start}")
    return value


def _check_folder(value: object) -> object:
    """Refuse an empty text, which as a path is the working folder: nobody means it so."""
    if isinstance(value, str) and not value.strip():
        raise ValueError("must name a folder; write . for the working folder")
    if isinstance(value, str) and "\0" in value:
        raise ValueError("must not hold a NUL; take it out")
    return value


def _raise_case(value: object) -> object:
    return value.upper() if isinstance(value, str) else value


def _check_kind(value: str) -> str:
    if not factory.kind_is_known(value):
        known = (factory.SIMULATED, *factory.broker_names())
        raise ValueError(f"must be the kind of a broker{nearest(value, known)}")
    return value


Level = Literal["TRACE", "DEBUG", "INFO", "SUCCESS", "WARNING", "ERROR", "CRITICAL"]


class Data(Section):
    """Where prices come from, and where the latest quotes are kept."""

    provider: str = Field(default="bundled", min_length=1)
    folder: Annotated[Path | None, BeforeValidator(_check_folder)] = None
    calendar: str = Field(default="auto", min_length=1)
    catalog: Annotated[Path, BeforeValidator(_check_folder)] = Path("data/catalog")
    cache: Literal["auto", "process", "redis"] = "auto"
    findings: Mapping[str, str] | None = None
    timeframe: Annotated[str, AfterValidator(_check_timeframe)] = "1d"


class Account(Section):
    """What a run starts with. `cash` is in units of `currency`."""

    cash: float = Field(default=100_000.0, gt=0)
    currency: Annotated[str, AfterValidator(_check_currency)] = "USD"


class Research(Section):
    """What research may see: nothing from the day `holdout` on, until one run opens it."""

    holdout: date | None = None


class State(Section):
    """Where trading sessions keep their journals. A relative folder counts from the working directory."""

    folder: Annotated[Path, BeforeValidator(_check_folder)] = Path("state")


class Reports(Section):
    """Where reports are written. A relative folder counts from the working directory."""

    folder: Annotated[Path, BeforeValidator(_check_folder)] = Path("reports")


@dataclass(config=RULES)
class Logging:
    """What is logged. No `Section`, because pydantic's models have a method `json` of their own."""

    level: Annotated[Level, BeforeValidator(_raise_case)] = "INFO"
    json: bool = False


class Settings(Section):
    """All keys of settings.yaml. `Settings()` is the built-in defaults."""

    data: Data = Field(default_factory=Data)
    providers: Providers = Field(default_factory=Providers)
    account: Account = Field(default_factory=Account)
    costs: Costs = Field(default_factory=Costs)
    sizing: Sizing = Field(default_factory=ShareOfEquity)
    risk: Risk = Field(default_factory=Risk)
    research: Research = Field(default_factory=Research)
    state: State = Field(default_factory=State)
    reports: Reports = Field(default_factory=Reports)
    logging: Logging = Field(default_factory=Logging)
    seed: int = Field(default=0, ge=0)
    benchmark: str = ""


class StrategyEntry(Section):
    """One item of strategies.yaml: what to run, on what, from when to when.

    `strategy` is a registered name, "package.module:Class" or "path/to/file.py:Class". Beside these
    keys an item may hold `account`, `costs`, `sizing` and `risk`; `Loaded.for_strategy` applies them.
    `place` is the item's file and line, for messages; it is no key of the file.
    """

    name: Annotated[str, AfterValidator(_check_name)]
    strategy: str = Field(min_length=1)
    symbols: Annotated[tuple[str, ...], AfterValidator(_check_symbols)]
    start: date | None = None
    end: Annotated[date | None, AfterValidator(_check_end)] = None
    parameters: Mapping[str, Any] = Field(default_factory=dict)
    place: str = Field(default="", exclude=True)


class BrokerEntry(Section):
    """One broker of brokers.yaml. The simulated broker takes its costs from the settings.

    `options` are the adapter's own, which checks them; keys and secrets are none of them.
    """

    kind: Annotated[str, AfterValidator(_check_kind)]
    options: Mapping[str, Any] = Field(default_factory=dict)
