"""The commands `report write`, `report compare` and `report portfolio`."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from openbell.cli.answer import Answer, Column, Exit, Table
from openbell.cli.jobs import find_reports
from openbell.cli.recorded import read_recorded
from openbell.cli.saved import rewrite
from openbell.cli.sources import read_sources, session_folder
from openbell.core.errors import ConfigError
from openbell.operation.outcomes import read_results
from openbell.papering import folder_name
from openbell.reporting import comparisonpage, togetherpage
from openbell.reporting.comparison import compare
from openbell.reporting.export import write_file, write_report
from openbell.reporting.html.sections import metric_groups
from openbell.reporting.pdf.tearsheet import tearsheet
from openbell.reporting.result import Result
from openbell.reporting.together import join
from openbell.reporting.words import money


def write_reports(name: str, reports: str | None, state: str | None, *, pdf: bool) -> Answer:
    """Write the report of a run or of a session, with a tear sheet if it is asked for.

    Raises:
        ConfigError: There is none of that name, or a file cannot be written.
        BadData: A journal is damaged.
    """
    session = session_folder(name, state)
    if session is not None:
        return _write_session(session, pdf=pdf)
    answer, result = rewrite(name, reports)
    if answer.code is not Exit.FINE or not pdf:
        return answer
    recorded = read_recorded(name, reports)
    sheet = tearsheet(result, lookahead=recorded.described["lookahead"])
    path = write_file(recorded.folder / "report.pdf", sheet)
    return Answer([*answer.parts, f"wrote {path}"], {**answer.document, "pdf": str(path)})


def _write_session(folder: Path, *, pdf: bool) -> Answer:
    results = read_results(folder)
    files = []
    for result in results:
        stem = "report" if len(results) == 1 else f"report-{folder_name(result.found.name)}"
        if pdf:  # before the page, so that a missing package leaves nothing half done
            files.append(write_file(folder / f"{stem}.pdf", tearsheet(result)))
        files.append(write_report(result, folder / f"{stem}.html"))
    if len(results) > 1:
        page = togetherpage.render(join(results)).encode("utf-8", "backslashreplace")
        files.append(write_file(folder / "report.html", page))
    return Answer(
        [f"wrote {file}" for file in files], {"session": str(folder), "files": [str(file) for file in files]}
    )


def compare_runs(runs: Sequence[str], to: str | None, *, reports: str | None, state: str | None) -> Answer:
    """Compare runs, print their metrics and write a page.

    Raises:
        ConfigError: A run is unknown, there are too few or too many, or the page cannot be written.
        BadData: A journal is damaged.
    """
    results = read_sources(runs, reports, state)
    found = compare(results)
    path = _place(to, "compare", results, reports)
    write_file(path, comparisonpage.render(found).encode("utf-8", "backslashreplace"))
    heads = [Column("Metric"), *(Column(name, right=True) for name in found.names)]
    keys = [key for group in metric_groups().values() for key in group]
    rows = [[cell.text for cell in row] for row in comparisonpage.metric_rows(found, keys)]
    own = [f"{name}: {result.verdict}" for name, result in zip(found.names, found.results, strict=True)]
    said = [str(found.verdict), *([found.verdict.detail] if found.verdict.detail else []), "", *own, ""]
    parts: list[str | Table] = [*said, comparisonpage.ranking(found), Table(heads, rows), f"wrote {path}"]
    return Answer(parts, {**found.as_json(), "file": str(path)})


def _read_rate(text: str) -> tuple[str, float]:
    currency, _, rate = text.partition("=")
    try:
        return currency, float(rate)
    except ValueError as error:
        raise ConfigError(f"--rate {text!r}: write a currency and a number, as in --rate EUR=1.1") from error


def join_runs(  # the options of its command
    runs: Sequence[str], to: str | None, *, currency: str | None, rates: Sequence[str],
    reports: str | None, state: str | None,
) -> Answer:  # fmt: skip
    """Report strategies as one portfolio, and write a page.

    Raises:
        ConfigError: A run is unknown, a rate is missing or wrong, or the page cannot be written.
        BadData: A journal is damaged.
    """
    results = read_sources(runs, reports, state)
    found = join(results, into=currency or "", rates=dict(map(_read_rate, rates)))
    path = _place(to, "portfolio", results, reports)
    write_file(path, togetherpage.render(found).encode("utf-8", "backslashreplace"))
    symbols, crossed = found.crossed()
    heads = [Column("Strategy"), *(Column(one, right=True) for one in (*symbols, "All"))]
    rows = [
        [name, *(money(brought[s]) if s in brought else "" for s in symbols), money(sum(brought.values()))]
        for name, brought in crossed.items()
    ]
    first, last = float(found.equity[0]), float(found.equity[-1])
    cash = ", ".join(f"{money(amount)} {name}" for name, amount in found.cash.items())
    said = f"{len(found.names)} strategies: {money(first)} became {money(last)} {found.currency}; cash {cash}"
    judged = [str(found.verdict), *([found.verdict.detail] if found.verdict.detail else []), ""]
    parts: list[str | Table] = [*judged, said, Table(heads, rows), f"wrote {path}"]
    return Answer(parts, {**found.as_json(), "file": str(path)})


def _place(to: str | None, kind: str, results: Sequence[Result], reports: str | None) -> Path:
    """Return the page's path: the one that is given, or a name below the reports that the runs decide."""
    if to is not None:
        if Path(to).suffix.lower() != ".html":
            raise ConfigError(f"--to: {to!r} must end in .html")
        return Path(to)
    decides = "".join(f"{result.found.name} {result.hash}" for result in results)
    folder, _ = find_reports(reports)
    return folder / f"{kind}-{hashlib.sha256(decides.encode()).hexdigest()[:8]}.html"
