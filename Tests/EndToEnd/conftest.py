"""The fixtures: servers of the real binary, and documents that are made once."""

import csv
import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys

import pytest

import documents
from means import BUILD, NIGHTLY, binary, shared
from server import Server

LOGS = BUILD / "end-to-end-logs"
_begun = set()


def pytest_report_header(config):
    return f"binary under test: {binary()}"


def pytest_collection_modifyitems(items):
    for item in items:
        if NIGHTLY and item.get_closest_marker("nightly"):
            item.add_marker(pytest.mark.timeout(3600))


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """A failed test shows the end of its servers' logs."""
    outcome = yield
    report = outcome.get_result()
    if report.failed:
        for value in getattr(item, "funcargs", {}).values():
            for server in value if isinstance(value, list) else [value]:
                if isinstance(server, Server):
                    report.sections.append(("server log", server.log_tail()))


@pytest.fixture(scope="session", autouse=True)
def own_state_folder(tmp_path_factory):
    """What the command line keeps between two runs, it keeps here."""
    before = os.environ.get("XDG_STATE_HOME")
    os.environ["XDG_STATE_HOME"] = str(tmp_path_factory.mktemp("state"))
    yield
    if before is None:
        del os.environ["XDG_STATE_HOME"]
    else:
        os.environ["XDG_STATE_HOME"] = before


def log_path(request):
    LOGS.mkdir(parents=True, exist_ok=True)
    # Beside the other test processes, each of which may have a server for the same file.
    place = os.environ.get("PYTEST_XDIST_WORKER", "main")
    name = re.sub(r"[^\w.-]+", "_", f"{request.node.nodeid.removeprefix('Tests/EndToEnd/')}-{place}")[-120:]
    path = LOGS / f"{name}.log"
    # Servers of one test share its log; the first of a run begins it anew.
    if path not in _begun:
        path.unlink(missing_ok=True)
        _begun.add(path)
    return path


@pytest.fixture(scope="module")
def start_shared_server(request, tmp_path_factory):
    """Starts servers that several tests of a file share, each on a data directory of its own."""
    started = []

    def start(*options, **keywords):
        started.append(Server(tmp_path_factory.mktemp("data"), log_path(request), *options, **keywords))
        return started[-1].start()

    yield start
    for server in started:
        server.stop()


@pytest.fixture(scope="module")
def server(start_shared_server):
    """One server for the tests of a file; they must not mind each other's documents."""
    return start_shared_server()


@pytest.fixture
def client(server):
    # One crash is one finding, not a refused connection in every test that follows.
    if not server.is_running:
        pytest.fail(f"the shared server has ended with {server.process.poll()} in an earlier test", pytrace=False)
    return server.client


@pytest.fixture
def start_server(request, tmp_path):
    """Starts servers that a test has for itself; the same data directory unless it names another."""
    started = []

    def start(*options, data=None, **keywords):
        server = Server(data or tmp_path / "data", log_path(request), *options, **keywords)
        started.append(server)
        return server.start()

    yield start
    for server in started:
        server.stop()


@pytest.fixture
def with_reader(start_server, tmp_path):
    """Starts servers whose pdftotext is a script of the test's own, and so are the reader behind it and `others`."""
    def start(script, *options, workers=1, second="exit 1", **others):
        folder = tmp_path / "bin"
        folder.mkdir(exist_ok=True)
        for name, text in {"pdftotext": script, "mutool": second, **others}.items():
            if text is None:
                continue
            reader = folder / name
            reader.write_text(f"#!/bin/bash\n{text}\n")
            reader.chmod(0o755)
        return start_server(*options, workers=workers, environment={"PATH": f"{folder}:{os.environ['PATH']}"})
    return start


@pytest.fixture
def slow_server(with_reader):
    """A server that reads at most a hundred pages a second, so that work can be looked at on any machine."""
    return with_reader(f"""set -o pipefail
        {shutil.which("pdftotext")} "$@" | while IFS= read -r -d $'\\f' page; do
            printf '%s\\f' "$page"; sleep 0.01
        done""")


@pytest.fixture(scope="session")
def small_pdf():
    """Three pages of text."""
    return documents.pdf(pages=3)


@pytest.fixture(scope="session")
def medium_pdf():
    """Enough pages to be watched on their way."""
    return documents.pdf(pages=120)


@pytest.fixture(scope="session")
def long_pdf():
    """More pages than any test waits for: a document to interrupt."""
    return documents.pdf(pages=30_000, lines=6)


@pytest.fixture(scope="session")
def hostile():
    """The hostile documents and what each may end as. Made once and kept: it takes half a minute."""
    tool = shared("tools/make_hostile.py")
    folder = BUILD / "hostile-documents" / hashlib.sha256(tool.read_bytes()).hexdigest()[:16]
    folder.parent.mkdir(parents=True, exist_ok=True)
    with open(folder.with_suffix(".lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # one test process makes them, the others wait
        if not (folder / "HOSTILE.tsv").exists():
            done = subprocess.run([sys.executable, tool, folder], capture_output=True, timeout=300)
            assert done.returncode == 0, done.stderr
    with open(folder / "HOSTILE.tsv", encoding="utf-8", newline="") as file:
        return folder, {row["file"]: row["acceptable outcome"] for row in csv.DictReader(file, delimiter="\t")}
