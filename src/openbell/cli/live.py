"""The command `live`, and what it answers."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Coroutine, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from openbell.cli.answer import Answer, Column, Exit, Table
from openbell.cli.folders import state_folder
from openbell.cli.jobs import STRATEGIES, Job, Request, read_jobs
from openbell.cli.limits import describe_limits
from openbell.cli.places import load_settings
from openbell.cli.streaming import check_stream, open_stream, reloads_of
from openbell.config import Loaded
from openbell.config.live import LiveFile, read_live
from openbell.core.errors import ConfigError, nearest
from openbell.execution.factory import open_broker
from openbell.operation.live import Live, run_live
from openbell.operation.standby import spare_of
from openbell.operation.streamed import Stream
from openbell.operation.venue import Account, Venue, locks_at
from openbell.papering import folder_name
from openbell.storage.journal import JOURNAL
from openbell.trading.livesession import LiveSession
from openbell.trading.reconcile import Policy
from openbell.trading.sender import Timing
from openbell.utils.logging import configure, get_logger
from openbell.utils.ratelimit import Budget

#: Requests that an account may make, in how many seconds, where its options do not say another `rate`.
_RATES = {"alpaca": (200.0, 60.0), "ib": (45.0, 1.0)}
_RATE = (60.0, 60.0)  #: the same of brokers that nobody knows
_SIMULATED = "simulated"


@dataclass(frozen=True, slots=True)
class Going:
    """How a live session is to run.

    Args:
        state: Its folder; None is one below the state folder, after the broker's name.
        fresh: Whether to begin anew although an interrupted session could be gone on with.
        agreed: Whether it was said beforehand that real money may be traded.
        broker: A name of brokers.yaml.
        history: Bars of before; None is the usual.
        hours: Whether the stream is listened to while the exchange is open only.
    """

    state: str | None = None
    fresh: bool = False
    agreed: bool = False
    broker: str | None = None
    history: int | None = None
    hours: bool = False


def run_account(request: Request, going: Going) -> Answer:
    """Trade until somebody asks to stop.

    Raises:
        ConfigError: Anything that was typed or configured is wrong, or nobody agreed to trade real money.
        Halt: The account is not what the books say, or the journal cannot be written.
    """
    command = {
        "kind": "live", "folder": str(Path.cwd()), "request": asdict(request),
        "going": asdict(replace(going, agreed=False)),
    }  # fmt: skip
    request, file = _read_file(request, going)
    check_stream(request)
    loaded = load_settings((), _folder(request), request.env)
    asked, settings = read_jobs(request)
    jobs = _choose(asked, file)
    configure(settings.logging.level, json=settings.logging.json)
    stream, environ = open_stream(request, float("inf"), history=going.history, hours=going.hours)
    venue = _open_venue(file, loaded)
    own = settings.state.folder / f"live-{folder_name(file.broker)}"
    folder = state_folder(going.state) if going.state is not None else own

    async def agree(account: Account) -> bool:
        return _show_and_ask(account, jobs, agreed=going.agreed)

    running = run_live(
        [(job.name, job.plan, job.found) for job in jobs],
        stream, venue, folder=folder, agree=agree, fresh=going.fresh, told=_tell, environ=environ,
        changes=reloads_of(request), command=command,
    )  # fmt: skip
    return _answer(asyncio.run(_on_stream(running, stream)))


async def _on_stream(session: Coroutine[Any, Any, Live], stream: Stream) -> Live:
    try:
        return await session
    finally:
        await stream.provider.close()


def _read_file(request: Request, going: Going) -> tuple[Request, LiveFile]:
    """Return what is asked, with what a live.yaml says, or the options in its place."""
    path = Path(request.strategy)
    if path.suffix.lower() in {".yaml", ".yml"} and path.name != STRATEGIES:
        for option, given in (("--broker", going.broker), ("--feed", request.feed)):
            if given is not None:
                raise ConfigError(f"{option}: {path} says this; leave the option out")
        file = read_live(path)
        return replace(request, strategy=str(path.parent / STRATEGIES), feed=file.feed), file
    if going.broker is None or request.feed is None:
        missing = "--broker" if going.broker is None else "--feed"
        raise ConfigError(
            f"{missing} is missing: name it, as in --broker alpaca --feed alpaca, or give a file such as "
            "config/live.yaml"
        )
    return request, LiveFile(broker=going.broker, feed=request.feed)


def _choose(jobs: Sequence[Job], file: LiveFile) -> list[Job]:
    """Return the strategies that a live.yaml names."""
    found = {job.name: job for job in jobs}
    for name in file.strategies:
        if name not in found:
            raise ConfigError(f"live.yaml: strategies: {name!r} is unknown{nearest(name, found)}")
    return [found[name] for name in file.strategies] if file.strategies else list(jobs)


def _open_venue(file: LiveFile, loaded: Loaded) -> Venue:
    """Return the broker with its account's budget."""
    entry = loaded.brokers.get(file.broker)
    if entry is None:
        raise ConfigError(
            f"{loaded.folder / 'brokers.yaml'}: no broker is named {file.broker!r}"
            f"{nearest(file.broker, loaded.brokers)}"
        )
    if entry.kind == _SIMULATED:
        raise ConfigError(
            f"broker {file.broker!r} is simulated, which is paper trading: use `openbell paper --feed "
            f"{file.feed}`"
        )
    broker = open_broker(entry.kind, entry.options, loaded.environ)
    requests, seconds = _RATES.get(entry.kind, _RATE)
    budget = Budget(float(entry.options.get("rate", requests)), seconds)
    spare = spare_of(entry.kind, entry.options, loaded.environ)
    timing = Timing(alarm=file.alarm)
    if file.fractional and not broker.capabilities.fractional:
        raise ConfigError(f"live.yaml: fractional: broker {file.broker!r} takes whole shares; leave it out")
    policy = Policy(positions=file.unexplained)
    locks = locks_at(entry.options)
    return Venue(broker, budget, policy, timing, spare, fractional=file.fractional, locks=locks)


def _show_and_ask(account: Account, jobs: Sequence[Job], *, agreed: bool) -> bool:
    """Show the account, the limits and the strategies on stderr; ask before real money is traded."""
    balance, world = account.balance, "REAL MONEY" if account.is_real else "on paper"
    power = f"buying power {balance.buying_power:,.2f}"
    lines = [
        f"account {account.id}: {world}",
        f"  cash {balance.cash:,.2f} {balance.currency}, equity {balance.equity:,.2f}, {power}",
    ]
    lines += [f"  cash {one.cash:,.2f} {one.currency} at {one.rate:f}" for one in balance.foreign]
    lines += [f"  holds {one.quantity:f} {one.symbol} at {one.average:f}" for one in account.holdings]
    for job in jobs:
        plan = job.plan
        lines.append(f"  {job.name}: {', '.join(plan.symbols)}, capital {plan.cash:,.2f}")
        lines.append(f"    limits: {describe_limits(plan.risk)}")
    for line in lines:
        get_logger().info(line)
    if agreed or not account.is_real:
        return True
    if not sys.stdin.isatty():
        raise ConfigError(
            f"account {account.id} trades real money: say --yes-trade-real-money, or run it at a terminal"
        )
    sys.stderr.write(f"Type the account's id to trade real money ({account.id}): ")
    sys.stderr.flush()
    return sys.stdin.readline().strip() == account.id


def _tell(session: LiveSession) -> None:
    get_logger().info(f"live session, journal {session.journal.path}; `openbell stop --keep` ends it")


def _answer(done: Live) -> Answer:
    columns = [
        Column("Strategy"),
        *(Column(title, right=True) for title in ("Equity", "Cash", "Orders", "Fills")),
    ]
    rows = []
    for one in done.strategies:
        money = (f"{one.equity:,.2f}", f"{one.account.cash:,.2f}")
        rows.append((one.name, *money, str(len(one.orders)), str(len(one.fills))))
    document = {
        "ending": done.ending.value, "account": done.account, "folder": str(done.folder),
        "resumed": done.resumed,
        "strategies": [
            {
                "strategy": one.name, "equity": one.equity, "cash": one.account.cash,
                "orders": len(one.orders), "fills": len(one.fills), "failed": str(one.failure or ""),
            }
            for one in done.strategies
        ],
    }  # fmt: skip
    warnings = [f"strategy {one.name} was stopped: {one.failure}" for one in done.strategies if one.failure]
    said = ["", f"Account: {done.account}", f"Journal: {done.folder / JOURNAL}"]
    parts: list[str | Table] = [Table(columns, rows), *said]
    return Answer(parts, document, Exit.FAILED if warnings else Exit.FINE, warnings)


def _folder(request: Request) -> str | None:
    path = Path(request.strategy)
    return str(path.parent) if path.name == STRATEGIES else request.config
