from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openbell.core.errors import ConfigError
from openbell.core.messages import BarMessage, Quote
from openbell.core.types import Dividend, Split
from openbell.data.bars import parse_date
from openbell.data.providers import open_provider
from openbell.data.providers.protocol import Batch, Provider, Span
from openbell.data.synthetic import Recipe, make_days


def _span(start: str, end: str) -> Span:
    return Span(parse_date(start) or 0, parse_date(end) or 0)


def _open(**options: object) -> Provider:
    return open_provider("synthetic", options, {})


async def _bars(provider: Provider, symbol: str, timeframe: str, span: Span) -> Batch:
    pages = [page async for page in provider.bars(symbol, timeframe, span)]
    columns = {k: np.concatenate([page.columns[k] for page in pages]) for k in pages[0].columns}
    return Batch(np.concatenate([page.start for page in pages]), columns)


async def test_minutes_make_the_daily_bar_on_half_days_too() -> None:
    provider, span = _open(), _span("2024-06-28", "2024-08-15")
    days = await _bars(provider, "ABC", "1d", span)
    minutes = await _bars(provider, "ABC", "1m", span)
    which = np.searchsorted(days.start, minutes.start, side="right") - 1
    counts = np.bincount(which)
    assert counts[days.start == parse_date("2024-07-03")] == 210
    assert sorted(set(counts)) == [210, 390]
    for day in range(len(days.start)):
        part = {name: column[which == day] for name, column in minutes.columns.items()}
        whole = {name: column[day] for name, column in days.columns.items()}
        assert (part["open"][0], part["close"][-1]) == (whole["open"], whole["close"])
        assert (part["high"].max(), part["low"].min()) == (whole["high"], whole["low"])
        assert part["volume"].sum() == whole["volume"]
        assert np.all(part["low"] <= np.minimum(part["open"], part["close"]))
        assert np.all(part["high"] >= np.maximum(part["open"], part["close"]))


@settings(max_examples=20, deadline=None)
@given(
    st.text("ABCXYZ.", min_size=1, max_size=5), st.integers(0, 99), st.integers(1, 400), st.integers(1, 200)
)
def test_a_span_has_the_same_bars_in_whatever_pieces(symbol: str, seed: int, first: int, more: int) -> None:
    short = make_days(Recipe(seed), symbol, (parse_date("2001-01-01") or 0) + first * 86_400_000_000_000)
    long = make_days(
        Recipe(seed), symbol, (parse_date("2001-01-01") or 0) + (first + more) * 86_400_000_000_000
    )
    count = len(short.sessions)
    for a, b in zip(short.bars, long.bars, strict=True):
        assert np.array_equal(a, b[:count])
    assert short.actions == long.actions[: len(short.actions)]


def test_volatility_is_the_asked_one_and_clusters() -> None:
    bars = make_days(Recipe(volatility=0.4), "CLUSTER", parse_date("2024-01-01") or 0)
    factor = np.ones(len(bars.sessions))
    for action in bars.actions:
        if isinstance(action, Split):
            factor[np.searchsorted(bars.sessions.dates * 86_400_000_000_000, action.ex) :] *= action.ratio
    returns = np.diff(np.log(bars.bars.close * factor))
    assert 0.3 < returns.std() * np.sqrt(252) < 0.5
    assert np.corrcoef(np.abs(returns[1:]), np.abs(returns[:-1]))[0, 1] > 0.05


def test_some_symbols_split_and_some_pay_dividends() -> None:
    end = parse_date("2024-01-01") or 0
    found = {type(a) for symbol in map(str, range(12)) for a in make_days(Recipe(), symbol, end).actions}
    assert found == {Split, Dividend}


def test_a_split_divides_the_raw_price() -> None:
    end = parse_date("2024-01-01") or 0
    histories = [make_days(Recipe(), str(i), end) for i in range(12)]
    jumps = [
        history.bars.open[row] / history.bars.close[row - 1] * action.ratio
        for history in histories
        for action in history.actions
        if isinstance(action, Split)
        for row in [int(np.searchsorted(history.sessions.dates * 86_400_000_000_000, action.ex))]
    ]
    assert len(jumps) > 2
    assert all(0.8 < jump < 1.25 for jump in jumps)


async def test_the_days_of_a_symbol_are_made_once_for_bars_and_actions(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made: list[str] = []

    def noted(recipe: Recipe, symbol: str, end: int) -> object:
        made.append(symbol)
        return make_days(recipe, symbol, end)

    monkeypatch.setattr("openbell.data.providers.synthetic.make_days", noted)
    provider, span = _open(), _span("2024-01-02", "2024-03-01")
    await _bars(provider, "ABC", "1d", span)
    await provider.actions("ABC", Span(span.start, span.end + 5 * 3600 * 10**9))
    assert made == ["ABC"]


async def test_another_seed_is_another_world() -> None:
    span = _span("2024-01-02", "2024-01-10")
    one, two = [await _bars(_open(seed=seed), "ABC", "1d", span) for seed in (0, 1)]
    assert not np.array_equal(one.columns["close"], two.columns["close"])
    assert _open(seed=1).source("ABC") != _open(seed=0).source("ABC")


async def test_the_stream_says_what_the_history_says() -> None:
    provider = _open(speed=1e9, begin="2024-07-03")
    connection = provider.connect()
    await connection.open()
    await connection.subscribe(["ABC", "XYZ"], ["bars", "quotes"])
    heard: list[BarMessage] = []
    quotes = 0
    async for message in connection.messages():
        if isinstance(message, BarMessage):
            heard.append(message)
        quotes += isinstance(message, Quote)
        if len(heard) == 500:
            await connection.close()
    assert quotes == 500
    assert all(a.end <= b.end for a, b in pairwise(heard))
    history = await _bars(provider, "ABC", "1m", _span("2024-07-03", "2024-07-04"))
    closes = [bar.close for bar in heard if bar.symbol == "ABC"]
    assert closes[:210] == history.columns["close"].tolist()


async def test_facts_actions_and_quotes_are_there() -> None:
    provider = _open()
    assert (await provider.instrument("ABC")).tick == 0.01
    quote = await provider.quote("ABC")
    assert quote.bid < quote.ask
    everything = await provider.actions("1", _span("2000-01-01", "2024-01-01"))
    half = await provider.actions("1", _span("2000-01-01", "2012-01-01"))
    assert list(half) == list(everything)[: len(half)]
    await provider.close()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"volatility": 0.0}, "volatility=0.0 must be above 0"),
        ({"drift": 9.0}, "drift=9.0 must be from -2 to 2"),
        ({"speed": 0.0}, "speed=0.0 must be a positive number"),
        ({"begin": "soon"}, "begin='soon' is no date"),
        ({"seeds": 1}, "provider 'synthetic' has no option 'seeds'; did you mean 'seed'?"),
    ],
)
def test_wrong_options_are_named(options: dict[str, object], said: str) -> None:
    with pytest.raises(ConfigError, match=said.replace("?", r"\?")):
        _open(**options)


async def test_what_is_not_made_is_refused() -> None:
    provider = _open()
    with pytest.raises(ConfigError, match="timeframe '5m': synthetic has 1m and 1d"):
        await _bars(provider, "ABC", "5m", _span("2024-01-02", "2024-01-10"))
    with pytest.raises(ConfigError, match="begin on 2000-01-03"):
        await _bars(provider, "ABC", "1d", _span("1999-01-02", "1999-01-10"))
