"""One company under several names in the catalog."""

from pathlib import Path

import numpy as np
import pytest

from openbell.core.errors import BadData
from openbell.core.types import Action, Delisting, Dividend, SpinOff, Split, SymbolChange
from openbell.data.bars import Series, parse_date
from openbell.data.catalog import Catalog
from openbell.data.catalog.key import key_of
from tests.unit.catalog_by_hand import TAPE, days


def ns(day: str) -> int:
    time = parse_date(day)
    assert time is not None
    return time


OLD = days("2024-01-02", "2024-01-12", symbol="OLD", actions=(Dividend("OLD", ns("2024-01-09"), 1.0),))
NEW = days("2024-01-16", "2024-01-31", symbol="NEW", level=200.0)


def catalog_with(tmp_path: Path, *given: Series) -> Catalog:
    catalog = Catalog(tmp_path)
    for one in given:
        catalog.write(one)
    return catalog


def rename(catalog: Catalog, old: str, new: str, day: str) -> None:
    catalog.write_actions(TAPE, new, [SymbolChange(old, ns(day), new)])


def test_what_is_stored_under_a_former_name_comes_before(tmp_path: Path) -> None:
    catalog = catalog_with(tmp_path, OLD, NEW)
    rename(catalog, "OLD", "NEW", "2024-01-16")
    both = catalog.read(key_of(NEW))
    assert both.symbol == "NEW"
    assert both.start.tolist() == [*OLD.start.tolist(), *NEW.start.tolist()]
    assert both.close.tolist() == [*OLD.close.tolist(), *NEW.close.tolist()]
    assert [(type(one), one.symbol) for one in both.actions] == [(Dividend, "NEW"), (SymbolChange, "OLD")]
    assert catalog.read(key_of(OLD)).start.tolist() == OLD.start.tolist()  # the old name has its own
    part = catalog.read(key_of(NEW), ns("2024-01-11"), ns("2024-01-17"))
    assert [len(part), part.close[0]] == [3, OLD.close[-2]]
    early = catalog.read(key_of(NEW), ns("2024-01-11"), ns("2024-01-12"))
    assert early.close.tolist() == [OLD.close[-2]]


def test_bars_and_actions_of_the_present_name_win(tmp_path: Path) -> None:
    mine = days("2024-01-10", "2024-01-31", symbol="NEW", level=200.0)
    catalog = catalog_with(tmp_path, OLD, mine)
    catalog.write_actions(TAPE, "NEW", [Dividend("NEW", ns("2024-01-09"), 2.0)])
    rename(catalog, "OLD", "NEW", "2024-01-16")
    both = catalog.read(key_of(mine))
    assert both.close.tolist() == [*OLD.close[:6].tolist(), *mine.close.tolist()]
    assert [one.amount for one in both.actions if isinstance(one, Dividend)] == [2.0]


def test_names_are_followed_back_as_far_as_they_are_stored(tmp_path: Path) -> None:
    first = days("2023-12-18", "2023-12-29", symbol="FIRST")
    catalog = catalog_with(tmp_path, first, OLD, NEW)
    rename(catalog, "FIRST", "OLD", "2024-01-02")
    rename(catalog, "OLD", "NEW", "2024-01-16")
    both = catalog.read(key_of(NEW), adjusted="total")
    assert len(both) == len(first) + len(OLD) + len(NEW)
    raw = catalog.read(key_of(NEW))
    assert {one.symbol for one in raw.actions if isinstance(one, SymbolChange)} == {"FIRST", "OLD"}
    assert np.isfinite(both.close).all()


def test_a_former_name_of_which_nothing_is_stored_changes_nothing(tmp_path: Path) -> None:
    catalog = catalog_with(tmp_path, NEW)
    rename(catalog, "OLD", "NEW", "2024-01-16")
    assert catalog.read(key_of(NEW)).close.tolist() == NEW.close.tolist()


def test_a_range_without_bars_of_the_former_name_has_its_actions(tmp_path: Path) -> None:
    catalog = catalog_with(tmp_path, OLD, NEW)
    rename(catalog, "OLD", "NEW", "2024-01-16")
    late = catalog.read(key_of(NEW), ns("2024-01-18"))
    assert late.close.tolist() == NEW.close[2:].tolist()
    assert [type(one) for one in late.actions] == [Dividend, SymbolChange]


def test_every_kind_of_action_is_kept_as_it_was_given(tmp_path: Path) -> None:
    given: list[Action] = [
        Dividend("NEW", ns("2024-01-17"), 1.0), SpinOff("NEW", ns("2024-01-18"), "KID", 1, 3, 10.5),
        Split("NEW", ns("2024-01-19"), 105, 100), SymbolChange("OLD", ns("2024-01-22"), "NEW"),
        Delisting("NEW", ns("2024-02-01")),
    ]  # fmt: skip
    catalog = catalog_with(tmp_path, NEW)
    catalog.write_actions(TAPE, "NEW", given)
    catalog.write_actions(TAPE, "NEW", given)  # again: nothing is new
    known = catalog.actions(TAPE.provider, "NEW")
    assert [type(one) for one in known] == [type(one) for one in given]
    assert [one.price for one in known if isinstance(one, SpinOff | Delisting)] == [10.5, None]
    assert len(catalog.facts(TAPE.provider, "NEW").told) == 1
    with pytest.raises(BadData, match=r"NEW: the delisting \(price None\) .* is stored"):
        catalog.write_actions(TAPE, "NEW", [Delisting("NEW", ns("2024-02-01"), 3.0)])
