"""A saved state and what came after it are the whole: as if the session had never been interrupted."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from tests.identity.test_paper import actions_of, engine_of, folded, prepared, session_of, told

from openbell.papering import saves_of
from openbell.run.engines import simulate
from openbell.storage.journal import Journal
from openbell.strategies.examples import BY_NAME
from openbell.trading.continuation import go_on
from openbell.trading.moments import moments_of
from openbell.trading.record import Record
from openbell.trading.saves import Saves
from openbell.trading.session import Session


class Ear:
    """Hears what is warned of."""

    def __init__(self, said: list[str]) -> None:
        self.warning = said.append


@pytest.mark.parametrize(
    ("name", "spilled"), [*((name, True) for name in BY_NAME), ("sma_cross", False), ("pairs_trade", False)]
)
async def test_a_save_and_the_rest_are_the_whole(
    name: str, spilled: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("lane", "lines", "tail") if spilled else ():
        monkeypatch.setattr(f"openbell.data.{module}.KEPT", 3)
    said: list[str] = []
    monkeypatch.setattr("openbell.trading.saves.get_logger", lambda: Ear(said))
    monkeypatch.setattr("openbell.trading.continuation.get_logger", lambda: Ear(said))
    plan, found, series = prepared(name, start="2005-01-01", end="2005-10-31")
    outcome = simulate(plan, found, series)
    moments = list(moments_of(series))
    dice = random.Random(f"{name} {spilled}")
    cuts = sorted(dice.sample(range(1, len(moments)), 3))
    at = dice.sample(range(cuts[1]), 4)
    with Journal(tmp_path / "journal.db") as journal:

        def make() -> Session:
            return session_of(plan, found, series, journal, folder=tmp_path / "tape" if spilled else None)

        def saves(session: Session) -> Saves:
            one = saves_of(session.courses, [found], journal)
            one._after = 1
            return one

        session = make()
        session.saves = saves(session)
        session.begin({}, actions_of(series))
        saved, replayed = 0, 0
        for first, last in zip([0, *cuts], [*cuts, len(moments)], strict=True):
            for number, bars in enumerate(moments[first:last], first):
                session.take(bars)
                if number in at:
                    session.save()
                    saved = number + 1
            session, had = go_on(make, Record(journal), saves)  # as after a kill: nothing is handed over
            assert had == last
            replayed += last - saved
        session.courses[0].stop()
        assert saved
        assert replayed < sum(cuts) + len(moments)
        assert engine_of(session).account.entries == outcome.account.entries
        assert engine_of(session).fills == outcome.fills
        assert told(engine_of(session).desk.orders.values()) == told(outcome.orders)
        assert told(folded(journal).orders.values()) == told(outcome.orders)
    assert not said
