"""Spans of a journal: the order's whole life, whatever ends it, and the same numbers in each reading."""

from __future__ import annotations

import math
from typing import Any

import pytest

from openbell.app import spans
from openbell.app.spans import Spans
from openbell.storage.journal import Entry

ORDER = {"symbol": "AAPL", "type": "market", "side": 1, "quantity": 10.0}
FILL = {"price": 5.0, "quantity": 10.0, "fee": math.nan}


def entries(*events):
    """(kind, body[, trace]) one after the other, a nanosecond apart; all of order 1 of strategy s."""
    return [
        Entry(seq, 0, 100 + seq, kind, "s", "1", (more or ["7"])[0], body)
        for seq, (kind, body, *more) in enumerate(events, 1)
    ]


def told(*events):
    one = Spans("paper")
    return [span for entry in entries(*events) for span in one.take(entry)]


BEGUN = ("session", {"state": "begun"})


@pytest.mark.parametrize("status", ["cancelled", "expired", "rejected"])
def test_an_order_that_ends_unfilled_says_how(status):
    ended = told(BEGUN, ("order", ORDER), ("update", {"status": status, "reason": "oco"}))
    assert [span.name for span in ended] == ["order"]
    assert ended[0].attributes["openbell.status"] == status
    assert ended[0].attributes["openbell.reason"] == "oco"
    assert ended[0].is_fine is (status != "rejected")
    assert ended[0].parent == 0  # no bar led to it


def test_an_order_is_done_when_all_that_is_left_of_it_is_filled():
    half = {**FILL, "quantity": 4.0}
    events: Any = (
        ("order", ORDER),
        ("accepted", {}),
        ("fill", half),
        ("update", {"status": "accepted", "quantity": 8.0}),
    )
    assert [span.name for span in told(*events)] == ["acknowledge", "fill"]
    assert [span.name for span in told(*events, ("fill", half))] == ["acknowledge", "fill", "fill", "order"]
    assert "openbell.fee" not in told(*events)[1].attributes  # not a number


def test_several_orders_of_one_bar_have_one_bar():
    first = entries(("moment", {}), ("order", ORDER))
    events = [*first, first[-1]._replace(seq=3, subject="2")]
    one = Spans("paper")
    assert [span.name for entry in events for span in one.take(entry)] == ["bar"]


def test_each_reading_has_the_same_numbers_and_another_life_has_others():
    events: Any = (BEGUN, ("order", ORDER), ("fill", FILL))
    assert told(*events) == told(*events)
    assert told(*events)[0].id != told(*events[1:])[0].id


def test_orders_that_never_end_are_forgotten_in_the_end(monkeypatch):
    monkeypatch.setattr(spans, "_FLIGHTS", 1)
    one = Spans("paper")
    first, second = entries(("order", ORDER), ("order", ORDER))
    assert list(one.take(first)) == list(one.take(second._replace(subject="2"))) == []
    late = second._replace(seq=3, kind="fill", body=FILL)
    assert list(one.take(late)) == []
