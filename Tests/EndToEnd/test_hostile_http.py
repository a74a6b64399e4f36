"""Requests that no well-meaning client sends: each gets an answer the RFCs allow, and none harms the server."""

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from means import shared

SHARES = 6  # the cases mostly wait, so several runs of some cases each go side by side


@pytest.mark.conformance
@pytest.mark.timeout(150)
def test_every_hostile_request_gets_an_allowed_outcome(start_server, tmp_path):
    server = start_server("--size-limit", 1_000_000_000)  # the list takes it that there is one
    client = server.client
    tool, cases = shared("tools/http_hostile.py"), json.loads(shared("tools/http_hostile.json").read_text())
    # The events of a document that waits stay open, as an upgraded connection should.
    watched = client.create()["document_id"]

    def run(share):
        path = tmp_path / f"cases-{share}.json"
        path.write_text(json.dumps({**cases, "cases": cases["cases"][share::SHARES]}))
        return subprocess.run(
            [sys.executable, str(tool), client.host, str(server.port), "--cases", str(path), "--path",
             "/healthz", "--up", "/v1/documents", "--ws", f"/v1/documents/{watched}/events"],
            capture_output=True, text=True, timeout=140)

    with ThreadPoolExecutor(SHARES) as pool:
        runs = list(pool.map(run, range(SHARES)))
    failures = [line for done in runs for line in done.stdout.splitlines() if line.startswith("FAIL")]
    assert not failures, "\n".join(failures)
    for done in runs:
        assert done.returncode == 0, done.stdout + done.stderr
    assert server.is_running
    client.get("/healthz", expect=200)
