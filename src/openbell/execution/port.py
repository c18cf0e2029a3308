"""The port to a live broker: what it is asked, what it answers, and what it can do.

Numbers are exact decimals here, as on the wire. An adapter turns them into its SDK's terms and back, and
knows nothing of strategies, journals or retries. What must happen after an error is in the error's class:

- `Rejected`: the broker has understood and refuses; the order does not exist. The message has its words.
- `Retryable`: it is unknown whether the request arrived, or the server asks for patience (`after`). A read
  may be asked again. An order may not: the broker is asked for it by its client order id instead.
- `Disconnected`: there is no connection; the same as above, and `events` ends with it.
- `ConfigError`: the key is missing or refused, or the account cannot trade.

What comes after a bracket's or a pair's exits carries ids of their own: the entry's client id with
`TARGET_LEG` or `STOP_LEG` behind it, in reports, executions and as what `cancel` and `find` are asked for.
An order with exits comes in two forms, where the broker has them:

- An entry with `take_profit`, `stop_loss` or both is a bracket: its exits work from its fill on.
- A limit order with `reduce_only` and `stop_loss` is a pair (OCO) for what is held: itself is the target.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Any, NamedTuple, Protocol

from openbell.core.types import OrderStatus, OrderType, Reason, Side, TimeInForce
from openbell.execution.approval import ApprovedOrder

#: What stands behind an entry's client id in its target's, and in its stop's.
TARGET_LEG = "-tp"
STOP_LEG = "-sl"


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a broker does itself. The rest is emulated, or refused before it is sent.

    Args:
        types: Order types that it has.
        tifs: Times in force that it has.
        bracket: Whether an entry can carry a stop and a target that work from its fill on.
        oco: Whether two exits can cancel each other at the broker.
        replace: Whether a working order can be changed in place.
        fractional: Whether quantities may be fractions; `lot` of the instrument is the grid.
        notional: Whether a market order may be for an amount of money.
        short: Whether shares can be sold short.
        extended_hours: Whether orders can work before the open and after the close.
        id_length: The longest client order id.
        unique_ids: Whether the broker refuses a client order id that came before: then an order whose
            fate is unknown may be sent again under the same id, as it cannot come twice.
        reserves: Whether the broker keeps the shares of a position for the orders that are to close it, and
            takes no others for them: exits make room for a market order then, and follow it.
        stops_last: Whether stops are for the day or until cancelled, and for no other time in force.
    """

    types: frozenset[OrderType]
    tifs: frozenset[TimeInForce]
    bracket: bool = False
    oco: bool = False
    replace: bool = False
    fractional: bool = False
    notional: bool = False
    short: bool = False
    extended_hours: bool = False
    id_length: int = 48
    unique_ids: bool = False
    reserves: bool = False
    stops_last: bool = False

    def has(self, kind: OrderType, tif: TimeInForce) -> bool:
        """Tell whether an order of a type can be sent for a time in force."""
        plain = kind in (OrderType.MARKET, OrderType.LIMIT)
        lasts = tif in (TimeInForce.DAY, TimeInForce.GTC)
        return kind in self.types and tif in self.tifs and (plain or lasts or not self.stops_last)

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON values; `capabilities_from_json` reads them back."""
        values = asdict(self)
        return {**values, "types": sorted(self.types), "tifs": sorted(self.tifs)}


def capabilities_from_json(values: Mapping[str, Any]) -> Capabilities:
    """Return what `Capabilities.as_json` wrote."""
    types = frozenset(map(OrderType, values["types"]))
    return Capabilities(**{**values, "types": types, "tifs": frozenset(map(TimeInForce, values["tifs"]))})


class Foreign(NamedTuple):
    """Cash in a currency that is not the account's own; `rate` is what one unit is worth in that one."""

    currency: str
    cash: Decimal
    rate: Decimal


class Balance(NamedTuple):
    """The account as the broker has it, in its currency. `blocked` says why it cannot trade, or nothing.

    `cash` is that in the account's own currency alone, so that no rate moves it; equity is of all.
    `day_trades` are those of the last five sessions, as the broker counts them; 0 where it says nothing.
    """

    time: int  #: of all of it, the rates too
    cash: Decimal
    equity: Decimal
    buying_power: Decimal
    currency: str = "USD"
    blocked: str = ""
    day_trades: int = 0
    foreign: Sequence[Foreign] = ()


class Holding(NamedTuple):
    """A position as the broker has it: signed quantity, and the average price paid."""

    symbol: str
    quantity: Decimal
    average: Decimal


class Report(NamedTuple):
    """What the broker says of an order. `filled` is cumulative, so that a report may come twice or late.

    `client_id` is empty for an order that somebody placed by hand and gave none. `replaces` is the client id
    of the order that this one took the place of.
    """

    client_id: str
    broker_id: str
    symbol: str
    side: Side
    quantity: Decimal
    status: OrderStatus
    time: int
    filled: Decimal = Decimal(0)
    average: Decimal = Decimal(0)
    reason: Reason = Reason.NONE
    said: str = ""  #: the broker's own words
    replaces: str = ""


class Execution(NamedTuple):
    """One fill. `id` is the broker's, unique in the account: the same fill is booked once."""

    id: str
    client_id: str
    broker_id: str
    symbol: str
    side: Side
    quantity: Decimal
    price: Decimal
    fee: Decimal
    time: int


class Link(NamedTuple):
    """The stream of events was lost, or is there again: then what happened between must be asked for."""

    up: bool
    time: int
    why: str = ""


Heard = Report | Execution | Link


class LiveBroker(Protocol):
    """A broker's account. Ids are client order ids, which Openbell makes and never uses twice."""

    name: str
    capabilities: Capabilities

    async def connect(self) -> str:
        """Log in; return the account's identity, such as `alpaca:paper:PA123`, which is no secret."""

    async def now(self) -> int:
        """Return the broker's clock, ns UTC."""

    async def balance(self) -> Balance:
        """Return cash, equity and buying power."""

    async def holdings(self) -> Sequence[Holding]:
        """Return all positions."""

    async def working(self) -> Sequence[Report]:
        """Return all orders that have not ended, whoever placed them."""

    async def find(self, client_id: str) -> Report | None:
        """Return an order by its client id, ended or not; None if the broker never got it."""

    async def executions(self, since: int) -> Sequence[Execution]:
        """Return the fills from a time on (ns UTC), oldest first; some may be known already."""

    async def place(self, order: ApprovedOrder) -> Report:
        """Send an order. Returns when the broker has answered; what becomes of it comes by `events`."""

    async def replace(self, client_id: str, order: ApprovedOrder) -> Report:
        """Ask to put an order with another client id, quantity and prices in the place of a working one.

        As in FIX, `quantity` counts what the replaced order has filled, and so does `filled` in the reports
        of the new one: a fill that races with the request cannot lead to too much.
        """

    async def cancel(self, client_id: str) -> None:
        """Ask to cancel an order. That it was asked is no proof: `events` says whether it ended or filled."""

    async def cancel_all(self) -> None:
        """Ask to cancel every order of the account, by one request where the broker has one."""

    def events(self) -> AsyncIterator[Heard]:
        """Yield what happens to the account's orders, whoever placed them; reconnects by itself."""

    async def close(self) -> None:
        """Let go of connections; closing twice does nothing."""
