"""What an order would do to a session, as the API says it.

Annotations are evaluated here (no `from __future__ import annotations`): pydantic reads them.
"""

from pydantic import Field

from openbell.app.models import Model, Time


class Proposed(Model):
    """The order that is asked about: signed shares, and its prices."""

    symbol: str = Field(examples=["AAPL"])
    quantity: float
    limit: float | None
    stop: float | None


class Reading(Model):
    """What one limit says of the order."""

    limit: str = Field(examples=["position_share"])
    value: float | None = Field(description="with the order; null: not known")
    bound: float | None = Field(description="the most that it may be")
    passes: bool
    text: str


class Side(Model):
    """The account before the order, or after the whole of it. Exposures are shares of equity."""

    position: float
    cash: float
    equity: float
    long: float
    short: float
    gross: float
    net: float
    largest: float
    sectors: dict[str, float]
    value_at_risk: float | None = Field(description="in money; null: too little is known")
    expected_shortfall: float | None


class WhatIf(Model):
    """What an order would do, and what of it would pass. Nothing is sent."""

    strategy: str
    time: Time
    order: Proposed
    price: float = Field(description="that it would fill at")
    fee: float
    last: float
    affordable: bool
    level: float = Field(description="of value at risk", examples=[0.99])
    before: Side
    after: Side
    passes: bool = Field(description="whether the limits let all of it pass")
    quantity_that_passes: float
    refused_by: str | None
    limits: list[Reading]
