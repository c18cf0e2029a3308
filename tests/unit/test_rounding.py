"""Whole lots near what is wanted, within a budget: cases that can be worked out by hand."""

from openbell.portfolio.rounding import nearest_lots


def test_a_cheap_lot_gives_way_so_that_a_dear_one_comes_near():
    # Rounded down, 99 of money are left: too little for the second lot of 100, which one lot of 1 pays for.
    assert nearest_lots([100.0, 199.0], [1.0, 100.0], 299.0) == [99, 2]


def test_with_money_for_all_each_has_its_nearest():
    assert nearest_lots([100.0, 140.0, 160.0], [30.0, 100.0, 100.0], 400.0) == [3, 1, 2]


def test_without_money_there_are_no_lots():
    assert nearest_lots([100.0, 50.0], [10.0, 10.0], -1.0) == [0, 0]
    assert nearest_lots([], [], 0.0) == []


def test_tiny_lots_take_what_a_large_one_leaves():
    assert nearest_lots([1_000.0, 1_000.0], [700.0, 0.001], 2_000.0) == [1, 1_000_000]
    assert nearest_lots([1_000.0, 1_000.0], [600.0, 0.001], 2_000.0) == [2, 800_000]


def test_many_symbols_are_rounded_in_time_and_within_the_budget():
    steps = [10.0 + (37 * i) % 891 for i in range(400)]
    values = [(53 * i) % 997 + 1.0 for i in range(400)]
    lots = nearest_lots(values, steps, 0.9 * sum(values))

    cost = sum(count * step for count, step in zip(lots, steps, strict=True))
    down = [int(value // step) for value, step in zip(values, steps, strict=True)]
    assert 0.899 * sum(values) < cost <= 0.9 * sum(values) * (1 + 1e-9)
    assert len([1 for count, least in zip(lots, down, strict=True) if count > least]) > 100
