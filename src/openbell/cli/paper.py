"""The commands of a session: `paper`, and from other processes `resume`, `status`, `orders`, `positions`."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from openbell.cli.answer import Answer, Column, Exit, Table
from openbell.cli.folders import state_folder
from openbell.cli.funds import tell_funds
from openbell.cli.hearing import state_of, tell_heard
from openbell.cli.jobs import Request, read_jobs
from openbell.cli.places import load_settings, placed
from openbell.cli.standings import read_sessions
from openbell.cli.streaming import check_stream, open_stream, reloads_of
from openbell.core.errors import ConfigError
from openbell.core.market import as_datetime
from openbell.operation.streamed import Stream, run_streamed
from openbell.papering import Paper, Traded, folder_name, parts_of, run_paper
from openbell.storage.journal import JOURNAL, Journal
from openbell.trading.pace import read_speed
from openbell.trading.record import latest_session
from openbell.trading.session import Ending, Session
from openbell.utils.logging import configure, get_logger


@dataclass(frozen=True, slots=True)
class Course:
    """How a session is to run.

    Args:
        speed: How much faster than life.
        state: The session's folder; None is one below the state folder, after the strategy's name.
        fresh: Whether to begin anew although an interrupted session could be gone on with.
        history: Bars of before, for a stream; None is the usual.
        hours: Whether a stream is listened to while the exchange is open only.
    """

    speed: str = "max"
    state: str | None = None
    fresh: bool = False
    history: int | None = None
    hours: bool = False


def run_session(request: Request, course: Course) -> Answer:
    """Trade on paper what a request asks for, until the bars end or somebody asks to stop.

    Raises:
        ConfigError: Anything that was typed or configured is wrong.
        BadData: The data break a rule.
        Halt: The interrupted session cannot be gone on with, or the journal cannot be written.
    """
    with placed("--speed"):
        fast = read_speed(course.speed)
    if request.feed is None and (course.history is not None or course.hours):
        option = "--history" if course.history is not None else "--sessions"
        raise ConfigError(f"{option} is for a stream; name one, as in --feed alpaca, or leave it out")
    if request.feed is not None:
        check_stream(request)
    jobs, settings = read_jobs(request)
    configure(settings.logging.level, json=settings.logging.json)
    name = jobs[0].name if len(jobs) == 1 else Path(request.strategy).stem
    own = settings.state.folder / f"paper-{folder_name(name)}"
    folder = state_folder(course.state) if course.state is not None else own
    listed = [(job.name, job.plan, job.found) for job in jobs]
    options: dict[str, Any] = {
        "folder": folder, "fresh": course.fresh, "told": _tell, "changes": reloads_of(request),
        "command": {"folder": str(Path.cwd()), "request": asdict(request), "course": asdict(course)},
    }  # fmt: skip
    if request.feed is not None:
        stream, environ = open_stream(request, fast, history=course.history, hours=course.hours)
        return _answer(
            asyncio.run(_on_stream(run_streamed(listed, stream, environ=environ, **options), stream))
        )
    environ = load_settings((), request.config, request.env).environ
    return _answer(asyncio.run(run_paper(parts_of(listed), speed=fast, environ=environ, **options)))


def resume_session(state: str | None, *, agreed: bool = False) -> Answer:
    """Go on with an interrupted session as it was asked for; `agreed` lets it trade real money.

    Raises:
        ConfigError: There is none, or several are.
    """
    seen = read_sessions(state)
    left = [one.folder for one in seen.sessions if one.can_go_on]
    running = [one.folder for one in seen.sessions if one.at_work]
    if not left and running:
        raise ConfigError(f"resume: the session in {str(running[0])!r} runs; `openbell stop` ends it first")
    where, unread = repr(str(state_folder(state))), "".join(f"; {one}" for one in seen.warnings)
    if not left:
        raise ConfigError(
            f"resume: no session in {where} was interrupted; `openbell status` lists them{unread}"
        )
    if len(left) != 1 or unread:  # what cannot be read may be the one that is meant
        raise ConfigError(
            f"resume: which session? interrupted in {where} are: {', '.join(map(str, left))}; "
            f"name one, as in --state {left[0]}{unread}"
        )
    with Journal(left[0] / JOURNAL, read_only=True) as journal:
        begun, _ = latest_session(journal)
    command = {} if begun is None else begun.body.get("command") or {}
    if not command:
        raise ConfigError(
            f"the session in {str(left[0])!r} does not say how it was begun; the command that did goes on"
        )
    if Path(command["folder"]) != Path.cwd():
        raise ConfigError(
            f"the session in {str(left[0])!r} was begun in {command['folder']!r}; go there first"
        )
    if command.get("kind") == "live":
        from openbell.cli.live import Going, run_account  # it needs what only live trading needs

        going = Going(**command["going"])
        going = replace(going, state=str(left[0]), fresh=False, agreed=agreed)
        return run_account(Request(**command["request"]), going)
    course = Course(**command["course"])
    return run_session(Request(**command["request"]), replace(course, state=str(left[0]), fresh=False))


def show_status(state: str | None) -> Answer:
    """Say of every session whether it runs, how its strategies stand, and what one that failed raised."""
    seen = read_sessions(state)
    rows, documents, raised = [], [], []
    for one in seen.sessions:
        if one.at_work and not one.ledgers:  # its strategies have not begun
            rows.append((str(one.folder), state_of(one), *[""] * 7))
            documents.append({
                "folder": str(one.folder), "state": one.state, "strategy": "", "time": one.time,
                "heard": one.heard, "age": one.age, "equity": None, "cash": None, "positions": {},
                "working_orders": 0, "fills": 0, "failed": "",
            })  # fmt: skip
        for name, ledger in one.ledgers.items():
            held = {s: p.quantity for s, p in ledger.account.positions.items() if p.quantity}
            working = sum(order.open for order in ledger.orders.values())
            equity = ledger.account.equity(one.price)
            failed = one.failed.get(name, "")
            if failed:
                raised.append(f"{one.folder}: strategy {name} raised, and is not asked any more: {failed}")
            rows.append((
                str(one.folder), state_of(one), f"{name} (failed)" if failed else name, _when(one.time),
                f"{equity:,.2f}", f"{ledger.account.cash:,.2f}", str(len(held)), str(working),
                str(ledger.filled),
            ))  # fmt: skip
            documents.append({
                "folder": str(one.folder), "state": one.state, "strategy": name, "time": one.time,
                "heard": one.heard, "age": one.age,
                "equity": equity, "cash": ledger.account.cash, "positions": held, "working_orders": working,
                "fills": ledger.filled, "failed": failed,
            })  # fmt: skip
    titles = ("Session", "State", "Strategy", "Time")
    numbers = ("Equity", "Cash", "Positions", "Working", "Fills")
    table = Table([*map(Column, titles), *(Column(title, right=True) for title in numbers)], rows)
    below = state_folder(state)
    none = f"There is no session in {below}; `openbell paper sma_cross --symbols AAPL` begins one."
    if seen.warnings:
        none = f"No session in {below} can be read."
    shown = [table if rows else none, *(["", *raised] if raised else [])]
    lines, accounts = tell_funds(seen.sessions)
    shown += ["", *lines] if lines else []
    heard, _ = tell_heard(seen.sessions)
    shown += ["", *heard] if heard else []
    return Answer(shown, {"sessions": documents, "accounts": accounts}, warnings=seen.warnings)


def show_orders(state: str | None, *, working: bool) -> Answer:
    """List the orders of every session, the latest last."""
    seen = read_sessions(state, whole=not working)
    rows, documents = [], []
    for folder, name, order in seen.orders():
        if working and not order.open:
            continue
        rows.append((
            name, str(order.id), order.describe(), order.status.value, order.reason.value,
            f"{order.filled:g}", f"{order.average:,.4f}" if order.filled else "", _when(order.decided),
        ))  # fmt: skip
        documents.append({
            "folder": str(folder), "strategy": name, "id": order.id, "order": order.describe(),
            "symbol": order.symbol, "side": order.side, "quantity": order.quantity, "filled": order.filled,
            "average": order.average, "status": order.status.value, "reason": order.reason.value,
            "decided": order.decided,
        })  # fmt: skip
    columns = [
        Column("Strategy"), Column("Id", right=True), Column("Order"), Column("Status"), Column("Reason"),
        Column("Filled", right=True), Column("Average", right=True), Column("Decided"),
    ]  # fmt: skip
    heard, sessions = tell_heard(seen.sessions)
    return Answer(
        [Table(columns, rows) if rows else "There are no orders.", *(["", *heard] if heard else [])],
        {"orders": documents, "sessions": sessions},
        warnings=seen.warnings,
    )


def show_positions(state: str | None) -> Answer:
    """List what every session holds."""
    seen = read_sessions(state)
    rows, documents = [], []
    for one in seen.sessions:
        for name, ledger in one.ledgers.items():
            for symbol, position in ledger.account.positions.items():
                if position.quantity == 0.0:
                    continue
                price = one.price(symbol)
                gain = position.unrealised(price)
                rows.append((
                    name, symbol, f"{position.quantity:g}", f"{position.average:,.4f}", f"{price:,.4f}",
                    f"{gain:,.2f}",
                ))  # fmt: skip
                documents.append({
                    "folder": str(one.folder), "strategy": name, "symbol": symbol,
                    "quantity": position.quantity, "average": position.average, "price": price,
                    "unrealised": gain,
                })  # fmt: skip
    columns = [
        Column("Strategy"), Column("Symbol"),
        *(Column(title, right=True) for title in ("Quantity", "Average", "Price", "Unrealised")),
    ]  # fmt: skip
    lines, accounts = tell_funds(seen.sessions)
    heard, sessions = tell_heard(seen.sessions)
    parts = [Table(columns, rows) if rows else "Nothing is held."]
    return Answer(
        [*parts, *(["", *lines] if lines else []), *(["", *heard] if heard else [])],
        {"positions": documents, "accounts": accounts, "sessions": sessions},
        warnings=seen.warnings,
    )


async def _on_stream(session: Coroutine[Any, Any, Paper], stream: Stream) -> Paper:
    try:
        return await session
    finally:
        await stream.provider.close()


def _tell(session: Session) -> None:
    names = ", ".join(course.name for course in session.courses)
    get_logger().info(f"paper session of {names}, journal {session.journal.path}")


def _answer(done: Paper) -> Answer:
    columns = [
        Column("Strategy"),
        *(Column(title, right=True) for title in ("Equity", "Cash", "Orders", "Fills")),
        Column("Holds"),
    ]
    rows = [(
        one.name, f"{one.equity:,.2f}", f"{one.account.cash:,.2f}", str(len(one.orders)), str(len(one.fills)),
        _held(one),
    ) for one in done.strategies]  # fmt: skip
    ended = "The bars have ended." if done.ending is Ending.END_OF_DATA else (
        "The session was asked to stop; the same command goes on where it is, and the strategy decides again."
    )  # fmt: skip
    warnings = [f"strategy {one.name} was stopped: {one.failure}" for one in done.strategies if one.failure]
    document = {
        "ending": done.ending.value, "folder": str(done.folder), "resumed": done.resumed,
        "strategies": [
            {
                "strategy": one.name, "equity": one.equity, "cash": one.account.cash,
                "orders": len(one.orders), "fills": len(one.fills), "failed": str(one.failure or ""),
            }
            for one in done.strategies
        ],
    }  # fmt: skip
    code = Exit.FAILED if warnings else Exit.FINE
    return Answer(
        [Table(columns, rows), "", ended, f"Journal: {done.folder / JOURNAL}"], document, code, warnings
    )


def _held(one: Traded) -> str:
    held = [f"{p.quantity:g} {s}" for s, p in one.account.positions.items() if p.quantity]
    return ", ".join(held) or "nothing"


def _when(nanos: int) -> str:
    return f"{as_datetime(nanos):%Y-%m-%d %H:%M}Z" if nanos else ""
