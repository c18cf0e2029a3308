"""The page of `data health` in a real browser: it fits a phone and is readable in the dark."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page
from tests.integration.cli_runs import run
from tests.integration.test_report_browser import CONTRAST, DESKTOP, FAINTEST, PHONE, chromium

from openbell.data import bundled
from openbell.data.bars import FindingKind, Source
from openbell.data.catalog import Catalog
from openbell.data.catalog.apart import put_apart
from openbell.data.catalog.key import folder_of, key_of
from openbell.data.quarantine import Quarantined

__all__ = ["chromium"]

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page about two vendors that disagree, a bar in quarantine, and a damaged file."""
    folder = tmp_path_factory.mktemp("health")
    catalog = Catalog(folder / "catalog")
    for symbol in ("AAPL", "IBM"):
        series = bundled.load(symbol)
        for provider in ("mine", "another-vendor"):
            catalog.write(replace(series, source=Source(provider, "consolidated"), actions=()))
        catalog.write_actions(Source("mine", "consolidated"), symbol, series.actions)
    key = key_of(replace(bundled.load("AAPL"), source=Source("mine", "consolidated")))
    spike = Quarantined(int(bundled.load("AAPL").start[5]), FindingKind.SPIKE, "a spike", (1.0,) * 5)
    put_apart(catalog.root, key, [spike])
    broken = folder_of(catalog.root, key._replace(symbol="IBM"))
    next(broken.glob("*.parquet")).write_bytes(b"")
    assert run("data", "health", "--catalog", str(catalog.root), "--report", str(folder / "out")).code == 1
    return folder / "out" / "health.html"


@pytest.fixture(params=[(DESKTOP, "light"), (DESKTOP, "dark"), (PHONE, "light"), (PHONE, "dark")])
def page(request: pytest.FixtureRequest, chromium: Browser, report: Path) -> Iterator[Page]:
    size, scheme = request.param
    context = chromium.new_context(viewport=size, color_scheme=scheme, offline=True)
    opened = context.new_page()
    opened.goto(report.as_uri())
    yield opened
    context.close()


def test_all_words_are_seen_and_readable(page: Page) -> None:
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    cut = (
        "[...document.querySelectorAll('.notices li')].filter((li) => li.scrollWidth > li.clientWidth).length"
    )
    assert page.evaluate(cut) == 0
    text, contrast = page.evaluate(FAINTEST)
    assert contrast >= CONTRAST, text
    kinds = page.locator(".notices .level").all_inner_texts()
    assert {"damaged", "disagreement", "unrecorded split"} <= set(kinds)
    assert "spike: a spike" in page.locator("#apart").inner_text()
