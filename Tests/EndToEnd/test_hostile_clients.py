"""Clients that drip, flood and never read: they hold no memory, thread or place, and nobody else waits for them."""

import contextlib
import os
import resource
import selectors
import socket
import time
from collections import Counter
from pathlib import Path

import pytest

from client import PDF, RawConnection
from frames import WebSocketConnection
from means import need
from test_admission import metrics
from waiting import eventually

MIB = 1 << 20
CROWD = 2000
HEALTH_SECONDS_MAX = 2


class Crowd:
    """Many sockets of one hostile mind, driven by one thread."""

    def __init__(self, client, count, source="127.0.0.2"):
        limit = resource.getrlimit(resource.RLIMIT_NOFILE)
        need(limit[1] >= count + 500, f"{count + 500} descriptors a process")
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit[1], limit[1]))
        self.answers = {}
        self.selector = selectors.DefaultSelector()
        for _ in range(count):
            one = socket.create_connection((client.host, client.port), 10, (source, 0))
            one.setblocking(False)
            self.selector.register(one, selectors.EVENT_READ)
            self.answers[one] = b""
        self.open = set(self.answers)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.selector.close()
        for one in self.answers:
            one.close()

    def send(self, data):
        """Each sends as much as its socket takes."""
        for one in list(self.open):
            with contextlib.suppress(BlockingIOError):
                try:
                    one.send(data)
                except ConnectionError:
                    self._ended(one)

    def listen(self, seconds=0.0):
        """Takes what comes for so long."""
        until = time.monotonic() + seconds
        while True:
            for key, _ in self.selector.select(max(0, until - time.monotonic())):
                try:
                    data = key.fileobj.recv(65536)
                except ConnectionError:
                    data = b""
                self.answers[key.fileobj] += data
                if not data:
                    self._ended(key.fileobj)
            if time.monotonic() >= until:
                return

    def _ended(self, one):
        if one in self.open:
            self.open.remove(one)
            self.selector.unregister(one)

    def statuses(self):
        """How many got which answer; "" is none."""
        return Counter(answer[9:12].decode() for answer in self.answers.values())


class Watch:
    """What the server holds, before and at its most, and how long its health takes to tell."""

    def __init__(self, server):
        self.server, self.process = server, server.tree()[0]
        self.resident = self.most = self.process.resident_bytes
        self.threads = self._threads()
        self.slowest = 0

    def _threads(self):
        return len(os.listdir(f"/proc/{self.process.pid}/task"))

    def look(self):
        asked = time.monotonic()
        self.server.client.get("/healthz", expect=200)
        self.slowest = max(self.slowest, time.monotonic() - asked)
        self.most = max(self.most, self.process.resident_bytes)

    def hold(self, growth_bytes_max):
        grown = self.most - self.resident
        print(f"grown by {grown / MIB:.1f} MiB, /healthz within {self.slowest:.3f} s")
        assert grown < growth_bytes_max, f"{grown / MIB:.1f} MiB more than before"
        assert self.slowest < HEALTH_SECONDS_MAX, f"/healthz took {self.slowest:.2f} s"
        assert self._threads() == self.threads


pytestmark = pytest.mark.alone


def descriptors(server):
    return len(list(Path(f"/proc/{server.pid}/fd").iterdir()))


def upload_head(length):
    return f"POST /v1/documents HTTP/1.1\r\nHost: x\r\nContent-Type: {PDF}\r\nContent-Length: {length}\r\n\r\n".encode()


def in_flight(client):
    return metrics(client)["headway_uploads_in_flight"]


@pytest.mark.timeout(120)
@pytest.mark.parametrize("piece, growth_bytes_max", [(b"a", 24 * MIB), (b"X-Much: " + b"a" * 1500 + b"\r\n", 96 * MIB)],
                         ids=["a byte at a time", "much that never ends"])
def test_heads_that_drip_are_ended_in_time_and_hold_little(start_server, piece, growth_bytes_max):
    server = start_server("--head-seconds", 3, "--log-level", "warning")
    before = descriptors(server)
    server.client.get("/healthz", expect=200)
    watch = Watch(server)
    with Crowd(server.client, CROWD) as crowd:
        crowd.send(b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Drip: ")
        began = time.monotonic()
        while crowd.open and time.monotonic() - began < 30:
            crowd.send(piece)
            crowd.listen(0.2)
            watch.look()
        assert time.monotonic() - began < 12, "3 s, a second of the sweep, and 2 s for the answer to be read"
        assert not crowd.open
        # Whoever wrote on while it was refused may lose the answer to a reset.
        told = crowd.statuses()
        assert set(told) <= {"408", "431", ""} and told["408"] + told["431"] > CROWD / 2, told
    watch.hold(growth_bytes_max)
    eventually(lambda: descriptors(server) <= before + 2, 10, "every descriptor is given back")


@pytest.mark.timeout(120)
def test_connections_that_say_nothing_are_closed(start_server):
    server = start_server("--idle-seconds", 2, "--log-level", "warning")
    server.client.get("/healthz", expect=200)
    watch = Watch(server)
    with Crowd(server.client, CROWD) as crowd:
        began = time.monotonic()
        while crowd.open and time.monotonic() - began < 10:
            crowd.listen(0.2)
            watch.look()
        assert not crowd.open
        assert crowd.statuses() == {"": CROWD}
    watch.hold(24 * MIB)


@pytest.mark.timeout(120)
def test_bodies_that_drip_are_ended_in_time_and_give_their_places_back(start_server, small_pdf):
    server = start_server("--body-seconds", 3, "--body-rate", 1000, "--log-level", "warning")
    client = server.client
    client.upload(small_pdf)
    watch = Watch(server)
    with Crowd(client, 500) as crowd:
        crowd.send(upload_head(MIB))
        began = time.monotonic()
        most = 0
        while crowd.open and time.monotonic() - began < 40:
            crowd.send(b"drip")
            crowd.listen(0.2)
            watch.look()
            most = max(most, in_flight(client))
        assert most == 500, "all of them had a place"
        assert not crowd.open
        assert set(crowd.statuses()) <= {"408", ""} and crowd.statuses()["408"] > 250, crowd.statuses()
    # A buffer has memory as far as bytes came into it.
    watch.hold(64 * MIB)
    assert in_flight(client) == 0
    assert metrics(client)["headway_promised_bytes"] == 0
    client.upload(small_pdf)


@pytest.mark.timeout(60)
def test_an_append_that_drips_is_told_to_come_again_and_keeps_its_bytes(start_server):
    client = start_server("--body-seconds", 1, "--body-rate", 1000, "--log-level", "warning").client
    made = client.post("/v1/uploads", headers={"Tus-Resumable": "1.0.0", "Upload-Length": "1000"}, expect=201)
    path = made.headers["location"]
    with client.connect() as connection:
        connection.request(f"PATCH {path}", "Tus-Resumable: 1.0.0", "Upload-Offset: 0",
                           "Content-Type: application/offset+octet-stream", "Content-Length: 1000", body=b"drip")
        answer = connection.read_response()
    # Clients of tus give an upload up at 408, and wait at 423.
    assert (answer.status, answer.json()["code"]) == (423, "too_slow") and answer.headers["retry-after"]
    head = client.request("HEAD", path, headers={"Tus-Resumable": "1.0.0"}, expect=200)
    assert head.headers["upload-offset"] == "4"


@pytest.mark.timeout(120)
def test_a_flood_of_uploads_beyond_the_bounds_is_refused_and_holds_little(start_server, small_pdf):
    server = start_server("--uploads-max", 4, "--body-seconds", 5, "--log-level", "warning")
    client = server.client
    client.upload(small_pdf)
    watch = Watch(server)
    with Crowd(client, 1000) as crowd:
        crowd.send(upload_head(100 * MIB))
        began = time.monotonic()
        while len(crowd.open) > 4 and time.monotonic() - began < 30:
            crowd.send(b"a" * 65536)
            crowd.listen(0.02)
            watch.look()
            assert in_flight(client) <= 4
        assert len(crowd.open) <= 4, "those who were refused and send on are hung up on"
        assert set(crowd.statuses()) <= {"503", ""}
        assert metrics(client)['headway_uploads_refused_total{reason="too_many_uploads"}'] >= 996
    watch.hold(64 * MIB)
    eventually(lambda: in_flight(client) == 0, 10, "those who had a place lose it with their connection")
    client.upload(small_pdf)


@pytest.mark.timeout(120)
def test_clients_that_ask_and_never_read_hold_a_bounded_answer(start_server):
    server = start_server("--send-seconds", 3, "--log-level", "warning")
    server.client.get("/healthz", expect=200)
    watch = Watch(server)
    count = 100
    with Crowd(server.client, count) as crowd:
        began = time.monotonic()
        while time.monotonic() - began < 4:
            crowd.send(b"GET /headway.js HTTP/1.1\r\nHost: x\r\n\r\n" * 10)
            watch.look()
            time.sleep(0.2)
        # Nobody reads, so nobody hears of the end but by writing.
        eventually(lambda: crowd.send(b"\r\n") or len(crowd.open) == 0, 20, "each is hung up on", every=0.5)
    # What waits for one: the pipelined requests kept, and the output up to its high-water mark.
    watch.hold(count * (64 + 320) * 1024)


class TestConnectionsPerAddress:
    MAX = 40

    @pytest.fixture
    def server(self, start_server):
        return start_server("--connections-per-address", self.MAX, "--log-level", "warning")

    def connect(self, server, source="127.0.0.2"):
        return RawConnection(server.client.host, server.port, source=source)

    def is_served(self, server, path="/v1/documents", source="127.0.0.2"):
        with self.connect(server, source) as one:
            one.request(f"GET {path}")
            return one.read_response().status == 200

    def test_one_address_has_so_many_and_another_is_served(self, server):
        held = [self.connect(server) for _ in range(self.MAX)]
        for one in held:
            one.request("GET /v1/limits")
            assert one.read_response().status == 200
        with self.connect(server) as beyond:
            beyond.request("GET /v1/limits")
            answer = beyond.read_response()
            assert (answer.status, answer.json()["code"]) == (429, "too_many_connections_of_client")
        assert self.is_served(server, "/healthz"), "its health is still told"
        assert self.is_served(server, source="127.0.0.3")
        for one in held:
            one.socket.close()
        eventually(lambda: self.is_served(server), 5, "a place is given back with its connection")

    def test_whoever_asks_after_an_upload_is_told_to_wait(self, server):
        made = server.client.post("/v1/uploads", headers={"Tus-Resumable": "1.0.0", "Upload-Length": "5"}, expect=201)
        path = made.headers["location"]
        held = [self.connect(server) for _ in range(self.MAX)]
        eventually(lambda: metrics(server.client)["headway_connections_total"] >= self.MAX, 5)
        for line, status in ((f"HEAD {path}", 423), (f"GET {path}", 429)):
            with self.connect(server) as beyond:
                beyond.request(line, "Tus-Resumable: 1.0.0")
                answer = beyond.read_head()
                assert answer[0] == status and answer[1]["retry-after"], answer
        for one in held:
            one.socket.close()

    def test_beyond_the_probes_it_is_hung_up_on(self, server):
        held = [self.connect(server) for _ in range(self.MAX + 16)]
        eventually(lambda: metrics(server.client)["headway_connections_total"] >= self.MAX + 16, 5)
        # Nothing is said that was not asked: it might be taken for what becomes of an upload.
        with self.connect(server) as beyond:
            assert beyond.socket.recv(1) == b""
        for one in held:
            one.socket.close()

    def test_a_websocket_keeps_its_place_to_its_end(self, server):
        identifier = server.client.create()["document_id"]
        # The watchers come from the client's own address.
        held = [WebSocketConnection(server.client, f"/v1/documents/{identifier}/events") for _ in range(self.MAX)]
        with server.client.connect() as beyond:
            beyond.request("GET /v1/limits")
            assert beyond.read_response().status == 429
        for one in held:
            one.socket.close()
        eventually(lambda: server.client.get("/v1/limits").status == 200, 5)
