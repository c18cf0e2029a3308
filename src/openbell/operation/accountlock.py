"""One engine an account over several hosts: a lock in Redis, whose numbers grow with every holder."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self
from uuid import uuid4

from openbell.core.errors import ConfigError, Halt
from openbell.data.live.quotes_redis import connect_redis
from openbell.operation.broadcast import URL
from openbell.utils.logging import get_logger

#: What to do when another host has the lock, or nobody can say who has.
OnLoss = Literal["halt", "warn"]

#: Takes the lock if it is free, ours, or of a process that had our place; returns whether it is ours, and the
#: token of its holder. The count of tokens goes on from ours where Redis has lost it.
_TAKE = """
local holder = redis.call('HGET', KEYS[1], 'holder')
if holder and ARGV[4] ~= '' and string.sub(holder, 1, #ARGV[4]) == ARGV[4] then holder = false end
if holder and holder ~= ARGV[1] then return {0, tonumber(redis.call('HGET', KEYS[1], 'token'))} end
if not holder then
  if tonumber(redis.call('GET', KEYS[2]) or 0) < tonumber(ARGV[3]) then
    redis.call('SET', KEYS[2], ARGV[3])
  end
  redis.call('HSET', KEYS[1], 'holder', ARGV[1], 'token', redis.call('INCR', KEYS[2]))
end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return {1, tonumber(redis.call('HGET', KEYS[1], 'token'))}
"""
#: Another one at each start of a computer.
_BOOT = Path("/proc/sys/kernel/random/boot_id")
_FREE = """
if redis.call('HGET', KEYS[1], 'holder') == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0
"""


class AccountLock:
    """Holds an account: `async with AccountLock(url, account) as lock`, and `lock.check()` before each order.

    The lock is renewed three times in its life. `check` asks nobody while the lock is surely ours by this
    computer's clock. A process that was paused for longer asks Redis before it goes on, so that it notices
    that another host has taken over before it sends anything.

    Without Redis nobody can take the lock over: trading goes on, after one warning. That holds if all hosts
    lose it together; `away="halt"` is for networks that may split.

    Args:
        url: Such as `redis://127.0.0.1:6379/0`. Its password is shown nowhere.
        account: Such as `alpaca:paper:PA123`.
        life: Seconds after which the lock of a process that has died is free.
        lost: What `check` does when another host has the lock.
        away: What it does when Redis does not answer.
        place: Where only one process can be, such as `place_of` a folder that is locked: who was there before
            has ended, however it did, and its lock is taken at once. Empty is nowhere.
        clock: Monotonic seconds that go on while the computer sleeps.

    Raises:
        ConfigError: redis-py is not installed, the address is none, or another engine holds the account.
    """

    def __init__(  # each is a policy of its own
        self,
        url: str,
        account: str,
        *,
        life: float = 15.0,
        lost: OnLoss = "halt",
        away: OnLoss = "warn",
        place: str = "",
        clock: Callable[[], float] | None = None,
    ) -> None:
        self.account, self.token = account, 0  #: the token grows with every holder
        self._url, self._life, self._lost, self._away = url, life, lost, away
        self._clock = clock or _elapsed
        self._redis: Any = connect_redis(url, what="the account's lock")
        self._keys = (f"openbell:lock:{account}", f"openbell:token:{account}")
        self._place = f"{place}/" if place else ""
        self._owner = f"{self._place}{uuid4().hex}"
        self._until = 0.0  # as long as nobody else can have it
        self._taken = 0  # the token of who took it from us
        self._task: asyncio.Task[None] | None = None
        self._end = asyncio.Event()
        self.is_away = False

    async def __aenter__(self) -> Self:
        from redis.exceptions import RedisError

        begin = self._clock()
        try:
            ours, token = await self._redis.eval(_TAKE, 2, *self._keys, *self._claim(), self._place)
        except (RedisError, OSError) as error:
            await self._redis.aclose()
            raise ConfigError(
                f"the lock of account {self.account!r} cannot be taken: Redis does not answer "
                f"({type(error).__name__}); start it, or trade from one host without a lock"
            ) from error
        if not ours:
            await self._redis.aclose()
            raise ConfigError(
                f"account {self.account!r} is in use by another engine (token {token}); stop that one first"
            )
        self._hold(begin, token)
        self._task = asyncio.ensure_future(self._renew())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        from redis.exceptions import RedisError

        if self._task is not None:
            self._end.set()
            await self._task  # a command that is cancelled may leave its connection half read
        try:
            await self._redis.eval(_FREE, 1, self._keys[0], self._owner)
        except (RedisError, OSError) as gone:
            get_logger().info(
                f"the account's lock ends by itself: Redis does not answer ({type(gone).__name__})"
            )
        await self._redis.aclose()

    def check(self) -> int:
        """Return the lock's token if the account is ours; called before anything is written or sent.

        Raises:
            Halt: Another host has the account, or nobody knows and the policy is to stop then.
        """
        if not self._taken and self._clock() >= self._until:
            self._ask_now()
        if self._taken and self._lost == "halt":
            raise Halt(
                f"account {self.account!r} was taken over by another engine (token {self._taken}, ours is "
                f"{self.token}), so nothing is sent any more; see which of the two shall run"
            )
        if self.is_away and self._away == "halt" and self._clock() >= self._until:
            raise Halt(
                f"account {self.account!r}: Redis does not answer, so nobody knows who holds the account: "
                "nothing is sent any more; start Redis, and then the session again"
            )
        return self.token

    def _ask_now(self) -> None:
        """Ask Redis and wait for it: the process was paused, or Redis has been away."""
        from redis.exceptions import RedisError

        redis: Any = connect_redis(self._url, what="the account's lock", waits=True)
        begin = self._clock()
        try:
            ours, token = redis.eval(_TAKE, 2, *self._keys, *self._claim(), "")
        except (RedisError, OSError) as error:
            self._note_away(error)
            self._until = max(self._until, begin + self._life / 3) if self._away == "warn" else self._until
        else:
            self._note(begin, ours=bool(ours), token=token)
        finally:
            redis.close()

    async def _renew(self) -> None:
        from redis.exceptions import RedisError

        while not self._taken:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._end.wait(), self._life / 3)
                return
            begin = self._clock()
            try:
                ours, token = await self._redis.eval(_TAKE, 2, *self._keys, *self._claim(), "")
            except (RedisError, OSError) as error:
                self._note_away(error)
            else:
                self._note(begin, ours=bool(ours), token=token)

    def _claim(self) -> tuple[str, int, int]:
        return self._owner, round(self._life * 1000), self.token

    def _note(self, begin: float, *, ours: bool, token: int) -> None:
        if ours and token <= self.token + 1:  # else somebody had it in between, and has traded
            self._hold(begin, token)
            return
        if not self._taken:
            get_logger().error(f"account {self.account!r} was taken over by another engine (token {token})")
        self._taken = token

    def _hold(self, begin: float, token: int) -> None:
        self.token, self._until = token, begin + self._life
        if self.is_away:
            self.is_away = False
            get_logger().info("the account's lock: Redis is back, and the account is still ours")

    def _note_away(self, error: Exception) -> None:
        if not self.is_away:
            self.is_away = True
            then = "trading goes on" if self._away == "warn" else f"trading stops in {self._life:g} s"
            get_logger().warning(
                f"the account's lock: Redis does not answer ({type(error).__name__}); {then}"
            )


@asynccontextmanager
async def held(account: str, environ: Mapping[str, str], folder: Path) -> AsyncIterator[Callable[[], object]]:
    """Hold an account while the block runs, if the environment names a Redis; yield what checks that we do.

    `folder` is the session's, whose `FolderLock` we hold.

    Raises:
        ConfigError: Another engine holds the account, or Redis cannot be asked.
    """
    url = environ.get(URL, "").strip()
    if not url:
        yield bool
        return
    async with AccountLock(url, account, place=place_of(folder)) as lock:
        yield lock.check


def place_of(folder: Path) -> str:
    """Return what no other folder of this or another running computer has; nothing where it cannot be told.

    Who holds the folder's lock may then take over from whoever held it before: that process has ended.
    """
    try:
        boot = _BOOT.read_text(encoding="ascii").strip()
    except OSError:  # a system without it
        return ""
    found = folder.stat()
    return f"{boot}:{found.st_dev}:{found.st_ino}"


def _elapsed() -> float:
    """Return seconds that also pass while the computer sleeps, where the system can say that."""
    clock = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if clock is None else time.clock_gettime(clock)
