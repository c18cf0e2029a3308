"""What the pages of providers say is what the providers offer."""

from __future__ import annotations

import inspect
import re
from importlib import import_module
from pathlib import Path

import pytest

from openbell.config.providers import Providers
from openbell.data.providers import BUILT_IN, offer_of

FOLDER = Path(__file__).parents[2] / "docs/reference/providers"
OVERVIEW = (FOLDER / "overview.md").read_text(encoding="utf-8")
REMOTE = sorted(set(BUILT_IN) - {"synthetic"})


def page(provider: str) -> str:
    return (FOLDER / f"{provider}.md").read_text(encoding="utf-8")


def row(provider: str) -> list[str]:
    (line,) = [
        line for line in OVERVIEW.splitlines() if re.match(rf"\| (\[`{provider}`\]|`{provider}` )", line)
    ]
    return [cell.strip() for cell in line.split("|")[2:-1]]


@pytest.mark.parametrize("provider", sorted(BUILT_IN))
def test_the_overview_is_what_the_code_offers(provider: str) -> None:
    offer = offer_of(provider)
    bars, actions, facts, quote, stream = row(provider)
    assert re.findall(r"`(\w+)`", bars) == list(offer.timeframes)
    assert (actions, quote) == tuple("yes" if has else "no" for has in (offer.actions, offer.quotes))
    assert bool(facts) is offer.instruments
    assert stream == (", ".join(offer.channels) or "none")


@pytest.mark.parametrize("provider", REMOTE)
def test_a_page_says_how_to_install_which_key_and_a_command(provider: str) -> None:
    offer, text = offer_of(provider), page(provider)
    assert f'pip install "openbell[{offer.extra}]"' in text
    assert all(variable in text for variable in offer.variables)
    assert offer.variables or re.search(r"^\| key \| none", text, re.MULTILINE)
    for heading in ("limit", "lacks", "adjustment"):
        assert re.search(rf"^\| {heading} \|", text, re.MULTILINE), heading
    for feed in offer.feeds:
        assert f"`{feed}`" in text or feed == "smart", feed
    commands = re.findall(rf"^openbell data fetch .*--provider {provider}\b.*$", text, re.MULTILINE)
    assert commands
    for command in commands:
        asked = re.search(r"--timeframe (\w+)", command)
        assert asked is None or asked[1] in offer.timeframes


@pytest.mark.parametrize("provider", REMOTE)
def test_a_page_names_every_option_and_the_limit(provider: str) -> None:
    offer, text = offer_of(provider), page(provider)
    module, _, name = BUILT_IN[provider].partition(":")
    taken = list(inspect.signature(getattr(import_module(module), name)).parameters)[1:]
    section = type(getattr(Providers(), provider)).model_fields
    assert set(section) == {*taken, "rate"}
    for option in section:
        assert re.search(rf"\b{option}\b", text), option
    assert offer.limit is not None
    words = re.search(r"^\| limit \|(.*)", text, re.MULTILINE)
    assert words is not None
    assert f"{offer.limit.requests:g}" in words[1] or "one request a second" in words[1]
