"""What resumable uploads are for: lost connections, clients that come back, a server that dies; and who watches."""

import hashlib
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

import documents
import rules
from client import Closed
from uploads import OFFSET_TYPE, SlowSender, Tus, halves, id_of, metadata, path_of, some_octets
from waiting import eventually
from watchers import watch

FIELDS = ("Tus-Resumable: 1.0.0", f"Content-Type: {OFFSET_TYPE}")
TAKE_OVER_SECONDS_MAX = 3


@pytest.fixture
def tus(client):
    return Tus(client)


@pytest.fixture
def sending(tus):
    """An upload, and a client that sends to it and does not end."""
    path = tus.create(50_000_000)
    sender = SlowSender(tus.client, path, 0, 50_000_000, *FIELDS).begin()
    eventually(lambda: tus.client.state(id_of(path))["bytes_received"] > 0)
    yield path, sender
    sender.stop()


def quickly(call):
    began = time.monotonic()
    answer = call()
    assert time.monotonic() - began < TAKE_OVER_SECONDS_MAX, "a new request waited for the old one"
    return answer


class TestTakingOver:
    def test_head_is_answered_at_once_with_an_offset_that_is_then_taken(self, tus, sending):
        path, sender = sending
        for _ in range(3):
            offset = quickly(lambda: tus.offset(path))
            assert 0 < offset <= sender.sent + 3 * len("more")
            assert tus.patch(path, offset, b"more").headers["upload-offset"] == str(offset + 4)

    def test_the_old_request_ends_and_nothing_of_it_lands_behind_the_new_one(self, tus, sending):
        path, sender = sending
        offset = quickly(lambda: tus.offset(path))
        tus.patch(path, offset, b"new")
        eventually(lambda: sender.answer or sender.failure, 10, "the old request is ended")
        assert tus.offset(path) == offset + 3

    def test_a_patch_takes_over_without_asking_first(self, tus, sending):
        path, sender = sending
        reply = quickly(lambda: tus.patch(path, 0, b"x", expect=409))
        offset = int(reply.headers["upload-offset"])
        assert offset > 0
        quickly(lambda: tus.patch(path, offset, b"x"))

    def test_termination_does_not_wait_either(self, tus, sending):
        path, sender = sending
        quickly(lambda: tus.delete(path))
        assert tus.head(path, expect=None).status in (404, 410)
        eventually(lambda: sender.answer or sender.failure, 10)

    def test_cancelling_the_document_ends_its_upload(self, tus, sending):
        path, sender = sending
        watcher = watch(tus.client, id_of(path))
        quickly(lambda: tus.client.post(f"/v1/documents/{id_of(path)}/cancel", expect=200))
        assert rules.check_story(watcher.join_account().states)[-1]["status"] == "cancelled"
        eventually(lambda: sender.answer or sender.failure, 10)
        assert tus.head(path, expect=None).status in (404, 410)

    def test_head_never_makes_a_client_begin_again(self, tus, small_pdf):
        """Two clients of one upload, one of which asks and asks: never 5xx, 401 or 403, and all of it arrives."""
        body = some_octets(400_000)
        path = tus.create(len(body), Upload_Metadata=metadata(filetype="text/plain"))
        statuses, ended = [], threading.Event()

        def ask():
            while not ended.is_set():
                statuses.append(tus.head(path, expect=None).status)
                time.sleep(0.005)

        asking = threading.Thread(target=ask, daemon=True)
        asking.start()
        offset, deadline = 0, time.monotonic() + 60
        while offset < len(body) and time.monotonic() < deadline:
            try:
                tus.patch(path, offset, body[offset:offset + 20_000], expect=None)
            except (OSError, Closed):
                pass
            offset = tus.offset(path)
        ended.set()
        asking.join(10)
        assert offset == len(body) and set(statuses) == {200}, (offset, set(statuses))
        assert tus.finish(path)["sha256"] == hashlib.sha256(body).hexdigest()

    def test_many_at_once_leave_one_file(self, tus, client):
        """Every client asks and sends; whoever is told 204 was the one."""
        body = some_octets(300_000, seed=2)
        path = tus.create(len(body), Upload_Metadata=metadata(filetype="text/plain"))
        failures = []

        def send():
            try:
                deadline = time.monotonic() + 60
                while time.monotonic() < deadline:
                    head = tus.head(path)
                    offset = int(head.headers["upload-offset"])
                    if offset == len(body):
                        return
                    try:
                        tus.patch(path, offset, body[offset:offset + 10_000], expect=None)
                    except (OSError, Closed):
                        continue
                failures.append("not within a minute")
            except BaseException as failure:
                failures.append(failure)

        threads = [threading.Thread(target=send) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not failures, failures
        assert tus.finish(path)["sha256"] == hashlib.sha256(body).hexdigest()


class TestWatching:
    @pytest.mark.parametrize("transport", ["ndjson", "websocket"])
    def test_the_bytes_are_seen_as_they_come_and_as_they_are_safe(self, tus, client, transport):
        body = documents.pdf(pages=60, padding=2_000_000)
        path = tus.create(len(body))
        watcher = watch(client, id_of(path), transport)
        size = -(-len(body) // 8)
        for at in range(0, len(body), size):
            tus.patch(path, at, body[at:at + size])
            time.sleep(0.1)
        states = rules.check_story(watcher.join_account().states)
        uploading = [state for state in states if state["status"] == "uploading"]
        assert len({state["bytes_received"] for state in uploading}) >= 4
        assert len({state["bytes_done"] for state in uploading}) >= 4
        assert all(state["bytes_total"] == len(body) for state in states)
        assert any(0 < state["progress"] < 20 for state in uploading)
        assert states[-1]["status"] == "complete"

    def test_within_one_request_too(self, tus, client):
        path = tus.create(3_000_000)
        watcher = watch(client, id_of(path), "ndjson")
        sender = SlowSender(client, path, 0, 3_000_000, *FIELDS, piece=b"x" * 100_000, pause=0.05).begin()
        sender.join(60)
        assert sender.answer and sender.answer.status == 204
        states = rules.check_story(watcher.join_account().states)
        received = {state["bytes_received"] for state in states if state["status"] == "uploading"}
        assert len(received) >= 4, received

    def test_between_two_requests_it_is_still_uploading(self, tus, client):
        path = tus.create(10)
        tus.patch(path, 0, b"hello")
        state = client.state(id_of(path))
        assert (state["status"], state["stage"], state["bytes_received"]) == ("uploading", "uploading", 5)


class TestARestart:
    def test_what_was_acknowledged_is_there_after_sigkill(self, start_server):
        body = documents.pdf(pages=40, padding=3_000_000)
        server = start_server()
        tus = Tus(server.client)
        path = tus.create(len(body), Upload_Metadata=metadata(filename="long.pdf", a="1"))
        watcher = watch(server.client, id_of(path), reconnect=True, seconds=120)
        acknowledged, size = 0, len(body) // 10
        for _ in range(3):
            for _ in range(2):
                reply = tus.patch(path, acknowledged, body[acknowledged:acknowledged + size])
                acknowledged = int(reply.headers["upload-offset"])
            # Another one is on its way, of which nothing has been promised.
            rest = body[acknowledged:acknowledged + size]
            sender = SlowSender(server.client, path, acknowledged, size, *FIELDS, piece=rest, pause=0.2).begin()
            server.kill()
            sender.stop()
            server = start_server(port=server.port)
            tus = Tus(server.client)
            head = tus.head(path)
            offset = int(head.headers["upload-offset"])
            assert acknowledged <= offset <= acknowledged + sender.sent, (acknowledged, offset, sender.sent)
            assert head.headers["upload-length"] == str(len(body))
            assert head.headers["upload-metadata"] == metadata(filename="long.pdf", a="1")
            acknowledged = offset
        tus.patch(path, acknowledged, body[acknowledged:])
        state = tus.finish(path)
        assert (state["status"], state["name"], state["metadata"]) == ("complete", "long.pdf", {"a": "1"})
        assert state["sha256"] == hashlib.sha256(body).hexdigest()
        rules.check_story(watcher.join_account(120).states)

    @pytest.mark.parametrize("rest", [1, 1000, 200_000, 1_500_000])
    def test_the_digest_counts_what_a_former_process_took(self, start_server, rest):
        """The bytes of before are read while the others come: many uploads, so that every order of the two is met."""
        bodies = [some_octets(first + rest, seed=first) for first in (1, 40_000, 300_000, 700_000) * 3]
        server = start_server()
        tus = Tus(server.client)
        paths = [tus.create(len(body), Upload_Metadata=metadata(filetype="text/plain")) for body in bodies]
        for path, body in zip(paths, bodies):
            tus.patch(path, 0, body[:-rest])
        server.kill()
        tus = Tus(start_server(port=server.port).client)
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda pair: tus.patch(pair[0], len(pair[1]) - rest, pair[1][-rest:]), zip(paths, bodies)))
        for path, body in zip(paths, bodies):
            assert tus.client.state(id_of(path))["sha256"] == hashlib.sha256(body).hexdigest(), len(body)

    def test_what_lies_beyond_the_record_is_cut_off_though_nobody_goes_on(self, start_server):
        server = start_server()
        tus = Tus(server.client)
        path = tus.create(50_000_000)
        tus.patch(path, 0, b"hello")
        sender = SlowSender(server.client, path, 5, 49_000_000, *FIELDS, piece=bytes(1 << 20), pause=0).begin()
        file, = (server.data / "content").glob(f"{id_of(path)}.*")
        eventually(lambda: file.stat().st_size > 1 << 20)
        server.kill()
        sender.stop()
        assert file.stat().st_size > 1 << 20
        server = start_server()
        eventually(lambda: file.stat().st_size == 5, 10, "bytes that nobody was told of take no room")
        tus = Tus(server.client)
        assert tus.offset(path) == 5
        tus.patch(path, 5, b" again")
        assert file.stat().st_size == 11

    def test_a_finished_upload_stays_so(self, start_server, small_pdf):
        server = start_server()
        path = Tus(server.client).upload(small_pdf)
        server.kill()
        tus = Tus(start_server(port=server.port).client)
        head = tus.head(path)
        assert head.headers["upload-offset"] == head.headers["upload-length"] == str(len(small_pdf))
        assert tus.finish(path)["sha256"] == hashlib.sha256(small_pdf).hexdigest()

    def test_parts_and_what_waits_for_them_survive(self, start_server, small_pdf):
        server = start_server()
        tus, bodies = Tus(server.client), halves(small_pdf)
        parts = [tus.create(len(body), Upload_Concat="partial") for body in bodies]
        tus.patch(parts[0], 0, bodies[0])
        path = path_of(tus.post(Upload_Concat="final;" + " ".join(parts)).headers["location"])
        server.kill()
        tus = Tus(start_server(port=server.port).client)
        assert tus.offset(parts[0]) == len(bodies[0])
        tus.patch(parts[1], 0, bodies[1])
        assert tus.finish(path)["sha256"] == hashlib.sha256(small_pdf).hexdigest()

    def test_a_server_that_is_stopped_in_the_middle_keeps_what_came(self, start_server, small_pdf):
        server = start_server()
        tus = Tus(server.client)
        path = tus.create(len(small_pdf))
        first, second = halves(small_pdf)
        with server.client.connect() as connection:
            connection.request(f"PATCH {path}", *FIELDS, "Upload-Offset: 0", f"Content-Length: {len(small_pdf)}",
                               body=first)
            eventually(lambda: server.client.state(id_of(path))["bytes_received"] == len(first))
            server.stop()
        tus = Tus(start_server(port=server.port).client)
        offset = tus.offset(path)
        assert offset == len(first)
        tus.patch(path, offset, second)
        assert tus.finish(path)["sha256"] == hashlib.sha256(small_pdf).hexdigest()
