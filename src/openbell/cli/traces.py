"""The command `traces`, and what it answers."""

from __future__ import annotations

import signal
import threading

from openbell.app.desk import Desk
from openbell.app.traces import Tracer, sender_to
from openbell.cli.answer import Answer
from openbell.cli.folders import state_folder
from openbell.utils.logging import get_logger


def send_traces(to: str, state: str | None) -> Answer:
    """Send traces until Ctrl-C, or until asked to terminate.

    Raises:
        ConfigError: The address is none, there is no such folder, or OpenTelemetry is not installed.
    """
    folder = state_folder(state)
    tracer = Tracer(Desk(folder, folder), sender_to(to))
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    get_logger().info(f"sends the traces of sessions below {folder} until Ctrl-C")
    tracer.run(ended.wait)
    return Answer([f"{tracer.count:,} spans sent"], {"ended": True, "spans": tracer.count})
