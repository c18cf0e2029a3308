from typing import Any

import numpy as np
import pytest

from openbell.core.errors import BadData
from openbell.core.types import NANOS_PER_DAY, Split
from openbell.data import validate
from openbell.data.bars import Finding, FindingKind, Series, Source, parse_date
from openbell.data.calendar import Sessions, sessions

MINUTE = 60 * 10**9


def nanos(text: str) -> int:
    return parse_date(text) or 0


@pytest.fixture(scope="module")
def year():
    return sessions("XNYS", nanos("2012-01-01"), nanos("2012-12-31"))


def make_series(start: Any, known: Any, timeframe="1d", **columns: Any) -> Series:
    count = len(start)
    prices = {name: np.full(count, 10.0) for name in ("open", "high", "low", "close", "volume")}
    return Series("ACME", timeframe, start, known, **(prices | columns), source=Source("test", "none"))


def days(year, *rows, **columns: Any):
    index = np.array(rows, np.int64)
    return make_series(year.opens[index], year.closes[index], **columns)


def minutes(year, *offsets, **columns: Any):
    """Five-minute bars that open so many bars after the open of the second session."""
    start = year.opens[1] + 5 * MINUTE * np.array(offsets, np.int64)
    return make_series(start, start + 5 * MINUTE, "5m", **columns)


def findings(series: Series, year: Sessions, kind: FindingKind) -> list[Finding]:
    return [f for f in validate.examine(series, year) if f.kind is kind]


def test_every_kind_has_a_policy():
    assert set(validate.POLICY) == set(FindingKind)
    assert set(validate.POLICY.values()) == {"fail", "flag"}  # nothing is put apart unless it is asked


def test_the_policy_decides_whether_a_finding_stops():
    with pytest.raises(BadData, match="wrong"):
        validate.report(FindingKind.NOT_POSITIVE, "ACME", "wrong")
    found = validate.report(FindingKind.ZERO_VOLUME, "ACME", "odd", time=5)
    assert (found.kind, found.symbol, found.time, found.message, found.policy) == (
        FindingKind.ZERO_VOLUME, "ACME", 5, "odd", "flag",
    )  # fmt: skip


def test_flagged_checks_return_what_they_found(monkeypatch):
    monkeypatch.setattr(validate, "POLICY", dict.fromkeys(FindingKind, "flag"))
    bad = {name: np.array([10.0, -1.0]) for name in ("open", "high", "low", "close", "volume")}
    kinds = [f.kind for f in validate.check_bars("ACME", bad, str)]
    assert kinds == [FindingKind.NOT_POSITIVE] * 4 + [FindingKind.NEGATIVE_VOLUME]
    two = np.array([5, 5])
    assert [f.kind for f in validate.check_order("ACME", two, str)] == [FindingKind.DUPLICATE]
    assert [f.kind for f in validate.check_order("ACME", np.array([5, 4]), str)] == [FindingKind.UNSORTED]
    assert [f.kind for f in validate.check_overlap("ACME", two, two + 1, str)] == [FindingKind.OVERLAP]


def test_a_whole_year_has_nothing_to_note(year):
    up_and_down = np.where(np.arange(199) % 2, 10.0, 9.9)
    prices = dict.fromkeys(("open", "high", "low", "close"), up_and_down)
    assert validate.examine(days(year, *range(1, 200), **prices), year) == []


def test_no_bars_have_nothing_to_note(year):
    assert validate.examine(days(year), year) == []


def test_bars_without_volume_are_counted(year):
    (found,) = findings(days(year, 1, 2, 3, volume=np.array([1.0, 0.0, 0.0])), year, FindingKind.ZERO_VOLUME)
    assert found.message == "ACME: 2 bars without volume, the first on 2012-01-04; they fill nothing"
    assert found.time == year.opens[2]


def test_sessions_without_a_bar_are_counted(year):
    (found,) = findings(days(year, 1, 2, 5, 7), year, FindingKind.MISSING_SESSIONS)
    assert found.message == "ACME: 3 sessions of XNYS have no bar, the first on 2012-01-05"
    assert found.time == year.opens[3]


def test_holes_inside_a_session_are_counted(year):
    assert findings(minutes(year, 0, 1, 2, 3), year, FindingKind.MISSING_BARS) == []
    (found,) = findings(minutes(year, 0, 1, 4, 6), year, FindingKind.MISSING_BARS)
    assert found.message == "ACME: 3 bars are missing inside sessions, the first from 2012-01-03T14:40Z on"


def test_holes_at_the_end_and_at_the_beginning_of_a_session_are_counted(year):
    start = np.array([year.closes[1] - 15 * MINUTE, year.opens[2] + 5 * MINUTE])
    (found,) = findings(make_series(start, start + 5 * MINUTE, "5m"), year, FindingKind.MISSING_BARS)
    assert found.message.startswith("ACME: 3 bars are missing")


def test_the_night_is_no_hole(year):
    start = np.array([year.closes[1] - 5 * MINUTE, year.opens[2]])
    assert validate.examine(make_series(start, start + 5 * MINUTE, "5m"), year) == []


@pytest.mark.parametrize(
    ("new", "old"), [(2, 1), (3, 1), (3, 2), (4, 1), (7, 1), (10, 1), (20, 1), (1, 2), (1, 10)]
)
def test_an_overnight_jump_that_looks_like_a_split_is_noted(year, new, old):
    after = 60.0 * old / new * 1.01
    prices = np.array([60.0, after])
    series = days(year, 1, 2, open=prices, high=prices, low=prices, close=prices)
    (found,) = findings(series, year, FindingKind.UNRECORDED_SPLIT)
    assert (
        f"2012-01-04 opens at {after:.10g} after a close of 60; if that is a {new}:{old} split"
        in found.message
    )


def test_a_recorded_split_is_not_noted(year):
    prices = np.array([60.0, 30.0])
    columns = dict.fromkeys(("open", "high", "low", "close"), prices)
    series = days(year, 1, 2, **columns, actions=(Split("ACME", int(year.opens[2]), 2, 1),))
    assert validate.examine(series, year) == []
    late = days(year, 1, 2, **columns, actions=(Split("ACME", int(year.opens[1]), 2, 1),))
    assert len(validate.examine(late, year)) == 1


@pytest.mark.parametrize("opened", [60.0, 35.0])
def test_a_crash_during_the_session_is_no_split(year, opened):
    close = np.array([60.0, 30.0])
    series = days(year, 1, 2, open=np.array([60.0, opened]), close=close)
    assert findings(series, year, FindingKind.UNRECORDED_SPLIT) == []


def test_a_jump_inside_a_session_is_no_split(year):
    prices = np.array([60.0, 30.0])
    series = minutes(year, 0, 1, open=prices, close=prices)
    assert findings(series, year, FindingKind.UNRECORDED_SPLIT) == []


def test_an_empty_range_names_what_is_asked_and_what_there_is(year):
    series = days(year, 1, 2, 3)
    assert len(validate.cut_range(series, nanos("2012-01-04"), None)) == 2
    with pytest.raises(
        BadData,
        match=r"ACME: no 1d bars from 2020-01-01 to 2020-12-31 .*; there are 2012-01-03 to 2012-01-05",
    ):
        validate.cut_range(series, nanos("2020-01-01"), parse_date("2020-12-31", end_of_day=True))
    with pytest.raises(BadData, match="from the beginning to 1999-12-31"):
        validate.cut_range(series, None, nanos("2000-01-01"))
    with pytest.raises(BadData, match="from 2013-01-01 to the end"):
        validate.cut_range(series, nanos("2013-01-01"), None)
    with pytest.raises(BadData, match="there are none at all"):
        validate.cut_range(series.between(NANOS_PER_DAY, 0), None, None)


def test_prices_that_stand_still_are_noted_with_the_time_that_tells_most(year):
    moving = np.arange(40, dtype=np.float64) / 10 + 20.0
    still = moving.copy()
    still[10:25] = 20.5
    prices = dict.fromkeys(("open", "high", "low", "close"), still)
    (found,) = findings(days(year, *range(40), **prices), year, FindingKind.FROZEN)
    first = np.datetime64(int(year.opens[10]), "ns").astype("datetime64[D]")
    assert found.message == f"ACME: 15 bars from {first} on stand still at 20.5; was the symbol halted?"
    (found,) = findings(minutes(year, *range(40), **prices), year, FindingKind.FROZEN)
    moment = np.datetime64(int(year.opens[1]) + 50 * MINUTE, "ns").astype("datetime64[m]")
    assert f"15 bars from {moment}Z on stand still" in found.message
