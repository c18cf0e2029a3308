"""How the sessions below a folder stand, by their journals; one that cannot be read hides no other."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from openbell.cli.folders import find_sessions
from openbell.core.errors import BadData, ConfigError
from openbell.core.orders import Order
from openbell.operation.standby import READY
from openbell.storage.journal import JOURNAL, Journal
from openbell.trading.funds import Funds, own_funds
from openbell.trading.ledger import Ledger
from openbell.trading.pulse import AT_WORK, read_sign
from openbell.trading.record import Record
from openbell.trading.session import Ending
from openbell.trading.summaries import ledgers_of, summarise


@dataclass(frozen=True, slots=True)
class Standing:
    """What a session's journal says.

    Args:
        folder: The session's.
        state: Whether it starts, runs, hangs (`silent`), how it ended, or that it was interrupted.
        starting: Since when it starts, ns UTC; 0 where it does not.
        pid: The process that says that it runs; 0 where none does.
        has_standby: Whether a process of its own cancels its orders also while it hangs.
        heard: When it last said something of itself, or wrote into its journal: ns UTC, by this computer.
        age: Seconds since then, which is how old what is known of it is; None of one that is not at work.
        time: Its last event's, ns UTC.
        ledgers: What each strategy holds, owes and has done.
        prices: The last of each symbol.
        failed: What strategies raised, by their names.
        can_go_on: Whether it does not run and its bars have not ended.
        funds: The money of its account, by currency.
    """

    folder: Path
    state: str
    starting: int
    pid: int
    has_standby: bool
    heard: int
    age: float | None
    time: int
    ledgers: Mapping[str, Ledger]
    prices: Mapping[str, float]
    failed: Mapping[str, str]
    can_go_on: bool
    funds: Funds

    @property
    def at_work(self) -> bool:
        """Whether it starts, runs, or hangs."""
        return self.state in AT_WORK

    def price(self, symbol: str) -> float:
        """Return a symbol's last price; before its first bar, that at which it is held."""
        return _price(symbol, self.prices, self.ledgers)


@dataclass(frozen=True, slots=True)
class Standings:
    """The sessions that can be read, and a line for each that cannot."""

    sessions: Sequence[Standing]
    warnings: Sequence[str]

    def orders(self) -> Iterable[tuple[Path, str, Order]]:
        """Yield each order with its session's folder and its strategy."""
        for one in self.sessions:
            for name, ledger in one.ledgers.items():
                for order in ledger.orders.values():
                    yield one.folder, name, order


def read_sessions(state: str | None, *, whole: bool = False) -> Standings:
    """Return how the session of a folder stands, or those below it.

    Args:
        state: The folder; all sessions if None.
        whole: Whether orders and fills are wanted that ended long ago, for which all of it is read.

    Raises:
        ConfigError: The journal of the one that is named cannot be read.
        BadData: It is damaged.
    """
    read, warnings = [], []
    for folder in find_sessions(state):
        try:
            read.append(_read(folder, whole=whole))
        except (BadData, ConfigError) as error:
            if state is not None and folder == Path(state):
                raise
            warnings.append(f"session {folder} is left out: {error}")
    return Standings(read, warnings)


def _read(folder: Path, *, whole: bool) -> Standing:
    with Journal(folder / JOURNAL, read_only=True) as journal:
        record = Record(journal)
        summary = summarise(record)
        ledgers = ledgers_of(record) if whole else summary.ledgers
        _, heard = journal.newest()
    begun = record.begun.body if record.begun is not None else {}
    price = partial(_price, prices=summary.prices, ledgers=ledgers)
    sign, ended = read_sign(folder, heard), summary.state in {one.value for one in Ending}
    return Standing(
        folder,
        state=sign.state if sign else summary.state if ended else "interrupted",
        starting=sign.starting if sign else 0,
        pid=sign.pulse.pid if sign and sign.pulse else 0,
        has_standby=sign is not None and (folder / READY).exists(),
        heard=sign.heard if sign else heard,
        age=round(sign.age, 3) if sign else None,
        time=summary.time,
        ledgers=ledgers,
        prices=summary.prices,
        failed=summary.failed,
        can_go_on=record.begun is not None and not summary.ended and sign is None,
        funds=summary.funds or own_funds(begun, ledgers, price, summary.time),
    )


def _price(symbol: str, prices: Mapping[str, float], ledgers: Mapping[str, Ledger]) -> float:
    known = prices.get(symbol)
    if known is not None:
        return known
    held = (ledger.account.positions.get(symbol) for ledger in ledgers.values())
    return next((one.average for one in held if one is not None), 0.0)
