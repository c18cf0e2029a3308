"""Reads the configuration: folder, overlay, .env, environment and command line, in this order."""

from __future__ import annotations

import os
import re
import tempfile
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from openbell.config import entries, explain, unused
from openbell.config.models import BrokerEntry, Settings, StrategyEntry
from openbell.config.resolve import Resolved, list_defaults, resolve
from openbell.config.schema import list_leaves
from openbell.config.sources import (
    Override,
    Value,
    Variable,
    flatten,
    list_environment,
    read_dotenv,
    read_overrides,
    read_variables,
)
from openbell.config.yamlfile import read_yaml
from openbell.core.errors import ConfigError, nearest

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

DEFAULT_FOLDER = "config"


@dataclass(frozen=True)
class Loaded:
    """A configuration that knows where each of its values came from.

    Args:
        settings: The checked settings.
        strategies: The items of strategies.yaml by name, in the file's order.
        brokers: The brokers of brokers.yaml by name; without that file, the simulated one.
        folder: The folder that was read; it may be absent, and then all is built-in defaults.
        env: The environment whose overlay was laid over settings.yaml; empty for none.
        environ: The variables of .env under those of the process: credentials are found here.
    """

    settings: Settings
    strategies: Mapping[str, StrategyEntry]
    brokers: Mapping[str, BrokerEntry]
    folder: Path
    env: str
    environ: Mapping[str, str] = field(repr=False)
    _resolved: Resolved[Settings] = field(repr=False)
    _by_strategy: Mapping[str, Resolved[Settings]] = field(repr=False)
    _layers: Sequence[Sequence[Value]] = field(repr=False)

    def explain(self, key: str = "") -> explain.Explanation:
        """Explain one key, a section or (with "") everything.

        Raises:
            ConfigError: The key is unknown, or not in use.
        """
        return explain.explain(self._resolved, key)

    def for_strategy(self, name: str) -> Loaded:
        """Return this configuration with what the strategy's item says of account, costs and sizing.

        The item lies over settings.yaml and its overlay, and under .env, environment and command line.

        Raises:
            ConfigError: strategies.yaml has no such name.
        """
        if name not in self._by_strategy:
            hint = nearest(name, self.strategies) or "; it has no strategies"
            raise ConfigError(f"{self.folder / 'strategies.yaml'}: no strategy is named {name!r}{hint}")
        resolved = self._by_strategy[name]
        return replace(self, settings=resolved.model, _resolved=resolved)

    def check_used(self) -> None:
        """Find out whether the chosen provider uses what is said of the prices.

        Raises:
            ConfigError: It does not use a value, which the source that chose it or a later one gives.
        """
        unused.check_used(self._layers)

    def report_folder(self) -> Path:
        """Return the folder for reports, made where it is absent.

        Raises:
            ConfigError: It cannot be made or written.
        """
        folder = self.settings.reports.folder
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=folder):
                return folder
        except OSError as error:
            source = self.explain("reports.folder").source
            raise ConfigError(
                f"{source}: reports.folder: {str(folder)!r} cannot be written ({error.strerror});"
                " name a folder that you may write, or change its permissions"
            ) from error


def load(
    folder: str | Path | None = None,
    env: str | None = None,
    *,
    overrides: Iterable[str | Override] = (),
    environ: Mapping[str, str] = os.environ,
) -> Loaded:
    """Read and check the whole configuration.

    Later sources win: built-in defaults, settings.yaml, settings.<env>.yaml, .env (beside the folder),
    the environment (`OPENBELL_COSTS__SLIPPAGE__BPS=3`), overrides.

    Args:
        folder: Where the YAML files are; else OPENBELL_CONFIG, else `config` if it exists.
        env: Which overlay to take; else OPENBELL_ENV, in the environment or .env; else none.
        overrides: Texts such as `costs.slippage.bps=3`, or an `Override`, which says by what option it came.
        environ: The environment variables.

    Raises:
        ConfigError: Anything is wrong; the message names the value, its place and the remedy.
    """
    home = _find_folder(folder, environ)
    dotenv_path = home.parent / ".env"
    dotenv = read_dotenv(dotenv_path) if _is_variables(dotenv_path) else []
    merged = {variable.name: variable.text for variable in dotenv} | dict(environ)
    chosen = merged.get("OPENBELL_ENV", "") if env is None else env
    place = _find_source("OPENBELL_ENV", dotenv, environ) if env is None else "the environment given"

    leaves = list_leaves(Settings)
    files = [list_defaults(Settings()), *_read_settings(home, chosen, place)]
    outer = [
        read_variables(dotenv, leaves),
        read_variables(list_environment(environ), leaves),
        read_overrides(overrides, leaves),
    ]
    resolved = resolve(Settings, [*files, *outer])
    found = entries.read_strategies(home / "strategies.yaml")
    return Loaded(
        settings=resolved.model,
        strategies={entry.name: entry for entry, _ in found},
        brokers=entries.read_brokers(home / "brokers.yaml") or {"simulated": BrokerEntry(kind="simulated")},
        folder=home,
        env=chosen,
        environ=merged,
        _resolved=resolved,
        _layers=[*files, *outer],
        _by_strategy={entry.name: resolve(Settings, [*files, own, *outer]) for entry, own in found},
    )


def _find_folder(folder: str | Path | None, environ: Mapping[str, str]) -> Path:
    if folder is not None and not str(folder).strip():
        raise ConfigError(f"the folder given: {folder!r} is empty; name the folder that holds settings.yaml")
    named: Any = folder or environ.get("OPENBELL_CONFIG")
    if not named:
        return _check_default(Path(DEFAULT_FOLDER))
    source = "the folder given" if folder else "environment OPENBELL_CONFIG"
    path = Path(named)
    if path.is_file():
        raise ConfigError(f"{source}: {named!s} is a file; name the folder that holds settings.yaml")
    if not path.is_dir():
        raise ConfigError(f"{source}: {named!s} does not exist; make it, or name none for {DEFAULT_FOLDER}/")
    return path


def _check_default(path: Path) -> Path:
    """Return the usual folder, which may be absent, but nothing else may have its name."""
    if path.is_dir() or not (path.exists() or path.is_symlink()):
        return path
    what = "a file" if path.exists() else "a link to what is not there"
    raise ConfigError(
        f"{path}: is {what}, where the folder with settings.yaml is looked for; rename it, or name another "
        "folder with --config or OPENBELL_CONFIG"
    )


def _is_variables(path: Path) -> bool:
    """Tell whether there is a file of variables; a virtual environment may be kept under its name."""
    if path.is_dir() and not (path / "pyvenv.cfg").exists():
        raise ConfigError(
            f"{path}: is a folder, where a file of variables is looked for; rename it, or keep the "
            "folder with the settings elsewhere and name that with --config or OPENBELL_CONFIG"
        )
    return path.exists() and not path.is_dir()


def _find_source(name: str, dotenv: Iterable[Variable], environ: Mapping[str, str]) -> str:
    """Return where a variable is set that is no key."""
    told = [f"{variable.source}: {name}" for variable in dotenv if variable.name == name]
    return told[-1] if told and name not in environ else f"environment {name}"


def _read_settings(folder: Path, env: str, place: str) -> list[list[Value]]:
    for stem in ("settings", f"settings.{env}", "strategies", "brokers"):
        wrong = folder / f"{stem}.yml"
        if wrong.exists():
            raise ConfigError(f"{wrong}: is not read under this name; rename it to {stem}.yaml")
    leaves = list_leaves(Settings)
    usual = folder / "settings.yaml"
    paths = [usual] if usual.exists() or usual.is_symlink() else []  # a link to nothing is said to be one
    if env:
        paths.append(_find_overlay(folder, env, place))
    return [list(flatten(read_yaml(path), leaves, path=path)) for path in paths]


def _find_overlay(folder: Path, env: str, place: str) -> Path:
    if not re.fullmatch(r"[A-Za-z0-9_-]+", env):
        raise ConfigError(f"{place}: {env!r} must be letters, digits, '-' and '_', as in settings.<env>.yaml")
    path = folder / f"settings.{env}.yaml"
    if not path.exists():
        known = [other.name.split(".")[1] for other in folder.glob("settings.*.yaml")]
        hint = nearest(env, known) or f"; {folder} has no settings.<env>.yaml"
        raise ConfigError(f"{path}: does not exist, and the environment {env!r} asks for it{hint}")
    return path
