"""What a page's browser is told: all of one turn goes in one message, which is run at once."""

from __future__ import annotations

import asyncio
from weakref import WeakKeyDictionary, ref

from nicegui import Client, ui


class Wire:
    """One page's. A message of its own for each text costs the server and the browser more than the text."""

    def __init__(self, client: Client) -> None:
        self._client = ref(client)
        self._said: list[str] = []

    def tell(self, code: str) -> None:
        """Have the browser run something, with all that it is told before the loop's next turn."""
        if not self._said:
            asyncio.get_running_loop().call_soon(self._send)
        self._said.append(code)

    def _send(self) -> None:
        code, client = ";".join(self._said), self._client()
        self._said.clear()
        if client is not None and not client.is_deleted:
            client.run_javascript(code)


_WIRES: WeakKeyDictionary[Client, Wire] = WeakKeyDictionary()


def wire() -> Wire:
    """Return the wire of the page that is being made."""
    client = ui.context.client
    return _WIRES.setdefault(client, Wire(client))
