"""Tasks that end together: one that fails is heard of, and the end of all is waited for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from typing import Any


class Tasks:
    """The tasks of a session. `failure` is what the first one raised that failed."""

    def __init__(self, told: Callable[[], object]) -> None:
        """Begin; `told` is called when one has failed."""
        self._tasks: list[asyncio.Task[Any]] = []
        self._told = told
        self.failure: BaseException | None = None

    def __iter__(self) -> Iterator[asyncio.Task[Any]]:
        return iter(self._tasks)

    def start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Let something run beside the rest."""
        task = asyncio.ensure_future(work)
        self._tasks.append(task)
        return task

    def guard(self, work: Coroutine[Any, Any, None]) -> None:
        """Let something run whose failure is everybody's."""
        self.start(work).add_done_callback(self._note)

    def check(self) -> None:
        """Raise what a guarded task has raised."""
        if self.failure is not None:
            raise self.failure

    async def end(self) -> None:
        """Cancel all, and wait until they have ended."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _note(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and task.exception() is not None:
            self.failure = task.exception()
            self._told()
