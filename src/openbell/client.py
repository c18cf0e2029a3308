"""A client of the API, for programs: every answer is a typed record.

>>> from openbell.client import Client
>>> with Client("http://127.0.0.1:8321") as client:  # doctest: +SKIP
...     print(client.sessions())
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from types import TracebackType
from typing import Any, Literal, Self, TypeVar
from urllib.parse import quote, urlencode

from pydantic import BaseModel

from openbell.app import asked, models
from openbell.app.whatif import WhatIf
from openbell.core.errors import ConfigError, Disconnected, Rejected, RemoteError, Retryable
from openbell.utils.logging import redact

M = TypeVar("M", bound=BaseModel)

_POLL = 0.2  #: seconds between two looks at a job
_PAGE = 1_000
_GOODBYE = 0.5  #: seconds that a server has to say goodbye, behind all that it has sent and nobody wants


class Client:
    """One server's API. `with Client(...) as client:` lets go of its connections.

    What the server refuses is raised as `Rejected` with the server's own sentence; that it is busy as
    `Retryable`, that it is away as `Disconnected`.
    """

    def __init__(
        self, address: str = "http://127.0.0.1:8321", *, token: str = "", patience: float = 10.0
    ) -> None:
        """Take the server's address, the token if it wants one, and the seconds that an answer may take.

        Raises:
            ConfigError: httpx is not installed, or the address is none.
        """
        try:
            import httpx
        except ModuleNotFoundError as error:
            raise ConfigError('httpx is not installed; pip install "openbell[client]"') from error
        if not address.startswith(("http://", "https://")):
            raise ConfigError(f"address {address!r} must begin with http:// or https://")
        redact(token)
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._address, self._patience = address.rstrip("/"), patience
        self._http: Any = httpx.Client(
            base_url=f"{self._address}/v1", headers=self._headers, timeout=patience
        )
        self._failure: type[Exception] = httpx.HTTPError

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the connections."""
        self._http.close()

    # --- what there is ---------------------------------------------------------------------------------

    def health(self) -> models.Health:
        """Return what the server sees."""
        return self._one(models.Health, "/health")

    def sessions(self) -> list[models.Session]:
        """Return all sessions."""
        return self._list(models.Session, "/sessions")

    def session(self, name: str) -> models.Session:
        """Return one session."""
        return self._one(models.Session, _path("sessions", name))

    def positions(self, session: str) -> list[models.Position]:
        """Return what a session's strategies hold."""
        return self._list(models.Position, _path("sessions", session, "positions"))

    def account(self, session: str) -> models.Account:
        """Return the money of a session's account, by currency and together."""
        return self._one(models.Account, _path("sessions", session, "account"))

    def orders(self, session: str, *, working: bool = False) -> Iterator[models.Order]:
        """Yield a session's orders, oldest first."""
        path = _path("sessions", session, "orders")
        return self._pages(models.Order, path, {"working": "true"} if working else {})

    def fills(self, session: str) -> Iterator[models.Fill]:
        """Yield a session's fills, oldest first."""
        return self._pages(models.Fill, _path("sessions", session, "fills"))

    def equity(self, session: str) -> list[models.Curve]:
        """Return each strategy's equity over time."""
        return self._list(models.Curve, _path("sessions", session, "equity"))

    def signals(self, session: str) -> list[models.Signal]:
        """Return each strategy's last signal for each symbol."""
        return self._list(models.Signal, _path("sessions", session, "signals"))

    def risk(self, session: str) -> models.Risk:
        """Return what a session risks now."""
        return self._one(models.Risk, _path("sessions", session, "risk"))

    def stress(self, session: str, *shocks: str) -> models.Stress:
        """Return what falls would cost, and shocks such as `market=-0.1,AAPL=-0.3`."""
        path = _path("sessions", session, "stress")
        return self._one(models.Stress, path, {"shock": list(shocks)})

    def what_if(
        self, session: str, symbol: str, quantity: float, *, limit: float | None = None,
        stop: float | None = None, strategy: str | None = None,
    ) -> WhatIf:  # fmt: skip
        """Return what an order of signed shares would do to a session; nothing is sent."""
        given = {"symbol": symbol, "quantity": quantity, "limit": limit, "stop": stop, "strategy": strategy}
        order = {name: value for name, value in given.items() if value is not None}
        return self._one(WhatIf, _path("sessions", session, "whatif"), order)

    def data(self, session: str) -> models.DataHealth:
        """Return how fresh a session's prices are."""
        return self._one(models.DataHealth, _path("sessions", session, "data"))

    def machinery(self, session: str) -> models.Machinery:
        """Return how a session's process does."""
        return self._one(models.Machinery, _path("sessions", session, "machinery"))

    def strategies(self) -> list[models.Strategy]:
        """Return the strategies that have a name at the server."""
        return self._list(models.Strategy, "/strategies")

    def runs(self) -> Iterator[models.Run]:
        """Yield recorded backtests, the latest first."""
        return self._pages(models.Run, "/runs")

    def run(self, name: str) -> Mapping[str, Any]:
        """Return all that was recorded of a backtest."""
        found: Mapping[str, Any] = self._ask("GET", _path("runs", name))
        return found

    def sweeps(self) -> Iterator[models.Sweep]:
        """Yield recorded sweeps, the latest first."""
        return self._pages(models.Sweep, "/sweeps")

    def alerts(self) -> Iterator[models.Sent]:
        """Yield what alerts were sent, and what could not be, the latest first."""
        return self._pages(models.Sent, "/alerts")

    # --- what may be asked -----------------------------------------------------------------------------

    def stop(self, session: str, how: Literal["keep", "cancel", "flatten"]) -> models.Session:
        """Ask a session to stop."""
        return self._send(models.Session, "POST", _path("sessions", session, "stop"), {"how": how})

    def resume(self, session: str) -> models.Session:
        """Go on with an interrupted paper session."""
        return self._send(models.Session, "POST", _path("sessions", session, "resume"))

    def signal(self, session: str, strategy: str, symbol: str, conviction: float, **more: Any) -> str:
        """Send a signal into a strategy; return the id under which the session's journal has it.

        `more` are `stop_loss`, `take_profit`, `trailing_stop`, `limit` and `tag`.
        """
        body = {"strategy": strategy, "symbol": symbol, "conviction": conviction, **more}
        return self._send(asked.Receipt, "POST", _path("sessions", session, "signals"), body).id

    def pause(self, session: str, strategy: str) -> str:
        """Ask a strategy to decide nothing."""
        path = _path("sessions", session, "strategies", strategy, "pause")
        return self._send(asked.Receipt, "POST", path).id

    def go_on(self, session: str, strategy: str) -> str:
        """Let a paused strategy decide again."""
        path = _path("sessions", session, "strategies", strategy, "go-on")
        return self._send(asked.Receipt, "POST", path).id

    def change(self, session: str, strategy: str, **parameters: float | str | bool) -> str:
        """Give a strategy other parameters from the next bar on."""
        path = _path("sessions", session, "strategies", strategy, "parameters")
        return self._send(asked.Receipt, "PATCH", path, {"parameters": parameters}).id

    def cancel(self, session: str, strategy: str, order: int) -> str:
        """Cancel an order."""
        path = _path("sessions", session, "strategies", strategy, "orders", str(order))
        return self._send(asked.Receipt, "DELETE", path).id

    def close_position(self, session: str, strategy: str, symbol: str) -> str:
        """Close a position, and cancel the symbol's orders."""
        path = _path("sessions", session, "strategies", strategy, "positions", symbol)
        return self._send(asked.Receipt, "DELETE", path).id

    # --- jobs ------------------------------------------------------------------------------------------

    def start(
        self, kind: Literal["backtest", "sweep"], strategy: str, *symbols: str, **more: Any
    ) -> asked.Job:
        """Begin a backtest or a sweep; `more` are the fields of `openbell.app.asked.JobRequest`."""
        body = {"kind": kind, "strategy": strategy, "symbols": list(symbols), **more}
        return self._send(asked.Job, "POST", "/jobs", body)

    def job(self, name: str) -> asked.Job:
        """Return a job, and how far it is."""
        return self._one(asked.Job, _path("jobs", name))

    def end_job(self, name: str) -> asked.Job:
        """End a job."""
        return self._send(asked.Job, "DELETE", _path("jobs", name))

    def wait(self, name: str, told: Callable[[asked.Job], object] = lambda _: None) -> asked.Job:
        """Return a job when it has ended; `told` hears how far it is meanwhile."""
        while (job := self.job(name)).state in {"waiting", "running"}:
            told(job)
            time.sleep(_POLL)
        return job

    # --- events ----------------------------------------------------------------------------------------

    def events(self, session: str, *, after: int = 0) -> Generator[models.Event, None, None]:
        """Yield every event of a session after a number, then each as it happens.

        Raises:
            Disconnected: The server let go, or this was too slow; ask again `after` the last that came.
        """
        try:
            from websockets.exceptions import ConnectionClosed, InvalidHandshake
            from websockets.sync.client import connect
        except ModuleNotFoundError as error:
            raise ConfigError('websockets is not installed; pip install "openbell[client]"') from error
        place = f"{self._address.replace('http', 'ws', 1)}/v1{_path('sessions', session, 'events')}"
        try:
            with connect(
                f"{place}?{urlencode({'after': after})}", additional_headers=self._headers,
                open_timeout=self._patience, close_timeout=_GOODBYE,
            ) as socket:  # fmt: skip
                for message in socket:
                    yield models.Event.model_validate(json.loads(message))
        except ConnectionClosed as error:
            why = error.rcvd.reason if error.rcvd is not None else "the connection is gone"
            raise Disconnected(f"events of {session!r}: {why}") from error
        except (OSError, InvalidHandshake) as error:
            raise Disconnected(f"events of {session!r}: {error}") from error

    # --- the wire --------------------------------------------------------------------------------------

    def _one(self, kind: type[M], path: str, given: Mapping[str, Any] | None = None) -> M:
        return kind.model_validate(self._ask("GET", path, given))

    def _list(self, kind: type[M], path: str) -> list[M]:
        return [kind.model_validate(one) for one in self._ask("GET", path)]

    def _pages(self, kind: type[M], path: str, given: Mapping[str, str] | None = None) -> Iterator[M]:
        after: int | None = 0
        while after is not None:
            page = self._ask("GET", path, {**(given or {}), "after": after, "limit": _PAGE})
            for one in page["items"]:
                yield kind.model_validate(one)
            after = page["next"]

    def _send(self, kind: type[M], method: str, path: str, body: Mapping[str, Any] | None = None) -> M:
        return kind.model_validate(self._ask(method, path, body=body))

    def _ask(
        self, method: str, path: str, given: Mapping[str, Any] | None = None, *, body: Any = None
    ) -> Any:
        try:
            answer = self._http.request(method, path, params=given, json=body)
        except self._failure as error:
            raise Disconnected(
                f"{self._address} does not answer ({error}); is `openbell serve` on?"
            ) from error
        if answer.is_success:
            return answer.json()
        raise _error_of(answer.status_code, answer.text)


def _path(*parts: str) -> str:
    return "".join(f"/{quote(part, safe='')}" for part in parts)


def _error_of(status: int, text: str) -> RemoteError:
    """Return what the server refused with, as an error."""
    try:
        said = json.loads(text)["detail"]
    except (ValueError, KeyError, TypeError):  # somebody before the server answered
        said = f"the server answered {status}"
    if status == 429:
        return Retryable(said, after=1.0)
    return Retryable(said) if status >= 500 else Rejected(said)
