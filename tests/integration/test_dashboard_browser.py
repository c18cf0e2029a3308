"""The dashboard in a real browser: it follows a session, stops it, and fits a phone."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.integration.cli_runs import run_apart
from tests.integration.test_sweep_browser import browser

__all__ = ["browser"]  # a fixture

pytestmark = pytest.mark.browser
PORT = 18_321


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("dashboard")


@pytest.fixture(scope="module")
def address(folder: Path) -> Iterator[str]:
    words = [sys.executable, "-m", "openbell.cli", "dashboard", "--port", str(PORT)]
    server = subprocess.Popen(words, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    base = f"http://127.0.0.1:{PORT}"
    until = time.monotonic() + 30
    while True:
        try:
            httpx.get(f"{base}/v1/health")
            break
        except httpx.ConnectError:
            assert server.poll() is None, server.stderr and server.stderr.read()
            assert time.monotonic() < until
            time.sleep(0.1)  # another process's socket has no event to wait for
    yield base
    server.terminate()
    server.communicate(timeout=20)


@pytest.fixture(params=["desktop", "phone"])
def page(request: pytest.FixtureRequest, browser: Any) -> Iterator[Any]:
    size = {"width": 1200, "height": 900} if request.param == "desktop" else {"width": 390, "height": 800}
    one = browser.new_page(viewport=size)
    one.set_default_timeout(20_000)
    yield one
    one.close()


def begin(folder: Path, name: str) -> subprocess.Popen[bytes]:
    words = ["paper", "sma_cross", "--symbols", "AAPL", "--replay", "2010-01-04", "--speed", "500000x"]
    return subprocess.Popen(
        [sys.executable, "-m", "openbell.cli", *words, "--state", f"state/{name}", "--set", "slow=12"],
        cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def test_a_session_is_followed_and_stopped(address: str, folder: Path, page: Any) -> None:
    name = f"session-{page.viewport_size['width']}"
    session = begin(folder, name)
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    outside: list[str] = []
    page.on("request", lambda request: outside.append(request.url) if address not in request.url else None)
    page.goto(address)
    page.get_by_role("link", name=name).click()
    page.locator("[data-table=orders] tbody tr").first.wait_for()
    equity = page.locator("[data-figure=Equity]")
    before = equity.inner_text()
    page.wait_for_function(
        "was => document.querySelector('[data-figure=Equity]').innerText !== was", arg=before
    )
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    page.get_by_role("button", name="Stop").click()
    page.get_by_role("button", name="flatten").click()
    session.communicate(timeout=30)
    page.get_by_text("stopped", exact=True).wait_for()
    page.get_by_text("Nothing is held.").wait_for()
    assert errors == []
    assert [url for url in outside if not url.startswith(("ws://127.0.0.1", "data:", "blob:"))] == []
    assert (
        run_apart("positions", "--state", f"state/{name}", "--json", folder=folder).document["positions"]
        == []
    )


def test_what_is_not_there_is_said(address: str, page: Any) -> None:
    page.goto(f"{address}/session/none")
    page.get_by_text("session 'none' is unknown").wait_for()
