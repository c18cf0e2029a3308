"""Metrics for Prometheus, read off the journals when they are asked for: the engines do nothing for them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily

from openbell.app import views
from openbell.app.alerts.book import Book
from openbell.app.desk import Desk
from openbell.app.follower import Follower
from openbell.app.jobs import Jobs
from openbell.app.observed import BOUNDS
from openbell.app.riskview import risk_of
from openbell.trading.pulse import AT_WORK

#: Gauges of a session: their names, what they are, and how they are read; None is left out.
_SESSION: tuple[tuple[str, str, Any], ...] = (
    ("running", "1 while the session is at work", lambda one: float(one.state in AT_WORK)),
    ("silent", "1 while the session is there and does not answer", lambda one: float(one.state == "silent")),
    ("pulse_age_seconds", "Since the session last answered", lambda one: one.silence if one.pulse else None),
    ("loop_lag_seconds", "How late the session's loop was", lambda one: one.pulse and one.pulse.lag),
    ("memory_bytes", "What the session's process holds", lambda one: one.pulse and one.pulse.memory),
    ("queue_depth", "What came and waits to be taken", lambda one: one.pulse and one.pulse.queue),
    ("uncopied_events", "Events that the database has not yet", lambda one: one.uncopied),
    ("broker_stream_up", "1 while the broker's stream stands", lambda one: one.observed.link_up),
    ("clock_skew_seconds", "How far the broker's clock is off", lambda one: one.observed.skew),
)
_STRATEGY = (
    ("equity", "Equity at the last prices"),
    ("cash", "Cash"),
    ("today", "Profit and loss since the day's first bar"),
    ("drawdown", "Share below the highest equity"),
    ("positions", "Positions that are held"),
    ("working", "Orders that may still fill"),
)
_PORTFOLIO = (
    ("gross", "Gross exposure as a share of equity"),
    ("net", "Net exposure as a share of equity"),
    ("value_at_risk", "Of one bar at 99 %, as a share of equity"),
)


class Collector:
    """Makes the metrics of a desk."""

    def __init__(self, desk: Desk, jobs: Jobs) -> None:
        self._desk, self._jobs = desk, jobs

    def collect(self) -> Iterator[Any]:
        """Yield the families."""
        sessions = self._desk.sessions()
        up = GaugeMetricFamily("openbell_up", "1 while the server answers")
        up.add_metric([], 1.0)
        yield up
        unreadable = GaugeMetricFamily(
            "openbell_unreadable_sessions", "Sessions whose journal cannot be read"
        )
        unreadable.add_metric([], len(self._desk.unreadable))
        yield unreadable
        yield from _gauges(sessions)
        yield from _counters(sessions)
        yield _latencies(sessions)
        yield self._work()
        sent = CounterMetricFamily(
            "openbell_alerts", "Alerts by what became of them", labels=["target", "outcome"]
        )
        for (target, outcome), count in sorted(Book(self._desk.state).counts().items()):
            sent.add_metric([target, outcome], count)
        yield sent

    def _work(self) -> Any:
        family = GaugeMetricFamily("openbell_jobs", "Jobs by their state", labels=["state"])
        states = Counter(job.state for job in self._jobs.all())
        for state in ("waiting", "running", "finished", "failed", "cancelled"):
            family.add_metric([state], states[state])
        return family


def render(collector: Collector) -> bytes:
    """Return the metrics as Prometheus reads them."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(collector)
    return generate_latest(registry)


def _gauges(sessions: Iterable[Follower]) -> Iterator[Any]:
    for name, says, read in _SESSION:
        family = GaugeMetricFamily(f"openbell_{name}", says, labels=["session"])
        for one in sessions:
            value = read(one)
            if value is not None:
                family.add_metric([one.name], value)
        yield family
    families = {
        name: GaugeMetricFamily(f"openbell_{name}", says, labels=["session", "strategy"])
        for name, says in _STRATEGY
    }
    whole = {
        name: GaugeMetricFamily(f"openbell_{name}", says, labels=["session"]) for name, says in _PORTFOLIO
    }
    ages = GaugeMetricFamily(
        "openbell_feed_age_seconds", "Since a symbol's last bar", labels=["session", "symbol"]
    )
    for one in sessions:
        for standing in views.session_of(one).strategies:
            for name, family in families.items():
                family.add_metric([one.name, standing.strategy], getattr(standing, name))
        risk = risk_of(one)
        for name, family in whole.items():
            value = getattr(risk, name)
            if value is not None:
                family.add_metric([one.name], value)
        for health in views.data_of(one).symbols:
            ages.add_metric([one.name, health.symbol], health.age)
    yield from (*families.values(), *whole.values(), ages)


def _counters(sessions: Iterable[Follower]) -> Iterator[Any]:
    orders = CounterMetricFamily("openbell_orders", "Orders", labels=["session", "strategy"])
    standing = GaugeMetricFamily(
        "openbell_orders_by_status", "Orders by how they stand", labels=["session", "strategy", "status"]
    )
    fills = CounterMetricFamily("openbell_fills", "Fills", labels=["session", "strategy"])
    refusals = CounterMetricFamily(
        "openbell_refusals", "Orders refused, by reason", labels=["session", "reason"]
    )
    reconnects = CounterMetricFamily("openbell_reconnects", "Of the broker's stream", labels=["session"])
    events = CounterMetricFamily("openbell_journal_events", "Events of the journal", labels=["session"])
    for one in sessions:
        for strategy, ledger in one.ledgers.items():
            states = Counter(order.status.value for order in ledger.orders.values())
            for status, count in sorted(states.items()):
                standing.add_metric([one.name, strategy, status], count)
            orders.add_metric([one.name, strategy], len(ledger.orders))
            fills.add_metric([one.name, strategy], len(ledger.fills))
        for reason, count in sorted(one.observed.refused.items()):
            refusals.add_metric([one.name, reason], count)
        reconnects.add_metric([one.name], one.observed.reconnects)
        events.add_metric([one.name], one.last)
    yield from (orders, standing, fills, refusals, reconnects, events)


def _latencies(sessions: Iterable[Follower]) -> Any:
    family = HistogramMetricFamily(
        "openbell_latency_seconds", "From bar to order, order to acceptance, acceptance to fill",
        labels=["session", "way"],
    )  # fmt: skip
    for one in sessions:
        for way, timing in one.observed.timings.items():
            buckets = [(str(bound), count) for bound, count in zip(BOUNDS, timing.buckets, strict=True)]
            family.add_metric([one.name, way], [*buckets, ("+Inf", timing.count)], sum_value=timing.total)
    return family
