"""What the API says, as types: times are ns since 1970 in UTC, money is in the account's currency.

Annotations are evaluated here (no `from __future__ import annotations`): pydantic reads them.
"""

from typing import Annotated, Any, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field

Item = TypeVar("Item")
Time = Annotated[int, Field(description="ns since 1970 in UTC", examples=[1_325_601_000_000_000_000])]
State = Literal["starting", "running", "silent", "interrupted", "stopped", "end_of_data"]
Parameters = dict[str, int | float | bool | str]


class Model(BaseModel):
    """What every answer and every request is: known fields, and nothing else."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Standing(Model):
    """How one strategy of a session stands."""

    strategy: str = Field(examples=["sma_cross"])
    equity: float = Field(examples=[101_234.5])
    cash: float
    today: float = Field(description="what it made since the day's first bar", examples=[-120.25])
    drawdown: float = Field(description="from its highest equity, as a share of it", examples=[0.031])
    positions: int
    working: int = Field(description="orders that may still fill")
    fills: int
    failed: str = Field(description="what it raised; empty when it runs")
    paused: bool = Field(description="whether somebody asked it to decide nothing")
    parameters: dict[str, Any] = Field(examples=[{"fast": 10, "slow": 30}])


class Session(Model):
    """A session and its strategies."""

    name: str = Field(examples=["paper-sma_cross"])
    state: State = Field(description="`silent` is one that is there and does not answer")
    time: Time
    events: int = Field(description="the sequence number of the last event")
    strategies: list[Standing]


class Position(Model):
    """What a strategy holds of a symbol; short is negative."""

    strategy: str
    symbol: str = Field(examples=["AAPL"])
    quantity: float
    average: float
    price: float
    unrealised: float
    realised: float


class Cash(Model):
    """What an account has of a currency; less than nothing is owed."""

    currency: str = Field(examples=["EUR"])
    amount: float
    rate: float | None = Field(description="what one unit is worth in the account's currency; null: unknown")


class Account(Model):
    """The money of a session's account: as its broker told it last, or of its strategies together."""

    time: Time = Field(description="ns since 1970 in UTC: of the amounts and of the rates")
    currency: str = Field(description="what it is valued in; empty: several, and no rate is known")
    cash: list[Cash]
    worth: float | None = Field(description="all cash in `currency`")
    equity: float | None = Field(description="with the positions")
    power: float | None = Field(description="what the broker lets it spend; null where there is none")


class Order(Model):
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
    status: str = Field(examples=["accepted"])
    reason: str
    decided: Time


class Fill(Model):
    """One execution."""

    strategy: str
    order_id: int
    symbol: str
    side: Literal[1, -1]
    quantity: float
    price: float
    fee: float
    time: Time


class Curve(Model):
    """A strategy's equity over time."""

    strategy: str
    times: list[int]
    values: list[float]


class Signal(Model):
    """The last signal of a strategy for a symbol."""

    strategy: str
    symbol: str
    conviction: float = Field(description="from -1 to 1: direction and confidence", examples=[0.8])
    time: Time


class Notice(Model):
    """Something that somebody should know of."""

    seq: int
    time: Time
    wall: int = Field(description="the computer's time when it was written, ns")
    kind: str = Field(examples=["refused"])
    strategy: str
    said: str


class SymbolHealth(Model):
    """How fresh a symbol's prices are."""

    symbol: str
    time: Time
    wall: int = Field(description="the computer's time when the last bar was written, ns")
    age: float = Field(description="seconds since then, by the computer's clock")
    bars: int


class DataHealth(Model):
    """How fresh all prices are, and whether the broker's stream stands."""

    symbols: list[SymbolHealth]
    stream: bool | None = Field(description="whether the broker's stream stands; null where there is none")
    reconnects: int
    checked: int = Field(description="the computer's time of the last comparison with the account, ns; or 0")


class Loss(Model):
    """What a fall, or a shock of one's own, would do to what is held."""

    name: str = Field(examples=["The pandemic"])
    span: str = Field(description="of one that has happened", examples=["2020-02-19 to 2020-03-23"])
    pnl: float = Field(examples=[-21_350.0])
    share: float | None = Field(description="of equity; null where that is not positive")
    parts: dict[str, float] = Field(description="by symbol")


class Stress(Model):
    """What falls would cost of what is held, and what each position adds to the risk."""

    equity: float
    values: dict[str, float] = Field(description="signed, in money", examples=[{"AAPL": 41_200.0}])
    betas: dict[str, float] = Field(description="to all symbols of the session in equal parts")
    risk: dict[str, float] = Field(description="what each adds to the deviation of one bar's return")
    bars: int = Field(description="returns that both are estimated from")
    losses: list[Loss]


class Risk(Model):
    """What a session risks now. Shares are of equity; losses are positive."""

    equity: float
    long: float
    short: float
    gross: float
    net: float
    largest: float
    sectors: dict[str, float] = Field(examples=[{"Technology": 0.61}])
    drawdown: float
    drawdown_limits: dict[str, float] = Field(examples=[{"warn": 0.1, "reduce": 0.2, "halt": 0.3}])
    value_at_risk: float | None = Field(description="of one bar at 99 %, by the last bars; null: too few")
    expected_shortfall: float | None
    bars: int = Field(description="bars that these two are estimated from")
    symbols: list[str] = Field(description="the rows of `correlation`")
    correlation: list[list[float | None]] = Field(description="of returns of bars; null: too few")
    refusals: dict[str, int] = Field(description="by reason", examples=[{"max_share": 2}])


class Latency(Model):
    """How long one way took, in seconds, of the last 500."""

    way: str = Field(examples=["bar_to_order"])
    count: int
    p50: float
    p99: float


class Machinery(Model):
    """How a session's process does."""

    pulse: float | None = Field(description="seconds since it last answered; null where it does not run")
    lag: float | None = Field(description="seconds that its loop was late")
    memory: int | None = Field(description="bytes")
    uncopied: int | None = Field(description="events that the database has not yet; null: nothing is copied")
    latencies: list[Latency]


class Event(Model):
    """An event of the journal. Events are numbered without a gap."""

    seq: int
    time: Time
    wall: int
    kind: str = Field(examples=["fill"])
    strategy: str
    subject: str
    trace: str = Field(description="joins everything that one bar led to")
    body: dict[str, Any]


class Run(Model):
    """A recorded backtest."""

    id: str = Field(examples=["sma_cross-AAPL-0c885cb5"])
    strategy: str
    symbols: list[str]
    metrics: dict[str, float | None]


class Runs(Model):
    """Some of the recorded backtests; `unreadable` names those that cannot be read, and why."""

    items: list[Run]
    next: int | None
    unreadable: dict[str, str]


class Sweep(Model):
    """A recorded sweep."""

    id: str
    strategy: str
    symbols: list[str]
    combinations: int
    state: str
    best: dict[str, Any] | None


class Parameter(Model):
    """A strategy's parameter."""

    name: str
    default: Any
    bounds: dict[str, float]
    choices: list[Any]
    help: str


class Strategy(Model):
    """A strategy that has a name here."""

    name: str
    summary: str
    kind: Literal["signal", "class"]
    parameters: list[Parameter]


class Health(Model):
    """Whether all is well."""

    version: str
    sessions: int
    running: int
    silent: list[str] = Field(description="sessions that are there and do not answer")
    unreadable: dict[str, str] = Field(description="sessions whose journal cannot be read, and why")


class Problem(Model):
    """What went wrong (RFC 9457)."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str


class Page(Model, Generic[Item]):
    """Some of many: `next` is what to give as `after` for those that follow; none when these are the last."""

    items: list[Item]
    next: int | None


class Sent(Model):
    """What became of an alert: `sent`, `failed` (it is tried again) or `lost`."""

    time: int
    target: str
    outcome: Literal["sent", "failed", "lost"]
    title: str
    body: str
    why: str


class Action(Model):
    """A line of the audit log."""

    time: int
    by: str
    action: str
    on: str
    outcome: str
    more: dict[str, Any]
