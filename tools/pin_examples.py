"""Write the examples' results anew, after a change that is meant to change them: `python tools/pin_examples.py`."""

from __future__ import annotations

import json
from pathlib import Path

import openbell as ob

PINS = Path(__file__).parent.parent / "tests" / "identity" / "example_hashes.json"

SEVERAL = ["AAPL", "IBM", "MSFT"]
CASES: dict[str, tuple[list[str], bool]] = {
    "sma_cross": (["AAPL"], False),
    "rsi_reversion": (["MSFT"], False),
    "bollinger_breakout": (["AAPL"], False),
    "donchian_trend": (["AAPL"], False),
    "pairs_trade": (["MSFT", "IBM"], True),
    "momentum_rotation": (SEVERAL, False),
    "dollar_cost_averaging": (SEVERAL, False),
    "buy_and_hold": (SEVERAL, False),
}


def main() -> None:
    """Run each example and keep its ledger's hash."""
    pins = {}
    for name, (symbols, margin) in CASES.items():
        result = ob.backtest(name, symbols, costs=ob.Costs(margin=ob.REG_T) if margin else None)
        pins[name] = {"symbols": symbols, "margin": margin, "hash": result.hash, "equity": round(result.final_equity, 2)}
    PINS.write_text(json.dumps(pins, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
