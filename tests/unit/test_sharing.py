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
def told() -> Iterator[list[str]]:
    lines: list[str] = []
    number = get_logger().add(lambda message: lines.append(message.record["message"]), level="INFO")
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


@pytest.mark.parametrize(
    ("lengths", "longest"),
    [(("1m", "1d"), "1d"), (("90s", "1m", "1h"), "1h"), (("1mo", "1w", "1d"), "1mo")],
)
def test_bars_of_several_lengths_go_by_the_longest_which_is_said_where_a_limit_asks_for_returns(
    journal: Journal, told: list[str], lengths: tuple[str, ...], longest: str
) -> None:
    others = [course(journal, length, None, length) for length in lengths[1:]]
    for risk, lines in ((LIMITS, 0), (MODELLED, 1)):
        limited = course(journal, "s", risk, lengths[0])
        share_account([limited, *others])
        pace = [
            one for each in (limited, *others) for one in each.tape.lanes.values() if one.timeframe == longest
        ]
        assert limited.gate.together.whole._pace == tuple(lane.track for lane in pace)
        assert len(told) == lines
    assert told[0].endswith(f"shortfall, beta and correlation are over bars of {longest}")
    share_account([course(journal, "a", MODELLED), course(journal, "b", MODELLED)])
    assert len(told) == 1
