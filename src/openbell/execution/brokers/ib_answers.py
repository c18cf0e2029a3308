"""Who waits for what TWS makes of an order, a change or a cancel: frames that name no request answer it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from openbell.core.errors import OpenbellError, Retryable

#: Tells whether a frame is the answer, by its order (None in a frame of status alone) and its status.
Judge = Callable[[Any, str], bool]


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """An answer that is waited for: about which order, and what counts as one."""

    number: int
    judge: Judge
    future: asyncio.Future[None]


class Answers:
    """All that is waited for."""

    def __init__(self, timeout: float) -> None:
        """Take the seconds that an answer may take."""
        self._timeout = timeout
        self._open: list[Answer] = []

    @contextmanager
    def expecting(self, numbers: Sequence[int], judge: Judge) -> Iterator[list[Answer]]:
        """Listen for answers about orders, from before they are asked for."""
        loop = asyncio.get_running_loop()
        answers = [Answer(number, judge, loop.create_future()) for number in numbers]
        self._open += answers
        try:
            yield answers
        finally:
            for answer in answers:
                self._open.remove(answer)
                if not answer.future.cancel():
                    answer.future.exception()  # so that it counts as noticed

    async def wait(self, asked: str, answer: Answer) -> None:
        """Wait for one.

        Raises:
            Rejected: TWS refuses it.
            Retryable: It says nothing.
            Disconnected: It is gone.
        """
        try:
            async with asyncio.timeout(self._timeout):
                await asyncio.shield(answer.future)
        except TimeoutError as error:
            raise Retryable(f"ib: {asked}: no answer within {self._timeout:g} s") from error

    def hear(self, number: int, order: Any, status: str) -> None:
        """Take a frame."""
        for answer in self._of(number):
            if answer.judge(order, status):
                answer.future.set_result(None)

    def fail(self, number: int | None, error: OpenbellError) -> bool:
        """Let those fail who wait about an order, or all; tell whether there was one."""
        waiting = self._of(number)
        for answer in waiting:
            answer.future.set_exception(error)
        return bool(waiting)

    def _of(self, number: int | None) -> list[Answer]:
        wanted = (one for one in self._open if number is None or one.number == number)
        return [one for one in wanted if not one.future.done()]
