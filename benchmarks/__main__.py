"""`python -m benchmarks`: Openbell and the limits of this machine, on the same work."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks import gate, growth, page, start
from benchmarks.jobs import FULL, JOBS, QUICK
from benchmarks.measure import machine
from benchmarks.rounds import Disagreement, check_agreement, run_rounds, summarise

RESULTS = Path(__file__).resolve().parent / "results.json"
PEERS = Path(__file__).resolve().parent / "peers" / "results.json"
PARTS = ("W1", "W2", "W3", "W4", "W5", "W6", "W7", "growth")
_ALONE = frozenset({"W3.span"})  #: measured for a growth curve


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--only", default=",".join(PARTS), help=f"some of {','.join(PARTS)}")
    parser.add_argument("--quick", action="store_true", help="small sizes, one round, nothing is kept")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--page", action="store_true", help="only write the tables of what was measured")
    parser.add_argument("--gate", action="store_true", help="fail if Openbell has become slower")
    parser.add_argument("--peers", nargs="?", const="", metavar="NAMES", help="measure other frameworks")
    parser.add_argument("--cache", type=Path, help="where the peers' environments go")
    given = parser.parse_args(arguments)
    given.only = given.only.split(",")
    for part in given.only:
        if part not in PARTS:
            parser.error(f"--only {part}: choose from {', '.join(PARTS)}")
    return given


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what is asked for; 1 if trades or money differ, or a gate does not hold."""
    given = parse(arguments)
    if given.gate:
        return gate.main()
    if given.peers is not None:
        from benchmarks import peers

        names = given.peers.split(",") if given.peers else []
        return peers.run(names, cache=given.cache, results=PEERS)
    try:
        results = read(RESULTS) if given.page else run(given)
    except Disagreement as error:
        print(f"benchmarks: {error}; no time is shown", file=sys.stderr)
        return 1
    made = page.sections(results, read(PEERS), read(gate.KEPT))
    for name, text in made.items():
        print(f"\n{name}\n\n{text}")
    if given.quick:
        print("\nThese are small sizes, where fixed costs weigh most: the goals are for full ones.")
    else:
        RESULTS.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
        growth.plot(results.get("growth", []))
        page.rewrite(made)
    return 0


def run(given: argparse.Namespace) -> dict[str, Any]:
    """Measure the parts that are asked for, and put them in the place of what was measured before."""
    size, rounds = (QUICK, 1) if given.quick else (FULL, given.rounds)
    names = [name for name in JOBS if name.split(".")[0] in given.only and name not in _ALONE]
    found = run_rounds(names, size, rounds=rounds)
    for group, said in check_agreement({name: runs[0]["answer"] for name, runs in found.items()}).items():
        print(f"{group}: the same in all: {said}")
    results: dict[str, Any] = {} if given.quick else read(RESULTS)
    results |= {
        "date": datetime.now(UTC).strftime("%Y-%m-%d"), "machine": machine(), "rounds": rounds,
    }  # fmt: skip
    jobs = results.get("jobs", {}) | {name: summarise(runs) for name, runs in found.items()}
    results["jobs"] = {name: jobs[name] for name in JOBS if name in jobs}
    if "W5" in given.only:
        results["start"] = start.run_starts(rounds=rounds)
    if "growth" in given.only:
        results["growth"] = growth.run_growth(quick=given.quick)
    return results


def read(path: Path) -> dict[str, Any]:
    """Return what is kept in a file; nothing if there is none."""
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    return found


if __name__ == "__main__":
    sys.exit(main())
