"""What each limit measures. A value above the bound refuses the order; one that is no number does as well."""

from __future__ import annotations

from collections.abc import Iterator

from openbell.execution.risk.check import Check
from openbell.execution.risk.limits import Risk
from openbell.execution.risk.operation_checks import operation_checks
from openbell.execution.risk.order_checks import order_checks
from openbell.execution.risk.portfolio_checks import portfolio_checks
from openbell.execution.risk.position_checks import position_checks


def checks_of(risk: Risk) -> Iterator[Check]:
    """Yield the checks of all limits that are set, the cheapest first."""
    yield from operation_checks(risk.operation)
    yield from order_checks(risk.order, risk.model)
    yield from position_checks(risk.position, risk.model)
    yield from portfolio_checks(risk.portfolio, risk.model)
