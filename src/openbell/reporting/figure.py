"""The equity chart as a figure of plotly's, for a notebook."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from openbell.reporting.html import charts, palette
from openbell.reporting.html.headline import benchmark_name, title
from openbell.reporting.result import Result
from openbell.reporting.words import capitalised

if TYPE_CHECKING:
    from plotly.graph_objects import Figure


def plot(result: Result) -> Figure:
    """Return equity against the benchmark with the drawdown below, in the light colours."""
    from plotly.graph_objects import Figure  # slow to load

    curves = charts.Curves(result)
    made = charts.growth(curves, capitalised(benchmark_name(result)))
    layout = {**made["layout"], "title": {"text": title(result)}, "height": 560}
    return Figure(_dressed({"data": made["data"], "layout": layout}, curves.shared, ""))


def _dressed(value: Any, shared: dict[str, list[str]], key: str) -> Any:
    """Put in what names of colours and of shared columns mean, as the page's script does."""
    if isinstance(value, dict):
        return {name: _dressed(one, shared, name) for name, one in value.items()}
    if isinstance(value, list):
        return [_dressed(one, shared, key) for one in value]
    if isinstance(value, str) and value[:1] == "$" and key.endswith("color"):
        return palette.LIGHT[value[1:]]
    if isinstance(value, str) and value[:1] == "@" and key == "x":
        return shared[value[1:]]
    return value
