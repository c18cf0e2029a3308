"""Every kind of corporate action, from Alpaca's wire into the catalog, and into a backtest's ledger."""

from __future__ import annotations

from typing import Any

import pytest
from tests.loopback.alpaca import ENVIRON, AlpacaServer, make_bar

import openbell as ob
from openbell.core.types import Action, Delisting, SpinOff, SymbolChange
from openbell.data.bars import FindingKind, parse_date
from openbell.data.catalog import Catalog
from openbell.data.catalog.caveats import describe_caveats
from openbell.data.fetch import Plan, fetch, supply
from openbell.data.providers import open_provider
from openbell.data.providers.protocol import Span

EX = "2024-01-08"
OPEN = parse_date("2024-01-08T14:30:00+00:00") or 0
BEFORE = (2, 3, 4, 5)  #: days of January, the last a Friday
AFTER = (8, 9, 10, 11, 12, 16, 17, 18, 19)


def bars(days, close):
    return [make_bar(f"2024-01-{day:02}T05:00:00Z", close) for day in days]


def span():
    return Span(parse_date("2024-01-01") or 0, parse_date("2024-02-01") or 0)


@pytest.fixture
async def server():
    async with AlpacaServer() as running:
        running.bars = {"OLD": bars(BEFORE, 50.0), "PARENT": bars((*BEFORE, *AFTER), 50.0)}
        running.bars |= {"KID": bars(AFTER, 11.0), "BUYER": bars((*BEFORE, *AFTER), 21.0)}
        for symbol in (*running.bars, "NEW"):
            running.assets[symbol] = {"symbol": symbol, "shortable": True}
        yield running


@pytest.fixture
async def learn(server, tmp_path):
    """Fetch a symbol of which Alpaca tells one action; return the catalog and the fetch's notes."""
    provider = open_provider("alpaca", {**server.options, "timeout": 2.0}, ENVIRON)
    catalog = Catalog(tmp_path / "catalog")

    async def run(symbol, kind, /, **row):
        server.actions = [(kind, {**row, "a_field_of_tomorrow": {"x": 1}})]
        plan = Plan((symbol,), "1d", span(), (parse_date("2024-03-01") or 0))
        (outcome,) = await fetch(plan, [supply(provider, ENVIRON, rate=60_000)], catalog)
        assert outcome.error is None
        return catalog, outcome.notes

    yield run
    await provider.close()


MERGER = {"acquirer_symbol": "BUYER", "acquiree_symbol": "OLD", "effective_date": EX}
TAKEN: dict[str, tuple[str, dict[str, Any], Action]] = {
    "cash_merger": (
        "OLD", {"acquiree_symbol": "OLD", "effective_date": EX, "rate": 54.2}, Delisting("OLD", OPEN, 54.2)),
    "redemption": ("OLD", {"symbol": "OLD", "process_date": EX, "rate": 10.1}, Delisting("OLD", OPEN, 10.1)),
    "worthless_removal": ("OLD", {"symbol": "OLD", "process_date": EX}, Delisting("OLD", OPEN, 0.0)),
    "stock_merger": (
        "OLD", {**MERGER, "acquirer_rate": 5, "acquiree_rate": 2}, Delisting("OLD", OPEN, 50.0)),
    "stock_and_cash_merger": (
        "OLD", {**MERGER, "acquirer_rate": 2, "acquiree_rate": 1, "cash_rate": 3.5},
        Delisting("OLD", OPEN, 43.5)),
    "unit_split": (
        "OLD",
        {"old_symbol": "OLD", "old_rate": 1, "new_symbol": "BUYER", "new_rate": 1,
         "alternate_symbol": "KID", "alternate_rate": 0.5, "effective_date": EX},
        Delisting("OLD", OPEN, 25.0)),
    "spin_off": (
        "PARENT",
        {"source_symbol": "PARENT", "source_rate": 3, "new_symbol": "KID", "new_rate": 1, "ex_date": EX},
        SpinOff("PARENT", OPEN, "KID", 1, 3, 10.0)),
    "rights_distribution": (
        "PARENT", {"source_symbol": "PARENT", "new_symbol": "KID", "rate": 0.5, "ex_date": EX},
        SpinOff("PARENT", OPEN, "KID", 1, 2, 10.0)),
    "name_change": (
        "PARENT", {"old_symbol": "FORMER", "new_symbol": "PARENT", "process_date": EX},
        SymbolChange("FORMER", OPEN, "PARENT")),
}  # fmt: skip


@pytest.mark.parametrize("kind", TAKEN)
async def test_each_kind_is_an_action_of_the_catalog_and_happens_in_a_run(learn, kind):
    symbol, row, action = TAKEN[kind]
    catalog, notes = await learn(symbol, kind, **row)
    assert catalog.actions("alpaca", symbol) == (action,)
    assert not [note for note in notes if "not taken" in note]
    (key,) = catalog.keys()
    result = ob.backtest("buy_and_hold", [catalog.read(key)])
    booked = [entry.kind for entry in result.outcome.entries]
    wanted = {Delisting: "delisting", SpinOff: "spin_off"}.get(type(action))
    assert wanted in booked if wanted else set(booked) <= {"fill", "deposit"}


NOT_TAKEN: dict[str, tuple[str, dict[str, Any], str]] = {
    "spin_off": (
        "PARENT",
        {"source_symbol": "PARENT", "source_rate": 3, "new_symbol": "NIX", "new_rate": 1, "ex_date": EX},
        "the spin off of 1 NIX for 3 is not taken: NIX has no bar that day"),
    "stock_merger": (
        "OLD", {**MERGER, "acquirer_symbol": "NIX", "acquirer_rate": 5, "acquiree_rate": 2},
        "the stock merger is not taken: NIX has no bar that day"),
    "cash_merger": (
        "PARENT", {"acquiree_symbol": "PARENT", "effective_date": EX, "rate": 54.2},
        "the cash merger is not taken: bars of it go on for days"),
    "name_change": (
        "OLD", {"old_symbol": "OLD", "new_symbol": "NEW", "process_date": EX},
        "the company is called NEW from then on"),
    "moon_landing": ("PARENT", {"symbol": "PARENT", "process_date": EX}, "'moon_landing', a kind that"),
}  # fmt: skip


@pytest.mark.parametrize("kind", NOT_TAKEN)
async def test_what_no_action_says_is_told_by_the_fetch_and_by_each_run(learn, kind, monkeypatch):
    symbol, row, said = NOT_TAKEN[kind]
    catalog, notes = await learn(symbol, kind, **row)
    assert [note for note in notes if f"{symbol}: {EX}, {said}" in note]
    assert catalog.actions("alpaca", symbol) == ()
    monkeypatch.setenv("OPENBELL_DATA__CATALOG", str(catalog.root))
    result = ob.backtest("buy_and_hold", symbol, provider="alpaca")
    warned = [notice for notice in result.findings if said in notice.text]
    assert [notice.level for notice in warned] == ["serious"]


async def test_a_caveat_is_gone_when_the_action_is_written_by_hand(learn):
    catalog, _ = await learn("PARENT", "moon_landing", symbol="PARENT", process_date=EX)
    start = span().start
    (found,) = describe_caveats(catalog.facts("alpaca", "PARENT"), start)
    assert (found.kind, found.time) == (FindingKind.UNBOOKED_ACTION, OPEN)
    assert describe_caveats(catalog.facts("alpaca", "PARENT"), start, OPEN) == []
    (key,) = catalog.keys()
    catalog.write_actions(key.source, "PARENT", [SpinOff("PARENT", OPEN, "KID", 1, 3, 10.0)])
    assert describe_caveats(catalog.facts("alpaca", "PARENT"), start) == []


async def test_what_happens_to_another_companys_holders_is_none_of_its_actions(learn):
    catalog, notes = await learn("BUYER", "stock_merger", **MERGER, acquirer_rate=5, acquiree_rate=2)
    assert catalog.facts("alpaca", "BUYER").actions == catalog.facts("alpaca", "BUYER").caveats == ()
    assert notes == ()


async def test_a_delisting_comes_after_the_last_bar_where_shares_were_traded_on_its_day(learn, server):
    server.bars["OLD"] = bars((*BEFORE, 8), 50.0)
    catalog, _ = await learn("OLD", "cash_merger", acquiree_symbol="OLD", effective_date=EX, rate=54.2)
    (gone,) = catalog.actions("alpaca", "OLD")
    assert gone == Delisting("OLD", OPEN + 86_400 * 1_000_000_000, 54.2)
