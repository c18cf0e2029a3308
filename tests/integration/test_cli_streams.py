"""Streams that are full, closed or written behind Python's back: one line, an honest code, one document."""

from __future__ import annotations

import errno
import io
import json
import os
import select
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout

import pytest

from openbell.cli import main, program, streams
from openbell.cli.demo import SYMBOLS
from openbell.cli.streams import Channel

NO_ROOM = (
    "openbell: the output could not be written to stdout: No space left on device; "
    "send it where there is room, as in > FILE\n"
)
CLOSED = NO_ROOM.replace("No space left on device", "it is closed")
UNKNOWN = "openbell: unknown strategy 'sma_cros'; did you mean 'sma_cross'?"
BACK = """
import atexit, ctypes, os, subprocess, sys
import openbell as ob

class Mine(ob.Strategy):
    def on_start(self):
        os.system("echo by the shell")
        os.write(1, b"by the descriptor\\n")
        print("by print")
        subprocess.run(["echo", "by a program"], check=True)
        ctypes.CDLL(None).puts(b"by C")
        if sys.__stdout__ is not None:
            sys.__stdout__.write("by the first stdout\\n")
        atexit.register(os.write, 1, b"at the end\\n")

    def on_bar(self, bar):
        self.buy(bar.symbol)
"""
BEHIND = ("backtest", "mine.py", "--symbols", "AAPL", "--no-check", "--json")
PRINTS = (
    "import openbell as ob\nclass Mine(ob.Strategy):\n    def on_bar(self, bar):\n        print('x' * 999)\n"
)


def shell(line, folder, *, unbuffered=False):
    """Run `$OB ...` by the shell, which can close and redirect; return code, stdout and stderr."""
    done = subprocess.run(
        ["/bin/bash", "-c", line.replace("$OB", f"{sys.executable} -m openbell.cli")],
        capture_output=True,
        cwd=folder,
        env={**os.environ, "PYTHONWARNINGS": "error"} | ({"PYTHONUNBUFFERED": "1"} if unbuffered else {}),
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize(
    "words", ["strategies", "strategies --json", "--help", "--version", "config show", "backtest --help"]
)
@pytest.mark.parametrize(("where", "said"), [(">/dev/full", NO_ROOM), (">&-", CLOSED)])
def test_output_that_cannot_be_written_is_one_line_and_code_74(words, where, said, tmp_path):
    assert shell(f"$OB {words} {where}", tmp_path) == (74, "", said)


def test_without_a_buffer_it_is_the_same(tmp_path):
    assert shell("$OB strategies >/dev/full", tmp_path, unbuffered=True) == (74, "", NO_ROOM)
    code, out, err = shell("$OB strategies", tmp_path, unbuffered=True)
    assert (code, out[:8], err) == (0, "Strategy", "")


@pytest.mark.parametrize("where", [">&- 2>&-", ">/dev/full 2>/dev/full", "<&- >&- 2>&-", "2>&- >/dev/full"])
def test_where_nobody_can_be_told_the_code_still_tells(where, tmp_path):
    assert shell(f"$OB strategies {where}", tmp_path) == (74, "", "")
    assert shell(f"$OB backtest sma_cros {where}", tmp_path) == (2, "", "")


@pytest.mark.parametrize("where", ["2>&-", "2>/dev/full"])
def test_without_stderr_the_answer_and_the_code_are_the_same(where, tmp_path):
    assert shell(f"$OB backtest sma_cros {where}", tmp_path) == (2, "", "")
    code, out, _ = shell(f"$OB backtest sma_cros --json {where}", tmp_path)
    assert (code, json.loads(out)["error"]["exit_code"]) == (2, 2)
    code, out, _ = shell(f"$OB backtest sma_cross --symbols AAPL --no-check {where}", tmp_path)
    assert (code, out[:9]) == (0, "sma_cross")


def test_an_error_whose_document_is_lost_keeps_its_code_and_is_one_line(tmp_path):
    code, out, err = shell("$OB backtest sma_cros --json >/dev/full", tmp_path)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert err.startswith(UNKNOWN)
    assert "No space left on device" in err


def test_a_demo_whose_table_is_lost_has_written_its_reports(tmp_path):
    assert shell("$OB demo --no-check >/dev/full", tmp_path) == (74, "", NO_ROOM)
    assert (tmp_path / "reports" / "index.html").is_file()


@pytest.mark.parametrize("where", [">/dev/full", "| head -c 1"])
def test_a_strategy_that_prints_is_not_blamed_for_the_stream(where, tmp_path):
    (tmp_path / "mine.py").write_text(PRINTS, encoding="utf-8")
    words = "backtest mine.py --symbols AAPL --no-check"
    code, _, err = shell(f"set -o pipefail; $OB {words} {where}", tmp_path)
    assert (code, err) == ((74, NO_ROOM) if "full" in where else (0, ""))
    assert (tmp_path / "reports").is_dir()


def test_what_is_written_behind_pythons_back_goes_to_stderr(tmp_path):
    (tmp_path / "mine.py").write_text(BACK, encoding="utf-8")
    line = f"$OB {' '.join(BEHIND)}"
    code, out, err = shell(line, tmp_path)
    assert (code, len(json.loads(out)["runs"])) == (0, 1)
    said = {
        "by the shell", "by the descriptor", "by print", "by a program", "by C", "by the first stdout",
        "at the end",
    }  # fmt: skip
    assert set(err.splitlines()) == said
    shell(f"{line} > out.json", tmp_path)
    assert json.loads((tmp_path / "out.json").read_text())["runs"]
    code, _, err = shell(f"{line} >&-", tmp_path)
    assert (code, CLOSED in err) == (74, True)


def test_no_report_gets_the_number_of_a_stream_that_is_closed(tmp_path):
    (tmp_path / "mine.py").write_text(BACK, encoding="utf-8")
    words = " ".join(BEHIND).removesuffix(" --json")
    code, *_ = shell(f"$OB {words} <&- >&- 2>&-", tmp_path)
    assert code == 74
    texts = [path.read_bytes() for path in (tmp_path / "reports").rglob("*.csv")]
    assert texts
    assert not any(b"at the end" in text for text in texts)


def test_a_pipe_that_does_not_block_loses_nothing(tmp_path):
    read, written = os.pipe()
    os.set_blocking(written, False)
    command = [sys.executable, "-m", "openbell.cli", "demo", "--no-check", "--json"]
    with subprocess.Popen(
        command, stdout=written, stderr=subprocess.PIPE, cwd=tmp_path, text=True
    ) as started:
        os.close(written)
        with open(read, encoding="utf-8") as pipe:  # noqa: PTH123  # a descriptor, no path
            document = json.load(pipe)
        assert started.stderr is not None
        assert started.stderr.read() == ""
    assert (started.returncode, len(document["runs"])) == (0, len(SYMBOLS))


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_a_strategy_cannot_close_what_the_answer_is_written_to(stream, tmp_path):
    text = PRINTS.replace("print(", f"__import__('sys').{stream}.close(); print(")
    (tmp_path / "mine.py").write_text(text, encoding="utf-8")
    code, out, _ = shell("$OB backtest mine.py --symbols AAPL --no-check --end 2000-05-01", tmp_path)
    assert (code, "mine on AAPL" in out) == (0, True)
    code, out, _ = shell("$OB backtest mine.py --symbols AAPL --no-check --json --end 2000-05-01", tmp_path)
    assert (code, len(json.loads(out)["runs"])) == (0, 1)


# --- in this process -------------------------------------------------------------------------------------


class Ends(io.RawIOBase):
    """A raw stream that takes a few bytes at a time, then none for a while, then none at all."""

    def __init__(self, *answers):
        self.answers = iter(answers)
        self.took = b""

    def writable(self):
        return True

    def fileno(self):
        return 1

    def write(self, data):
        answer = next(self.answers)
        if isinstance(answer, OSError):
            raise answer
        self.took += bytes(data[: answer or 0])
        return answer


def text_over(raw):
    return io.TextIOWrapper(io.BufferedWriter(raw), encoding="ascii")


def test_a_channel_writes_all_in_parts_and_waits_where_it_must(monkeypatch):
    waited = []
    monkeypatch.setattr(select, "select", lambda *sets: waited.append(sets))
    raw = Ends(2, None, 3)
    assert Channel(raw).write(b"abcde") == 5
    assert (raw.took, len(waited)) == (b"abcde", 1)


def test_a_channel_keeps_its_first_failure_and_drops_the_rest():
    first = OSError(errno.EIO, "the first")
    channel = Channel(Ends(first))
    assert [channel.write(b"abc"), channel.write(b"de")] == [3, 2]
    assert channel.failure is first
    assert not channel.isatty()


def test_a_channel_to_nowhere_has_no_number_and_nobody_watches():
    channel = Channel(None)
    assert not channel.isatty()
    with pytest.raises(OSError, match="it is closed"):
        channel.fileno()


def test_a_stream_of_the_callers_is_given_back_as_it_was(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    taken, told = Ends(*[99_999] * 9), Ends(*[99_999] * 9)
    out = text_over(taken)
    with redirect_stdout(out), redirect_stderr(text_over(told)):
        assert main(["strategies"]) == 0
        assert sys.stdout is out
        assert main(["strategies", "nix"]) == 2
    assert taken.took.startswith(b"Strategy")
    assert told.took.startswith(b"openbell: unknown strategy 'nix'")


def test_a_caller_without_streams_gets_a_code(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "stdout", None)
    monkeypatch.setattr(sys, "stderr", None)
    assert (main(["strategies"]), main(["nix"])) == (74, 2)


@pytest.mark.parametrize("own", [False, True])
def test_descriptor_1_is_given_back_to_a_caller_and_kept_from_a_process_that_ends(own, tmp_path):
    code = (
        "import os, sys\nfrom openbell.cli.streams import guard\n"
        f"with guard(apart=True, own={own}) as output:\n"
        "    os.write(1, b'to stderr ')\n    output.stream.write('answer ')\n"
        "os.write(1, b'after')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, cwd=tmp_path, text=True, check=True
    )
    shown = ("answer ", "to stderr after") if own else ("answer after", "to stderr ")
    assert (done.stdout, done.stderr) == shown


def test_a_stream_that_fails_in_a_process_of_its_own_is_pointed_at_nothing(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    let_go: list[int] = []
    monkeypatch.setattr(streams, "_let_go", let_go.append)
    monkeypatch.setattr(sys, "argv", ["openbell", "strategies"])
    err = io.StringIO()
    with redirect_stdout(text_over(Ends(OSError(errno.ENOSPC, "no room")))), redirect_stderr(err):
        assert program.main() == 74
    assert (let_go, err.getvalue().count("no room")) == ([1], 1)


def test_pointing_at_nothing_leaves_a_descriptor_that_can_be_written(tmp_path):
    with (tmp_path / "file").open("wb") as file:
        streams._let_go(file.fileno())
        os.write(file.fileno(), b"lost")
    assert (tmp_path / "file").read_bytes() == b""


@pytest.mark.parametrize("own", [False, True])
def test_only_the_answer_reaches_descriptor_1_and_a_caller_gets_it_back(own, tmp_path):
    before, place = os.dup(1), tmp_path / "out"
    try:
        with place.open("wb") as file:
            os.dup2(file.fileno(), 1)
        with open(1, "w", encoding="ascii", closefd=False) as first:  # a descriptor
            with redirect_stdout(first), streams.guard(apart=True, own=own) as output:
                os.write(1, b"to stderr\n")
                output.stream.write("answer ")
            os.write(1, b"after\n")
    finally:
        os.dup2(before, 1)
        os.close(before)
    assert place.read_text(encoding="ascii") == ("answer " if own else "answer after\n")


def test_descriptors_that_are_closed_are_occupied_by_nothing(monkeypatch):
    opened = iter([1, 2, 9])
    done: list[int] = []
    monkeypatch.setattr(os, "open", lambda *_: next(opened))
    monkeypatch.setattr(os, "set_inheritable", lambda number, _: done.append(number))
    monkeypatch.setattr(os, "close", done.append)
    streams._occupy_descriptors()
    assert done == [1, 2, 9]
