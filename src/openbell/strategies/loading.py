"""Import a user's file as a module of its own."""

from __future__ import annotations

import hashlib
import importlib.machinery
import importlib.util
import os
import sys
from pathlib import Path
from types import CodeType, ModuleType

from openbell.core.errors import ConfigError, nearest
from openbell.strategies.faults import user_code

#: What the names of modules begin with that were loaded from a path.
USER_MODULE = "openbell_user_"


def load_file(path: Path) -> ModuleType:
    """Import a file, anew at each call.

    Raises:
        ConfigError: It is not there, is no Python, or fails while it is imported; the line is named.
    """
    path = path.expanduser()
    if not path.is_file():
        raise ConfigError(f"no strategy file {str(path)!r}{_near(path)}")
    name = USER_MODULE + hashlib.sha256(os.fsencode(path.resolve())).hexdigest()[:12]
    if path.suffix != ".py":
        raise ConfigError(f"{path} cannot be imported as Python: its name must end in .py")
    loader = _AsWritten(name, os.fspath(path.resolve()))
    module = importlib.util.module_from_spec(importlib.machinery.ModuleSpec(name, loader, origin=loader.path))
    module.__file__ = loader.path
    before = sys.modules.get(name)
    sys.modules[name] = module  # annotations are read from there
    try:
        with user_code(str(path)):
            loader.exec_module(module)
    except ConfigError:
        if before is None:
            del sys.modules[name]
        else:
            sys.modules[name] = before
        raise
    return module


class _AsWritten(importlib.machinery.SourceFileLoader):
    """Compiles a file as it is now.

    What Python keeps of a file's last compilation counts as fresh when its size and second are the same, so
    that one of two quick edits would be overlooked.
    """

    def get_code(self, fullname: str) -> CodeType:  # noqa: ARG002  # Python's name
        """Return the file's code."""
        code: CodeType = self.source_to_code(self.get_data(self.path), self.path)
        return code


def _near(path: Path) -> str:
    near = nearest(path.name, [file.name for file in path.parent.glob("*.py")])
    return near if near.startswith("; did you mean") else "; `openbell new strategy NAME` writes one"
