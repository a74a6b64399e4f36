"""What the benchmarks have in common: servers that are started for a measurement, and the page that tells it."""

import contextlib
import os
import pathlib
import platform
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
PEERS = ROOT / "scripts" / "peers"
PAGE = ROOT / "docs" / "benchmarks.md"
BINARIES = ROOT / ".build" / "release"
RESULTS = ROOT / ".build" / "bench"


def say(text):
    print(text, file=sys.stderr, flush=True)


# --- The servers ---------------------------------------------------------------------------------------------------


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def answers(port):
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


def children(process_id):
    with contextlib.suppress(OSError):
        return [int(child) for child in
                pathlib.Path(f"/proc/{process_id}/task/{process_id}/children").read_text(encoding="ascii").split()]
    return []


class Server:
    """One that is started for each measurement, on its core or cores, and stopped after it."""
    environment = {}
    # Where its data lies: None for the system's own place.
    place = None

    def __init__(self, core):
        self.core = core

    @contextlib.contextmanager
    def running(self, deflate=False):
        """Its addresses by what is done there, and its process ids."""
        with tempfile.TemporaryDirectory(prefix=f"bench-{self.name}-", dir=self.place) as folder:
            port = free_port()
            log = RESULTS / f"{self.name}.log"
            with log.open("wb") as output:
                process = subprocess.Popen(
                    ["taskset", "-c", str(self.core), *self.command(port, pathlib.Path(folder), deflate)], cwd=ROOT,
                    env={**os.environ, **self.environment}, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
            try:
                deadline = time.monotonic() + 10
                while not answers(port):
                    if process.poll() is not None or time.monotonic() > deadline:
                        raise RuntimeError(f"{self.name} does not listen; see {log}")
                    time.sleep(0.02)
                time.sleep(0.2)
                yield self.addresses(port), self.process_ids(process.pid)
            finally:
                self.end(process)
                try:
                    process.wait(timeout=10)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()

    @staticmethod
    def end(process):
        process.send_signal(signal.SIGTERM)

    def process_ids(self, process_id):
        return [process_id]

    def addresses(self, port):
        return {"echo": f"ws://127.0.0.1:{port}/echo", "watch": f"ws://127.0.0.1:{port}/watch",
                "publish": f"http://127.0.0.1:{port}/publish"}


def headway_version():
    described = subprocess.run(["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True,
                               check=False).stdout.strip()
    return f"headway {described or '0.1.0'}"


def package_version(package):
    return subprocess.run(["dpkg-query", "--show", "--showformat=${Version}", package], capture_output=True, text=True,
                          check=False).stdout or "of unknown version"


def build(*products):
    products = products or ("headway", "headway-load")
    say(f"Building {' and '.join(products)} (release) …")
    for product in products:
        subprocess.run(["swift", "build", "--configuration", "release", "--static-swift-stdlib", "--product", product],
                       cwd=ROOT, check=True, stdout=sys.stderr)


# --- Telling -------------------------------------------------------------------------------------------------------


def this_machine():
    processor = "unknown processor"
    with contextlib.suppress(OSError):
        found = re.search(r"^model name\s*:\s*(.+)$", pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8"),
                          re.MULTILINE)
        processor = found[1] if found else platform.machine()
    system = platform.freedesktop_os_release().get("PRETTY_NAME", "Linux")
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30
    return f"{os.cpu_count()} cores of {processor}, {memory:.0f} GiB, {system}, Linux {platform.release()}."


def markdown(rows):
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    lines.insert(1, "|---" + "|---:" * (len(rows[0]) - 1) + "|")
    return "\n".join(lines)


def write_page(begin, text, end="<!-- end of results -->", page=PAGE):
    """Replaces what stands in the page between those two lines."""
    before, begun, rest = page.read_text(encoding="utf-8").partition(begin)
    _, ended, after = rest.partition(end)
    if not begun or not ended:
        sys.exit(f"{page} has lost the two lines between which results are written.")
    page.write_text(f"{before}{begin}\n\n{text}\n\n{end}{after}", encoding="utf-8")
