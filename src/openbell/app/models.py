"""What the API says, as types: times are ns since 1970 in UTC, money is in the account's currency.

Annotations are evaluated here (no `from __future__ import annotations`): pydantic reads them.
"""

from typing import Annotated, Any, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field

Item = TypeVar("Item")
Time = Annotated[int, Field(description="ns since 1970 in UTC", examples=[1_325_601_000_000_000_000])]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Standing(_Model):
    """How one strategy of a session stands."""

    strategy: str = Field(examples=["sma_cross"])
    equity: float = Field(examples=[101_234.5])
    cash: float
    positions: int
    working: int = Field(description="orders that may still fill")
    fills: int
    failed: str = Field(description="what it raised; empty when it runs")


class Session(_Model):
    """A session and its strategies."""

    name: str = Field(examples=["paper-sma_cross"])
    state: Literal["running", "interrupted", "stopped", "end_of_data"]
    time: Time
    events: int = Field(description="the sequence number of the last event")
    strategies: list[Standing]


class Position(_Model):
    """What a strategy holds of a symbol; short is negative."""

    strategy: str
    symbol: str
    quantity: float
    average: float
    price: float
    unrealised: float
    realised: float


class Order(_Model):
    """An order and where it stands."""

    strategy: str
    id: int
    text: str = Field(examples=["buy 100 AAPL limit 99.5 gtc"])
    symbol: str
    side: Literal[1, -1]
    quantity: float
    filled: float
    average: float
    fees: float
    status: str
    reason: str
    decided: Time


class Fill(_Model):
    """One execution."""

    strategy: str
    order_id: int
    symbol: str
    side: Literal[1, -1]
    quantity: float
    price: float
    fee: float
    time: Time


class Curve(_Model):
    """A strategy's equity over time."""

    strategy: str
    times: list[int]
    values: list[float]


class Event(_Model):
    """An event of the journal. Events are numbered without a gap."""

    seq: int
    time: Time
    kind: str
    strategy: str
    subject: str
    body: dict[str, Any]


class Run(_Model):
    """A recorded backtest."""

    id: str
    strategy: str
    symbols: list[str]
    metrics: dict[str, float | None]


class Stop(_Model):
    """How to stop."""

    how: Literal["keep", "cancel", "flatten"]


class Health(_Model):
    """Whether all is well."""

    version: str
    sessions: int
    running: int
    unreadable: dict[str, str] = Field(description="sessions whose journal cannot be read, and why")


class Problem(_Model):
    """What went wrong (RFC 9457)."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str


class Page(_Model, Generic[Item]):
    """Some of many: `next` is what to give as `after` for those that follow; none when these are the last."""

    items: list[Item]
    next: int | None
