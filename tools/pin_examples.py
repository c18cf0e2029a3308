"""Pin the examples' results anew, after a change that is meant to change them."""

from __future__ import annotations

import json
from pathlib import Path

import openbell as ob
from openbell.cli.demo import MARGIN, SYMBOLS

PINS = Path(__file__).parent.parent / "tests" / "identity" / "example_hashes.json"


def main() -> None:
    """Run each example as the demo shows it, and keep its ledger's hash."""
    pins = {}
    for name, symbols in SYMBOLS.items():
        margin = name in MARGIN
        result = ob.backtest(name, symbols, costs=ob.Costs(margin=MARGIN[name]) if margin else None)
        equity = round(result.final_equity, 2)
        pins[name] = {"symbols": symbols, "margin": margin, "hash": result.hash, "equity": equity}
    PINS.write_text(json.dumps(pins, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
