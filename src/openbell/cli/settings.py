"""The commands `config explain` and `config show`."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from openbell.cli.answer import Answer
from openbell.cli.places import load_settings
from openbell.config import Explanation, Override


def explain_settings(
    key: str, *, folder: str | None, env: str | None, settings: Iterable[str], more: Iterable[str]
) -> Answer:
    """Explain a setting, a section, or with "" all of them.

    Args:
        key: Which.
        folder: The folder of settings.yaml.
        env: Which overlay to lay over it.
        settings: What `--set` was given.
        more: What `--config-set` was given.

    Raises:
        ConfigError: The key is unknown, or the configuration is wrong.
    """
    overrides = [
        *(Override(text, "--set") for text in settings),
        *(Override(text, "--config-set") for text in more),
    ]
    explained = load_settings(overrides, folder, env).explain(key)
    leaves = explained.below or (explained,)
    return Answer(str(explained).splitlines(), {"settings": [_described(leaf) for leaf in leaves]})


def _described(leaf: Explanation) -> dict[str, Any]:
    shadowed = [{"value": _plain(value), "source": source} for value, source in leaf.shadowed]
    return {"key": leaf.key, "value": _plain(leaf.value), "source": leaf.source, "shadowed": shadowed}


def _plain(value: object) -> object:
    return str(value) if isinstance(value, Path) else value
