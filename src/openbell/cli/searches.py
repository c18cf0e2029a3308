"""How a search that Ctrl-C has stopped goes on, for each command that searches."""

from __future__ import annotations

from openbell.backtesting.sweep import SweepInterrupted
from openbell.cli.answer import Answer, Exit


def stopped(one: SweepInterrupted) -> Answer:
    """Say how far a search came before Ctrl-C, and how it goes on."""
    line = f"stopped by Ctrl-C after {one.so_far}"
    if one.folder is not None:
        line += f"; the same command goes on from there, as {one.folder} keeps what is done"
    error = {"kind": "Interrupted", "message": line, "exit_code": int(Exit.INTERRUPTED)}
    return Answer([], {"error": error}, Exit.INTERRUPTED, [line])
