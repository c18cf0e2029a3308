"""The report in a real browser: it draws, fits a phone, is readable in the dark, and stays offline."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Route, sync_playwright

import openbell as ob
from openbell.reporting.export import write_run

pytestmark = pytest.mark.browser

ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update",
    "--disable-sync", "--no-first-run",
]  # fmt: skip
DESKTOP = {"width": 1280, "height": 900}
PHONE = {"width": 390, "height": 844}
#: The least contrast of text that WCAG 2.1 asks for (level AA).
CONTRAST = 4.5

DRAWN = "document.documentElement.dataset.drawn === 'true'"
#: The lines, bars, markers and candles of each chart, by its name.
SHAPES = """() => Object.fromEntries([...document.querySelectorAll('[data-figure]')].map((place) => [
    place.dataset.figure,
    [...place.querySelectorAll('.mlayer path')].filter((path) => (path.getAttribute('d') || '').length > 5)
        .length,
]))"""
#: [text, contrast] of what is hardest to read, by WCAG 2.1; grounds that shine through are mixed.
FAINTEST = """() => {
    const numbers = (text) => (text.match(/[\\d.]+/g) || [0, 0, 0, 0]).map(Number);
    const light = ([r, g, b]) => [r, g, b]
        .map((c) => c / 255).map((c) => (c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4))
        .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
    const ground = (element) => {
        const [r, g, b, a = 1] = numbers(getComputedStyle(element).backgroundColor);
        if (a === 1 && element) return [r, g, b];
        const below = element.parentElement ? ground(element.parentElement) : [255, 255, 255];
        return [r, g, b].map((c, i) => c * a + below[i] * (1 - a));
    };
    const contrast = (element, colour) => {
        const [bright, dim] = [light(numbers(colour)), light(ground(element))].sort((a, b) => b - a);
        return (bright + 0.05) / (dim + 0.05);
    };
    const kinds = 'h1,h2,h3,p,a,dt,dd,dd span,li,td,th,th span,caption,button,figcaption';
    const found = [...document.querySelectorAll(kinds)]
        .filter((one) => one.textContent.trim() && one.offsetParent)
        .map((one) => [one.textContent.trim().slice(0, 40), contrast(one, getComputedStyle(one).color)]);
    for (const one of document.querySelectorAll('[data-figure] text')) {
        const place = one.closest('[data-figure]');
        if (one.textContent) found.push([one.textContent, contrast(place, getComputedStyle(one).fill)]);
    }
    return found.sort((a, b) => a[1] - b[1])[0];
}"""


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    path = shutil.which("chromium")
    if path is None:
        message = (
            "Debian's chromium is not installed (apt-get install chromium): the report was not looked at"
        )
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def one_symbol(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("one") / "run"
    return write_run(ob.backtest("sma_cross", "AAPL"), folder) / "report.html"


@pytest.fixture(scope="module")
def three_symbols(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("three") / "run"
    return write_run(ob.backtest("momentum_rotation", ["AAPL", "IBM", "MSFT"]), folder) / "report.html"


class Visit:
    """A page that was opened, and what must not have happened on it."""

    def __init__(self, browser: Browser, path: Path, size: dict[str, int], scheme: str) -> None:
        self.faults: list[str] = []
        context = browser.new_context(viewport=size, color_scheme=scheme, offline=True)  # type: ignore[arg-type]  # typed dicts and literals of theirs
        context.route("**/*", self._keep_inside)
        self.page: Page = context.new_page()
        self.page.on("console", lambda message: self._heard(message.type, message.text))
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))
        self.page.goto(path.as_uri())
        self.page.wait_for_function(DRAWN)

    def _keep_inside(self, route: Route) -> None:
        if route.request.url.startswith(("file://", "data:", "blob:")):
            route.continue_()
        else:
            self.faults.append(f"asked for {route.request.url}")
            route.abort()

    def _heard(self, kind: str, text: str) -> None:
        if kind in {"error", "warning"}:
            self.faults.append(text)


@pytest.fixture(scope="module")
def visit(chromium):
    """Open a page, or return to it: each takes seconds to open."""
    visits: dict[tuple[str, int, str], Visit] = {}

    def go(path: Path, size: dict[str, int] = DESKTOP, scheme: str = "light") -> Visit:
        key = str(path), size["width"], scheme
        if key not in visits:
            visits[key] = Visit(chromium, path, size, scheme)
        return visits[key]

    return go


@pytest.fixture(params=[(DESKTOP, "light"), (DESKTOP, "dark"), (PHONE, "light"), (PHONE, "dark")])
def look(request, visit, one_symbol) -> Visit:
    size, scheme = request.param
    seen: Visit = visit(one_symbol, size, scheme)
    return seen


def test_every_chart_draws_without_a_fault_and_without_a_request(look):
    shapes = look.page.evaluate(SHAPES)
    assert set(shapes) == {"growth", "rolling", "price-0", "exposure", "distribution"}
    assert all(shapes.values()), shapes
    assert look.faults == []


def test_the_page_never_scrolls_sideways(look):
    assert look.page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0


def test_every_text_is_readable(look):
    text, contrast = look.page.evaluate(FAINTEST)
    assert contrast >= CONTRAST, text


def test_a_page_of_several_symbols_fits_the_smallest_phone(visit, three_symbols):
    seen = visit(three_symbols, {"width": 320, "height": 600})
    assert seen.page.evaluate("document.documentElement.scrollWidth") <= 320
    assert all(seen.page.evaluate(SHAPES).values())
    assert seen.faults == []


def test_another_symbol_can_be_chosen(visit, three_symbols):
    page = visit(three_symbols, {"width": 320, "height": 600}).page
    place = page.locator("#price [data-figure]")
    assert place.get_attribute("aria-label") == "Price of AAPL with the entries and exits of its trades."
    page.select_option("[data-choice=price]", label="MSFT")
    assert place.get_attribute("data-figure") == "price-2"
    assert place.get_attribute("aria-label") == "Price of MSFT with the entries and exits of its trades."
    page.wait_for_function(f"({SHAPES})()['price-2'] > 0")


def test_tables_are_there_and_trades_sort(visit, one_symbol):
    page = visit(one_symbol).page
    assert page.locator("table").count() == page.locator("caption").count() == 9
    profits = (
        "[...document.querySelectorAll('#trades td:nth-child(10)')].map((cell) => Number(cell.dataset.v))"
    )
    head = page.locator("#trades th", has_text="Profit")
    before = page.evaluate(profits)
    head.locator("button").click()
    assert page.evaluate(profits) == sorted(before)
    assert head.get_attribute("aria-sort") == "ascending"
    head.locator("button").click()
    assert page.evaluate(profits) == sorted(before, reverse=True)
    page.locator("#trades th", has_text="Side").locator("button").click()
    assert head.get_attribute("aria-sort") is None


def test_the_axis_turns_logarithmic_and_back(visit, one_symbol):
    page = visit(one_symbol).page
    kind = "document.querySelector('[data-figure=growth]').layout.yaxis.type"
    button = page.locator("#growth [data-log]")
    assert page.evaluate(kind) == "log"
    assert button.get_attribute("aria-pressed") == "true"
    button.click()
    page.wait_for_function(f"{kind} === 'linear'")
    assert button.get_attribute("aria-pressed") == "false"


def test_dark_is_dark_and_print_is_light(visit, one_symbol):
    page = visit(one_symbol, DESKTOP, "dark").page
    ground = "getComputedStyle(document.querySelector('section')).backgroundColor"
    axis = "getComputedStyle(document.querySelector('[data-figure] .xtick text')).fill"
    assert page.evaluate(ground) == "rgb(22, 30, 38)"
    assert page.evaluate(axis) == "rgb(161, 175, 188)"
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    page.emulate_media(media="print", color_scheme="dark")
    assert page.evaluate(ground) == "rgb(255, 255, 255)"
    page.wait_for_function(f"{axis} === 'rgb(86, 100, 114)'")
