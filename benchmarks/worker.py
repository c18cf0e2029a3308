"""One job in a process of its own: `python -m benchmarks.worker W1.event` prints a line of JSON."""

from __future__ import annotations

import argparse
import json

from benchmarks.jobs import JOBS, Size
from benchmarks.measure import ENOUGH, measure


def main() -> None:
    """Measure the job that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("job", choices=JOBS)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--enough", type=float, default=ENOUGH)
    for name in Size._fields:
        parser.add_argument(f"--{name}", type=int, default=Size._field_defaults[name])
    given = vars(parser.parse_args())
    job, often = JOBS[given.pop("job")], {name: given.pop(name) for name in ("repeat", "enough")}
    ready, found = measure(lambda: job.prepare(Size(**given)), **often)
    print(json.dumps({**found._asdict(), "answer": found.answer._asdict(), "work": ready.work}))


if __name__ == "__main__":
    main()
