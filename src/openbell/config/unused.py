"""Settings of the prices that the chosen provider does not use."""

from __future__ import annotations

from typing import TYPE_CHECKING

from openbell.config.yamlfile import show
from openbell.core.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from openbell.config.sources import Value

_CHOICE = "data.provider"
#: The keys that some provider does without, with the value that says nothing.
_SILENT: dict[str, object] = {"data.folder": None, "data.calendar": "auto"}


def check_used(layers: Sequence[Sequence[Value]]) -> None:
    """Refuse what is said of the prices in vain; what a lower source said for another provider is outweighed.

    Args:
        layers: Values by source, the lowest first.

    Raises:
        ConfigError: A key has no meaning under the provider, which the same source or a lower one chose.
    """
    chosen, choice = max(
        ((rank, value) for rank, layer in enumerate(layers) for value in layer if value.key == _CHOICE),
        key=lambda told: told[0],
    )
    unused = _list_unused(str(choice.value))
    for value in (value for layer in layers[chosen:] for value in layer if value.key in unused):
        if value.value != _SILENT[value.key]:
            raise ConfigError(
                f"{value.source}: {value.key}: {show(value.value)} is not used, for {_CHOICE} is "
                f"{choice.value!r} ({choice.source}); leave it out, or choose what uses it: {_CHOICE}=csv"
            )


def _list_unused(provider: str) -> set[str]:
    kind, _, folder = provider.partition(":")
    if kind not in {"csv", "parquet"}:  # bundled, or of the catalog: both know their calendars
        return {"data.folder", "data.calendar"}
    return {"data.folder"} if folder else set()
