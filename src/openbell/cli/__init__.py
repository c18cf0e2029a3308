"""The command line. `main` is what the command `openbell` calls.

What a command needs is loaded when it runs: `openbell --help` loads no numpy, pandas or TA-Lib.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

_INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command line and return its exit code; Ctrl-C is one line, also while Python still loads.

    Args:
        arguments: The words after `openbell`; None takes the process's.
    """
    try:
        from openbell.cli.program import main as run
    except KeyboardInterrupt:
        if sys.stderr is not None:
            print("openbell: interrupted before it began", file=sys.stderr)  # noqa: T201  # for people
        return _INTERRUPTED
    try:
        return run(arguments)
    except KeyboardInterrupt:  # a second one, while the first is being told
        return _INTERRUPTED


__all__ = ["main"]
