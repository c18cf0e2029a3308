"""Sends messages through apprise, each target in a thread of its own: a slow one holds up no other."""

from __future__ import annotations

import logging
import re
import threading
import urllib.error
import urllib.request
import warnings
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import unquote

from openbell.app.alerts.postbox import Message
from openbell.core.errors import ConfigError
from openbell.utils.logging import hide, redact

_PART = 6  #: a part of an address that is this long may be a secret
_KINDS = {"info": "info", "warning": "warning", "critical": "failure"}
_REFERENCE = re.compile(r"\$\{(\w+)\}")


def address_of(reference: str, environ: Mapping[str, str], where: str) -> str:
    """Return what a reference such as `${ALERT_MAIL}` stands for; from now on nothing shows it.

    Raises:
        ConfigError: The variable is not set.
    """
    match = _REFERENCE.fullmatch(reference)
    name = match.group(1) if match else reference
    address = environ.get(name, "").strip()
    if not address:
        raise ConfigError(f"{where}: {name} is not set; put the address into the environment or .env")
    redact(address)
    for part in re.split(r"[/?&=@:]+", address.partition("://")[2]):
        if len(part) >= _PART and not re.fullmatch(r"[0-9.]+|localhost|[\w-]+(\.[\w-]+)*\.[a-z]{2,}", part):
            redact(part)
            redact(unquote(part))
    return address


class Sender:
    """Sends to one address.

    Raises:
        ConfigError: apprise is not installed, or does not know such an address.
    """

    def __init__(self, address: str, where: str) -> None:
        with warnings.catch_warnings():  # it loads modules that Python will drop, where they are there
            warnings.simplefilter("ignore", DeprecationWarning)
            try:
                import apprise
            except ModuleNotFoundError as error:
                raise ConfigError('apprise is not installed; pip install "openbell[alerts]"') from error
            logging.getLogger("apprise").propagate = False  # what it says is taken below, and masked
            self._apprise: Any = apprise
            self._sender: Any = apprise.Apprise()
            known = self._sender.add(address)
        if not known:
            scheme = address.partition("://")[0][:20] if "://" in address else "no scheme"
            raise ConfigError(f"{where}: apprise knows no such address ({scheme}); see its list of services")

    def send(self, message: Message) -> str:
        """Send; return nothing where it arrived, else why not, without a secret."""
        with self._apprise.LogCapture(level=logging.WARNING, fmt="%(message)s") as heard:
            arrived = self._sender.notify(
                title=message.title, body=message.body, notify_type=_KINDS[message.severity]
            )
            said = "" if arrived else heard.getvalue()
        if arrived:
            return ""
        lines = [line for line in said.splitlines() if line.strip()]
        return hide(lines[-1][:300]) if lines else "the target refused it, and said nothing"


class Outlet:
    """Does one thing at a time in a thread of its own, and tells what came of it."""

    def __init__(self, work: Callable[[Message], str], told: Callable[[Message, str], object]) -> None:
        self._work, self._told = work, told
        self._message: Message | None = None
        self._thread: threading.Thread | None = None

    @property
    def is_busy(self) -> bool:
        """Whether something is on its way."""
        return self._thread is not None and self._thread.is_alive()

    def send(self, message: Message) -> None:
        """Send, and do not wait."""
        self._thread = threading.Thread(target=lambda: self._told(message, self._work(message)), daemon=True)
        self._thread.start()

    def join(self, seconds: float) -> None:
        """Wait until it is not busy any more, or so long."""
        if self._thread is not None:
            self._thread.join(seconds)


def ping(address: str, seconds: float = 10.0) -> str:
    """Ask an address for nothing; return nothing where it answered, else why not, without a secret."""
    if not address.startswith(("http://", "https://")):
        return "the dead man's address must begin with http:// or https://"
    try:
        with urllib.request.urlopen(address, timeout=seconds):  # noqa: S310  # its scheme is checked
            return ""
    except (urllib.error.URLError, OSError, ValueError) as error:
        return hide(f"{type(error).__name__}: {error}")
