"""The charts of a session as the drawing library takes them. All are bounded, however long a session runs."""

from __future__ import annotations

from typing import Any

from nicegui import ui

from openbell.app import models
from openbell.app.dashboard.frame import BAD, GOOD
from openbell.app.follower import Follower

_LINE = {"type": "line", "showSymbol": False, "animation": False}
_MARKS = 100  #: trades that are marked
#: That of the page where a chart is: what suits a light one cannot be read on a dark one.
_TEXT = "currentColor"
_AXIS = {"axisLabel": {"color": _TEXT}, "splitLine": {"lineStyle": {"color": "rgba(128, 128, 128, 0.25)"}}}
#: Blue and orange that stand out from a light page and from a dark one.
UP, DOWN = "#2f7fd6", "#d9741a"


def place(says: str, height: str) -> ui.echart:
    """Place an empty chart, for whose text the page's colours hold; `says` tells what it shows."""
    chart = ui.echart(base(), renderer="svg").classes(f"ob-dim w-full {height}")
    return chart.props(f"role=img aria-label='{says}'")


def base() -> dict[str, Any]:
    """Return a chart with nothing on it."""
    return {
        "animation": False,
        "grid": {"left": 64, "right": 16, "top": 32, "bottom": 28},
        "tooltip": {"trigger": "axis"},
        "legend": {"top": 0, "textStyle": {"color": _TEXT}},
        "xAxis": {"type": "time", **_AXIS},
        "yAxis": {"type": "value", "scale": True, **_AXIS},
        "series": [],
    }


def equity_series(one: Follower) -> list[dict[str, Any]]:
    """Return each strategy's equity."""
    found = []
    for name in one.ledgers:
        times, values = one.curve(name)
        points = [[time // 1_000_000, round(value, 2)] for time, value in zip(times, values, strict=True)]
        found.append(_LINE | {"name": name, "data": points})
    return found


def drawdown_series(one: Follower, limits: dict[str, float]) -> list[dict[str, Any]]:
    """Return each strategy's drawdown in percent, and the limits that it must not reach."""
    found = []
    for name in one.ledgers:
        times, values = one.curve(name)
        peak, points = 0.0, []
        for time, value in zip(times, values, strict=True):
            peak = max(peak, value)
            points.append([time // 1_000_000, round(100.0 * (value / peak - 1.0), 3) if peak > 0.0 else 0.0])
        found.append(_LINE | {"name": name, "data": points, "areaStyle": {"opacity": 0.15}})
    lines = [{"yAxis": -100.0 * bound, "name": label} for label, bound in limits.items()]
    if found and lines:
        found[0]["markLine"] = {
            "silent": True, "symbol": "none", "data": lines, "lineStyle": {"color": DOWN, "type": "dashed"},
            "label": {"formatter": "{b}", "position": "insideEndTop", "color": _TEXT},
        }  # fmt: skip
    return found


def price_options(one: Follower, symbol: str) -> dict[str, Any]:
    """Return a symbol's bars with the trades on them."""
    bars = list(one.observed.bars.get(symbol, ()))
    first = bars[0][0] if bars else 0
    marks = [
        {
            "coord": [fill.time // 1_000_000, fill.price],
            "symbol": "triangle", "symbolSize": 12, "symbolRotate": 0 if fill.side > 0 else 180,
            "symbolOffset": [0, 18 if fill.side > 0 else -18],
            "itemStyle": {"color": UP if fill.side > 0 else DOWN},
            "name": f"{'bought' if fill.side > 0 else 'sold'} {fill.quantity:g} at {fill.price:,.2f}",
            "value": "",
        }
        for ledger in one.ledgers.values()
        for fill in ledger.fills
        if fill.symbol == symbol and fill.time >= first
    ]  # fmt: skip
    data = [[b[0] // 1_000_000, *(round(b[i], 4) for i in (1, 4, 3, 2))] for b in bars]
    return base() | {
        "legend": {"show": False},
        "dataZoom": [{"type": "inside"}],
        "series": [
            {
                "type": "candlestick", "name": symbol, "data": data,
                "itemStyle": {"color": UP, "borderColor": UP, "color0": DOWN, "borderColor0": DOWN},
                "markPoint": {"data": marks[-_MARKS:], "label": {"show": False}},
            }
        ],
    }  # fmt: skip


def sector_options(risk: models.Risk) -> dict[str, Any]:
    """Return exposure by sector, as bars in percent of equity."""
    names = sorted(risk.sectors, key=lambda sector: abs(risk.sectors[sector]))
    return base() | {
        "grid": {"left": 110, "right": 24, "top": 8, "bottom": 28},
        "legend": {"show": False},
        "xAxis": {"type": "value", **_AXIS, "axisLabel": {"formatter": "{value}%", "color": _TEXT}},
        "yAxis": {"type": "category", "data": names, **_AXIS},
        "series": [
            {
                "type": "bar", "animation": False, "barMaxWidth": 22,
                "data": [
                    {
                        "value": round(100.0 * risk.sectors[name], 1),
                        "itemStyle": {"color": UP if risk.sectors[name] >= 0 else DOWN},
                    }
                    for name in names
                ],
                "label": {"show": True, "position": "right", "formatter": "{c}%", "color": _TEXT},
            }
        ],
    }  # fmt: skip


def correlation_options(risk: models.Risk) -> dict[str, Any]:
    """Return the correlations of returns, from orange at -1 over white to blue at 1."""
    names, cells = risk.symbols, risk.correlation
    few = len(names) <= 12
    return {
        "animation": False,
        "grid": {"left": 64, "right": 16, "top": 8, "bottom": 64},
        "tooltip": {},
        "xAxis": {"type": "category", "data": names, "axisLabel": {"rotate": 0 if few else 90,
        "color": _TEXT}},
        "yAxis": {"type": "category", "data": names, "inverse": True, **_AXIS},
        "visualMap": {
            "min": -1, "max": 1, "show": False, "inRange": {"color": [BAD, "#f5f5f5", GOOD]},
        },
        "series": [
            {
                "type": "heatmap",
                "data": [
                    [x, y, cell] for y, row in enumerate(cells) for x,
                    cell in enumerate(row) if cell is not None
                ],
                "label": {"show": few, "textBorderWidth": 0},
            }
        ],
    }  # fmt: skip
