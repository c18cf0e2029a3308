"""Bars of all hours: how they are read, and that paper trading on them is the backtest."""

from __future__ import annotations

from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import openbell as ob
from openbell.core.costs import NO_COSTS
from openbell.core.errors import ConfigError
from openbell.data.bars import FindingKind
from openbell.data.frames import from_frame
from tests.unit.test_fills_extended import CLOSE, HOUR, NEXT_OPEN, OPEN, TIMES


def table(starts: list[int] = TIMES) -> pd.DataFrame:
    frame = pd.read_csv(StringIO("open,high,low,close,volume\n" + "100,101,99,100,1000\n" * len(starts)))
    return frame.set_axis(pd.to_datetime(np.array(starts), utc=True))


def test_bars_of_all_hours_are_read_as_they_are() -> None:
    read = from_frame(table(), "X", timeframe="30m", session="extended")
    assert (read.source.session, read.source.calendar) == ("extended", "XNYS")
    assert read.start.tolist() == TIMES
    assert (read.known - read.start == HOUR // 2).all()


def test_stamps_at_the_end_say_when_bars_began() -> None:
    read = from_frame(table(), "X", timeframe="30m", session="extended", stamp="end", calendar="XNYS")
    assert read.known.tolist() == TIMES


def test_only_holes_inside_sessions_are_missing_bars() -> None:
    whole = [CLOSE - HOUR // 2, CLOSE, CLOSE + HOUR, NEXT_OPEN - HOUR, NEXT_OPEN, NEXT_OPEN + HOUR]
    read = from_frame(table(whole), "X", timeframe="30m", session="extended")
    found = [one for one in read.findings if one.kind is FindingKind.MISSING_BARS]
    assert ["1 bars are missing" in one.message for one in found] == [True]


def test_days_are_of_their_sessions_whatever_is_asked() -> None:
    read = from_frame(table([OPEN]).set_axis(["2024-01-02"]), "X", timeframe="1d", session="extended")
    assert read.source.session == "regular"


def test_a_session_that_there_is_not_is_refused() -> None:
    with pytest.raises(ConfigError, match="session='night' must be 'regular' or 'extended'"):
        from_frame(table(), "X", session="night")


class Late(ob.Strategy):
    """Buys outside of the session, and then at any price."""

    def on_bar(self, bar: Any) -> None:
        if not self.working and not self.position(bar.symbol):
            self.order(bar.symbol, 10, limit=100, extended=True)
        elif self.position(bar.symbol) == 10:
            self.buy(bar.symbol, shares=12)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    table().to_csv(tmp_path / "X.csv", index_label="date")
    return tmp_path


def test_a_folder_is_read_with_all_hours_and_paper_is_the_backtest(folder: Path, tmp_path: Path) -> None:
    provider = f"csv:{folder}?session=extended"
    result = ob.backtest(Late, "X", provider=provider, timeframe="30m", costs=NO_COSTS)
    fills = [(one.time, one.quantity) for one in result.outcome.fills]
    assert fills == [(OPEN, 10), (NEXT_OPEN, 2)]
    paper = ob.paper(Late, "X", provider=provider, timeframe="30m", costs=NO_COSTS, state=tmp_path / "paper")
    traded = paper.strategies[0]
    assert [(one.time, one.quantity) for one in traded.fills] == fills
    assert traded.account.cash == result.outcome.account.cash


def test_a_session_in_a_providers_name_is_checked(folder: Path) -> None:
    with pytest.raises(ConfigError, match="session='night'"):
        ob.backtest(Late, "X", provider=f"csv:{folder}?session=night", timeframe="30m")
