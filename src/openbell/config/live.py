"""Reads live.yaml: on which account what is traded, and on whose prices.

Annotations are evaluated here (no `from __future__ import annotations`): pydantic reads them.
"""

from pathlib import Path
from typing import Literal

from pydantic import Field

from openbell.config.resolve import resolve
from openbell.config.schema import list_leaves
from openbell.config.section import Section
from openbell.config.sources import flatten
from openbell.config.yamlfile import read_yaml
from openbell.core.errors import ConfigError


class LiveFile(Section):
    """All keys of live.yaml.

    `broker` is a name of brokers.yaml, `feed` a provider with a stream, `strategies` names of strategies.yaml
    (none is all of them), both files beside this one. `unexplained` says what to do with positions that the
    account has and the books have not. `alarm` is how long the broker may be away, in seconds, before
    somebody must hear of it, and again after as long: a broker's nightly maintenance may take longer.
    `fractional` lets quantities be parts of a share, to a millionth, where broker and share allow it.
    """

    broker: str = Field(min_length=1)
    feed: str = Field(min_length=1)
    strategies: tuple[str, ...] = ()
    unexplained: Literal["halt", "adopt", "leave"] = "halt"
    alarm: float = Field(default=300.0, gt=0.0)
    fractional: bool = False


def read_live(path: Path) -> LiveFile:
    """Read a live.yaml.

    Raises:
        ConfigError: It is not there, or a key is unknown, missing or wrong; names the line.
    """
    if not path.is_file():
        raise ConfigError(f"no file {str(path)!r}; make one, such as {{broker: alpaca, feed: alpaca}}")
    item = read_yaml(path)
    values = list(flatten(item, list_leaves(LiveFile), path=path, label=""))
    return resolve(LiveFile, [values], label="", place=str(path)).model
