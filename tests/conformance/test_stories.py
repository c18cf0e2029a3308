"""Every story ends alike in the backtest, on paper, and at each live broker."""

from collections.abc import Callable
from pathlib import Path

import pytest

from openbell.conformance import STORIES, Story, run_story
from openbell.execution.brokers.alpaca_terms import CAPABILITIES as ALPACA
from openbell.execution.brokers.ib_orders import CAPABILITIES as IB
from openbell.execution.port import Capabilities
from tests.conformance.engines import backtest, paper
from tests.conformance.fronts import CCXT, CcxtFront, IbFront
from tests.conformance.lives import live
from tests.conformance.stages import AlpacaFront, DirectFront, ExchangeStage, Front
from tests.loopback.direct import EVERYTHING

FRONTS: dict[str, tuple[Callable[[], Front], Capabilities]] = {
    "direct": (DirectFront, EVERYTHING),
    "alpaca": (AlpacaFront, ALPACA),
    "ib": (IbFront, IB),
    "ccxt": (CcxtFront, CCXT),
}

#: The stories of exits that do not fit the position any more: a broker that tends them does not know of it.
SHRINKING = [story for story in STORIES if set(story.expected) & {"c", "g"}]

every_story = pytest.mark.parametrize("story", STORIES, ids=[story.name for story in STORIES])


@every_story
def test_the_backtest_tells_the_story(story: Story) -> None:
    assert backtest(story) == []


@every_story
async def test_paper_trading_tells_the_story(story: Story, tmp_path: Path) -> None:
    assert await paper(story, tmp_path) == []


@every_story
async def test_a_live_session_tells_the_story(story: Story, tmp_path: Path) -> None:
    assert await live(story, tmp_path, DirectFront()) == []


@pytest.mark.parametrize("front", FRONTS)
@every_story
async def test_a_broker_tells_the_story(story: Story, front: str) -> None:
    make, can = FRONTS[front]
    lack = story.missing(can)
    if lack:
        pytest.skip(f"{front} has no {lack}")
    assert await run_story(story, ExchangeStage(make())) == []


@pytest.mark.parametrize("front", ["alpaca", "ib"])
@pytest.mark.parametrize("story", SHRINKING, ids=[story.name for story in SHRINKING])
async def test_a_live_session_at_a_broker_that_tends_exits_tells_the_story(
    story: Story, front: str, tmp_path: Path
) -> None:
    make, _ = FRONTS[front]
    assert await live(story, tmp_path, make(), sockets=True) == []
