"""What a strategy's hooks must look like for the engine to call them."""

from __future__ import annotations

import inspect
from typing import Any

from openbell.core.errors import ConfigError
from openbell.core.inputs import shown, takes

#: Each hook with what it is called with.
HOOKS: dict[str, tuple[str, ...]] = {
    "on_start": (),
    "on_bar": ("bar",),
    "on_bars": ("bars",),
    "on_fill": ("fill",),
    "on_stop": (),
    "on_reload": (),
}


def check_hooks(strategy: object) -> None:
    """Make sure that the engine can call a strategy's hooks and that they act when they are called.

    Raises:
        ConfigError: One is no plain function, or takes other arguments; says how it is written.
    """
    for name, arguments in HOOKS.items():
        hook = getattr(strategy, name)
        where = f"{type(strategy).__name__}.{name}"
        if not callable(hook):
            raise ConfigError(f"{where}={shown(hook)} must be a method: {_written(name, arguments)}")
        check_plain(hook, where)
        if not takes(hook, *arguments):
            raise ConfigError(
                f"{where} takes {inspect.signature(hook)} after self; write it as {_written(name, arguments)}"
            )


def check_plain(function: Any, where: str) -> None:
    """Make sure that a function acts when it is called.

    Raises:
        ConfigError: It is `async`, or has a `yield`: calling it would do nothing.
    """
    if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
        raise ConfigError(f"{where} is async, and would never run; write a plain def")
    if inspect.isgeneratorfunction(function):
        raise ConfigError(f"{where} has a yield, and would never run; return instead")


def _written(name: str, arguments: tuple[str, ...]) -> str:
    return f"def {name}({', '.join(('self', *arguments))})"
