"""A sweep's page in a real browser: thousands of cells are drawn, it fits a phone, and nothing is loaded."""

from __future__ import annotations

import os
import shutil
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import sync_playwright
from tests.unit.sweep_by_hand import combinations, measured, sweep

pytestmark = pytest.mark.browser

DRAWN = "document.documentElement.dataset.drawn === '{}'"
#: How many different colours the map has, by a look at its picture.
COLOURS = """async () => {
    const image = document.querySelector('[data-map] .hm image');
    const picture = new Image();
    picture.src = image.getAttribute('href') || image.getAttribute('xlink:href');
    await picture.decode();
    const canvas = document.createElement('canvas');
    [canvas.width, canvas.height] = [picture.width, picture.height];
    const drawing = canvas.getContext('2d');
    drawing.drawImage(picture, 0, 0);
    const bytes = drawing.getImageData(0, 0, canvas.width, canvas.height).data;
    const seen = new Set();
    for (let i = 0; i < bytes.length; i += 4) seen.add(`${bytes[i]},${bytes[i + 1]},${bytes[i + 2]}`);
    return seen.size;
}"""


#: Where the labels of the axis to the right are.
LABELS = "[...document.querySelectorAll('.xtick text')].map((one) => one.getBoundingClientRect().toJSON())"


@pytest.fixture(scope="module")
def page_path(tmp_path_factory):
    def figure(one):
        return float(np.sin(one["fast"] / 9) + np.cos(one["slow"] / 17))

    made = measured(combinations("fast < slow", fast=range(2, 92), slow=range(10, 100)), figure)
    return sweep(made).write(tmp_path_factory.mktemp("sweep") / "out") / "heatmap.html"


@pytest.fixture(scope="module")
def browser():
    found = shutil.which("chromium")
    if found is None:
        message = "Debian's chromium is not installed (apt-get install chromium): the map was not looked at"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    with sync_playwright() as play:
        launched = play.chromium.launch(executable_path=found, args=["--no-sandbox", "--disable-gpu"])
        yield launched
        launched.close()


@pytest.mark.parametrize(
    ("size", "scheme"), [((1280, 900), "light"), ((390, 844), "dark")], ids=["desktop", "phone"]
)
def test_thousands_of_cells_are_drawn_and_the_page_fits(browser, page_path: Path, size, scheme):
    context = browser.new_context(viewport={"width": size[0], "height": size[1]}, color_scheme=scheme)
    page = context.new_page()
    faults: list[str] = []
    asked: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda message: faults.append(message.text))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(page_path.as_uri())
    page.wait_for_function(DRAWN.format("sharpe"))
    assert page.evaluate(COLOURS) > 100
    assert page.evaluate("document.documentElement.scrollWidth") == size[0]
    labels = page.evaluate(
        "[...document.querySelectorAll('.xtick text')].map((one) => one.getBoundingClientRect())"
    )
    assert 3 <= len(labels) <= 20
    assert all(a["right"] <= b["left"] for a, b in pairwise(labels))
    page.select_option("[data-measure]", "costs_paid")
    page.wait_for_function(DRAWN.format("costs_paid"))
    assert faults == []
    assert [url for url in asked if not url.startswith(("file:", "data:", "blob:"))] == []
    context.close()
