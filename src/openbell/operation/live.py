"""Live trading: strategies on a provider's stream and a broker's account, with a journal of it all."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from openbell.core.errors import ConfigError
from openbell.execution.port import LiveBroker
from openbell.operation.accountlock import held
from openbell.operation.broadcast import published
from openbell.operation.liveopening import Opening
from openbell.operation.standby import standing_by
from openbell.operation.streamed import Job, Stream
from openbell.operation.streaming import Streaming
from openbell.operation.venue import Account, Venue, hold_account
from openbell.operation.warmup import Source
from openbell.papering import Traded, outcomes_of, stop_on_signals
from openbell.storage.journal import JOURNAL, Journal
from openbell.storage.lock import FolderLock
from openbell.trading.circumstances import channels_for
from openbell.trading.copying import copied
from openbell.trading.inbox import Inbox, read_stop, was_taken
from openbell.trading.livesession import LiveSession
from openbell.trading.pulse import beating
from openbell.trading.session import Ending


@dataclass(frozen=True, slots=True)
class Live:
    """A live session that has ended: why, where its journal is, and each strategy's outcome."""

    ending: Ending
    folder: Path
    account: str
    resumed: int  #: inputs that were gone through again, because the session had been interrupted
    strategies: Sequence[Traded]


_FORGOTTEN = (
    "`openbell stop --{how}` was asked before this session ended, and it did not take it; it goes on now: "
    "ask again if it shall stop"
)


async def run_live(  # noqa: PLR0913  # all but the first three are named, and may be left out
    jobs: Sequence[Job],
    stream: Stream,
    venue: Venue,
    *,
    folder: Path,
    agree: Callable[[Account], Awaitable[bool]],
    fresh: bool = False,
    told: Callable[[LiveSession], object] | None = None,
    changes: Callable[[LiveSession], Mapping[str, Mapping[str, Any]]] | None = None,
    command: Mapping[str, Any] | None = None,
    environ: Mapping[str, str] = os.environ,
) -> Live:
    """Trade until somebody asks to stop.

    Args:
        jobs: The strategies, each with its share of the capital as its plan's cash.
        stream: Where the bars come from.
        venue: Where orders go.
        folder: Where the journal is, and in `feed` what the stream said.
        agree: Shown the account before anything is sent; False ends it there.
        fresh: Whether to begin anew although an interrupted session could be gone on with.
        told: Called with the session when it is ready.
        changes: Asked between two inputs for strategies' new parameters.
        command: How the session was asked for, so that it can be asked for again.
        environ: Where the addresses are of a database, which gets a copy of the journal, and of a Redis,
            which has the account's lock and hears of all events.

    Raises:
        ConfigError: Another process uses the folder or the account, it cannot trade, or nobody agreed.
        Halt: The account is not what the books say, or the interrupted session cannot be gone on with.
    """
    path, broker = folder / JOURNAL, venue.broker
    try:
        account = await _agreed(broker, agree)
        stream = stream.at(await broker.now())
        async with AsyncExitStack() as kept:
            kept.enter_context(FolderLock(folder))
            kept.enter_context(hold_account(venue.locks, account.id))
            guard = await kept.enter_async_context(held(account.id, environ, folder))
            journal = kept.enter_context(Journal(path, account=account.id))
            kept.enter_context(copied(path, environ))
            await kept.enter_async_context(published(path, "", environ))
            forgotten = read_stop(folder)
            forgotten = None if forgotten is None or was_taken(forgotten, journal) else forgotten
            inbox = Inbox(folder)
            kept.enter_context(standing_by(folder, venue.spare))
            heart = await kept.enter_async_context(beating(folder))
            source = Source(stream.provider, stream.catalog, stream.budget)
            opening = Opening(jobs, stream, source, venue, journal, inbox, follows=changes is not None)
            currency = account.balance.currency
            session, resumed, since = await opening.open(fresh=fresh, command=command, currency=currency)
            session.guard = guard
            if stream.provider.offer.actions:
                session.ask_actions = source.actions_between
            session.begun = lambda: heart.at_work(lambda: session.waiting)
            if forgotten is not None and resumed:
                session.alarm(_FORGOTTEN.format(how=forgotten.how))
            if changes is not None:
                session.changes = lambda: changes(session)
            if told is not None:
                told(session)
            channels = channels_for(stream.provider, [one.risk for _, one, _ in jobs])
            streaming = Streaming(
                source, opening.symbols, clock=stream.time, folder=folder, requests=inbox,
                budget=stream.budget, hours=stream.hours, channels=channels, share=stream.share,
            )  # fmt: skip
            with stop_on_signals(inbox):
                items = streaming.items(session, since=since)
                async with aclosing(items):
                    ending = await session.run(items)
            courses = session.floor.courses.values()
            return Live(ending, folder, account.id, resumed, outcomes_of(courses, journal))
    finally:
        await broker.close()


async def _agreed(broker: LiveBroker, agree: Callable[[Account], Awaitable[bool]]) -> Account:
    """Return the account that somebody agrees to trade on.

    Raises:
        ConfigError: It cannot trade, or nobody agreed.
    """
    account = Account(await broker.connect(), await broker.balance(), await broker.holdings())
    if account.balance.blocked:
        raise ConfigError(f"account {account.id} cannot trade: {account.balance.blocked}")
    if not await agree(account):
        raise ConfigError(f"account {account.id}: nobody agreed to trade on it, so nothing was sent")
    return account
