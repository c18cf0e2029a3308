"""The command `report export`."""

from __future__ import annotations

from collections.abc import Sequence

from openbell.cli.answer import Answer
from openbell.cli.folders import check_named
from openbell.cli.sources import read_sources
from openbell.core.errors import ConfigError, nearest
from openbell.reporting.exchange import FORMS, totals_of, write_tables


def export_tables(
    runs: Sequence[str], to: str, form: str, *, lots: str, reports: str | None, state: str | None
) -> Answer:
    """Write every table in each form that is asked for.

    Raises:
        ConfigError: A form, a method or a run is unknown, or the folder cannot be written.
    """
    check_named(to, "--to")
    forms = list(dict.fromkeys(one.strip() for one in form.split(",")))
    for one in forms:
        if one not in FORMS:
            raise ConfigError(f"--format: {one!r} is unknown{nearest(one, FORMS)}")
    results = read_sources(runs, reports, state)
    files = [file for one in forms for file in write_tables(results, to, one, lots=lots)]
    document = {"files": [str(file) for file in files], "totals": totals_of(results)}
    return Answer([f"wrote {file}" for file in files], document)
