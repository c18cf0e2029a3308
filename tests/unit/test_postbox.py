"""What goes to a target and when, with a clock of the test's own."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from openbell.app.alerts.findings import Stages, findings_in
from openbell.app.alerts.postbox import Alert, Postbox, is_quiet
from openbell.config.alerts import AlertsFile, Quiet
from openbell.storage.journal import Entry

NOON = datetime(2026, 3, 3, 12, 0, tzinfo=ZoneInfo("UTC")).timestamp()


def box(target: Any = None, **rules: Any) -> Postbox:
    file = AlertsFile.model_validate({"targets": {"a": {"url": "${A}", **(target or {})}}, **rules})
    return Postbox(file.targets["a"], file)


def alert(said: str = "x", severity: Any = "info", kind: str = "fill") -> Alert:
    return Alert(severity, kind, "one", said)


def test_what_comes_together_goes_together_and_the_same_is_counted() -> None:
    one = box(group=5)
    for at, said in ((0, "x"), (1, "y"), (2, "x")):
        one.put(alert(said), NOON + at)
    assert one.due(NOON + 4) is None
    message = one.due(NOON + 5)
    assert message is not None
    assert message.title == "Openbell: 2 alerts, the worst info"
    assert message.body == "[info] one: x (×2)\n[info] one: y"


def test_what_is_critical_waits_for_nobody() -> None:
    one = box(group=3_600, per_hour=1, quiet={"begin": "00:00", "end": "23:59"})
    for said in ("x", "y"):
        one.put(alert(said, "critical"), NOON)
        message = one.due(NOON)
        assert message is not None
        assert message.severity == "critical"
        one.sent()


def test_the_same_again_is_told_when_it_has_been_a_while_with_how_often() -> None:
    one = box(group=0, repeat=600)
    one.put(alert(), NOON)
    assert one.due(NOON)
    one.sent()
    one.put(alert(), NOON + 10)
    assert one.due(NOON + 500) is None
    one.put(alert(), NOON + 601)
    message = one.due(NOON + 601)
    assert message is not None
    assert message.body.endswith("x (×2)")


def test_an_hour_has_so_many_messages_and_the_rest_waits() -> None:
    one = box(group=0, per_hour=2)
    sent = 0
    for minute in range(60):
        one.put(alert(f"number {minute}"), NOON + 60 * minute)
        if one.due(NOON + 60 * minute):
            one.sent()
            sent += 1
    assert sent == 2
    message = one.due(NOON + 3_600)
    assert message is not None
    assert len(message.body.splitlines()) == 41
    assert message.body.endswith("and 18 more; the dashboard has all")


def test_what_fails_is_tried_again_ever_later_and_then_given_up() -> None:
    one = box(group=0, attempts=3)
    one.put(alert(), NOON)
    first = one.due(NOON)
    assert one.failed(NOON)
    assert one.due(NOON + 0.5) is None
    assert one.due(NOON + 1.0) is first
    assert one.failed(NOON + 1.0)
    assert one.due(NOON + 2.5) is None
    assert one.due(NOON + 3.0) is first
    assert not one.failed(NOON + 3.0)
    assert one.is_empty


@pytest.mark.parametrize(
    ("target", "severity", "kind", "goes"),
    [
        ({"least": "warning"}, "info", "fill", False),
        ({"least": "warning"}, "critical", "fill", True),
        ({"kinds": ["refusal"]}, "info", "fill", False),
        ({"kinds": ["refusal"]}, "info", "refusal", True),
    ],
)
def test_a_target_gets_what_it_wants(target: Any, severity: str, kind: str, *, goes: bool) -> None:
    one = box(target, group=0)
    one.put(alert(severity=severity, kind=kind), NOON)
    assert (one.due(NOON) is not None) is goes


@pytest.mark.parametrize(
    ("clock", "quiet"),
    [("21:59", False), ("22:00", True), ("03:00", True), ("06:59", True), ("07:00", False)],
)
def test_quiet_hours_go_over_midnight_in_their_own_zone(clock: str, *, quiet: bool) -> None:
    zone = "America/New_York"
    hour, minute = map(int, clock.split(":"))
    moment = datetime(2026, 7, 3, hour, minute, tzinfo=ZoneInfo(zone)).timestamp()
    assert is_quiet(Quiet(begin="22:00", end="07:00", zone=zone), moment) is quiet


def test_what_comes_at_night_is_told_in_the_morning() -> None:
    one = box(group=0, quiet={"begin": "11:00", "end": "13:00"})
    one.put(alert(severity="warning"), NOON)
    assert one.due(NOON + 3_599) is None
    assert one.due(NOON + 3_600)


@pytest.mark.parametrize(
    ("kind", "body", "finding"),
    [
        ("fill", {"side": -1, "quantity": 5.0, "symbol": "A", "price": 9.5}, ("fill", "s: sold 5 A at 9.5")),
        ("refused", {"said": "too much"}, ("refusal", "s: too much")),
        ("update", {"status": "rejected", "order_id": 3, "reason": "no_price"},
         ("refusal", "s: order 3 was rejected: no_price")),
        ("update", {"status": "cancelled"}, None),
        ("alarm", {"said": "a position is missing"}, ("disagreement", "a position is missing")),
        ("failed", {"said": "it raised"}, ("strategy_error", "s: it raised")),
        ("margin_call", {"equity": 1.0, "needed": 2.0}, ("margin_call", "s: equity 1.00, needed 2.00")),
        ("feed", {"kind": "Stale", "said": "no bar"}, ("stale_feed", "the feed is stale: no bar")),
        ("feed", {"kind": "Connected", "said": ""}, None),
        ("link", {"up": False, "why": "gone"}, ("stale_feed", "the broker's stream is down: gone")),
        ("asked", {"do": "stop", "by": "", "how": "keep"}, ("action", "the command line asked: stop")),
        ("moment", {"bars": []}, None),
    ],
)  # fmt: skip
def test_events_are_told_in_words(kind: str, body: Any, finding: Any) -> None:
    entry = Entry(1, 1, 1, kind, "" if kind in {"alarm", "feed", "link", "asked"} else "s", "", "", body)
    found = [(one.kind, one.said) for one in findings_in("one", entry)]
    assert found == ([finding] if finding else [])


def test_a_stage_of_drawdown_is_told_once_until_it_has_recovered(monkeypatch: pytest.MonkeyPatch) -> None:
    depth = 0.0

    class One:
        name, ledgers = "one", {"s": None}

    class Standing:
        def __init__(self) -> None:
            self.drawdown = depth

    monkeypatch.setattr("openbell.app.alerts.findings.standing_of", lambda *_: Standing())
    stages = Stages([0.1, 0.2])

    def look(now: float) -> list[tuple[str, bool]]:
        nonlocal depth
        depth = now
        return [(one.said, one.urgent) for one in stages.look(One())]  # type: ignore[arg-type]  # enough of one

    told = [look(now) for now in (0.05, 0.11, 0.09, 0.12, 0.21, 0.25, 0.07, 0.11)]
    assert [bool(some) for some in told] == [False, True, False, False, True, False, False, True]
    assert told[1] == [("s: equity is 11.0% below its highest", False)]
    assert told[4][0][1]
