"""Decisions in compiled code: the same bits as Python's, or a line that says why not."""

import math

import numpy as np
import pytest

from openbell.backtesting.kernel import decider
from openbell.backtesting.kernel.decider import BLOCK, Decider, new_scratch
from openbell.backtesting.kernel.exact import LARGE, CannotCompile, check_function, identity_of

NAN, INF = math.nan, math.inf
#: Numbers at which compiled code would differ first: signs, zeros, halves, what no whole number holds.
ODD = (0.5, -0.5, 1.0, -7.0, 3.7, -3.7, 0.1, 1 / 3, 0.0, -0.0, 5e-324, 1e19, -1e300, 1e16 + 2, INF, -INF, NAN)
HALF = 0.5


def run(decide, columns, constants=()):
    """Return the first bar with a decision, and the conviction at each bar."""
    inputs = [None] * len(columns) + list(constants)
    count = len(columns[0]) if columns else 3
    scratch = new_scratch(count)
    first, changes = Decider(decide, inputs).changes([np.array(c) for c in columns], constants, scratch)
    out, now, at = [], 0.0, 0
    for bar in range(count):
        if at < changes and scratch.when[at] == bar:
            now, at = float(scratch.what[at]), at + 1
        out.append(now)
    return first, out


def refusal(decide, *inputs):
    with pytest.raises(CannotCompile) as raised:
        Decider(decide, inputs or (None, None))
    return str(raised.value)


# --- the same bits ---------------------------------------------------------------------------------------


def graded(a, b, few):
    low, high = min(a, b, few), max(1, a, b)
    if not a:
        return HALF
    return (a > b) - (low < high) if -1.0 < a <= few or math.isnan(b) else abs(a) * 0.1 + b % 3.0


def divided(a, b, few):
    if b == 0:
        return math.copysign(1, b) * math.pi
    return a / b + a // b - (few // 2) * a % b


def mixed(a, b, few):
    now = a and b
    now += bool(a or b) + (a in (1.0, 2.0))
    while now > 3.0 and math.isfinite(now):
        now = now / 2 - math.fabs(a)
    return now if few else -(a > b)


@pytest.mark.parametrize("decide", [graded, divided, mixed])
@pytest.mark.parametrize("few", [3, 0.25])
def test_a_compiled_decision_gives_pythons_bits(decide, few):
    made = Decider(decide, [None, None, few])
    for a in ODD:
        for b in ODD:
            expected = float(decide(a, b, few))
            scratch = new_scratch(2)
            made.changes([np.array([1.0, a]), np.array([1.0, b])], [few], scratch)
            before = float(decide(1.0, 1.0, few))
            at = int(before != 0.0)
            got = float(scratch.what[at]) if expected != before else before
            assert (
                np.float64(got).tobytes() == np.float64(expected).tobytes()
                or (got == expected == 0.0)
                or (math.isnan(got) and math.isnan(expected))
            ), (a, b)


@pytest.mark.parametrize("answer", [2.0, True, 1, NAN, -0.25])
def test_floats_whole_numbers_and_flags_are_answers(answer):
    first, out = run(lambda a, given: given, [[1.0, 1.0]], [answer])
    assert first == 0
    assert out == [answer, answer] or (math.isnan(answer) and all(map(math.isnan, out)))


def test_decisions_begin_at_the_first_bar_with_all_values_and_go_on_through_gaps():
    columns = [[NAN, 1.0, 1.0, NAN, 1.0], [1.0, NAN, 1.0, 1.0, -1.0]]
    assert run(lambda a, b: 1.0 if a > b or math.isnan(a) else 0.5, columns) == (2, [0, 0, 0.5, 1.0, 1.0])
    assert run(lambda a: 1.0, [[NAN, NAN]]) == (2, [0.0, 0.0])
    assert run(lambda: 0.5, []) == (0, [0.5, 0.5, 0.5])


@pytest.mark.parametrize("count", [1, 7, 8, 9, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK + 5])
def test_changes_are_found_in_every_block(count):
    random = np.random.default_rng(count)
    for near in (0.5, 0.002):
        wants = np.where(random.random(count) < near, random.choice([-1.0, 0.0, 1.0], count), 0.25)
        wants[: count // 3] = NAN
        first, out = run(lambda want: want, [wants.tolist()])
        assert first == count // 3
        assert out == np.nan_to_num(wants).tolist()


def test_a_division_by_zero_is_an_error_as_in_python():
    for decide in (lambda a, b: a / b, lambda a, b: a // b, lambda a, b: a % b):
        with pytest.raises(ZeroDivisionError):
            run(decide, [[1.0, 1.0], [1.0, 0.0]])


# --- what is not compiled --------------------------------------------------------------------------------


def helper(a):
    return a


def power(a, b):
    c = a + b
    return c**2


def rounded(a, b):
    return round(a - b)


def exponential(a, b):
    return math.exp(a - b)


def inner(a, b):
    less = lambda c: c**0.5
    return less(a) - b


def closed(limit):
    def decide(a, b):
        return 1.0 if a > limit else b

    return decide


def in_place(a, b):
    a **= b
    return a


def several(a, b):
    return a, b


def unknown(a, b):
    return missing  # type: ignore[name-defined]  # noqa: F821


LINE = power.__code__.co_firstlineno + 2


@pytest.mark.parametrize(("decide", "words"), [
    (power, f"test_kernel_decider.py:{LINE} uses **"), (in_place, "uses **"), (rounded, "uses 'round'"),
    (exponential, "uses .exp"), (lambda a, b: helper(a), "uses 'helper'"),
    (inner, "uses a function of its own"),
    (closed("x"), "uses 'limit'"), (lambda a, b: int(a), "uses 'int'"),
    (lambda a, b: math.sqrt(a), "uses .sqrt"), (unknown, "uses 'missing'"),
    (lambda a, b: ~(a > b), "uses ~"), (lambda a, b: 1 << 3, None), (lambda a, b: a is b, "uses is"),
    (lambda a, b: (a > b) << 1, "uses <<"),
    (lambda a, b: "up" if a > b else "down", "answers"), (lambda a, b: None, "answers none"),
    (several, "answers"), (lambda a, b: 1.0 if a > b else None, "answers"),
    (lambda a, b: a.real, "uses .real"), (lambda a, b: a[0], "line "),
    (lambda a, b: math.isnan, "Can't return function"),
])  # fmt: skip
def test_what_is_not_compiled_says_where_and_why(decide, words):
    if words is None:
        Decider(decide, [None, None])  # a number that Python works out itself
        return
    message = refusal(decide)
    assert words in message
    assert message.endswith("so it cannot be compiled with the same result; use engine='event'")
    assert "\n" not in message


def test_what_is_no_plain_function_is_not_compiled():
    class Decide:
        def __call__(self, a):
            return a

    assert refusal(Decide()).startswith("Decide is no plain function")
    assert refusal(max).startswith("max is no plain function")


def test_whole_numbers_that_may_leave_64_bits_are_not_compiled():
    assert f"is given {LARGE}, which is {LARGE} or more" in refusal(lambda a, n: a * n, None, LARGE)
    assert str(2**70) in refusal(lambda a, n: a * n, None, -(2**70))
    Decider(lambda a, n: a * n, [None, LARGE - 1])


def test_a_closures_numbers_are_compiled_in_and_tell_functions_apart():
    low, high = closed(0.5), closed(1.5)
    assert run(low, [[1.0], [0.0]]) == (0, [1.0])
    assert run(high, [[1.0], [0.0]]) == (0, [0.0])
    assert identity_of(low) != identity_of(high)
    assert check_function(low) is low


def test_a_globals_number_is_read_anew(monkeypatch):
    decide = lambda a: HALF
    assert run(decide, [[1.0]]) == (0, [0.5])
    monkeypatch.setitem(globals(), "HALF", 0.25)
    assert run(decide, [[1.0]]) == (0, [0.25])


# --- machine code that is kept ---------------------------------------------------------------------------


def test_a_loop_is_made_once_a_process(monkeypatch):
    decide = lambda a: a * 0.125
    one = Decider(decide, [None])
    monkeypatch.setattr(decider, "_compiled", None)  # nobody asks for it
    assert Decider(decide, [None])._over is one._over


@pytest.mark.parametrize("folder", ["there", "none", "a file"])
def test_machine_code_is_kept_where_a_folder_can_be_written(tmp_path, monkeypatch, folder):
    home = {"there": tmp_path, "none": None, "a file": tmp_path / "file" / "below"}[folder]
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(decider, "cache_folder", lambda _name: home)
    for _ in range(2):
        monkeypatch.setattr(decider, "_made", {})
        assert run(lambda a: a * 0.25 + 0.0625, [[1.0]]) == (0, [0.3125])
    assert bool(list(tmp_path.glob("*.py"))) is (folder == "there")


TABLE = [1.0]


def perhaps_unset(value):
    if value > 2.0:
        answer = 1.0
    return answer


def set_both_ways(value):
    if value > 2.0:  # noqa: SIM108  # both branches are what is tested
        answer = 1.0
    else:
        answer = 0.0
    return answer


def reads_a_list(value):
    return 1.0 if value > TABLE[0] else 0.0


def has_a_default(value, more=(1,)):
    return 1.0 if value > 2.0 else 0.0


def sets_a_global(value):
    global TABLE  # noqa: PLW0603  # what is refused
    TABLE = [value]
    return 1.0


@pytest.mark.parametrize(
    ("decide", "said"),
    [
        (perhaps_unset, "'answer', which may not be set"),
        (reads_a_list, "'TABLE'"),
        (has_a_default, "has an argument that @signal does not give"),
        (sets_a_global, "sets_a_global"),
    ],
)
def test_what_python_would_do_otherwise_is_left_to_the_event_engine(decide, said):
    with pytest.raises(CannotCompile, match=said):
        Decider(decide, [None])


def test_a_name_that_is_set_both_ways_compiles():
    scratch = new_scratch(4)
    assert Decider(set_both_ways, [None]).changes([np.array([1.0, 3.0, 3.0, 1.0])], [], scratch) == (0, 2)
    assert scratch.what[:2].tolist() == [1.0, 0.0]
