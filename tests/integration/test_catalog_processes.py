"""A catalog between processes: writers that are killed at any moment, readers beside a writer."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.unit.catalog_by_hand import minutes, rows

from openbell.core.types import Dividend, Instrument, Split
from openbell.data.catalog import Catalog
from openbell.data.catalog.key import folder_of, key_of
from openbell.data.catalog.manifest import Manifest, read_manifest

ROOT = Path(__file__).parents[2]
WHOLE = minutes("2024-01-02", "2024-06-28", step=30)  # no half days
A_DAY = 13
KEY = key_of(WHOLE)
SPLIT = Split(KEY.symbol, int(WHOLE.start[2 * A_DAY]), 2, 1)
PAID = Dividend(KEY.symbol, int(WHOLE.start[4 * A_DAY]), 0.25)
FACTS = Instrument(KEY.symbol, tick=0.05)

#: Appends days from where it is, joining files often; says when it begins.
APPENDS = """
import sys
from openbell.data.catalog import Catalog, changes
from tests.integration.test_catalog_processes import A_DAY, KEY, WHOLE
from tests.unit.catalog_by_hand import rows
changes.SMALL, changes.RECENT = 3, 4
catalog = Catalog(sys.argv[1])
done = len(catalog.read(KEY)) if catalog.keys() else 0
print("ready", flush=True)
for first in range(done, len(WHOLE), A_DAY):
    catalog.write(rows(WHOLE, slice(max(first - 20, 0), first + A_DAY)))
print("done", flush=True)
"""

#: Writes all bars again and again, each time at another level.
REVISES = """
import sys
from openbell.data.catalog import Catalog, changes
from tests.unit.catalog_by_hand import minutes, rows
changes.SMALL = 2
catalog = Catalog(sys.argv[1])
for level in range(1, 1000):
    whole = minutes("2024-01-02", "2024-01-31", step=30, level=float(level * 1000))
    catalog.write(whole, revise=True)
    print(level, flush=True)
"""

#: Does the same three writes in a copy of a catalog each time, killed at the first, second, ... step of them
#: that concerns a file, until one gets through. A step is an opening, a renaming, a removal, a folder made,
#: or a wait for the disk.
STEPS = """
import os, shutil, signal, sys
from openbell.data.catalog import Catalog, changes
from tests.integration.test_catalog_processes import FACTS, KEY, SPLIT, WHOLE, before, PAID
from tests.unit.catalog_by_hand import rows
changes.SMALL, changes.RECENT = 1, 1
root, steps = sys.argv[1], {"open", "os.rename", "os.remove", "os.mkdir"}
before(Catalog(root + "/before"))

def write(catalog, last):
    left = iter(range(last - 1))
    def step(event, _=None):
        if event in steps and next(left, None) is None:
            os.kill(os.getpid(), signal.SIGKILL)
    wait = os.fsync
    os.fsync = lambda file: (step("open"), wait(file))
    sys.addaudithook(step)
    catalog.write(rows(WHOLE, slice(100, 300)))
    catalog.write_actions(KEY.source, KEY.symbol, [SPLIT, PAID])
    catalog.write_instrument(KEY.source.provider, FACTS)

for last in range(1, 1000):
    copy = f"{root}/{last:03}"
    shutil.copytree(root + "/before", copy)
    child = os.fork()
    if not child:
        write(Catalog(copy), last)
        os._exit(0)
    if os.waitpid(child, 0)[1] == 0:
        break
"""


def before(catalog: Catalog) -> None:
    """Write what a catalog has before the writes that are killed."""
    for first in range(0, 120, A_DAY):
        catalog.write(rows(WHOLE, slice(first, first + A_DAY)))
    catalog.write_actions(KEY.source, KEY.symbol, [SPLIT])


def start(code: str, folder: Path) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        [sys.executable, "-c", code, str(folder)], stdout=subprocess.PIPE, text=True, env=environment
    )


def check_whole(catalog: Catalog) -> int:
    """Read everything; return how many days there are, all of them as they were written."""
    if not catalog.keys():
        return 0
    read = catalog.read(KEY)
    catalog.verify(KEY)
    assert len(read) % A_DAY == 0
    assert read.content_hash == rows(WHOLE, slice(0, len(read))).content_hash
    ranges = catalog.provenance(KEY)
    assert sum(one.bars for one in ranges) >= len(read)
    return len(read) // A_DAY


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
@pytest.mark.parametrize("kills", [8, pytest.param(150, marks=[pytest.mark.slow, pytest.mark.timeout(900)])])
def test_a_writer_that_is_killed_at_any_moment_leaves_all_or_nothing_of_each_write(tmp_path, kills):
    chance = random.Random(4)
    catalog, seen, left = Catalog(tmp_path), 0, 0
    for _ in range(kills):
        with start(APPENDS, tmp_path) as writer:
            assert writer.stdout is not None
            assert writer.stdout.readline() == "ready\n"
            time.sleep(chance.uniform(0, 0.1))  # the moment of the kill is what is drawn
            writer.send_signal(signal.SIGKILL)
        days = check_whole(catalog)
        assert days >= seen
        seen = days
        left += len(orphans(catalog))
    with start(APPENDS, tmp_path) as writer:
        assert writer.wait(110) == 0
    assert check_whole(catalog) == len(WHOLE) // A_DAY
    assert not orphans(catalog)


@pytest.mark.skipif(os.name == "nt", reason="Windows has neither fork nor SIGKILL")
def test_a_kill_at_any_step_of_a_write_leaves_what_was_before_or_after_it(tmp_path):
    with start(STEPS, tmp_path) as writer:
        assert writer.wait(110) == 0
    tried = [Catalog(folder) for folder in sorted(tmp_path.iterdir()) if folder.name != "before"]
    assert len(tried) > 20
    found = []
    for catalog in tried:
        catalog.verify(KEY)
        count = len(catalog.read(KEY))
        assert bars_in(catalog) == rows(WHOLE, slice(0, count)).content_hash
        known = catalog.facts(KEY.source.provider, KEY.symbol)
        found.append((count, len(known.actions), known.instrument is not None))
    assert list(dict.fromkeys(found)) == [(120 // A_DAY * A_DAY + A_DAY, 1, False), (300, 1, False),
                                          (300, 2, False), (300, 2, True)]  # fmt: skip
    for catalog in tried:  # the next writer is not in anybody's way, and clears up
        catalog.write(WHOLE)
        assert bars_in(catalog) == WHOLE.content_hash
        assert not orphans(catalog)


def bars_in(catalog: Catalog) -> str:
    return replace(catalog.read(KEY), actions=()).content_hash


def orphans(catalog: Catalog) -> set[str]:
    folder = folder_of(catalog.root, KEY)
    manifest = read_manifest(folder) or Manifest()
    there = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
    return there - manifest.files() - {"_manifest.json", ".lock"}


def test_readers_beside_a_writer_see_whole_writes_and_never_wait(tmp_path):
    key = KEY
    first = minutes("2024-01-02", "2024-01-31", step=30, level=0.5)
    catalog = Catalog(tmp_path)
    catalog.write(first)
    levels: list[set[float]] = [set() for _ in range(3)]
    slowest = [0.0] * 3
    enough, faults = threading.Event(), []

    def read(number: int) -> None:
        try:
            while not enough.is_set():
                began = time.perf_counter()
                read = Catalog(tmp_path).read(key)
                slowest[number] = max(slowest[number], time.perf_counter() - began)
                assert len(read) == len(first)
                (level,) = set(np.round(read.close - first.close, 6).tolist())
                levels[number].add(level)
        except BaseException as error:  # told by the test itself
            faults.append(error)
            raise

    with start(REVISES, tmp_path) as writer:
        assert writer.stdout is not None
        readers = [threading.Thread(target=read, args=(number,)) for number in range(3)]
        assert writer.stdout.readline() == "1\n"
        for reader in readers:
            reader.start()
        while len(set().union(*levels)) < 40 and not faults:
            assert writer.stdout.readline()
        enough.set()
        for reader in readers:
            reader.join()
        writer.kill()
    assert not faults
    assert all(len(seen) > 5 for seen in levels)


def test_two_writers_take_turns(tmp_path):
    with start(APPENDS, tmp_path) as one, start(APPENDS, tmp_path) as other:
        assert (one.wait(110), other.wait(110)) == (0, 0)
    assert check_whole(Catalog(tmp_path)) == len(WHOLE) // A_DAY
