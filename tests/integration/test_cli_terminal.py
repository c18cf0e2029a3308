"""What is shown on a terminal, and where nobody watches; Ctrl-C at every moment."""

from __future__ import annotations

import io
import json
import re
import sys
from pathlib import Path

import pytest

import openbell
from openbell.cli import program, terminal
from openbell.cli.answer import Column, Table

ROOT = Path(__file__).parents[2]


BUYS = """
import openbell as ob

class Buys(ob.Strategy):
    def on_bar(self, bar):
        self.buy(bar.symbol)
"""


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


class Terminal(io.StringIO):
    def isatty(self):
        return True


TABLE = Table((Column("Name"), Column("Value", right=True)), [("one [b]", "1"), ("two", "22")])


def test_a_table_is_plain_where_nobody_watches():
    stream = io.StringIO()
    terminal.write([TABLE, "[red]as it is[/red]"], stream)
    assert stream.getvalue() == "Name     Value\none [b]      1\ntwo         22\n[red]as it is[/red]\n"


def test_a_table_is_drawn_on_a_terminal_and_colours_can_be_refused(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("NO_COLOR", "1")
    stream = Terminal()
    terminal.write([TABLE, "[red]as it is[/red]"], stream)
    text = re.sub(r"\x1b\[[0-9;]*m", "", stream.getvalue())
    assert [line.split() for line in text.splitlines()][1] == ["one", "[b]", "1"]
    assert "[red]as it is[/red]" in text
    assert "\x1b[3" not in stream.getvalue()  # no colour; bold is none


def test_progress_is_shown_on_a_terminal_only(monkeypatch):
    for stream, shown in ((Terminal(), True), (io.StringIO(), False)):
        monkeypatch.setenv("TERM", "xterm")
        monkeypatch.setattr(sys, "stderr", stream)
        with terminal.progress() as tell:
            tell(0.5, "half of it")
        assert ("half of it" in stream.getvalue()) is shown
    monkeypatch.setenv("TERM", "dumb")
    dumb = Terminal()
    monkeypatch.setattr(sys, "stderr", dumb)
    with terminal.progress() as tell:
        tell(0.5, "half of it")
    assert dumb.getvalue() == ""


def test_documents_are_ascii():
    stream = io.StringIO()
    terminal.write_document({"said": "50 % – fine"}, stream)
    assert stream.getvalue().isascii()
    assert json.loads(stream.getvalue()) == {"said": "50 % – fine"}


def test_documents_hold_no_half_of_a_character():
    stream = io.StringIO()
    terminal.write_document({"a\udcff": [("b\udcff", 1.5, None)]}, stream)
    assert json.loads(stream.getvalue()) == {"a\\udcff": [["b\\udcff", 1.5, None]]}


def test_ctrl_c_while_python_still_loads_is_one_line(monkeypatch, capsys):
    class Loading:
        def __getattr__(self, name):
            raise KeyboardInterrupt

    monkeypatch.setitem(sys.modules, "openbell.cli.program", Loading())
    assert openbell.cli.main(["--version"]) == 130
    assert capsys.readouterr().err == "openbell: interrupted before it began\n"


def test_a_second_ctrl_c_is_silent(monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(program, "main", interrupt)
    assert openbell.cli.main(["--version"]) == 130
