"""Reads are asked again, with a back-off that a test can see."""

from __future__ import annotations

import pytest

from openbell.core.errors import Rejected, Retryable
from openbell.utils.retry import Backoff, Patience, retry


class Server:
    """Fails with the errors it is given, then answers."""

    def __init__(self, *errors):
        self.errors = list(errors)
        self.asked = 0

    async def __call__(self):
        self.asked += 1
        if self.errors:
            raise self.errors.pop(0)
        return "fine"


def keep(waits):
    async def sleep(seconds):
        waits.append(seconds)

    return sleep


def read_after(error):
    return error.after if isinstance(error, Retryable) else None


async def ask(server, waits, draw=1.0, **patience):
    backoff = Backoff(Patience(**patience), sleep=keep(waits), draw=lambda: draw)
    return await retry(server, Retryable, after=read_after, backoff=backoff)


async def test_waits_double_up_to_the_longest():
    waits: list[float] = []
    server = Server(*[Retryable("busy")] * 5)
    assert await ask(server, waits, first=1.0, longest=4.0) == "fine"
    assert waits == [1.0, 2.0, 4.0, 4.0, 4.0]


async def test_waits_are_jittered():
    waits: list[float] = []
    await ask(Server(Retryable("busy"), Retryable("busy")), waits, draw=0.25, first=1.0)
    assert waits == [0.25, 0.5]


async def test_a_server_is_left_alone_as_long_as_it_wants():
    waits: list[float] = []
    await ask(Server(Retryable("busy", after=20.0)), waits, draw=0.5, first=1.0)
    assert waits == [20.5]


async def test_a_server_that_wants_too_long_is_not_waited_for():
    waits: list[float] = []
    with pytest.raises(Retryable, match="tomorrow"):
        await ask(Server(Retryable("tomorrow", after=86_400.0)), waits)
    assert waits == []


async def test_patience_ends_with_the_last_error():
    waits: list[float] = []
    server = Server(*[Retryable(f"busy {n}") for n in range(9)])
    with pytest.raises(Retryable, match="busy 2"):
        await ask(server, waits, attempts=3)
    assert (server.asked, len(waits)) == (3, 2)


async def test_what_no_attempt_can_heal_is_raised_at_once():
    server = Server(Rejected("no such symbol"))
    with pytest.raises(Rejected):
        await retry(server, Retryable, after=read_after)
    assert server.asked == 1


async def test_a_success_starts_the_count_anew():
    waits: list[float] = []
    backoff = Backoff(Patience(attempts=2, first=1.0), sleep=keep(waits), draw=lambda: 1.0)
    assert await backoff.wait()
    backoff.reset()
    assert await backoff.wait()
    assert not await backoff.wait()
    assert waits == [1.0, 1.0]
