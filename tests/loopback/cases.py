"""How REST servers go wrong, what each failure asks for, and where a key may not show."""

from __future__ import annotations

import traceback
from typing import NamedTuple
from urllib.parse import quote as percent

import pytest

from openbell.core.errors import BadData, ConfigError, RemoteError, Retryable
from tests.loopback.server import Fault

#: A key that must not show anywhere.
CANARY = "canary-5f1e+7/d2"

_ECHO = f'{{"detail": "no, not with {CANARY}"}}'.encode()


class Case(NamedTuple):
    """A failing answer, the error that it must become, and when it may be asked again."""

    fault: Fault
    error: type[Exception]
    after: float | None = None

    @property
    def patience(self) -> float:
        """Seconds that a reader waits: few only where no answer comes, for the machine may be busy."""
        return 1.0 if self.fault.stalled else 10.0


CASES = {
    "401": Case(Fault(401, _ECHO), ConfigError),
    "403": Case(Fault(403, _ECHO), ConfigError),
    "429": Case(Fault(429, _ECHO), Retryable),
    "429 with Retry-After": Case(Fault(429, _ECHO, {"Retry-After": "7"}), Retryable, 7.0),
    "500": Case(Fault(500, _ECHO), Retryable),
    "503 in HTML": Case(Fault(503, b"<html>down</html>"), Retryable),
    "400": Case(Fault(400, _ECHO), RemoteError),
    "truncated body": Case(Fault(200, b'[{"date": "20', truncated=True), Retryable),
    "body that ends early": Case(Fault(200, b'[{"date": "20'), Retryable),
    "slow body": Case(Fault(200, b"[", stalled=True), Retryable),
    "HTML": Case(Fault(200, b"<html>log in</html>"), BadData),
    "other schema": Case(Fault(200, b'{"rows": 1}'), BadData),
}


def cases(*without: str) -> list[object]:
    """Return the cases as parameters of a test, without some that it shows in its own way."""
    return [pytest.param(case, id=name) for name, case in CASES.items() if name not in without]


def assert_hidden(error: BaseException, caplog: pytest.LogCaptureFixture) -> None:
    """Check that the canary shows neither in an error and its causes nor in any log, and is one line."""
    assert CANARY not in "".join(traceback.format_exception(error)), "the key shows in the error"
    assert "\n" not in str(error)
    assert_unlogged(caplog)


def assert_unlogged(caplog: pytest.LogCaptureFixture) -> None:
    """Check that the canary shows in no log but that of the loopback server itself."""
    lines = [record.getMessage() for record in caplog.records if record.name != "aiohttp.access"]
    assert lines, "nothing was logged: this would show nothing"
    for form in (CANARY, percent(CANARY, safe="")):
        assert not any(form in line for line in lines), "the key shows in a log"
