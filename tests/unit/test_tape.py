"""What a tape refuses, and how it goes on in another process."""

from __future__ import annotations

from pathlib import Path

import pytest

import openbell as ob
from openbell.core.errors import BadData, Halt, StrategyError
from openbell.core.messages import BarMessage
from openbell.data.tape import Tape
from tests.unit.test_tape_bounded import CALENDAR, moments, tape_of
from tests.unit.trading_by_hand import MINUTE, START


def bar(symbol: str, number: int = 0) -> BarMessage:
    begin = START + number * MINUTE
    return BarMessage(symbol, begin, begin + MINUTE, 10.0, 11.0, 9.0, 10.0, 100.0)


def test_a_tape_has_symbols_and_its_moments_have_bars() -> None:
    with pytest.raises(BadData, match="no symbols: a run needs at least one"):
        Tape([], timeframe="1m", sessions=CALENDAR, begin=START)
    with pytest.raises(BadData, match="a moment without bars"):
        tape_of(None).receive([])


def test_a_bar_of_another_symbol_or_out_of_its_order_is_refused() -> None:
    tape = tape_of(None)
    with pytest.raises(BadData, match="a bar of 'AA', which is not in this run"):
        tape.receive([bar("AA")])
    tape.receive([bar("A", 1)])
    tape.advance()
    with pytest.raises(BadData, match="bars must arrive in their order, once each"):
        tape.receive([bar("A", 1)])


def test_what_a_strategy_cannot_have_is_named() -> None:
    tape = tape_of(None)
    with pytest.raises(StrategyError, match="symbol 'AB' is not in this run"):
        tape.history("AB", "close", 1)
    with pytest.raises(StrategyError, match="A has no column 'closed'; did you mean 'close'"):
        tape.history("A", "closed", 1)
    with pytest.raises(StrategyError, match="needs the column 'vwap', which a live market does not have"):
        tape.indicator(ob.indicator(lambda vwap: vwap, "vwap"), "A")


def test_indicators_are_ready_when_all_have_a_value() -> None:
    tape, recipes = tape_of(None), (ob.SMA(2), ob.SMA(3))
    ready = []
    for number in range(4):
        tape.receive([bar("A", number)])
        tape.advance()
        ready.append(tape.ready(recipes, "A"))
    assert ready == [False, False, True, True]


def test_a_tape_goes_on_in_another_process_if_its_older_bars_are_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("lane", "lines", "tail"):
        monkeypatch.setattr(f"openbell.data.{module}.KEPT", 4)
    tape = tape_of(tmp_path)
    average = tape.indicator(ob.SMA(3), "A")
    for bars in moments(60):
        tape.receive(bars)
        tape.advance()
    before = average[-1]
    tape.wake()
    assert tape.indicator(ob.SMA(3), "A")[-1] == before
    for path in tmp_path.rglob("*"):
        if path.is_file():
            path.unlink()
    with pytest.raises(Halt):
        tape.wake()
