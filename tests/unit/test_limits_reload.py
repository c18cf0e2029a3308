"""Limits that change while a session runs: tighter at once, looser by agreement, wrong ones not at all."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import openbell as ob
from openbell.cli.loosening import agree_to_loosen
from openbell.core.errors import ConfigError
from openbell.execution.risk.changes import Changed, changes_of
from openbell.execution.risk.gate import gate_of
from openbell.operation.reloading import Reloads
from openbell.storage.journal import Journal
from openbell.storage.lock import FolderLock
from openbell.trading.inbox import Inbox
from openbell.trading.record import Record
from openbell.utils.logging import get_logger
from tests.loopback.direct import Direct
from tests.loopback.exchange import Exchange
from tests.unit.trading_by_hand import INSTRUMENTS, START, Life, Scripted

RISK = ob.Risk(order=ob.OrderLimits(max_quantity=20.0, max_notional=5_000.0))


class Buys(Scripted):
    """Orders twelve shares at each bar."""

    def on_bar(self, bar: Any) -> None:
        self.bars += 1
        self.order(bar.symbol, 12 if self.bars % 2 else -12)


@pytest.fixture
def said() -> Iterator[list[str]]:
    lines: list[str] = []
    number = get_logger().add(lines.append, level="INFO")
    yield lines
    get_logger().remove(number)


def write(folder: Path, limits: str) -> None:
    (folder / "strategies.yaml").write_text(
        f"strategies:\n  - {{name: s, strategy: sma_cross, symbols: [A], risk: {{{limits}}}}}\n"
    )


async def begin(folder: Path, x: Exchange, reloads: Reloads, **settings: Any) -> Life:
    life = Life(folder, x, Direct(x), {"s": Buys}, risk=RISK, **settings)
    life.session.changes = lambda: reloads(life.session)
    life.start()
    await life.rest()
    return life


def exchange() -> Exchange:
    x = Exchange(INSTRUMENTS, time=START, margin=None)
    x.trade("A", 100)
    return x


def limit_of(life: Life) -> float | None:
    gate = life.floor.gates["s"]
    return gate.risk.order.max_quantity


async def test_limits_tighten_at_the_next_order_and_a_second_life_has_them(
    tmp_path: Path, said: list[str]
) -> None:
    x = exchange()
    write(tmp_path, "order: {max_quantity: 20, max_notional: 5000}")
    reloads = Reloads(tmp_path)
    life = await begin(tmp_path, x, reloads)
    await life.moment(1, 100.0)
    write(tmp_path, "order: {max_quantity: 10.0, max_notional: 5000}")
    await life.moment(2, 100.0)
    await life.moment(3, 100.0)
    assert limit_of(life) == 10.0
    assert any("limits of s: order.max_quantity 20.0 -> 10.0" in line for line in said)
    refused = life.journal.of_kind("refused")
    assert {one.body["limit"] for one in refused} == {"order_quantity"}
    (changed,) = life.journal.of_kind("limits")
    assert changed.body["loosened"] == []
    orders = len(life.journal.of_kind("order"))
    await life.kill()
    again = await begin(tmp_path, x, reloads)
    assert limit_of(again) == 10.0
    assert len(again.journal.of_kind("order")) == orders
    again.wish.how = "cancel"
    await again.finish()
    again.journal.close()


@pytest.mark.parametrize(
    ("limits", "line"),
    [
        ("order: {max_quantity: -3}", "max_quantity"),
        ("order: {max_quantitty: 5}", "did you mean 'max_quantity'"),
        ("order: [", "strategies.yaml"),
        ("order: {max_quantity: 10}, portfolio: {max_var: 0.1}", "max_var none -> 0.1: that waits"),
        ("order: {max_quantity: 10}, model: {window: 99}", "model.window 250 -> 99: that waits"),
    ],
)
async def test_what_is_wrong_or_cannot_count_leaves_the_old_limits(
    limits: str, line: str, tmp_path: Path, said: list[str]
) -> None:
    write(tmp_path, "order: {max_quantity: 20, max_notional: 5000}")
    life = await begin(tmp_path, exchange(), Reloads(tmp_path))
    write(tmp_path, limits)
    await life.moment(1, 100.0)
    await life.moment(2, 100.0)
    assert limit_of(life) == 20.0
    assert len([one for one in said if line in one]) == 1
    assert life.journal.of_kind("limits") == []
    await life.end()


async def test_limits_of_real_money_loosen_when_somebody_agrees(tmp_path: Path, said: list[str]) -> None:
    state = tmp_path / "state"
    state.mkdir()
    write(tmp_path, "order: {max_quantity: 20, max_notional: 5000}")
    with FolderLock(state):
        life = await begin(state, exchange(), Reloads(tmp_path))
        life.journal.account = "direct:live:1"
        life.session._requests = Inbox(state)
        write(tmp_path, "order: {max_quantity: 30, max_notional: 5000}")
        await life.moment(1, 100.0)
        assert limit_of(life) == 20.0
        assert any("would be looser: order.max_quantity 20.0 -> 30.0" in line for line in said)
        with pytest.raises(ConfigError, match=r"account direct:paper:1: say --yes-trade-real-money"):
            agree_to_loosen("s", str(state), agreed=False)
        with pytest.raises(ConfigError, match=r"trades 'ss'; did you mean 's'\?"):
            agree_to_loosen("ss", str(state), agreed=True)
        agree_to_loosen("s", str(state), agreed=True)
        await life.moment(2, 100.0)
        await life.moment(3, 100.0)
        assert limit_of(life) == 30.0
    (changed,) = life.journal.of_kind("limits")
    assert changed.body["loosened"] == ["order.max_quantity"]
    assert [one.body["do"] for one in life.journal.of_kind("asked")] == ["loosen"]
    await life.end()


async def test_on_paper_they_loosen_at_once_and_say_so(tmp_path: Path, said: list[str]) -> None:
    write(tmp_path, "order: {max_quantity: 20, max_notional: 5000}")
    life = await begin(tmp_path, exchange(), Reloads(tmp_path))
    write(tmp_path, "order: {max_quantity: 20}")
    await life.moment(1, 100.0)
    assert any("max_notional 5000.0 -> none (looser)" in line for line in said)
    assert life.floor.gates["s"].risk.order.max_notional is None
    await life.end()


def test_a_paper_session_takes_them_too(tmp_path: Path) -> None:
    from tests.unit.test_retirement import paper_session, play

    write(tmp_path, "order: {max_quantity: 5, duplicate_seconds: 60}")
    with Journal(tmp_path / "journal.db") as journal:
        session = paper_session(journal)
        assert Reloads(tmp_path)(session) == {}
        gate = gate_of(session.courses[0].engine)
        assert gate is not None
        assert gate.risk.order.max_quantity == 5
        play(session, 1)
        assert Record(journal).of_kind("fill") == []
        expected = [row.text for row in journal.rows(0, 10_000)]
        again = paper_session_again(journal)
        again.resume(Record(journal).after())
        assert [row.text for row in journal.rows(0, 10_000)][:-1] == expected


def paper_session_again(journal: Journal) -> Any:
    from tests.unit.test_saves import paper_session_again as made

    return made(journal)


@pytest.mark.parametrize(
    ("name", "before", "after", "loosens"),
    [
        ("order.max_quantity", 5.0, 6.0, True), ("order.max_quantity", 5.0, 4.0, False),
        ("order.max_quantity", None, 4.0, False), ("order.max_quantity", 5.0, None, True),
        ("order.duplicate_seconds", 1.0, 2.0, False), ("order.duplicate_seconds", 2.0, 1.0, True),
        ("order.restricted", ("A",), ("A", "B"), False), ("order.restricted", ("A",), (), True),
        ("order.allowed", (), ("A",), False), ("order.allowed", ("A",), (), True),
        ("order.allowed", ("A", "B"), ("A",), False), ("order.reduce_only", False, True, False),
        ("order.reduce_only", True, False, True), ("enforce", True, False, True), ("cut", False, True, True),
        ("exits.stop_loss", None, 0.1, True), ("position.participation", 0.1, 0.2, True),
        ("portfolio.drawdown_halt", 0.2, 0.1, False), ("operation.stop", True, False, True),
    ],
)  # fmt: skip
def test_what_is_not_known_to_bind_more_loosens(name: str, before: Any, after: Any, loosens: bool) -> None:
    assert Changed(name, before, after).loosens is loosens


def test_all_that_differs_is_named() -> None:
    after = ob.Risk(order=ob.OrderLimits(max_quantity=20.0), cut=True)
    found = list(map(str, changes_of(RISK, after)))
    assert found == ["order.max_notional 5000.0 -> none", "cut False -> True"]
