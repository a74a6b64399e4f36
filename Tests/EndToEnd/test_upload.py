"""Ways in: multipart, raw, from a pipe, /drop/, create-then-PUT; and what is refused, with which code."""

import hashlib
import json
import os
import subprocess
import time
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest

import documents
import rules
from client import JSON, MARKDOWN, NOBODY, OCTETS, PDF, TEXT, multipart
from means import program
from waiting import eventually


def curl(*arguments, stdin=None):
    """Run curl as a user would; the state it prints."""
    done = subprocess.run([program("curl"), "--silent", "--show-error", "--fail-with-body", *arguments],
                          input=stdin, capture_output=True, timeout=60)
    assert done.returncode == 0, (done.returncode, done.stdout, done.stderr)
    return done.stdout


def failed_with(client, code, body, name="document.pdf", content_type=PDF):
    state = client.process(body, name, content_type)
    assert (state["status"], (state["error"] or {}).get("code")) == ("failed", code), (state["status"], state["error"])
    return state


class TestTheReply:
    def test_a_raw_upload_is_answered_202_with_the_state_and_its_location(self, client, small_pdf):
        reply = client.post("/v1/documents?name=policy.pdf", small_pdf, headers={"Content-Type": PDF}, expect=202)
        state = rules.check_links(rules.check_state(reply.json()))
        assert reply.headers["location"] == state["links"]["self"]
        assert (state["name"], state["content_type"], state["pipeline"]) == ("policy.pdf", PDF, "document")
        assert state["bytes_received"] == state["bytes_done"] == state["bytes_total"] == len(small_pdf)
        assert state["attempt"] >= 0 and state["metadata"] == {}
        assert state["status"] in ("queued", "processing", "complete")

    def test_every_link_of_the_reply_leads_somewhere(self, client, small_pdf):
        state = client.upload(small_pdf)
        client.finish(state["document_id"])
        for name in rules.LINKS:
            client.get(state["links"][name], expect=200)

    def test_an_id_is_a_uuid_of_version_7_that_tells_when_and_cannot_be_guessed(self, client, small_pdf):
        before = int(time.time() * 1000) - 1
        identifiers = [client.upload(small_pdf)["document_id"] for _ in range(8)]
        for identifier in identifiers:
            assert rules.UUID_7.fullmatch(identifier), identifier
            assert before <= uuid.UUID(identifier).int >> 80 <= time.time() * 1000 + 1
        # 74 bits besides time and version: no two documents share much of them.
        assert len({identifier[-12:] for identifier in identifiers}) == len(identifiers)

    def test_the_sha256_is_that_of_the_bytes(self, client, small_pdf):
        state = client.process(small_pdf)
        assert state["sha256"] == hashlib.sha256(small_pdf).hexdigest()

    def test_the_reply_does_not_wait_for_the_processing(self, client, long_pdf):
        state = client.upload(long_pdf)
        assert state["status"] in ("queued", "processing")
        client.post(f"/v1/documents/{state['document_id']}/cancel", expect=200)


class TestMultipart:
    FIELDS = [("metadata", '{"customer":"42","tags":["a"]}'), ("pipeline", "document")]

    @pytest.mark.parametrize("order", ["before", "after"])
    def test_fields_count_before_and_after_the_file(self, client, small_pdf, order):
        file = ("file", small_pdf, "policy.pdf", PDF)
        parts = self.FIELDS + [file] if order == "before" else [file] + self.FIELDS
        body, content_type = multipart(parts)
        state = client.post("/v1/documents", body, headers={"Content-Type": content_type}, expect=202).json()
        rules.check_links(rules.check_state(state))
        assert (state["name"], state["content_type"]) == ("policy.pdf", PDF)
        assert state["metadata"] == {"customer": "42", "tags": ["a"]}
        assert state["bytes_total"] == state["bytes_done"] == len(small_pdf)
        state = client.finish(state["document_id"])
        assert state["status"] == "complete" and state["sha256"] == hashlib.sha256(small_pdf).hexdigest()

    def test_curl_sends_a_form(self, server, client, small_pdf, tmp_path):
        path = tmp_path / "policy.pdf"
        path.write_bytes(small_pdf)
        state = json.loads(curl("-F", f"file=@{path};type={PDF}", "-F", 'metadata={"a":1}',
                                f"{client.address}/v1/documents"))
        assert state["metadata"] == {"a": 1}
        assert client.finish(state["document_id"])["status"] == "complete"

    @pytest.mark.parametrize("size", [1, 7, 4096, 65521])
    def test_a_body_in_chunks_of_any_size_is_the_same_file(self, client, small_pdf, size):
        # The file ends in what looks like the start of a boundary.
        file = small_pdf + b"\r\n--headway-test-boundar"
        body, content_type = multipart([("file", file, "a.pdf", PDF)])
        if size == 1:
            body = body[:300], *(body[i:i + 1] for i in range(300, 600)), body[600:]
        else:
            body = [body[i:i + size] for i in range(0, len(body), size)]
        state = client.post("/v1/documents", iter(body), headers={"Content-Type": content_type}, expect=202).json()
        assert client.finish(state["document_id"])["sha256"] == hashlib.sha256(file).hexdigest()

    def test_a_form_without_a_file_is_a_bad_request(self, client):
        body, content_type = multipart(self.FIELDS)
        client.post("/v1/documents", body, headers={"Content-Type": content_type}, expect=400)

    def test_metadata_that_is_not_a_json_object_is_a_bad_request(self, client, small_pdf):
        for metadata in ("{not json", "[1]", "7"):
            body, content_type = multipart([("metadata", metadata), ("file", small_pdf, "a.pdf", PDF)])
            client.post("/v1/documents", body, headers={"Content-Type": content_type}, expect=400)

    def test_a_form_without_a_boundary_is_a_bad_request(self, client):
        client.post("/v1/documents", b"--x--\r\n", headers={"Content-Type": "multipart/form-data"}, expect=400)

    def test_a_part_of_a_type_the_pipeline_does_not_take_is_415(self, client):
        body, content_type = multipart([("file", documents.PNG, "a.png", "image/png")])
        client.post("/v1/documents", body, headers={"Content-Type": content_type}, expect=415)


class TestALargeForm:
    """Most of a large file in a form is read beside the loop, which only finds its end: the same must come of it."""
    FIELDS = [("metadata", '{"behind":"the file"}')]
    FILE = b"\0" + os.urandom(3_000_000)

    def send(self, client, file=FILE, fields=(), cuts=(), before=(), query=""):
        body, content_type = multipart([*before, ("file", file, "a.bin", OCTETS), *fields])
        with client.connect(timeout=30) as connection:
            connection.request(f"POST /v1/documents{query}", f"Content-Type: {content_type}",
                               f"Content-Length: {len(body)}")
            start = 0
            for end in [*sorted(cut % len(body) for cut in cuts), len(body)]:
                connection.send(body[start:end])
                start = end
                if end < len(body):
                    time.sleep(0.1)
            return connection.read_response()

    def is_kept(self, reply, file=FILE):
        assert reply.status == 202, (reply.status, reply.body)
        state = rules.check_state(reply.json())
        assert state["bytes_received"] == state["bytes_total"] == len(file)
        assert state["sha256"] == hashlib.sha256(file).hexdigest()
        return state

    @pytest.mark.parametrize("where", range(-32, 0, 3))
    def test_the_delimiter_may_be_cut_anywhere(self, client, where):
        self.is_kept(self.send(client, cuts=[1_000_000, where]))

    def test_fields_may_follow_the_file(self, client):
        state = self.is_kept(self.send(client, fields=self.FIELDS, cuts=[500_000]))
        assert state["metadata"] == {"behind": "the file"}

    def test_many_bytes_may_follow_the_file(self, client):
        metadata = json.dumps({"a": "b" * 15_000})
        fields = [("other", "x" * 60_000)] * 40 + [("metadata", metadata)]
        state = self.is_kept(self.send(client, fields=fields, cuts=[500_000]))
        assert state["metadata"] == json.loads(metadata)

    @pytest.mark.parametrize("part", [b"\r\n--", b"\r\n--headway-test-boundaryx", b"\r\n--headway-test-boundary \r",
                                      b"\r", b"\r\n--headway-test-boundar", b"\r\n--headway-test-boundary-"])
    def test_a_file_full_of_what_looks_like_a_delimiter_is_the_same_file(self, client, part):
        file = b"\0" + part * (2_000_000 // len(part)) + b"."
        self.is_kept(self.send(client, file, cuts=[300_000, 300_001, 1_000_000]), file)

    def test_without_its_closing_delimiter_it_is_no_document(self, client):
        body, content_type = multipart([("file", self.FILE, "a.bin", OCTETS)])
        for cut in (len(b"--\r\n"), len(b"boundary--\r\n"), 1000):
            client.post("/v1/documents", body[:-cut], headers={"Content-Type": content_type}, expect=400)

    @pytest.mark.parametrize("rest, code", [
        (b"x" * 5000, "multipart_epilogue_too_long"),
        (b"--headway-test-boundary\r\nContent-Disposition: form-data; name=file; filename=b\r\n\r\n", "one_file_only")])
    def test_what_may_not_follow_is_refused(self, client, rest, code):
        body, content_type = multipart([("file", self.FILE, "a.bin", OCTETS)])
        if code == "one_file_only":
            body = body.removesuffix(b"--headway-test-boundary--\r\n")
        body += rest
        reply = client.post("/v1/documents", body, headers={"Content-Type": content_type}, expect=400)
        assert reply.json()["code"] == code, reply.json()

    def test_the_connection_is_good_for_the_next_request(self, client):
        body, content_type = multipart([("file", self.FILE, "a.bin", OCTETS), *self.FIELDS])
        length = len(body)
        body += b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"
        with client.connect(timeout=30) as connection:
            for _ in range(2):
                connection.request("POST /v1/documents", f"Content-Type: {content_type}", f"Content-Length: {length}",
                                   body=body)
                self.is_kept(connection.read_response())
                assert connection.read_response().status == 200


class TestFromTheShell:
    def test_curl_T_puts_a_file_under_drop(self, client, small_pdf, tmp_path):
        path = tmp_path / "policy.pdf"
        path.write_bytes(small_pdf)
        line = curl("-T", str(path), f"{client.address}/drop/")
        assert line.count(b"\n") == 1 and line.endswith(b"\n"), "the state comes as one line"
        state = rules.check_links(rules.check_state(json.loads(line)))
        assert state["name"] == "policy.pdf"
        assert client.finish(state["document_id"])["status"] == "complete"

    @pytest.mark.parametrize("path", ["/drop/piped.pdf", "/v1/documents?name=piped.pdf"])
    def test_curl_sends_from_a_pipe_without_knowing_the_length(self, client, small_pdf, path):
        method = [] if path.startswith("/drop") else ["-X", "POST", "-H", f"Content-Type: {PDF}"]
        state = json.loads(curl(*method, "-T", "-", client.address + path, stdin=small_pdf))
        assert state["name"] == "piped.pdf"
        assert state["bytes_total"] == len(small_pdf)
        state = client.finish(state["document_id"])
        assert state["status"] == "complete" and state["sha256"] == hashlib.sha256(small_pdf).hexdigest()

    def test_drop_answers_with_the_location(self, client, small_pdf):
        reply = client.put("/drop/a%20b.pdf", small_pdf, expect=202)
        assert reply.headers["location"] == reply.json()["links"]["self"]
        assert reply.json()["name"] == "a b.pdf"

    def test_curl_data_binary_is_judged_by_the_bytes(self, client, small_pdf, tmp_path):
        path = tmp_path / "a.pdf"
        path.write_bytes(small_pdf)
        state = json.loads(curl("--data-binary", f"@{path}", f"{client.address}/v1/documents?name=a.pdf"))
        state = client.finish(state["document_id"])
        assert (state["status"], state["content_type"]) == ("complete", PDF)


class TestCreateThenPut:
    def test_the_bytes_come_later_in_one_request(self, client, small_pdf):
        state = client.create(name="later.pdf", size=len(small_pdf), metadata={"a": 1})
        identifier = state["document_id"]
        assert (state["status"], state["stage"], state["bytes_received"]) == ("uploading", "uploading", 0)
        assert state["bytes_total"] == len(small_pdf) and state["metadata"] == {"a": 1}
        reply = client.put(state["links"]["content"], small_pdf, headers={"Content-Type": PDF}, expect=202)
        assert rules.check_links(rules.check_state(reply.json()))["document_id"] == identifier
        state = client.finish(identifier)
        assert (state["status"], state["name"]) == ("complete", "later.pdf")

    def test_more_than_the_declared_size_is_refused_before_the_body_ends(self, client, small_pdf):
        identifier = client.create(size=len(small_pdf))["document_id"]
        with client.connect() as connection:
            connection.request(f"PUT /v1/documents/{identifier}/content", f"Content-Type: {PDF}",
                               "Transfer-Encoding: chunked",
                               body=b"%x\r\n%s\r\n" % (len(small_pdf), small_pdf) + b"1\r\nx\r\n")
            reply = connection.read_response()
        assert (reply.status, reply.json()["code"]) == (400, "length_mismatch")
        client.put_content(identifier, small_pdf, expect=202)

    def test_content_that_never_came_whole_is_told_as_that(self, client):
        identifier = client.create()["document_id"]
        assert client.get(f"/v1/documents/{identifier}/content", expect=409).json()["code"] == "not_complete"
        client.post(f"/v1/documents/{identifier}/cancel", expect=200)
        assert client.get(f"/v1/documents/{identifier}/content", expect=409).json()["code"] == "never_uploaded"

    def test_content_that_is_complete_is_not_taken_twice(self, client, small_pdf):
        identifier = client.create()["document_id"]
        client.put_content(identifier, small_pdf, expect=202)
        client.put_content(identifier, small_pdf, expect=409)
        client.finish(identifier)
        client.put_content(identifier, small_pdf, expect=409)

    @pytest.mark.parametrize("framing", ["length", "chunked"])
    def test_cut_off_midway_it_stays_uploading_and_the_next_begins_at_byte_0(self, client, small_pdf, framing):
        identifier = client.create(name="cut.pdf")["document_id"]
        half = small_pdf[:len(small_pdf) // 2]
        with client.connect() as connection:
            if framing == "length":
                connection.request(f"PUT /v1/documents/{identifier}/content", f"Content-Type: {PDF}",
                                   f"Content-Length: {len(small_pdf)}", body=half)
            else:
                connection.request(f"PUT /v1/documents/{identifier}/content", f"Content-Type: {PDF}",
                                   "Transfer-Encoding: chunked", body=b"%x\r\n%s\r\n" % (len(half), half))
            eventually(lambda: client.state(identifier)["bytes_received"] == len(half), what="half has arrived")
        # Its connection is gone; the document waits for its bytes.
        reply = eventually(lambda: accepted(client, identifier, small_pdf), what="the next PUT is taken")
        assert reply.json()["bytes_done"] == len(small_pdf)
        state = client.finish(identifier)
        assert (state["status"], state["sha256"]) == ("complete", hashlib.sha256(small_pdf).hexdigest())

    def test_an_unknown_document_takes_no_bytes(self, client, small_pdf):
        client.put_content(NOBODY, small_pdf, expect=404)

    def test_a_cancelled_one_takes_no_bytes(self, client, small_pdf):
        identifier = client.create()["document_id"]
        client.post(f"/v1/documents/{identifier}/cancel", expect=200)
        client.put_content(identifier, small_pdf, expect=409)

    @pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"name":7}', b'{"size":-1}', b'{"size":"many"}',
                                      b'{"metadata":[]}', b'{"document_id":"../../etc/passwd"}', b"\xff\xfe"])
    def test_a_description_that_makes_no_sense_is_a_bad_request(self, client, body):
        client.post("/v1/documents", body, headers={"Content-Type": JSON}, expect=400)

    def test_a_declared_type_that_is_not_taken_is_415(self, client):
        client.create(content_type="image/png", expect=415)


def accepted(client, identifier, body):
    """The reply to the PUT once the server has seen the last one end; until then it may answer 409."""
    reply = client.put_content(identifier, body)
    assert reply.status in (202, 409), reply.status
    return reply if reply.status == 202 else None


class TestChosenIds:
    def ways(self, client, identifier, body):
        """Every call that creates, with a chosen id."""
        form, form_type = multipart([("file", body, "a.pdf", PDF)])
        return [
            lambda: client.post("/v1/documents", json.dumps({"document_id": identifier, "name": "a.pdf"}).encode(),
                                headers={"Content-Type": JSON}),
            lambda: client.post(f"/v1/documents?id={identifier}", b'{"name":"a.pdf"}', headers={"Content-Type": JSON}),
            lambda: client.post(f"/v1/documents?id={identifier}", body, headers={"Content-Type": PDF}),
            lambda: client.post(f"/v1/documents?id={identifier}", form, headers={"Content-Type": form_type}),
            lambda: client.put(f"/drop/a.pdf?id={identifier}", body),
        ]

    @pytest.mark.parametrize("way", range(5))
    def test_an_id_may_be_chosen_on_any_creating_call(self, client, small_pdf, way):
        identifier = str(uuid.uuid4())
        reply = self.ways(client, identifier, small_pdf)[way]()
        assert reply.status in (201, 202), (reply.status, reply.body)
        assert reply.json()["document_id"] == identifier
        assert client.state(identifier)["document_id"] == identifier

    @pytest.mark.parametrize("way", range(5))
    def test_an_id_in_use_is_a_conflict(self, client, small_pdf, way):
        identifier = client.create()["document_id"]
        assert self.ways(client, identifier, small_pdf)[way]().status == 409

    def test_only_one_of_many_that_choose_the_same_id_at_once_has_it(self, client, small_pdf):
        identifier = str(uuid.uuid4())
        with ThreadPoolExecutor(8) as pool:
            replies = list(pool.map(lambda _: client.post(f"/v1/documents?id={identifier}", small_pdf,
                                                          headers={"Content-Type": PDF}), range(8)))
        assert sorted(reply.status for reply in replies) == [202] + [409] * 7
        assert client.finish(identifier)["status"] == "complete"

    @pytest.mark.parametrize("identifier", ["7", "not-a-uuid", "..%2F..%2Fetc", "0" * 36])
    def test_an_id_that_is_no_uuid_is_a_bad_request(self, client, small_pdf, identifier):
        client.post(f"/v1/documents?id={identifier}", small_pdf, headers={"Content-Type": PDF}, expect=400)

    def test_a_chosen_id_is_kept_in_lower_case(self, client, small_pdf):
        identifier = str(uuid.uuid4())
        reply = client.post(f"/v1/documents?id={identifier.upper()}", small_pdf, headers={"Content-Type": PDF},
                            expect=202)
        assert reply.json()["document_id"] == identifier


class TestWhatIsTaken:
    @pytest.mark.parametrize("content_type, name", [(TEXT, "a.txt"), (MARKDOWN, "a.md"),
                                                    ("text/plain; charset=utf-8", "b.txt")])
    def test_plain_text_and_markdown_are_processed(self, client, content_type, name):
        text = documents.plain_text()
        state = client.process(text, name, content_type)
        assert (state["status"], state["content_type"]) == ("complete", content_type.partition(";")[0])
        found = client.get(f"/v1/documents/{state['document_id']}/text").decoded()
        assert b"".join(found.split()) == b"".join(text.split())

    def test_any_language_comes_through_whole(self, client):
        text = "Größe, naïveté, Ελληνικά, русский, العربية, עברית, हिन्दी, 日本語, 한국어, 👩‍👩‍👧‍👦 — fin.\n" * 40
        state = client.process(text.encode(), "mixed.txt", TEXT)
        joined = "".join(chunk["text"] for chunk in client.chunks(state["document_id"]))
        for word in ("Größe", "Ελληνικά", "русский", "العربية", "עברית", "हिन्दी", "日本語", "👩‍👩‍👧‍👦"):
            assert word in joined, word
        assert "\ufffd" not in joined

    @pytest.mark.parametrize("content_type", ["image/png", "application/zip", "video/mp4", "application/msword"])
    def test_a_declared_type_that_is_not_taken_is_415(self, client, content_type):
        problem = client.upload(b"whatever", content_type=content_type, expect=415).json()
        assert problem["code"] == "unsupported_type"

    @pytest.mark.parametrize("content_type", [OCTETS, "application/x-www-form-urlencoded", None])
    def test_a_type_that_says_nothing_is_judged_by_the_bytes(self, client, small_pdf, content_type):
        state = client.process(small_pdf, "a", content_type)
        assert (state["status"], state["content_type"]) == ("complete", PDF)
        failed_with(client, "unsupported_type", documents.PNG, "a", content_type)

    def test_bytes_that_nothing_can_be_made_of_can_be_had_but_not_run_again(self, client):
        identifier = failed_with(client, "unsupported_type", documents.PNG, "a", OCTETS)["document_id"]
        assert client.get(f"/v1/documents/{identifier}/content", expect=200).body == documents.PNG
        assert client.post(f"/v1/documents/{identifier}/retry", expect=409).json()["code"] == "unusable_content"

    def test_text_without_a_declared_type_is_text(self, client):
        assert client.process(documents.plain_text(), "a.txt", OCTETS)["status"] == "complete"

    @pytest.mark.parametrize("content_type", [PDF, TEXT, OCTETS])
    def test_zero_bytes_fail_as_unreadable(self, client, content_type):
        failed_with(client, "unreadable", b"", "empty", content_type)

    def test_pages_without_text_fail_as_no_text(self, client):
        failed_with(client, "no_text", documents.scan())

    def test_a_password_fails_as_password_protected(self, client):
        state = failed_with(client, "password_protected", documents.with_password())
        assert state["error"]["retryable"] is False

    def test_damage_fails_as_unreadable(self, client):
        failed_with(client, "unreadable", documents.damaged())

    @pytest.mark.parametrize("make", [documents.with_password, documents.damaged])
    def test_what_could_not_be_opened_has_earned_nothing_but_its_upload(self, client, make):
        for _ in range(5):
            assert client.process(make())["progress"] <= rules.WEIGHTS["uploading"] + 1

    def test_what_calls_itself_a_pdf_and_is_none_fails(self, client):
        state = client.process(documents.PNG)
        assert state["status"] == "failed" and state["error"]["code"] in ("unsupported_type", "unreadable")


class TestNames:
    @pytest.mark.parametrize("name", ["../../../etc/passwd", "/etc/passwd", "..", ".", "a/b\\c.pdf", "naïve 日本 👋.pdf",
                                      'quo"te\'.pdf', "<script>alert(1)</script>.pdf", "a" * 255,
                                      "tab\tand\nline\r\nbreak.pdf", "%00nul.pdf", "-rf.pdf"])
    def test_a_name_is_data_and_never_a_path_or_a_header(self, server, client, small_pdf, name):
        state = client.process(small_pdf, name)
        assert state["status"] == "complete"
        # What is kept may be cleaned, but never to something that steers: no control characters.
        assert state["name"] and not any(ord(character) < 32 for character in state["name"])
        reply = client.get(f"/v1/documents/{state['document_id']}/content", expect=200)
        assert reply.body == small_pdf
        for path in server.data.rglob("*"):
            assert not any(part in path.name for part in ("passwd", "script", "quo", "naïve", "-rf")), path

    def test_a_name_beyond_reason_is_refused_or_cut_and_never_breaks(self, client, small_pdf):
        reply = client.post(f"/v1/documents?name={'n' * 8000}", small_pdf, headers={"Content-Type": PDF})
        assert reply.status in (202, 400, 414), reply.status
        if reply.status == 202:
            assert len(reply.json()["name"].encode()) <= 1024


class TestCutOff:
    """A one-request upload that is cut off fails as upload_interrupted: it is on record, and its client may be gone."""

    def interrupted(self, client, start):
        identifier = str(uuid.uuid4())
        with client.connect() as connection:
            start(connection, identifier)
            eventually(lambda: client.get(f"/v1/documents/{identifier}").status == 200, what="the upload is on record")
        state = client.finish(identifier)
        assert (state["status"], state["error"]["code"]) == ("failed", "upload_interrupted"), state
        return identifier

    def test_within_a_body_of_known_length(self, client, small_pdf):
        self.interrupted(client, lambda connection, identifier: connection.request(
            f"POST /v1/documents?id={identifier}", f"Content-Type: {PDF}", f"Content-Length: {len(small_pdf)}",
            body=small_pdf[:1000]))

    def test_before_the_last_chunk(self, client, small_pdf):
        self.interrupted(client, lambda connection, identifier: connection.request(
            f"POST /v1/documents?id={identifier}", f"Content-Type: {PDF}", "Transfer-Encoding: chunked",
            body=b"%x\r\n%s\r\n" % (len(small_pdf), small_pdf)))

    def test_within_a_form(self, client, small_pdf):
        form, form_type = multipart([("file", small_pdf, "a.pdf", PDF)])
        self.interrupted(client, lambda connection, identifier: connection.request(
            f"POST /v1/documents?id={identifier}", f"Content-Type: {form_type}", f"Content-Length: {len(form)}",
            body=form[:1000]))

    def test_under_drop(self, client, small_pdf):
        self.interrupted(client, lambda connection, identifier: connection.request(
            f"PUT /drop/a.pdf?id={identifier}", f"Content-Length: {len(small_pdf)}", body=small_pdf[:1000]))

    def test_a_form_whose_closing_boundary_never_came_is_no_document(self, client, small_pdf):
        form, form_type = multipart([("file", small_pdf, "a.pdf", PDF)])
        identifier = str(uuid.uuid4())
        reply = client.post(f"/v1/documents?id={identifier}", form[:-40], headers={"Content-Type": form_type})
        assert reply.status == 400, reply.status
        after = client.get(f"/v1/documents/{identifier}")
        assert after.status == 404 or client.finish(identifier)["status"] == "failed"

    def test_its_bytes_never_came_whole_so_it_cannot_be_retried(self, client, small_pdf):
        identifier = self.interrupted(client, lambda connection, identifier: connection.request(
            f"POST /v1/documents?id={identifier}", f"Content-Type: {PDF}", f"Content-Length: {len(small_pdf)}",
            body=small_pdf[:1000]))
        client.post(f"/v1/documents/{identifier}/retry", expect=409)
