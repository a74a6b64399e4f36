"""HTTP/1.1 as strict and hostile clients meet it: framing, order, interim answers, CORS, problems, coding, caching."""

import json
import re
import shutil
import subprocess
import time

import pytest

from client import JSON, NOBODY, ORIGIN, PDF, TEXT, Client, multipart
from means import binary
from rules import check_problem
from server import HOST
from waiting import eventually

HEAD_BYTES_MAX = 16 * 1024
FIELDS_MAX = 100


class TestConnections:
    def test_a_connection_serves_many_requests(self, client):
        with client.connect() as connection:
            for _ in range(50):
                connection.request("GET /healthz")
                assert connection.read_response().status == 200

    def test_it_is_kept_after_an_error_whose_framing_was_sound(self, client):
        with client.connect() as connection:
            connection.request("GET /no/such/thing")
            assert connection.read_response().status == 404
            connection.request("POST /v1/documents", f"Content-Type: {JSON}", "Content-Length: 1", body=b"{")
            assert connection.read_response().status == 400
            connection.request("GET /healthz")
            assert connection.read_response().status == 200

    def test_it_is_kept_after_an_upload(self, client, small_pdf):
        with client.connect() as connection:
            for _ in range(3):
                connection.request("POST /v1/documents", f"Content-Type: {PDF}", f"Content-Length: {len(small_pdf)}",
                                   body=small_pdf)
                assert connection.read_response().status == 202

    def test_connection_close_is_honoured(self, client):
        with client.connect() as connection:
            connection.request("GET /healthz", "Connection: close")
            reply = connection.read_response()
            assert reply.headers["connection"].lower() == "close"
            assert connection.is_closed_by_peer()

    def test_http_1_0_gets_an_answer_and_the_end(self, client):
        with client.connect() as connection:
            connection.send("GET /healthz HTTP/1.0\r\n\r\n")
            assert connection.read_until_closed().startswith(b"HTTP/1.1 200 ")

    def test_pipelined_requests_are_answered_in_their_order(self, client, small_pdf):
        identifiers = [client.create(name=f"{number}")["document_id"] for number in range(10)]
        with client.connect() as connection:
            pipeline = b""
            for identifier in identifiers:
                # A slow one (a document) before quick ones: the answers must not overtake.
                pipeline += request_bytes(connection, f"GET /v1/documents/{identifier}")
                pipeline += request_bytes(connection, "GET /healthz")
            pipeline += request_bytes(connection, "POST /v1/documents?name=last.pdf", f"Content-Type: {PDF}",
                                      f"Content-Length: {len(small_pdf)}", body=small_pdf)
            pipeline += request_bytes(connection, "GET /v1/limits")
            connection.send(pipeline)
            for identifier in identifiers:
                assert connection.read_response().json()["document_id"] == identifier
                assert connection.read_response().status == 200
            assert connection.read_response().json()["name"] == "last.pdf"
            assert "size_limit_bytes" in connection.read_response().json()

    def test_a_request_may_come_byte_by_byte(self, client):
        with client.connect() as connection:
            for byte in request_bytes(connection, "GET /healthz"):
                connection.send(bytes([byte]))
            assert connection.read_response().status == 200

    def test_absolute_form_is_understood(self, client):
        with client.connect() as connection:
            connection.request(f"GET {client.address}/healthz")
            assert connection.read_response().status == 200


def request_bytes(connection, line, *fields, body=b""):
    return "\r\n".join([f"{line} HTTP/1.1", f"Host: {connection.host}", f"Origin: {ORIGIN}", *fields, "", ""]
                       ).encode() + body


class TestBodies:
    @pytest.mark.parametrize("size", [1, 3, 1000, 100_000])
    def test_chunks_of_any_size_are_the_same_bytes(self, client, size):
        body = b"A plain text that comes in pieces.\n" * (30 if size < 10 else 2000)
        chunks = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in
                          (body[at:at + size] for at in range(0, len(body), size)))
        with client.connect() as connection:
            connection.request("POST /v1/documents?name=a.txt", f"Content-Type: {TEXT}", "Transfer-Encoding: chunked",
                               body=chunks + b"0\r\n\r\n")
            state = connection.read_response().json()
        assert state["bytes_done"] == len(body)
        assert client.get(f"/v1/documents/{state['document_id']}/content").body == body

    def test_chunk_extensions_and_trailers_are_passed_over(self, client):
        with client.connect() as connection:
            connection.request("POST /v1/documents?name=a.txt", f"Content-Type: {TEXT}", "Transfer-Encoding: chunked",
                               body=b"5;a=b;c=\"d\"\r\nhello\r\n0\r\nX-Trailer: 1\r\n\r\n")
            assert connection.read_response().json()["bytes_done"] == 5
            connection.request("GET /healthz")
            assert connection.read_response().status == 200

    def test_an_answer_before_the_whole_body_is_not_lost(self, client):
        """A client that only writes must still find the refusal when it comes to read."""
        with client.connect() as connection:
            connection.request("POST /v1/documents", "Content-Type: image/png", "Content-Length: 3000000")
            try:
                for _ in range(30):
                    connection.send(b"x" * 100_000)
            except ConnectionError:
                pass
            assert connection.read_response().status == 415


class TestExpect:
    """100 Continue is the server's word that it wants the bytes, so it comes only after the decision."""

    def expect(self, connection, line, *fields):
        connection.request(line, "Expect: 100-continue", *fields)

    def test_100_comes_when_the_upload_is_wanted(self, client, small_pdf):
        with client.connect() as connection:
            self.expect(connection, "POST /v1/documents", f"Content-Type: {PDF}", f"Content-Length: {len(small_pdf)}")
            assert connection.read_head()[0] == 100
            connection.send(small_pdf)
            assert connection.read_response().status == 202

    def test_no_100_when_the_body_is_already_there(self, client, small_pdf):
        with client.connect() as connection:
            connection.request("POST /v1/documents", "Expect: 100-continue", f"Content-Type: {PDF}",
                               f"Content-Length: {len(small_pdf)}", body=small_pdf)
            assert connection.read_response().status == 202

    @pytest.mark.parametrize("line, fields, status", [
        ("POST /v1/documents", ["Content-Type: image/png", "Content-Length: 1000"], 415),
        (f"PUT /v1/documents/{NOBODY}/content", [f"Content-Type: {PDF}", "Content-Length: 1000"], 404),
        ("POST /no/such/thing", ["Content-Length: 1000"], 404),
        ("PUT /healthz", ["Content-Length: 1000"], 405),
        ("POST /v1/documents?id=nonsense", [f"Content-Type: {PDF}", "Content-Length: 1000"], 400),
    ])
    def test_a_refusal_comes_without_100(self, client, line, fields, status):
        with client.connect() as connection:
            self.expect(connection, line, *fields)
            reply = connection.read_response()
            assert (reply.status, reply.interim) == (status, [])

    @pytest.mark.parametrize("content_type", [PDF, JSON, "multipart/form-data; boundary=x"])
    def test_nor_is_an_id_in_use_asked_for_bytes(self, client, content_type):
        identifier = client.create()["document_id"]
        with client.connect() as connection:
            self.expect(connection, f"POST /v1/documents?id={identifier}", f"Content-Type: {content_type}",
                        "Content-Length: 1000")
            reply = connection.read_response()
            assert (reply.status, reply.interim) == (409, [])

    def test_an_unknown_expectation_is_417(self, client):
        with client.connect() as connection:
            connection.request("POST /v1/documents", "Expect: the-moon", f"Content-Type: {TEXT}",
                               "Content-Length: 5", body=b"hello")
            assert connection.read_response().status == 417


@pytest.fixture(scope="module")
def limited(start_shared_server):
    """A server that takes no more than 100,000 bytes a document, and one upload at a time."""
    return start_shared_server("--size-limit", 100_000, "--uploads-max", 1).client


class TestLimits:
    def test_the_limit_is_told_by_v1_limits(self, limited):
        assert limited.get("/v1/limits", expect=200).json()["size_limit_bytes"] == 100_000

    def test_a_length_above_it_is_413_without_100_and_names_it(self, limited):
        with limited.connect() as connection:
            connection.request("POST /v1/documents", "Expect: 100-continue", f"Content-Type: {PDF}",
                               "Content-Length: 100001")
            reply = connection.read_response()
        assert (reply.status, reply.interim) == (413, [])
        assert "100000" in reply.body.decode().replace(",", "")

    @pytest.mark.parametrize("how", ["chunked", "multipart", "put"])
    def test_a_body_that_grows_beyond_it_is_413_as_well(self, limited, how):
        body = b"x" * 150_000
        if how == "chunked":
            reply = limited.post("/v1/documents", iter([body]), headers={"Content-Type": TEXT})
        elif how == "multipart":
            form, form_type = multipart([("file", body, "a.txt", TEXT)])
            reply = limited.post("/v1/documents", form, headers={"Content-Type": form_type})
        else:
            reply = limited.put(f"/v1/documents/{limited.create()['document_id']}/content", iter([body]))
        assert reply.status == 413

    def test_a_declared_size_above_it_is_413(self, limited):
        limited.create(size=100_001, expect=413)

    def test_the_largest_that_is_allowed_is_taken(self, limited):
        assert limited.upload(b"word " * 20_000, "a.txt", TEXT)["bytes_done"] == 100_000

    def test_one_upload_too_many_is_told_when_to_try_again(self, limited, small_pdf):
        with limited.connect() as connection:
            connection.request("POST /v1/documents", f"Content-Type: {PDF}", f"Content-Length: {len(small_pdf)}",
                               body=small_pdf[:1000])
            # Only then: a second upload that comes first would take the place itself.
            eventually(lambda: limited.get("/v1/documents?status=uploading").json()["documents"],
                       what="the first upload has its place")
            refused = limited.post("/v1/documents", small_pdf, headers={"Content-Type": PDF})
            assert refused.status in (429, 503)  # with Retry-After, as every response is checked for
            connection.send(small_pdf[1000:])
            assert connection.read_response().status == 202
        limited.upload(small_pdf)

    def test_a_crowd_that_comes_at_once_is_held_to_the_number(self, limited):
        crowd = [limited.connect() for _ in range(24)]
        try:
            for connection in crowd:
                connection.request("POST /v1/documents", "Expect: 100-continue", f"Content-Type: {PDF}",
                                   "Content-Length: 5")
            answers = sorted(connection.read_head()[0] for connection in crowd)
        finally:
            for connection in crowd:
                connection.socket.close()
        assert answers == [100] + [503] * 23
        eventually(lambda: limited.get("/readyz").status == 200, what="the place is given back")

    def test_a_form_takes_its_place_when_its_file_begins(self, limited, small_pdf):
        form, form_type = multipart([("metadata", "{}"), ("file", small_pdf, "a.pdf", PDF)])
        before, file = form[:form.index(b'name="file"')], form[form.index(b'name="file"'):]
        with limited.connect() as early, limited.connect() as other:
            early.request("POST /v1/documents", f"Content-Type: {form_type}", f"Content-Length: {len(form)}",
                          body=before)
            other.request("POST /v1/documents", "Expect: 100-continue", f"Content-Type: {PDF}",
                          f"Content-Length: {len(small_pdf)}")
            assert other.read_head()[0] == 100
            early.send(file)
            assert early.read_response().json()["code"] == "too_many_uploads"
            other.send(small_pdf)
            assert other.read_response().status == 202

    def test_a_head_above_16_kib_is_431(self, client):
        with client.connect() as connection:
            connection.request("GET /healthz", "X-Long: " + "a" * HEAD_BYTES_MAX)
            assert connection.read_response().status == 431

    def test_more_than_100_fields_are_431(self, client):
        with client.connect() as connection:
            connection.request("GET /healthz", *(f"X-{number}: 1" for number in range(FIELDS_MAX + 1)))
            assert connection.read_response().status == 431

    def test_a_head_just_below_the_limits_is_served(self, client):
        with client.connect() as connection:
            connection.request("GET /healthz", *(f"X-{number}: {'a' * 100}" for number in range(FIELDS_MAX - 10)))
            assert connection.read_response().status == 200

    @pytest.mark.timeout(40)
    def test_a_head_that_does_not_come_within_10_seconds_ends_the_connection(self, client):
        with client.connect(timeout=20) as connection:
            connection.send("GET /healthz HTTP/1.1\r\nHost: x\r\n")
            began = time.monotonic()
            rest = connection.read_until_closed()
            assert time.monotonic() - began < 15
            assert rest == b"" or rest.startswith(b"HTTP/1.1 408 ")


BAD_REQUESTS = {
    "no host": "GET /healthz HTTP/1.1\r\n\r\n",
    "two hosts": "GET /healthz HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    "a field without a colon": "GET /healthz HTTP/1.1\r\nHost: a\r\nnonsense\r\n\r\n",
    "a space before the colon": "GET /healthz HTTP/1.1\r\nHost: a\r\nX : y\r\n\r\n",
    "a NUL in a field": "GET /healthz HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n",
    "a space in the target": "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n",
    "two lengths": "POST /v1/documents HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx",
    "a length and chunks":
        "POST /v1/documents HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
}


class TestBadRequests:
    @pytest.mark.parametrize("what", BAD_REQUESTS)
    def test_it_is_answered_400_as_a_problem_and_the_connection_ends(self, client, what):
        with client.connect() as connection:
            connection.send(BAD_REQUESTS[what])
            assert connection.read_response().status == 400
            assert connection.is_closed_by_peer()

    def test_a_version_that_is_not_served_is_505(self, client):
        with client.connect() as connection:
            connection.send("GET /healthz HTTP/2.0\r\nHost: a\r\n\r\n")
            assert connection.read_response().status in (400, 505)


class TestMethods:
    @pytest.mark.parametrize("path", ["/", "/headway.js", "/healthz", "/v1/limits", "/v1/documents"])
    def test_head_is_get_without_the_body(self, client, path):
        with client.connect() as connection:
            connection.request(f"GET {path}")
            get = connection.read_response()
            connection.request(f"HEAD {path}")
            head = connection.read_response(to_head=True)
            # Were there a body after all, the next answer would not be found.
            connection.request("GET /healthz")
            assert connection.read_response().status == 200
        assert head.status == get.status
        for name in ("content-type", "content-length", "etag"):
            assert head.headers.get(name) == get.headers.get(name), name

    @pytest.mark.parametrize("method, path", [("DELETE", "/healthz"), ("POST", "/"), ("PATCH", "/v1/documents"),
                                              ("PUT", f"/v1/documents/{NOBODY}"), ("GET", "/drop/a.pdf"),
                                              ("GET", f"/v1/documents/{NOBODY}/cancel"), ("BREW", "/healthz")])
    def test_a_method_that_the_path_does_not_have_is_405_and_tells_which_it_has(self, client, method, path):
        reply = client.request(method, path)
        assert reply.status in (405, 501) and (reply.status == 501 or reply.headers["allow"]), reply.status
        if reply.status == 405:
            assert method not in reply.headers["allow"]

    @pytest.mark.parametrize("path", ["/nothing", "/v1", "/v1/nothing", "/v2/documents", "/v1/documents/", "/%2e%2e/x",
                                      "/healthz/", "/HEALTHZ", "/index.html~", "/.git/config", "/../../etc/passwd"])
    def test_a_path_that_is_not_there_is_404(self, client, path):
        with client.connect() as connection:
            connection.request(f"GET {path}")
            assert connection.read_response().status in (400, 404)


class TestCORS:
    PREFLIGHT = {"Access-Control-Request-Method": "PUT",
                 "Access-Control-Request-Headers": "content-type, x-request-id, if-none-match, last-event-id"}

    @pytest.mark.parametrize("path", ["/v1/documents", "/drop/a.pdf", f"/v1/documents/{NOBODY}/content",
                                      f"/v1/documents/{NOBODY}/events", "/no/such/thing"])
    def test_a_preflight_is_answered_for_any_path(self, client, path):
        reply = client.request("OPTIONS", path, headers=self.PREFLIGHT)
        assert reply.status in (200, 204), reply.status
        methods = {method.strip() for method in reply.headers["access-control-allow-methods"].split(",")}
        assert {"GET", "POST", "PUT", "DELETE", "HEAD"} <= methods
        allowed = {name.strip().lower() for name in reply.headers["access-control-allow-headers"].split(",")}
        assert allowed == {"*"} or {"content-type", "x-request-id"} <= allowed, allowed
        assert int(reply.headers["access-control-max-age"]) > 0

    def test_what_a_front_end_must_read_is_exposed(self, client, small_pdf):
        reply = client.post("/v1/documents", small_pdf, headers={"Content-Type": PDF}, expect=202)
        exposed = {name.strip().lower() for name in reply.headers["access-control-expose-headers"].split(",")}
        assert {"location", "etag", "x-request-id"} <= exposed, exposed

    @pytest.mark.parametrize("request_text, status", [
        ("GET /nothing HTTP/1.1\r\nHost: a\r\nOrigin: {o}\r\n\r\n", 404),
        ("DELETE /healthz HTTP/1.1\r\nHost: a\r\nOrigin: {o}\r\n\r\n", 405),
        ("POST /v1/documents HTTP/1.1\r\nHost: a\r\nOrigin: {o}\r\nContent-Type: image/png\r\n"
         "Content-Length: 0\r\n\r\n", 415),
        ("GET /healthz HTTP/1.1\r\nOrigin: {o}\r\n\r\n", 400),
        ("GET /healthz HTTP/1.1\r\nHost: a\r\nOrigin: {o}\r\nX: {long}\r\n\r\n", 431),
        ("nonsense\r\n\r\n", 400),
    ])
    def test_an_error_of_any_kind_can_be_read_by_a_front_end(self, client, request_text, status):
        with client.connect() as connection:
            connection.send(request_text.format(o=ORIGIN, long="a" * HEAD_BYTES_MAX))
            assert connection.read_response().status == status  # read_response checks the CORS headers

    def test_only_the_allowed_origins_may_read_where_they_are_named(self, start_server):
        server = start_server("--allow-origin", "https://front.example", "--allow-origin", "https://other.example")
        for origin, answer in (("https://front.example", "https://front.example"), ("https://evil.example", None)):
            with server.client.connect() as connection:
                connection.send(f"GET /v1/documents HTTP/1.1\r\nHost: a\r\nOrigin: {origin}\r\n\r\n")
                headers = connection.read_response(check=False).headers
                assert headers.get("access-control-allow-origin") == answer
                assert "origin" in ", ".join(headers.get_all("vary")).lower()

    @pytest.mark.parametrize("rest, status", [
        ("no field at all\r\n\r\n", 400), ("X: {long}\r\n\r\n", 431), ("Content-Length: five\r\n\r\n", 400),
        ("Expect: the-moon\r\nContent-Length: 5\r\n\r\nhello", 417), ("Content-Le", 408),
    ])
    def test_a_refused_head_is_answered_by_the_fields_it_had(self, start_server, rest, status):
        client = start_server("--allow-origin", ORIGIN).client
        with client.connect(timeout=30) as connection:
            connection.send(f"POST /v1/documents HTTP/1.1\r\nHost: a\r\nOrigin: {ORIGIN}\r\nX-Request-Id: abc-125\r\n"
                            + rest.format(long="a" * HEAD_BYTES_MAX))
            reply = connection.read_response()  # which checks the CORS headers
        assert (reply.status, reply.headers["x-request-id"]) == (status, "abc-125")

    def test_credentials_are_never_combined_with_any_origin(self, client):
        headers = client.get("/healthz").headers
        assert not (headers["access-control-allow-origin"] == "*" and "access-control-allow-credentials" in headers)


class TestProblemsAndRequestIds:
    def test_an_error_is_a_problem_with_a_stable_code(self, client):
        first, second = (client.get(path, expect=404).json() for path in ("/nothing", f"/v1/documents/{NOBODY}"))
        for problem in (first, second):
            check_problem(problem, 404)
            assert problem["detail"]

    def test_a_request_id_is_given_back(self, client):
        assert client.get("/healthz", headers={"X-Request-Id": "abc-123"}).headers["x-request-id"] == "abc-123"
        assert client.get("/nothing", headers={"X-Request-Id": "abc-124"}).headers["x-request-id"] == "abc-124"

    def test_one_is_made_where_none_came_and_no_two_are_the_same(self, client):
        made = {client.get("/healthz").headers["x-request-id"] for _ in range(20)}
        assert len(made) == 20

    @pytest.mark.parametrize("given", ["a" * 5000, "a b\tc", "x" * 129, "ü"])
    def test_one_that_could_do_harm_is_replaced(self, client, given):
        with client.connect() as connection:
            connection.send(f"GET /healthz HTTP/1.1\r\nHost: a\r\nX-Request-Id: {given}\r\n\r\n".encode())
            kept = connection.read_response().headers["x-request-id"]
        assert re.fullmatch(r"[!-~]{1,128}", kept), kept

    def test_it_stands_in_every_log_line_of_its_request(self, server, client):
        given = f"find-me-{NOBODY}"
        client.get("/nothing", headers={"X-Request-Id": given})
        eventually(lambda: given in server.log_path.read_text(), 5, "the request is logged with its id")


class TestCoding:
    def test_a_large_list_is_the_same_packed(self, start_server):
        """It is packed by another thread than the one that answers; what comes next on the connection waits for it."""
        client = start_server().client
        identifiers = [client.create(metadata={"text": f"{number}" * 1000})["document_id"] for number in range(100, 140)]
        with client.connect() as connection:
            connection.request("GET /v1/documents?limit=500", "Accept-Encoding: gzip")
            connection.request("GET /healthz")
            reply = connection.read_response()
            assert connection.read_response().json() == {"status": "ok"}
        assert reply.headers["content-encoding"] == "gzip" and len(reply.decoded()) > 100_000
        assert [state["document_id"] for state in json.loads(reply.decoded())["documents"]] == identifiers[::-1]

    @pytest.mark.parametrize("path", ["/", "/headway.js", "/v1/documents"])
    def test_gzip_for_those_who_ask(self, client, path):
        for number in range(5):
            client.create(name=f"{number}")
        plain = client.get(path, expect=200)
        packed = client.get(path, headers={"Accept-Encoding": "deflate, gzip;q=0.5"}, expect=200)
        assert packed.headers["content-encoding"] == "gzip" and "content-encoding" not in plain.headers
        for reply in (plain, packed):
            assert "accept-encoding" in reply.headers["vary"].lower()
        if path != "/v1/documents":
            assert packed.decoded() == plain.body
        else:
            json.loads(packed.decoded())

    @pytest.mark.parametrize("accepted", ["identity", "gzip;q=0", "br", ""])
    def test_and_not_for_those_who_do_not(self, client, accepted):
        assert "content-encoding" not in client.get("/", headers={"Accept-Encoding": accepted}, expect=200).headers


class TestThePagesCaching:
    @pytest.mark.parametrize("path, content_type", [("/", "text/html"), ("/headway.js", "text/javascript")])
    def test_a_file_of_the_page_has_an_etag_and_304(self, client, path, content_type):
        first = client.get(path, expect=200)
        assert first.headers["content-type"].startswith(content_type)
        assert first.headers["x-content-type-options"] == "nosniff"
        tag = first.headers["etag"]
        assert re.fullmatch(r'(W/)?"[^"]+"', tag)
        reply = client.get(path, headers={"If-None-Match": tag}, expect=304)
        assert reply.body == b"" and reply.headers["etag"] == tag
        assert client.get(path, headers={"If-None-Match": '"other"'}, expect=200).body == first.body

    def test_the_page_may_load_nothing_from_elsewhere(self, client):
        policy = client.get("/", expect=200).headers["content-security-policy"]
        assert "default-src" in policy and "*" not in policy.split()


class TestWhereThePageComesFrom:
    def test_the_binary_needs_no_file_beside_it(self, start_server, tmp_path):
        alone = tmp_path / "alone"
        alone.mkdir()
        shutil.copy(binary(), alone / "headway")
        with subprocess.Popen([alone / "headway", "serve", "--listen", f"{HOST}:0", "--data", tmp_path / "data"],
                              cwd=alone, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
            port = int(process.stdout.readline().rpartition(":")[2])
            page = Client(HOST, port).get("/", expect=200)
            process.terminate()
            assert process.wait(10) == 0
        assert b"<!doctype html>" in page.body[:100].lower()

    def test_another_folder_can_be_served_and_nothing_outside_it(self, start_server, tmp_path):
        folder = tmp_path / "web"
        folder.mkdir()
        (folder / "index.html").write_text("<!doctype html><title>Mine</title>")
        (folder / ".hidden").write_text("secret")
        (tmp_path / "outside.html").write_text("secret")
        client = start_server("--web-root", folder).client
        assert b"Mine" in client.get("/", expect=200).body
        for path in ("/.hidden", "/../outside.html", "/%2e%2e/outside.html", "/..%2foutside.html"):
            with client.connect() as connection:
                connection.request(f"GET {path}")
                reply = connection.read_response()
                assert reply.status in (400, 404) and b"secret" not in reply.body, path
        client.get("/v1/limits", expect=200)
