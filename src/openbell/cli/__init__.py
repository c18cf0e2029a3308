"""The command line. `main` is what the command `openbell` calls.

What a command needs is loaded when it runs: `openbell --help` loads no numpy, pandas or TA-Lib.
"""

from openbell.cli.program import main

__all__ = ["main"]
