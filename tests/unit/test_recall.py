"""Bars out of a journal: what a session began with, and what it saw."""

from pathlib import Path

import pytest

from openbell.data import bundled
from openbell.storage.journal import Journal
from openbell.trading.moments import messages_of
from openbell.trading.recall import body_of_past, past_of, series_in


def test_a_past_comes_back_from_the_journal_to_the_last_bit(tmp_path: Path) -> None:
    series = bundled.load("AAPL").between(None, 1_000_000_000_000_000_000)
    with Journal(tmp_path / "journal.db") as journal:
        journal.append("history", body_of_past(series), time=1, wall=1)
        entries = list(journal.read())
    again = past_of(entries, {"AAPL": series.source})
    assert again["AAPL"].content_hash == series.content_hash
    assert past_of(entries, {"IBM": series.source}) == {}


@pytest.mark.parametrize("symbol", ["AAPL", "IBM"])
def test_bars_of_a_session_are_series_again_without_those_of_others(symbol: str) -> None:
    series = bundled.load("AAPL")
    moments = [[bar] for bar in list(messages_of(series))[:50]]
    made = series_in(moments, "1d", {symbol: series.source}, list(series.actions))
    assert [len(one) for one in made] == ([50] if symbol == "AAPL" else [])
