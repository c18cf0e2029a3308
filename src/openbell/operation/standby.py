"""Stands by a live session, in a process of its own: a stop reaches the broker also while the engine hangs.

It looks for requests to stop that the session does not take in time, and cancels the orders itself. It has
a connection of its own, so nothing in the engine is needed for it. It ends when its standard input ends,
which it does however the session ends.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from openbell.core.errors import Disconnected, OpenbellError, Rejected, Retryable
from openbell.core.orders import TERMINAL
from openbell.execution.factory import broker_offer, open_broker
from openbell.execution.port import LiveBroker, Report
from openbell.storage.journal import JOURNAL, Journal
from openbell.trading.clientids import is_own
from openbell.trading.inbox import Stop, read_stop, was_taken
from openbell.trading.pulse import is_silent, read_pulse
from openbell.utils.logging import configure, get_logger

READY = "standby"  #: the file that says that a process stands by
_LOOK = 0.05  #: seconds between two looks for a request
_PATIENCE = 0.4  #: seconds that a session has to take it that was heard of late
_WAIT = 5.0  #: seconds that the end of a session waits for this process
_AGAIN = 0.5  #: seconds between two tries


@dataclass(frozen=True, slots=True)
class Spare:
    """What a second connection to the account needs: the broker's kind, its options, and its secrets."""

    kind: str
    options: Mapping[str, Any]
    secrets: Mapping[str, str]


def spare_of(kind: str, options: Mapping[str, Any], environ: Mapping[str, str]) -> Spare:
    """Return what a second connection to an account needs."""
    offer = broker_offer(kind)
    wanted = (*offer.variables, *offer.optional)
    return Spare(
        kind, {**options, **offer.second}, {name: environ[name] for name in wanted if name in environ}
    )


@contextmanager
def standing_by(folder: Path, spare: Spare | None) -> Iterator[None]:
    """Let a process stand by the session of a folder while something is done."""
    if spare is None:
        yield
        return
    (folder / READY).unlink(missing_ok=True)
    words = [sys.executable, "-m", "openbell.operation.standby", str(folder)]
    aside = subprocess.Popen(  # noqa: S603  # it is us
        words, stdin=subprocess.PIPE, env={**os.environ, **spare.secrets}, start_new_session=True
    )
    assert aside.stdin is not None  # noqa: S101  # it is a pipe
    with suppress(BrokenPipeError):
        aside.stdin.write(json.dumps({"kind": spare.kind, "options": spare.options}).encode() + b"\n")
        aside.stdin.flush()
    try:
        yield
    finally:
        (folder / READY).unlink(missing_ok=True)
        with suppress(BrokenPipeError):
            aside.stdin.close()
        try:
            aside.wait(_WAIT)
        except subprocess.TimeoutExpired:
            aside.kill()
            aside.wait()


class Standby:
    """Watches the folder of one session."""

    def __init__(self, folder: Path, broker: LiveBroker, *, logs_in: bool) -> None:
        """Take the folder and the account; `logs_in` says whether it needs a login before it is asked."""
        self._folder, self._broker, self._logs_in = folder, broker, logs_in
        self._done = 0.0  # when the last request came that needs nothing more

    async def prepare(self, ended: threading.Event) -> None:
        """Have all at hand that a cancel needs, so that it takes no time then."""
        ask = self._broker.connect if self._logs_in else self._broker.balance
        while not ended.is_set():
            try:
                await ask()
            except (Retryable, Disconnected):
                await asyncio.sleep(_AGAIN)
            else:
                (self._folder / READY).touch()
                return

    async def watch(self, ended: threading.Event) -> None:
        """Look for requests until the session has ended."""
        while not ended.is_set():
            asked = read_stop(self._folder)
            if asked is not None and asked.time > self._done and asked.how in {"cancel", "flatten"}:
                await self._serve(asked, ended)
            await asyncio.sleep(_LOOK)

    async def _serve(self, request: Stop, ended: threading.Event) -> None:
        """Give the session its time, if it was heard of late; cancel where it does not take the request."""
        while time.time() - request.time < _PATIENCE and not self._hangs():
            if ended.is_set() or self._was_taken(request):
                self._done = request.time
                return
            await asyncio.sleep(_LOOK)
        if self._was_taken(request):
            self._done = request.time
            return
        get_logger().error("the session does not answer a request to stop; its orders are cancelled for it")
        try:
            asked, left = await self._cancel()
        except (Retryable, Disconnected) as error:
            get_logger().error(f"cancelling failed, and is tried again: {error}")
            await asyncio.sleep(_AGAIN)
            return
        self._done = request.time
        get_logger().error(
            f"{asked} orders were asked to be cancelled; positions stay until the session goes on, or close "
            "them at the broker"
        )
        if left:
            get_logger().error(
                f"{len(left)} orders cannot be cancelled from here beside those of others ({left[0]}); "
                "cancel them at the broker"
            )

    def _hangs(self) -> bool:
        """Tell whether nothing was heard of the session for longer than one that is well takes to beat."""
        pulse = read_pulse(self._folder)
        return pulse is not None and is_silent(pulse.wall, pulse.starting)

    def _was_taken(self, asked: Stop) -> bool:
        """Tell whether the session's journal has that it is being left."""
        with Journal(self._folder / JOURNAL, read_only=True) as journal:
            return was_taken(asked, journal)

    async def _cancel(self) -> tuple[int, list[str]]:
        """Cancel all at once, or one by one where somebody else's orders work in the account.

        Returns how many were asked to be cancelled, and what was said of each that works on.
        """
        working = await self._broker.working()
        own = [one for one in working if is_own(one.client_id)]
        if len(own) == len(working):
            await self._broker.cancel_all()
            return len(own), []
        left = [said for one in own if (said := await self._cancel_one(one))]
        return len(own) - len(left), left

    async def _cancel_one(self, order: Report) -> str:
        """Cancel an order; return what the broker says if it works on."""
        try:
            await self._broker.cancel(order.client_id)
        except Rejected as error:
            found = await self._broker.find(order.client_id)
            return "" if found is None or found.status in TERMINAL else str(error)
        return ""


async def _stand_by(folder: Path, spare: Spare, ended: threading.Event) -> None:
    broker = open_broker(spare.kind, spare.options, spare.secrets)
    try:
        standby = Standby(folder, broker, logs_in=broker_offer(spare.kind).logs_in)
        await standby.prepare(ended)
        await standby.watch(ended)
    finally:
        await broker.close()


def main(folder: Path) -> int:
    """Stand by until standard input ends; 1 where that cannot be."""
    configure()
    ended = threading.Event()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # the session is asked to end, and its end is ours
    asked = json.loads(sys.stdin.buffer.readline())

    def listen() -> None:
        sys.stdin.buffer.read()
        ended.set()

    threading.Thread(target=listen, daemon=True).start()
    try:
        asyncio.run(_stand_by(folder, Spare(asked["kind"], asked["options"], os.environ), ended))
    except OpenbellError as error:
        get_logger().error(f"a stop will not reach the broker while the session hangs: {error}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
