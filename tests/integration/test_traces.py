"""`openbell traces`: each order's way as OpenTelemetry's spans, at a collector of the real protocol."""

from __future__ import annotations

import signal
import subprocess
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from tests.integration.api_server import until
from tests.integration.cli_runs import check_refused, run

from openbell.app.desk import Desk
from openbell.app.traces import Tracer, sender_to
from openbell.core.errors import ConfigError


class Collector(ThreadingHTTPServer):
    """Takes spans, or refuses them."""

    daemon_threads = True

    def __init__(self) -> None:
        self.spans: list[Any] = []
        self.refuses = False
        super().__init__(("127.0.0.1", 0), _Answers)
        Thread(target=self.serve_forever, daemon=True).start()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def named(self, name: str) -> list[Any]:
        return [span for span in self.spans if span.name == name]


class _Answers(BaseHTTPRequestHandler):
    server: Collector

    def do_POST(self) -> None:
        asked = ExportTraceServiceRequest()
        asked.ParseFromString(self.rfile.read(int(self.headers["Content-Length"])))
        fine = self.path == "/v1/traces" and not self.server.refuses
        if fine:
            for scoped in (part for one in asked.resource_spans for part in one.scope_spans):
                self.server.spans.extend(scoped.spans)
        self.send_response(200 if fine else 400)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *given: object) -> None:
        """Say nothing."""


def said(span):
    return {one.key.removeprefix("openbell."): one.value for one in span.attributes}


@pytest.fixture
def collector():
    one = Collector()
    yield one
    one.shutdown()
    one.server_close()


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    given = "paper sma_cross --symbols AAPL --replay 2012-01-03 --until 2012-12-31 --speed max"
    assert run(*given.split()).code == 0
    return tmp_path / "state"


def look(folder, collector):
    tracer = Tracer(Desk(folder, folder), sender_to(collector.address))
    tracer.run(lambda _: True)
    return tracer


def test_an_order_is_joined_with_its_bar_its_acceptance_and_its_fills(folder, collector):
    tracer = look(folder, collector)
    orders, fills = collector.named("order"), collector.named("fill")
    assert len(orders) == len(fills) == len(collector.named("acknowledge")) > 1
    assert tracer.count == len(collector.spans) == 4 * len(orders)
    bars = {span.span_id: span for span in collector.named("bar")}
    for order, fill in zip(orders, fills, strict=True):
        assert fill.parent_span_id == order.span_id
        assert order.trace_id == fill.trace_id == bars[order.parent_span_id].trace_id
        assert said(order)["trace"] == said(bars[order.parent_span_id])["trace"]
        assert said(order)["status"].string_value == "filled"
        assert order.start_time_unix_nano <= fill.start_time_unix_nano <= fill.end_time_unix_nano
        assert said(fill)["price"].double_value > 0.0
    assert len({span.span_id for span in collector.spans}) == len(collector.spans)


def test_what_was_sent_is_not_sent_again_by_the_next_process(folder, collector):
    first = look(folder, collector)
    assert first.count == len(collector.spans) > 0
    assert look(folder, collector).count == 0
    (folder / "traces.json").unlink()
    sent = {span.span_id for span in collector.spans}
    assert look(folder, collector).count == first.count
    assert {span.span_id for span in collector.spans} == sent


def test_a_collector_that_refuses_is_asked_again_and_nothing_is_lost(folder, collector):
    collector.refuses = True
    tracer = Tracer(Desk(folder, folder), sender_to(collector.address))
    tracer.look()
    tracer.look()
    assert tracer.count == 0
    collector.refuses = False
    tracer.run(lambda _: True)
    assert tracer.count == len(collector.spans) == len({span.span_id for span in collector.spans}) > 0


def test_the_command_sends_until_ctrl_c(folder, collector):
    words = [sys.executable, "-m", "openbell.cli", "traces", "--to", collector.address]
    with subprocess.Popen(words, cwd=folder.parent, stdout=subprocess.PIPE, text=True) as process:
        until(lambda: collector.named("fill"))
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=90)
    assert process.returncode == 0
    assert out == f"{len(collector.spans)} spans sent\n"


@pytest.mark.parametrize("address", ["127.0.0.1:4318", "ftp://127.0.0.1", "http://"])
def test_an_address_that_is_none_is_one_line(folder, address):
    check_refused(["traces", "--to", address], f"--to {address!r}", "http://127.0.0.1:4318")


def test_without_opentelemetry_it_is_said_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace.export", None)
    with pytest.raises(ConfigError, match=r'pip install "openbell\[telemetry\]"'):
        sender_to("http://127.0.0.1:4318")
