"""A broker's page says what its adapter can do, and names each of its options: not more, not less."""

from __future__ import annotations

import asyncio
import inspect
import re
from pathlib import Path

import pytest

from openbell.core.types import OrderType, TimeInForce
from openbell.execution.brokers.alpaca import AlpacaBroker
from openbell.execution.brokers.ccxt import CcxtBroker
from openbell.execution.brokers.ib import IbBroker
from openbell.execution.port import Capabilities

PAGES = Path(__file__).parents[2] / "docs" / "reference" / "brokers"
_WORDS = {True: "yes", False: "no"}


def rows_of(can: Capabilities) -> list[tuple[str, str]]:
    """Return what the table of a page must say."""
    words = {
        "order types": ", ".join(f"`{one.value}`" for one in OrderType if one in can.types),
        "times in force": ", ".join(f"`{one.value}`" for one in TimeInForce if one in can.tifs),
        "brackets": _WORDS[can.bracket],
        "pairs (OCO)": _WORDS[can.oco],
        "changes in place": _WORDS[can.replace],
        "fractions": _WORDS[can.fractional],
        "amounts of money": _WORDS[can.notional],
        "short sales": _WORDS[can.short],
        "outside of the session": _WORDS[can.extended_hours],
        "shares are kept for one order": _WORDS[can.reserves],
        "a client order id is taken once": _WORDS[can.unique_ids],
        "longest client order id": str(can.id_length),
    }
    return list(words.items())


def table_of(page: str) -> list[tuple[str, str]]:
    """Return the rows of a page's table of capabilities."""
    part = (PAGES / f"{page}.md").read_text(encoding="utf-8").partition("## What it can do")[2]
    part = part.partition("\n## ")[0]
    return re.findall(r"^\| ([^|`]+?) \| ([^|]*?) \|", part, re.MULTILINE)[1:]


def ccxt_capabilities() -> Capabilities:
    async def read() -> Capabilities:
        broker = CcxtBroker({}, symbols=["BTC/USDT"])
        await broker.close()
        return broker.capabilities

    return asyncio.run(read())


@pytest.mark.parametrize(("page", "broker"), [("alpaca", AlpacaBroker), ("ib", IbBroker)])
def test_a_page_says_what_the_adapter_can_do(page: str, broker: type[AlpacaBroker | IbBroker]) -> None:
    assert table_of(page) == rows_of(broker.capabilities)


def test_the_page_of_ccxt_says_what_it_can_do_at_binance() -> None:
    assert table_of("ccxt") == rows_of(ccxt_capabilities())  # its import takes long, and only here


@pytest.mark.parametrize(
    ("page", "broker"), [("alpaca", AlpacaBroker), ("ib", IbBroker), ("ccxt", CcxtBroker)]
)
def test_a_page_names_each_option_of_its_broker(page: str, broker: type[object]) -> None:
    asked = inspect.signature(broker).parameters
    text = (PAGES / f"{page}.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`(\w+)`", "".join(re.findall(r"^\| (`.*?) \|", text, re.MULTILINE))))
    assert set(asked) - {"secrets"} == named
