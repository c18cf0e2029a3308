"""The command `risk loosen`: somebody agrees that limits of a session with real money become looser."""

from __future__ import annotations

import sys
from pathlib import Path

from openbell.cli.answer import Answer
from openbell.cli.folders import find_sessions, state_folder
from openbell.core.errors import ConfigError, nearest
from openbell.storage.journal import JOURNAL, Journal
from openbell.storage.lock import is_held
from openbell.trading.asks import LOOSEN
from openbell.trading.inbox import ask_of
from openbell.trading.record import Record


def agree_to_loosen(strategy: str, state: str | None, *, agreed: bool) -> Answer:
    """Tell the session that trades a strategy that its limits may be loosened as its file has them.

    Raises:
        ConfigError: No running session trades it, several do, or nobody agreed.
    """
    running = {folder: _traded(folder) for folder in find_sessions(state) if is_held(folder)}
    found = [folder for folder, (_, names) in running.items() if strategy in names]
    if len(found) != 1:
        names = sorted({name for _, traded in running.values() for name in traded})
        where = f"in {str(state_folder(state))!r}"
        said = f"several sessions {where} trade {strategy!r}; name one with --state"
        if not found:
            said = f"no running session {where} trades {strategy!r}{nearest(strategy, names)}"
        raise ConfigError(f"risk loosen: {said}")
    (folder,) = found
    account, _ = running[folder]
    if not agreed:
        _ask(account)
    name = ask_of(folder, strategy, LOOSEN, by="openbell risk loosen")
    return Answer(
        [f"agreed: the limits of {strategy} in {folder} are loosened as its file has them; its log says how"],
        {"strategy": strategy, "folder": str(folder), "account": account, "ask": name},
    )


def _traded(folder: Path) -> tuple[str, list[str]]:
    """Return a session's account and the names of its strategies."""
    with Journal(folder / JOURNAL, read_only=True) as journal:
        return journal.account, [one.strategy for one in Record(journal).of_kind("strategy")]


def _ask(account: str) -> None:
    if not sys.stdin.isatty():
        raise ConfigError(
            f"risk loosen: account {account}: say --yes-trade-real-money, or run it at a terminal"
        )
    sys.stderr.write(f"Type the account's id to loosen limits of it ({account}): ")
    sys.stderr.flush()
    if sys.stdin.readline().strip() != account:
        raise ConfigError(f"risk loosen: account {account}: nobody agreed, so the old limits count")
