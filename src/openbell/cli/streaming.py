"""What `paper --feed` needs: the provider as the settings want it, and a watch on strategies.yaml."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

from openbell.cli.fetching import open_supply
from openbell.cli.jobs import STRATEGIES, STREAM, Request
from openbell.cli.places import load_settings
from openbell.config import Override
from openbell.config.providers import Synthetic
from openbell.core.errors import ConfigError
from openbell.data.bars import parse_date
from openbell.data.catalog import Catalog
from openbell.data.live.shelves import address_of
from openbell.operation.reloading import Reloads
from openbell.operation.streamed import HISTORY, Stream

#: Times life's speed: what a synthetic stream makes of `max`, where no setting says other than usual.
_FASTEST = 1e9
_SYNTHETIC = "synthetic"
_SPEED = f"providers.{_SYNTHETIC}.speed"


def check_stream(request: Request) -> None:
    """Refuse options that are for stored bars.

    Raises:
        ConfigError: One is given.
    """
    given = {
        "--replay": request.start,
        "--data": request.data,
        "--provider": request.flags.get("provider"),
        "--universe": request.universe,
    }
    for option, value in given.items():
        if value is not None:
            raise ConfigError(f"{option} is for stored bars, and --feed brings them; leave one of them out")
    timeframe = request.flags.get("timeframe")
    if timeframe not in {None, STREAM}:
        raise ConfigError(
            f"--timeframe: {timeframe!r} is not one of a stream, which has {STREAM}; leave it out, and give "
            "indicators a timeframe of their own"
        )


def open_stream(
    request: Request, speed: float, *, history: int | None, hours: bool
) -> tuple[Stream, Mapping[str, str]]:
    """Return the stream that is asked for, and the environment with its keys.

    Raises:
        ConfigError: The provider is unknown, not installed, has no key or no stream, or an option is wrong.
    """
    name = request.feed or ""
    overrides = [Override(text, "--config-set") for text in request.settings]
    if name.partition(":")[0] == _SYNTHETIC:
        if hours:
            raise ConfigError("--sessions: synthetic prices have a time of their own; leave it out")
    elif not math.isinf(speed):
        raise ConfigError(f"--speed: {name} is as fast as life; leave it out")
    loaded = load_settings(overrides, _folder(request), request.env)
    is_usual = loaded.settings.providers.synthetic.speed == Synthetic().speed
    if name.partition(":")[0] == _SYNTHETIC and (is_usual or not math.isinf(speed)):
        overrides.append(Override(f"{_SPEED}={min(speed, _FASTEST):g}", "--speed"))
        loaded = load_settings(overrides, _folder(request), request.env)
    supply = open_supply(name, loaded)
    if "bars" not in supply.provider.offer.channels:
        raise ConfigError(
            f"--feed: provider {name!r} has no stream of bars; `openbell data providers` says who has"
        )
    stream = Stream(
        supply.provider,
        supply.budget,
        Catalog(loaded.settings.data.catalog),
        history=HISTORY if history is None else history,
        hours=hours,
        until=parse_date(request.end, where="--until", end_of_day=True),
        share=address_of(loaded.settings.data.cache, loaded.environ),
    )
    return stream, loaded.environ


def reloads_of(request: Request) -> Reloads | None:
    """Return a watch on the strategies.yaml that a request names; None where it names none."""
    if not _is_file(request):
        return None
    typed = request.risk is not None or any(one.strip().startswith("risk.") for one in request.settings)
    return Reloads(Path(request.strategy).parent, request.env, limits=not typed)


def _folder(request: Request) -> str | None:
    return str(Path(request.strategy).parent) if _is_file(request) else request.config


def _is_file(request: Request) -> bool:
    return Path(request.strategy).name == STRATEGIES
