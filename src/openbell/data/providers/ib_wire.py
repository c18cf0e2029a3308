"""A session with TWS or IB Gateway by ib_async: requests with a deadline, and errors by their codes."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Any

from openbell.core.errors import BadData, ConfigError, OpenbellError, Rejected, RemoteError, Retryable
from openbell.data.providers.http import quote

Fields = list[str]

#: TWS lost its servers; got them back, with subscriptions lost; got them back, with subscriptions kept.
LOST, RESTORED_EMPTY, RESTORED = 1100, 1101, 1102

_ID_IN_USE = 326
_NO_CONTRACT = 200
_HISTORY = 162
_PACED = 10.0  #: seconds; the shortest of IB's pacing rules is six requests in two seconds, the longest 600

#: What the account may not see, or the settings of TWS do not allow.
_NOT_ALLOWED = frozenset({321, 354, 420, 430, 10089, 10090, 10091, 10168, 10186, 10187, 10190, 10197})
_BUSY = frozenset({100, 101, 504, LOST, 2110})
_NOTICES = range(2100, 2200)  #: the state of data farms
_DELAYED = 10167  #: delayed prices follow, which nobody asked for

_HISTORY_FRAME, _CONTRACT_FRAME = 17, 10
_MALFORMED = (ValueError, IndexError, KeyError, StopIteration, TypeError)


class Session:
    """One client of TWS, connected when it is first needed."""

    def __init__(self, host: str, port: int, client_id: int, *, timeout: float) -> None:
        self._host, self._port, self._client_id, self._timeout = host, port, client_id, timeout
        self._pending: dict[int, asyncio.Future[Any]] = {}
        self._opening = asyncio.Lock()
        self._ib: Any = None

    async def connect(self) -> Any:
        """Return a connected client of ib_async.

        Raises:
            ConfigError: The client id is in use.
            Retryable: There is no TWS, or it does not answer.
        """
        async with self._opening:
            if self._ib is None or not self._ib.isConnected():
                self._ib = await self._open()
            return self._ib

    async def ask(
        self,
        asked: str,
        send: Callable[[Any, int], None],
        *,
        contract: Any = None,
        cancel: Callable[[Any, int], None] | None = None,
    ) -> list[Any]:
        """Return the answer to a request.

        Args:
            asked: What this is, for messages.
            send: Sends the request with its id.
            contract: What it is about, for ib_async.
            cancel: Takes the request back when its time is over.

        Raises:
            ConfigError: The account may not see it, or there is no such contract.
            Retryable: TWS is busy, slow, or gone.
            Rejected: It refuses the request.
            BadData: The answer is of another form.
        """
        from ib_async.wrapper import RequestError

        ib = await self.connect()
        number = ib.client.getReqId()
        future = ib.wrapper.startReq(number, contract)
        self._pending[number] = future
        try:
            send(ib, number)
            async with asyncio.timeout(self._timeout):
                answer: list[Any] = await future
        except TimeoutError as error:
            if cancel is not None and ib.isConnected():
                cancel(ib, number)
            raise Retryable(f"ib: {asked}: no whole answer within {self._timeout:g} s") from error
        except RequestError as error:
            raise refuse(error.code, error.message, asked) from error
        except ConnectionError as error:
            raise Retryable(f"ib: {asked}: the connection broke ({quote(str(error))})") from error
        finally:
            del self._pending[number]
        return answer

    async def close(self) -> None:
        """Disconnect."""
        ib, self._ib = self._ib, None
        if ib is not None:
            ib.disconnect()
            await asyncio.sleep(0)  # the transport closes in the loop's next turn

    async def _open(self) -> Any:
        from ib_async import IB
        from ib_async.ib import StartupFetchNONE

        logging.getLogger("ib_async").addHandler(logging.NullHandler())  # errors are raised: no second voice
        ib = IB()
        ib.RaiseRequestErrors = True
        ib.errorEvent += self._on_error
        for frame in (_HISTORY_FRAME, _CONTRACT_FRAME):
            ib.client.decoder.handlers[frame] = self._guard(ib.client.decoder.handlers[frame])
        codes: list[int] = []
        ib.errorEvent += lambda _number, code, *_: codes.append(code)
        address = f"{self._host}:{self._port}"
        try:
            await ib.connectAsync(
                self._host,
                self._port,
                self._client_id,
                timeout=self._timeout,
                readonly=True,
                fetchFields=StartupFetchNONE,
            )
        except (OSError, TimeoutError) as error:
            if _ID_IN_USE in codes:
                raise ConfigError(
                    f"ib: client_id={self._client_id} is in use at {address}; give another"
                ) from error
            raise Retryable(
                f"ib: no TWS or IB Gateway answers at {address}; start it and let it accept API clients"
            ) from error
        return ib

    def _on_error(self, number: int, code: int, message: str, *_: Any) -> None:
        """Fail a request of which ib_async takes an error for a warning, and waits on."""
        from ib_async.wrapper import RequestError

        if code not in _NOTICES:
            self._fail(number, RequestError(number, code, message))

    def _guard(self, handle: Callable[[Fields], None]) -> Callable[[Fields], None]:
        """Return a handler of frames which fails the request whose answer it cannot read."""

        def guarded(fields: Fields) -> None:
            try:
                handle(fields)
            except _MALFORMED as error:
                cause = BadData(f"ib: an answer of another form ({quote(repr(error))})")
                self._fail(int(fields[1]), cause)

        return guarded

    def _fail(self, number: int, error: Exception) -> None:
        future = self._pending.get(number)
        if future is not None and not future.done():
            future.set_exception(error)


def refuse(code: int, message: str, asked: str) -> ConfigError | RemoteError:
    """Return what an error code of TWS asks for."""
    came, low = f"ib: {asked}: error {code} ({quote(message)})", message.lower()
    if code == _NO_CONTRACT:
        return ConfigError(f"{came}; check the symbol, exchange and currency")
    if code == _HISTORY and "pacing" in low:
        return Retryable(came, after=_PACED)
    if code in _NOT_ALLOWED or code == _DELAYED or "permission" in low or "subscri" in low:
        return ConfigError(f"{came}; check the account's market data subscriptions and the settings of TWS")
    if code in _BUSY:
        return Retryable(came)
    return Rejected(came)


def is_empty(error: OpenbellError) -> bool:
    """Tell whether a refusal says that there are no bars, which is no error."""
    return isinstance(error, Rejected) and "no data" in str(error).lower()


async def find_contract(session: Session, symbol: str, terms: Mapping[str, str]) -> Any:
    """Return ib_async's details of a stock; IB writes shares' classes with a space, as in `BRK B`.

    Raises:
        ConfigError: There is none, or there are several.
    """
    from ib_async import Stock

    wanted = Stock(symbol.replace(".", " "), **terms)
    asked = f"facts of {symbol}"
    found = await session.ask(asked, lambda client, number: client.client.reqContractDetails(number, wanted))
    if len(found) == 1:
        found[0].contract.exchange = terms["exchange"]
        return found[0]
    listed = ", ".join(sorted({details.contract.primaryExchange for details in found}))
    remedy = f"it is listed on {listed}: give primary_exchange" if found else "check it and its currency"
    raise ConfigError(f"ib: symbol {symbol!r} names {len(found)} contracts; {remedy}")
