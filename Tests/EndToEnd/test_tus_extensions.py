"""tus' extensions by plain requests: checksums, expiration, termination, concatenation."""

import base64
import hashlib
import time
from email.utils import parsedate_to_datetime

import pytest

import rules
from client import NOBODY, PDF
from uploads import OFFSET_TYPE, UPLOADS, Tus, checksum, crc32c, digest, halves, id_of, metadata, path_of
from waiting import eventually
from watchers import watch

ALGORITHMS = ("sha1", "sha256", "md5", "crc32c")
EXPIRY_SECONDS = 2


@pytest.fixture
def tus(client):
    return Tus(client)


class TestChecksums:
    def test_the_sum_of_the_tests_is_that_of_the_books(self):
        assert crc32c(b"123456789").hex() == "e3069283"

    @pytest.mark.parametrize("algorithm", ALGORITHMS)
    def test_the_right_one_is_taken_and_another_discards_what_it_came_with(self, tus, small_pdf, algorithm):
        path, (first, second) = tus.create(len(small_pdf)), halves(small_pdf)
        tus.patch(path, 0, first, Upload_Checksum=checksum(algorithm, first))
        assert tus.offset(path) == len(first)
        reply = tus.patch(path, len(first), second, Upload_Checksum=checksum(algorithm, first), expect=460)
        assert reply.json()["code"] == "checksum_mismatch"
        assert tus.offset(path) == len(first)
        # The same place takes other bytes: nothing of the wrong ones is in the way.
        tus.patch(path, len(first), second, Upload_Checksum=checksum(algorithm, second))
        assert tus.finish(path)["sha256"] == hashlib.sha256(small_pdf).hexdigest()

    def test_a_wrong_one_on_the_whole_leaves_an_upload_that_can_be_sent_again(self, tus, client, medium_pdf):
        path = tus.create(len(medium_pdf))
        damaged = b"x" + medium_pdf[1:]
        tus.patch(path, 0, damaged, Upload_Checksum=checksum("sha256", medium_pdf), expect=460)
        assert tus.offset(path) == 0 and client.state(id_of(path))["status"] == "uploading"
        tus.patch(path, 0, medium_pdf, Upload_Checksum=checksum("sha256", medium_pdf))
        assert tus.finish(path)["sha256"] == hashlib.sha256(medium_pdf).hexdigest()

    @pytest.mark.parametrize("text", [
        "sha512 " + base64.b64encode(bytes(64)).decode(), "SHA1 " + base64.b64encode(bytes(20)).decode(), "sha1",
        "sha1 ", "sha1 AAAA", "sha1 not/base64", "md5 " + base64.b64encode(bytes(20)).decode(), "crc32 AAAAAA==",
        "sha1 " + bytes(20).hex(), "",
    ])
    def test_one_that_cannot_be_held_against_the_bytes_is_400_and_takes_nothing(self, tus, text):
        path = tus.create(10)
        tus.patch(path, 0, b"hello", Upload_Checksum=text, expect=400)
        assert tus.offset(path) == 0

    def trailer(self, client, path, offset, body, value, announced=True, method="PATCH", fields=()):
        with client.connect() as connection:
            head = [*fields, "Tus-Resumable: 1.0.0", f"Content-Type: {OFFSET_TYPE}", f"Upload-Offset: {offset}",
                    "Transfer-Encoding: chunked"] + (["Trailer: Upload-Checksum"] if announced else [])
            middle = len(body) // 2
            chunks = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (body[:middle], body[middle:]) if part)
            connection.request(f"{method} {path}", *head,
                               body=chunks + b"0\r\nX-Other: 1\r\nUpload-Checksum: %s\r\n\r\n" % value.encode())
            return connection.read_response()

    @pytest.mark.parametrize("algorithm", ALGORITHMS)
    def test_it_may_follow_the_content_as_a_trailer(self, tus, client, small_pdf, algorithm):
        path, (first, second) = tus.create(len(small_pdf)), halves(small_pdf)
        assert self.trailer(client, path, 0, first, checksum(algorithm, first)).status == 204
        assert tus.offset(path) == len(first)
        assert self.trailer(client, path, len(first), second, checksum(algorithm, first)).status == 460
        assert tus.offset(path) == len(first)
        assert self.trailer(client, path, len(first), second, checksum(algorithm, second)).status == 204
        assert tus.finish(path)["sha256"] == hashlib.sha256(small_pdf).hexdigest()

    @pytest.mark.parametrize("value", ["sha512 AAAA", "sha1 AAAA", "nonsense"])
    def test_a_trailer_that_is_none_is_400_and_discards_what_it_came_with(self, tus, client, value):
        path = tus.create(10)
        assert self.trailer(client, path, 0, b"hello", value).status == 400
        assert tus.offset(path) == 0

    def test_an_announced_trailer_that_does_not_come_is_400_and_discards_what_it_came_with(self, tus, client):
        path = tus.create(10)
        with client.connect() as connection:
            connection.request(f"PATCH {path}", "Tus-Resumable: 1.0.0", f"Content-Type: {OFFSET_TYPE}",
                               "Upload-Offset: 0", "Trailer: Upload-Checksum", "Transfer-Encoding: chunked",
                               body=b"5\r\nhello\r\n0\r\n\r\n")
            reply = connection.read_response()
        assert (reply.status, reply.json()["code"]) == (400, "checksum_trailer_missing")
        assert tus.offset(path) == 0

    def test_the_first_bytes_of_a_creation_are_held_against_it(self, tus, small_pdf):
        reply = tus.post(small_pdf, Upload_Length=len(small_pdf), Upload_Checksum=checksum("sha1", small_pdf))
        assert tus.finish(reply.headers["location"])["status"] == "complete"
        tus.post(small_pdf, Upload_Length=len(small_pdf), Upload_Checksum=checksum("sha1", b""), expect=460)

    def test_large_content_is_held_against_it_too(self, tus):
        body = digest("sha256", b"x") * 300_000
        path = tus.create(len(body))
        tus.patch(path, 0, body, Upload_Checksum=checksum("sha1", body[1:]), expect=460)
        assert tus.offset(path) == 0
        tus.patch(path, 0, body, Upload_Checksum=checksum("sha1", body))


class TestExpiration:
    def test_unfinished_uploads_say_when(self, tus):
        reply = tus.post(Upload_Length=10)
        path = path_of(reply.headers["location"])
        for answer in (reply, tus.patch(path, 0, b"hello"), tus.head(path)):
            due = parsedate_to_datetime(answer.headers["upload-expires"])
            assert due.timestamp() > time.time() + 60
        assert "upload-expires" not in tus.patch(path, 5, b"hello").headers

    def test_what_nobody_goes_on_with_is_gone_and_told(self, start_server):
        server = start_server("--upload-expiry-seconds", EXPIRY_SECONDS)
        tus = Tus(server.client)
        path, partial = tus.create(10), tus.create(10, Upload_Concat="partial")
        whole = tus.upload(b"some words", Upload_Metadata=metadata(filetype="text/plain"))
        watcher = watch(server.client, id_of(path))
        for at in range(4):
            # As long as bytes come it stays.
            tus.patch(path, at, b"x")
            time.sleep(EXPIRY_SECONDS / 2)
        state = rules.check_story(watcher.join_account(30).states)[-1]
        assert (state["status"], state["error"]["code"]) == ("failed", "upload_expired")
        for gone in (path, partial):
            head = eventually(lambda: reply if (reply := tus.head(gone, expect=None)).status != 200 else None, 15)
            assert head.status in (404, 410) and "upload-offset" not in head.headers
            assert tus.patch(gone, 4, b"x", expect=None).status in (404, 410)
        eventually(lambda: not [file for file in (server.data / "content").iterdir() if id_of(whole) not in file.name],
                   15, "the bytes of what expired are removed")
        assert tus.finish(whole)["status"] == "complete" and tus.head(whole).headers["upload-offset"] == "10"

    def test_asking_is_not_adding_and_is_told_the_time_that_holds(self, start_server):
        server = start_server("--upload-expiry-seconds", 1)
        tus = Tus(server.client)
        path = tus.create(10)
        patched = tus.patch(path, 0, b"hello")
        until, told = time.monotonic() + 6, {patched.headers["upload-expires"]}
        while (reply := tus.head(path, expect=None)).status == 200 and time.monotonic() < until:
            told.add(reply.headers["upload-expires"])
            time.sleep(0.3)
        assert reply.status == 410, "who asks again and again keeps nothing"
        assert len(told) == 1, told

    def test_bytes_for_a_part_keep_what_waits_for_it_and_its_other_parts(self, start_server):
        server = start_server("--upload-expiry-seconds", EXPIRY_SECONDS)
        tus = Tus(server.client)
        bodies = [b"some words. ", b"and more of them. "]
        complete, growing = (tus.create(len(body), Upload_Concat="partial") for body in bodies)
        assert "upload-expires" in tus.patch(complete, 0, bodies[0]).headers, "a part that is complete expires too"
        path = path_of(tus.post(Upload_Concat=f"final;{complete} {growing}",
                                Upload_Metadata=metadata(filetype="text/plain")).headers["location"])
        until, at = time.monotonic() + 1.7 * EXPIRY_SECONDS, 0
        while time.monotonic() < until:
            # Nobody asks after the others: that alone must not be what keeps them.
            tus.patch(growing, at, bodies[1][at:at + 1])
            at += 1
            time.sleep(0.3)
        assert tus.head(complete, expect=None).status == 200
        tus.patch(growing, at, bodies[1][at:])
        state = tus.finish(path)
        assert (state["status"], state["sha256"]) == ("complete", hashlib.sha256(b"".join(bodies)).hexdigest())

    def test_it_holds_across_a_restart(self, start_server):
        server = start_server("--upload-expiry-seconds", EXPIRY_SECONDS)
        path = Tus(server.client).create(10)
        server.kill()
        time.sleep(EXPIRY_SECONDS)
        server = start_server("--upload-expiry-seconds", EXPIRY_SECONDS)
        state = server.client.finish(id_of(path), 15)
        assert (state["status"], state["error"]["code"]) == ("failed", "upload_expired")


class TestTermination:
    def test_an_unfinished_upload_goes_and_watchers_are_told(self, tus, client):
        path = tus.create(10)
        tus.patch(path, 0, b"hello")
        watcher = watch(client, id_of(path))
        reply = tus.delete(path)
        assert reply.body == b""
        assert rules.check_story(watcher.join_account().states)[-1]["status"] == "cancelled"
        for method in ("HEAD", "DELETE", "GET"):
            assert tus.request(method, path).status in (404, 410)
        assert tus.patch(path, 5, b"x", expect=None).status in (404, 410)

    def test_a_finished_one_goes_with_its_document(self, tus, client, small_pdf):
        path = tus.upload(small_pdf)
        tus.finish(path)
        tus.delete(path)
        client.get(f"/v1/documents/{id_of(path)}", expect=404)

    def test_what_does_not_exist_cannot_go(self, tus):
        assert tus.request("DELETE", f"{UPLOADS}/{NOBODY}").status in (404, 410)

    def test_a_cancelled_document_takes_no_more(self, tus, client):
        path = tus.create(10)
        tus.patch(path, 0, b"hello")
        client.post(f"/v1/documents/{id_of(path)}/cancel", expect=200)
        assert tus.patch(path, 5, b"hello", expect=None).status in (404, 409, 410)
        assert tus.head(path, expect=None).status in (404, 410)


class TestConcatenation:
    def parts(self, tus, *bodies):
        return [tus.upload(body, Upload_Concat="partial") for body in bodies]

    def test_parts_become_one_document_in_their_order(self, tus, client, small_pdf):
        first, second = halves(small_pdf)
        behind, before = self.parts(tus, second, first)
        given = f"final;{before} {behind}"
        reply = tus.post(Upload_Concat=given, Upload_Metadata=metadata(filename="whole.pdf", filetype=PDF))
        path = path_of(reply.headers["location"])
        state = tus.finish(path)
        assert (state["status"], state["name"]) == ("complete", "whole.pdf")
        assert state["sha256"] == hashlib.sha256(small_pdf).hexdigest()
        head = tus.head(path)
        assert head.headers["upload-concat"] == given
        assert head.headers["upload-offset"] == head.headers["upload-length"] == str(len(small_pdf))

    def test_urls_are_matched_by_their_path_and_given_back_as_they_were_sent(self, tus, small_pdf):
        first, second = self.parts(tus, *halves(small_pdf))
        given = f"final;https://front.example{first} http://10.1.2.3:8080{second}"
        path = path_of(tus.post(Upload_Concat=given).headers["location"])
        assert tus.finish(path)["status"] == "complete"
        assert tus.head(path).headers["upload-concat"] == given

    def test_a_part_is_a_part(self, tus, client):
        part = tus.create(5, Upload_Concat="partial")
        assert tus.head(part).headers["upload-concat"] == "partial"
        tus.patch(part, 0, b"hello")
        head = tus.head(part)
        assert (head.headers["upload-offset"], head.headers["upload-length"]) == ("5", "5")
        listed = client.get("/v1/documents?limit=500").json()["documents"]
        assert id_of(part) not in [state["document_id"] for state in listed], "a part is no document"

    def test_the_same_part_may_come_twice(self, tus):
        part, = self.parts(tus, b"some words. ")
        reply = tus.post(Upload_Concat=f"final;{part} {part}", Upload_Metadata=metadata(filetype="text/plain"))
        assert tus.finish(reply.headers["location"])["sha256"] == hashlib.sha256(b"some words. " * 2).hexdigest()

    def test_parts_may_still_be_on_their_way(self, tus, client, small_pdf):
        bodies = halves(small_pdf)
        first, second = (tus.create(len(body), Upload_Concat="partial") for body in bodies)
        tus.patch(first, 0, bodies[0])
        path = path_of(tus.post(Upload_Concat=f"final;{first} {second}").headers["location"])
        head = tus.head(path)
        assert "upload-offset" not in head.headers and head.headers["upload-concat"] == f"final;{first} {second}"
        assert head.headers.get("upload-length") in (None, str(len(small_pdf)))
        assert client.state(id_of(path))["status"] == "uploading"
        watcher = watch(client, id_of(path))
        tus.patch(second, 0, bodies[1][:10])
        tus.patch(second, 10, bodies[1][10:])
        assert rules.check_story(watcher.join_account().states)[-1]["status"] == "complete"
        assert tus.finish(path)["sha256"] == hashlib.sha256(small_pdf).hexdigest()
        assert tus.offset(path) == len(small_pdf)

    @pytest.mark.parametrize("waits", [False, True])
    def test_a_concatenation_takes_no_bytes_of_its_own(self, tus, waits):
        parts = self.parts(tus, b"hello") + ([tus.create(5, Upload_Concat="partial")] if waits else [])
        path = path_of(tus.post(Upload_Concat="final;" + " ".join(parts)).headers["location"])
        for offset in (0, 5):
            assert tus.patch(path, offset, b"x", expect=403).json()["code"] == "concatenation_takes_no_bytes"
        # Neither it nor its parts are any different for that.
        assert ("upload-offset" in tus.head(path).headers) is not waits
        if waits:
            assert tus.offset(parts[0]) == 5

    def test_metadata_of_parts_is_not_that_of_the_whole(self, tus, client):
        part = tus.upload(b"words", Upload_Concat="partial", Upload_Metadata=metadata(filename="part.bin", a="1"))
        path = path_of(tus.post(Upload_Concat=f"final;{part}").headers["location"])
        assert "upload-metadata" not in tus.head(path).headers
        assert client.state(id_of(path))["metadata"] == {}

    @pytest.mark.parametrize("given", [
        "final;", f"final;{UPLOADS}/{NOBODY}", f"final;{UPLOADS}/no-id", "final;/elsewhere/x", f"final;{UPLOADS}/a/../b",
        "final", "Final;x", f"final;{UPLOADS}/{NOBODY}  {UPLOADS}/{NOBODY}",
    ])
    def test_what_names_no_parts_is_refused(self, tus, given):
        tus.post(Upload_Concat=given, expect=400)

    def test_only_parts_can_be_joined(self, tus, small_pdf):
        reply = tus.post(Upload_Concat=f"final;{tus.upload(small_pdf)}", expect=400)
        assert reply.json()["code"] == "no_such_part"

    def test_its_length_is_that_of_its_parts(self, tus):
        part, = self.parts(tus, b"hello")
        tus.post(Upload_Concat=f"final;{part}", Upload_Length=5, expect=400)
        tus.post(Upload_Concat=f"final;{part}", Upload_Defer_Length=1, expect=400)

    @pytest.mark.parametrize("complete", [True, False], ids=["a complete part", "an unfinished part"])
    @pytest.mark.parametrize("how", ["DELETE", "cancel"])
    def test_what_waits_for_a_part_that_goes_away_fails_at_once(self, tus, client, how, complete):
        first, = self.parts(tus, b"hello")
        second = tus.create(5, Upload_Concat="partial")
        path = path_of(tus.post(Upload_Concat=f"final;{first} {second}").headers["location"])
        watcher = watch(client, id_of(path))
        gone = first if complete else second
        if how == "DELETE":
            tus.delete(gone)
        else:
            client.post(f"/v1/documents/{id_of(gone)}/cancel", expect=200)
        state = rules.check_story(watcher.join_account(5).states)[-1]
        assert (state["status"], state["error"]["code"]) == ("failed", "parts_gone")
        assert tus.head(path, expect=None).status == 410

    def test_a_part_and_what_is_made_of_parts_take_no_bytes_by_put(self, tus, client):
        first, = self.parts(tus, b"hello")
        second = tus.create(5, Upload_Concat="partial")
        path = path_of(tus.post(Upload_Concat=f"final;{first} {second}").headers["location"])
        for upload, status, code in ((first, 409, "part_of_upload"), (second, 409, "part_of_upload"),
                                     (path, 403, "concatenation_takes_no_bytes")):
            reply = client.put_content(id_of(upload), b"world", content_type="text/plain", expect=status)
            assert reply.json()["code"] == code
        tus.patch(second, 0, b"world")
        assert tus.finish(path)["sha256"] == hashlib.sha256(b"helloworld").hexdigest()

    def test_parts_go_once_they_are_joined(self, tus, client, small_pdf):
        parts = self.parts(tus, *halves(small_pdf))
        path = path_of(tus.post(Upload_Concat="final;" + " ".join(parts)).headers["location"])
        tus.finish(path)
        for part in parts:
            eventually(lambda part=part: tus.head(part, expect=None).status == 404, 10, "the part is removed")
            tus.delete(part, expect=404)
        assert client.get(f"/v1/documents/{id_of(path)}/content").body == small_pdf

    def test_the_limit_holds_for_the_sum(self, start_server):
        tus = Tus(start_server("--size-limit", 1000).client)
        parts = self.parts(tus, b"x" * 600, b"y" * 600)
        problem = tus.post(Upload_Concat="final;" + " ".join(parts), expect=413).json()
        assert (problem["code"], problem["size_limit_bytes"]) == ("too_large", 1000)
        # Nothing came of it, and the parts are as they were.
        assert tus.client.get("/v1/documents").json()["documents"] == []
        assert [tus.offset(part) for part in parts] == [600, 600]
