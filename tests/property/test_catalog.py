"""Any sequence of writes gives the series of one write; spans are sets of moments; names come back."""

from __future__ import annotations

import os
import tempfile
from itertools import pairwise
from unittest.mock import patch

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.catalog_by_hand import minutes, rows

from openbell.data.catalog import Catalog, Span, changes, parts
from openbell.data.catalog.key import LEVELS, key_of, level_name, level_value
from openbell.data.catalog.spans import subtract, unite

WHOLE = minutes("2024-07-02", "2024-07-05", step=15)  # with a half day and a holiday
COUNT = len(WHOLE)
MOMENTS = range(30)

chunk = st.one_of(
    st.sets(st.integers(0, COUNT - 1), min_size=1, max_size=12).map(sorted),
    st.tuples(st.integers(0, COUNT), st.integers(0, COUNT)).map(lambda ends: list(range(*sorted(ends)))),
)
spans = st.lists(st.tuples(st.integers(0, 29), st.integers(0, 29)).map(lambda ends: Span(*ends)), max_size=8)


@settings(max_examples=25, deadline=None)
@given(chunks=st.lists(chunk, max_size=8), small=st.integers(1, 4), most=st.integers(3, 40))
def test_any_sequence_of_writes_gives_the_series_of_one_write(chunks, small, most):
    written = {row for one in chunks for row in one}
    chunks = [*chunks, sorted(set(range(COUNT)) - written)]
    limits = patch.multiple(changes, SMALL=small, RECENT=2, MOST=most)
    quick = patch.object(os, "fsync")  # what reaches the disk when is not asked here
    with tempfile.TemporaryDirectory() as folder, limits, quick, patch.object(parts, "MOST", most):
        catalog = Catalog(folder)
        for one in chunks:
            catalog.write(rows(WHOLE, one))
        read = catalog.read(key_of(WHOLE))
        catalog.verify(key_of(WHOLE))
        assert read.content_hash == WHOLE.content_hash
        assert len(catalog.provenance(key_of(WHOLE))) <= len(chunks)


@settings(max_examples=15, deadline=None)
@given(cuts=st.lists(st.integers(0, COUNT), max_size=6))
def test_writes_that_follow_one_another_cover_what_one_write_does(cuts):
    edges = [0, *sorted(cuts), COUNT]
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as many:
        Catalog(one).write(WHOLE)
        for first, last in pairwise(edges):
            Catalog(many).write(rows(WHOLE, slice(first, last)))
        assert Catalog(many).coverage(key_of(WHOLE)) == Catalog(one).coverage(key_of(WHOLE))


def moments(of):
    return {moment for span in of for moment in MOMENTS if span.start <= moment < span.end}


@given(spans)
def test_united_spans_hold_the_same_moments_in_order_and_apart(given_spans):
    united = unite(given_spans)
    assert moments(united) == moments(given_spans)
    assert all(before.end < after.start for before, after in pairwise(united))
    assert all(span.start < span.end for span in united)
    assert unite(united) == united


@given(spans, st.tuples(st.integers(0, 29), st.integers(0, 29)).map(lambda ends: Span(*sorted(ends))))
def test_what_is_subtracted_is_gone_and_nothing_else(given_spans, span):
    rest = subtract(span, given_spans)
    assert moments(rest) == moments([span]) - moments(given_spans)
    assert unite(rest) == rest


@given(st.sampled_from(LEVELS), st.text(max_size=20), st.text(max_size=20))
def test_names_come_back_and_differ_where_capitals_do_not_count(level, one, other):
    assert level_value(level, level_name(level, one)) == one
    if one != other:
        assert level_name(level, one).casefold() != level_name(level, other).casefold()
    assert level_name(level, one).isascii()
    assert not set(level_name(level, one)) & set('/\\:*?"<>|. ')
