from benchmarks.moments import WARM, measure


def test_moments_are_timed_and_lead_to_orders():
    found = measure(symbols=20, moments=WARM + 30)
    assert len(found.times) == 30
    assert found.orders.sum() > 10
    assert (found.times > 0).all()
