"""What may be asked of the API, as types.

Annotations are evaluated here (no `from __future__ import annotations`): pydantic reads them.
"""

from datetime import date
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints, model_validator

from openbell.app.models import Model, Parameters

#: Names only: nothing that is asked from outside names a file or a module of this computer.
Word = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_]{0,59}$")]
Symbol = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._/=^:-]{0,29}$")]
Price = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Values = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.,:+-]{1,200}$")]


class Stop(Model):
    """How to stop: leave all as it is, cancel what works, or close what is held too."""

    how: Literal["keep", "cancel", "flatten"] = Field(examples=["cancel"])


class Signal(Model):
    """A signal from outside: it is sized and passes the limits like the strategy's own."""

    strategy: str = Field(min_length=1, max_length=200, examples=["sma_cross"])
    symbol: Symbol = Field(examples=["AAPL"])
    conviction: float = Field(ge=-1, le=1, allow_inf_nan=False, examples=[0.8])
    stop_loss: Price | None = None
    take_profit: Price | None = None
    trailing_stop: Annotated[float, Field(gt=0, lt=1)] | None = None
    limit: Price | None = None
    tag: str | None = Field(default=None, max_length=60)


class Change(Model):
    """Other parameters for a strategy; those that are not named stay."""

    parameters: Parameters = Field(min_length=1, max_length=100, examples=[{"fast": 20}])


class Receipt(Model):
    """What was asked is on its way: the session's journal tells under this id what became of it."""

    id: str = Field(examples=["9f8a3c0b12de"])


class JobRequest(Model):
    """A backtest or a sweep of a strategy that has a name here."""

    kind: Literal["backtest", "sweep"] = Field(examples=["backtest"])
    strategy: Word = Field(examples=["sma_cross"])
    symbols: Annotated[list[Symbol], Field(min_length=1, max_length=500)] = Field(examples=[["AAPL"]])
    start: date | None = Field(default=None, examples=["2010-01-04"])
    end: date | None = None
    parameters: Parameters = Field(default_factory=dict, max_length=100, examples=[{"slow": 40}])
    grid: dict[Word, Values] = Field(
        default_factory=dict, max_length=20, description="for a sweep: fast=5:60:5"
    )
    where: Annotated[str, StringConstraints(max_length=300)] | None = None
    provider: Word | None = None
    timeframe: Annotated[str, StringConstraints(pattern=r"^[1-9][0-9]{0,3}[smhdw]$")] | None = None
    cash: Annotated[float, Field(gt=0, le=1e15)] | None = None

    @model_validator(mode="after")
    def _check_kind(self) -> Any:
        if self.kind == "sweep" and not self.grid:
            raise ValueError('a sweep needs a grid, such as {"fast": "5:60:5"}')
        if self.kind == "backtest" and (self.grid or self.where):
            raise ValueError("a grid and a where are for a sweep")
        return self


class Job(Model):
    """A job and how far it is."""

    id: str
    kind: str
    strategy: str
    symbols: list[str]
    state: Literal["waiting", "running", "finished", "failed", "cancelled"]
    done: float = Field(ge=0, le=1, description="share of the whole")
    doing: str
    said: str = Field(description="why it failed")
    answer: dict[str, Any] | None = Field(description="what `openbell --json` says of it")
    asked: int = Field(description="the computer's time, ns")
    by: str
