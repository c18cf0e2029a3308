"""What is shown of a session is made once for all who look, and costs no more the longer the session runs."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from openbell.app import views
from openbell.app.follower import Follower
from openbell.app.riskview import returns_of
from openbell.core.types import NANOS_PER_SECOND, Fill, Phase
from openbell.storage.journal import Journal
from openbell.trading.records import body_of

START = 1_700_000_000 * NANOS_PER_SECOND


class Book:
    """A session's journal that is written by hand, and who follows it."""

    def __init__(self, folder: Path) -> None:
        self.journal = Journal(folder / "journal.db", account="paper")
        self.note("session", {"state": "begun", "strategies": []}, strategy="")
        self.note("strategy", {"cash": 1_000_000.0, "origin": "x", "parameters": {}})
        self.journal.commit()
        self.one = Follower(folder)
        self.one.refresh()

    def note(self, kind: str, body: Any, *, strategy: str = "s", subject: str = "") -> None:
        self.journal.append(kind, body, time=START, wall=START, strategy=strategy, subject=subject)

    def order(self, number: int, *, filled: bool = False) -> None:
        asked = {
            "id": number, "strategy": "s", "symbol": "A", "side": 1, "quantity": 1.0,
            "decided": START + number, "reduce_only": False, "aim": False, "type": "market",
            "tif": "gtc", "trail_percent": False,
            "good_till": 0, "parent": 0, "oco": 0, "tag": "",
        }  # fmt: skip
        self.note("order", asked, subject=str(number))
        self.note("accepted", {"order_id": number}, subject=str(number))
        if filled:
            self.fill(number)

    def fill(self, number: int) -> None:
        fill = Fill(number, "s", "A", 1, 1.0, 100.0, 0.0, 0.0, START + number, Phase.OPEN)
        self.note("fill", dict(body_of(fill)), subject=str(number))

    def bars(self, start: int, **closes: float) -> None:
        rows = [[symbol, start, start + 1, p, p, p, p, 1.0, False] for symbol, p in closes.items()]
        self.note("moment", {"bars": rows}, strategy="")

    def refresh(self) -> Follower:
        self.journal.commit()
        self.one.refresh()
        return self.one


@pytest.fixture
def book(tmp_path: Path) -> Iterator[Book]:
    one = Book(tmp_path)
    with closing(one.journal), closing(one.one):
        yield one


def test_what_is_asked_for_again_is_made_once_until_something_is_new(book: Book) -> None:
    made: list[int] = []
    for _ in range(3):
        book.one.once("x", lambda one: made.append(one.last))
    assert made == [2]
    book.order(1)
    book.refresh().once("x", lambda one: made.append(one.last))
    assert made == [2, 4]


def test_what_takes_long_is_not_made_anew_too_often_however_much_is_new(book: Book) -> None:
    assert book.one.once("risk", lambda one: one.last, every=3_600.0) == 2
    book.order(1)
    assert book.refresh().once("risk", lambda one: one.last, every=3_600.0) == 2
    assert book.one.once("risk", lambda one: one.last, every=0.0) == 4


def test_working_orders_are_those_that_may_still_fill(book: Book) -> None:
    book.order(1)
    book.order(2, filled=True)
    book.order(3)
    assert [order.id for order in book.refresh().working("s")] == [1, 3]
    book.fill(1)
    book.order(4)
    assert [order.id for order in book.refresh().working("s")] == [3, 4]
    assert [order.id for order in views.orders_of(book.one, working=True)] == [3, 4]
    assert views.standing_of(book.one, "s").working == 2
    book.note("session", {"state": "begun", "strategies": []}, strategy="")
    book.note("strategy", {"cash": 1.0, "origin": "x", "parameters": {}})
    assert book.refresh().working("s") == []


def test_the_last_orders_and_fills_are_the_last_of_all(book: Book) -> None:
    for number in range(1, 8):
        book.order(number, filled=True)
    one = book.refresh()
    assert views.orders_of(one)[-3:] == views.orders_of(one, last=3)
    assert views.fills_of(one)[-3:] == views.fills_of(one, last=3)
    assert [fill.order_id for fill in views.fills_of(one)] == list(range(1, 8))


def test_returns_are_of_the_bars_that_all_symbols_have_and_a_correction_counts(book: Book) -> None:
    book.bars(1, A=100.0, B=10.0)
    book.bars(2, A=110.0)
    book.bars(3, A=121.0, B=11.0)
    book.bars(3, A=120.0)
    book.bars(4, A=60.0, B=22.0)
    np.testing.assert_allclose(returns_of(book.refresh(), ["A", "B"]), [[0.2, 0.1], [-0.5, 1.0]])
    assert returns_of(book.one, []).shape == (0, 0)
    assert returns_of(book.one, ["A", "none"]).shape == (0, 2)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a priority is the whole process's")
def test_whoever_looks_stands_behind_whoever_trades_but_what_is_begun_here_does_not(tmp_path: Path) -> None:
    asked = (  # a process of its own: a priority cannot be raised again
        "import os, pathlib, sys; from openbell.app.desk import Desk;"
        "folder, before = pathlib.Path(sys.argv[1]), os.nice(0);"
        "desk = Desk(folder, folder); desk.yield_processor();"
        "begun = desk._launcher.submit(os.nice, 0).result(); desk.close();"
        "print(os.nice(0) - before, begun - before)"
    )
    answer = subprocess.run(
        [sys.executable, "-c", asked, str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert answer.stdout == "10 0\n"
