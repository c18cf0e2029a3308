"""How fast a browser gets news: no faster than it draws them. A slow one skips some and shows no old ones."""

from __future__ import annotations

from itertools import count

from nicegui import events, ui

from openbell.app.dashboard.wire import wire

_AHEAD = 2  #: updates that may be on their way to a browser
_APART = 0.045  #: seconds between two updates on average: twenty a second, less what a clock is off
_GIVE_UP = 5.0  #: seconds after which one that never said so is taken to have drawn them
_NUMBERS = count(1)


class Pace:
    """One page's: the browser says when it has drawn what it was sent."""

    def __init__(self) -> None:
        """Begin to listen to the browser, on the page that is being made."""
        self._sent = self._drawn = 0
        self._last = self._due = -_GIVE_UP
        self._wire = wire()
        self._name = f"ob_drawn_{next(_NUMBERS)}"
        ui.on(self._name, self._note)

    def is_free(self, now: float) -> bool:
        """Tell whether more may be sent, at a time in seconds."""
        drawn = self._sent - self._drawn < _AHEAD or now - self._last > _GIVE_UP
        return drawn and now >= self._due

    def send(self, now: float) -> None:
        """Take note that something was sent; ask the browser to say when it is drawn."""
        self._sent, self._last = self._sent + 1, now
        self._due = max(self._due, now - _APART) + _APART  # one that was late makes none late after it
        self._wire.tell(f"obDrawn('{self._name}', {self._sent})")

    def _note(self, event: events.GenericEventArguments) -> None:
        if isinstance(event.args, int):
            self._drawn = max(self._drawn, min(event.args, self._sent))
