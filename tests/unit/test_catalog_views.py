"""What is made of stored bars on read: coarser ones, adjusted ones; and what a provider sends."""

from __future__ import annotations

import numpy as np
import pytest

from openbell.core.errors import BadData, ConfigError
from openbell.core.types import Dividend, Split
from openbell.data import bundled
from openbell.data.actions import factors
from openbell.data.bars import Source
from openbell.data.catalog import Catalog, Key, Span, series_of
from openbell.data.catalog.key import key_of
from openbell.data.providers.protocol import Batch
from tests.unit.catalog_by_hand import MINUTE, TAPE, days, minutes, rows, sessions_of

PRICES = ("open", "high", "low", "close", "volume")


@pytest.fixture
def catalog(tmp_path):
    return Catalog(tmp_path)


def key(timeframe: str, source: Source = TAPE) -> Key:
    return Key(source, "ACME", timeframe)


# --- coarser bars ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("timeframe", ["5m", "1h", "1d", "1w", "1mo"])
def test_coarser_bars_are_made_of_the_stored_ones(catalog, timeframe):
    whole = minutes("2024-06-24", "2024-07-31")
    catalog.write(whole)
    assert catalog.find("ACME", timeframe) == key(timeframe)
    made = catalog.read(key(timeframe))
    assert made.timeframe == timeframe
    assert made.volume.sum() == whole.volume[whole.start < made.known[-1]].sum()
    for row in (0, len(made) // 2, len(made) - 1):
        inside = (whole.start >= made.start[row]) & (whole.start < made.known[row])
        assert made.open[row] == whole.open[inside][0]
        assert made.high[row] == whole.high[inside].max()
        assert made.low[row] == whole.low[inside].min()
        assert made.close[row] == whole.close[inside][-1]


def test_days_of_minutes_are_sessions_half_days_and_clock_changes_too(catalog):
    for first, last in (("2024-03-07", "2024-03-12"), ("2024-07-02", "2024-07-05")):
        known = sessions_of(first, last)
        catalog.write(minutes(first, last))
        made = catalog.read(key("1d"), int(known.opens[0]), int(known.closes[-1]))
        assert made.start.tolist() == known.opens.tolist()
        assert made.known.tolist() == known.closes.tolist()
    hours = catalog.read(key("1h"), int(known.opens[1]), int(known.closes[1]))  # 2024-07-03, until 13:00
    assert ((hours.known - hours.start) // MINUTE).tolist() == [60, 60, 60, 30]


def test_five_minutes_make_the_hours_that_minutes_make(catalog, tmp_path):
    whole = minutes("2024-07-02", "2024-07-05")
    catalog.write(whole)
    other = Catalog(tmp_path / "other")
    other.write(catalog.read(key("5m")))
    assert other.read(key("1h")).content_hash == catalog.read(key("1h")).content_hash


def test_a_period_that_is_not_over_is_not_shown(catalog):
    catalog.write(minutes("2024-01-29", "2024-02-01"))
    assert len(catalog.read(key("1mo"))) == 1
    assert len(catalog.read(key("1w"))) == 0
    half = rows(minutes("2024-02-02", "2024-02-02"), slice(0, 200))
    catalog.write(half)
    assert catalog.read(key("1d")).known[-1] < half.start[0]


def test_a_range_of_coarse_bars_is_that_of_all_of_them(catalog):
    catalog.write(days("2023-01-03", "2024-06-28"))
    every = catalog.read(key("1mo"))
    first, last = int(every.start[3]), int(every.start[9])
    assert catalog.read(key("1mo"), first, last).content_hash == every.between(first, last).content_hash
    assert catalog.read(key("1mo"), first + 1, last).start[0] == every.start[4]


def test_what_is_stored_comes_before_what_could_be_made(catalog):
    catalog.write(minutes("2024-01-02", "2024-01-03"))
    catalog.write(days("2024-01-02", "2024-01-03", level=500.0))
    assert catalog.read(key("1d")).close[0] == 500.0


@pytest.mark.parametrize(("stored", "asked"), [("1d", "1h"), ("5m", "7m"), ("5m", "1m"), ("1w", "1mo")])
def test_what_cannot_be_made_is_refused_and_what_is_there_is_named(catalog, stored, asked):
    made = minutes(step=5) if stored == "5m" else days()
    if stored == "1w":
        catalog.write(days())
        made = catalog.read(key("1w"))
        catalog = Catalog(catalog.root / "weeks")
    catalog.write(made)
    told = rf"no {asked} bars of ACME .*\(it has {stored} of vendor:iex\); import them: openbell data import"
    with pytest.raises(ConfigError, match=told):
        catalog.find("ACME", asked)
    with pytest.raises(ConfigError, match=told):
        catalog.read(key(asked))


def test_sessions_of_all_hours_make_no_coarser_bars(catalog):
    catalog.write(minutes(source=Source("vendor", "iex", session="extended")))
    with pytest.raises(ConfigError, match="coarser bars are made of regular sessions"):
        catalog.read(key("1h", Source("vendor", "iex", session="extended")))


def test_the_regular_session_is_found_before_one_of_all_hours(catalog):
    catalog.write(days(source=Source("vendor", "iex", session="extended")))
    catalog.write(days())
    assert catalog.find("ACME", "1d").source == TAPE


def test_adjusted_prices_are_found_by_their_key_alone(catalog):
    catalog.write(days(source=Source("vendor", "iex", adjustment="split")))
    with pytest.raises(ConfigError, match="has no 1d bars of ACME"):
        catalog.find("ACME", "1d")


@pytest.mark.parametrize(
    ("symbol", "provider", "told"),
    [
        ("ACMEE", None, "did you mean 'ACME'); fetch them: openbell data fetch ACMEE --provider yahoo"),
        ("ZZZ", "alpaca", "(it has ACME); fetch them: openbell data fetch ZZZ --provider alpaca"),
    ],
)
def test_what_is_absent_names_what_is_near_and_the_command(catalog, symbol, provider, told):
    catalog.write(days())
    with pytest.raises(ConfigError) as raised:
        catalog.find(symbol, "1d", provider=provider)
    assert told in str(raised.value)


def test_an_empty_catalog_says_so(catalog):
    remedy = r"it is empty\); fetch them: .* --feed sip --timeframe 1m --start 2024-01-02$"
    with pytest.raises(ConfigError, match=remedy):
        catalog.find("ACME", "1m", provider="alpaca", feed="sip")
    assert catalog.keys() == ()


# --- adjusted prices -------------------------------------------------------------------------------------


@pytest.mark.parametrize("symbol", ["AAPL", "IBM", "MSFT"])
def test_adjusted_prices_are_those_of_the_factors_and_of_the_source(catalog, symbol):
    raw = bundled.load(symbol)
    catalog.write(raw)
    split, total = factors(raw.start, raw.close, raw.actions)
    for how, factor in (("split", split), ("total", total)):
        made = catalog.read(key_of(raw), adjusted=how)
        assert made.source.adjustment == how
        assert made.actions == ()
        np.testing.assert_allclose(made.close, raw.close * factor / factor[-1], rtol=1e-14)
        np.testing.assert_allclose(made.volume, raw.volume * split[-1] / split, rtol=1e-14)
        assert made.close[-1] == raw.close[-1]
    vendors = bundled.adjusted_close(symbol)
    np.testing.assert_allclose(made.close / made.close[-1], vendors / vendors[-1], rtol=2e-3)


def test_a_range_is_adjusted_as_of_its_own_end(catalog):
    whole = days()
    split = Split("ACME", int(whole.start[10]), 2, 1)
    catalog.write(whole)
    catalog.write_actions(TAPE, "ACME", [split, Dividend("ACME", int(whole.start[15]), 1.0)])
    before = catalog.read(key("1d"), None, int(whole.start[10]), adjusted="total")
    assert before.close.tolist() == whole.close[:10].tolist()
    after = catalog.read(key("1d"), adjusted="split")
    assert after.close[0] == whole.close[0] / 2
    assert after.volume[0] == whole.volume[0] * 2


def test_an_unknown_adjustment_is_refused(catalog):
    with pytest.raises(ConfigError, match=r"adjusted='totl' is unknown; did you mean 'total'\?"):
        catalog.read(key("1d"), adjusted="totl")


def test_nothing_adjusted_is_nothing(catalog):
    whole = days()
    catalog.write(whole)
    assert len(catalog.read(key("1d"), 0, 1, adjusted="total")) == 0


# --- what a provider sends -------------------------------------------------------------------------------


def batch(series, rows, *, dated=False) -> Batch:
    start = series.start[rows]
    stamps = start // 86_400_000_000_000 * 86_400_000_000_000 if dated else start
    return Batch(stamps, {name: getattr(series, name)[rows] for name in PRICES})


def test_pages_of_dates_become_sessions():
    whole = days()
    pages = [batch(whole, rows, dated=True) for rows in (slice(0, 9), slice(9, 9), slice(9, 21))]
    assert series_of(key("1d"), pages).content_hash == whole.content_hash


def test_minutes_are_cut_at_their_session():
    whole = minutes("2024-07-03", "2024-07-03", step=60)
    assert series_of(key("1h"), [batch(whole, slice(None))]).known.tolist() == whole.known.tolist()


def test_minutes_of_all_hours_are_as_long_as_they_are():
    source = Source("vendor", "iex", session="extended")
    early = np.array([0, MINUTE, 5 * MINUTE], np.int64) + 1_704_186_000_000_000_000  # 09:00 UTC
    made = series_of(key("1m", source), [Batch(early, dict.fromkeys(PRICES, np.ones(3)))])
    assert (made.known - made.start).tolist() == [MINUTE] * 3


def test_no_bars_are_a_series_without_bars():
    assert len(series_of(key("1d"), [])) == 0


def test_actions_go_with_the_bars():
    split = Split("ACME", 1_704_700_000_000_000_000, 2, 1)
    assert series_of(key("1d"), [batch(days(), slice(0, 9), dated=True)], actions=[split]).actions == (split,)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda b: b._replace(start=b.start[::-1]), "is not after the one before it"),
        (lambda b: b._replace(start=b.start + 4 * 86_400_000_000_000), "2024-01-06 .*outside the sessions"),
        (lambda b: b._replace(columns={**b.columns, "low": b.columns["low"] * 2}), "high .* is below low"),
        (lambda b: b._replace(columns={k: v for k, v in b.columns.items() if k != "low"}), "no column 'low'"),
    ],
)  # fmt: skip
def test_what_cannot_be_right_is_refused(change, told):
    given = batch(days("2024-01-02", "2024-01-03"), slice(None), dated=True)
    with pytest.raises(BadData, match=told):
        series_of(key("1d"), [change(given)])


def test_what_is_sent_is_stored_and_missing_no_more(catalog):
    whole = days()
    asked = Span(int(whole.start[0]), int(whole.known[-1]))
    catalog.write(series_of(key("1d"), [batch(whole, slice(None), dated=True)]), covers=asked)
    assert catalog.missing(key("1d"), asked) == ()
    assert catalog.coverage(key("1w")) == (asked,)
