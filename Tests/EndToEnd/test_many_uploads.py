"""Uploads, many in flight together or one that is very large: the server's memory does not depend on either."""

import contextlib
import re
import shutil
import threading

import pytest

from crowd import Crowd, pattern, pattern_sha256
from means import need
from waiting import eventually

pytestmark = pytest.mark.alone

SERVER_BYTES_MAX = 96 << 20
MANY = 200
LARGE_BYTES = 4_831_838_208  # 4.5 GiB: no 32-bit number holds it
GIGABYTE = 1_000_000_000


@contextlib.contextmanager
def crowd_of(client, *arguments, **keywords):
    crowd = Crowd(client, *arguments, **keywords)
    try:
        yield crowd
    finally:
        crowd.close()


@contextlib.contextmanager
def room_for(server, size):
    """Whether the disk has it is asked before; what lies there is removed at once, not some test runs later."""
    need(shutil.disk_usage(server.data).free > size + 6 * GIGABYTE, f"{size // GIGABYTE + 6} GB of free disk")
    try:
        yield
    finally:
        server.stop()
        shutil.rmtree(server.data)


def in_flight(client):
    return int(re.search(r"^headway_uploads_in_flight (\d+)$", client.get("/metrics").body.decode(), re.MULTILINE)[1])


def received(client):
    """How many bytes of each upload that is not through the server has taken from its socket."""
    reply = client.get("/v1/documents?status=uploading&limit=500", expect=200)
    return [document["bytes_received"] for document in reply.json()["documents"]]


def check_memory(server):
    most = server.tree()[0].resident_bytes_max
    print(f"the server held {most >> 20} MiB")
    assert most < SERVER_BYTES_MAX, f"the server held {most >> 20} MiB"


def documents_of(client):
    return client.get("/v1/documents?limit=500", expect=200).json()["documents"]


def check_documents(client, count, size):
    """Each is on record with all its bytes, unchanged."""
    found = [document for document in documents_of(client) if document["bytes_total"] == size]
    assert len(found) == count
    assert {(document["bytes_done"], document["sha256"]) for document in found} == {(size, pattern_sha256(size))}


def test_two_hundred_uploads_that_stand_still_together_are_held_in_little_memory(start_server):
    """Each has sent all but its last byte, and the server has taken all of that from the kernel."""
    server, size = start_server(), 2_000_000
    with crowd_of(server.client, MANY, size) as crowd:
        crowd.send_up_to(size - 1)
        eventually(lambda: received(server.client) == [size - 1] * MANY, 60, "the server has all but the last bytes")
        assert in_flight(server.client) == MANY
        check_memory(server)
        assert crowd.finish() == [202] * MANY
    check_memory(server)
    check_documents(server.client, MANY, size)
    assert in_flight(server.client) == 0


@pytest.mark.nightly
@pytest.mark.timeout(1800)
def test_two_hundred_uploads_of_a_hundred_megabytes_in_flight_together(start_server):
    server, size = start_server(), 100_000_000
    with room_for(server, MANY * size), crowd_of(server.client, MANY, size) as crowd:
        crowd.send_up_to(size // 2, 900)
        assert in_flight(server.client) == MANY
        assert crowd.finish(900) == [202] * MANY
        check_memory(server)
        check_documents(server.client, MANY, size)


@pytest.mark.parametrize("size", [pytest.param(64_000_000, id="64 MB"),
                                  pytest.param(LARGE_BYTES, id="4.5 GiB", marks=pytest.mark.nightly)])
@pytest.mark.timeout(1800)
def test_a_large_upload_goes_through_while_a_hundred_others_run(start_server, size):
    # All of what is announced is room that the server keeps for it, whether it comes or not.
    server, others_size, done = start_server(), 100_000_000, threading.Event()
    client = server.client
    failures, steps = [], 0

    def go_on(others):
        """A little of each at a time, as over slow lines, until the large one is through."""
        nonlocal steps
        try:
            while not done.wait(0.2):
                steps += 1
                others.send_up_to(min(steps * 50_000, others_size // 2))
        except BaseException as failure:
            failures.append(failure)

    with room_for(server, size + 100 * others_size), crowd_of(client, 100, others_size) as others:
        thread = threading.Thread(target=go_on, args=(others,))
        thread.start()
        try:
            eventually(lambda: in_flight(client) == 100)
            with crowd_of(client, 1, size, first=1000) as large:
                assert large.finish(900) == [202]
        finally:
            done.set()
            thread.join(130)
        assert not failures, failures
        assert in_flight(client) == 100 and steps > 0
        check_memory(server)
        check_documents(client, 1, size)
        large = next(document["document_id"] for document in documents_of(client) if document["bytes_total"] == size)
        path = f"/v1/documents/{large}/content"
        reply = client.get(path, headers={"Range": f"bytes={size - 10}-"}, expect=206)
        assert reply.headers["content-range"] == f"bytes {size - 10}-{size - 1}/{size}"
        assert reply.body == pattern(size - 10, 10)
