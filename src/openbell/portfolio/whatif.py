"""What an order would do to a portfolio, asked before it is sent."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

from openbell.core import rules
from openbell.core.costs import Costs
from openbell.core.errors import ConfigError, nearest
from openbell.core.types import Instrument
from openbell.portfolio.exposure import Exposure, exposure_of


class WhatIf(NamedTuple):
    """Before and after. Money is in the account's currency; weights are shares of equity."""

    quantity: float  #: signed, in whole lots
    price: float  #: what it would fill at, slippage included
    fee: float
    cash: float  #: after it
    equity: float  #: after it: less by the fee and by what the price is off the last one
    weight: float  #: of the symbol after it
    before: Exposure
    after: Exposure
    affordable: bool  #: whether the margin rules would let it open


class Terms(NamedTuple):
    """An order's prices; NaN is none."""

    limit: float = math.nan  #: the worst that it may fill at
    stop: float = math.nan  #: what it waits for


MARKET = Terms()


def what_if(
    symbol: str,
    quantity: float,
    *,
    cash: float,
    positions: Mapping[str, float],
    prices: Mapping[str, float],
    instruments: Mapping[str, Instrument],
    costs: Costs,
    terms: Terms = MARKET,
) -> WhatIf:
    """Return what an order for `quantity` signed shares would do at the last prices.

    The part of slippage that depends on the volume is not in it.

    Args:
        symbol: What is traded.
        quantity: Signed shares, taken down to whole lots.
        cash: Of the account.
        positions: Signed shares by symbol.
        prices: The last price of each symbol that is held, and of `symbol`.
        instruments: Lot and sector of each of them.
        costs: Of the account.
        terms: The prices of an order that is no market order.

    Raises:
        ConfigError: There is no price of the symbol.
        BadData: The equity is not positive.
    """
    if symbol not in prices:
        raise ConfigError(f"what_if: no price of {symbol!r} is known{nearest(symbol, prices)}")
    side = 1.0 if quantity > 0.0 else -1.0
    signed = side * rules.whole_lots(abs(quantity), instruments[symbol].lot)
    mark = prices[symbol]
    slip = costs.slippage
    limit, stop = terms
    base = stop if side * (stop - mark) > 0.0 else mark
    cost = rules.slippage(base, abs(signed), 0.0, slip.per_share, slip.bps, slip.spread_bps, 0.0)
    price = rules.slipped(side, base, cost)
    price = limit if side * (price - limit) > 0.0 else price
    fee = _fee(costs, abs(signed), price) if signed else 0.0
    sectors = {name: one.sector for name, one in instruments.items()}
    held = {name: shares * prices[name] for name, shares in positions.items() if shares}
    equity = cash + sum(held.values())
    position = positions.get(symbol, 0.0)
    after = {**held, symbol: (position + signed) * mark}
    left = cash + rules.fill_amount(signed, price, fee)
    now = left + sum(after.values())
    margin = costs.margin
    opening = rules.opening_part(position, signed)
    need = rules.required(opening, abs(signed) - opening, price, mark, side, margin.initial, fee)
    free = rules.free_equity(equity, sum(map(abs, held.values())), margin.initial)
    shorts = position + signed < 0.0 and not margin.short
    return WhatIf(
        signed, price, fee, left, now, after[symbol] / now, exposure_of(held, equity, sectors=sectors),
        exposure_of(after, now, sectors=sectors), (opening == 0.0 or need <= free) and not shorts,
    )  # fmt: skip


def _fee(costs: Costs, shares: float, price: float) -> float:
    charged = costs.commission
    value = shares * price
    raw = rules.charge_raw(shares, value, charged.per_share, charged.taker_bps)
    return rules.order_fee(raw, value, charged.per_order, charged.minimum, charged.maximum_share)
