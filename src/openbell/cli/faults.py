"""What went wrong, as one line and an exit code."""

from __future__ import annotations

import errno
import re
import sys
import sysconfig
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer

import openbell
from openbell.cli.answer import Exit, Stopped
from openbell.core.errors import ConfigError, LookAhead, OpenbellError, StrategyError

#: The parser's own error: of typer, or of click in older versions of typer.
UsageError: type[Exception] = typer.BadParameter.__mro__[2]

_PACKAGE = Path(openbell.__file__).parent
_LIBRARIES = tuple(Path(sysconfig.get_path(name)) for name in ("stdlib", "purelib", "platlib"))


#: Remedies as a caller in Python would type them, and as they are typed here.
_OPTIONS = (
    (r"give timezone=, as in timezone='([^']+)'", r"give --timezone \1"),
    (r"or timezone=, as in timezone='([^']+)'", r"or --timezone \1"),
    (r"or give calendar='([^']+)'", r"or give --set data.calendar=\1"),
    (r"the bars are (\w+) bars; \w+ is asked$", r"\g<0>: give --timeframe \1"),
    (r"^engine='(.*?)' is unknown", r"--engine: '\1' is unknown"),
    (r"use engine='event'", r"use --engine event"),
)


#: What a system says when it has no more of something.
_LACKS = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.ENOMEM, errno.EMFILE, errno.ENFILE}


@dataclass(frozen=True, slots=True)
class Fault:
    """A command that failed: the error's kind, one line about it, and the exit code."""

    kind: str
    message: str
    code: Exit

    def document(self) -> Mapping[str, Any]:
        """Return the fault for programs."""
        return {"error": {"kind": self.kind, "message": self.message, "exit_code": int(self.code)}}


def explain(error: BaseException) -> Fault:
    """Return what an error means to whoever typed the command."""
    kind = type(error).__name__
    if isinstance(error, UsageError):
        return Fault("UsageError", _usage(error), Exit.BAD_INPUT)
    if isinstance(error, OpenbellError):
        return _explain_own(error)
    if isinstance(error, KeyboardInterrupt | typer.Abort):
        kept = str(error) if isinstance(error, Stopped) else "what was not finished was not written"
        message = f"stopped by Ctrl-C; {kept}"
        return Fault("Interrupted", message, Exit.INTERRUPTED)
    return _explain_foreign(error, kind)


def _explain_foreign(error: BaseException, kind: str) -> Fault:
    """Explain what nobody raised for users: errors of their code, what the system refuses, our faults."""
    said = one_line(f"{kind}: {error}")
    frame = _users_frame(error)
    if frame is not None:
        place = f"{frame.filename}:{frame.lineno} in {frame.name}"
        return Fault(kind, f"{place}: {said}; mend the strategy's code", Exit.BAD_INPUT)
    if isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno in _LACKS):
        return Fault(kind, f"{said}; make room for it on the disk or in memory", Exit.BAD_INPUT)
    if isinstance(error, ImportError) and not (error.name or "").startswith("openbell"):
        return Fault(
            kind, f"{said}; `openbell doctor` shows what is not installed as it should be", Exit.BAD_INPUT
        )
    if isinstance(error, UnicodeEncodeError) and not is_text(error.object):
        return Fault(kind, refuse_bytes(error.object), Exit.BAD_INPUT)
    if isinstance(error, OSError) and error.filename is not None:
        why = error.strerror or kind
        return Fault(
            kind, one_line(f"{error.filename}: {why}; check the path and its permissions"), Exit.BAD_INPUT
        )
    hint = "this is a fault of Openbell's; run again with --debug and report what it shows"
    return Fault(kind, f"{said} ({hint})", Exit.INTERNAL)


def _explain_own(error: OpenbellError) -> Fault:
    text = one_line(str(error))
    for pattern, option in _OPTIONS:
        text = re.sub(pattern, option, text)
    cause = error.__cause__
    if isinstance(error, StrategyError) and cause is not None and not isinstance(cause, OpenbellError):
        text += "; --debug shows the whole trace"
    refused = isinstance(error, LookAhead) or (isinstance(error, ConfigError) and "look-ahead" in text)
    return Fault(type(error).__name__, text, Exit.LOOK_AHEAD if refused else Exit.BAD_INPUT)


def explain_output(error: OSError) -> Fault:
    """Return what it means that an answer could not be written."""
    why = error.strerror or str(error)
    message = f"the output could not be written to stdout: {why}; send it where there is room, as in > FILE"
    return Fault("OutputLost", message, Exit.NO_OUTPUT)


def is_text(word: str) -> bool:
    """Tell whether a word is text, and holds no bytes of a name that the encoding of names here lacks."""
    return word.isascii() or not any("\ud800" <= sign <= "\udfff" for sign in word)


def refuse_bytes(word: str) -> str:
    """Say that a word is no text: no report could say what it was made from."""
    encoding = sys.getfilesystemencoding()
    return (
        f"{word!a} is no text in {encoding}, the encoding of names here; rename what it names, "
        "or set PYTHONUTF8=1 if it is UTF-8"
    )


def print_trace(error: BaseException) -> None:
    """Write where an error came from to stderr."""
    traceback.print_exception(error, file=sys.stderr)


def one_line(text: str) -> str:
    """Return a text without line breaks."""
    return " ".join(text.split())


def _usage(error: Any) -> str:
    """Say what the parser did not understand, and where its rules are."""
    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else "openbell"
    return one_line(f"{error.format_message().rstrip('.')}; see `{path} --help`")


def _users_frame(error: BaseException) -> traceback.FrameSummary | None:
    """Return the last line of the user's own code that an error passed, if it passed any."""
    frames = reversed(traceback.extract_tb(error.__traceback__))
    return next((frame for frame in frames if _is_users(frame.filename)), None)


def _is_users(filename: str) -> bool:
    path = Path(filename)
    return (
        path.is_file() and not path.is_relative_to(_PACKAGE) and not any(map(path.is_relative_to, _LIBRARIES))
    )
