"""What `dashboard` and `serve` refuse before they listen: one line with the value and the remedy."""

from __future__ import annotations

import pytest
from tests.integration.cli_runs import run


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("OPENBELL_API_TOKEN", raising=False)


@pytest.mark.parametrize("command", ["dashboard", "serve"])
@pytest.mark.parametrize("port", ["99999", "80x", "0", "-1", "٣", "", "9" * 5000])
def test_what_is_no_port_is_named(command, port):
    ended = run(command, "--port", port)
    assert ended.code == 2
    assert ended.line == f"--port: {port!r} is no port; give a number from 1 to 65535, such as 8321"


def test_an_open_address_without_a_token_is_refused_before_it_is_told():
    ended = run("serve", "--host", "0.0.0.0", "--port", "8399")  # noqa: S104  # which is refused
    assert ended.code == 2
    assert ended.line.startswith("--host 0.0.0.0 can be reached from elsewhere, so it needs a token: set")


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])  # noqa: S104  # as above
def test_a_token_that_can_be_guessed_is_refused_and_not_shown(monkeypatch, host):
    monkeypatch.setenv("OPENBELL_API_TOKEN", "canary-of-15-ch")
    ended = run("serve", "--host", host, "--port", "8399")
    assert ended.code == 2
    assert "OPENBELL_API_TOKEN has 15 characters" in ended.line
    assert "set a random one of 16 or more" in ended.line
    assert "canary" not in ended.line
