"""Who asks about an order before it is sent: sessions are made again beside those that run, and kept."""

from __future__ import annotations

import threading
from collections import OrderedDict
from pathlib import Path

from openbell.app.whatif import WhatIf
from openbell.operation.revival import Revival
from openbell.operation.whatif import Asked, ask, document_of

_KEPT = 4  #: sessions that are kept, so that who asks again waits for what is new alone


class Foresight:
    """Keeps the sessions that were asked about last, as they stand, and asks their own gates."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: OrderedDict[Path, Revival] = OrderedDict()

    def ask(self, folder: Path, asked: Asked, strategy: str | None) -> WhatIf:
        """Return what an order would do to a session of this computer; one question at a time.

        Raises:
            ConfigError: The order is wrong, or the session cannot be gone through again.
            BadData: The journal is damaged.
        """
        with self._lock:
            revival = self._kept.pop(folder, None) or Revival(folder)
            seen = ask(revival.look(), asked, strategy)
            self._kept[folder] = revival
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        return WhatIf.model_validate(document_of(asked, seen))
