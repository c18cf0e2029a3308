"""Finding a strategy, wherever it is; and one line with the nearest name wherever it is not."""

import os
import sys
from importlib.metadata import EntryPoint
from pathlib import Path
from textwrap import dedent

import pytest

import openbell as ob
from openbell.core.errors import ConfigError
from openbell.strategies import registry
from openbell.strategies.base import Strategy
from openbell.strategies.examples import BY_NAME
from openbell.strategies.examples.buy_and_hold import BuyAndHold
from openbell.strategies.examples.sma_cross import sma_cross
from openbell.strategies.loading import USER_MODULE, load_file
from openbell.strategies.registry import find, names
from openbell.strategies.signal import Signal, SignalStrategy

GOOD = """
from __future__ import annotations

from typing import TYPE_CHECKING

import openbell as ob

if TYPE_CHECKING:
    from nowhere import Nothing


class Breakout(ob.Strategy):
    '''Buys breakouts.

    At length.
    '''

    lookback: int = ob.param(20, ge=2)
    share: float = 1
    other: Nothing | None = None

    def on_bar(self, bar: ob.Bar) -> None:
        self.buy(bar.symbol)
"""


@pytest.fixture
def write(tmp_path):
    def write_file(text: str, name: str = "mine.py") -> str:
        path = tmp_path / name
        path.write_text(dedent(text), encoding="utf-8")
        return str(path)

    return write_file


@pytest.fixture
def offer(monkeypatch):
    """Pretend that an installed package offers strategies."""

    def offering(**values: str) -> None:
        entries = [EntryPoint(n, v, registry.ENTRY_POINT_GROUP) for n, v in values.items()]
        monkeypatch.setattr(registry, "entry_points", lambda group: entries)

    return offering


def said(what) -> str:
    with pytest.raises(ConfigError) as raised:
        find(what)
    assert "\n" not in str(raised.value)
    return str(raised.value)


# --- by name, module, object -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", BY_NAME)
def test_each_example_is_found_by_name_and_can_be_made(name):
    found = find(name)
    assert (found.name, found.origin, found.form) == (name, name, BY_NAME[name])
    assert found.code_hash.startswith("sha256:")
    assert isinstance(found.make({}), Strategy)


def test_parameters_are_listed_with_their_defaults():
    assert find("sma_cross").parameters() == {"fast": 10, "slow": 30}
    assert find("buy_and_hold").parameters() == {"invest": 0.95}


def test_a_strategy_is_made_with_parameters():
    crossed = find("sma_cross").make({"fast": "20"})
    assert isinstance(crossed, SignalStrategy)
    assert crossed.values() == {"fast": 20, "slow": 30}
    assert find("buy_and_hold").make({"invest": "0.5"}).values() == {"invest": 0.5}


def test_a_strategy_is_found_in_a_module():
    found = find("openbell.strategies.examples.buy_and_hold:BuyAndHold")
    assert (found.form, found.origin) == (BuyAndHold, "openbell.strategies.examples.buy_and_hold:BuyAndHold")


@pytest.mark.parametrize("form", [BuyAndHold, sma_cross])
def test_an_object_is_found_again_by_its_origin(form):
    found = find(form)
    assert find(found.origin).form is form
    assert found.source == Path(sys.modules[form.__module__].__file__ or "").read_text(encoding="utf-8")


@pytest.mark.parametrize(("what", "message"), [
    ("sma_cros", "unknown strategy 'sma_cros'; did you mean 'sma_cross'?"),
    ("openbell.strategies.examples.buy_and_hold:BuyHold",
     "examples.buy_and_hold:BuyHold': the module has no 'BuyHold'; did you mean 'BuyAndHold'?"),
    ("openbell.core.rules:DUST",
     "strategy 'openbell.core.rules:DUST' is a float; give a Strategy class or an @signal function"),
    ("nowhere_at_all:Breakout",
     "strategy 'nowhere_at_all:Breakout': No module named 'nowhere_at_all'; install it, or mend the import"),
    (":Breakout", "strategy ':Breakout' names no module; write it in full, as package.module:Class"),
    ("..x:Y", "strategy '..x:Y' names no module; write it in full, as package.module:Class"),
    (5, "strategy '5' is a int; give a Strategy class or an @signal function"),
    (BuyAndHold(), "is a BuyAndHold; give a Strategy class or an @signal function"),
])  # fmt: skip
def test_what_is_not_there_is_one_line(what, message):
    assert said(what).endswith(message)


def test_a_name_that_is_a_file_here_says_so(write, tmp_path, monkeypatch):
    write(GOOD, "breakout.py")
    monkeypatch.chdir(tmp_path)
    assert said("breakout") == "unknown strategy 'breakout'; did you mean 'breakout.py'?"


# --- by file -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", ["", ":Breakout"])
def test_a_file_is_loaded_with_its_annotations_as_text(write, suffix):
    path = write(GOOD)
    found = find(path + suffix)
    assert (found.name, found.summary, found.origin) == ("breakout", "Buys breakouts.", f"{path}:Breakout")
    assert found.source == dedent(GOOD)
    assert found.parameters() == {"lookback": 20, "share": 1.0}
    assert found.make({"lookback": "5"}).values() == {"lookback": 5, "share": 1.0}


def test_a_path_object_and_a_loaded_class_are_found_too(write):
    path = write(GOOD)
    found = find(Path(path))
    assert find(found.form).origin == f"{path}:Breakout"


def test_a_file_is_read_anew_each_time(write, monkeypatch):
    monkeypatch.setattr("sys.dont_write_bytecode", False)  # else what was compiled is not kept at all
    first = find(write(GOOD)).parameters()
    assert find(write(GOOD.replace("20", "30"))).parameters() != first


def test_a_file_with_one_strategy_may_import_others_and_have_a_base_that_does_nothing(write):
    path = write("""
        import openbell as ob
        from openbell.strategies.examples import BuyAndHold, sma_cross

        class Shared(ob.Strategy):
            size: int = 3

        class Mine(Shared):
            def on_bar(self, bar): ...

        Alias = Mine
    """)
    found = find(path)
    assert (found.name, found.parameters()) == ("mine", {"size": 3})


def test_a_signal_in_a_file_is_found(write):
    path = write("""
        import openbell as ob

        @ob.signal(price=ob.field("close"))
        def always(price):
            return 1.0
    """)
    found = find(path)
    assert (found.name, found.origin, found.summary) == ("always", f"{path}:always", "")
    assert isinstance(found.form, Signal)


TWO = """
import openbell as ob

class One(ob.Strategy):
    def on_bar(self, bar): ...

class Two(ob.Strategy):
    def on_bars(self, bars): ...
"""


@pytest.mark.parametrize(("text", "message"), [
    (TWO, "{path} holds 2 strategies (One, Two); name one: {path}:One"),
    ("x = 1", "{path} holds 0 strategies (none); name one: {path}:Class"),
    ("def f(:\n    pass", "{path}: SyntaxError: invalid syntax (mine.py:1)"),
    ("import nowhere_at_all",
     "{path}: No module named 'nowhere_at_all'; install it, or mend the import (mine.py:1)"),
    ("from openbell import Nothing", "{path}: ImportError: cannot import name 'Nothing' from 'openbell'"),
    ("import openbell as ob\n\nx = 1 / 0", "{path}: ZeroDivisionError: division by zero (mine.py:3)"),
    ("import openbell as ob\nx = ob.param(1, ge=2)", "{path}: ob.param(1)=1 must be >= 2 (mine.py:2)"),
    ("raise KeyError", "{path}: KeyError (mine.py:1)"),
    ("import json\njson.loads('{')", "(mine.py:2)"),
    ("import openbell as ob\n\nclass Idle(ob.Strategy):\n    def on_tick(self): ...",
     "strategy Idle does nothing: write on_bar or on_bars (it has on_tick)"),
    ("import openbell as ob\n\nclass Idle(ob.Strategy):\n    pass",
     "strategy Idle does nothing: write on_bar or on_bars"),
])  # fmt: skip
def test_a_file_that_cannot_be_used_is_one_line(write, text, message):
    path = write(text)
    before = set(sys.modules)
    assert message.format(path=path) in said(path)
    assert {name for name in set(sys.modules) - before if "mine" in name} == set()


def test_a_file_is_loaded_from_a_folder_whose_name_is_no_text(tmp_path):
    folder = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9"))
    try:
        folder.mkdir()
    except OSError:  # some systems have no such names
        return
    (folder / "mine.py").write_text(dedent(GOOD), encoding="utf-8")
    assert load_file(folder / "mine.py").__name__.startswith(USER_MODULE)
    assert find(folder / "mine.py").name == "breakout"


def test_a_file_that_broke_leaves_the_one_that_worked(write):
    module = load_file(Path(write(GOOD)))
    said(write("x = 1 / 0"))
    assert sys.modules[module.__name__] is module


def test_a_syntax_error_in_what_a_file_imports_names_that_file(write, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    write("x = = 1", "broken_helper.py")
    path = write("import broken_helper")
    assert said(path) == f"{path}: SyntaxError: invalid syntax (broken_helper.py:1)"


def test_a_missing_file_or_class_offers_the_nearest(write):
    path = write(GOOD)
    wrong = path.replace("mine", "mien")
    assert said(wrong) == f"no strategy file {wrong!r}; did you mean 'mine.py'?"
    far = path.replace("mine", "zzzqqqzzz")
    assert said(far) == f"no strategy file {far!r}; `openbell new strategy NAME` writes one"
    assert (
        said(f"{path}:Brakout") == f"strategy {path!r}: the module has no 'Brakout'; did you mean 'Breakout'?"
    )


def test_only_python_is_loaded(tmp_path):
    (tmp_path / "notes.txt").write_text("x")
    with pytest.raises(ConfigError, match=r"its name must end in \.py$"):
        load_file(tmp_path / "notes.txt")


def test_a_class_that_was_typed_at_a_prompt_has_no_source(monkeypatch):
    space = {"__name__": "__main__", "ob": ob}
    exec("class Typed(ob.Strategy):\n    def on_bar(self, bar): ...", space)  # noqa: S102  # as a prompt does
    typed = space["Typed"]
    monkeypatch.delattr(sys.modules["__main__"], "__file__", raising=False)
    found = find(typed)  # type: ignore[arg-type]  # exec made it
    assert (found.source, found.origin, found.summary) == ("", "__main__:Typed", "")


# --- by entry point ----------------------------------------------------------------------------------------


def test_an_installed_package_offers_strategies_but_takes_no_examples_name(offer):
    where = "openbell.strategies.examples.rsi_reversion:RsiReversion"
    offer(theirs=where, buy_and_hold=where)
    assert (find("theirs").name, find("theirs").origin) == ("rsi_reversion", "theirs")
    assert find("buy_and_hold").form is BuyAndHold
    assert set(names()) == {*BY_NAME, "theirs"}
    assert names()["buy_and_hold"].form is BuyAndHold
    assert said("their") == "unknown strategy 'their'; did you mean 'theirs'?"


@pytest.mark.parametrize(("value", "message"), [
    ("nowhere_at_all:X", "No module named 'nowhere_at_all'; install it, or mend the import"),
    ("openbell.core.rules:DUST",
     "(openbell.core.rules:DUST)' is a float; give a Strategy class or an @signal function"),
])  # fmt: skip
def test_a_broken_offer_hurts_only_who_asks_for_it(offer, value, message):
    offer(theirs=value)
    assert find("sma_cross").name == "sma_cross"
    assert said("theirs").startswith("strategy 'theirs")
    assert said("theirs").endswith(message)
