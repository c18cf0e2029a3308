"""The command `doctor`: is everything here that Openbell needs, and does it work?"""

from __future__ import annotations

import hashlib
import platform
import re
import sys
from collections.abc import Callable, Iterator
from importlib import metadata
from importlib.resources import files
from typing import Literal, NamedTuple

import openbell
from openbell import run
from openbell.backtesting.plan import Plan
from openbell.cli.answer import Answer, Column, Exit, Table
from openbell.cli.jobs import check_writable, find_reports
from openbell.config import load
from openbell.core.errors import ConfigError, OpenbellError
from openbell.data import bundled, calendar
from openbell.reporting.html.page import plotly_script
from openbell.reporting.words import count

#: The oldest Python that Openbell runs on.
OLDEST = (3, 11)
#: Extras that are for those who work on Openbell itself.
OWN_EXTRAS = {"dev"}
_PRICES = "stocks.csv.gz"


class Finding(NamedTuple):
    """What was looked at, how it is, and what to do about it."""

    state: Literal["ok", "note", "FAULT"]
    name: str
    said: str
    remedy: str = ""


def examine(reports: str | None) -> Answer:
    """Look at everything; a fault is what keeps Openbell from working."""
    findings = [finding for look in _looks(reports) for finding in look()]
    faults = [finding for finding in findings if finding.state == "FAULT"]
    rows = [(finding.state, finding.name, finding.said) for finding in findings]
    table = Table([Column(title) for title in ("State", "What", "Found")], rows)
    remedies = [f"{finding.name}: {finding.remedy}" for finding in findings if finding.remedy]
    parts: list[str | Table] = [table]
    if remedies:
        parts += ["", *remedies]
    parts += ["", count(len(faults), "fault") if faults else "everything that is needed is here and works"]
    document = {"healthy": not faults, "findings": [finding._asdict() for finding in findings]}
    return Answer(parts, document, Exit.FAILED if faults else Exit.FINE)


def _looks(reports: str | None) -> list[Callable[[], Iterator[Finding]]]:
    return [_python, _packages, _extras, _settings, _data, _cache, _runs, _page, lambda: _reports(reports)]


def _python() -> Iterator[Finding]:
    said = f"Python {platform.python_version()}, openbell {openbell.__version__}, {platform.platform()}"
    if sys.version_info[:2] < OLDEST:
        wanted = ".".join(map(str, OLDEST))
        yield Finding("FAULT", "python", said, f"install Python {wanted} or newer")
    else:
        yield Finding("ok", "python", said)


def _packages() -> Iterator[Finding]:
    if not _metadata("Name"):
        yield Finding("FAULT", "openbell", "imported, not installed", "pip install -e .")
    for requirement in _requirements(""):
        yield _package(requirement, missing="FAULT", install=f"pip install '{requirement}'")


def _extras() -> Iterator[Finding]:
    """Look at what is optional: nothing of it is a fault."""
    for extra in _extra_names():
        found = [
            _package(requirement, missing="note", install=f"pip install 'openbell[{extra}]'")
            for requirement in _requirements(extra)
        ]
        lacking = [finding for finding in found if finding.state != "ok"]
        if lacking:
            names = ", ".join(finding.name for finding in lacking)
            yield Finding("note", f"extra {extra}", f"not installed: {names}", lacking[0].remedy)
        else:
            yield Finding("ok", f"extra {extra}", ", ".join(finding.name for finding in found))


def _settings() -> Iterator[Finding]:
    try:
        loaded = load()
    except ConfigError as error:
        yield Finding("FAULT", "settings", "cannot be read", str(error))
        return
    there = (
        f"{loaded.folder}, read" if loaded.folder.is_dir() else "built-in defaults: there is no folder config"
    )
    yield Finding("ok", "settings", there)


def _data() -> Iterator[Finding]:
    packed = files(bundled).joinpath(_PRICES).read_bytes()
    digest = hashlib.sha256(packed).hexdigest()
    if digest in files(bundled).joinpath("NOTICE.md").read_text(encoding="utf-8"):
        yield Finding("ok", "bundled prices", f"{', '.join(bundled.symbols())}; sha256 {digest[:12]}…")
    else:
        said = f"{_PRICES} is not the file that was bundled (sha256 {digest[:12]}…)"
        yield Finding("FAULT", "bundled prices", said, "reinstall openbell")


def _cache() -> Iterator[Finding]:
    path = calendar.cache_path("XNYS")
    if path is None:
        remedy = "set OPENBELL_CACHE to a folder that can be written; until then each start takes 2 s longer"
        yield Finding("note", "calendar cache", "the user has no home folder", remedy)
        return
    folder = path.parent.parent
    try:
        check_writable(folder, "OPENBELL_CACHE")
    except ConfigError:
        remedy = "set OPENBELL_CACHE to a folder that can be written; until then each start takes 2 s longer"
        yield Finding("note", "calendar cache", f"{folder} cannot be written", remedy)
        return
    yield Finding("ok", "calendar cache", str(folder))


def _runs() -> Iterator[Finding]:
    """Run a strategy twice: the ledgers must be the same."""
    plan = Plan("sma_cross", symbols=("AAPL",))
    try:
        first, second = run.execute(plan), run.execute(plan)
    except OpenbellError as error:
        yield Finding("FAULT", "a run", str(error), "reinstall openbell")
        return
    if first.hash == second.hash:
        yield Finding("ok", "a run", f"sma_cross on AAPL, twice the same; {first.hash[:19]}…")
    else:
        remedy = "report this with the output of `openbell doctor --json`"
        yield Finding("FAULT", "a run", f"{first.hash} became {second.hash}", remedy)


def _page() -> Iterator[Finding]:
    try:
        size = len(plotly_script())
    except ConfigError as error:
        yield Finding("FAULT", "report page", "its charts are missing", str(error))
        return
    yield Finding(
        "ok", "report page", f"charts are here ({size / 1e6:.1f} MB); any browser shows it, offline"
    )


def _reports(reports: str | None) -> Iterator[Finding]:
    try:
        folder, place = find_reports(reports)
        check_writable(folder, place)
    except ConfigError as error:
        yield Finding("FAULT", "report folder", "cannot be written", str(error))
        return
    yield Finding("ok", "report folder", str(folder.absolute()))


def _package(requirement: str, *, missing: Literal["note", "FAULT"], install: str) -> Finding:
    name = re.split(r"[^\w.-]", requirement, maxsplit=1)[0]
    try:
        version = metadata.version(name)
    except metadata.PackageNotFoundError:
        return Finding(missing, name, f"not installed; needed is {requirement}", install)
    if not meets(version, requirement):
        return Finding(missing, name, f"{version}; needed is {requirement}", install)
    return Finding("ok", name, version)


def meets(version: str, requirement: str) -> bool:
    """Tell whether a version is within a requirement's `>=`, `<` and `==`, by its numbers."""
    have = _numbers(version)
    for sign, bound in re.findall(r"(>=|<|==)\s*([\w.]+)", requirement):
        limit = _numbers(bound)
        holds = {">=": have >= limit, "<": have < limit, "==": have == limit}[sign]
        if not holds:
            return False
    return True


def _numbers(version: str) -> tuple[int, ...]:
    """Return a version's numbers without trailing zeros, so that 1.0 is 1."""
    found = [int(number) for number in re.findall(r"\d+", re.split(r"[a-z+]", version, maxsplit=1)[0])]
    while found and found[-1] == 0:
        found.pop()
    return tuple(found)


def _requirements(extra: str) -> Iterator[str]:
    """Yield what the package (or one of its extras) requires, without markers."""
    for line in _metadata("Requires-Dist"):
        requirement, _, marker = line.partition(";")
        named = re.search(r"extra\s*==\s*['\"]([^'\"]+)", marker)
        if (named[1] if named else "") == extra:
            yield requirement.strip()


def _extra_names() -> list[str]:
    return [name for name in _metadata("Provides-Extra") if name not in OWN_EXTRAS]


def _metadata(field: str) -> list[str]:
    """Return the values of a field of the package's metadata; none where it is not installed."""
    try:
        return metadata.metadata("openbell").get_all(field) or []
    except metadata.PackageNotFoundError:
        return []
