"""Requests of every kind that the API describes, and of many that it does not: none of them is a 500."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from tests.integration.api_server import Served

import openbell as ob
from openbell.app.desk import Desk
from openbell.app.guard import Guard

#: What starts a process of its own when it is asked well.
STARTS = {"POST /v1/jobs", "POST /v1/sessions/{name}/resume"}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("fuzz")
    ob.paper("sma_cross", "AAPL", start="2012-01-03", end="2012-05-30", state=folder / "state" / "one")
    one = Served(Desk(folder / "state", folder / "reports"), Guard("127.0.0.1", rate=1e9))
    yield one
    one.end()


@pytest.fixture(scope="module")
def described(served: Served):
    schema = schemathesis.openapi.from_url(f"{served.address}/v1/openapi.json")
    schema.config.update(base_url=served.address)
    return schema


def ask_everything(described: Any, examples: int) -> int:
    """Ask every operation that is described; return how many there are."""
    operations = [found.ok() for found in described.get_all_operations()]
    for operation in operations:
        if operation.label in STARTS:
            continue

        @settings(
            max_examples=examples, deadline=None, database=None, suppress_health_check=list(HealthCheck)
        )
        @given(case=operation.as_strategy())
        def ask(case: Any) -> None:
            case.call_and_validate()

        ask()
    return len(operations)


def test_no_request_is_our_fault(described: Any) -> None:
    assert ask_everything(described, 3) > 30


@pytest.mark.slow
def test_no_request_of_many_is_our_fault(described: Any) -> None:
    assert ask_everything(described, 150) > 30
