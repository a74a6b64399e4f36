"""Thousands of watchers at once: idle, in a storm, coming back together, and more than there are descriptors for."""

import json
import os
import re
import resource
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from frames import WebSocketConnection
from means import BUILD, NIGHTLY, need, program
from waiting import eventually

pytestmark = pytest.mark.alone

# The load generator of the same build.
LOAD = "headway-load"


def load(server, *arguments, seconds=120):
    """Runs the load generator; returns what it measured."""
    name = BUILD / ("release" if "release" in str(os.environ.get("HEADWAY_BINARY", "")) else "debug") / LOAD
    fallback = BUILD / "debug" / LOAD
    found = need(next((path for path in (name, fallback) if path.exists()), None), f"{LOAD}, which the build makes")
    done = subprocess.run([found, *map(str, arguments), "--pid", str(server.pid)], capture_output=True, text=True,
                          timeout=seconds)
    assert done.returncode == 0, done.stderr + done.stdout
    return json.loads(done.stdout.strip().splitlines()[-1])


def watchers(client):
    return int(re.search(r"^headway_watchers (\d+)", client.get("/metrics").body.decode(), re.M)[1])


def addresses(server):
    base = f"127.0.0.1:{server.port}/diagnostics"
    return ["--watch", f"ws://{base}/watch", "--publish", f"http://{base}/publish"]


COUNTS = [2000, pytest.param(19_000, marks=pytest.mark.nightly)]


@pytest.mark.timeout(600)
@pytest.mark.parametrize("count", COUNTS)
def test_idle_watchers_cost_little_and_leave_the_server_answering(start_server, count):
    need(resource.getrlimit(resource.RLIMIT_NOFILE)[1] >= count + 900, f"{count + 900} descriptors a process")
    server = start_server("--diagnostics", "--log-level", "warning")
    result = load(server, "idle", *addresses(server)[:2], "--watchers", count, "--sources", 8, seconds=500)
    print(result)
    server.client.get("/healthz", expect=200)
    eventually(lambda: watchers(server.client) == 0, 60, "every seat is given back")


@pytest.mark.timeout(600)
@pytest.mark.parametrize("count", COUNTS)
def test_in_a_storm_every_watcher_gets_every_message_in_order(start_server, count):
    need(resource.getrlimit(resource.RLIMIT_NOFILE)[1] >= count + 900, f"{count + 900} descriptors a process")
    server = start_server("--diagnostics", "--log-level", "warning")
    result = load(server, "fanout", *addresses(server), "--watchers", count, "--sources", 8, "--publishers", 1,
                  "--in-flight", 2, "--seconds", 5, "--patience", 60, seconds=500)
    print(result)
    for fault in ("lost", "missing", "reordered", "repeated", "foreign", "faults", "closed"):
        assert not result.get(fault), (fault, result)
    server.client.get("/healthz", expect=200)


@pytest.mark.timeout(300)
def test_a_thousand_that_come_back_at_once_are_let_in_while_others_are_served(start_server):
    server = start_server("--log-level", "warning")
    client = server.client
    identifier = client.create()["document_id"]
    path = f"/v1/documents/{identifier}/events"
    crowd = [WebSocketConnection(client, path, timeout=30) for _ in range(1000)]
    eventually(lambda: watchers(client) == 1000, 10)
    resident = server.tree()[0].resident_bytes
    for round_number in range(3):
        for watcher in crowd:
            watcher.socket.close()
        with ThreadPoolExecutor(16) as pool:
            at = time.monotonic()
            again = pool.map(lambda _: WebSocketConnection(client, path, timeout=30), range(1000))
            slowest = 0
            while watchers(client) < 1000 and time.monotonic() - at < 30:
                asked = time.monotonic()
                client.get("/healthz", expect=200)
                slowest = max(slowest, time.monotonic() - asked)
            crowd = list(again)
        eventually(lambda: watchers(client) == 1000, 10, "everybody is back, once")
        assert slowest < 1, f"/healthz took {slowest:.2f} s in the crowd"
    # A queue that grew would show here.
    assert server.tree()[0].resident_bytes < resident + (16 << 20)
    assert all(json.loads(watcher.read_message())["document_id"] == identifier for watcher in crowd[::50])
    for watcher in crowd:
        watcher.socket.close()


@pytest.mark.timeout(120)
def test_beyond_its_descriptors_it_refuses_in_words_and_still_tells_its_health(start_server, small_pdf):
    server = start_server("--loops", 1, prefix=[program("prlimit"), "--nofile=400:400"])
    client = server.client
    identifier = client.create()["document_id"]
    path = f"/v1/documents/{identifier}/events"
    crowd = []
    refused = None
    for _ in range(400):
        try:
            crowd.append(WebSocketConnection(client, path, timeout=10))
        except AssertionError as failure:
            refused = str(failure)
            break
    assert len(crowd) >= 200 and refused and "503" in refused, (len(crowd), refused)
    reply = client.get("/v1/documents", expect=503)
    assert reply.json()["code"] == "too_many_connections" and reply.headers["retry-after"]
    client.get("/healthz", expect=200)
    assert watchers(client) == len(crowd)
    # Those who are in are served to the end.
    crowd.pop().socket.close()
    eventually(lambda: client.get("/v1/limits").status == 200, 10, "there is room again")
    client.put_content(identifier, small_pdf, expect=202)
    for watcher in crowd:
        assert watcher.read_close()[0] == 1000
