"""What a user's code did wrong, in one line that names the place."""

from __future__ import annotations

import inspect
import re
import sysconfig
import traceback
from pathlib import Path
from types import TracebackType

import openbell
from openbell.core.errors import ConfigError, OpenbellError, Translation, nearest
from openbell.strategies.base import Strategy

_PACKAGE = Path(openbell.__file__).parent
_EXAMPLES = _PACKAGE / "strategies" / "examples"
_PYTHON = tuple(Path(sysconfig.get_path(name)) for name in ("stdlib", "platstdlib"))
_SITES = frozenset({"site-packages", "dist-packages"})
#: An endless recursion has a thousand frames; the last ones say all.
_MOST_FRAMES = 100
#: Python's words on a call of a strategy's method: the method, and the keyword that it does not have.
_MISCALLED = re.compile(r"Strategy\.(\w+)\(\) (?:got an unexpected keyword argument '(\w+)')?")
#: Its words on an indicator that is taken for something else, and what a strategy means then.
_MISTAKEN = (
    (re.compile(r"unhashable type: 'slice'$"), "; .last(3) of an indicator are its last values"),
    (
        re.compile(r".*'(?:Values|Shown|SlowValues|Focused|Outputs)'"),
        "; [-1] of an indicator is its value now",
    ),
)


def user_code(what: str) -> Translation:
    """Return a context for the import or the making of a user's strategy: errors leave as `ConfigError`.

    A `ConfigError` that never touched the user's code is complete, and leaves as it is.
    """

    def translate(error: BaseException, trace: TracebackType | None) -> ConfigError | None:
        frame = culprit(trace)
        if frame is None and isinstance(error, ConfigError):
            return None
        if isinstance(error, SyntaxError) and error.filename:
            place = f" ({Path(error.filename).name}:{error.lineno})"
        else:
            place = f" ({Path(frame.filename).name}:{frame.lineno})" if frame else ""
        return ConfigError(f"{what}: {said(error)}{place}")

    return Translation(translate)


def culprit(trace: TracebackType | None) -> traceback.FrameSummary | None:
    """Return the innermost frame of the user's own code, else of an installed library, else None."""
    frames = traceback.extract_tb(trace, limit=-_MOST_FRAMES)
    theirs = [frame for frame in frames if _is_theirs(Path(frame.filename)) and not _is_generated(frame)]
    own = [frame for frame in theirs if _SITES.isdisjoint(Path(frame.filename).parts)]
    return next(reversed(own or theirs), None)


def said(error: BaseException) -> str:
    """Return an error in one line: its type, unless it is one of ours, and its text."""
    text = " ".join(str(error.msg if isinstance(error, SyntaxError) else error).split())
    if isinstance(error, ModuleNotFoundError):
        return f"{text}; install it, or mend the import"
    if isinstance(error, OpenbellError):
        return text
    return f"{type(error).__name__}: {text}{_remedy(error, text)}" if text else type(error).__name__


def _remedy(error: BaseException, text: str) -> str:
    """Return how what Python refuses is written, where it is one of our own things; else nothing."""
    if isinstance(error, TypeError):
        for words, remedy in _MISTAKEN:
            if words.match(text):
                return remedy
    return _calling(text)


def _calling(text: str) -> str:
    """Return how a strategy's method is called, after Python's words on a call that it cannot take."""
    found = _MISCALLED.match(text)
    method = getattr(Strategy, found[1], None) if found else None
    if found is None or method is None:
        return ""
    names = list(inspect.signature(method).parameters)[1:]
    if found[2]:  # Python 3.13 may have offered one itself
        return "" if "Did you mean" in text else nearest(found[2], names)
    return f"; it takes {', '.join(names)}"


def _is_generated(frame: traceback.FrameSummary) -> bool:
    """Tell whether a frame is the `__init__` that Python writes for a dataclass."""
    return frame.filename == "<string>" and frame.name == "__init__"


def _is_theirs(path: Path) -> bool:
    """Tell whether a file is neither ours nor Python's: what is raised there was asked for somewhere else."""
    if path.is_relative_to(_PACKAGE):
        return path.is_relative_to(_EXAMPLES)
    python = any(path.is_relative_to(folder) for folder in _PYTHON) and _SITES.isdisjoint(path.parts)
    return not python and not path.name.startswith("<frozen ")
