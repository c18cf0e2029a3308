"""Runs a command and shows its answer: the only place that writes to stdout and chooses the exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any, TextIO

import typer

from openbell.cli import faults, terminal
from openbell.cli.answer import Answer, Exit
from openbell.cli.commands import app

_COMPLETION = "_OPENBELL_COMPLETE"
_OFF = {"", "0", "false", "no", "off"}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command line and return its exit code.

    Args:
        arguments: The words after `openbell`; None takes the process's.
    """
    given = list(sys.argv[1:] if arguments is None else arguments) or ["--help"]
    command: Any = typer.main.get_command(app)
    if _COMPLETION in os.environ:  # the shell asks what could follow
        command.main(args=given, prog_name="openbell")
    if not {"", str(Path.cwd())} & set(sys.path):  # `module:Class` finds modules here, as `python -m` does
        sys.path.insert(0, str(Path.cwd()))
    for stream in (sys.stdout, sys.stderr):
        _accept_all_text(stream)
    as_document = "--json" in given
    debug = "--debug" in given or os.environ.get("OPENBELL_DEBUG", "").lower() not in _OFF
    return _show(lambda: _run(command, given, as_document=as_document), as_document=as_document, debug=debug)


def _run(command: Any, given: list[str], *, as_document: bool) -> Answer | Exit:
    """Run a command; while a document is asked for, what a strategy prints goes to stderr."""
    asks_for_help = not {"--help", "-h", "--version"}.isdisjoint(given)
    with redirect_stdout(sys.stderr if as_document and not asks_for_help else sys.stdout):
        try:
            with command.make_context("openbell", given) as context:
                answer: Answer = command.invoke(context)
                return answer
        except typer.Exit as done:  # --help and --version have printed what they know
            return Exit(done.exit_code)


def _show(run: Callable[[], Answer | Exit], *, as_document: bool, debug: bool) -> int:
    try:
        code = _answer(run(), as_document=as_document)
        sys.stdout.flush()
    except BrokenPipeError:  # whoever read has read enough, as `head` does
        _let_go(sys.stdout)
        return Exit.FINE
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001  # the last place that can turn it into a line
        return _fail(error, as_document=as_document, debug=debug)
    return code


def _answer(answer: Answer | Exit, *, as_document: bool) -> int:
    if isinstance(answer, Exit):
        return answer
    for warning in answer.warnings:
        print(f"openbell: warning: {warning}", file=sys.stderr)  # noqa: T201  # stderr is for people
    if as_document:
        terminal.write_document(answer.document, sys.stdout)
    else:
        terminal.write(answer.parts, sys.stdout)
    return answer.code


def _fail(error: BaseException, *, as_document: bool, debug: bool) -> int:
    fault = faults.explain(error)
    if debug:
        faults.print_trace(error)
    sys.stderr.write(f"openbell: {fault.message}\n")
    if as_document:
        terminal.write_document(fault.document(), sys.stdout)
    return fault.code


def _accept_all_text(stream: TextIO) -> None:
    """Let a console with a small character set show `?` for what it lacks, where it would raise."""
    reconfigure = getattr(stream, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(errors="replace")


def _let_go(stream: TextIO) -> None:
    """Point a closed pipe at nothing, so that the interpreter's last flush does not complain."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
