"""The commands `alerts watch`, `alerts test` and `alerts list`, and what they answer."""

from __future__ import annotations

import signal
import threading
from pathlib import Path

from openbell.app.alerts.book import Book
from openbell.app.alerts.watcher import Watcher, send_test
from openbell.app.desk import Desk
from openbell.cli.answer import Answer, Column, Exit, Table
from openbell.cli.folders import state_folder
from openbell.cli.places import load_settings
from openbell.config.alerts import AlertsFile, read_alerts
from openbell.core.market import as_datetime
from openbell.utils.logging import configure, get_logger

_SHOWN = 20


def watch_sessions(state: str | None, config: str | None, env: str | None) -> Answer:
    """Watch until Ctrl-C, or until asked to terminate.

    Raises:
        ConfigError: The file is wrong, or an address is not set.
    """
    rules, environ = _load(config, env)
    folder = _folder(state)
    watcher = Watcher(Desk(folder, folder), rules, environ)
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    get_logger().info(f"watches sessions below {folder} for {', '.join(rules.targets)} until Ctrl-C")
    watcher.run(ended.wait)
    return Answer(["ended"], {"ended": True})


def test_targets(target: str | None, state: str | None, config: str | None, env: str | None) -> Answer:
    """Send a test message to every target, or to one.

    Raises:
        ConfigError: The file is wrong, an address is not set, or there is no such target.
    """
    rules, environ = _load(config, env)
    found = send_test(rules, environ, target, Book(_folder(state)))
    rows = [[name, why or "arrived"] for name, why in found.items()]
    code = Exit.FAILED if any(found.values()) else Exit.FINE
    document = {"targets": [{"target": name, "arrived": not why, "why": why} for name, why in found.items()]}
    return Answer([Table([Column("Target"), Column("Test")], rows)], document, code)


def list_sent(state: str | None) -> Answer:
    """Show the last messages."""
    lines = Book(_folder(state)).read(_SHOWN)
    rows = [
        [
            f"{as_datetime(one['time']):%Y-%m-%d %H:%M:%S}Z",
            one["target"],
            one["outcome"],
            one["title"],
            one["why"],
        ]
        for one in lines
    ]
    columns = [Column(title) for title in ("Time", "Target", "Outcome", "Title", "Why")]
    parts: list[str | Table] = [Table(columns, rows)] if rows else ["No alert was sent yet."]
    return Answer(parts, {"alerts": [dict(one) for one in lines]})


def _load(config: str | None, env: str | None) -> tuple[AlertsFile, dict[str, str]]:
    loaded = load_settings((), config, env)
    configure(loaded.settings.logging.level, json=loaded.settings.logging.json)
    rules = read_alerts(Path(config or "config") / "alerts.yaml")
    return rules, dict(loaded.environ)


def _folder(state: str | None) -> Path:
    return state_folder(state)
