"""What goes over Yahoo's wire: yfinance's session, what its failures mean, and its frames as raw bars."""

from __future__ import annotations

import asyncio
import json
import logging
import threading
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar
from urllib.parse import urlsplit, urlunsplit

import numpy as np

from openbell.core.errors import BadData, ConfigError, OpenbellError, Retryable
from openbell.core.types import NANOS_PER_DAY, Action, Dividend, Split
from openbell.data.bars import COLUMNS, Floats, Times
from openbell.data.providers.answers import read_field, read_number, read_ratio
from openbell.data.providers.http import decode, quote, refuse
from openbell.data.providers.protocol import Batch, Pace, no_pace

Result = TypeVar("Result")

_CHART = "/finance/chart/"
_ANSWERS = (_CHART, "/finance/quoteSummary/", "/finance/quote")  #: whose failures are looked at
_CHANGED = "the answer's format has changed"
_NOTHING = "doesn't exist for startDate"  #: Yahoo's words for a range without prices
_DIGITS = 7  #: that a 32-bit float holds


class _Answer(NamedTuple):
    """The latest answer to a request for a chart or for facts."""

    status: int
    headers: Mapping[str, str]
    text: str
    chart: bool


class Wire:
    """Calls yfinance, with a session that leads to a host of ours, and says what its failures mean."""

    def __init__(self, url: str, timeout: float) -> None:
        """Take another host's base URL, or "" for Yahoo's own, and seconds to wait for an answer."""
        self._url = urlsplit(url) if url else None
        self._timeout = timeout
        self._kept = threading.local()
        self._session: Any = None
        self.pace: Pace = no_pace  #: awaited before each request

    async def ask(self, ask: Callable[[Any], Result], symbol: str, asked: str) -> Result | None:
        """Make a `call` in a thread, whose requests wait for their turn in this loop."""
        return await asyncio.to_thread(self.call, ask, symbol, asked, asyncio.get_running_loop())

    def call(
        self, ask: Callable[[Any], Result], symbol: str, asked: str, loop: asyncio.AbstractEventLoop
    ) -> Result | None:
        """Return what a function gets from yfinance's ticker; None if the answer has no prices.

        Raises:
            ConfigError: Yahoo does not know the symbol, or refuses to talk to this address.
            Retryable: It is busy, slow or broken.
            Rejected: It refuses the range.
            BadData: The answer is none that Yahoo has.
        """
        import yfinance
        from yfinance.data import YfData
        from yfinance.exceptions import YFException

        self._kept.answer, self._kept.loop = None, loop
        YfData.cache_get.cache_clear()  # it keeps failures too: a second attempt would meet them again
        try:
            return ask(yfinance.Ticker(symbol, session=self.session()))
        except YFException as error:
            found = self._blame(symbol, asked)
            if found is None:
                return None
            raise found from error
        except json.JSONDecodeError as error:
            raise self._blame(symbol, asked) or BadData(f"{asked}: the answer is no JSON") from error
        except OSError as error:  # all errors of curl_cffi are, and those of sockets
            answer: _Answer | None = self._kept.answer
            refused = answer is not None and answer.status >= 400 and self._blame(symbol, asked)
            raise refused or _blame_connection(error, asked, self._timeout) from error
        except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
            found = self._blame(symbol, asked)
            what = f"{type(error).__name__}: {quote(str(error))}"
            raise found or BadData(
                f"{asked}: yfinance cannot read the answer ({what}); {_CHANGED}"
            ) from error
        finally:
            _close_caches()

    def session(self) -> Any:
        """Return the session, made when it is first used."""
        if self._session is None:
            self._session = self._make_session()
        return self._session

    def close(self) -> None:
        """Close its connections."""
        session, self._session = self._session, None
        if session is not None:
            session.close()

    def _make_session(self) -> Any:
        import yfinance
        from curl_cffi import requests

        warnings.filterwarnings("ignore", module=r"yfinance\.")  # pandas' to yfinance, not to be mended here
        logging.getLogger("yfinance").setLevel(logging.CRITICAL)  # what it warns of is raised here, or healed
        yfinance.config.debug.hide_exceptions = False
        wire = self

        class Rerouted(requests.Session):  # type: ignore[type-arg]  # of responses as they are
            """Asks another host if one is given, and keeps what came."""

            def request(self, method: Any, url: str, *args: Any, **kwargs: Any) -> Any:
                kwargs["timeout"] = wire._timeout
                asyncio.run_coroutine_threadsafe(_wait(wire.pace), wire._kept.loop).result()
                answer = super().request(method, wire._lead(url), *args, **kwargs)
                if any(part in url for part in _ANSWERS):
                    status, headers = answer.status_code, dict(answer.headers)
                    wire._kept.answer = _Answer(status, headers, answer.text, _CHART in url)
                return answer

        return Rerouted(impersonate="chrome")

    def _lead(self, url: str) -> str:
        if self._url is None:
            return url
        return urlunsplit(urlsplit(url)._replace(scheme=self._url.scheme, netloc=self._url.netloc))

    def _blame(self, symbol: str, asked: str) -> OpenbellError | None:
        """Return what is wrong by the last answer; None if it is a chart without prices."""
        answer: _Answer | None = self._kept.answer
        if answer is None:
            return Retryable(f"{asked}: Yahoo did not answer")
        if answer.status == 400 and _NOTHING in answer.text:
            return None
        if answer.status == 404:
            return ConfigError(
                f"yahoo does not know the symbol {symbol!r}; check its spelling, such as BRK-B or VOD.L"
            )
        headers = {name.title(): text for name, text in answer.headers.items()}
        found = refuse(answer.status, asked, headers=headers, said=answer.text)
        if found is not None:
            return found
        return _blame_chart(answer.text, asked) if answer.chart else _blame_facts(answer.text, asked)


async def _wait(pace: Pace) -> None:
    await pace()


def _close_caches() -> None:
    """Close this thread's connections to yfinance's databases, which it leaves open for each thread."""
    from yfinance import cache

    for kept in (cache.get_tz_cache(), cache.get_cookie_cache()):
        database = kept.get_db()
        if database is not None:
            database.close()


def _blame_chart(text: str, asked: str) -> OpenbellError | None:
    """Return what is wrong with a chart; None if it is one without prices."""
    try:
        chart = read_field(decode(text, asked), "chart", asked)
        (result,) = read_field(chart, "result", asked)
        read_field(read_field(result, "meta", asked), "exchangeTimezoneName", asked)
    except (BadData, Retryable) as error:
        return error
    except (TypeError, ValueError):
        return BadData(f"{asked}: there is no chart in it; {_CHANGED}")
    empty = not result.get("timestamp")
    return None if empty else BadData(f"{asked}: there are times and no prices; {_CHANGED}")


def _blame_facts(text: str, asked: str) -> OpenbellError:
    try:
        decode(text, asked)
    except (BadData, Retryable) as error:
        return error
    return BadData(f"{asked}: there are no facts in it; {_CHANGED}")


def _blame_connection(error: OSError, asked: str, timeout: float) -> OpenbellError:
    if isinstance(error, TimeoutError) or "Timeout" in type(error).__name__:
        return Retryable(f"{asked}: no answer within {timeout:g} s")
    return Retryable(f"{asked}: the connection broke ({type(error).__name__})")


class Frame(NamedTuple):
    """A frame of yfinance's history as arrays of (n,): what Yahoo calls its prices, adjusted for splits."""

    dates: Times  #: each row's date on the exchange, as its midnight in UTC
    start: Times  #: its moment in ns UTC
    columns: dict[str, Floats]
    splits: Floats  #: 0 where there is none
    dividends: Floats


def read_frame(frame: Any, zone: str, asked: str) -> Frame:
    """Return the rows that have prices or actions.

    Raises:
        BadData: A column is gone, no number, or the times are of another zone than the exchange's.
    """
    index = frame.index
    if str(index.tz) != zone:
        raise BadData(f"{asked}: its times are of {index.tz}, and the exchange's are of {zone}; {_CHANGED}")
    days = index.tz_localize(None).to_numpy("datetime64[D]").astype(np.int64)
    moments = index.tz_convert("UTC").tz_localize(None).to_numpy("datetime64[ns]").astype(np.int64)
    try:
        columns = {name: frame[name.title()].to_numpy(np.float64) for name in COLUMNS}
        splits, dividends = (frame[name].to_numpy(np.float64) for name in ("Stock Splits", "Dividends"))
    except (KeyError, ValueError, TypeError) as error:
        raise BadData(f"{asked}: {type(error).__name__}: {error}; {_CHANGED}") from error
    return Frame(days * NANOS_PER_DAY, moments, columns, splits, dividends)


def read_actions(frame: Frame, symbol: str, asked: str) -> list[Action]:
    """Return splits, and dividends as they were paid: Yahoo divides them by the splits after them.

    Raises:
        BadData: One is no split or dividend.
    """
    actions: list[Action] = []
    factors = _factors(frame.dates, _splits(frame, asked))
    for row in np.flatnonzero((frame.splits != 0) | (frame.dividends != 0)).tolist():
        ex = int(frame.dates[row])
        if frame.dividends[row] != 0:
            paid = float(_shorten(frame.dividends[row : row + 1] * factors[row])[0])
            actions.append(Dividend(symbol, ex, read_number(paid, asked)))
        if frame.splits[row] != 0:
            actions.append(Split(symbol, ex, *read_ratio(float(frame.splits[row]), asked)))
    return actions


def _splits(frame: Frame, asked: str) -> list[tuple[int, float]]:
    rows = np.flatnonzero(frame.splits != 0).tolist()
    ratios = (read_ratio(float(frame.splits[row]), asked) for row in rows)
    return [(int(frame.dates[row]), new / old) for row, (new, old) in zip(rows, ratios, strict=True)]


def splits_of(actions: Sequence[Action]) -> list[tuple[int, float]]:
    """Return the ex-date and the ratio of each split."""
    return [(action.ex, action.ratio) for action in actions if isinstance(action, Split)]


def _factors(dates: Times, splits: Sequence[tuple[int, float]]) -> Floats:
    """Return for each date the shares today for one share then."""
    factors = np.ones(len(dates))
    for ex, ratio in splits:
        factors[dates < ex] *= ratio
    return factors


def unadjust(frame: Frame, splits: Sequence[tuple[int, float]], *, daily: bool) -> Batch:
    """Return the bars as they were traded.

    Yahoo divides its prices by all splits that came later and multiplies volumes, whatever it is asked.
    Its numbers are 32-bit floats: prices are rounded to their seven digits, so that 105.6 is no
    105.59999847. Rows without any price, which only carry an action, are left out.
    """
    factors = _factors(frame.dates, splits)
    there = ~np.isnan(np.stack([frame.columns[name] for name in COLUMNS[:4]])).all(axis=0)
    columns = {name: _shorten(frame.columns[name] * factors)[there] for name in COLUMNS[:4]}
    columns["volume"] = np.round(frame.columns["volume"] / factors)[there]
    return Batch((frame.dates if daily else frame.start)[there], columns)


def _shorten(values: Floats) -> Floats:
    """Round to seven significant digits; what is no positive number stays."""
    shortened = values.copy()
    good = np.isfinite(values) & (values > 0)
    digits = _DIGITS - 1 - np.floor(np.log10(values[good])).astype(np.int64)
    scale = 10.0 ** np.maximum(digits, 0)
    shortened[good] = np.round(values[good] * scale) / scale
    return shortened
