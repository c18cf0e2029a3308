"""What of the surroundings is news to the gates of a session: quotes, halts, price bands, faults.

Each becomes an input of the session, `condition`, which is written down before it counts, so that a session
that is gone through again comes to the same refusals.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from openbell.core.messages import PriceBand, Quote, TradingStatus
from openbell.data.live.items import Lost, Unusable
from openbell.data.providers.protocol import Channel, Provider
from openbell.execution.risk.conditions import spread_of
from openbell.execution.risk.gate import RiskGate
from openbell.execution.risk.limits import Risk

#: The kind of the input in a journal.
CONDITION = "condition"


def channels_for(provider: Provider, risks: Iterable[Risk]) -> tuple[Channel, ...]:
    """Return what a session subscribes: bars, and what its limits look at as far as the provider has it."""
    limits = [risk for risk in risks if risk.active]
    wanted: list[Channel] = ["bars"]
    if any(risk.operation.max_spread_bps is not None for risk in limits):
        wanted.append("quotes")
    if limits:
        wanted.append("statuses")
    return tuple(one for one in wanted if one == "bars" or one in provider.offer.channels)


class Circumstances:
    """Tells what is news: a quote only where it makes a spread too wide or lets it be narrow enough again."""

    def __init__(self, gates: Mapping[str, RiskGate]) -> None:
        """Take the gates of the session's strategies by their names."""
        self.gates = gates
        self._conditions = [gate.conditions for gate in gates.values()]
        limits = [gate.risk.operation for gate in gates.values()]
        self._spreads = sorted({one.max_spread_bps for one in limits if one.max_spread_bps is not None})
        self.counts_errors = any(one.max_errors_per_minute is not None for one in limits)
        self.measures_skew = any(one.max_clock_skew is not None for one in limits)

    def take(self, body: Mapping[str, Any], time: int) -> None:
        """Let an input count, at a time in ns: for one strategy where it is named, else for all."""
        name = body.get("strategy", "")
        for gate in [self.gates[name]] if name else self.gates.values():
            gate.conditions.take(body, time)

    def news(self, came: object) -> Mapping[str, Any] | None:
        """Return the body of an input that something makes; None where it changes nothing."""
        if not self._conditions:
            return None
        if isinstance(came, Quote):
            return self._quote(came)
        if isinstance(came, TradingStatus):
            known = came.symbol in self._conditions[0].halted
            body = {"what": "halt", "symbol": came.symbol, "halted": came.halted, "why": came.why}
            return None if came.halted is known else body
        if isinstance(came, PriceBand):
            return {"what": "band", "symbol": came.symbol, "low": came.low, "high": came.high}
        if isinstance(came, Lost | Unusable):
            return self.error(came.reason)
        return None

    def error(self, said: str) -> Mapping[str, Any] | None:
        """Return the body of an error's input; None where nobody counts them."""
        return {"what": "error", "said": said} if self.counts_errors else None

    def disagreement(self, said: str) -> Mapping[str, Any] | None:
        """Return the body of a disagreement's input, or of its end; None where that is known."""
        if not self._conditions or self._conditions[0].disagreement == said:
            return None
        return {"what": "disagreement", "said": said}

    def skew(self, seconds: float) -> Mapping[str, Any] | None:
        """Return the body of an input about the computer's clock; None where that is known."""
        if not self.measures_skew or self._conditions[0].clock_skew == seconds:
            return None
        return {"what": "skew", "seconds": seconds}

    def brakes(self) -> Iterator[Mapping[str, Any]]:
        """Yield the bodies of inputs that pull or release emergency stops, as the files are there or not."""
        for name, gate in self.gates.items():
            stop = gate.stop_file_is_there
            if stop is not gate.conditions.stop:
                yield {"what": "stop", "strategy": name, "stop": stop}

    def _quote(self, quote: Quote) -> Mapping[str, Any] | None:
        before, now = self._conditions[0].spread_bps(quote.symbol), spread_of(quote)
        if all((before > most) is (now > most) for most in self._spreads):
            return None
        return {"what": "quote", "symbol": quote.symbol, "bid": quote.bid, "ask": quote.ask}


def skew_of(before: int, told: int, after: int) -> float:
    """Return by how many seconds a clock is off that was asked between two readings of ours, at least."""
    return max(before - told, told - after, 0) / 1e9
