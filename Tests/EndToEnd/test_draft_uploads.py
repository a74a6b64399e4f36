"""The IETF's resumable uploads in every interop version: creation, appends, offsets, interim responses, problems."""

import hashlib
import time

import pytest

import rules
from client import NOBODY, PDF, TEXT
from uploads import (COMPLETED, INCONSISTENT, MISMATCH, PARTIAL_TYPE, UPLOADS, VERSIONS, Draft, SlowSender, Tus, halves,
                     id_of, path_of, some_octets)
from waiting import eventually

RESUMPTION_SUPPORTED = 104


@pytest.fixture(params=[*VERSIONS, None], ids=lambda version: f"interop-{version or 'unnamed'}")
def draft(request, client):
    return Draft(client, request.param)


@pytest.fixture(params=VERSIONS, ids=lambda version: f"interop-{version}")
def named(request, client):
    """Only where the version is named may 104 be sent."""
    return Draft(client, request.param)


def check_limit(draft, headers, unfinished):
    """Upload-Limit came with version 6; 8 wants it announced always."""
    limit = headers.get("upload-limit")
    if draft.number < 6:
        assert limit is None, limit
    elif unfinished:
        name = "expires" if draft.number == 6 else "max-age"
        members = dict(member.strip().split("=") for member in limit.split(","))
        assert int(members[name]) > 60, limit
    elif draft.number == 8:
        assert int(limit.removeprefix("max-size=")) > 0, limit


class TestCreation:
    def test_all_of_it_in_one_request_is_a_document(self, draft, small_pdf):
        reply = draft.create(small_pdf, True, Content_Disposition='inline; filename="policy.pdf"')
        assert 200 <= reply.status < 300, reply.status
        assert draft.says_complete(reply.headers) is True
        assert reply.headers["upload-offset"] == str(len(small_pdf))
        identifier = reply.headers["document-id"]
        assert reply.headers["content-location"] == f"/v1/documents/{identifier}"
        assert rules.check_links(rules.check_state(reply.json()))["document_id"] == identifier
        state = draft.client.finish(identifier)
        assert (state["status"], state["name"]) == ("complete", "policy.pdf")
        assert state["sha256"] == hashlib.sha256(small_pdf).hexdigest()

    def test_a_first_part_is_201_with_the_place_of_the_upload(self, draft, small_pdf):
        first, second = halves(small_pdf)
        reply = draft.create(first, False, expect=201)
        assert draft.says_complete(reply.headers) is False
        assert reply.headers["upload-offset"] == str(len(first))
        check_limit(draft, reply.headers, unfinished=True)
        path = path_of(reply.headers["location"])
        assert draft.client.state(id_of(path))["bytes_total"] is None
        reply = draft.append(path, len(first), second, True)
        assert 200 <= reply.status < 300 and draft.says_complete(reply.headers) is True
        assert reply.headers["document-id"] == id_of(path)
        assert reply.json()["document_id"] == id_of(path)
        assert draft.client.finish(id_of(path))["sha256"] == hashlib.sha256(small_pdf).hexdigest()

    def test_no_content_makes_an_upload_and_an_empty_whole_a_document(self, draft):
        reply = draft.create(b"", False, expect=201)
        assert reply.headers["upload-offset"] == "0" and draft.says_complete(reply.headers) is False
        reply = draft.create(b"", True)
        assert 200 <= reply.status < 300 and draft.says_complete(reply.headers) is True
        state = draft.client.finish(reply.headers["document-id"])
        assert (state["status"], state["error"]["code"]) == ("failed", "unreadable")

    def test_a_length_that_is_told_is_known(self, draft, small_pdf):
        path = path_of(draft.create(b"", False, Upload_Length=len(small_pdf), expect=201).headers["location"])
        assert draft.client.state(id_of(path))["bytes_total"] == len(small_pdf)
        assert draft.head(path).headers["upload-length"] == str(len(small_pdf))

    def test_lengths_that_differ_are_refused(self, draft):
        reply = draft.create(b"hello", True, Upload_Length=6, expect=400)
        assert reply.json()["type"] == (INCONSISTENT if draft.number >= 7 else "about:blank")

    def test_a_value_that_is_neither_true_nor_false_is_refused(self, draft):
        for value in ("1", "true", "?2", "?1, ?0", ""):
            name = "Upload_Incomplete" if draft.number == 3 else "Upload_Complete"
            draft.create(b"hello", True, **{name: value}, expect=400)

    def test_a_type_that_is_not_taken_is_415(self, draft):
        reply = draft.create(b"hello", True, content_type="image/png", expect=415)
        assert "accepted_types" in reply.json()

    def test_beyond_the_limit_it_is_413(self, start_server):
        server = start_server("--size-limit", 1000)
        for version in (6, 7, 8, None):
            draft = Draft(server.client, version)
            draft.create(b"", False, Upload_Length=1001, expect=413)
            draft.create(b"x" * 1001, True, expect=413)
            reply = draft.create(b"", False, expect=201)
            assert "max-size=1000" in reply.headers["upload-limit"]

    def test_an_unknown_version_is_a_plain_upload(self, client, small_pdf):
        for version in ("2", "9", "six"):
            reply = client.request("POST", "/v1/documents?name=a.pdf", small_pdf, expect=202, headers={
                "Upload-Draft-Interop-Version": version, "Upload-Complete": "?1", "Content-Type": PDF})
            assert client.finish(reply.json()["document_id"])["status"] == "complete"


class TestOffsets:
    def test_the_standing_of_an_unfinished_upload(self, draft, small_pdf):
        path = path_of(draft.create(small_pdf[:100], False, expect=201).headers["location"])
        reply = draft.head(path)
        assert reply.status == 204 or draft.number >= 5 and reply.status == 200
        assert reply.headers["upload-offset"] == "100"
        # Without a version HEAD shows nothing of whom it comes from: both protocols must find what they need.
        assert draft.says_complete(reply.headers) is False
        assert "upload-length" not in reply.headers and "no-store" in reply.headers["cache-control"]
        check_limit(draft, reply.headers, unfinished=True)

    def test_the_standing_of_a_finished_one(self, draft, small_pdf):
        path = path_of(draft.create(b"", False, expect=201).headers["location"])
        draft.append(path, 0, small_pdf, True)
        for wait in (False, True):
            if wait:
                draft.client.finish(id_of(path))
            reply = draft.head(path)
            assert draft.says_complete(reply.headers) is True
            assert reply.headers["upload-offset"] == reply.headers["upload-length"] == str(len(small_pdf))
            check_limit(draft, reply.headers, unfinished=False)

    @pytest.mark.parametrize("length_is_told", [False, True])
    def test_all_bytes_are_there_and_the_end_was_not_said(self, draft, small_pdf, length_is_told):
        told = {"Upload_Length": len(small_pdf)} if length_is_told else {}
        reply = draft.create(small_pdf, False, expect=201, **told)
        assert draft.says_complete(reply.headers) is False, "the length alone completes nothing"
        path = path_of(reply.headers["location"])
        assert draft.offset(path) == len(small_pdf)
        assert draft.client.state(id_of(path))["status"] == "uploading"
        reply = draft.append(path, len(small_pdf), b"", True)
        assert 200 <= reply.status < 300 and draft.says_complete(reply.headers) is True
        assert draft.client.finish(id_of(path))["status"] == "complete"

    def test_what_does_not_exist_is_404(self, draft):
        for path in (f"{UPLOADS}/{NOBODY}", f"{UPLOADS}/nonsense"):
            reply = draft.head(path)
            assert reply.status in (400, 404, 410) and "upload-offset" not in reply.headers


class TestAppends:
    def test_many_appends_are_one_document(self, draft, medium_pdf):
        path = path_of(draft.create(b"", False, expect=201).headers["location"])
        size = -(-len(medium_pdf) // 5)
        for at in range(0, len(medium_pdf), size):
            body = medium_pdf[at:at + size]
            is_last = at + size >= len(medium_pdf)
            reply = draft.append(path, at, body, is_last)
            assert 200 <= reply.status < 300, (reply.status, reply.body)
            assert draft.says_complete(reply.headers) is is_last
            assert reply.headers["upload-offset"] == str(at + len(body))
            if not is_last:
                assert reply.status == (201 if draft.number <= 6 else 204)
                check_limit(draft, reply.headers, unfinished=True)
        assert draft.client.finish(id_of(path))["sha256"] == hashlib.sha256(medium_pdf).hexdigest()

    def test_another_offset_is_409_with_the_right_one(self, draft):
        path = path_of(draft.create(b"hello", False, expect=201).headers["location"])
        for offset in (0, 4, 6, 999_999_999_999_999):
            reply = draft.append(path, offset, b"x", False, expect=409)
            assert reply.headers["upload-offset"] == "5" and draft.says_complete(reply.headers) is False
            problem = reply.json()
            assert problem["type"] == (MISMATCH if draft.number >= 6 else "about:blank")
            assert (problem["expected-offset"], problem["provided-offset"]) == (5, offset)
        assert draft.offset(path) == 5

    def test_what_is_complete_takes_no_more(self, draft, small_pdf):
        path = path_of(draft.create(b"", False, expect=201).headers["location"])
        draft.append(path, 0, small_pdf, True)
        reply = draft.append(path, len(small_pdf), b"x", True, expect=400)
        assert reply.json()["type"] == (COMPLETED if draft.number >= 6 else "about:blank")
        assert draft.client.finish(id_of(path))["sha256"] == hashlib.sha256(small_pdf).hexdigest()

    def test_the_media_type_of_appends_came_with_version_6(self, draft):
        path = path_of(draft.create(b"hello", False, expect=201).headers["location"])
        for content_type in (PDF, "application/octet-stream", "None"):
            reply = draft.append(path, draft.offset(path), b"x", False, Content_Type=content_type)
            assert (reply.status == 415) == (draft.number >= 6), (content_type, reply.status)
            if reply.status == 415:
                assert reply.headers["accept-patch"] == PARTIAL_TYPE
        assert draft.offset(path) == (5 if draft.number >= 6 else 8)

    @pytest.mark.parametrize("offset", ["-5", "+5", "5.0", "", "five", "5, 5", "1000000000000000", "\"5\""])
    def test_what_is_no_integer_is_no_offset(self, draft, offset):
        path = path_of(draft.create(b"hello", False, expect=201).headers["location"])
        draft.append(path, offset, b"x", False, expect=400)
        assert draft.offset(path) == 5

    def test_an_end_before_the_length_is_refused_and_the_upload_goes_on(self, draft):
        path = path_of(draft.create(b"hello", False, Upload_Length=20, expect=201).headers["location"])
        reply = draft.append(path, 5, b"too short", True)
        assert reply.status == 400
        assert reply.json()["type"] == (INCONSISTENT if draft.number >= 7 else "about:blank")
        assert draft.client.state(id_of(path))["status"] == "uploading"
        offset = draft.offset(path)
        assert 200 <= draft.append(path, offset, b"x" * (20 - offset), True).status < 300

    def test_more_than_the_length_is_never_taken(self, draft):
        path = path_of(draft.create(b"hello", False, Upload_Length=10, expect=201).headers["location"])
        for body in (b"x" * 6, iter([b"x" * 6])):
            reply = draft.append(path, 5, body, False)
            assert reply.status in (400, 409, 413), reply.status
            head = draft.head(path)
            assert head.status in (404, 410) or int(head.headers["upload-offset"]) <= 10

    def test_a_whole_that_was_cut_off_keeps_its_bytes_and_is_not_complete(self, draft, client, small_pdf):
        path = path_of(draft.create(b"", False, expect=201).headers["location"])
        first, second = halves(small_pdf)
        fields = draft.lines(True, "Upload-Offset: 0", f"Content-Type: {PARTIAL_TYPE}")
        with client.connect() as connection:
            connection.request(f"PATCH {path}", *fields, f"Content-Length: {len(small_pdf)}", body=first)
            eventually(lambda: client.state(id_of(path))["bytes_received"] == len(first))
        reply = draft.head(path)
        assert draft.says_complete(reply.headers) is False and reply.headers["upload-offset"] == str(len(first))
        draft.append(path, len(first), second, True)
        assert client.finish(id_of(path))["sha256"] == hashlib.sha256(small_pdf).hexdigest()

    def test_cancellation_is_204_and_then_there_is_nothing(self, draft):
        path = path_of(draft.create(b"hello", False, expect=201).headers["location"])
        draft.client.request("DELETE", path, headers=draft.named, expect=204)
        assert draft.head(path).status in (404, 410)
        assert draft.append(path, 5, b"x", False).status in (404, 410)


class TestInterimResponses:
    def read_until_final(self, connection):
        """All heads up to the final one."""
        heads = []
        while not heads or heads[-1][0] < 200:
            heads.append(connection.read_head())
        return heads

    def test_the_place_is_told_before_the_content_is_there(self, named, client, small_pdf):
        with client.connect() as connection:
            connection.request(f"POST {UPLOADS}", *named.lines(True, f"Content-Type: {PDF}"),
                               f"Content-Length: {len(small_pdf)}")
            status, headers = connection.read_head()
            assert status == RESUMPTION_SUPPORTED
            assert headers["upload-draft-interop-version"] == str(named.number)
            assert "upload-offset" not in headers
            check_limit(named, headers, unfinished=True)
            path = path_of(headers["location"])
            connection.send(small_pdf[:100])
        # The connection is lost: what came is kept, and the place is known.
        eventually(lambda: client.state(id_of(path))["bytes_received"] == 100)
        assert named.offset(path) == 100
        assert 200 <= named.append(path, 100, small_pdf[100:], True).status < 300
        assert client.finish(id_of(path))["sha256"] == hashlib.sha256(small_pdf).hexdigest()

    def test_the_same_place_is_told_in_the_end(self, named, client, small_pdf):
        with client.connect() as connection:
            connection.request(f"POST {UPLOADS}", *named.lines(False, f"Content-Type: {PDF}"),
                               f"Content-Length: {len(small_pdf)}", body=small_pdf)
            heads = self.read_until_final(connection)
        places = {headers["location"] for _, headers in heads if "location" in headers}
        assert heads[0][0] == RESUMPTION_SUPPORTED and len(places) == 1
        assert heads[-1][0] == 201

    def test_a_client_that_waits_for_100_gets_it_besides(self, named, client):
        with client.connect() as connection:
            connection.request(f"POST {UPLOADS}", *named.lines(False, f"Content-Type: {PDF}"), "Content-Length: 5",
                               "Expect: 100-continue")
            statuses = set()
            while statuses != {100, RESUMPTION_SUPPORTED}:
                statuses.add(connection.read_head()[0])
            connection.send(b"hello")
            assert connection.read_response().status == 201

    def test_a_long_append_tells_how_far_it_is(self, named, client):
        length = 4_000_000
        path = path_of(named.create(b"", False, content_type=TEXT, expect=201).headers["location"])
        body = some_octets(100_000)
        with client.connect(timeout=20) as connection:
            connection.request(f"PATCH {path}",
                               *named.lines(False, "Upload-Offset: 0", f"Content-Type: {PARTIAL_TYPE}"),
                               f"Content-Length: {length}")
            for _ in range(length // len(body)):
                connection.send(body)
                time.sleep(0.05)
            heads = self.read_until_final(connection)
        told = [headers for status, headers in heads if status == RESUMPTION_SUPPORTED]
        if named.number < 5:
            assert not told, "progress came with version 5"
            return
        offsets = [int(headers["upload-offset"]) for headers in told]
        assert offsets and offsets == sorted(offsets) and offsets[-1] <= length, offsets
        assert any(0 < offset < length for offset in offsets), offsets
        for headers in told:
            assert "location" not in headers
            assert headers["upload-draft-interop-version"] == str(named.number)
        assert int(heads[-1][1]["upload-offset"]) == length

    @pytest.mark.parametrize("who", ["tus", "no version", "plain", "HTTP/1.0"])
    def test_who_did_not_ask_for_it_gets_none(self, client, small_pdf, who):
        fields = {"tus": ["Tus-Resumable: 1.0.0", "Upload-Length: 5", "Content-Type: application/offset+octet-stream"],
                  "no version": ["Upload-Complete: ?0", f"Content-Type: {TEXT}"],
                  "plain": [f"Content-Type: {TEXT}"],
                  "HTTP/1.0": ["Upload-Draft-Interop-Version: 8", "Upload-Complete: ?0", f"Content-Type: {TEXT}"]}[who]
        path = "/v1/documents?name=a.txt" if who == "plain" else UPLOADS
        with client.connect() as connection:
            if who == "HTTP/1.0":
                connection.send("\r\n".join([f"POST {path} HTTP/1.0", f"Host: {connection.host}", *fields,
                                             "Content-Length: 5", "", "hello"]))
            else:
                connection.request(f"POST {path}", *fields, "Content-Length: 5", body=b"hello")
            status, _ = connection.read_head()
        assert status >= 200, status


class TestTwoProtocolsOneUpload:
    def test_what_one_began_the_other_ends(self, named, client, small_pdf):
        tus, (first, second) = Tus(client), halves(small_pdf)
        path = tus.create(len(small_pdf))
        tus.patch(path, 0, first)
        assert named.offset(path) == len(first)
        assert 200 <= named.append(path, len(first), second, True).status < 300
        assert client.finish(id_of(path))["sha256"] == hashlib.sha256(small_pdf).hexdigest()

        path = path_of(named.create(first, False, Upload_Length=len(small_pdf), expect=201).headers["location"])
        assert tus.head(path).headers["upload-length"] == str(len(small_pdf))
        tus.patch(path, len(first), second)
        assert client.finish(id_of(path))["sha256"] == hashlib.sha256(small_pdf).hexdigest()

    def test_a_later_request_takes_over_at_the_true_offset(self, draft, client, small_pdf):
        path = path_of(draft.create(b"", False, expect=201).headers["location"])
        fields = draft.lines(False, f"Content-Type: {PARTIAL_TYPE}")
        sender = SlowSender(client, path, 0, 10_000_000, *fields).begin()
        began = time.monotonic()
        offset = draft.offset(path)
        assert time.monotonic() - began < 3, "a new request does not wait for the old one"
        assert 200 <= draft.append(path, offset, b"rest", True).status < 300
        sender.stop()
        assert client.finish(id_of(path))["bytes_total"] == offset + 4
