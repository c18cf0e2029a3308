"""Sets of moments as sorted spans [start, end) that do not touch, in ns UTC."""

from __future__ import annotations

from collections.abc import Iterable

from openbell.data.providers.protocol import Span


def unite(spans: Iterable[Span]) -> tuple[Span, ...]:
    """Return the moments that lie in any of the spans. Empty spans count for nothing."""
    united: list[Span] = []
    for span in sorted(span for span in spans if span.start < span.end):
        if united and span.start <= united[-1].end:
            united[-1] = Span(united[-1].start, max(united[-1].end, span.end))
        else:
            united.append(Span(*span))
    return tuple(united)


def subtract(span: Span, spans: Iterable[Span]) -> tuple[Span, ...]:
    """Return the moments of a span that lie in none of the spans."""
    rest: list[Span] = []
    start = span.start
    for other in unite(spans):
        if other.start >= span.end:
            break
        if other.start > start:
            rest.append(Span(start, other.start))
        start = max(start, other.end)
    if start < span.end:
        rest.append(Span(start, span.end))
    return tuple(rest)
