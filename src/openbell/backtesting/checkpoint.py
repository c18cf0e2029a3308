"""A sweep's folder while it runs: what it is, and the parts that are done, so that it can go on later."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from secrets import token_hex
from types import CodeType, FunctionType
from typing import Any, BinaryIO

import numpy as np

import openbell
from openbell.backtesting.grid import Combinations
from openbell.backtesting.plan import Plan
from openbell.backtesting.reasons import Reasons
from openbell.backtesting.sweep import Part, SweepInterrupted
from openbell.core.errors import ConfigError, Translation
from openbell.data.bars import Series
from openbell.strategies.registry import Found
from openbell.strategies.signal import Signal

#: The file that makes a folder a sweep's.
MANIFEST = "sweep.json"
#: The finished sweep's rows.
TABLE = "table.parquet"
ERROR = "error"
_PARTS = "parts"
_FORMAT = 1


def identify(
    plan: Plan,
    found: Found,
    series: Sequence[Series],
    combinations: Combinations,
    *,
    engine: str,
    figures: str = "all",
) -> dict[str, Any]:
    """Return everything that decides a sweep's figures, as JSON values."""
    values = {
        name: [value if isinstance(value, bool | int | float | str) else repr(value) for value in tried]
        for name, tried in zip(combinations.names, combinations.values, strict=True)
    }
    rows = hashlib.sha256(np.ascontiguousarray(combinations.codes, "<i4").reshape(-1).data).hexdigest()
    return {
        "format": _FORMAT,
        "version": openbell.__version__,
        "strategy": found.name,
        "plan": plan.as_json(),
        "code": code_of(found),
        "data": {f"{one.symbol} {one.timeframe}": one.content_hash for one in series},
        "engine": engine,
        "method": combinations.method,
        "combinations": len(combinations),
        "grid": values,
        "rows": f"sha256:{rows}",
        **({"figures": figures} if figures != "all" else {}),
    }


class Folder:
    """Keeps the finished parts of one sweep below a folder, each written whole or not at all."""

    def __init__(
        self, path: str | Path, identity: Mapping[str, Any], measures: Sequence[str], *, fresh: bool = False
    ) -> None:
        self.path = Path(path)
        self._fresh = fresh  #: whether what is there is to be left out, and replaced
        self._identity = json.loads(json.dumps(identity))  # as it reads when it comes back
        self._measures = list(measures)
        check_place(path)
        if self.begun and not fresh:
            self._compare()

    def parts(self) -> Iterator[Part]:
        """Yield what is kept: of a finished sweep everything, else its parts. A damaged one is made anew."""
        if self._fresh:
            return
        table = self.path / TABLE
        if table.is_file():
            yield _read_table(table, self._measures)
            return
        for file in sorted((self.path / _PARTS).glob("[!.]*.npz")):
            part = _read(file)
            if part is not None:
                yield part

    def save(self, part: Part) -> None:
        """Write one more part; the first makes the folder.

        Raises:
            ConfigError: The folder cannot be written.
        """
        with self._writing():
            folder = self.path / _PARTS
            if self._fresh:
                shutil.rmtree(folder, ignore_errors=True)
                (self.path / TABLE).unlink(missing_ok=True)
                self._fresh = False
            if not folder.is_dir():
                folder.mkdir(parents=True)
                text = json.dumps(self._identity | {"state": "unfinished"}, indent=2) + "\n"
                with _replacing(self.path / MANIFEST) as file:
                    file.write(text.encode())
            name = f"{int(part.rows[0]):08}-{len(part.rows)}.npz"
            with _replacing(folder / name) as file:
                np.savez(
                    file,
                    rows=part.rows,
                    values=part.values,
                    failed=np.array(list(part.errors), np.int64),
                    whys=np.array(list(part.errors.values()), np.str_),
                )

    def discard(self) -> None:
        """Remove what is kept."""
        shutil.rmtree(self.path, ignore_errors=True)

    @property
    def begun(self) -> bool:
        """Tell whether anything is kept."""
        return (self.path / MANIFEST).is_file()

    def _compare(self) -> None:
        """Refuse the folder of another sweep.

        Raises:
            ConfigError: It is another's, or cannot be read.
        """
        with self._writing():
            known = _parse(self.path / MANIFEST)
        for key, value in self._identity.items():
            if known.get(key) != value:
                how = _differ(key, known.get(key), value)
                raise ConfigError(
                    f"folder {self.path} holds another sweep, whose {key} {how}; "
                    "name another folder, or give what it was made with"
                )

    def _writing(self) -> Translation:
        return _using(self.path)


@contextmanager
def keep(
    resume: str | Path | None, unfinished: Path | None, identity: Mapping[str, Any], measures: Sequence[str]
) -> Iterator[Folder | None]:
    """Keep the parts of a search while it runs, and tell whom Ctrl-C stopped where they are.

    Args:
        resume: A folder that stays.
        unfinished: A folder below which they are kept until the search has ended, where there is nothing to
            resume: the same search goes on from there. None keeps nothing.
        identity: Everything that decides the figures, as JSON values.
        measures: What is measured.

    Raises:
        ConfigError: The folder holds another search, or cannot be written.
    """
    folder = None
    if resume is not None:
        folder = Folder(resume, identity, measures)
    elif unfinished is not None:
        mark = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:8]
        folder = Folder(unfinished / f"unfinished-{mark}", identity, measures)
    try:
        yield folder
    except SweepInterrupted as stopped:
        stopped.folder = folder.path if folder is not None and folder.begun else None
        raise
    if folder is not None and resume is None:
        folder.discard()


def check_place(path: str | Path) -> None:
    """Find out whether a folder can be a sweep's, and leave no trace.

    Raises:
        ConfigError: It is a file, holds something else, or cannot be written.
    """
    path = Path(path)
    with _using(path):
        there = next(place for place in (path, *path.absolute().parents) if place.exists())
        if there == path and not path.is_dir():
            raise ConfigError(f"{path} is a file; name a folder for the sweep")
        if there == path and not (path / MANIFEST).is_file() and any(path.iterdir()):
            raise ConfigError(
                f"folder {path} is not empty and holds no {MANIFEST}, so it is no sweep to resume; "
                "name another folder"
            )
        with tempfile.TemporaryFile(dir=there):
            pass


def _using(path: Path) -> Translation:
    return Translation(lambda error, _: _unusable(path, error) if isinstance(error, OSError) else None)


def _unusable(path: Path, error: OSError) -> ConfigError:
    return ConfigError(
        f"{path} cannot be used ({error.strerror or error}); name a folder that can be written"
    )


def _parse(manifest: Path) -> dict[str, Any]:
    with Translation(
        lambda error, _: ConfigError(f"{manifest} cannot be read ({error}); name another folder")
    ):
        known: dict[str, Any] = dict(json.loads(manifest.read_text(encoding="utf-8")))
    return known


def _differ(key: str, known: Any, now: Any) -> str:
    """Return how two sweeps differ, in few words."""
    if isinstance(known, dict) and isinstance(now, dict):
        names = [name for name in {**known, **now} if known.get(name) != now.get(name)]
        return f"differs in {', '.join(names)}"
    if key in ("code", "rows"):
        return "differs"
    return f"is {known!r}, and here {now!r}"


def _read(file: Path) -> Part | None:
    try:
        with file.open("rb") as opened, np.load(opened) as stored:
            rows, values, failed, whys = (stored[name] for name in ("rows", "values", "failed", "whys"))
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None
    return Part(rows, values, dict(zip(failed.tolist(), whys.tolist(), strict=True)))


def _read_table(file: Path, measures: Sequence[str]) -> Part:
    from pyarrow import parquet

    with Translation(lambda error, _: ConfigError(f"{file} cannot be read ({error}); name another folder")):
        table = parquet.read_table(file, columns=[*measures, ERROR])
    values = np.empty((table.num_rows, len(measures)))
    for at, name in enumerate(measures):
        values[:, at] = table[name].to_numpy()
    errors, first = Reasons(len(values)), 0
    for part in table[ERROR].chunks:
        errors.update({first + row: why for row, why in enumerate(part.to_pylist()) if why})
        first += len(part)
    return Part(np.arange(len(values)), values, errors)


@contextmanager
def _replacing(path: Path) -> Iterator[BinaryIO]:
    """Open a file that takes the place of `path` once it is whole; after an error nothing is left of it."""
    fresh = path.with_name(f".{path.name}-{token_hex(4)}")
    try:
        with fresh.open("wb") as file:
            yield file
        fresh.replace(path)
    finally:
        fresh.unlink(missing_ok=True)


def code_of(found: Found) -> str:
    """Return the hash of what a strategy does; typed at a prompt it has no file's text."""
    if found.source:
        return found.code_hash
    form = found.form
    things = [form.decide] if isinstance(form, Signal) else list(vars(form).values())
    codes = [_code(thing.__code__) for thing in things if isinstance(thing, FunctionType)]
    inputs = repr(sorted(form.inputs)) if isinstance(form, Signal) else repr(sorted(form.parameters.items()))
    return "code:" + hashlib.sha256("\n".join([inputs, *codes]).encode()).hexdigest()


def _code(code: CodeType) -> str:
    """Return a function's code as text that is the same in each process."""
    constants = [_code(one) if isinstance(one, CodeType) else repr(one) for one in code.co_consts]
    return "|".join([code.co_name, code.co_code.hex(), *code.co_names, *code.co_varnames, *constants])
