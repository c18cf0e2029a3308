import csv
import gzip
import hashlib
import importlib.util
import time
from pathlib import Path

import numpy as np
import pytest

from openbell.core.errors import ConfigError
from openbell.core.types import Dividend, Split
from openbell.data import bundled, calendar, validate
from openbell.data.actions import factors
from openbell.data.bars import COLUMNS

ROOT = Path(__file__).parents[2]
FOLDER = Path(bundled.__file__).parent

AAPL = {"2012-08-09": 2.65, "2012-11-07": 2.65, "2013-02-07": 2.65}
SPLITS = {"AAPL": {"2000-06-21": 2.0, "2005-02-28": 2.0}, "MSFT": {"2003-02-18": 2.0}}

# as Microsoft announced them; 2004-11-15 is the special 3.00 with the quarterly 0.08
MSFT = {
    0.08: ["2003-02-19", "2004-08-23", "2005-02-15", "2005-05-16", "2005-08-15", "2005-11-15"],
    0.16: ["2003-10-15", "2010-11-16", "2011-02-15", "2011-05-17", "2011-08-16"],
    3.08: ["2004-11-15"],
    0.09: ["2006-02-15", "2006-05-15", "2006-08-15"],
    0.10: ["2006-11-14", "2007-02-13", "2007-05-15", "2007-08-14"],
    0.11: ["2007-11-13", "2008-02-19", "2008-05-13", "2008-08-19"],
    0.13: [
        *["2008-11-18", "2009-02-17", "2009-05-19", "2009-08-18"],
        *["2009-11-17", "2010-02-16", "2010-05-18", "2010-08-17"],
    ],
    0.20: ["2011-11-15", "2012-02-14", "2012-05-15", "2012-08-14"],
    0.23: ["2012-11-13", "2013-02-19"],
}

# IBM's quarterly rate changed with the May payment of each year
IBM_FROM_MAY = {
    2000: 0.13, 2001: 0.14, 2002: 0.15, 2003: 0.16, 2004: 0.18, 2005: 0.20, 2006: 0.30,
    2007: 0.40, 2008: 0.50, 2009: 0.55, 2010: 0.65, 2011: 0.75, 2012: 0.85,
}  # fmt: skip


def day(nanos: int) -> str:
    return str(np.datetime64(nanos, "ns").astype("datetime64[D]"))


def dividends(symbol: str) -> dict[str, float]:
    return {day(a.ex): a.amount for a in bundled.load(symbol).actions if isinstance(a, Dividend)}


def splits(symbol: str) -> dict[str, float]:
    return {day(a.ex): a.ratio for a in bundled.load(symbol).actions if isinstance(a, Split)}


@pytest.fixture(scope="module")
def tool():
    spec = importlib.util.spec_from_file_location("derive_actions", ROOT / "tools" / "derive_actions.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_prices_are_the_file_that_the_notice_names():
    digest = hashlib.sha256((FOLDER / "stocks.csv.gz").read_bytes()).hexdigest()
    assert digest in (FOLDER / "NOTICE.md").read_text(encoding="utf-8")


def test_the_committed_actions_are_those_that_the_prices_give(tool):
    actions = tool.derive(tool.read_prices(FOLDER / "stocks.csv.gz"))
    assert tool.write(actions) == (FOLDER / "actions.csv").read_text(encoding="utf-8")


def test_the_tool_writes_the_file(tool, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(tool, "BUNDLED", tmp_path)
    (tmp_path / "stocks.csv.gz").write_bytes((FOLDER / "stocks.csv.gz").read_bytes())
    tool.main()
    assert (tmp_path / "actions.csv").read_bytes() == (FOLDER / "actions.csv").read_bytes()
    assert "95 actions written" in capsys.readouterr().out


@pytest.mark.parametrize("growth", [0.99, 1.0001234])
def test_the_tool_refuses_a_growth_that_is_neither_split_nor_dividend(tool, growth):
    with pytest.raises(ValueError, match="A 2000-01-04: growth"):
        tool.explain(tool.Row("A", "2000-01-04", 10.0, 10.0), growth)


def test_the_tool_tells_splits_from_dividends(tool):
    row = tool.Row("A", "2000-01-04", 30.0, 30.0)
    assert tool.explain(row, 1.5) == ("A", "2000-01-04", "split", "3", "2", "")
    assert tool.explain(row, 0.1) == ("A", "2000-01-04", "split", "1", "10", "")
    assert tool.explain(row, 1.0 + 0.07 / 30.0) == ("A", "2000-01-04", "dividend", "", "", "0.07")


@pytest.mark.parametrize("symbol", ["AAPL", "FB", "GOOG", "IBM", "MSFT"])
def test_the_splits_are_the_known_ones(symbol):
    assert splits(symbol) == SPLITS.get(symbol, {})


def test_the_dividends_of_apple_are_the_known_ones():
    assert dividends("AAPL") == AAPL


def test_the_dividends_of_microsoft_are_the_known_ones():
    known = {date: amount for amount, dates in MSFT.items() for date in dates}
    assert dividends("MSFT") == known
    assert len(known) == 37


def test_the_dividends_of_ibm_have_the_known_rates_each_quarter():
    found = dividends("IBM")
    assert len(found) == 52
    for text, amount in found.items():
        year, month, monthday = map(int, text.split("-"))
        assert month in {2, 5, 8, 11}
        assert 5 <= monthday <= 8
        assert amount == IBM_FROM_MAY[year if month >= 5 else year - 1]
    dates = np.array(list(found), "datetime64[D]").astype(np.int64)
    assert np.all((np.diff(dates) >= 85) & (np.diff(dates) <= 99))


@pytest.mark.parametrize("symbol", ["FB", "GOOG"])
def test_facebook_and_google_paid_nothing(symbol):
    assert bundled.load(symbol).actions == ()


@pytest.mark.parametrize("symbol", bundled.symbols())
def test_the_source_adds_dividends_to_the_close_of_their_ex_date(symbol):
    """Adjusted growth = (close x ratio + dividend) / previous close, to the 12 digits of the file."""
    series, adjusted = bundled.load(symbol), bundled.adjusted_close(symbol)
    ratio, paid = np.ones(len(series)), np.zeros(len(series))
    for action in series.actions:
        row = int(np.searchsorted(series.start, action.ex))
        if isinstance(action, Split):
            ratio[row] = action.ratio
        elif isinstance(action, Dividend):
            paid[row] = action.amount
    growth = (series.close[1:] * ratio[1:] + paid[1:]) / series.close[:-1]
    assert growth == pytest.approx(adjusted[1:] / adjusted[:-1], rel=1e-11)


@pytest.mark.parametrize(
    ("symbol", "a_day", "in_all"),
    [
        ("AAPL", 2e-4, 2e-4),
        ("IBM", 3e-4, 4e-4),
        ("MSFT", 1.9e-3, 2e-3),
        ("GOOG", 1e-14, 1e-14),
        ("FB", 1e-14, 1e-14),
    ],
)
def test_our_factors_reproduce_the_adjusted_closes(symbol, a_day, in_all):
    """The source reinvests at the ex-date's close, we at the close before less the dividend.

    So the two differ on ex-dates alone, by D (P - D - C) / (P C): at most 0.19 %, on MSFT's 3.08 in one day.
    """
    series, adjusted = bundled.load(symbol), bundled.adjusted_close(symbol)
    _, total = factors(series.start, series.close, series.actions)
    ours = series.close * total
    one_day = (ours[1:] / ours[:-1]) / (adjusted[1:] / adjusted[:-1])
    assert one_day == pytest.approx(1.0, rel=0, abs=a_day)
    assert ours / ours[-1] == pytest.approx(adjusted / adjusted[-1], rel=in_all)

    expected = np.ones(len(series) - 1)
    for action in series.actions:
        if isinstance(action, Dividend):
            row = int(np.searchsorted(series.start, action.ex))
            before, now, paid = series.close[row - 1], series.close[row], action.amount
            expected[row - 1] = now * before / ((before - paid) * (now + paid))
    assert one_day == pytest.approx(expected, rel=1e-11)


#: The crash of 2010-05-06, which was real, and a low of MSFT that nobody else has.
ODD = {"AAPL": [("spike", "2010-05-06")], "MSFT": [("spike", "2008-07-01")]}


@pytest.mark.parametrize("symbol", bundled.symbols())
def test_the_bars_are_whole_and_in_their_sessions(symbol):
    series = bundled.load(symbol)
    sessions = calendar.sessions("XNYS", int(series.start[0]), int(series.start[-1]))
    columns = {name: getattr(series, name) for name in COLUMNS}
    assert validate.check_bars(symbol, columns, str) == []
    found = [
        (one.kind.value, str(np.datetime64(one.time, "ns"))[:10])
        for one in validate.examine(series, sessions)
    ]
    assert found == ODD.get(symbol, [])
    assert np.isin(series.start, sessions.opens).all()
    assert np.isin(series.known, sessions.closes).all()


def test_the_bars_are_those_of_the_file():
    with gzip.open(FOLDER / "stocks.csv.gz", "rt", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["Ticker"] == "GOOG"]
    series = bundled.load("GOOG")
    assert len(series) == len(rows) == 2148
    for name in COLUMNS:
        assert getattr(series, name).tolist() == [float(row[name.capitalize()]) for row in rows]
    assert [day(t) for t in series.start.tolist()] == [row["Date"] for row in rows]


def test_a_half_day_is_known_at_its_early_close():
    series = bundled.load("AAPL")
    row = [day(t) for t in series.start.tolist()].index("2012-11-23")
    assert str(np.datetime64(int(series.known[row]), "ns")).startswith("2012-11-23T18:00")


def test_five_symbols_are_there_and_others_are_refused():
    assert bundled.symbols() == ("AAPL", "FB", "GOOG", "IBM", "MSFT")
    for ask in (bundled.load, bundled.instrument, bundled.adjusted_close):
        with pytest.raises(
            ConfigError, match="symbol 'TSLA' is not bundled; choose one of AAPL, FB, GOOG, IBM, MSFT"
        ):
            ask("TSLA")


def test_instruments_are_whole_shares_in_cents():
    for symbol in bundled.symbols():
        found = bundled.instrument(symbol)
        assert (found.symbol, found.tick, found.lot, found.sector) == (symbol, 0.01, 1.0, "Technology")


def test_a_series_is_made_once():
    assert bundled.load("IBM") is bundled.load("IBM")


def test_the_file_is_parsed_quickly():
    times = []
    for _ in range(5):
        bundled._prices.cache_clear()
        begin = time.process_time()
        bundled._prices()
        times.append(time.process_time() - begin)
    assert min(times) < 0.06
