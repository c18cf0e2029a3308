"""What each column of an export means, and its unit: written into the files that can hold it."""

from __future__ import annotations

#: Columns that mean the same in every table.
_COMMON = {
    "strategy": "The strategy's name in its run or session",
    "time": "When it happened, UTC",
    "symbol": "The symbol; empty for what belongs to none, such as interest",
    "side": "buy or sell; of a trade, a lot or a position long or short",
    "quantity": "Shares; of a ledger's booking the signed change",
    "price": "Money a share; of a dividend its amount a share",
    "value": "Money: shares times price; of a short position negative",
    "fee": "Money: commission; of borrow and interest what was charged",
    "fees": "Money: the sum of commissions",
    "slippage": "Money that slippage cost; the prices include it",
    "order": "The order's id; 0 for none",
    "tag": "The strategy's own word for the order",
    "cash": "Money: the balance after it",
    "realised": "Money: what it realised against the average price, before its own fee",
    "pnl": "Money: profit after everything that belongs to it",
    "opened": "When it was opened, UTC",
    "closed": "When it was closed, UTC; empty while it is open",
    "entry_price": "Money a share: average of what opened it",
    "exit_price": "Money a share: average of what closed it; of an open trade the last price",
}

TABLES: dict[str, dict[str, str]] = {
    "orders": {
        "id": "The order's number in its run",
        "decided": "When the strategy decided it, UTC",
        "type": "market, limit, stop, stop_limit or trailing_stop",
        "tif": "Time in force: day, gtc, ioc, fok, opg, cls or gtd",
        "limit": "Money a share; empty for none",
        "stop": "Money a share; empty for none",
        "trail": "Distance of a trailing stop: money a share, or percent",
        "trail_percent": "Whether trail is percent",
        "reduce_only": "Whether it may only reduce a position",
        "parent": "The order that it waits for; 0 for none",
        "oco": "Its group of which one order may fill; 0 for none",
        "status": "Where it stands: filled, cancelled, rejected and so on",
        "reason": "Why it ended",
        "filled": "Shares that filled",
        "average_price": "Money a share over its fills",
        "life": "Its steps: time, status and reason, separated by semicolons",
    },
    "fills": {"phase": "When in the bar: open, inside or close"},
    "trades": {
        "trade": "Its number, by when it opened",
        "is_open": "Whether it is still held",
        "quantity": "Shares: the largest position",
        "return": "Share: profit over the most that was put in; 0.1 is 10%",
        "mae": "Share: the furthest move of the price against it; never above 0",
        "mfe": "Share: the furthest move of the price for it; never below 0",
        "holding_days": "Calendar days from its first fill to its last, or to the end",
        "carry": "Money: dividends and spin-offs less borrow",
        "fills": "How many fills it took",
        "exit_reason": "The exit order's tag, reason or type",
    },
    "lots": {
        "cost": "Money: what the shares were bought for, fees included",
        "proceeds": "Money: what they were sold for, less fees",
        "gain": "Money: proceeds less cost",
        "term": "long for more than a year, else short",
    },
    "positions": {
        "average_price": "Money a share: what the position cost on average",
        "price": "Money a share: the last close",
        "unrealised": "Money: what closing at the price would realise, before fees",
    },
    "attribution": {
        "sector": "The symbol's sector; none where it has none",
        "side": "long, short, or none for interest",
        "pnl": "Money: prices, fees and carry, open positions at their last price",
        "fees": "Money: the commissions in pnl",
        "carry": "Money: the dividends and spin-offs less borrow and interest in pnl",
    },
    "equity": {
        "equity": "Money: cash plus positions at their last prices",
        "gross": "Share of equity: the positions' absolute values",
        "net": "Share of equity: the positions' values",
        "benchmark": "Money: what the same cash became in the benchmark",
    },
    "ledger": {
        "kind": "fill, dividend, split, spin_off, delisting, borrow or interest",
        "amount": "Money: the change of cash",
        "position": "Signed shares held after it",
        "ratio": "Of a split the shares after for one before; else 1",
    },
    "refusals": {
        "limit": "Which limit of risk held the order back",
        "value": "What would have been",
        "bound": "The most that was allowed",
        "text": "The same in words",
    },
}  # fmt: skip


def describe(table: str, column: str) -> str:
    """Return what a column of a table means.

    Raises:
        KeyError: Nobody has said.
    """
    own = TABLES[table]
    return own[column] if column in own else _COMMON[column]
