"""Price files: one for any symbol, or a folder with one for each; what is common to all their formats."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import ClassVar, NamedTuple

from openbell.core.errors import ConfigError, nearest
from openbell.core.types import Action
from openbell.data.bars import CalendarUnit, Series, parse_timeframe
from openbell.data.stamps import find_zone
from openbell.data.table import Reading, Table, assemble
from openbell.data.validate import cut_range

_LISTED = 10  #: files that a message names


class Form(NamedTuple):
    """A format of files."""

    name: str  #: the provider's
    suffix: str
    title: str  #: for messages
    read: Callable[[Path, str, bool], Table]  #: a symbol's rows; the flag says that dates count, as written


class FolderProvider:
    """Reads the file of each symbol in a folder, or one file for any symbol."""

    form: ClassVar[Form]

    def __init__(
        self,
        path: str | Path,
        *,
        calendar: str = "auto",
        stamp: str = "start",
        timezone: str | None = None,
        session: str = "regular",
        actions: Mapping[str, tuple[Action, ...]] | None = None,
    ) -> None:
        """Take a folder or a file, and how to read it.

        Args:
            path: The folder or the file.
            calendar: The exchange's calendar; `auto` is XNYS if all bars fall into its sessions, else `24/7`.
            stamp: Whether intraday times are the `start` or the `end` of their bars.
            timezone: The zone of times that name none.
            session: `extended` lets intraday bars lie before the open and after the close.
            actions: Splits and dividends by symbol.

        Raises:
            ConfigError: There is no such file or folder, the zone is unknown, or `stamp` is neither.
        """
        self.name = self.form.name
        self.path = Path(path)
        self._actions = actions or {}
        with self._placed("stamp", stamp):
            self._reading = Reading(None, calendar, stamp, timezone)
        with self._placed("session", session):
            self._reading = replace(self._reading, session=session)
        if timezone is not None:
            with self._placed("timezone", timezone):
                find_zone(timezone)
        remedy = f"give a {self.form.title} file or a folder of them"
        with readable(self.path):
            if not self.path.exists():
                raise ConfigError(f"path {str(path)!r} does not exist; {remedy}")
            if not (self.path.is_file() or self.path.is_dir()):
                raise ConfigError(f"path {str(path)!r} is neither a file nor a folder; {remedy}")

    def load(self, symbol: str, timeframe: str, start: int | None = None, end: int | None = None) -> Series:
        """Return the bars that open in [start, end), ns UTC; None is no limit.

        Raises:
            ConfigError: The symbol has no file, or an argument is wrong.
            BadData: The file breaks a rule, or has no bar in the range; names the row and the remedy.
        """
        path = find_file(self.path, symbol, self.form)
        dated = isinstance(parse_timeframe(timeframe), CalendarUnit)
        with readable(path):
            table = self.form.read(path, symbol, dated)
        with self._placed("calendar", self._reading.calendar):
            series = assemble(
                table,
                replace(self._reading, timeframe=timeframe),
                actions=self._actions.get(symbol, ()),
                provider=self.name,
                feed=path.name,
            )
        return cut_range(series, start, end)

    @contextmanager
    def _placed(self, setting: str, value: str) -> Iterator[None]:
        """Name the provider as the place of a wrong setting."""
        try:
            yield
        except ConfigError as error:
            raise ConfigError(f"{self.name}:{self.path}?{setting}={value}: {error}") from None


def find_file(path: Path, symbol: str, form: Form) -> Path:
    """Return a symbol's file: `SYMBOL.csv` in a folder, or the like, whatever its case; or the file given.

    Raises:
        ConfigError: The folder has none, or several; names what it holds.
    """
    wanted = f"{symbol}{form.suffix}"
    with readable(path):
        if path.is_file():
            return path
        if Path(wanted).name == wanted and (path / wanted).is_file():  # a folder may hold thousands
            return path / wanted
        found = {file.name: file for file in sorted(path.iterdir()) if file.suffix.lower() == form.suffix}
    same = [name for name in found if name.lower() == wanted.lower()]
    if len(same) == 1:
        return found[same[0]]
    if same:
        raise ConfigError(
            f"folder {str(path)!r} has {' and '.join(same)}, none of them {wanted}; give one's name"
        )
    listed = [*list(found)[:_LISTED], *(["…"] if len(found) > _LISTED else [])]
    there = ", ".join(listed) or f"no {form.title} file"
    hint = nearest(symbol, [file.stem for file in found.values()]).partition("; valid names")[0]
    raise ConfigError(f"folder {str(path)!r} has no {wanted} (it holds {there}){hint}")


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """Say in one line that the system does not let a path be read.

    Raises:
        ConfigError: It does not.
    """
    try:
        yield
    except OSError as error:
        raise ConfigError(
            f"path {str(path)!r} cannot be read ({error.strerror}); check it and its permissions"
        ) from None
