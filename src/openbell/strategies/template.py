"""The first draft of a user's strategy, and of its test."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from contextlib import suppress
from importlib.metadata import packages_distributions
from keyword import iskeyword, issoftkeyword
from pathlib import Path
from secrets import token_hex

from openbell.core.errors import ConfigError
from openbell.strategies.registry import snake_case

_STRATEGY = '''"""Say here what {name} does, and why it should work."""

import openbell as ob


class {title}(ob.Strategy):
    """Long while a fast average is above a slow one, with a stop below the entry."""

    # A type, a default, bounds. `--set fast=10` changes one for a run.
    fast: int = ob.param(20, ge=2, le=100)
    slow: int = ob.param(60, ge=5, le=300)
    stop: float = ob.param(0.10, gt=0, lt=1)

    def on_start(self) -> None:
        # [-1] of an indicator is its value now, [-2] the one before.
        self.near = self.indicator(ob.SMA(self.fast))
        self.far = self.indicator(ob.SMA(self.slow))

    def on_bar(self, bar: ob.Bar) -> None:
        # Called at each close, once the indicators have values; an order can fill from the next open on.
        if self.near[-1] > self.far[-1]:
            # A signal that is repeated while it stands is a hold.
            self.buy(bar.symbol, stop_loss=bar.close * (1 - self.stop))
        else:
            self.close(bar.symbol)
'''

_TEST = '''"""What must stay true of {title}, on prices that come with Openbell."""

import unittest

import openbell as ob
from {name} import {title}


def run() -> ob.Result:
    return ob.backtest({title}, "AAPL", start="2004-01-01", end="2008-12-31", cash=100_000.0)


class {title}Test(unittest.TestCase):
    def test_it_trades_and_its_trades_add_up(self):
        result = run()
        trades = result.outcome.trades
        self.assertTrue(any(not trade.is_open for trade in trades))
        self.assertAlmostEqual(sum(trade.pnl for trade in trades), result.final_equity - 100_000.0, places=2)

    def test_the_same_run_gives_the_same_ledger(self):
        self.assertEqual(run().hash, run().hash)

    def test_a_parameter_out_of_bounds_is_refused(self):
        with self.assertRaisesRegex(ob.ConfigError, "fast=1 must be >= 2"):
            ob.backtest({title}, "AAPL", parameters={{"fast": 1}})


if __name__ == "__main__":  # python test_{name}.py; pytest runs it as well
    unittest.main()
'''


def write_strategy(name: str, folder: str | Path) -> tuple[Path, Path]:
    """Write `NAME.py`, a strategy that works, and `test_NAME.py`, its test; return their paths.

    The test is a script that needs nothing but Openbell.

    Raises:
        ConfigError: The name is none for a module of the user's, a file is there already, or cannot be
            written: then nothing is.
    """
    _check_name(name)
    title = "".join(part.capitalize() for part in name.split("_"))
    place = Path(folder).expanduser()
    if place.exists() and not place.is_dir():
        raise ConfigError(f"{place} is a file, not a folder to write {name}.py in")
    texts = {place / f"{name}.py": _STRATEGY, place / f"test_{name}.py": _TEST}
    for path in texts:
        if path.exists():
            raise ConfigError(f"{path} is there already; choose another name, or move it away")
    _write_all({path: text.format(name=name, title=title) for path, text in texts.items()}, place)
    strategy, test = texts
    return strategy, test


def _write_all(texts: Mapping[Path, str], place: Path) -> None:
    """Write files whole, all of them or none."""
    fresh = {path.with_name(f".{path.name}-{token_hex(4)}"): path for path in texts}
    try:
        place.mkdir(parents=True, exist_ok=True)
        for written, path in fresh.items():
            written.write_text(texts[path], encoding="utf-8")
        for written, path in fresh.items():
            written.rename(path)
    except OSError as error:
        why = error.strerror or str(error)
        raise ConfigError(
            f"{' and '.join(map(str, texts))} cannot be written ({why}); make room, or name another folder"
        ) from error
    finally:
        for written in fresh:
            with suppress(OSError):  # where nothing can be written, nothing was
                written.unlink()


def _check_name(name: str) -> None:
    if not re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", name):
        proposed = re.sub(r"[^a-z0-9]+", "_", snake_case(name)).strip("_0123456789") or "my_idea"
        raise ConfigError(
            f"strategy name {name!r} must be small letters, digits and single _; try {proposed!r}"
        )
    taken = iskeyword(name) or issoftkeyword(name) or name in {"openbell", "conftest"}
    if taken or name in sys.stdlib_module_names or name in packages_distributions():
        raise ConfigError(
            f"strategy name {name!r} is a word of Python's or an installed module's; try 'my_{name}'"
        )
