"""How fast stored moments are played: as in life, faster, or as fast as they can be taken."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Iterable, Sequence

from openbell.core.errors import ConfigError
from openbell.core.messages import BarMessage
from openbell.core.types import NANOS_PER_SECOND
from openbell.trading.inbox import Requests

#: No pause is longer, in seconds: nights and weekends pass at once.
LONGEST = 1.0
_LOOK = 0.05  #: seconds between two looks at what is asked


def read_speed(text: str) -> float:
    """Read `100x`, `2.5x` or `max`, which is infinite.

    Raises:
        ConfigError: It is none of them.
    """
    if text.strip().lower() == "max":
        return math.inf
    number = text.strip().lower().removesuffix("x")
    try:
        speed = float(number)
    except ValueError:
        speed = math.nan
    if not 0.0 < speed < math.inf:
        raise ConfigError(f"speed={text!r} must be a number above 0 and an x, such as 100x, or max")
    return speed


async def paced(
    moments: Iterable[Sequence[BarMessage]], speed: float, requests: Requests
) -> AsyncIterator[Sequence[BarMessage]]:
    """Yield moments with the pauses between them divided by `speed`, until a stop is asked.

    A stop that closes positions needs bars still: they come without pauses.
    """
    before = 0
    for bars in moments:
        end = bars[-1].end
        pause = min((end - before) / NANOS_PER_SECOND / speed, LONGEST) if before else 0.0
        while pause > 0.0 and not requests.stop_asked():
            await asyncio.sleep(min(pause, _LOOK))
            pause -= _LOOK
        if requests.stop_asked() in {"keep", "cancel"}:
            return
        before = end
        yield bars
        await asyncio.sleep(0)
