"""What is kept beside bars, and what readers see while others write."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from openbell.core.errors import BadData, ConfigError
from openbell.core.types import Dividend, Instrument, Split
from openbell.data.bars import parse_date
from openbell.data.catalog import Catalog, Key, Origin, Span, changes, store
from openbell.data.catalog.facts import disputes
from openbell.data.catalog.key import folder_of, key_of
from openbell.data.catalog.manifest import write_document
from tests.unit.catalog_by_hand import TAPE, days, rows

ORIGIN = Origin("vendor", 1_700_000_000_000_000_000, "ACME 1d")


@pytest.fixture
def catalog(tmp_path):
    return Catalog(tmp_path / "catalog")


def span(first: str, last: str) -> Span:
    start, end = parse_date(first), parse_date(last, end_of_day=True)
    assert start is not None
    assert end is not None
    return Span(start, end)


# --- facts -----------------------------------------------------------------------------------------------


def test_actions_are_kept_apart_by_provider_and_take_effect_at_the_open(catalog):
    midnight = span("2024-01-10", "2024-01-10").start
    catalog.write(days())
    catalog.write_actions(TAPE, "ACME", [Split("ACME", midnight, 2, 1), Dividend("ACME", midnight, 0.5)])
    actions = catalog.read(Key(TAPE, "ACME", "1d")).actions
    assert actions == (
        Dividend("ACME", int(days().start[6]), 0.5), Split("ACME", int(days().start[6]), 2, 1),
    )  # fmt: skip
    assert catalog.actions("other", "ACME") == ()


def test_an_ex_date_without_a_session_takes_effect_at_the_next(catalog):
    catalog.write_actions(TAPE, "ACME", [Split("ACME", span("2024-01-13", "2024-01-13").start, 2, 1)])
    (split,) = catalog.actions("vendor", "ACME")
    assert split.ex == days("2024-01-16", "2024-01-16").start[0]


def test_actions_that_differ_are_refused_unless_they_are_revised(catalog):
    ex = int(days().start[6])
    catalog.write_actions(TAPE, "ACME", [Dividend("ACME", ex, 0.5)], origin=ORIGIN)
    catalog.write_actions(TAPE, "ACME", [Dividend("ACME", ex, 0.5)])
    with pytest.raises(BadData, match=r"the dividend \(amount 0.5\) of 2024-01-10 14:30:00Z is stored"):
        catalog.write_actions(TAPE, "ACME", [Dividend("ACME", ex, 0.6)])
    with pytest.raises(BadData, match="otherwise or not at all"):
        catalog.write_actions(TAPE, "ACME", [], covers=span("2024-01-01", "2024-01-31"))
    catalog.write_actions(TAPE, "ACME", [Dividend("ACME", ex, 0.6)], revise=True)
    assert catalog.actions("vendor", "ACME") == (Dividend("ACME", ex, 0.6),)
    facts = catalog.facts("vendor", "ACME")
    assert [told.replaced for told in facts.told] == [(), (Dividend("ACME", ex, 0.5),)]


def test_what_was_written_by_hand_stays_where_the_provider_has_nothing(catalog):
    split, dividend = Split("ACME", int(days().start[3]), 2, 1), Dividend("ACME", int(days().start[6]), 0.5)
    catalog.write_actions(TAPE, "ACME", [split])
    january = span("2024-01-01", "2024-01-31")
    for revise in (False, True):
        catalog.write_actions(TAPE, "ACME", [dividend], origin=ORIGIN, covers=january, revise=revise)
        facts = catalog.facts("vendor", "ACME")
        assert facts.actions == (split, dividend)
        assert facts.own == (split,)
        assert facts.covered == (january,)
    with pytest.raises(BadData, match="otherwise or not at all"):
        catalog.write_actions(TAPE, "ACME", [split], origin=ORIGIN, covers=january)  # its own is missed


def test_what_was_written_by_hand_stays_where_the_provider_has_it_otherwise_until_a_revision(catalog):
    ex, january = int(days().start[3]), span("2024-01-01", "2024-01-31")
    mine, theirs = Split("ACME", ex, 4, 1), Split("ACME", ex, 2, 1)
    catalog.write_actions(TAPE, "ACME", [mine])
    catalog.write_actions(TAPE, "ACME", [theirs], origin=ORIGIN, covers=january)
    facts = catalog.facts("vendor", "ACME")
    assert (facts.actions, facts.own) == ((mine,), (mine,))
    (said,) = disputes(facts, [theirs, Split("ACME", ex + 1, 3, 1)])
    assert said == (
        "ACME: the split (new 4, old 1) of 2024-01-05 14:30:00Z was written by hand and stays; the provider "
        "has the split (new 2, old 1), which --revise takes"
    )
    catalog.write_actions(TAPE, "ACME", [theirs], origin=ORIGIN, covers=january, revise=True)
    facts = catalog.facts("vendor", "ACME")
    assert (facts.actions, facts.own, disputes(facts, [theirs])) == ((theirs,), (), [])


def test_what_the_provider_says_too_is_its_own_word(catalog):
    split = Split("ACME", int(days().start[3]), 2, 1)
    catalog.write_actions(TAPE, "ACME", [split])
    catalog.write_actions(TAPE, "ACME", [split], origin=ORIGIN)
    assert catalog.facts("vendor", "ACME").own == ()
    with pytest.raises(BadData, match="otherwise or not at all"):
        catalog.write_actions(TAPE, "ACME", [], origin=ORIGIN, covers=span("2024-01-01", "2024-01-31"))


def test_an_action_of_a_later_version_is_named(catalog, tmp_path):
    catalog.write_actions(TAPE, "ACME", [Dividend("ACME", 1, 0.5)])
    path = next((catalog.root / "_facts").rglob("*.json"))
    body = json.loads(path.read_text())["body"]
    body["actions"][0]["kind"] = "Merger"
    write_document(path, body)
    with pytest.raises(BadData, match="kind 'Merger', which this version has not"):
        catalog.actions("vendor", "ACME")


def test_instruments_are_kept(catalog):
    assert catalog.instrument("vendor", "ACME") is None
    catalog.write_instrument("vendor", Instrument("ACME", tick=0.05, currency="EUR", shortable=False))
    assert catalog.instrument("vendor", "ACME") == Instrument(
        "ACME", tick=0.05, currency="EUR", shortable=False
    )


# --- readers beside writers ------------------------------------------------------------------------------


#: What a reader calls between its manifest and its answer.
READ = "read_parts"


def test_a_reader_whose_files_were_joined_meanwhile_reads_the_joined_ones(catalog, monkeypatch):
    whole = days()
    for row in range(0, 20, 5):
        catalog.write(rows(whole, slice(row, row + 5)))
    real, calls = getattr(store, READ), []

    def joined_in_between(folder, parts):
        calls.append(len(parts))
        if len(calls) == 1:
            monkeypatch.setattr(changes, "SMALL", 2)
            catalog.write(rows(whole, slice(20, 21)))
        return real(folder, parts)

    monkeypatch.setattr(store, READ, joined_in_between)
    assert catalog.read(key_of(whole)).content_hash == whole.content_hash
    assert calls == [4, 1]


def test_a_reader_that_never_gets_a_whole_answer_says_so(catalog, monkeypatch):
    whole = days()
    catalog.write(rows(whole, slice(0, 1)))

    def always_late(folder, parts):
        written = len(catalog.provenance(key_of(whole)))
        catalog.write(rows(whole, slice(written, written + 1)))
        raise FileNotFoundError(folder)

    monkeypatch.setattr(store, "_TRIES", 5)
    monkeypatch.setattr(store, READ, always_late)
    with pytest.raises(ConfigError, match="rewritten without a pause"):
        catalog.read(key_of(whole))


def test_what_is_missing_of_a_session_of_all_hours_is_all_of_it(catalog):
    key = Key(replace(TAPE, session="extended"), "ACME", "1d")
    weekend = span("2024-01-06", "2024-01-07")
    assert catalog.missing(key, weekend) == (weekend,)


def test_the_actions_that_a_write_covers_are_remembered(catalog):
    year = span("2024-01-01", "2024-12-31")
    catalog.write_actions(TAPE, "ACME", [], covers=year)
    assert catalog.facts("vendor", "ACME").covered == (year,)
    assert catalog.has("nobody") is False


def test_manifests_and_facts_with_other_fields_are_damaged(catalog):
    whole = days()
    catalog.write(whole)
    catalog.write_instrument("vendor", Instrument("ACME"))
    write_document(folder_of(catalog.root, key_of(whole)) / "_manifest.json", {"parts": [[1]]})
    with pytest.raises(BadData, match=r"_manifest.json is damaged \(TypeError"):
        catalog.read(key_of(whole))
    write_document(next((catalog.root / "_facts").rglob("*.json")), {"actions": []})
    with pytest.raises(BadData, match=r"symbol=ACME.json is damaged \(KeyError"):
        catalog.instrument("vendor", "ACME")


def test_what_others_keep_beside_the_bars_stays(catalog):
    whole = days()
    catalog.write(rows(whole, slice(0, 5)))
    folder = folder_of(catalog.root, key_of(whole))
    (folder / "_quarantine.json").write_text("[]")
    (folder / "notes.txt").write_text("mine")
    catalog.write(rows(whole, slice(5, 9)))
    assert {"_quarantine.json", "notes.txt"} <= {path.name for path in folder.iterdir()}


def test_what_was_replaced_is_kept_after_its_provenance_has_moved(catalog, monkeypatch):
    monkeypatch.setattr(changes, "RECENT", 1)
    whole = days()
    catalog.write(rows(whole, slice(0, 5)))
    catalog.write(rows(days(level=200.0), slice(0, 2)), revise=True)
    for row in range(5, 9):
        catalog.write(rows(whole, slice(row, row + 1)))
    folder = folder_of(catalog.root, key_of(whole))
    (orphan := folder / "_replaced-2024-01-09-0123.revised").write_bytes(b"")
    catalog.write(rows(whole, slice(9, 10)))
    assert not orphan.exists()
    old = [changes.read_replaced(folder, one) for one in catalog.provenance(key_of(whole)) if one.replaced]
    assert [columns["close"].tolist() for columns in old] == [whole.close[:2].tolist()]


def test_only_what_is_remembered_without_bars_makes_no_coarser_ones(catalog):
    empty = rows(days(), slice(0, 0))
    catalog.write(empty, covers=span("2024-01-01", "2024-01-31"))
    assert len(catalog.read(Key(TAPE, "ACME", "1w"))) == 0
