"""The report's colours, light and dark: blue and orange, which every kind of sight tells apart."""

from __future__ import annotations

LIGHT = {
    "page": "#f4f6f8",
    "card": "#ffffff",
    "ink": "#16202a",
    "muted": "#566472",
    "line": "#d9e0e7",
    "grid": "#e8edf1",
    "strategy": "#0b5cab",
    "benchmark": "#71808d",
    "gain": "#0b5cab",
    "loss": "#b9500a",
    "strategy_soft": "rgba(11, 92, 171, 0.14)",
    "benchmark_soft": "rgba(113, 128, 141, 0.10)",
    "gain_soft": "rgba(11, 92, 171, 0.55)",
    "loss_soft": "rgba(185, 80, 10, 0.55)",
    "price": "#5d6b79",
}
DARK = {
    "page": "#0e141a",
    "card": "#161e26",
    "ink": "#e7edf3",
    "muted": "#a1afbc",
    "line": "#2c3844",
    "grid": "#243039",
    "strategy": "#6cb4f7",
    "benchmark": "#94a3b1",
    "gain": "#6cb4f7",
    "loss": "#f5a05a",
    "strategy_soft": "rgba(108, 180, 247, 0.18)",
    "benchmark_soft": "rgba(148, 163, 177, 0.12)",
    "gain_soft": "rgba(108, 180, 247, 0.60)",
    "loss_soft": "rgba(245, 160, 90, 0.60)",
    "price": "#9aa9b7",
}


def css() -> str:
    """Return the colours as CSS custom properties, dark where the reader's system is, light in print."""
    dark, light = _properties(DARK), _properties(LIGHT)
    return f":root{{{light}}}\n@media screen and (prefers-color-scheme: dark){{:root{{{dark}}}}}\n"


def _properties(colours: dict[str, str]) -> str:
    return "".join(f"--{name.replace('_', '-')}:{value};" for name, value in colours.items())
