from __future__ import annotations

import asyncio
import io
import json
import subprocess
import sys
from urllib.parse import quote

import pytest

from openbell.utils import logging


@pytest.fixture(autouse=True)
def clean(monkeypatch):
    monkeypatch.setattr(logging, "_secrets", ())
    yield
    logging.get_logger().remove()


@pytest.fixture
def sink():
    return io.StringIO()


class Terminal(io.StringIO):
    def isatty(self):
        return True


def read_json(sink: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in sink.getvalue().splitlines()]


def divide_by_zero() -> None:
    try:
        _ = 1 / 0
    except ZeroDivisionError:
        logging.get_logger().exception("no quotient")


def test_a_text_line_shows_level_message_and_ids(sink):
    logging.configure("INFO", sink=sink)
    with logging.correlate(run=7), logging.correlate(order="a1"):
        logging.get_logger().info("sent")
    assert sink.getvalue()[12:] == " INFO     sent  run=7  order=a1\n"


def test_lines_below_the_level_are_left_out(sink):
    logging.configure("WARNING", sink=sink)
    logging.get_logger().info("quiet")
    assert not sink.getvalue()


def test_a_json_line_is_one_object_with_ids(sink):
    logging.configure("DEBUG", json=True, sink=sink)
    with logging.correlate(run=7, share=0.5, odd=float("nan"), none=None, flag=True, path=("a",)):
        logging.get_logger().debug("two\nlines")
    (line,) = read_json(sink)
    assert line["message"] == "two\nlines"
    assert line["level"] == "DEBUG"
    assert str(line["source"]).startswith(f"{__name__}:")
    assert line["ids"] == {
        "run": 7,
        "share": 0.5,
        "odd": "nan",
        "none": None,
        "flag": True,
        "path": "('a',)",
    }
    assert "exception" not in line


def test_ids_end_with_their_block(sink):
    logging.configure("INFO", json=True, sink=sink)
    with logging.correlate(run=7):
        pass
    logging.get_logger().info("later")
    assert read_json(sink)[0]["ids"] == {}


def test_each_task_has_its_own_ids(sink):
    logging.configure("INFO", json=True, sink=sink)

    async def send(order: int, turn: asyncio.Barrier) -> None:
        with logging.correlate(order=order):
            await turn.wait()
            logging.get_logger().info(str(order))

    async def send_both() -> None:
        turn = asyncio.Barrier(2)
        await asyncio.gather(send(1, turn), send(2, turn))

    asyncio.run(send_both())
    assert {(line["message"], str(line["ids"])) for line in read_json(sink)} == {
        ("1", "{'order': 1}"),
        ("2", "{'order': 2}"),
    }


@pytest.mark.parametrize("as_json", [False, True])
def test_an_exception_is_logged_with_its_trace(sink, as_json):
    logging.configure("INFO", json=as_json, sink=sink)
    divide_by_zero()
    text = str(read_json(sink)[0]["exception"]) if as_json else sink.getvalue()
    assert "in divide_by_zero" in text
    assert "ZeroDivisionError: division by zero" in text


def test_exception_without_an_error_logs_the_message_alone(sink):
    logging.configure("INFO", sink=sink)
    logging.get_logger().exception("nothing raised")
    assert len(sink.getvalue().splitlines()) == 1


@pytest.mark.parametrize("as_json", [False, True])
@pytest.mark.parametrize(
    "secret", ["hunter2", 'quo"te\\slash', "zoë@ßü", "two\nlines", "a+b c/d=", "8675309"]
)
def test_a_secret_never_appears(sink, as_json, secret):
    logging.redact(secret)
    logging.configure("INFO", json=as_json, sink=sink)
    number = int(secret) if secret.isdigit() else secret
    with logging.correlate(token=number, **{f"n{secret}": {"inside": secret}}):
        logging.get_logger().info("plain {} repr {!r} json {}", secret, [secret], json.dumps({"k": secret}))
        logging.get_logger().opt(exception=ValueError(secret)).info("?key=" + quote(secret, safe=""))
    written = sink.getvalue()
    if as_json:  # what a reader of the JSON sees, beside what is written
        written += "".join(json.dumps(line, ensure_ascii=False) for line in read_json(sink))
    for form in (secret, repr(secret)[1:-1], json.dumps(secret)[1:-1], quote(secret, safe="")):
        assert form not in written
    assert logging.MASK in written


def test_a_secret_inside_a_longer_one_leaves_no_rest(sink):
    logging.redact("abc")
    logging.redact("abcdef")
    logging.configure("INFO", sink=sink)
    logging.get_logger().info("abcdef abc")
    assert f" {logging.MASK} {logging.MASK}\n" in sink.getvalue()


def test_an_empty_secret_hides_nothing(sink):
    logging.redact("")
    logging.configure("INFO", sink=sink)
    logging.get_logger().info("shown")
    assert logging.MASK not in sink.getvalue()


def test_a_second_configuration_replaces_the_first(sink):
    logging.configure("INFO", sink=sink)
    logging.configure("INFO", sink=io.StringIO())
    logging.get_logger().info("elsewhere")
    assert not sink.getvalue()


def test_an_unknown_level_is_refused_and_leaves_the_logs_as_they_were(sink):
    logging.configure("INFO", sink=sink)
    with pytest.raises(ValueError, match="LOUD"):
        logging.configure("LOUD")
    logging.get_logger().info("still here")
    assert "still here" in sink.getvalue()


def test_a_terminal_gets_colours_for_what_is_wrong():
    terminal = Terminal()
    logging.configure("INFO", sink=terminal)
    logging.get_logger().info("fine")
    logging.get_logger().error("broken")
    fine, broken = terminal.getvalue().splitlines()
    assert "\033" not in fine
    assert broken.startswith("\033[31m")
    assert broken.endswith("\033[0m")


def test_standard_error_is_the_default_sink(capsys):
    logging.configure()
    logging.get_logger().info("hello")
    assert "hello" in capsys.readouterr().err


def test_the_module_does_not_import_loguru():
    code = "import sys, openbell.utils.logging; assert 'loguru' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)  # our own interpreter and text
