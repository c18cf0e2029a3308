"""A session that ticks: fifty symbols, so many moments a second, for whoever measures who follows it.

Run as a program it writes until its standard input ends, and says when it wrote which price of the first.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from openbell.core.types import NANOS_PER_SECOND, Fill, Phase
from openbell.storage.journal import Journal
from openbell.storage.lock import FolderLock
from openbell.trading.inbox import Inbox
from openbell.trading.pulse import NAME
from openbell.trading.records import body_of

SYMBOLS = [f"S{number:03d}" for number in range(50)]
START = 1_700_000_000 * NANOS_PER_SECOND


def write(folder: Path, per_second: float, ended: threading.Event) -> dict[str, float]:
    """Write moments until it is ended; return when each price of the first symbol was written."""
    written: dict[str, float] = {}
    with FolderLock(folder), Journal(folder / "journal.db", account="paper") as journal:
        Inbox(folder)

        def note(kind: str, body: Mapping[str, Any], subject: str = "", strategy: str = "holder") -> None:
            journal.append(kind, body, time=START, wall=time.time_ns(), strategy=strategy, subject=subject)

        note("session", {"state": "begun", "strategies": []}, strategy="")
        note("strategy", {"cash": 1_000_000.0, "origin": "x", "parameters": {}})
        for number, symbol in enumerate(SYMBOLS, 1):
            asked = {
                "id": number, "strategy": "holder", "symbol": symbol, "side": 1, "quantity": 10.0,
                "decided": START, "reduce_only": False, "aim": False, "type": "market", "tif": "gtc",
                "trail_percent": False, "good_till": 0, "parent": 0, "oco": 0, "tag": "",
            }  # fmt: skip
            note("order", asked, str(number))
            fill = Fill(number, "holder", symbol, 1, 10.0, 100.0, 1.0, 0.0, START, Phase.OPEN)
            note("accepted", {"order_id": number}, str(number))
            note("fill", dict(body_of(fill)), str(number))
        count, due = 0, time.monotonic()
        while not ended.is_set():
            count += 1
            price = round(100.0 + 0.01 * count, 2)
            at = START + count * NANOS_PER_SECOND
            bars = [[one, at, at + 1, price, price, price, price, 100.0, False] for one in SYMBOLS]
            pulse = {"wall": time.time_ns(), "pid": 1, "lag": 0.0, "memory": 1, "queue": 0}
            (folder / NAME).write_text(json.dumps(pulse))
            journal.append("moment", {"bars": bars}, time=at + 1, wall=time.time_ns(), trace=str(count))
            journal.commit()
            written[f"{price:,.2f}"] = time.time()
            due += 1.0 / per_second
            ended.wait(max(due - time.monotonic(), 0.0))
    return written


if __name__ == "__main__":
    over = threading.Event()

    def listen() -> None:
        sys.stdin.read()
        over.set()

    threading.Thread(target=listen, daemon=True).start()
    print(json.dumps(write(Path(sys.argv[1]), float(sys.argv[2]), over)))  # noqa: T201  # what it is asked for
