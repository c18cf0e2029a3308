from benchmarks.lasting import slopes
from benchmarks.onlookers import _DRAWN


def test_what_grows_by_a_hundredth_of_a_megabyte_an_update_does_so_by_five_in_eight_hours():
    samples = [
        {"updates": n, "heap_mb": 7.0 + 0.01 * n, "nodes": 5.0, "listeners": 1.0, "server_mb": 100.0}
        for n in range(0, 1_000, 50)
    ]
    found = slopes(samples)
    assert round(found["heap_mb_in_eight_hours"], 6) == 4.8
    assert abs(found["nodes_in_eight_hours"]) < 1e-6


def test_an_onlooker_sees_what_it_is_to_say():
    assert _DRAWN.findall("obWrite('c1', \"2\");obDrawn('ob_drawn_3', 7)") == [("ob_drawn_3", "7")]
