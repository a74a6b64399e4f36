"""tus 1.0.0 by plain requests: creation, offsets, lengths that come later, first bytes at creation, options."""

import hashlib
import subprocess

import pytest

from client import MARKDOWN, NOBODY, PDF, TEXT
from means import program
from uploads import OFFSET_TYPE, UPLOADS, Tus, halves, id_of, metadata, new_id, path_of
from waiting import eventually

EXTENSIONS = {"creation", "creation-with-upload", "creation-defer-length", "checksum", "checksum-trailer", "expiration",
              "termination", "concatenation", "concatenation-unfinished"}
LIMIT = 100_000


@pytest.fixture
def tus(client):
    return Tus(client)


@pytest.fixture(scope="module")
def limited(start_shared_server):
    return Tus(start_shared_server("--size-limit", LIMIT).client)


class TestOptions:
    @pytest.mark.parametrize("version", [None, "1.0.0", "0.2.2"])
    def test_what_is_spoken_is_told_whatever_version_is_named(self, client, version):
        reply = client.request("OPTIONS", UPLOADS, headers={"Tus-Resumable": version} if version else {}, expect=200)
        assert reply.headers["tus-version"] == "1.0.0"
        assert set(reply.headers["tus-extension"].split(",")) == EXTENSIONS
        assert set(reply.headers["tus-checksum-algorithm"].split(",")) == {"sha1", "sha256", "md5", "crc32c"}
        # Without a limit of its own the server takes what its disk could hold.
        assert int(reply.headers["tus-max-size"]) > 0
        assert reply.headers["upload-limit"] == f"max-size={reply.headers['tus-max-size']}"

    def test_a_limit_is_told_in_both_protocols(self, limited):
        reply = limited.client.request("OPTIONS", UPLOADS, expect=200)
        assert reply.headers["tus-max-size"] == str(LIMIT)
        assert f"max-size={LIMIT}" in reply.headers["upload-limit"]

    @pytest.mark.parametrize("path", [UPLOADS, f"{UPLOADS}/{NOBODY}", "/v1/documents"])
    def test_a_preflight_allows_what_tus_clients_send_and_read(self, client, path):
        reply = client.request("OPTIONS", path, headers={
            "Access-Control-Request-Method": "PATCH",
            "Access-Control-Request-Headers": "content-type,tus-resumable,upload-length,upload-metadata"})
        assert reply.status in (200, 204)
        allowed = reply.headers["access-control-allow-methods"]
        assert all(method in allowed for method in ("POST", "HEAD", "PATCH", "DELETE"))
        fields = reply.headers["access-control-allow-headers"].lower()
        for name in ("tus-resumable", "upload-length", "upload-metadata", "upload-offset", "upload-checksum",
                     "upload-concat", "upload-defer-length", "x-http-method-override", "upload-complete",
                     "upload-draft-interop-version", "content-type", "x-request-id"):
            assert name in fields, name

    def test_a_page_may_read_what_tus_js_client_reads(self, tus):
        exposed = tus.head(tus.create(1)).headers["access-control-expose-headers"].lower()
        for name in ("upload-offset", "location", "upload-length", "tus-version", "tus-resumable", "tus-max-size",
                     "tus-extension", "upload-metadata", "upload-defer-length", "upload-concat", "upload-expires",
                     "upload-complete", "upload-incomplete", "upload-limit", "document-id", "content-location"):
            assert name in exposed, name


class TestVersions:
    @pytest.mark.parametrize("method", ["POST", "PATCH", "HEAD", "DELETE"])
    def test_another_version_is_412_with_the_one_that_is_spoken(self, tus, method):
        path = tus.create(10)
        reply = tus.request(method, UPLOADS if method == "POST" else path, b"", Tus_Resumable="0.2.2", expect=412,
                            Upload_Length=5, Upload_Offset=0, Content_Type=OFFSET_TYPE)
        assert reply.headers["tus-version"] == "1.0.0"
        assert tus.offset(path) == 0

    def test_a_patch_of_no_protocol_is_refused_and_changes_nothing(self, client, tus):
        path = tus.create(5)
        reply = client.request("PATCH", path, b"hello", headers={"Content-Type": OFFSET_TYPE, "Upload-Offset": "0"})
        assert reply.status in (400, 412)
        assert tus.offset(path) == 0


class TestCreation:
    def test_the_document_exists_under_the_id_of_the_upload(self, tus, client, small_pdf):
        reply = tus.post(Upload_Length=len(small_pdf), Upload_Metadata=metadata(filename="policy.pdf", filetype=PDF))
        location = reply.headers["location"]
        assert location.startswith("/"), "a Location without scheme and host is right behind every proxy"
        state = client.state(id_of(location))
        assert (state["status"], state["name"], state["content_type"]) == ("uploading", "policy.pdf", PDF)
        assert (state["bytes_received"], state["bytes_total"]) == (0, len(small_pdf))
        assert client.get(location).json()["document_id"] == id_of(location)

    def test_metadata_is_given_back_as_it_was_given(self, tus):
        given = metadata(filename="a b.pdf", customer="42") + ",is_confidential"
        reply = tus.head(tus.create(7, Upload_Metadata=given))
        assert reply.headers["upload-metadata"] == given
        assert (reply.headers["upload-offset"], reply.headers["upload-length"]) == ("0", "7")
        assert "upload-defer-length" not in reply.headers

    def test_metadata_may_come_in_more_lines_than_one(self, tus, client):
        with client.connect() as connection:
            connection.request(f"POST {UPLOADS}", "Tus-Resumable: 1.0.0", "Upload-Length: 5",
                               f"Upload-Metadata: {metadata(filename='a.md')}", f"Upload-Metadata: {metadata(b='2')}")
            reply = connection.read_response()
        assert reply.status == 201, reply.body
        path = path_of(reply.headers["location"])
        assert tus.head(path).headers["upload-metadata"] == metadata(filename="a.md", b="2")
        state = client.state(id_of(path))
        assert (state["name"], state["metadata"]) == ("a.md", {"b": "2"})

    def test_a_digest_that_the_creation_leaves_out_is_not_made(self, tus):
        for query, digests in (("?digest=none", 0), ("", 1)):
            path = path_of(tus.post(query=query, Upload_Length=5, Upload_Metadata=metadata(filetype=TEXT))
                           .headers["location"])
            tus.patch(path, 0, b"he")
            tus.patch(path, 2, b"llo")
            assert (tus.finish(path)["sha256"] is not None) == bool(digests)

    def test_free_names_become_the_documents_metadata(self, tus, client):
        path = tus.create(7, Upload_Metadata=metadata(filename="Grüße ☂.pdf", filetype=PDF, customer="Zoë", x="") + ",y")
        state = client.state(id_of(path))
        assert state["name"] == "Grüße ☂.pdf"
        assert state["metadata"] == {"customer": "Zoë", "x": "", "y": ""}

    def test_hostile_metadata_reaches_no_field_and_no_path(self, tus, client):
        evil = "../../../etc/passwd\r\nSet-Cookie: a=b\0"
        path = tus.create(1, Upload_Metadata=metadata(filename=evil, note=evil, raw=b"\xff\xfe"))
        state = client.state(id_of(path))
        assert "/" not in state["name"] and "\r" not in state["name"], state["name"]
        for reply in (tus.head(path), tus.patch(path, 0, b"x"), client.get(f"/v1/documents/{id_of(path)}/content")):
            assert "set-cookie" not in reply.headers

    @pytest.mark.parametrize("fields, code", [
        ({}, "upload_length_missing"), ({"Upload_Length": "-1"}, "bad_upload_length"),
        ({"Upload_Length": "1e3"}, "bad_upload_length"), ({"Upload_Length": "9223372036854775808"}, "bad_upload_length"),
        ({"Upload_Length": "5", "Upload_Defer_Length": "1"}, "upload_length_and_deferral"),
        ({"Upload_Defer_Length": "2"}, "bad_upload_defer_length"),
        ({"Upload_Length": "5", "Upload_Metadata": "a b c"}, "bad_upload_metadata"),
        ({"Upload_Length": "5", "Upload_Metadata": "a YQ==,a YQ=="}, "bad_upload_metadata"),
        ({"Upload_Length": "5", "Upload_Concat": "whole"}, "bad_upload_concat"),
    ])
    def test_fields_that_say_nothing_sensible_are_400(self, tus, fields, code):
        assert tus.post(expect=400, **fields).json()["code"] == code

    def test_a_length_beyond_the_limit_is_413_at_once(self, limited):
        limited.post(Upload_Length=LIMIT + 1, expect=413)
        limited.post(Upload_Length=LIMIT, expect=201)

    def test_a_type_that_is_not_taken_is_415_before_any_byte(self, tus):
        tus.post(Upload_Length=5, Upload_Metadata=metadata(filename="a.png", filetype="image/png"), expect=415)

    def test_the_id_may_be_chosen_and_is_taken_once(self, tus):
        identifier = new_id()
        assert id_of(tus.post(Upload_Length=5, query=f"?id={identifier}").headers["location"]) == identifier
        tus.post(Upload_Length=5, query=f"?id={identifier}", expect=409)

    def test_an_empty_upload_is_complete_at_its_creation(self, tus, client):
        reply = tus.post(Upload_Length=0, Upload_Metadata=metadata(filename="empty.pdf"))
        path = path_of(reply.headers["location"])
        head = tus.head(path)
        assert (head.headers["upload-offset"], head.headers["upload-length"]) == ("0", "0")
        state = tus.finish(path)
        assert (state["status"], state["error"]["code"]) == ("failed", "unreadable")

    def test_a_document_that_was_made_first_can_be_uploaded_by_tus(self, tus, client, small_pdf):
        state = client.create(name="later.pdf", size=len(small_pdf))
        path = path_of(state["links"]["upload"])
        assert id_of(path) == state["document_id"]
        tus.patch(path, tus.offset(path), small_pdf)
        assert tus.finish(path)["sha256"] == hashlib.sha256(small_pdf).hexdigest()


class TestAppending:
    def test_one_patch_brings_all_and_is_answered_with_the_document(self, tus, client, small_pdf):
        path = tus.create(len(small_pdf), Upload_Metadata=metadata(filename="policy.pdf", filetype=PDF))
        reply = tus.patch(path, 0, small_pdf)
        assert reply.headers["upload-offset"] == str(len(small_pdf))
        assert reply.headers["document-id"] == id_of(path)
        assert reply.headers["content-location"] == f"/v1/documents/{id_of(path)}"
        assert "upload-expires" not in reply.headers
        assert client.state(id_of(path))["status"] != "uploading", "the last acknowledgement comes with the record"
        state = tus.finish(path)
        assert (state["status"], state["sha256"]) == ("complete", hashlib.sha256(small_pdf).hexdigest())

    @pytest.mark.parametrize("size", [1000, 4096, 65537])
    def test_many_patches_make_one_file(self, tus, client, medium_pdf, size):
        path = tus.create(len(medium_pdf))
        for at in range(0, len(medium_pdf), size):
            reply = tus.patch(path, at, medium_pdf[at:at + size])
            assert int(reply.headers["upload-offset"]) == min(at + size, len(medium_pdf))
        state = tus.finish(path)
        assert (state["status"], state["sha256"]) == ("complete", hashlib.sha256(medium_pdf).hexdigest())
        assert client.get(f"/v1/documents/{id_of(path)}/content").body == medium_pdf

    def test_chunked_content_is_taken(self, tus, small_pdf):
        path = tus.create(len(small_pdf))
        tus.patch(path, 0, iter([small_pdf[:10], small_pdf[10:500], small_pdf[500:]]))
        assert tus.finish(path)["status"] == "complete"

    def test_the_type_is_taken_from_the_metadata(self, tus):
        path = tus.upload(b"# Title\n\nSome words.\n", Upload_Metadata=metadata(filename="a.md", filetype=MARKDOWN))
        state = tus.finish(path)
        assert (state["status"], state["content_type"]) == ("complete", MARKDOWN)
        assert tus.finish(tus.upload(b"words", Upload_Metadata=metadata(filetype=TEXT)))["content_type"] == TEXT

    def test_a_finished_upload_still_says_so(self, tus, small_pdf):
        path = tus.upload(small_pdf)
        for wait in (False, True):
            if wait:
                tus.finish(path)
            reply = tus.head(path)
            assert reply.headers["upload-offset"] == reply.headers["upload-length"] == str(len(small_pdf))
            assert reply.headers["document-id"] == id_of(path)
            assert "upload-expires" not in reply.headers
        # The acknowledgement was lost, and the client asks to send nothing more.
        assert tus.patch(path, len(small_pdf), b"").headers["upload-offset"] == str(len(small_pdf))
        tus.patch(path, len(small_pdf), b"x", expect=409)
        tus.patch(path, 0, small_pdf, expect=409)

    @pytest.mark.parametrize("offset", ["1", "11", "9223372036854775807"])
    def test_another_offset_is_409_and_changes_nothing(self, tus, offset):
        path = tus.create(10)
        tus.patch(path, 0, b"hello")
        reply = tus.patch(path, offset, b"x", expect=409)
        assert reply.headers["upload-offset"] == "5"
        assert tus.offset(path) == 5

    @pytest.mark.parametrize("offset", ["-1", "+5", "", "5.0", "0x5", "9223372036854775808", "5 5"])
    def test_what_is_no_offset_is_400(self, tus, offset):
        path = tus.create(10)
        tus.patch(path, offset, b"x", expect=400)
        tus.patch(path, None, b"x", expect=400)
        assert tus.offset(path) == 0

    @pytest.mark.parametrize("content_type", [None, PDF, "application/octet-stream", "application/partial-upload"])
    def test_another_type_is_415_and_takes_nothing(self, tus, content_type):
        path = tus.create(10)
        tus.patch(path, 0, b"hello", Content_Type=content_type, expect=415)
        assert tus.offset(path) == 0

    def test_what_does_not_exist_is_404_without_an_offset(self, tus):
        for path in (f"{UPLOADS}/{NOBODY}", f"{UPLOADS}/no-id", f"{UPLOADS}/%2e%2e"):
            for reply in (tus.request("HEAD", path), tus.request("DELETE", path),
                          tus.patch(path, 0, b"x", expect=None)):
                assert reply.status in (400, 404, 410), (path, reply.status)
                assert "upload-offset" not in reply.headers
        assert tus.head(f"{UPLOADS}/{NOBODY}", expect=None).status in (404, 410)

    @pytest.mark.parametrize("framing", ["length", "chunked"])
    def test_what_came_before_the_connection_was_cut_is_kept(self, tus, client, small_pdf, framing):
        path, (first, second) = tus.create(len(small_pdf)), halves(small_pdf)
        fields = ["Tus-Resumable: 1.0.0", f"Content-Type: {OFFSET_TYPE}", "Upload-Offset: 0"]
        with client.connect() as connection:
            if framing == "length":
                connection.request(f"PATCH {path}", *fields, f"Content-Length: {len(small_pdf)}", body=first)
            else:
                connection.request(f"PATCH {path}", *fields, "Transfer-Encoding: chunked",
                                   body=b"%x\r\n%s\r\n" % (len(first), first))
            eventually(lambda: client.state(id_of(path))["bytes_received"] == len(first))
        assert tus.offset(path) == len(first)
        assert client.state(id_of(path))["status"] == "uploading"
        tus.patch(path, len(first), second)
        assert tus.finish(path)["sha256"] == hashlib.sha256(small_pdf).hexdigest()

    @pytest.mark.parametrize("framing", ["length", "chunked"])
    def test_more_than_the_length_is_never_taken(self, tus, client, small_pdf, framing):
        path = tus.create(len(small_pdf))
        body = small_pdf + b"too much"
        reply = tus.patch(path, 0, body if framing == "length" else iter([body]), expect=None)
        assert reply.status in (204, 400, 413), reply.status
        offset = tus.offset(path)
        if reply.status == 204:
            assert offset == len(small_pdf) == int(reply.headers["upload-offset"])
        if offset < len(small_pdf):
            tus.patch(path, offset, small_pdf[offset:])
        assert tus.finish(path)["sha256"] == hashlib.sha256(small_pdf).hexdigest()

    def test_where_patch_is_not_to_be_had_post_says_what_is_meant(self, tus, small_pdf):
        path, (first, second) = tus.create(len(small_pdf)), halves(small_pdf)
        fields = {"Content_Type": OFFSET_TYPE, "X_HTTP_Method_Override": "PATCH"}
        assert tus.request("POST", path, first, Upload_Offset=0, expect=204, **fields).headers["upload-offset"] == \
            str(len(first))
        tus.request("POST", path, second, Upload_Offset=len(first), expect=204, **fields)
        assert tus.finish(path)["status"] == "complete"
        other = tus.create(5)
        reply = tus.request("POST", other, b"", X_HTTP_Method_Override="HEAD", expect=200)
        assert (reply.body, reply.headers["upload-offset"], reply.headers["upload-length"]) == (b"", "0", "5")
        gone = tus.request("POST", f"{UPLOADS}/{NOBODY}", b"", X_HTTP_Method_Override="HEAD", expect=404)
        assert gone.json()["code"] == "not_found", "the client reads what answers a POST"
        tus.request("POST", other, b"", X_HTTP_Method_Override="DELETE", expect=204)
        assert tus.head(other, expect=None).status in (404, 410)


class TestAnEndThatWasLost:
    """All bytes are acknowledged, and the request that ends the upload is not whole: nothing but HEAD comes then."""

    def lose_the_end(self, client, path, offset, body, *fields):
        with client.connect() as connection:
            connection.request(f"PATCH {path}", "Tus-Resumable: 1.0.0", f"Content-Type: {OFFSET_TYPE}",
                               f"Upload-Offset: {offset}", "Transfer-Encoding: chunked", *fields,
                               body=b"%x\r\n%s\r\n" % (len(body), body) if body else b"")
            eventually(lambda: client.state(id_of(path))["bytes_received"] == offset + len(body)
                       and client.state(id_of(path))["bytes_total"])

    @pytest.mark.parametrize("is_deferred", [False, True])
    def test_head_that_tells_all_bytes_ends_the_upload(self, tus, client, small_pdf, is_deferred):
        if is_deferred:
            path = tus.create(Upload_Defer_Length=1)
            tus.patch(path, 0, small_pdf)
            self.lose_the_end(client, path, len(small_pdf), b"", f"Upload-Length: {len(small_pdf)}")
        else:
            path = tus.create(len(small_pdf), Upload_Metadata=metadata(filename="a.pdf"))
            self.lose_the_end(client, path, 0, small_pdf)
        head = tus.head(path)
        assert head.headers["upload-offset"] == head.headers["upload-length"] == str(len(small_pdf))
        assert head.headers["document-id"] == id_of(path)
        assert is_deferred or head.headers["upload-metadata"] == metadata(filename="a.pdf")
        assert tus.finish(path)["sha256"] == hashlib.sha256(small_pdf).hexdigest()

    def test_head_of_one_that_goes_on_ends_nothing(self, tus, client, small_pdf):
        path = tus.create(len(small_pdf))
        tus.patch(path, 0, small_pdf[:-1])
        assert "document-id" not in tus.head(path).headers
        assert client.state(id_of(path))["status"] == "uploading"


class TestALengthThatComesLater:
    def test_bytes_come_before_the_length_is_known(self, tus, client, small_pdf):
        path, (first, second) = tus.create(Upload_Defer_Length=1), halves(small_pdf)
        head = tus.head(path)
        assert head.headers["upload-defer-length"] == "1" and "upload-length" not in head.headers
        assert client.state(id_of(path))["bytes_total"] is None
        tus.patch(path, 0, first)
        assert tus.head(path).headers["upload-defer-length"] == "1"
        tus.patch(path, len(first), second, Upload_Length=len(small_pdf))
        state = tus.finish(path)
        assert (state["status"], state["bytes_total"]) == ("complete", len(small_pdf))

    def test_the_length_may_come_with_the_first_bytes_or_behind_the_last(self, tus, small_pdf):
        path, (first, second) = tus.create(Upload_Defer_Length=1), halves(small_pdf)
        tus.patch(path, 0, first, Upload_Length=len(small_pdf))
        assert tus.head(path).headers["upload-length"] == str(len(small_pdf))
        tus.patch(path, len(first), second)
        assert tus.finish(path)["status"] == "complete"

        path = tus.create(Upload_Defer_Length=1)
        tus.patch(path, 0, small_pdf)
        reply = tus.patch(path, len(small_pdf), b"", Upload_Length=len(small_pdf))
        assert reply.headers["document-id"] == id_of(path)
        assert tus.finish(path)["sha256"] == hashlib.sha256(small_pdf).hexdigest()

    def test_a_length_that_was_told_stays(self, tus):
        path = tus.create(Upload_Defer_Length=1)
        tus.patch(path, 0, b"hello", Upload_Length=10)
        tus.patch(path, 5, b"x", Upload_Length=11, expect=400)
        reply = tus.head(path)
        assert (reply.headers["upload-length"], reply.headers["upload-offset"]) == ("10", "5")
        fixed = tus.create(10)
        tus.patch(fixed, 0, b"x", Upload_Length=9, expect=400)
        tus.patch(fixed, 0, b"x", Upload_Length=10)

    def test_a_length_below_what_is_there_is_refused(self, tus):
        path = tus.create(Upload_Defer_Length=1)
        tus.patch(path, 0, b"hello")
        tus.patch(path, 5, b"", Upload_Length=4, expect=400)
        assert tus.offset(path) == 5

    def test_a_limit_holds_without_a_length(self, limited):
        path = limited.create(Upload_Defer_Length=1)
        limited.patch(path, 0, b"x" * 1000)
        limited.patch(path, 1000, b"x", Upload_Length=LIMIT + 1, expect=413)
        reply = limited.patch(path, 1000, iter([b"x" * 4000] * 30), expect=None)
        assert reply.status in (204, 413)
        assert limited.offset(path) <= LIMIT


class TestCreationWithTheFirstBytes:
    def test_a_part_and_then_the_rest(self, tus, small_pdf):
        first, second = halves(small_pdf)
        reply = tus.post(first, Upload_Length=len(small_pdf))
        assert reply.headers["upload-offset"] == str(len(first))
        path = path_of(reply.headers["location"])
        tus.patch(path, len(first), second)
        assert tus.finish(path)["status"] == "complete"

    @pytest.mark.parametrize("chunked", [False, True])
    def test_all_of_it(self, tus, small_pdf, chunked):
        reply = tus.post(iter([small_pdf]) if chunked else small_pdf, Upload_Length=len(small_pdf),
                         Content_Type=OFFSET_TYPE)
        assert reply.headers["upload-offset"] == str(len(small_pdf))
        assert reply.headers["document-id"] == id_of(reply.headers["location"])
        assert tus.finish(reply.headers["location"])["sha256"] == hashlib.sha256(small_pdf).hexdigest()

    def test_a_client_that_waits_for_100_gets_it(self, client, tus, small_pdf):
        with client.connect() as connection:
            connection.request(f"POST {UPLOADS}", "Tus-Resumable: 1.0.0", f"Upload-Length: {len(small_pdf)}",
                               f"Content-Type: {OFFSET_TYPE}", f"Content-Length: {len(small_pdf)}",
                               "Expect: 100-continue")
            assert connection.read_head()[0] == 100
            connection.send(small_pdf)
            reply = connection.read_response()
        assert (reply.status, reply.headers["upload-offset"]) == (201, str(len(small_pdf)))

    def test_another_type_is_415(self, tus):
        tus.post(b"hello", Upload_Length=5, Content_Type=PDF, expect=415)


class TestClientsOfOthers:
    def curl(self, *arguments):
        done = subprocess.run([program("curl"), "--silent", "--show-error", "--fail-with-body", *arguments],
                              capture_output=True, timeout=60)
        assert done.returncode == 0, (done.returncode, done.stdout, done.stderr)
        return done.stdout.decode()

    def test_curl_uploads_in_two_parts(self, client, tus, small_pdf, tmp_path):
        head = self.curl("-i", "-X", "POST", "-H", "Tus-Resumable: 1.0.0", "-H", f"Upload-Length: {len(small_pdf)}",
                         client.address + UPLOADS)
        path = path_of(next(line[10:] for line in head.splitlines() if line.lower().startswith("location: ")))
        for number, part in enumerate(halves(small_pdf)):
            file = tmp_path / str(number)
            file.write_bytes(part)
            self.curl("-X", "PATCH", "-H", "Tus-Resumable: 1.0.0", "-H", f"Content-Type: {OFFSET_TYPE}",
                      "-H", f"Upload-Offset: {len(small_pdf) // 2 * number}", "--data-binary", f"@{file}",
                      client.address + path)
        assert tus.finish(path)["sha256"] == hashlib.sha256(small_pdf).hexdigest()

    @pytest.mark.parametrize("chunk_size", [10_000, 10_000_000])
    def test_tuspy(self, client, tus, medium_pdf, tmp_path, chunk_size):
        from tusclient.client import TusClient
        file = tmp_path / "policy.pdf"
        file.write_bytes(medium_pdf)
        uploader = TusClient(client.address + UPLOADS).uploader(
            str(file), chunk_size=chunk_size, upload_checksum=True, metadata={"filename": "policy.pdf"})
        uploader.upload(stop_at=len(medium_pdf) // 2)
        again = TusClient(client.address + UPLOADS).uploader(str(file), url=uploader.url, chunk_size=chunk_size)
        assert again.offset == uploader.offset > 0
        again.upload()
        state = tus.finish(uploader.url)
        assert (state["name"], state["sha256"]) == ("policy.pdf", hashlib.sha256(medium_pdf).hexdigest())

    @pytest.mark.parametrize("options", [{}, {"checksum": "sha256"}, {"checksum": "md5", "override_patch_method": True},
                                         {"add_request_id": True, "checksum": False}])
    @pytest.mark.parametrize("parallel", [1, 3])
    def test_resumable_upload(self, client, tus, medium_pdf, tmp_path, parallel, options):
        from resumable_upload import TusClient
        file = tmp_path / "policy.pdf"
        file.write_bytes(medium_pdf)
        other = TusClient(client.address + UPLOADS, chunk_size=20_000, max_retries=0, **options)
        information = other.get_server_info()
        assert "concatenation" in information["extensions"], information
        url = other.upload_file(str(file), metadata={"filename": "policy.pdf", "customer": "42"},
                                parallel_uploads=parallel)
        state = tus.finish(url)
        assert (state["status"], state["name"], state["metadata"]) == ("complete", "policy.pdf", {"customer": "42"})
        assert state["sha256"] == hashlib.sha256(medium_pdf).hexdigest()
        assert other.get_upload_info(url)["complete"]
        other.delete_upload(url)

    def test_a_plain_upload_to_the_same_url_is_an_ordinary_one(self, client, small_pdf):
        reply = client.post(f"{UPLOADS}?name=plain.pdf", small_pdf, headers={"Content-Type": PDF})
        assert reply.status in (202, 400, 404, 405, 412), reply.status
        if reply.status == 202:
            assert client.finish(reply.json()["document_id"])["status"] == "complete"
