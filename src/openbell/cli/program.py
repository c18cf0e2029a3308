"""Runs a command and shows its answer: the only place that writes to stdout and chooses the exit code."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import typer

from openbell.cli import faults, terminal
from openbell.cli.answer import Answer, Exit
from openbell.cli.commands import app
from openbell.cli.stopping import COMPLETION
from openbell.cli.streams import Output, guard
from openbell.core.errors import ConfigError

_ON = {"1", "true", "t", "yes", "y", "on"}  #: as the parser reads it; it refuses what is neither on nor off
_HELP = {"--help", "-h", "--version"}


def main(arguments: Sequence[str] | None = None, done: Answer | None = None) -> int:
    """Run one command line and return its exit code.

    Args:
        arguments: The words after `openbell`; None takes the process's, which ends after this.
        done: The command's answer, where it has been run already.
    """
    given = list(sys.argv[1:] if arguments is None else arguments) or ["--help"]
    command: Any = typer.main.get_command(app)
    as_document = "--json" in given
    debug = "--debug" in given or os.environ.get("OPENBELL_DEBUG", "").lower() in _ON
    apart = as_document and _HELP.isdisjoint(given)
    own = arguments is None
    if own and debug:
        os.environ["OPENBELL_DEBUG"] = "1"  # for worker processes
    with guard(apart=apart, own=own) as output, _threads_told(debug=debug, own=own):
        return _show(lambda: done or _run(command, given), output, as_document=as_document, debug=debug)


def _run(command: Any, given: list[str]) -> Answer | Exit:
    if os.environ.get(COMPLETION):  # the shell asks what could follow
        return _complete(command, given)
    for number, word in enumerate(given, 1):
        if not faults.is_text(word):
            raise ConfigError(f"word {number} of the command line: {faults.refuse_bytes(word)}")
    if _HELP.isdisjoint(given):
        _find_modules_here()
    try:
        with command.make_context("openbell", given) as context:
            answer: Answer = command.invoke(context)
    except typer.Exit as done:  # --help and --version have printed what they know
        return Exit(done.exit_code)
    return answer


def _complete(command: Any, given: list[str]) -> Exit:
    try:
        return Exit(command.main(args=given, prog_name="openbell"))  # which leaves by SystemExit
    except SystemExit as done:
        return Exit.FAILED if done.code else Exit.FINE
    except (KeyError, ValueError) as error:
        text = f"{COMPLETION} is for shells, which set COMP_WORDS and COMP_CWORD too ({error}); unset it"
        raise ConfigError(text) from error


def _find_modules_here() -> None:
    """Let `module:Class` find modules in the working folder, as `python -m` does."""
    try:
        here = os.getcwd()  # noqa: PTH109  # its error has no file's name, as here
    except OSError as error:
        raise ConfigError(
            f"the working folder cannot be used ({error.strerror}); go to one that is there"
        ) from error
    if not {"", here} & set(sys.path):
        sys.path.insert(0, here)


def _show(run: Callable[[], Answer | Exit], output: Output, *, as_document: bool, debug: bool) -> int:
    try:
        code = _answer(run(), output, as_document=as_document)
    except BaseException as error:  # noqa: BLE001  # the last place that can turn it into a line
        if debug:
            faults.print_trace(error)
        return _fail(faults.explain(error), output, as_document=as_document)
    failure = output.finish()
    if failure is None or isinstance(failure, BrokenPipeError):  # who read has read enough, as `head` does
        return code
    fault = faults.explain_output(failure)
    _tell(fault.message)
    return code or fault.code


@contextmanager
def _threads_told(*, debug: bool, own: bool) -> Iterator[None]:
    """Say in one line what ends a thread that a strategy started, once however often it runs.

    Args:
        debug: Whether to show the trace as well.
        own: Whether the process ends after this: then threads may outlive it.
    """
    told = set()

    def tell(ended: threading.ExceptHookArgs) -> None:
        error = ended.exc_value
        if error is None or isinstance(error, SystemExit):  # which is how a thread may end
            return
        line = f"a thread ended: {faults.explain(error).message}"
        if line not in told:
            told.add(line)
            if debug:
                faults.print_trace(error)
            _tell(f"warning: {line}")

    before = threading.excepthook
    threading.excepthook = tell
    try:
        yield
    finally:
        if not own:
            threading.excepthook = before


def _answer(answer: Answer | Exit, output: Output, *, as_document: bool) -> int:
    if isinstance(answer, Exit):
        return answer
    for warning in answer.warnings:
        _tell(f"warning: {warning}")
    if as_document:
        terminal.write_document(answer.document, output.stream)
    else:
        terminal.write(answer.parts, output.stream)
    return answer.code


def _fail(fault: faults.Fault, output: Output, *, as_document: bool) -> int:
    lost = None
    if as_document:
        terminal.write_document(fault.document(), output.stream)
        lost = output.finish()
    more = (
        ""
        if lost is None or isinstance(lost, BrokenPipeError)
        else f"; {faults.explain_output(lost).message}"
    )
    _tell(f"{fault.message}{more}")
    return fault.code


def _tell(line: str) -> None:
    print(f"openbell: {line}", file=sys.stderr)  # noqa: T201  # stderr is for people
