"""The command line. `main` is what the command `openbell` calls.

What a command needs is loaded when it runs: `openbell --help` loads no numpy, pandas or TA-Lib. A request to
stop is made before anything else is loaded, as the parser alone takes longer than a session needs to cancel.
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
    given = list(sys.argv[1:] if arguments is None else arguments)
    asked = None
    try:
        if given[:1] == ["stop"]:
            from openbell.cli.stopping import stop_at_once

            asked = stop_at_once(given[1:])
        from openbell.cli.program import main as run
    except KeyboardInterrupt:
        if sys.stderr is not None:
            said = "before it began" if asked is None else f"after this: {'; '.join(map(str, asked.parts))}"
            print(f"openbell: interrupted {said}", file=sys.stderr)  # noqa: T201  # for people
        return _INTERRUPTED
    try:
        return run(arguments, asked)
    except KeyboardInterrupt:  # a second one, while the first is being told
        return _INTERRUPTED


__all__ = ["main"]
