"""What every rebalance keeps, whatever is held, suspended and asked for."""

from __future__ import annotations

import math
from itertools import product

from hypothesis import given, settings
from hypothesis import strategies as st

from openbell.portfolio.rebalance import Holding, Rebalancing, target_quantities, trades_to
from openbell.portfolio.rounding import nearest_lots

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


@given(st.lists(st.tuples(st.integers(150, 900), st.floats(0, 0.3)), min_size=1, max_size=4))
@settings(deadline=None)
def test_lots_are_rounded_to_the_least_tracking_error_that_the_money_allows(book):
    held = {f"S{i}": Holding(0.0, price * 10.0) for i, (price, _) in enumerate(book)}
    weights = {f"S{i}": weight for i, (_, weight) in enumerate(book)}
    nearest = target_quantities(weights, held, EQUITY, Rebalancing())
    down = target_quantities(weights, held, EQUITY, Rebalancing(lots="down"))
    assert error(nearest, weights, held) <= error(down, weights, held)
    budget = sum(weights.values()) * EQUITY
    options = [range(math.ceil(weights[s] * EQUITY / held[s].price) + 1) for s in held]  # all that there are
    best = min(
        error(dict(zip(held, map(float, lots), strict=True)), weights, held)
        for lots in product(*options)
        if sum(count * one.price for count, one in zip(lots, held.values(), strict=True)) <= budget + 1e-6
    )
    assert error(nearest, weights, held) <= best * (1 + 1e-9) + 1e-6


@given(
    st.lists(st.tuples(st.floats(0, 900), st.floats(20, 500)), min_size=1, max_size=4),
    st.sampled_from([1.0, 0.9, 0.5, 0.1]),
)
@settings(deadline=None)
def test_no_choice_of_lots_within_a_budget_is_nearer(wanted, share):
    values, steps = zip(*wanted, strict=True)
    budget = share * math.fsum(values)

    def off(lots: tuple[int, ...]) -> float:
        return math.fsum((v - s * n) ** 2 for v, s, n in zip(values, steps, lots, strict=True))

    def cost(lots: tuple[int, ...]) -> float:
        return math.fsum(s * n for s, n in zip(steps, lots, strict=True))

    found = tuple(nearest_lots(values, steps, budget))
    options = [range(math.ceil(v / s) + 1) for v, s in wanted]
    best = min(off(lots) for lots in product(*options) if cost(lots) <= budget)
    assert cost(found) <= budget * (1 + 1e-9)
    assert off(found) <= best * (1 + 1e-8) + 1e-6


@given(books, rules)
@settings(deadline=None)
def test_a_symbol_has_one_trade_at_most_and_none_that_is_too_small_or_in_its_band(book, how):
    weights, held = asked(book)
    trades = trades_to(target_quantities(weights, held, EQUITY, how), held)
    assert len({trade.symbol for trade in trades}) == len(trades)
    for symbol, quantity in trades:
        one = held[symbol]
        closes = one.quantity + quantity == 0.0
        assert closes or abs(quantity) * one.price >= how.minimum
        assert one.tradable
