"""The settings as a command line gives them, and the places of what is wrong with them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from openbell.cli.folders import check_named
from openbell.config import Loaded, Override, load
from openbell.core.errors import ConfigError

if TYPE_CHECKING:
    from openbell.data.catalog import Catalog

#: The settings that have an option of their own, by its name.
OPTIONS = {
    "cash": "account.cash",
    "provider": "data.provider",
    "timeframe": "data.timeframe",
    "benchmark": "benchmark",
    "seed": "seed",
    "reports": "reports.folder",
    "holdout": "research.holdout",
}
_KEYS = {"--data": "data.provider", **{f"--{name}": key for name, key in OPTIONS.items()}}
#: Places as a caller in Python knows them, and as they are typed here.
_TYPED = {
    "the folder given:": "--config:",
    "the environment given:": "--env:",
    **{f"{option}: {key}:": f"{option}:" for option, key in _KEYS.items()},
}


def load_settings(overrides: Sequence[Override], folder: str | None, env: str | None) -> Loaded:
    """Load the settings; what is wrong is told with the option that it was given by.

    Raises:
        ConfigError: Anything is wrong.
    """
    try:
        return load(folder, env, overrides=overrides)
    except ConfigError as error:
        text = str(error)
        for place, typed in _TYPED.items():
            if text.startswith(place):
                text = text.replace(place, typed, 1)
        raise ConfigError(text) from error


def find_place(loaded: Loaded, key: str) -> str:
    """Return where a setting was given: its own option, or source and key."""
    source = loaded.explain(key).source
    return source if _KEYS.get(source) == key else f"{source}: {key}"


def open_catalog(folder: str | None, config: str | None, env: str | None) -> Catalog:
    """Return the catalog in a folder, or in the one that the settings say.

    Raises:
        ConfigError: The name is empty, or the settings are wrong.
    """
    from openbell.data.catalog import Catalog  # pyarrow is slow to load

    if folder is None:
        return Catalog(load_settings((), config, env).settings.data.catalog)
    check_named(folder, "--catalog")
    return Catalog(folder)


@contextmanager
def placed(place: str) -> Iterator[None]:
    """Put a place before the message of a wrong setting."""
    try:
        yield
    except ConfigError as error:
        raise ConfigError(f"{place}: {error}") from error
