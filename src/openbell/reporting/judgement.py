"""The verdict on a result: one sentence of what the evidence supports, and the grounds for it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from openbell.portfolio.evidence import CONFIDENCE, Evidence, Standing
from openbell.portfolio.overfitting import FEWEST_IN_PART, FEWEST_TRIALS
from openbell.reporting.html.headline import benchmark_name
from openbell.reporting.notices import LOOK_AHEAD, Notice
from openbell.reporting.result import Result
from openbell.reporting.words import count, percent, signed

#: A verdict of its own: whatever the figures say, they cannot be believed yet.
UNSOUND = "unsound"


class Judgement(NamedTuple):
    """What the evidence supports. Its text is one sentence; `detail` has the grounds."""

    standing: str  #: a `Standing`, or `unsound`
    text: str
    detail: str
    evidence: Evidence
    periods_per_year: float

    def __str__(self) -> str:
        return self.text

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON values; Sharpe ratios and lengths are a year's, None is not known."""
        e, year = self.evidence, self.periods_per_year
        root, tried, tests = math.sqrt(year), e.tried, e.superiority
        figures = {
            "sharpe": e.sharpe * root,
            "probabilistic_sharpe": e.probabilistic,
            "deflated_sharpe": e.deflated,
            "luckiest_sharpe": e.hurdle * root,
            "years": e.length / year,
            "minimum_years": e.needed / year,
            "ahead_of_benchmark": e.ahead,
            "trials": tried.count if tried is not None else None,
            "independent_trials": tried.independent if tried is not None else None,
            "overfitting_probability": e.overfitting,
            "reality_check": tests.reality_check if tests is not None else None,
            "superior_ability": tests.consistent if tests is not None else None,
        }
        plain = {key: _plain(value) for key, value in figures.items()}
        return {"standing": self.standing, "text": self.text, "detail": self.detail, **plain}


def judge(
    evidence: Evidence,
    periods_per_year: float,
    *,
    against: str,
    findings: Sequence[Notice] = (),
) -> Judgement:
    """Return the verdict that evidence and findings support.

    Args:
        evidence: The figures.
        periods_per_year: That the returns had.
        against: What the benchmark is called, such as `holding AAPL`.
        findings: What else is to be known; a serious one weighs more than any gain.
    """
    serious = [one for one in findings if one.level == "serious"]
    standing, text = _said(evidence, periods_per_year, against, serious)
    detail = " ".join(_grounds(evidence, periods_per_year, against, standing))
    return Judgement(standing, text, detail, evidence, periods_per_year)


def judge_run(result: Result, findings: Sequence[Notice]) -> Judgement:
    """Return the verdict on a run, of which these findings are known."""
    return judge(
        result.evidence,
        result.periods_per_year,
        against=benchmark_name(result),
        findings=findings,
    )


def _said(e: Evidence, year: float, against: str, serious: Sequence[Notice]) -> tuple[str, str]:
    """Return the standing and the sentence."""
    kinds = {one.kind for one in serious}
    for kind, (standing, text) in _DECIDED.items():
        if kind in kinds:
            return standing, text
    own = e.standing
    if serious and own in (Standing.BENCHMARK, Standing.SUPPORTED):
        them = f"{count(len(serious), 'serious finding')} {'is' if len(serious) == 1 else 'are'}"
        return UNSOUND, f"Not to be believed before {them} understood: {_odds(e)}."
    known = e.ahead is not None or e.superiority is not None
    than = f"better than {against}, {_lead(e)}"
    texts = {
        Standing.NOTHING: "Nothing to judge: too few returns, or none that vary.",
        Standing.LOSS: f"No evidence of a gain: the Sharpe ratio is {_ratio(e.sharpe, year)} a year.",
        Standing.LUCK: _luck(e),
        Standing.BENCHMARK: f"More than luck, {_odds(e)}; but not shown to be {than}.",
        Standing.SUPPORTED: f"Unlikely to be luck: {_odds(e)}" + (f"; {than}." if known else "."),
    }
    return own.value, texts[own]


#: Findings that decide alone, whatever the returns say.
_DECIDED = {
    "no_trades": (Standing.NOTHING.value, "Nothing to judge: there was no trade."),
    LOOK_AHEAD: (
        UNSOUND,
        "Evidence of nothing: the look-ahead check failed, so that the profit is nobody's.",
    ),
    "ruin": (Standing.LOSS.value, "No evidence of a gain: the account was wiped out."),
}


def _luck(e: Evidence) -> str:
    """Return whether it is the gain that may be luck, or the choice alone."""
    if e.deflated < CONFIDENCE or e.overfitting is None:
        return f"Not distinguishable from luck: {_odds(e)}."
    gain = _odds(e).partition(", PBO")[0]
    return f"The choice was luck, PBO {chance(e.overfitting)}, though not what all have in common: {gain}."


def _odds(e: Evidence) -> str:
    """Return how likely it is that there is more than luck."""
    pbo = f", PBO {chance(e.overfitting)}" if e.overfitting is not None else ""
    if e.tried is not None and e.tried.count > 1:
        return f"deflated Sharpe ratio {chance(e.deflated)} after {e.tried.count:,} trials{pbo}"
    after = "counted as the only trial" if e.tried is None else "after 1 trial"
    return f"probabilistic Sharpe ratio {chance(e.probabilistic)}, {after}{pbo}"


def _lead(e: Evidence) -> str:
    if e.superiority is not None:
        return f"p-value {p_value(e.superiority.consistent)} by Hansen's test"
    return f"probability {chance(e.ahead or 0.0)}"


def _grounds(e: Evidence, year: float, against: str, standing: str) -> Iterator[str]:
    """Yield what the verdict rests on, beyond its sentence."""
    if math.isnan(e.sharpe):
        return
    if e.tried is None:
        yield "How many others were tried is not known here; each of them makes luck likelier."
    elif e.hurdle > 0.0:
        yield (
            "The luckiest of as many worthless trials is expected to reach a Sharpe ratio of "
            f"{_ratio(e.hurdle, year)} a year; this one has {_ratio(e.sharpe, year)}."
        )
    if e.overfitting is not None:
        yield (
            "What was chosen on one part of the sample was below the median in the rest in "
            f"{percent(e.overfitting)} of the splits."
        )
    yield from _compared(e)
    if e.ahead is not None and standing not in (Standing.BENCHMARK, Standing.SUPPORTED):
        yield (f"The probability that its Sharpe ratio is above that of {against} is {chance(e.ahead)}.")


def _compared(e: Evidence) -> Iterator[str]:
    """Yield which trials the ledger's probability of overfitting is made of, or why there is none."""
    if e.tried is None or not e.tried.compared or e.tried.count < 2:
        return
    kept = count(e.tried.compared, "trial")
    if e.overfitting is None:
        yield (
            f"PBO is not known: over these bars the ledger keeps the returns of {kept}, and "
            f"{FEWEST_TRIALS} trials with {2 * FEWEST_IN_PART} returns or more are needed."
        )
    elif e.overfitting == e.tried.overfitting and e.tried.compared < e.tried.count:
        yield f"PBO is of {e.tried.compared:,} of the trials, whose returns the ledger keeps."


def chance(value: float) -> str:
    """Return a probability with two digits, and no certainty that there is none."""
    if 0.0 < value < 0.01:
        return "below 0.01"
    return "above 0.99" if 0.99 < value < 1.0 else f"{value:.2f}"


def p_value(value: float) -> str:
    """Return a p-value with two digits; of draws none may reach the figure, and that is not never."""
    return "below 0.01" if value < 0.01 else f"{value:.2f}"


def _ratio(per_period: float, year: float) -> str:
    return signed(f"{per_period * math.sqrt(year):.2f}")


def _plain(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None
