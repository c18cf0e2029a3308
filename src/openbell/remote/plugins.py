"""Classes by name: those that come with Openbell, and those that third parties register as entry points."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Protocol

from openbell.core.errors import ConfigError, nearest


class Offer(Protocol):
    """What a class needs before one of it can be made: it stands in the class's attribute `offer`."""

    @property
    def extra(self) -> str:
        """What `pip install "openbell[...]"` needs; empty for none."""

    @property
    def modules(self) -> Sequence[str]:
        """Python modules that must be installed."""

    @property
    def variables(self) -> Sequence[str]:
        """Environment variables that must be set; they are secrets."""


@dataclass(frozen=True, slots=True)
class Plugins:
    """Classes of one kind.

    Args:
        kind: What they are, for messages, such as `provider`.
        group: The entry points' group: there third parties register `name = "package.module:Class"`.
        built_in: Those that come with Openbell, as `package.module:Class` by name.
        gone: Names that are no more, and what to use in their place.
    """

    kind: str
    group: str
    built_in: Mapping[str, str]
    gone: Mapping[str, str] = field(default_factory=dict)

    def names(self) -> list[str]:
        """Return all names, sorted."""
        from importlib.metadata import entry_points  # 30 ms that whoever names its own need not pay

        return sorted({*self.built_in, *(point.name for point in entry_points(group=self.group))})

    def load(self, name: str) -> Any:
        """Return the class of a name.

        Raises:
            ConfigError: There is none.
        """
        if name.lower() in self.gone:
            raise ConfigError(f"{self.kind} {name!r} is {self.gone[name.lower()]}")
        place = self.built_in.get(name)
        if place is not None:
            module, _, attribute = place.partition(":")
            return getattr(import_module(module), attribute)
        from importlib.metadata import entry_points

        for point in entry_points(group=self.group, name=name):
            return point.load()
        raise ConfigError(f"{self.kind} {name!r} is unknown{nearest(name, self.names())}")

    def make(
        self, name: str, options: Mapping[str, Any], environ: Mapping[str, str], *, wanted: Sequence[str] = ()
    ) -> Any:
        """Make one: its class is called with its secrets by variable, and its options by name.

        Args:
            name: One of `names()`.
            options: Its settings, without its secrets.
            environ: Where its secrets are.
            wanted: Variables that it is given where they are set, and can do without.

        Raises:
            ConfigError: There is none of that name, its SDK is not installed, a secret is not set, or an
                option is wrong.
        """
        from inspect import signature

        form = self.load(name)
        offer: Offer = form.offer
        for module in offer.modules:
            if find_spec(module) is None:
                raise ConfigError(
                    f"{self.kind} {name!r} needs {module}, which is not installed; "
                    f'pip install "openbell[{offer.extra}]"'
                )
        unset = [variable for variable in offer.variables if not environ.get(variable, "").strip()]
        if unset:
            several = len(unset) > 1
            raise ConfigError(
                f"{self.kind} {name!r} needs the environment variable{'s' * several} {' and '.join(unset)}; "
                f"set {'them' if several else 'it'}, in .env for example"
            )
        taken = list(signature(form).parameters)[1:]
        for option in options:
            if option not in taken:
                raise ConfigError(f"{self.kind} {name!r} has no option {option!r}{nearest(option, taken)}")
        given = {v: environ.get(v, "").strip() for v in (*offer.variables, *wanted)}
        return form({variable: secret for variable, secret in given.items() if secret}, **options)
