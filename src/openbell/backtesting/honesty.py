"""Does a strategy look ahead? Its orders up to a moment must not change when what comes after it does."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from openbell.backtesting import hindsight, suspects
from openbell.backtesting.cuts import CUTS, choose_cuts
from openbell.backtesting.evidence import (
    Difference,
    Trace,
    caused_by_settings,
    chain,
    compare,
    moved,
    trace,
    trace_of,
)
from openbell.backtesting.outcome import Outcome
from openbell.backtesting.perturbation import Future, change, change_only
from openbell.backtesting.verdict import Kind, Verdict
from openbell.core.errors import BadData, ConfigError, LookAhead, StrategyError
from openbell.core.market import as_datetime
from openbell.data.bars import PRICES, Series, Times
from openbell.indicators.spec import Indicator
from openbell.strategies.registry import Form

#: Runs a strategy over series up to a moment (not included; None is the end).
Simulate = Callable[[Sequence[Series], int | None], Outcome]

MOST_APART = 6  #: symbols that are tried one by one, to name the one that leaks


class _Leak(NamedTuple):
    """A difference, the cut at which it was seen, and what took the place of the bars after it."""

    difference: Difference
    cut: int
    future: Future
    base: Trace


@dataclass(frozen=True, slots=True, eq=False)
class _Case:
    """One strategy on its series, and how to run it again."""

    simulate: Simulate
    series: Sequence[Series]
    form: Form
    times: Times  #: (moments,) of the part that is tested

    def run(self, until: int | None, series: Sequence[Series] | None = None) -> Trace:
        """Run over other series, or the true ones, up to moment `until`; None is all, and what follows."""
        return trace(lambda: self.simulate(self.series if series is None else series, until))

    def time(self, cut: int) -> int:
        """Return when moment `cut` is; -1 is before the first bar."""
        return int(self.times[cut]) if cut >= 0 else int(self.times[0]) - 1

    def futures(self, cut: int, future: Future, *, later: int = 0) -> list[Series]:
        """Return the series with another future, which begins `later` moments after the cut."""
        return change(self.series, self.time(cut + later), future)


def check(
    simulate: Simulate,
    series: Sequence[Series],
    *,
    form: Form,
    outcome: Outcome | None = None,
    cuts: int = CUTS,
) -> Verdict:
    """Change or take away the bars after some moments, and see whether the orders up to them change.

    Args:
        simulate: Runs the strategy over series up to a moment.
        series: The true ones.
        form: The strategy, to name its code.
        outcome: What the strategy did over the true series, if it has run already.
        cuts: The most moments to test; a long run is tested at fewer, for all runs together take at most 8
            times its bars (or 40,000), and in proportion more if more than 12 are asked for.

    Raises:
        ConfigError: `cuts` is less than 1.
        StrategyError: The strategy raises over the true series, and not because it looks ahead.
    """
    if cuts < 1:
        raise ConfigError(f"cuts={cuts} must be at least 1")
    try:
        done = simulate(series, None) if outcome is None else outcome
    except (StrategyError, ConfigError) as error:
        if is_refusal(error):
            return refusal(error, form)
        verdict = _check_part(simulate, series, form, cuts, error)
        if verdict.clean:
            raise
        return verdict
    return _check_run(_Case(simulate, series, form, done.times), done, cuts, until=None)


def is_refusal(error: BaseException) -> bool:
    """Tell whether an error says that a value was asked for which is not known yet."""
    return any(
        isinstance(link, LookAhead) or (isinstance(link, ConfigError) and "look-ahead" in str(link))
        for link in chain(error)
    )


def refusal(error: BaseException, form: Form | None = None) -> Verdict:
    """Return the verdict on a strategy that was refused a value which is not known yet."""
    inputs = (suspects.own_code(form),) if form is not None else ()
    return Verdict(False, Kind.REFUSED, 0, None, inputs, f"look-ahead, refused when it was tried: {error}")


def _check_part(
    simulate: Simulate, series: Sequence[Series], form: Form, cuts: int, error: Exception
) -> Verdict:
    """Check the part before an error: to read past the last bar is how many a look-ahead shows itself."""

    def runs(until: int) -> bool:
        return trace(lambda: simulate(series, until)).error is None

    whole = len(np.unique(np.concatenate([one.known for one in series])))
    low, high = 0, whole
    while high - low > max(whole // 64, 1):
        half = (low + high) // 2
        low, high = (half, high) if runs(half) else (low, half)
    if low < 2:
        raise error
    part = simulate(series, low)
    return _check_run(_Case(simulate, series, form, part.times[:low]), part, cuts, until=low)


def _check_run(case: _Case, outcome: Outcome, most: int, *, until: int | None) -> Verdict:
    moments = len(case.times)
    case.run(moments // 3, case.futures(-1, Future.ONE_WAY))  # what a strategy keeps is of other bars now
    again = case.run(until)
    first = trace_of(outcome)
    difference, unstable = compare(first, again), moved(first.values, again.values)
    if difference is not None or unstable:
        return _unrepeatable(case, difference, unstable)
    told = next(_foretold(case, first), None)
    if told is not None:
        return told
    bars = round(sum(len(one) for one in case.series) * moments / len(outcome.times))
    tested: list[int] = []
    suspicious: list[Indicator] = []
    for seed in range(2):  # a suspicion deserves a second look, at other moments
        for cut in choose_cuts(outcome, moments, bars, most, seed):
            tested.append(cut)
            leak, inputs = _test(case, cut)
            suspicious += [recipe for recipe in inputs if recipe not in suspicious]
            if leak is not None:
                return _leaking(case, leak, inputs, len(tested))
        if not suspicious:
            break
    return _passed(case, outcome, len(set(tested)), suspicious)


def _test(case: _Case, cut: int) -> tuple[_Leak | None, list[Indicator]]:
    """Return the first difference that another future after a cut makes, and the indicators that it moves."""
    base = case.run(cut + 1)
    inputs: list[Indicator] = []
    for future in Future:
        other = case.run(cut + 1, case.futures(cut, future))
        if future is Future.NONE and other.error is not None and caused_by_settings(other.error):
            continue  # an honest function may need more bars than an early cut leaves it
        inputs += [recipe for recipe in moved(base.values, other.values) if recipe not in inputs]
        difference = compare(base, other)
        if difference is not None:
            return _Leak(difference, cut, future, base), inputs
    return None, inputs


def _foretold(case: _Case, first: Trace) -> Iterator[Verdict]:
    """Yield a verdict for each part of the data that tells the future, if the orders follow it."""
    for at, one in enumerate(case.series):
        found = [
            (f"column {name!r} of {one.symbol}, which is {words}", hindsight.scrambled(one, name))
            for name, words in hindsight.foretelling(one)
        ]
        if hindsight.is_known_early(one):
            early = f"the {one.timeframe} bars of {one.symbol}, which are said to be known when they begin"
            found.append((early, hindsight.delayed(one)))
        for words, other in found:
            series = [*case.series[:at], other, *case.series[at + 1 :]]
            difference = compare(first, case.run(len(case.times), series))
            if difference is not None:
                text = (
                    f"look-ahead in the data: the orders follow {words}. {_told(difference, 'without that')}."
                )
                yield Verdict(False, Kind.LEAK, 0, difference, (words,), text)


# --- what is said ----------------------------------------------------------------------------------------


def _unrepeatable(case: _Case, difference: Difference | None, unstable: Sequence[Indicator]) -> Verdict:
    named = tuple(suspects.describe(recipe) for recipe in unstable)
    what = _told(difference, "in the second run") if difference else f"{'; '.join(named)} has other values"
    kept = tuple(suspects.kept(case.form))
    cause = f"It can keep something between runs: {', '.join(kept)}. " if kept else ""
    text = (
        f"two runs over the same bars differ: {what}. {cause}Look for what is kept between runs (a class "
        "attribute, a module's variable), for randomness that is not self.random, the clock, or the order of "
        "a set. Whether it looks ahead cannot be told before that."
    )
    inputs = named + kept or (suspects.own_code(case.form),)
    return Verdict(False, Kind.UNREPEATABLE, 0, difference, inputs, text)


def _leaking(case: _Case, leak: _Leak, inputs: list[Indicator], count: int) -> Verdict:
    named = tuple(suspects.describe(recipe) for recipe in inputs) or (suspects.own_code(case.form),)
    when = f"with the bars after {_moment(case.time(leak.cut))} {leak.future}"
    if leak.future is Future.NONE:
        reads = "It depends on how many bars come later, or when they are"
    else:
        columns = ", ".join(_columns_read(case, leak)) or "several columns together"
        reads = f"It reads {columns}, at least {_reach(case, leak)} bar(s) ahead"
    text = f"look-ahead: {_told(leak.difference, when)}. {reads}. The leaking input: {'; '.join(named)}."
    if not inputs:
        text += " No indicator changed; what the code takes from the market, other than indicators, did."
    return Verdict(False, Kind.LEAK, count, leak.difference, named, text)


def _passed(case: _Case, outcome: Outcome, tested: int, suspicious: Sequence[Indicator]) -> Verdict:
    text = f"with the bars after {tested} moment(s) replaced or cut off, no order, size or booking changed"
    if not tested:
        text = "nothing was tested: the run has no moment that others follow"
    elif not outcome.orders:
        text += "; the run has no order, so that little was tested"
    inputs = tuple(suspects.describe(recipe) for recipe in suspicious)
    if inputs:
        text += (
            f". But values that were known change with later bars: {'; '.join(inputs)}. That is safe only if "
            "they are read late enough to be settled"
        )
    tables = tuple(suspects.outside(case.form))
    if tables:
        text += f". Not tested: {'; '.join(tables)}, which come from outside of the bars"
    kind = Kind.SUSPECT if inputs or tables or not tested else Kind.CLEAN
    return Verdict(True, kind, tested, None, inputs + tables, text + ".")


def _told(difference: Difference, when: str) -> str:
    of = f" for {difference.symbol}" if difference.symbol else ""
    detail = f" ({difference.detail})" if difference.detail else ""
    return (
        f"at {_moment(difference.time)}{of}, {difference.before!r} became {difference.after!r} {when}{detail}"
    )


def _columns_read(case: _Case, leak: _Leak) -> Iterator[str]:
    """Yield the columns that are enough, one after the other, to make a difference."""
    changed = case.futures(leak.cut, leak.future)
    symbols = list(dict.fromkeys(one.symbol for one in case.series))
    groups = [[symbol] for symbol in symbols] if len(symbols) <= MOST_APART else [symbols]
    columns = {"prices": PRICES, "volume": ("volume",), "corporate actions": ("actions",)}
    columns |= {f"column {name!r}": (name,) for one in case.series for name in one.extra}
    for group in groups:
        for name, some in columns.items():
            other = case.run(leak.cut + 1, change_only(case.series, changed, symbols=group, columns=some))
            misfit = isinstance(other.error, BadData)  # a true dividend may be more than a replaced price
            if not misfit and compare(leak.base, other) is not None:
                yield f"{name} of {', '.join(group)}" if len(group) == 1 else name


def _reach(case: _Case, leak: _Leak) -> int:
    """Return how many moments after the cut can stay true while the later ones still make a difference."""

    def matters(later: int) -> bool:
        series = case.futures(leak.cut, leak.future, later=later)
        return compare(leak.base, case.run(leak.cut + 1, series)) is not None

    last = len(case.times) - 1 - leak.cut
    steps = [1 << power for power in range(last.bit_length()) if 1 << power < last]
    low = max((step for step in steps if matters(step)), default=0)
    high = min(max(2 * low, 1), last)
    while high - low > 1:
        half = (low + high) // 2
        low, high = (half, high) if matters(half) else (low, half)
    return low + 1


def _moment(time: int) -> str:
    return as_datetime(time).strftime("%Y-%m-%d %H:%M UTC")
