"""What a user's code did wrong, in one line that names the place."""

from __future__ import annotations

import sysconfig
import traceback
from pathlib import Path
from types import TracebackType

import openbell
from openbell.core.errors import ConfigError, OpenbellError

_PACKAGE = Path(openbell.__file__).parent
_EXAMPLES = _PACKAGE / "strategies" / "examples"
_LIBRARIES = tuple(Path(sysconfig.get_path(name)) for name in ("stdlib", "platstdlib", "purelib", "platlib"))
#: An endless recursion has a thousand frames; the last ones say all.
_MOST_FRAMES = 100


class UserCode:
    """A context around the import or the making of a user's strategy: what it raises is a `ConfigError`.

    A `ConfigError` that never touched the user's code is complete, and leaves as it is.
    """

    def __init__(self, what: str) -> None:
        self._what = what

    def __enter__(self) -> None:
        """Begin to watch."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Raise what went wrong, with its place."""
        if not isinstance(error, Exception):
            return
        frame = culprit(trace)
        if frame is None and isinstance(error, ConfigError):
            return
        if isinstance(error, SyntaxError) and error.filename:
            place = f" ({Path(error.filename).name}:{error.lineno})"
        else:
            place = f" ({Path(frame.filename).name}:{frame.lineno})" if frame else ""
        raise ConfigError(f"{self._what}: {said(error)}{place}") from error


def culprit(trace: TracebackType | None) -> traceback.FrameSummary | None:
    """Return the innermost frame of the user's own code, else of a library that is not ours, else None."""
    frames = traceback.extract_tb(trace, limit=-_MOST_FRAMES)
    theirs = [frame for frame in frames if _is_theirs(Path(frame.filename))]
    own = [frame for frame in theirs if not any(Path(frame.filename).is_relative_to(p) for p in _LIBRARIES)]
    return next(reversed(own or theirs), None)


def said(error: Exception) -> str:
    """Return an error in one line: its type, unless it is one of ours, and its text."""
    text = " ".join(str(error.msg if isinstance(error, SyntaxError) else error).split())
    if isinstance(error, ModuleNotFoundError):
        return f"{text}; install it, or mend the import"
    if isinstance(error, OpenbellError):
        return text
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _is_theirs(path: Path) -> bool:
    if path.name.startswith("<frozen "):  # Python's own import
        return False
    return not path.is_relative_to(_PACKAGE) or path.is_relative_to(_EXAMPLES)
