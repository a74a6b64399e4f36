"""`--deduplicate`: an upload whose bytes were processed before is complete at once, with a result that is its own to keep
or delete, and nobody gets what another has made."""

import json
import os
import random
import shutil
import subprocess
import time
import uuid

import pytest

import documents
import rules
from client import MARKDOWN, NOBODY, TEXT
from means import binary
from test_idempotency import WHOLE, identifier
from test_tokens import bearer, entry
from uploads import Draft, Tus, id_of, metadata
from waiting import eventually
from watchers import watch

MESSAGE = "The same bytes were processed before; the result was taken over."


def text(seed):
    """Other bytes for every test."""
    return documents.plain_text(paragraphs=30, seed=seed)


@pytest.fixture(scope="module")
def server(start_shared_server):
    return start_shared_server("--deduplicate")


def everything(client, document):
    return [client.get(f"/v1/documents/{document}/{part}", expect=200).decoded() for part in ("result", "text",
                                                                                          "content")]


def check_taken_over(client, document, original):
    state = client.state(document)
    assert (state["status"], state["progress"], state["message"]) == ("complete", 100, MESSAGE)
    assert (state["attempt"], state["error"], state["stage"]) == (0, None, None)
    before = client.state(original)
    for member in ("sha256", "content_type", "pages_total", "pages_done", "bytes_total", "stages"):
        assert state[member] == before[member], member
    assert everything(client, document) == everything(client, original)
    return state


def check_worked_on(client, document):
    state = client.finish(document)
    assert (state["status"], state["message"], state["attempt"]) == ("complete", None, 1)
    return state


def files(server, document):
    return {path: path.stat() for folder in ("content", "results", "text")
            for path in (server.data / folder).iterdir() if path.name.startswith(document)}


def inodes(server, document):
    """The files behind a document's names, once the last name that is no longer needed is gone."""
    return eventually(lambda: len(found := files(server, document)) == 3 and
                      {status.st_ino for status in found.values()})


@pytest.fixture(scope="module")
def original(server):
    return check_worked_on(server.client, server.client.upload(text(1), "first.txt", TEXT)["document_id"])


class TestTakenOver:
    @pytest.mark.parametrize("way", WHOLE)
    def test_by_every_way_in_that_takes_one_request(self, client, original, way):
        reply = WHOLE[way](client, str(uuid.uuid4()), text(1))
        assert reply.status in (200, 201, 202), reply.body
        check_taken_over(client, identifier(reply), original["document_id"])

    def test_the_reply_is_the_complete_state(self, client, original):
        state = client.upload(text(1), "second.txt", TEXT)
        assert (state["status"], state["message"]) == ("complete", MESSAGE)
        assert state["name"] == "second.txt" and state["document_id"] != original["document_id"]

    def test_by_put(self, client, original):
        created = client.create(name="a.txt", content_type=TEXT)["document_id"]
        assert client.put_content(created, text(1), TEXT, expect=202).json()["status"] == "complete"
        check_taken_over(client, created, original["document_id"])

    def test_by_tus_in_pieces_and_put_together_of_parts(self, client, original):
        tus, body = Tus(client), text(1)
        half = len(body) // 2
        path = tus.create(len(body), Upload_Metadata=metadata(filename="a.txt", filetype=TEXT))
        tus.patch(path, 0, body[:half])
        tus.patch(path, half, body[half:])
        check_taken_over(client, id_of(path), original["document_id"])
        parts = [tus.upload(part, Upload_Concat="partial") for part in (body[:half], body[half:])]
        whole = tus.create(Upload_Concat=f"final;{' '.join(parts)}",
                           Upload_Metadata=metadata(filename="a.txt", filetype=TEXT))
        client.finish(id_of(whole))
        check_taken_over(client, id_of(whole), original["document_id"])

    def test_by_the_draft_in_pieces(self, client, original):
        draft, body = Draft(client, 8), text(1)
        path = draft.create(body[:500], False, content_type=TEXT, expect=201).headers["location"]
        draft.append(path, 500, body[500:], True)
        check_taken_over(client, id_of(path), original["document_id"])

    def test_by_the_command_line(self, client, original, tmp_path):
        path = tmp_path / "a.txt"
        path.write_bytes(text(1))
        for flags in ([], ["--no-resume"], ["--watch"], ["--watch", "--no-resume"]):
            done = subprocess.run([binary(), "upload", path, *flags, "--server", client.address], capture_output=True,
                                  text=True, timeout=60)
            assert done.returncode == 0, done.stderr
            check_taken_over(client, done.stdout.strip(), original["document_id"])

    @pytest.mark.parametrize("transport", ["websocket", "sse", "ndjson", "poll"])
    def test_watchers_are_told_one_story_with_one_end(self, client, original, transport):
        created = client.create(name="a.txt", content_type=TEXT)["document_id"]
        watcher = watch(client, created, transport)
        watcher.wait_connected()
        client.put_content(created, text(1), TEXT, expect=202)
        states = rules.check_story(watcher.join_account().states)
        assert states[-1]["status"] == "complete" and states[-1]["message"] == MESSAGE
        assert [state["status"] for state in states].count("complete") == 1

    def test_it_is_counted(self, client, original):
        def count():
            line = next(line for line in client.get("/metrics", expect=200).body.decode().splitlines()
                        if line.startswith("headway_results_taken_over_total "))
            return int(line.split()[1])
        before = count()
        client.upload(text(1), "a.txt", TEXT)
        client.upload(text(10), "a.txt", TEXT)
        assert count() == before + 1

    def test_a_pdf_keeps_its_pages(self, client, small_pdf):
        original = client.process(small_pdf)["document_id"]
        assert check_taken_over(client, client.upload(small_pdf)["document_id"], original)["pages_total"] == 3


class TestEachHasItsOwn:
    def test_bytes_and_results_are_stored_once(self, server, client):
        body = text(2)
        documents_of_it = [client.process(body, "a.txt", TEXT)["document_id"] for _ in range(3)]
        assert len({tuple(sorted(inodes(server, document))) for document in documents_of_it}) == 1

    @pytest.mark.parametrize("first", [0, 1])
    def test_deleting_one_leaves_the_other(self, server, client, first):
        body = text(3 + first)
        pair = [client.process(body, "a.txt", TEXT)["document_id"] for _ in range(2)]
        expected = everything(client, pair[0])
        inodes(server, pair[1])
        gone, left = pair[first], pair[1 - first]
        client.delete(f"/v1/documents/{gone}", expect=204)
        eventually(lambda: not files(server, gone))
        client.get(f"/v1/documents/{gone}/result", expect=404)
        assert everything(client, left) == expected
        # What is left serves the next one.
        check_taken_over(client, client.upload(body, "a.txt", TEXT)["document_id"], left)


class TestNotTakenOver:
    def test_without_the_option(self, start_server):
        server = start_server()
        for _ in range(2):
            check_worked_on(server.client, server.client.upload(text(1), "a.txt", TEXT)["document_id"])

    def test_bytes_without_a_digest(self, client):
        body = text(5)
        for query in ("&digest=none", "", "&digest=none"):
            check_worked_on(client, client.upload(body, "a.txt", TEXT, query=query)["document_id"])

    def test_the_same_bytes_as_another_type(self, client):
        body = text(6)
        for content_type in (TEXT, MARKDOWN):
            check_worked_on(client, client.upload(body, "a", content_type)["document_id"])

    def test_from_one_that_failed(self, client):
        body = documents.damaged()
        for _ in range(2):
            state = client.process(body)
            assert (state["status"], state["attempt"], state["message"]) == ("failed", 1, None)

    def test_from_one_that_was_deleted(self, client):
        body = text(7)
        for _ in range(2):
            state = check_worked_on(client, client.upload(body, "a.txt", TEXT)["document_id"])
            client.delete(f"/v1/documents/{state['document_id']}", expect=204)

    def test_from_one_whose_files_are_gone_from_the_disk(self, server, client):
        body = text(8)
        for kind in ("results", "text"):
            original = client.process(body, "a.txt", TEXT)["document_id"]
            inodes(server, original)
            next(path for path in files(server, original) if path.parent.name == kind).unlink()
            check_worked_on(client, client.upload(body, "a.txt", TEXT)["document_id"])

    def test_from_one_that_is_still_worked_on_or_was_cancelled(self, with_reader, tmp_path, small_pdf):
        """The later one is worked on by itself, so that neither depends on the other's fate."""
        gate = tmp_path / "gate"
        server = with_reader(f'while [ ! -e {gate} ]; do sleep 0.05; done; exec {shutil.which("pdftotext")} "$@"',
                             "--deduplicate", workers=2)
        client = server.client
        first, second, third = (client.upload(small_pdf)["document_id"] for _ in range(3))
        client.post(f"/v1/documents/{first}/cancel", expect=200)
        assert client.upload(small_pdf)["status"] == "queued"
        gate.touch()
        for document in (second, third):
            check_worked_on(client, document)
        check_taken_over(client, client.upload(small_pdf)["document_id"], second)

    def test_under_other_settings_of_the_pipeline(self, start_server):
        body = text(9)
        server = start_server("--deduplicate")
        first = server.client.process(body, "a.txt", TEXT)["document_id"]
        server.stop()
        server = start_server("--deduplicate", "--chunk-characters", 300, "--chunk-overlap", 20)
        second = check_worked_on(server.client, server.client.upload(body, "a.txt", TEXT)["document_id"])
        assert len(server.client.chunks(second["document_id"])) > len(server.client.chunks(first))
        server.stop()
        server = start_server("--deduplicate")
        check_taken_over(server.client, server.client.upload(body, "a.txt", TEXT)["document_id"], first)


class TestOwners:
    def test_nobody_gets_what_another_has_made(self, start_server, tmp_path):
        path = tmp_path / "headway.json"
        tokens = [entry(name) for name in ("alice", "bob", "nobody")]
        stranger = {"token": "another-token-without-a-subject", "scopes": ["upload"]}
        path.write_text(json.dumps({"tokens": [*tokens, stranger], "anonymous": "unlimited", "deduplicate": True}))
        server = start_server("--config", path)

        def upload(headers):
            return server.client.post("/v1/documents?name=a.txt", text(1), expect=202,
                                      headers={"Content-Type": TEXT, **headers}).json()["document_id"]
        callers = [bearer("alice"), bearer("bob"), bearer("nobody"), bearer(stranger["token"]), {}]
        firsts = [check_worked_on(server.client, upload(headers))["document_id"] for headers in callers]
        for headers, first in zip(callers, firsts):
            check_taken_over(server.client, upload(headers), first)


class TestCrashes:
    def test_names_without_a_record_are_removed_at_the_start(self, start_server):
        """A crash after the second names were made and before the record: planted here, for it lasts milliseconds."""
        server = start_server("--deduplicate")
        body = text(1)
        original = server.client.process(body, "a.txt", TEXT)["document_id"]
        waiting = server.client.create(name="a.txt", content_type=TEXT)["document_id"]
        expected = everything(server.client, original)
        server.kill()
        for path in files(server, original):
            for document in (waiting, NOBODY):
                ending = "".join(path.suffixes[1:])
                os.link(path, path.with_name(f"{document}.abcdef{ending}"))
        server = start_server("--deduplicate")
        eventually(lambda: not files(server, waiting) and not files(server, NOBODY))
        assert everything(server.client, original) == expected
        server.client.put_content(waiting, body, TEXT, expect=202)
        check_taken_over(server.client, waiting, original)

    def test_kills_at_any_moment_lose_nothing(self, start_server):
        random.seed(20261128)
        server = start_server("--deduplicate")
        body = text(1)
        original = server.client.process(body, "a.txt", TEXT)["document_id"]
        expected = everything(server.client, original)
        accepted, begun = [], []
        for _ in range(8):
            timer = time.monotonic() + random.uniform(0, 0.06)
            with subprocess.Popen(["curl", "-s", "-T", "-", "-H", "Content-Type: text/plain", "--parallel",
                                   f"{server.client.address}/drop/a.txt"], stdin=subprocess.PIPE,
                                  stdout=subprocess.PIPE) as sender:
                sender.stdin.write(body)
                sender.stdin.close()
                time.sleep(max(0, timer - time.monotonic()))
                server.kill()
                reply = sender.stdout.read()
            if reply.startswith(b"{"):
                accepted.append(json.loads(reply)["document_id"])
            server = start_server("--deduplicate")
            begun = [state["document_id"] for state in
                     server.client.get("/v1/documents?limit=500", expect=200).json()["documents"]]
        assert set(accepted) <= set(begun)
        for document in begun:
            state = server.client.finish(document)
            if state["status"] == "complete":
                assert everything(server.client, document) == expected
            else:
                assert state["error"]["code"] == "upload_interrupted" and document not in accepted
        server.kill()
        server = start_server("--deduplicate")
        wanted = 3 * sum(server.client.state(document)["status"] == "complete" for document in begun)
        eventually(lambda: sum(len(files(server, document)) for document in begun) == wanted,
                   what="every complete document has its three files, and nothing else is left")
