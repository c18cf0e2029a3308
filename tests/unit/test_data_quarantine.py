import math

import numpy as np
import pytest

from openbell.core.errors import ConfigError
from openbell.core.types import NANOS_PER_DAY, Dividend, Split
from openbell.data import bundled
from openbell.data.bars import COLUMNS, FindingKind, Series, Source
from openbell.data.oddities import LEAST, STILL, Run, find_spikes, find_still
from openbell.data.quarantine import describe, make_policy, sift
from openbell.data.validate import POLICY
from openbell.data.vendors import compare_vendors

DAY = NANOS_PER_DAY


def walk(count: int = 100, seed: int = 1) -> dict[str, np.ndarray]:
    random = np.random.default_rng(seed)
    close = 100.0 * np.exp(np.cumsum(0.01 * random.standard_normal(count)))
    open_ = np.append(close[0], close[:-1])
    return {
        "open": open_,
        "high": np.maximum(open_, close) * 1.005,
        "low": np.minimum(open_, close) * 0.995,
        "close": close,
        "volume": np.full(count, 1000.0),
    }


def times(count: int) -> np.ndarray:
    return np.arange(count, dtype=np.int64) * DAY


def rows(columns: dict[str, np.ndarray]) -> list[int]:
    return np.flatnonzero(find_spikes(*(columns[name] for name in COLUMNS[:4]))).tolist()


def test_an_ordinary_walk_has_no_spikes():
    assert rows(walk()) == []


@pytest.mark.parametrize("factor", [0.7, 1.4])
def test_a_close_that_the_next_one_takes_back_is_a_spike(factor):
    columns = walk()
    for name in COLUMNS[:4]:
        columns[name][50] *= factor
    columns["open"][50] = columns["close"][49]
    columns["high"][50], columns["low"][50] = (
        max(columns["open"][50], columns["close"][50]),
        min(columns["open"][50], columns["close"][50]),
    )
    assert rows(columns) == [50]


def test_a_jump_that_stays_is_none():
    columns = walk()
    for name in COLUMNS[:4]:
        columns[name][50:] *= 0.5
    assert rows(columns) == []


@pytest.mark.parametrize(("name", "factor"), [("low", 0.8), ("high", 1.25)])
def test_an_extreme_far_from_open_and_close_is_one(name, factor):
    columns = walk()
    columns[name][0] *= factor
    assert rows(columns) == [0]


def test_what_is_nearer_than_a_tenth_is_none_however_quiet_the_rest():
    columns = {name: np.full(50, 100.0) for name in COLUMNS}
    columns["high"][20] = 100.0 * math.exp(LEAST - 0.001)
    assert rows(columns) == []


def test_the_bad_lows_of_the_bundled_prices_are_found():
    series = bundled.load("MSFT")
    (row,) = np.flatnonzero(find_spikes(series.open, series.high, series.low, series.close))
    assert str(np.datetime64(int(series.start[row]), "ns"))[:10] == "2008-07-01"


@pytest.mark.parametrize("count", [0, 1, 2])
def test_few_bars_cannot_be_judged(count):
    assert rows(walk(count) if count else {name: np.empty(0) for name in COLUMNS}) == []


def test_prices_that_stand_still_are_found_from_their_first_bar_on():
    columns = walk()
    for name in COLUMNS[:4]:
        columns[name][30 : 30 + STILL] = 7.0
        columns[name][60 : 60 + STILL - 1] = 8.0
    assert find_still(*(columns[name] for name in COLUMNS[:4])) == [Run(30, STILL)]


def test_two_prices_side_by_side_are_two_runs():
    columns = {name: np.repeat([5.0, 6.0], STILL) for name in COLUMNS}
    assert find_still(*(columns[name] for name in COLUMNS[:4])) == [Run(0, STILL), Run(STILL, STILL)]


def test_by_default_nothing_is_put_apart():
    columns = walk()
    columns["close"][3] = -1.0
    stays, apart = sift(times(100), columns, POLICY)
    assert stays.all()
    assert apart == []


def test_what_the_policy_says_is_put_apart_with_its_reason():
    columns = walk()
    columns["close"][3] = -1.0
    columns["volume"][5] = 0.0
    columns["high"][7] = math.nan
    columns["low"][50] *= 0.5
    start = times(100)
    start[10] = start[9]
    kinds = ("not_a_number", "not_positive", "duplicate", "zero_volume", "spike", "outside_range")
    stays, apart = sift(start, columns, make_policy(dict.fromkeys(kinds, "quarantine")))
    assert np.flatnonzero(~stays).tolist() == [3, 5, 7, 10, 50]
    assert [(one.time // DAY, one.kind.value) for one in apart] == [
        (3, "not_positive"), (5, "zero_volume"), (7, "not_a_number"), (9, "duplicate"), (50, "spike"),
    ]  # fmt: skip
    assert apart[0].reason == "close -1 is not positive"
    assert apart[1].reason == "volume 0: nobody traded"
    assert apart[0].values[3] == -1.0


def test_a_good_bar_takes_the_place_of_a_bad_one_with_its_time():
    columns = walk(4)
    columns["close"][1] = math.nan
    start = np.array([0, 1, 1, 2], np.int64) * DAY
    stays, apart = sift(
        start, columns, make_policy({"not_a_number": "quarantine", "duplicate": "quarantine"})
    )
    assert stays.tolist() == [True, False, True, True]
    assert [one.kind for one in apart] == [FindingKind.NOT_A_NUMBER]


def test_what_is_put_apart_is_said_once_a_kind():
    columns = walk()
    columns["volume"][[5, 6]] = 0.0
    columns["low"][50] *= 0.5
    _, apart = sift(times(100), columns, make_policy({"zero_volume": "quarantine", "spike": "quarantine"}))
    spike, zero = describe("ACME", apart)
    assert zero.message == (
        "ACME: 2 bars are in quarantine as zero_volume, the first of 1970-01-06T00:00Z (volume 0: nobody "
        "traded); `openbell data health ACME` lists them"
    )
    assert spike.message.startswith("ACME: 1 bar is in quarantine as spike")
    assert {spike.policy, zero.policy} == {"quarantine"}


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"spikes": "flag"}, "data.findings.spikes is unknown; did you mean 'spike'?"),
        ({"spike": "drop"}, "data.findings.spike='drop' is unknown; valid names: fail, flag, quarantine"),
        ({"missing_bars": "quarantine"}, "data.findings.missing_bars=quarantine: no one bar has it"),
        ({"not_positive": "flag"}, "data.findings.not_positive=flag: no run can have such bars"),
    ],
)
def test_a_policy_that_cannot_be_is_refused(asked, said):
    with pytest.raises(ConfigError) as caught:
        make_policy(asked)
    assert str(caught.value).startswith(said)


def vendor(name: str, columns: dict[str, np.ndarray], *actions: object) -> Series:
    start = times(len(columns["close"]))
    source = Source(name, "eod")
    return Series("ACME", "1d", start, start + DAY // 2, **columns, source=source, actions=actions)  # type: ignore[arg-type]


def test_vendors_that_agree_say_nothing():
    columns = walk()
    one = vendor("a", columns, Split("ACME", 5 * DAY, 2, 1), Dividend("ACME", 9 * DAY, 0.5))
    other = vendor("b", columns, Split("ACME", 5 * DAY + 1, 4, 2), Dividend("ACME", 9 * DAY, 0.501))
    assert compare_vendors(one, other) == []


def test_where_vendors_disagree_both_are_quoted():
    columns = walk()
    changed = columns | {"close": columns["close"] * np.where(np.arange(100) == 4, 1.01, 1.0)}
    one = vendor("a", columns, Split("ACME", 5 * DAY, 2, 1), Dividend("ACME", 9 * DAY, 0.5))
    other = vendor("b", changed, Split("ACME", 5 * DAY, 3, 1))
    said = [finding.message for finding in compare_vendors(one, other)]
    assert said[0] == (
        "ACME: split on 1970-01-06: a (eod) has 2:1 and b (eod) has 3:1; look it up, and correct one"
    )
    assert "dividend on 1970-01-10: a (eod) has 0.5 and b (eod) has none" in said[1]
    assert said[2].startswith(
        "ACME: 1 of 100 closes differ by more than 0.1%, the first of 1970-01-05T00:00Z"
    )


def test_actions_outside_of_what_both_have_are_no_matter():
    columns = walk()
    short = {name: column[:50] for name, column in columns.items()}
    one, other = vendor("a", columns, Dividend("ACME", 70 * DAY, 0.5)), vendor("b", short)
    assert compare_vendors(one, other) == []
    assert compare_vendors(one, vendor("c", {name: column[:0] for name, column in columns.items()})) == []
