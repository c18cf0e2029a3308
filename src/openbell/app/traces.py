"""Sends what bars led to, as OpenTelemetry's traces: a process of its own, which no engine waits for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import islice
from typing import Any
from urllib.parse import urlsplit

from openbell.app.desk import Desk
from openbell.app.places import Places
from openbell.app.spans import Span, Spans
from openbell.core.errors import ConfigError
from openbell.utils.logging import get_logger

_LOOK = 0.2  #: seconds between two looks at the journals
_EVENTS = 128  #: that are read at a time; each ends a few spans, which are sent together
_NAME = "traces.json"
_PATH = "/v1/traces"  #: where a collector takes spans over HTTP, by the protocol


class Tracer:
    """Reads the sessions' journals and sends their spans, each once, also over restarts."""

    def __init__(self, desk: Desk, send: Callable[[Sequence[Span]], bool]) -> None:
        """Take the sessions, and what sends spans and says whether they arrived."""
        self._desk, self._send = desk, send
        self._places = Places(desk.state / _NAME)
        self._sent = self._places.read()
        self._read: dict[str, int] = {}
        self._spans: dict[str, Spans] = {}
        self._waiting: tuple[str, Sequence[Span], int] | None = None  #: what could not be sent yet
        self._fails = False
        self.count = 0  #: spans that were sent

    def run(self, wait: Callable[[float], bool]) -> None:
        """Send until `wait` says that somebody asks to end."""
        while True:
            self.look()
            if wait(_LOOK):
                break
        self._desk.close()

    def look(self) -> None:
        """Look at every session once, and send what has ended since."""
        sessions = self._desk.sessions()
        if self._waiting is not None and not self._send_on(*self._waiting):
            return
        for one in sessions:
            if one.name not in self._spans or one.last < self._read[one.name]:  # a journal, or another one
                self._spans[one.name], self._read[one.name] = Spans(one.name), 0
                if one.last < self._sent.get(one.name, 0):
                    self._sent[one.name] = 0
            entries = one.events(self._read[one.name])
            while some := list(islice(entries, _EVENTS)):
                self._read[one.name] = some[-1].seq
                spans = [
                    span for entry in some for span in self._spans[one.name].take(entry)
                    if entry.seq > self._sent.get(one.name, 0)
                ]  # fmt: skip
                if not self._send_on(one.name, spans, some[-1].seq):
                    return

    def _send_on(self, session: str, spans: Sequence[Span], last: int) -> bool:
        """Send spans and note that they are; tell whether it could be done, else they wait."""
        self._waiting = None if not spans or self._told(spans) else (session, spans, last)
        if self._waiting is None and last > self._sent.get(session, 0):
            self._sent[session] = last
            self._places.keep(self._sent)
        return self._waiting is None

    def _told(self, spans: Sequence[Span]) -> bool:
        arrived = self._send(spans)
        if arrived:
            self.count += len(spans)
        elif not self._fails:
            get_logger().warning("traces: the collector takes nothing; they are kept and sent when it does")
        if arrived and self._fails:
            get_logger().info("traces: the collector takes them again")
        self._fails = not arrived
        return arrived


def sender_to(address: str) -> Callable[[Sequence[Span]], bool]:
    """Return what sends spans to a collector, by OTLP over HTTP.

    Headers, such as a key, are in OTEL_EXPORTER_OTLP_HEADERS, as OpenTelemetry has it.

    Raises:
        ConfigError: The address is none, or OpenTelemetry is not installed.
    """
    parts = urlsplit(address)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ConfigError(f"--to {address!r} is no address of a collector, such as http://127.0.0.1:4318")
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace.export import SpanExportResult
    except ImportError as error:
        raise ConfigError(
            'traces need the package opentelemetry-sdk: pip install "openbell[telemetry]"'
        ) from error
    whole = address if parts.path.strip("/") else address.rstrip("/") + _PATH
    exporter = OTLPSpanExporter(endpoint=whole)
    resource = Resource({"service.name": "openbell"})

    def send(spans: Sequence[Span]) -> bool:
        return exporter.export([_as_theirs(span, resource) for span in spans]) is SpanExportResult.SUCCESS

    return send


def _as_theirs(span: Span, resource: Any) -> Any:
    """Return a span as OpenTelemetry has it."""
    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.trace import SpanContext, Status, StatusCode, TraceFlags

    def place(number: int) -> SpanContext:
        return SpanContext(span.trace, number, is_remote=False, trace_flags=TraceFlags(TraceFlags.SAMPLED))

    return ReadableSpan(
        span.name,
        context=place(span.id),
        parent=place(span.parent) if span.parent else None,
        resource=resource,
        attributes=span.attributes,
        status=Status(StatusCode.UNSET if span.is_fine else StatusCode.ERROR),
        start_time=span.began,
        end_time=max(span.ended, span.began),
    )
