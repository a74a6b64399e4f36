"""What hostile documents do to everybody else: nothing that shows. What becomes of them is in test_workers."""

import csv
import socket
import threading
import time

import pytest

import documents
import rules
from client import OCTETS
from latency import HubWatch, percentile, told
from means import shared
from observer import Observer
from test_workers import type_of
from waiting import eventually

pytestmark = [pytest.mark.alone, pytest.mark.nightly]

MIB = 1 << 20
GROWTH_BYTES_MAX = 8 * MIB
LATENCY_P99_SECONDS_MAX = 0.1
ALONE_SECONDS = 20


class DrippingUpload(threading.Thread):
    """An upload that goes on all the while, some bytes fifty times a second: a document of which there is always news.
    It needs no worker, so the hostile ones cannot stand before it in the line."""

    SIZE = 100_000_000

    def __init__(self, client):
        super().__init__(daemon=True)
        self.identifier = client.create(name="dripping.bin", size=self.SIZE, content_type=OCTETS)["document_id"]
        self.socket = socket.create_connection((client.host, client.port), 10)
        self.socket.sendall(f"PUT /v1/documents/{self.identifier}/content HTTP/1.1\r\nHost: {client.host}\r\n"
                            f"Content-Type: {OCTETS}\r\nContent-Length: {self.SIZE}\r\n\r\n".encode())
        self.is_over, self.failure = threading.Event(), None
        self.start()

    def run(self):
        try:
            while not self.is_over.wait(0.02):
                self.socket.sendall(bytes(2000))
        except OSError as failure:
            self.failure = failure

    def end(self):
        self.is_over.set()
        self.join(10)
        self.socket.close()
        assert not self.failure, self.failure


def hostile_and_corpus(hostile):
    """(name, bytes, type) of every hostile document, and of the whole corpus."""
    folder, outcomes = hostile
    found = [(name, (folder / name).read_bytes(), type_of(name)) for name in sorted(outcomes)]
    for part in ("corpus", "corpus/other"):
        manifest = shared(f"{part}/MANIFEST.tsv")
        with open(manifest, encoding="utf-8", newline="") as file:
            names = [row["file"] for row in csv.DictReader(file, delimiter="\t")]
        found += [(name, (manifest.parent / name).read_bytes(), type_of(name)) for name in names]
    return found


@pytest.mark.timeout(2400)
def test_while_they_are_worked_on_watchers_of_others_notice_nothing_and_the_server_does_not_grow(
        start_server, hostile, tmp_path, medium_pdf):
    everything = hostile_and_corpus(hostile)
    server = start_server("--diagnostics")
    client = server.client
    # What it holds once it has done everything there is to do: large and small, in parallel, with results read.
    for _ in range(3):
        client.upload(bytes(64_000_000), "zeros.bin", OCTETS)
        client.finish(client.upload(medium_pdf)["document_id"])
    client.process(documents.plain_text(20_000), "long.txt", "text/plain")
    with Observer(server, tmp_path / "events") as observer:
        dripping = DrippingUpload(client)
        hub = HubWatch(server)
        time.sleep(ALONE_SECONDS)
        alone_until, resident = time.time(), server.tree()[0].resident_bytes
        hub_alone = hub.end()
        hub, pending, most, began = HubWatch(server), {}, 0, time.monotonic()
        for name, body, content_type in everything:
            pending[client.upload(body, name, content_type)["document_id"]] = name
            most = max(most, server.tree()[0].resident_bytes)
        uploaded = most
        ended = {}

        def all_ended():
            nonlocal most
            most = max(most, server.tree()[0].resident_bytes)
            for identifier in pending.keys() - ended.keys():
                state = client.state(identifier)
                if state["status"] in rules.TERMINAL:
                    ended[identifier] = state
            return len(ended) == len(pending)

        eventually(all_ended, 2000, "every document ends", every=0.5)
        seconds, hub_beside = time.monotonic() - began, hub.end()
        dripping.end()
    of_the_other = observer.delays(dripping.identifier)
    alone = [delay for came, delay in of_the_other if came <= alone_until]
    beside = [delay for came, delay in of_the_other if came > alone_until]
    print(f"\n{len(pending)} documents in {seconds:.0f} s; events of another: alone {told(alone)}; "
          f"beside {told(beside)}")
    print(f"hub p99 of ten seconds, ms: alone {[round(1000 * value, 1) for value in hub_alone]}, beside "
          f"{[round(1000 * value, 1) for value in hub_beside]}")
    print(f"the server held {resident / MIB:.1f} MiB before, {uploaded / MIB:.1f} when all had come, {most / MIB:.1f} "
          "at the most")
    stories = observer.stories()
    for identifier, name in pending.items():
        states = rules.check_story(stories[identifier])
        assert states[-1]["status"] in ("complete", "failed"), (name, states[-1])
    assert percentile(beside, 0.99) <= LATENCY_P99_SECONDS_MAX
    assert max(hub_beside) <= LATENCY_P99_SECONDS_MAX, hub_beside
    assert most <= resident + GROWTH_BYTES_MAX, f"{resident / MIB:.1f} → {most / MIB:.1f} MiB"
