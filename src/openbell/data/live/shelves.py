"""Where the latest quotes are kept, a shelf a tape: in this process, or in Redis for all of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from openbell.core.errors import ConfigError
from openbell.core.messages import Quote
from openbell.data.bars import Source
from openbell.data.live.quotes_redis import URL, RedisQuotes

Where = Literal["auto", "process", "redis"]
_BEGIN = "openbell:quotes"


def address_of(where: Where, environ: Mapping[str, str]) -> str:
    """Return the address of the Redis that has the quotes; nothing if they stay in this process.

    Args:
        where: `auto` is Redis where the environment names one.
        environ: Where its address is: it may have a password, so that no file of settings has it.

    Raises:
        ConfigError: `redis` is wanted, and no address is set.
    """
    url = environ.get(URL, "").strip()
    if where == "redis" and not url:
        raise ConfigError(
            f"data.cache: quotes in redis need the environment variable {URL}; set it to an address such as "
            "redis://127.0.0.1:6379/0"
        )
    return "" if where == "process" else url


def tape_of(source: Source) -> str:
    """Return the name of a shelf: quotes of one tape never stand for those of another."""
    return f"{source.provider}:{source.feed}"


def shared_quotes(url: str, tape: str) -> RedisQuotes:
    """Return a tape's shelf in Redis, for `async with`.

    Raises:
        ConfigError: redis-py is not installed, or the address is none.
    """
    return RedisQuotes(url, key=f"{_BEGIN}:{tape}")


async def read_shelves(url: str) -> Mapping[str, Mapping[str, Quote]]:
    """Return the latest quotes of every tape that any process has put into Redis.

    Raises:
        ConfigError: redis-py is not installed, or Redis does not answer.
    """
    async with RedisQuotes(url, key=_BEGIN) as root:
        names = await root.shelves()
        if root.is_lost:
            raise ConfigError(f"{URL}: Redis does not answer there; start it, or check the address")
    found: dict[str, Mapping[str, Quote]] = {}
    for name in names:
        tape = name.removeprefix(f"{_BEGIN}:")
        async with shared_quotes(url, tape) as shelf:
            found[tape] = await shelf.all()
    return found
