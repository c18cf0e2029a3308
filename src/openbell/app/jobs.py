"""Jobs: backtests and sweeps in processes of their own, one after the other, with their progress."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from secrets import token_hex
from typing import Any, Literal

from openbell.app.asked import JobRequest
from openbell.core.errors import ConfigError, nearest
from openbell.strategies.registry import names

State = Literal["waiting", "running", "finished", "failed", "cancelled"]

_KEPT = 100  #: jobs that are remembered
_WAITING = 20  #: jobs that may wait
_GRACE = 10.0  #: seconds that a job has to end


@dataclass(slots=True)
class Running:
    """A job: what was asked, and how far it is."""

    id: str
    asked: JobRequest
    by: str
    words: Sequence[str]
    began: int = field(default_factory=time.time_ns)
    state: State = "waiting"
    done: float = 0.0
    doing: str = ""
    said: str = ""
    answer: Mapping[str, Any] | None = None
    process: subprocess.Popen[str] | None = None


class Jobs:
    """Runs jobs; `close` ends those that are under way."""

    def __init__(self, reports: Path) -> None:
        """Take the folder that reports go to."""
        self._reports = reports
        self._jobs: dict[str, Running] = {}
        self._turn = threading.Semaphore(1)
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []

    def start(self, asked: JobRequest, by: str) -> Running:
        """Begin a job, which waits for its turn.

        Raises:
            ConfigError: The strategy has no name here, or too many jobs wait.
        """
        known = names()
        if asked.strategy not in known:
            raise ConfigError(f"strategy {asked.strategy!r} is unknown{nearest(asked.strategy, known)}")
        with self._lock:
            if sum(job.state == "waiting" for job in self._jobs.values()) >= _WAITING:
                raise ConfigError(f"{_WAITING} jobs wait already; ask again when one has ended")
            job = Running(token_hex(6), asked, by, words_of(asked, self._reports))
            self._jobs[job.id] = job
            for old in [j.id for j in self._jobs.values() if j.state not in {"waiting", "running"}]:
                if len(self._jobs) > _KEPT:
                    del self._jobs[old]
        thread = threading.Thread(target=self._run, args=(job,), daemon=True)
        self._threads = [one for one in self._threads if one.is_alive()] + [thread]
        thread.start()
        return job

    def all(self) -> list[Running]:
        """Return the jobs, the latest first."""
        return list(reversed(self._jobs.values()))

    def get(self, name: str) -> Running:
        """Return one job.

        Raises:
            ConfigError: There is none of that id.
        """
        job = self._jobs.get(name)
        if job is None:
            raise ConfigError(f"job {name!r} is unknown{nearest(name, self._jobs)}")
        return job

    def cancel(self, name: str) -> Running:
        """End a job; what has ended stays as it is."""
        job = self.get(name)
        with self._lock:
            if job.state in {"waiting", "running"}:
                job.state, job.said = "cancelled", "somebody cancelled it"
            if job.process is not None and job.process.poll() is None:
                job.process.terminate()
        return job

    def close(self) -> None:
        """End all jobs."""
        for name in list(self._jobs):
            self.cancel(name)
        for thread in self._threads:
            thread.join(_GRACE)

    def _run(self, job: Running) -> None:
        with self._turn:
            with self._lock:
                if job.state != "waiting":
                    return
                job.state = "running"
                job.process = subprocess.Popen(  # noqa: S603  # this very program
                    job.words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                    text=True, env={**os.environ, "OPENBELL_PROGRESS": "json"},
                )  # fmt: skip
            with job.process as process:
                listener = threading.Thread(target=_listen, args=(job, process), daemon=True)
                listener.start()
                text = process.stdout.read() if process.stdout is not None else ""
                code = process.wait()
                listener.join()
            self._end(job, text, code)

    def _end(self, job: Running, text: str, code: int) -> None:
        with self._lock:
            if job.state == "cancelled":
                return
            try:
                job.answer = json.loads(text)
            except ValueError:  # it said nothing that is a document
                job.answer = None
            failed = job.answer is None or "error" in job.answer
            job.state, job.done = ("failed", job.done) if failed else ("finished", 1.0)
            if failed and not job.said:
                job.said = f"it ended with code {code}"


def words_of(asked: JobRequest, reports: Path) -> list[str]:
    """Return the command line of a job. Values are joined to their options, so that none is read as one."""
    words = [sys.executable, "-m", "openbell.cli", asked.kind, asked.strategy]
    words += [f"--symbols={','.join(asked.symbols)}", f"--reports={reports}", "--json"]
    for name in ("start", "end", "provider", "timeframe", "cash", "where"):
        value = getattr(asked, name)
        if value is not None:
            words.append(f"--{name}={value}")
    for name, given in asked.parameters.items():
        if not name.isidentifier():  # one with a dot is a setting, which nobody changes from outside
            raise ConfigError(f"parameter {name!r} is no name; parameters are letters, digits and '_'")
        words.append(f"--set={name}={json.dumps(given) if isinstance(given, bool) else given}")
    return words + [f"--grid={name}={values}" for name, values in asked.grid.items()]


def _listen(job: Running, process: subprocess.Popen[str]) -> None:
    """Take a job's progress, and what it says when it fails."""
    for line in process.stderr or ():
        try:
            told = json.loads(line)
            job.done, job.doing = float(told["done"]), str(told["doing"])
        except (ValueError, TypeError, KeyError):
            if line.startswith("openbell: ") and "warning:" not in line:
                job.said = line.removeprefix("openbell: ").strip()
