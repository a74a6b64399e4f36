"""Records what watchers see of real documents, for Tests/CoreTests/RecordedRunsTests.swift:

    HEADWAY_SHARED=folder .build/venv/bin/python Tests/EndToEnd/record_runs.py > Tests/Fixtures/recorded-runs.txt

Three times over, in another order and so many side by side each time, since other work is part of the truth.
"""

import random
import sys
import tempfile
from pathlib import Path

import estimates
from client import PDF
from means import shared
from server import Server


def main():
    for side_by_side in (1, 2, 3):
        items = estimates.generated() + [(path.stem, PDF, path.read_bytes)
                                         for path in sorted(shared("corpus").glob("*.pdf"))]
        sizes = {name: len(make()) for name, _, make in items}
        random.Random(side_by_side).shuffle(items)
        with tempfile.TemporaryDirectory() as folder:
            server = Server(Path(folder) / "data", Path(folder) / "log").start()
            try:
                runs = estimates.run_all(server.client, items, side_by_side)
            finally:
                server.stop()
        for name, content_type, _ in items:
            if runs[name][-1].state["status"] == "complete":
                words = name.split("__")[-1], content_type, sizes[name], side_by_side
                print(estimates.compact(*words, runs[name]))
        print(f"{side_by_side} side by side: {estimates.score(runs.values(), estimates.WORK_QUARTER)}", file=sys.stderr)


if __name__ == "__main__":
    main()
