"""Records how far real documents came and when, for Tests/CoreTests/RecordedRunsTests.swift:

    HEADWAY_SHARED=folder HEADWAY_BINARY=.build/release/headway .build/venv/bin/python Tests/EndToEnd/record_runs.py \\
        > Tests/Fixtures/recorded-runs.txt

Three times over, in another order and so many side by side each time, since other work is part of the truth. What the
server was told of a run is in its log at the level "trace"; when it ended is what a watcher saw.
"""

import json
import random
import sys
import tempfile
from pathlib import Path

import estimates
from client import PDF
from means import shared
from server import Server

# A watcher is told of a document no more often.
PACE_MILLISECONDS = 50


def told(log):
    """{document: [(milliseconds, progress)]} by a server's log."""
    found = {}
    for line in log.read_text().splitlines():
        if '"worked"' in line:
            said = json.loads(line)
            found.setdefault(said["document"], []).append((int(said["milliseconds"]), said["progress"].split()))
    return found


def thinned(states, stage_count):
    """Of what follows closely upon another the last; the end of each stage stays."""
    kept = []
    for when, figures in states:
        is_close = kept and when - kept[-1][0] < PACE_MILLISECONDS
        if len(kept) > 1 and is_close and kept[-1][1][stage_count] == figures[stage_count]:
            when = kept.pop()[0]
        kept.append((when, figures))
    return kept


def compact(name, content_type, size, side_by_side, states, end_milliseconds, stage_count=3):
    """A run as `Tests/CoreTests/RecordedRun.swift` reads it."""
    before, shown, parts = (0,) * (stage_count + 1), None, []
    for when, figures in thinned(states, stage_count):
        now = (when, *map(int, figures[:stage_count]))
        finished, total, ranges = figures[stage_count], figures[stage_count + 1], figures[stage_count + 2:]
        parts.append(" ".join([*(str(new - old) for new, old in zip(now, before)), finished,
                               *([total] if total != shown else []), *ranges]))
        before, shown = now, total
    parts.append(" ".join(map(str, [max(0, end_milliseconds - before[0]), *(0,) * stage_count, stage_count])))
    return f"{name} {content_type} {size} {side_by_side}: {', '.join(parts)}"


def main():
    for side_by_side in (1, 2, 3):
        items = estimates.generated() + [(path.stem, PDF, path.read_bytes)
                                         for path in sorted(shared("corpus").glob("*.pdf"))]
        sizes = {name: len(make()) for name, _, make in items}
        random.Random(side_by_side).shuffle(items)
        with tempfile.TemporaryDirectory() as folder:
            log = Path(folder) / "log"
            server = Server(Path(folder) / "data", log, "--log-level", "trace").start()
            try:
                runs = estimates.run_all(server.client, items, side_by_side)
            finally:
                server.stop()
            progress = told(log)
        for name, content_type, _ in items:
            end = runs[name][-1]
            if end.state["status"] == "complete" and end.state["document_id"] in progress:
                print(compact(name.split("__")[-1], content_type, sizes[name], side_by_side,
                              progress[end.state["document_id"]], round(end.seconds * 1000)))
        print(f"{side_by_side} side by side: {estimates.score(runs.values(), estimates.WORK_QUARTER)}", file=sys.stderr)


if __name__ == "__main__":
    main()
