import numpy as np
import pytest

from openbell.core.errors import BadData, ConfigError, Rejected, Retryable
from openbell.data.providers.answers import make_batch, read_date, read_field, read_moment, read_ratio
from openbell.data.providers.http import decode, parse_retry_after, quote, refuse
from openbell.utils.logging import redact


@pytest.mark.parametrize(
    ("value", "date", "seconds"),
    [
        (None, None, None),
        ("7", None, 7.0),
        (" 1.5 ", None, 1.5),
        ("Tue, 02 Jan 2024 00:00:30 GMT", "Tue, 02 Jan 2024 00:00:00 GMT", 30.0),
        ("Tue, 02 Jan 2024 00:00:30 GMT", "Tue, 02 Jan 2024 00:01:00 GMT", 0.0),
        ("Tue, 02 Jan 2024 00:00:30 GMT", None, 0.0),  # long ago
        ("soon", None, None),
    ],
)
def test_retry_after_is_seconds_or_a_date(value, date, seconds):
    assert parse_retry_after(value, date) == seconds


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, Rejected),
        (301, Rejected),
        (401, ConfigError),
        (403, ConfigError),
        (451, ConfigError),
        (408, Retryable),
        (418, Retryable),
        (429, Retryable),
        (502, Retryable),
    ],
)
def test_a_status_asks_for_an_error(status, error):
    refusal = refuse(status, "x: bars", said="no")
    assert type(refusal) is error
    assert str(refusal).startswith(f"x: bars: HTTP {status} (no)")


def test_a_good_status_asks_for_none():
    assert refuse(204, "x: bars") is None


def test_a_servers_words_are_short_and_without_secrets():
    redact("s3cret-words")
    said = quote("you  are\ns3cret-words " + "x" * 500)
    assert said.startswith("you are ******** xxx")
    assert len(said) == 201


@pytest.mark.parametrize(("text", "error"), [("", Retryable), ('{"a": "b', Retryable), ("nope", BadData)])
def test_a_body_that_ends_early_is_not_one_that_is_no_json(text, error):
    with pytest.raises(error):
        decode(text, "x: bars")


@pytest.mark.parametrize(
    ("factor", "ratio"), [(2.0, (2, 1)), ("1.5", (3, 2)), (0.0666667, (1, 15)), (1, (1, 1)), (0.1, (1, 10))]
)
def test_a_split_factor_is_a_ratio_of_whole_shares(factor, ratio):
    assert read_ratio(factor, "x") == ratio


@pytest.mark.parametrize("factor", [0, -2.0, "x", None, True, float("inf")])
def test_what_is_no_split_factor_is_bad_data(factor):
    with pytest.raises(BadData):
        read_ratio(factor, "x")


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2024-01-02T14:30:00Z", "2024-01-02T14:30:00"),
        ("2024-01-02 09:30:00.5-05:00", "2024-01-02T14:30:00.5"),
        ("2024-01-02T14:30:00.123456789+0000", "2024-01-02T14:30:00.123456789"),
        ("1969-12-31T23:59:59.5Z", "1969-12-31T23:59:59.5"),
    ],
)
def test_a_moment_keeps_its_nanoseconds(text, moment):
    assert read_moment(text, "x") == np.datetime64(moment, "ns").astype(np.int64)


@pytest.mark.parametrize("text", ["2024-01-02", "2024-1-2x", 5, None])
def test_what_is_no_date_or_moment_is_bad_data(text):
    with pytest.raises(BadData, match="no moment with a zone"):
        read_moment(text, "x")
    if text != "2024-01-02":
        with pytest.raises(BadData, match="is no date"):
            read_date(text, "x")


def test_a_date_is_its_midnight():
    assert read_date("2024-01-02", "x") == np.datetime64("2024-01-02", "ns").astype(np.int64)


@pytest.mark.parametrize(("row", "said"), [([], "not list"), ({}, "it has nothing"), ({"b": 1}, "it has b")])
def test_a_missing_field_says_what_there_is(row, said):
    with pytest.raises(BadData, match=said):
        read_field(row, "a", "x")


def test_an_empty_batch_has_all_columns():
    batch = make_batch([], [], "x")
    assert {name: column.shape for name, column in batch.columns.items()} == dict.fromkeys(
        ("open", "high", "low", "close", "volume"), (0,)
    )
