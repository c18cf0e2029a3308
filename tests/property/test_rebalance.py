"""What every rebalance keeps, whatever is held, suspended and asked for."""

from __future__ import annotations

import math
from itertools import product

from hypothesis import given, settings
from hypothesis import strategies as st

from openbell.portfolio.rebalance import Holding, Rebalancing, target_quantities, trades_to

holdings = st.builds(
    Holding,
    quantity=st.integers(-50, 300).map(float),
    price=st.integers(100, 50_000).map(lambda cents: cents / 100),
    lot=st.sampled_from([1.0, 10.0, 0.01]),
    tradable=st.sampled_from([True, True, True, False]),
)
rules = st.builds(
    Rebalancing,
    band=st.sampled_from([0.0, 0.01, 0.05]),
    minimum=st.sampled_from([0.0, 100.0, 2_000.0]),
    buffer=st.sampled_from([0.0, 0.02]),
    lots=st.sampled_from(["nearest", "down"]),
)
books = st.lists(st.tuples(holdings, st.floats(0, 1)), min_size=1, max_size=6)
EQUITY = 50_000.0


def asked(book: list[tuple[Holding, float]]) -> tuple[dict[str, float], dict[str, Holding]]:
    """Return weights that add up to 1 or less, and holdings, by symbol."""
    total = max(math.fsum(weight for _, weight in book), 1.0)
    return (
        {f"S{i}": weight / total for i, (_, weight) in enumerate(book)},
        {f"S{i}": one for i, (one, _) in enumerate(book)},
    )


@given(books, rules)
@settings(deadline=None)
def test_a_second_rebalance_does_nothing(book, how):
    weights, held = asked(book)
    first = target_quantities(weights, held, EQUITY, how)
    after = {s: one._replace(quantity=first.get(s, one.quantity)) for s, one in held.items()}
    assert target_quantities(weights, after, EQUITY, how) == first
    assert trades_to(target_quantities(weights, after, EQUITY, how), after) == []


@given(books, rules)
@settings(deadline=None)
def test_what_is_suspended_is_left_alone_and_sales_go_first(book, how):
    weights, held = asked(book)
    targets = target_quantities(weights, held, EQUITY, how)
    assert set(targets) == {symbol for symbol, one in held.items() if one.tradable}
    grown = [
        abs(held[t.symbol].quantity + t.quantity) > abs(held[t.symbol].quantity)
        for t in trades_to(targets, held)
        if held[t.symbol].quantity * (held[t.symbol].quantity + t.quantity) >= 0
    ]
    assert grown == sorted(grown)


@given(books)
@settings(deadline=None)
def test_no_more_is_bought_than_the_weights_are_worth(book):
    weights, held = asked(book)
    for lots in ("nearest", "down"):
        targets = target_quantities(weights, held, EQUITY, Rebalancing(lots=lots))
        stuck = sum(abs(one.quantity * one.price) for one in held.values() if not one.tradable)
        worth = sum(abs(quantity) * held[symbol].price for symbol, quantity in targets.items())
        assert worth <= max(EQUITY - stuck, 0.0) + 1e-6 * EQUITY


def error(quantities: dict[str, float], weights: dict[str, float], held: dict[str, Holding]) -> float:
    return sum((q * held[s].price - weights[s] * EQUITY) ** 2 for s, q in quantities.items())


@given(st.lists(st.tuples(st.integers(50, 900), st.floats(0, 0.3)), min_size=1, max_size=4))
@settings(deadline=None)
def test_lots_are_rounded_to_the_least_tracking_error(book):
    held = {f"S{i}": Holding(0.0, price * 10.0) for i, (price, _) in enumerate(book)}
    weights = {f"S{i}": weight for i, (_, weight) in enumerate(book)}
    nearest = target_quantities(weights, held, EQUITY, Rebalancing())
    down = target_quantities(weights, held, EQUITY, Rebalancing(lots="down"))
    assert error(nearest, weights, held) <= error(down, weights, held)
    budget = sum(weights.values()) * EQUITY
    options = [(down[s], down[s] + 1.0) for s in held]
    best = min(error(dict(zip(held, q, strict=True)), weights, held) for q in product(*options))
    free = {s: round(weights[s] * EQUITY / held[s].price) for s in held}
    if sum(free[s] * held[s].price for s in held) <= budget:  # there is money for all of them
        assert error(nearest, weights, held) <= best * (1 + 1e-9) + 1e-6
