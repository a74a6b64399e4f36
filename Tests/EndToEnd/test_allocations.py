"""How often the server asks for memory, against the thresholds of allocations.json.

A message that comes in two pieces, as on a busy machine, costs more: so on a quiet one.
"""

import json
import mmap
import struct
import subprocess
from pathlib import Path

import pytest
from websockets.sync.client import connect

from client import RawConnection
from frames import OPCODE_BINARY, WebSocketConnection, frame
from means import binary, need, program
from test_diagnostics import address

pytestmark = pytest.mark.alone
HERE = Path(__file__).parent
THRESHOLDS = json.loads((HERE / "allocations.json").read_text())


class Counted:
    """A server whose allocations are counted."""

    def __init__(self, start_server, folder):
        library, self.path = folder / "allocations.so", folder / "allocations"
        subprocess.run([program("cc", "gcc", "clang"), "-O2", "-shared", "-fPIC", "-o", library,
                        HERE / "allocations.c"], check=True)
        self.path.write_bytes(bytes(4096))
        self.server = start_server("--diagnostics", "--loops", 1, "--log-level", "warning", workers=1, environment={
            "LD_PRELOAD": str(library), "HEADWAY_ALLOCATIONS": str(self.path)})
        self.client = self.server.client
        with open(self.path, "rb") as file:
            self.page = mmap.mmap(file.fileno(), 8, prot=mmap.PROT_READ)

    @property
    def count(self):
        return struct.unpack("Q", self.page[:8])[0]

    def each(self, number, work):
        """Allocations for each of `number` things that `work` does, after it was done once to warm up."""
        work()
        before = self.count
        work()
        return (self.count - before) / number


@pytest.fixture
def counted(start_server, tmp_path):
    need("release" in str(binary()), "a release build (HEADWAY_BINARY); an unoptimised one allocates more")
    counted = Counted(start_server, tmp_path)
    assert counted.count > 100, "nothing is counted"
    return counted


def check(what, seen):
    print(f"{what}: {seen:.3f} allocations, at most {THRESHOLDS[what]}")
    assert seen <= THRESHOLDS[what], (what, seen)


@pytest.mark.parametrize("size, what", [(64, "an echoed message of 64 bytes"), (16_384, "an echoed message of 16 KiB")])
def test_an_echo(counted, size, what):
    with WebSocketConnection(counted.client, "/diagnostics/echo") as socket:
        message = frame(OPCODE_BINARY, b"x" * size)

        def work():
            for _ in range(1000):
                socket.send(message)
                socket.read_frame()

        check(what, counted.each(1000, work))


def test_a_broadcast(counted):
    sockets = [connect(address(counted.client, "watch"), compression=None) for _ in range(1000)]
    body = json.dumps({"text": "x" * 180}).encode()
    with RawConnection(counted.client.host, counted.client.port) as publisher:
        def work():
            for _ in range(20):
                publisher.request("POST /diagnostics/publish", f"Content-Length: {len(body)}", body=body)
                publisher.read_response()
                for socket in sockets:
                    socket.recv(timeout=10)

        check("a delivered event, of one to a thousand", counted.each(20 * 1000, work))
    for socket in sockets:
        socket.close()


def test_a_publication(counted):
    body = json.dumps({"text": "x" * 180}).encode()
    with RawConnection(counted.client.host, counted.client.port) as publisher:
        def work():
            for _ in range(1000):
                publisher.request("POST /diagnostics/publish", f"Content-Length: {len(body)}", body=body)
                publisher.read_response()

        check("a published message", counted.each(1000, work))


def test_a_poll(counted):
    identifier = counted.client.create()["document_id"]
    tag = counted.client.get(f"/v1/documents/{identifier}/events").headers["etag"]
    with RawConnection(counted.client.host, counted.client.port) as poller:
        def work():
            for _ in range(1000):
                poller.request(f"GET /v1/documents/{identifier}/events", f"If-None-Match: {tag}")
                assert poller.read_response().status == 304

        check("a poll that is answered 304", counted.each(1000, work))
