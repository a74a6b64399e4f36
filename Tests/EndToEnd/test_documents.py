"""What can be done with a document: list, get, cancel, retry, delete; its result, text and content."""

import json
import math
import time
import uuid

import pytest

import documents
import rules
from client import NOBODY, PDF, TEXT, Closed, multipart
from waiting import eventually
from watchers import TRANSPORTS, watch

CANCEL_SECONDS_MAX = 1
CHUNK_CHARACTERS_MAX = 1000
DIMENSIONS = 384


@pytest.fixture(scope="module")
def complete(server, medium_pdf):
    """A document that is done, for the tests that only read."""
    state = server.client.process(medium_pdf, "complete.pdf")
    assert state["status"] == "complete", state
    return state


@pytest.fixture
def running(client, long_pdf):
    """A document that is being processed, and would be for long."""
    identifier = client.upload(long_pdf)["document_id"]
    eventually(lambda: client.state(identifier)["status"] == "processing", what="its processing begins")
    yield identifier
    client.delete(f"/v1/documents/{identifier}")


class TestReading:
    def test_one_state_can_be_read(self, client, complete):
        state = client.state(complete["document_id"])
        assert state["status"] == "complete" and state["pages_done"] == state["pages_total"] == 120
        assert all(entry["done"] == entry["total"] == 120 for entry in state["stages"])

    @pytest.mark.parametrize("path", ["", "/events", "/result", "/text", "/content"])
    @pytest.mark.parametrize("identifier", [NOBODY, "nonsense", "..%2f..%2fetc%2fpasswd"])
    def test_a_document_that_is_not_there_is_404(self, client, identifier, path):
        client.get(f"/v1/documents/{identifier}{path}", expect=404)

    @pytest.mark.parametrize("method, path", [("POST", "/cancel"), ("POST", "/retry"), ("DELETE", "")])
    def test_nothing_can_be_done_with_one_that_is_not_there(self, client, method, path):
        client.request(method, f"/v1/documents/{uuid.uuid4()}{path}", expect=404)


@pytest.fixture(scope="module")
def many(start_shared_server):
    """A server of its own with 60 documents that wait for their bytes and one that is complete; newest last."""
    client = start_shared_server().client
    created = [client.create(name=f"{number}.pdf")["document_id"] for number in range(60)]
    return client, created + [client.process(documents.pdf(), "done.pdf")["document_id"]]


class TestTheList:
    def test_it_holds_50_newest_first(self, many):
        client, identifiers = many
        page = client.get("/v1/documents", expect=200).json()
        assert [state["document_id"] for state in page["documents"]] == identifiers[::-1][:50]
        assert page["next_cursor"]
        for state in page["documents"]:
            rules.check_state(state)

    def test_the_cursor_leads_through_all_of_it_once(self, many):
        client, identifiers = many
        seen, path = [], "/v1/documents?limit=7"
        while True:
            page = client.get(path, expect=200).json()
            assert len(page["documents"]) <= 7
            seen += [state["document_id"] for state in page["documents"]]
            if page["next_cursor"] is None:
                break
            path = f"/v1/documents?limit=7&cursor={page['next_cursor']}"
        assert seen == identifiers[::-1]

    def test_a_document_that_comes_while_paging_moves_nothing(self, many):
        client, identifiers = many
        first = client.get("/v1/documents?limit=20", expect=200).json()
        newer = client.create(name="newer.pdf")["document_id"]
        second = client.get(f"/v1/documents?limit=20&cursor={first['next_cursor']}", expect=200).json()
        client.delete(f"/v1/documents/{newer}", expect=204)
        seen = [state["document_id"] for state in first["documents"] + second["documents"]]
        assert len(set(seen)) == 40 and newer not in seen

    def test_it_can_be_narrowed_to_a_status(self, many):
        client, identifiers = many
        found = client.get("/v1/documents?status=complete", expect=200).json()["documents"]
        assert [state["document_id"] for state in found] == [identifiers[-1]]
        found = client.get("/v1/documents?status=uploading&limit=500", expect=200).json()["documents"]
        assert [state["document_id"] for state in found] == identifiers[-2::-1]

    def test_narrowed_to_a_status_it_tells_no_document_with_another(self, start_server, small_pdf):
        """Not even at the moment in which a document goes from one to the next."""
        client = start_server().client
        pending = {client.upload(small_pdf)["document_id"] for _ in range(20)}
        seen = set()

        def all_complete():
            for status in ("queued", "processing", "complete"):
                for state in client.get(f"/v1/documents?status={status}", expect=200).json()["documents"]:
                    assert rules.check_state(state)["status"] == status, state
                    seen.add((state["document_id"], status))
            return {(identifier, "complete") for identifier in pending} <= seen

        eventually(all_complete, 60, "all are complete", every=0)

    @pytest.mark.parametrize("query", ["status=nonsense", "limit=0", "limit=-1", "limit=many", "cursor=%00%ff"])
    def test_a_query_that_makes_no_sense_is_a_bad_request(self, many, query):
        many[0].get(f"/v1/documents?{query}", expect=400)

    def test_no_more_than_500_at_once(self, many):
        reply = many[0].get("/v1/documents?limit=501")
        assert reply.status in (200, 400)  # cut down or refused, never more


class TestCancel:
    def test_a_running_one_stops_within_a_second_and_its_record_is_kept(self, server, client, running):
        at = time.monotonic()
        state = client.post(f"/v1/documents/{running}/cancel", expect=200).json()
        rules.check_links(rules.check_state(state))
        eventually(lambda: client.state(running)["status"] == "cancelled", CANCEL_SECONDS_MAX)
        # Stopped, not only called so: nothing works on any more once the second is over.
        eventually(lambda: not extractors(server), CANCEL_SECONDS_MAX, "its extractor ends")
        assert time.monotonic() - at < CANCEL_SECONDS_MAX + 0.5
        state = client.state(running)
        assert (state["stage"], state["error"]) == (None, None) and state["progress"] < 100

    def test_a_waiting_upload_can_be_cancelled(self, client):
        identifier = client.create()["document_id"]
        client.post(f"/v1/documents/{identifier}/cancel", expect=200)
        assert client.state(identifier)["status"] == "cancelled"

    def test_a_queued_one_can_be_cancelled_and_never_runs(self, client, long_pdf, small_pdf):
        ahead = [client.upload(long_pdf)["document_id"] for _ in range(2)]
        identifier = client.upload(small_pdf)["document_id"]
        client.post(f"/v1/documents/{identifier}/cancel", expect=200)
        for other in ahead:
            client.delete(f"/v1/documents/{other}", expect=204)
        assert client.process(small_pdf)["status"] == "complete"
        assert client.state(identifier)["status"] == "cancelled"

    def test_an_upload_under_way_can_be_cancelled(self, client, small_pdf):
        identifier = str(uuid.uuid4())
        with client.connect() as connection:
            connection.request(f"POST /v1/documents?id={identifier}", f"Content-Type: {PDF}",
                               f"Content-Length: {len(small_pdf)}", body=small_pdf[:500])
            eventually(lambda: client.get(f"/v1/documents/{identifier}").status == 200)
            client.post(f"/v1/documents/{identifier}/cancel", expect=200)
            eventually(lambda: client.state(identifier)["status"] == "cancelled", CANCEL_SECONDS_MAX)
            reply = connection.read_response() if send_rest(connection, small_pdf[500:]) else None
        assert reply is None or reply.status == 409, reply
        assert client.state(identifier)["status"] == "cancelled"

    def test_a_terminal_one_is_a_conflict(self, client, complete):
        client.post(f"/v1/documents/{complete['document_id']}/cancel", expect=409)
        identifier = client.create()["document_id"]
        client.post(f"/v1/documents/{identifier}/cancel", expect=200)
        client.post(f"/v1/documents/{identifier}/cancel", expect=409)


def send_rest(connection, data):
    """Whether the rest could be sent and an answer may be read."""
    try:
        connection.send(data)
        connection._fill()
        return bool(connection.buffer)
    except (OSError, Closed):
        return False


def extractors(server):
    return [process for process in server.tree() if "pdftotext" in process.command]


class TestRetry:
    def test_a_cancelled_one_runs_again(self, client, medium_pdf, long_pdf):
        ahead = [client.upload(long_pdf)["document_id"] for _ in range(2)]
        identifier = client.upload(medium_pdf)["document_id"]
        client.post(f"/v1/documents/{identifier}/cancel", expect=200)
        for other in ahead:
            client.delete(f"/v1/documents/{other}", expect=204)
        reply = client.post(f"/v1/documents/{identifier}/retry", expect=202)
        state = rules.check_links(rules.check_state(reply.json()))
        assert state["status"] in ("queued", "processing") and state["stage"] is not None and state["error"] is None
        account = watch(client, identifier).join_account()
        rules.check_story(account.states)
        assert account.last["status"] == "complete"

    def test_a_failed_one_runs_again_and_fails_again(self, client):
        state = client.process(documents.scan())
        again = client.post(f"/v1/documents/{state['document_id']}/retry", expect=202).json()
        assert again["error"] is None and again["progress"] >= state["progress"]
        end = client.finish(state["document_id"])
        assert (end["status"], end["error"]["code"]) == ("failed", "no_text")
        assert end["attempt"] >= again["attempt"] and end["progress"] >= state["progress"]

    def test_a_complete_one_does_not(self, client, complete):
        client.post(f"/v1/documents/{complete['document_id']}/retry", expect=409)

    def test_nor_one_that_is_still_running(self, client, running):
        client.post(f"/v1/documents/{running}/retry", expect=409)

    def test_nor_one_whose_bytes_never_came(self, client):
        identifier = client.create()["document_id"]
        client.post(f"/v1/documents/{identifier}/cancel", expect=200)
        client.post(f"/v1/documents/{identifier}/retry", expect=409)


class TestDelete:
    def gone(self, client, identifier):
        for path in ("", "/events", "/result", "/text", "/content"):
            client.get(f"/v1/documents/{identifier}{path}", expect=404)
        client.delete(f"/v1/documents/{identifier}", expect=404)
        listed = client.get("/v1/documents?limit=500", expect=200).json()["documents"]
        assert identifier not in [state["document_id"] for state in listed]

    def test_a_complete_one_goes_with_all_its_files(self, server, client, small_pdf):
        identifier = client.process(small_pdf)["document_id"]
        reply = client.delete(f"/v1/documents/{identifier}", expect=204)
        assert reply.body == b""
        self.gone(client, identifier)
        eventually(lambda: not files_of(server, identifier), 5, "its files are gone")

    def test_a_running_one_is_stopped_first(self, server, client, running):
        client.delete(f"/v1/documents/{running}", expect=204)
        self.gone(client, running)
        eventually(lambda: not extractors(server), CANCEL_SECONDS_MAX, "its extractor ends")
        eventually(lambda: not files_of(server, running), 5, "its files are gone")

    @pytest.mark.parametrize("transport", [name for name in TRANSPORTS if name != "poll"])
    def test_watchers_are_told_cancelled_and_their_stream_ends(self, client, running, transport):
        watcher = watch(client, running, transport)
        client.delete(f"/v1/documents/{running}", expect=204)
        account = watcher.join_account(10)
        assert account.last["status"] == "cancelled"
        assert account.close_code == (1000 if transport == "websocket" else None)

    def test_an_upload_that_waits_goes_and_its_id_is_free_or_still_taken_but_never_half(self, client, small_pdf):
        identifier = client.create()["document_id"]
        client.delete(f"/v1/documents/{identifier}", expect=204)
        self.gone(client, identifier)
        reply = client.post(f"/v1/documents?id={identifier}", small_pdf, headers={"Content-Type": PDF})
        assert reply.status in (202, 409)
        if reply.status == 202:
            assert client.finish(identifier)["status"] == "complete"


def files_of(server, identifier):
    """Files of a document in the data directory, by its id with or without dashes."""
    names = (identifier, identifier.replace("-", ""))
    return [path for path in server.data.rglob("*") if any(name in str(path) for name in names)]


class TestTheResult:
    def test_it_is_one_chunk_a_line_in_order(self, client, complete):
        reply = client.get(f"/v1/documents/{complete['document_id']}/result", expect=200)
        assert reply.headers["content-type"].startswith("application/x-ndjson")
        assert reply.body.endswith(b"\n")
        chunks = [json.loads(line) for line in reply.body.splitlines()]
        assert [chunk["index"] for chunk in chunks] == list(range(len(chunks)))
        assert all({"index", "page_start", "page_end", "text", "embedding"} <= chunk.keys() for chunk in chunks)

    def test_chunks_are_no_longer_than_configured_and_never_empty(self, client, complete):
        for chunk in client.chunks(complete["document_id"]):
            assert 0 < len(chunk["text"]) <= CHUNK_CHARACTERS_MAX and chunk["text"].strip(), chunk["index"]

    def test_chunks_know_their_pages_and_leave_none_out(self, client, complete):
        chunks = client.chunks(complete["document_id"])
        assert chunks[0]["page_start"] == 1 and chunks[-1]["page_end"] == 120
        for before, after in zip(chunks, chunks[1:]):
            assert 1 <= before["page_start"] <= before["page_end"] <= 120
            assert before["page_start"] <= after["page_start"] <= before["page_end"] + 1
        for page in range(1, 121):
            holders = [chunk for chunk in chunks if f"Page {page} of 120." in chunk["text"]]
            assert holders, f"page {page} is in no chunk"
            assert all(chunk["page_start"] <= page <= chunk["page_end"] for chunk in holders), page

    def test_neighbours_overlap(self, client, complete):
        chunks = client.chunks(complete["document_id"])
        overlapping = sum(after["text"][:20] in before["text"] for before, after in zip(chunks, chunks[1:]))
        assert overlapping >= 0.9 * (len(chunks) - 1)

    def test_every_chunk_has_a_vector_of_384_dimensions_and_length_1(self, client, complete):
        for chunk in client.chunks(complete["document_id"]):
            assert len(chunk["embedding"]) == DIMENSIONS
            assert math.isclose(math.hypot(*chunk["embedding"]), 1, abs_tol=1e-3), chunk["index"]

    def test_like_texts_have_like_vectors(self, client):
        texts = ["The harbour master closed the northern bridge because of the storm last night. " * 6,
                 "Because of the storm the harbour master has closed the northern bridge last night. " * 6,
                 "Quarterly revenue exceeded forecasts while operating margins narrowed considerably. " * 6]
        vectors = []
        for text in texts:
            state = client.process(text.encode(), "a.txt", TEXT)
            vectors.append(client.chunks(state["document_id"])[0]["embedding"])
        alike = sum(a * b for a, b in zip(vectors[0], vectors[1]))
        unlike = sum(a * b for a, b in zip(vectors[0], vectors[2]))
        assert alike > unlike + 0.2, (alike, unlike)

    def test_the_same_document_gives_the_same_result(self, client, complete, medium_pdf):
        again = client.process(medium_pdf)["document_id"]
        assert client.chunks(again) == client.chunks(complete["document_id"])

    def test_it_is_compressed_for_those_who_ask(self, client, complete):
        path = f"/v1/documents/{complete['document_id']}/result"
        plain = client.get(path, expect=200)
        packed = client.get(path, headers={"Accept-Encoding": "gzip"}, expect=200)
        assert packed.headers["content-encoding"] == "gzip" and "content-encoding" not in plain.headers
        assert "accept-encoding" in packed.headers["vary"].lower()
        assert packed.decoded() == plain.body and len(packed.body) < len(plain.body) * 0.8

    @pytest.mark.parametrize("path", ["/result", "/text"])
    def test_it_is_a_conflict_while_not_complete(self, client, running, path):
        client.get(f"/v1/documents/{running}{path}", expect=409)

    def test_nor_has_a_failed_one_a_result(self, client):
        state = client.process(documents.damaged())
        client.get(f"/v1/documents/{state['document_id']}/result", expect=409)


class TestTextAndContent:
    def test_the_text_has_its_pages_parted_by_form_feeds(self, client, complete):
        reply = client.get(f"/v1/documents/{complete['document_id']}/text", expect=200)
        assert reply.headers["content-type"].replace(" ", "").lower() == "text/plain;charset=utf-8"
        pages = reply.body.decode().rstrip("\f").split("\f")
        assert len(pages) == 120
        for number, page in enumerate(pages, 1):
            assert page.strip().startswith(f"Page {number} of 120.")

    def test_the_content_is_the_bytes_that_came(self, client, complete, medium_pdf):
        reply = client.get(f"/v1/documents/{complete['document_id']}/content", expect=200)
        assert reply.body == medium_pdf and reply.headers["content-type"] == PDF

    def test_what_was_uploaded_is_never_run_by_a_browser(self, client):
        page = b"<!doctype html><script>alert(1)</script>" + documents.plain_text(3)
        state = client.process(page, "<x>.html\".txt", TEXT)
        reply = client.get(f"/v1/documents/{state['document_id']}/content", expect=200)
        assert reply.headers["x-content-type-options"] == "nosniff"
        assert reply.headers["content-disposition"].startswith("attachment")

    def test_content_is_a_conflict_until_the_bytes_are_there(self, client):
        client.get(f"/v1/documents/{client.create()['document_id']}/content", expect=409)


class TestTheOlderDialect:
    KEYS = {"status", "progress", "stage", "estimated_completion"}

    def send(self, client, body, content_type=PDF, name="policy.pdf"):
        form, form_type = multipart([("file", body, name, content_type)])
        return client.post("/upload-policy", form, headers={"Content-Type": form_type}, expect=200).json()

    def test_an_upload_is_answered_exactly_so(self, client, small_pdf):
        reply = self.send(client, small_pdf)
        assert reply == {"document_id": reply["document_id"], "status": "processing",
                         "estimated_completion": "2-5 minutes"}
        assert rules.UUID.fullmatch(reply["document_id"])
        assert client.finish(reply["document_id"])["name"] == "policy.pdf"

    def test_the_status_is_told_until_it_is_complete(self, client, medium_pdf):
        identifier = self.send(client, medium_pdf)["document_id"]
        seen = []

        def done():
            status = client.get(f"/upload-status/{identifier}", expect=200).json()
            assert status.keys() == self.KEYS, status
            assert status["status"] in ("queued", "processing", "complete", "failed")
            assert 0 <= status["progress"] <= 100
            seen.append(status["progress"])
            return status["status"] == "complete"

        eventually(done, 60)
        assert seen == sorted(seen) and seen[-1] == 100

    def test_uploading_shows_as_queued_and_cancelled_as_failed(self, client):
        identifier = client.create()["document_id"]
        assert client.get(f"/upload-status/{identifier}", expect=200).json()["status"] == "queued"
        client.post(f"/v1/documents/{identifier}/cancel", expect=200)
        assert client.get(f"/upload-status/{identifier}", expect=200).json()["status"] == "failed"

    def test_a_failure_shows_as_failed(self, client):
        identifier = self.send(client, documents.damaged())["document_id"]
        client.finish(identifier)
        assert client.get(f"/upload-status/{identifier}", expect=200).json()["status"] == "failed"

    def test_an_unknown_one_is_404(self, client):
        client.get(f"/upload-status/{NOBODY}", expect=404)
