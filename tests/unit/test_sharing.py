"""Which strategies of a session share their account with their limits."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import openbell as ob
from openbell.storage.journal import Journal
from openbell.trading.sharing import share_account
from openbell.utils.logging import get_logger
from tests.unit.opened import open_journal
from tests.unit.trading_by_hand import course_of, scripted

LIMITS = ob.Risk(portfolio=ob.PortfolioLimits(max_gross=1.0))
MODELLED = ob.Risk(portfolio=ob.PortfolioLimits(max_var=0.1))


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with closing(open_journal(tmp_path / "journal.db", "sharing")) as made:
        yield made


@pytest.fixture
def warned() -> Iterator[list[str]]:
    lines: list[str] = []
    number = get_logger().add(lambda message: lines.append(message.record["message"]), level="WARNING")
    yield lines
    get_logger().remove(number)


def course(journal: Journal, name: str, risk: ob.Risk | None, timeframe: str = "1m") -> Any:
    made = course_of(journal, name, scripted({}), risk=risk)
    for lane in made.tape.lanes.values():
        lane.timeframe = timeframe
    return made


def test_one_strategy_is_its_account(journal: Journal) -> None:
    alone = course(journal, "s", LIMITS)
    share_account([alone])
    assert alone.gate.together is None


def test_strategies_without_limits_are_seen_and_see_nothing(journal: Journal) -> None:
    limited, free = course(journal, "s", LIMITS), course(journal, "t", None)
    share_account([limited, free])
    assert free.gate is None
    assert [one.desk for one in limited.gate.together.whole.members] == [
        limited.engine.desk, free.engine.desk,
    ]  # fmt: skip
    share_account([free, course(journal, "u", None)])  # nobody asks


def test_strategies_in_two_currencies_have_two_accounts(journal: Journal) -> None:
    dollars, euros, more = (course(journal, name, LIMITS) for name in "seu")
    for track in euros.tape.tracks.values():
        track.instrument = replace(track.instrument, currency="EUR")
    share_account([dollars, euros, more])
    assert euros.gate.together is None
    assert len(dollars.gate.together.whole.members) == 2


def test_bars_of_several_lengths_are_said_where_a_limit_asks_for_returns(
    journal: Journal, warned: list[str]
) -> None:
    days = course(journal, "days", None, "1d")
    for risk, lines in ((LIMITS, 0), (MODELLED, 1)):
        limited = course(journal, "s", risk)
        share_account([limited, days])
        assert not limited.gate.together.whole.alike
        assert len(warned) == lines
    assert warned[0].startswith("bars are of several lengths (1d, 1m): limits on value at risk")
    share_account([course(journal, "a", MODELLED), course(journal, "b", MODELLED)])
    assert len(warned) == 1
