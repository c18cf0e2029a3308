"""A page that lists the runs of a report folder."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from html import escape
from pathlib import Path
from secrets import token_hex
from typing import Any
from urllib.parse import quote

from openbell.core.errors import ConfigError
from openbell.portfolio.summary import DESCRIPTIONS
from openbell.reporting.export import RUN_FILE
from openbell.reporting.words import count, shown

_FIGURES = ("total_return", "cagr", "sharpe", "max_drawdown", "trades", "costs_paid")
_PAGE = """<!doctype html>
<html lang='en'>
<head>
<meta charset='utf-8'>
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name='viewport' content='width=device-width, initial-scale=1'>
<meta name='color-scheme' content='light dark'>
<title>Runs: Openbell</title>
<style>
:root {{ color-scheme: light dark; }}
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 86rem; margin: 2rem auto; padding: 0 1rem; }}
div {{ overflow-x: auto; }}
table {{ border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }}
th, td {{ padding: 0.4rem 0.7rem; border-bottom: 1px solid #8884; }}
th, td {{ text-align: right; }}
td {{ white-space: nowrap; }}
th {{ vertical-align: bottom; }}
th:nth-child(-n+3), td:nth-child(-n+3) {{ text-align: left; }}
th:first-child, td:first-child {{ position: sticky; left: 0; background: Canvas; }}
</style>
</head>
<body>
<h1>Runs</h1>
<p>{said}</p>
<div><table>
<thead><tr>{head}</tr></thead>
<tbody>
{rows}
</tbody>
</table></div>
</body>
</html>
"""


def write_index(folder: Path) -> Path:
    """Write `index.html` into a report folder, with a line for each run that it holds.

    Raises:
        ConfigError: It cannot be written.
    """
    rows = list(_rows(folder))
    titles = ["Strategy", "Symbols", "Data", *(DESCRIPTIONS[key].label for key in _FIGURES)]
    head = "".join(f"<th scope='col'>{escape(title)}</th>" for title in titles)
    said = f"{count(len(rows), 'run')}, by name. Costs are those of each run; its report says what they were."
    path = folder / "index.html"
    try:
        _replace(path, _PAGE.format(said=said, head=head, rows="\n".join(rows)))
    except OSError as error:
        raise ConfigError(
            f"{path} cannot be written ({error.strerror}); name another report folder"
        ) from error
    return path


def list_runs(folder: Path) -> list[Path]:
    """Return the run.json of each finished run in a report folder, by name."""
    found = sorted(folder.glob(f"*/{RUN_FILE}"))
    return [path for path in found if not path.parent.name.startswith(".")]  # those are being written


def _rows(folder: Path) -> Iterator[str]:
    for path in list_runs(folder):
        name = path.parent.name
        link = f"<a href='{quote(name)}/report.html'>"
        try:
            described = json.loads(path.read_text(encoding="utf-8"))
            cells = _cells(described)
        except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
            yield f"<tr><td>{link}{escape(name)}</a></td><td>unreadable: {escape(str(error))}</td></tr>"
            continue
        first, *others = (f"<td>{escape(cell)}</td>" for cell in cells)
        linked = first.replace("<td>", f"<td>{link}").replace("</td>", "</a></td>")
        yield f"<tr>{linked}{''.join(others)}</tr>"


def _cells(described: Mapping[str, Any]) -> list[str]:
    metrics, data = described["metrics"], described["data"]
    values = (metrics[key] for key in _FIGURES)
    figures = [
        shown(key, float("nan") if value is None else value)
        for key, value in zip(_FIGURES, values, strict=True)
    ]
    span = f"{min(one['first'] for one in data)[:10]} to {max(one['last'] for one in data)[:10]}"
    return [described["name"], ", ".join(described["plan"]["symbols"]), span, *figures]


def _replace(path: Path, text: str) -> None:
    """Write a file whole or not at all."""
    fresh = path.with_name(f".{path.name}-{token_hex(4)}")
    try:
        fresh.write_text(text, encoding="utf-8", newline="\n")
        fresh.replace(path)
    finally:
        fresh.unlink(missing_ok=True)
