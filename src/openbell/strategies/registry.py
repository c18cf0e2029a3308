"""Find a strategy by name, by `module:Class`, by file or by entry point, and make one with its parameters."""

from __future__ import annotations

import hashlib
import importlib
import inspect
import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import Any, TypeGuard

from openbell.core.errors import ConfigError, nearest
from openbell.strategies.base import Strategy
from openbell.strategies.faults import user_code
from openbell.strategies.hooks import check_hooks, check_plain
from openbell.strategies.loading import USER_MODULE, load_file
from openbell.strategies.parameters import checked
from openbell.strategies.signal import Signal, SignalStrategy

#: The group under which packages offer strategies of their own.
ENTRY_POINT_GROUP = "openbell.strategies"

Form = type[Strategy] | Signal


@dataclass(frozen=True, slots=True)
class Found:
    """A strategy as it was found: what it is, and where."""

    name: str
    form: Form
    origin: str  #: how to find it again: a name, `module:Class` or `path.py:Class`
    source: str  #: its file's text, kept with a run
    summary: str  #: its first line of documentation

    @property
    def code_hash(self) -> str:
        """Return the hash of its file's text."""
        return "sha256:" + hashlib.sha256(self.source.encode()).hexdigest()

    @property
    def file(self) -> Path | None:
        """The file that it was written in; None if it was typed at a prompt."""
        return _file(self.form)

    def parameters(self) -> dict[str, Any]:
        """Return its parameters with their defaults."""
        if isinstance(self.form, Signal):
            return self.form.parameter_values()
        return {name: parameter.default for name, parameter in self.form.parameters.items()}

    def make(self, values: Mapping[str, Any]) -> Strategy:
        """Return a strategy that is ready to run.

        Raises:
            ConfigError: A parameter is unknown, has the wrong type, or is out of bounds.
        """
        if isinstance(self.form, Signal):
            check_plain(self.form.decide, f"strategy {self.name}")
            return SignalStrategy(self.form.with_parameters(**values))
        known = checked(self.form.parameters, values, owner=self.form.__name__)
        with user_code(f"strategy {self.name}"):
            made = self.form(**{name: known[name] for name in values})
        if "_recipes" not in vars(made):
            raise ConfigError(
                f"strategy {self.name}: its __init__ does not call super().__init__(**values); "
                "prepare in on_start instead, and leave __init__ out"
            )
        check_hooks(made)
        return made


def find(what: str | Path | Form) -> Found:
    """Return the strategy that a name, `module:Class`, `path.py`, `path.py:Class` or an object means.

    Raises:
        ConfigError: There is none, and the nearest name is offered; or it does nothing.
    """
    if isinstance(what, Path):
        what = str(what)
    if not isinstance(what, str):
        form = _form(what, getattr(what, "__name__", repr(what)))
        return _found(form, _origin(form))
    path, _, attribute = what.rpartition(":") if ".py:" in what else (what, "", "")
    if path.endswith(".py"):
        return _from_file(path, attribute)
    if ":" in what:
        module_name, _, attribute = what.partition(":")
        if not module_name or module_name.startswith("."):
            raise ConfigError(f"strategy {what!r} names no module; write it in full, as package.module:Class")
        with user_code(f"strategy {what!r}"):
            module = importlib.import_module(module_name)
        return _found(_attribute(module, attribute, what), what)
    examples = _examples()
    if what in examples:
        return _found(examples[what], what)
    offered = {entry.name: entry for entry in entry_points(group=ENTRY_POINT_GROUP)}
    if what not in offered:
        files = [f"{what}.py"] if Path(f"{what}.py").is_file() else []
        raise ConfigError(f"unknown strategy {what!r}{nearest(what, files or [*examples, *offered])}")
    return _offered(offered[what])


def names() -> dict[str, Found]:
    """Return the strategies that have a name: the examples, and what installed packages offer.

    Raises:
        ConfigError: A package offers what cannot be loaded.
    """
    offered = {entry.name: _offered(entry) for entry in entry_points(group=ENTRY_POINT_GROUP)}
    return {**offered, **{name: _found(form, name) for name, form in _examples().items()}}


def _examples() -> Mapping[str, Form]:
    found: Mapping[str, Form] = importlib.import_module("openbell.strategies.examples").BY_NAME
    return found


def _offered(entry: EntryPoint) -> Found:
    with user_code(f"strategy {entry.name!r}, which an installed package offers as {entry.value}"):
        thing = entry.load()
    return _found(_form(thing, f"{entry.name} ({entry.value})"), entry.name)


def _found(form: Form, origin: str) -> Found:
    if _is_idle(form):
        near = [name for name in vars(form) if name.lower().startswith("on")]
        has = f" (it has {', '.join(near)})" if near else ""
        raise ConfigError(f"strategy {form.__name__} does nothing: write on_bar or on_bars{has}")
    file = _file(form)
    source = file.read_text(encoding="utf-8", errors="replace") if file else ""
    name = form.name if isinstance(form, Signal) else snake_case(form.__name__)
    return Found(name, form, origin, source, inspect.cleandoc(form.__doc__ or "").partition("\n")[0])


def _is_idle(form: Form) -> TypeGuard[type[Strategy]]:
    if isinstance(form, Signal):
        return False
    return form.on_bar is Strategy.on_bar and form.on_bars is Strategy.on_bars


def _file(form: Form) -> Path | None:
    """Return the file that a strategy was written in; None if it was typed at a prompt."""
    try:
        path = inspect.getsourcefile(form.decide if isinstance(form, Signal) else form)
    except (OSError, TypeError):
        return None
    return Path(path) if path and Path(path).is_file() else None


def _origin(form: Form) -> str:
    name = form.name if isinstance(form, Signal) else form.__name__
    if form.__module__ == "__main__" or form.__module__.startswith(USER_MODULE):
        return f"{_file(form) or '__main__'}:{name}"
    return f"{form.__module__}:{name}"


def _from_file(path: str, attribute: str) -> Found:
    module = load_file(Path(path))
    if attribute:
        return _found(_attribute(module, attribute, path), f"{path}:{attribute}")
    forms = [(name, form) for name, form in _forms(module).items() if form.__module__ == module.__name__]
    busy = [(name, form) for name, form in forms if not _is_idle(form)]
    forms = busy if len(busy) == 1 else forms
    if len(forms) != 1:
        listed = ", ".join(name for name, _ in forms) or "none"
        example = forms[0][0] if forms else "Class"
        raise ConfigError(f"{path} holds {len(forms)} strategies ({listed}); name one: {path}:{example}")
    attribute, form = forms[0]
    return _found(form, f"{path}:{attribute}")


def _forms(module: ModuleType) -> dict[str, Form]:
    """Return a module's strategies by the first name that each has there."""
    found: dict[str, Form] = {}
    for name, thing in vars(module).items():
        if _is_form(thing) and thing is not Strategy and all(thing is not other for other in found.values()):
            found[name] = thing
    return found


def _attribute(module: ModuleType, name: str, what: str) -> Form:
    if not hasattr(module, name):
        raise ConfigError(f"strategy {what!r}: the module has no {name!r}{nearest(name, _forms(module))}")
    return _form(getattr(module, name), what)


def _form(thing: Any, what: str) -> Form:
    if _is_form(thing):
        return thing
    raise ConfigError(
        f"strategy {what!r} is a {type(thing).__name__}; give a Strategy class or an @signal function"
    )


def _is_form(thing: Any) -> TypeGuard[Form]:
    return isinstance(thing, Signal) or (isinstance(thing, type) and issubclass(thing, Strategy))


def snake_case(name: str) -> str:
    """Return a class's name as a module's: `SmaCross` is `sma_cross`, `RSITrend` is `rsi_trend`."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()
