"""Find a strategy by name, by `module:Class`, by file or by entry point, and make one with its parameters."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import inspect
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType
from typing import Any

from openbell.core.errors import ConfigError, nearest
from openbell.strategies.base import Strategy
from openbell.strategies.parameters import parameters_of
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

    def parameters(self) -> dict[str, Any]:
        """Return its parameters with their defaults."""
        if isinstance(self.form, Signal):
            return self.form.parameter_values()
        return {name: parameter.default for name, parameter in parameters_of(self.form).items()}

    def make(self, values: Mapping[str, Any]) -> Strategy:
        """Return a strategy that is ready to run.

        Raises:
            ConfigError: A parameter is unknown, has the wrong type, or is out of bounds.
        """
        if isinstance(self.form, Signal):
            return SignalStrategy(self.form.with_parameters(**values))
        return self.form(**values)


def find(what: str | Form) -> Found:
    """Return the strategy that a name, `module:Class`, file path (`path.py` or `path.py:Class`) or object means.

    Raises:
        ConfigError: There is none, and the nearest name is offered.
    """
    if not isinstance(what, str):
        return _found(what, _origin(what))
    path, _, attribute = what.rpartition(":") if ".py:" in what else (what, "", "")
    if path.endswith(".py"):
        return _from_file(Path(path), attribute)
    if ":" in what:
        module_name, _, attribute = what.partition(":")
        return _found(_attribute(_import(module_name, what), attribute, what), what)
    known = names()
    if what not in known:
        raise ConfigError(f"unknown strategy {what!r}{nearest(what, known)}")
    return known[what]


def names() -> dict[str, Found]:
    """Return the strategies that have a name: the examples, and what installed packages offer."""
    examples = importlib.import_module("openbell.strategies.examples")
    found = {name: _found(form, name) for name, form in examples.BY_NAME.items()}
    for entry in entry_points(group=ENTRY_POINT_GROUP):
        found[entry.name] = _found(_form(entry.load(), entry.value), entry.name)
    return found


def _found(form: Form, origin: str) -> Found:
    thing: Any = form.decide if isinstance(form, Signal) else form
    try:
        source = Path(inspect.getfile(thing)).read_text(encoding="utf-8")
    except (OSError, TypeError):  # typed at a prompt: there is no file
        source = ""
    name = form.name if isinstance(form, Signal) else _snake(form.__name__)
    return Found(name, form, origin, source, (inspect.getdoc(form) or "").partition("\n")[0])


def _origin(form: Form) -> str:
    thing: Any = form.decide if isinstance(form, Signal) else form
    if thing.__module__ == "__main__":
        return f"{inspect.getsourcefile(thing) or '__main__'}:{thing.__name__}"
    return f"{thing.__module__}:{thing.__name__}"


def _from_file(path: Path, attribute: str) -> Found:
    if not path.is_file():
        raise ConfigError(f"no strategy file {str(path)!r}; `openbell new strategy NAME` writes one")
    name = "openbell_user_" + hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:12]
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ConfigError(f"{path} cannot be imported as Python")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except SyntaxError as error:
        raise ConfigError(f"{path}:{error.lineno}: {error.msg}") from error
    except ImportError as error:
        raise ConfigError(f"{path}: {error}; install it, or mend the import") from error
    if attribute:
        return _found(_attribute(module, attribute, str(path)), f"{path}:{attribute}")
    forms = {
        n: v for n, v in vars(module).items()
        if isinstance(v, Signal) or (isinstance(v, type) and issubclass(v, Strategy) and v.__module__ == name)
    }  # fmt: skip
    if len(forms) != 1:
        listed = f"{path}:{next(iter(forms), 'Class')}"
        raise ConfigError(
            f"{path} holds {len(forms)} strategies ({', '.join(forms) or 'none'}); name one: {listed}"
        )
    attribute, form = next(iter(forms.items()))
    return _found(form, f"{path}:{attribute}")


def _import(name: str, what: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise ConfigError(f"strategy {what!r}: module {name!r} cannot be imported ({error})") from error


def _attribute(module: ModuleType, name: str, what: str) -> Form:
    if not hasattr(module, name):
        forms = [n for n, v in vars(module).items() if isinstance(v, Signal | type)]
        raise ConfigError(f"strategy {what!r}: the module has no {name!r}{nearest(name, forms)}")
    return _form(getattr(module, name), what)


def _form(thing: Any, what: str) -> Form:
    if isinstance(thing, Signal) or (isinstance(thing, type) and issubclass(thing, Strategy)):
        return thing
    raise ConfigError(
        f"strategy {what!r} is a {type(thing).__name__}; give a Strategy class or an @signal function"
    )


def _snake(name: str) -> str:
    return "".join("_" + c.lower() if c.isupper() and i else c.lower() for i, c in enumerate(name))
