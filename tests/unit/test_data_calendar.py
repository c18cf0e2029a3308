from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from openbell.core.errors import ConfigError
from openbell.core.types import NANOS_PER_DAY
from openbell.data import calendar
from openbell.data.bars import Series, Source, parse_date
from openbell.utils import cache


@pytest.fixture(autouse=True)
def fresh(monkeypatch, tmp_path_factory):
    """Use one cache folder for the module, and forget what earlier tests loaded."""
    monkeypatch.setenv("OPENBELL_CACHE", str(tmp_path_factory.getbasetemp() / "calendars"))
    monkeypatch.setattr(calendar, "_tables", {})


@pytest.fixture
def empty_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("OPENBELL_CACHE", str(tmp_path))
    return tmp_path


@pytest.fixture
def no_library(monkeypatch):
    def refuse(name):
        raise AssertionError(f"{name} was imported")

    monkeypatch.setattr(calendar, "import_module", refuse)


def nanos(text: str) -> int:
    return parse_date(text) or 0


def sessions(name: str, start: str, end: str) -> calendar.Sessions:
    return calendar.sessions(name, nanos(start), nanos(end))


def times_of(sessions: calendar.Sessions, day: str) -> tuple[str, ...]:
    row = int(np.searchsorted(sessions.dates, nanos(day) // NANOS_PER_DAY))
    assert sessions.dates[row] == nanos(day) // NANOS_PER_DAY
    return tuple(
        str(t[row].astype("datetime64[ns]").astype("datetime64[m]"))[11:]
        for t in (sessions.opens, sessions.closes)
    )


def test_half_days_and_daylight_saving_are_right():
    year = sessions("XNYS", "2024-01-01", "2024-12-31")
    assert times_of(year, "2024-03-08") == ("14:30", "21:00")
    assert times_of(year, "2024-03-11") == ("13:30", "20:00")
    assert times_of(year, "2024-07-03") == ("13:30", "17:00")
    assert times_of(year, "2024-11-29") == ("14:30", "18:00")


def test_holidays_are_no_sessions():
    year = sessions("XNYS", "2001-01-01", "2001-12-31")
    for day in ("2001-09-11", "2001-09-14", "2001-12-25", "2001-09-15"):
        assert nanos(day) // NANOS_PER_DAY not in year.dates
    assert nanos("2001-09-17") // NANOS_PER_DAY in year.dates


def test_whole_years_are_covered_and_one_session_beyond():
    found = sessions("XNYS", "2010-06-01", "2012-06-01")
    dates = found.dates.astype("datetime64[D]").astype(str)
    assert dates[0] == "2009-12-31"
    assert dates[-1] == "2013-01-02"
    assert len(found) == len(found.opens) == len(found.closes)


def test_the_near_future_is_known():
    end = datetime.now(UTC) + timedelta(days=300)
    found = calendar.sessions("XNYS", nanos("2020-01-01"), parse_date(end) or 0)
    assert found.opens[-1] > (parse_date(end) or 0)


def test_sessions_cannot_be_written_to():
    for found in (sessions("XNYS", "2010-01-01", "2010-02-01"), sessions("24/7", "2010-01-01", "2010-02-01")):
        with pytest.raises(ValueError, match="read-only"):
            found.opens[0] = 0


def test_series_share_the_times_of_sessions(monkeypatch, empty_cache):
    for _ in ("made", "read from the cache"):
        monkeypatch.setattr(calendar, "_tables", {})
        found = sessions("XNYS", "2012-01-01", "2012-12-31")
        ones = np.ones(len(found.opens))
        series = Series(
            "A", "1d", found.opens, found.closes, ones, ones, ones, ones, ones, source=Source("csv", "a")
        )
        assert series.start is found.opens
        assert series.known is found.closes


def test_around_the_clock_is_every_utc_day(no_library):
    found = sessions("24/7", "2020-06-01", "2020-06-02")
    assert len(found) == 366 + 2
    assert np.all(found.closes[:-1] == found.opens[1:])
    assert np.all(found.opens == found.dates * NANOS_PER_DAY)
    assert calendar.sessions_per_year(found, nanos("2020-06-01"), nanos("2020-06-02")) == 366


def test_sessions_per_year_counts_whole_calendar_years():
    found = sessions("XNYS", "2010-06-01", "2012-02-01")
    assert calendar.sessions_per_year(found, nanos("2010-06-01"), nanos("2010-07-01")) == 252
    assert (
        calendar.sessions_per_year(found, nanos("2010-06-01"), nanos("2012-02-01")) == (252 + 252 + 250) / 3
    )


@pytest.mark.parametrize("span", [("2009-01-01", "2010-01-01"), ("2010-01-01", "2011-06-01")])
def test_sessions_per_year_refuses_years_it_does_not_know(span):
    found = sessions("XNYS", "2010-01-01", "2010-12-31")
    with pytest.raises(ConfigError, match="calendar XNYS: these sessions do not cover the years from"):
        calendar.sessions_per_year(found, *map(nanos, span))


def test_an_unknown_calendar_names_the_nearest():
    with pytest.raises(ConfigError, match=r"calendar 'XNY' is unknown; did you mean 'XNYS'\?"):
        sessions("XNY", "2010-01-01", "2010-12-31")


def test_a_span_that_ends_before_it_begins_is_refused():
    with pytest.raises(ConfigError, match="2010-01-02 to 2010-01-01 ends before it begins"):
        sessions("XNYS", "2010-01-02", "2010-01-01")


@pytest.mark.parametrize("span", [("2015-01-01", "2022-01-01"), ("2022-01-01", "2031-01-01")])
def test_a_calendar_with_bounds_says_how_far_it_is_known(span):
    with pytest.raises(
        ConfigError, match=f"calendar XSAU is known from 2021-.* {span[0]} to {span[1]} is asked"
    ):
        sessions("XSAU", *span)


def test_the_cache_spares_the_import(request):
    first = sessions("XNYS", "2010-01-01", "2010-12-31")
    calendar._tables.clear()
    request.getfixturevalue("no_library")
    again = sessions("XNYS", "2010-01-01", "2010-12-31")
    assert np.array_equal(first.opens, again.opens)
    assert np.array_equal(first.closes, again.closes)
    assert np.array_equal(first.dates, again.dates)


def test_a_range_before_the_cached_one_extends_it():
    sessions("XNYS", "2010-01-01", "2010-12-31")
    assert len(sessions("XNYS", "1985-01-01", "1985-12-31")) == 252 + 2
    assert len(sessions("XNYS", "2010-01-01", "2010-12-31")) == 252 + 2


@pytest.mark.parametrize("content", [b"", b"garbage", b"PK\x03\x04 cut"])
def test_a_damaged_cache_is_rebuilt(empty_cache, content):
    path = calendar.cache_path("XNYS")
    assert path is not None
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    assert len(sessions("XNYS", "2010-01-01", "2010-12-31")) == 252 + 2
    assert path.stat().st_size > 100_000
    assert [p.name for p in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize(
    "columns",
    [{"other": np.zeros(3)}, {"columns": np.zeros((2, 5)), "asked": np.zeros(2), "built": np.zeros(2)}],
)
def test_a_cache_of_another_form_is_rebuilt(empty_cache, columns):
    path = calendar.cache_path("XNYS")
    assert path is not None
    path.parent.mkdir(parents=True)
    np.savez(path, **columns)
    assert len(sessions("XNYS", "2010-01-01", "2010-12-31")) == 252 + 2


def test_a_folder_that_cannot_be_written_is_done_without(monkeypatch, tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    monkeypatch.setenv("OPENBELL_CACHE", str(blocked))
    assert len(sessions("XNYS", "2010-01-01", "2010-12-31")) == 252 + 2


def test_a_user_without_a_home_has_no_cache(monkeypatch):
    def homeless():
        raise RuntimeError("no home")

    monkeypatch.delenv("OPENBELL_CACHE")
    monkeypatch.setattr(cache, "Path", SimpleNamespace(home=homeless))
    assert calendar.cache_path("XNYS") is None
    assert calendar._read("XNYS", None) is None
    assert len(sessions("XNYS", "2010-01-01", "2010-12-31")) == 252 + 2


def test_the_cache_lies_in_the_home_folder_by_default_and_names_the_version(monkeypatch):
    monkeypatch.delenv("OPENBELL_CACHE")
    path = calendar.cache_path("24/5")
    assert path is not None
    assert path.parent == Path.home() / ".cache" / "openbell" / "calendars"
    assert path.name == f"24-5-{version('exchange_calendars')}.npz"
