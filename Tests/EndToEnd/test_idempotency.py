"""`Idempotency-Key`: a call that creates and is sent again gives the same document, and never a second one."""

import base64
import concurrent.futures
import contextlib
import hashlib
import json
import sqlite3
import time
import uuid

import pytest

import documents
from client import Client, JSON, OCTETS, PDF, TEXT, multipart
from proxy import Proxy
from waiting import eventually

BODY = documents.plain_text(paragraphs=40)
OTHER = documents.plain_text(paragraphs=40, seed=2)
DAY_MILLISECONDS = 24 * 60 * 60 * 1000
TUS = {"Tus-Resumable": "1.0.0"}
DRAFT = {"Upload-Draft-Interop-Version": "8"}


class Deaf(Client):
    """Sends all of a request, and hears no reply: `cut` ends the line first."""

    def __init__(self, host, port, cut):
        super().__init__(host, port)
        self.cut = cut

    def request(self, method, path, body=None, headers=None, **_):
        with self.connect() as connection:
            fields = [f"{name}: {value}" for name, value in headers.items()] + [f"Content-Length: {len(body)}"]
            connection.request(f"{method} {path}", *fields, body=body)
            self.cut()


def new_key():
    return str(uuid.uuid4())


def keyed(key, **fields):
    return {"Idempotency-Key": key, **{name.replace("_", "-"): value for name, value in fields.items()}}


def raw(client, key, body=BODY, name="a.txt", content_type=TEXT, query=""):
    return client.post(f"/v1/documents?name={name}{query}", body, headers=keyed(key, Content_Type=content_type))


def form(client, key, body=BODY, name="a.txt", content_type=TEXT, metadata='{"a": 1, "b": [2]}',
         boundary="one-boundary", fields_last=False, path="/v1/documents"):
    parts = [("file", body, name, content_type)]
    parts.insert(1 if fields_last else 0, ("metadata", metadata))
    text, text_type = multipart(parts, boundary=boundary)
    return client.post(path, text, headers=keyed(key, Content_Type=text_type))


def drop(client, key, body=BODY, name="a.txt", content_type=OCTETS):
    return client.put(f"/drop/{name}", body, headers=keyed(key, Content_Type=content_type))


def older(client, key, body=BODY, name="a.txt", content_type=TEXT):
    return form(client, key, body, name, content_type, path="/upload-policy")


def described(client, key, size=len(BODY), **fields):
    text = json.dumps({"name": "a.txt", "content_type": TEXT, "size": size, **fields}).encode()
    return client.post("/v1/documents", text, headers=keyed(key, Content_Type=JSON))


def encoded(**items):
    return ",".join(f"{name} {base64.b64encode(value.encode()).decode()}" for name, value in items.items())


def tus(client, key, length=len(BODY), body=b"", name="a.txt"):
    fields = {**TUS, "Upload-Length": str(length), "Upload-Metadata": encoded(filename=name, filetype=TEXT)}
    if body:
        fields["Content-Type"] = "application/offset+octet-stream"
    return client.post("/v1/uploads", body, headers={**keyed(key), **fields})


def tus_whole(client, key, body=BODY, name="a.txt"):
    return tus(client, key, len(body), body, name)


def draft(client, key, body=BODY, name="a.txt"):
    """By a connection of its own: http.client knows no 104."""
    fields = {**keyed(key, Content_Type=TEXT), **DRAFT, "Upload-Complete": "?1"}
    if isinstance(client, Deaf):
        return client.request("POST", f"/v1/uploads?name={name}", body, fields)
    with client.connect() as connection:
        lines = (f"{field}: {value}" for field, value in fields.items())
        connection.request(f"POST /v1/uploads?name={name}", *lines, f"Content-Length: {len(body)}", body=body)
        return connection.read_response()


WHOLE = {"raw": raw, "form": form, "drop": drop, "older dialect": older, "tus with its content": tus_whole,
         "draft": draft}
ANY = {**WHOLE, "described first": described, "tus": tus}


def identifier(reply):
    return reply.headers["Location"].rsplit("/", 1)[1]


def count(client):
    return len(client.get("/v1/documents?limit=500", expect=200).json()["documents"])


def refused(reply, status, code):
    assert (reply.status, reply.json()["code"]) == (status, code), (reply.status, reply.body)
    return reply


@pytest.mark.parametrize("call", ANY.values(), ids=ANY.keys())
class TestARepeatedCall:
    def test_gives_the_same_document_with_the_same_status(self, client, call):
        key = new_key()
        first = call(client, key)
        assert first.status in (200, 201, 202), first.body
        before = count(client)
        second = call(client, key)
        assert (second.status, identifier(second)) == (first.status, identifier(first)), second.body
        assert count(client) == before
        for field in ("Document-ID", "Upload-Offset", "Upload-Complete", "Content-Location"):
            assert second.headers[field] == first.headers[field], field

    def test_gives_the_state_as_it_is_by_now(self, client, call):
        if call not in WHOLE.values():
            return  # Its bytes come by another call.
        key = new_key()
        first = call(client, key)
        client.finish(identifier(first))
        second = call(client, key)
        assert (second.status, identifier(second)) == (first.status, identifier(first)), second.body
        if second.body and call is not older:
            assert second.json()["status"] == "complete"

    def test_with_another_name_is_refused(self, client, call):
        key = new_key()
        name = {"name": "b.txt"}
        first = call(client, key)
        refused(call(client, key, **name), 422, "idempotency_key_reused")
        assert call(client, new_key(), **name).status == first.status

    def test_after_the_document_is_deleted_makes_a_new_one(self, client, call):
        key = new_key()
        first = call(client, key)
        client.delete(f"/v1/documents/{identifier(first)}", expect=204)
        second = call(client, key)
        assert second.status == first.status and identifier(second) != identifier(first), second.body
        assert identifier(call(client, key)) == identifier(second)

    def test_is_the_same_after_sigkill_and_restart(self, start_server, call):
        server = start_server()
        key = new_key()
        first = call(server.client, key)
        server.kill()
        server.start()
        second = call(server.client, key)
        assert (second.status, identifier(second)) == (first.status, identifier(first)), second.body
        assert count(server.client) == 1
        refused(call(server.client, key, name="b.txt"), 422, "idempotency_key_reused")

    @pytest.mark.timeout(120)
    def test_twenty_at_once_make_one_document(self, start_server, call):
        client = start_server().client
        # Some of them come in the very moment in which the first one ends.
        for turn in range(1, 11):
            key = new_key()
            with concurrent.futures.ThreadPoolExecutor(20) as threads:
                replies = list(threads.map(lambda _: call(client, key), range(20)))
            assert count(client) == turn
            made = [reply for reply in replies if reply.status < 300]
            assert made and len({identifier(reply) for reply in made}) == 1
            for reply in replies:
                if reply.status >= 300:
                    assert int(refused(reply, 409, "idempotency_key_in_use").headers["Retry-After"]) >= 1
            assert identifier(call(client, key)) == identifier(made[0])


@pytest.mark.parametrize("call", WHOLE.values(), ids=WHOLE.keys())
class TestARepeatedFile:
    def test_of_other_bytes_is_refused(self, client, call):
        key = new_key()
        assert call(client, key).status < 300
        for other in (OTHER, BODY[:-1], BODY + b"x", BODY[:-1] + b"!"):
            refused(call(client, key, body=other), 422, "idempotency_key_reused")

    def test_is_compared_without_being_stored(self, start_server, call):
        server = start_server()
        key = new_key()
        first = call(server.client, key)
        server.client.finish(identifier(first))
        before = {path: path.stat().st_mtime_ns for path in (server.data / "content").iterdir()}
        assert call(server.client, key).status == first.status
        refused(call(server.client, key, body=OTHER), 422, "idempotency_key_reused")
        assert {path: path.stat().st_mtime_ns for path in (server.data / "content").iterdir()} == before

    def test_whose_reply_was_lost_is_not_taken_twice(self, start_server, call):
        server = start_server()
        key = new_key()
        proxy = Proxy(server.client.host, server.port)

        def cut():
            eventually(lambda: listed(server.client) and listed(server.client)[0]["sha256"], 10, "it is on record")
            proxy.cut()

        with contextlib.closing(proxy):
            call(Deaf(server.client.host, proxy.port, cut), key)
        again = call(server.client, key)
        assert again.status in (200, 201, 202), again.body
        assert count(server.client) == 1
        assert server.client.finish(identifier(again))["status"] == "complete"


class TestTheContent:
    def test_of_a_form_is_not_its_framing(self, client):
        key = new_key()
        first = form(client, key)
        for variation in ({"boundary": "another"}, {"fields_last": True}, {"metadata": '{"b":[2], "a":1}'}):
            assert identifier(form(client, key, **variation)) == identifier(first), variation

    def test_of_a_form_that_says_its_fields_last_is_compared_as_well(self, client):
        key = new_key()
        first = form(client, key, fields_last=True)
        assert identifier(form(client, key)) == identifier(first)
        refused(form(client, key, metadata='{"a": 2}', fields_last=True), 422, "idempotency_key_reused")

    def test_is_the_same_in_a_form_and_by_itself(self, client):
        key = new_key()
        first = form(client, key, metadata="{}")
        assert identifier(raw(client, key)) == identifier(first)

    @pytest.mark.parametrize("variation", [
        {"metadata": '{"a": 2, "b": [2]}'}, {"metadata": "{}"}, {"content_type": "text/markdown"},
        {"content_type": OCTETS},
    ], ids=str)
    def test_is_another_with_other_fields(self, client, variation):
        key = new_key()
        form(client, key)
        refused(form(client, key, **variation), 422, "idempotency_key_reused")

    @pytest.mark.parametrize("variation", [
        {"size": 5}, {"size": None}, {"metadata": {"a": 1}}, {"content_type": PDF},
    ], ids=str)
    def test_of_a_document_without_bytes_is_its_fields_and_its_length(self, client, variation):
        key = new_key()
        first = described(client, key)
        refused(described(client, key, **variation), 422, "idempotency_key_reused")
        client.put_content(identifier(first), BODY, TEXT, expect=202)
        assert client.finish(identifier(first))["status"] == "complete"
        again = described(client, key)
        assert (again.status, again.json()["status"]) == (201, "complete")

    def test_of_a_described_document_is_none_of_its_bytes(self, client):
        key = new_key()
        described(client, key)
        refused(raw(client, key), 422, "idempotency_key_reused")

    def test_is_compared_where_a_digest_is_not_wanted(self, client):
        key = new_key()
        first = raw(client, key, query="&digest=none")
        assert first.json()["sha256"] == hashlib.sha256(BODY).hexdigest()
        assert identifier(raw(client, key, query="&digest=none")) == identifier(first)
        refused(raw(client, key, OTHER, query="&digest=none"), 422, "idempotency_key_reused")

    def test_is_compared_whatever_a_later_request_says_of_the_digest(self, client):
        key = new_key()
        path = tus(client, key).headers["location"]
        fields = {**TUS, "Upload-Offset": "0", "Content-Type": "application/offset+octet-stream"}
        client.request("PATCH", f"{path}?digest=none", BODY, headers=fields, expect=204)
        assert client.state(path.rsplit("/", 1)[1])["sha256"] == hashlib.sha256(BODY).hexdigest()
        same_length = BODY[::-1]
        refused(tus_whole(client, key, same_length), 422, "idempotency_key_reused")
        assert identifier(tus_whole(client, key)) == path.rsplit("/", 1)[1]

    def test_with_a_chosen_id_is_the_same_with_it_and_another_with_another(self, client):
        key, chosen = new_key(), str(uuid.uuid4())
        first = raw(client, key, query=f"&id={chosen}")
        assert identifier(raw(client, key, query=f"&id={chosen}")) == chosen == identifier(first)
        refused(raw(client, key, query=f"&id={uuid.uuid4()}"), 422, "idempotency_key_reused")

    def test_that_came_to_nothing_is_told_again(self, client):
        key = new_key()
        first = raw(client, key, documents.PNG, content_type=OCTETS)
        assert client.finish(identifier(first))["error"]["code"] == "unsupported_type"
        again = raw(client, key, documents.PNG, content_type=OCTETS)
        assert (again.status, identifier(again)) == (202, identifier(first))


class TestAKey:
    def test_is_the_same_with_quotes_and_without(self, client):
        key = new_key()
        assert identifier(raw(client, f'"{key}"')) == identifier(raw(client, key))

    @pytest.mark.parametrize("key", ["", '""', '"a', "a b", "k" * 256, '"a"b"'])
    @pytest.mark.parametrize("call", ANY.values(), ids=ANY.keys())
    def test_that_is_none_is_refused_before_the_body(self, client, call, key):
        before = count(client)
        refused(call(client, key), 400, "bad_idempotency_key")
        assert count(client) == before

    def test_of_its_greatest_length_is_taken(self, client):
        key = (new_key() * 8)[:255]
        assert identifier(raw(client, key)) == identifier(raw(client, key))

    def test_given_twice_is_refused(self, client):
        with client.connect() as connection:
            connection.request("PUT /drop/a.txt", "Idempotency-Key: a", "Idempotency-Key: b", "Content-Length: 0")
            refused(connection.read_response(), 400, "bad_idempotency_key")

    def test_is_forgotten_after_a_day(self, start_server):
        server = start_server()
        keys = [new_key() for _ in range(3)]
        first = [identifier(raw(server.client, key)) for key in keys]
        server.stop()
        with contextlib.closing(sqlite3.connect(server.data / "headway.sqlite")) as record, record:
            record.execute("UPDATE idempotency SET created_ms = created_ms - ?", [DAY_MILLISECONDS])
            # One that nobody has swept yet counts no more than one that is gone.
            record.execute("UPDATE idempotency SET created_ms = ? WHERE document = ?",
                           [time.time() * 1000 - DAY_MILLISECONDS + 60_000, first[0]])
        server.start()

        def remembered():
            with contextlib.closing(sqlite3.connect(server.data / "headway.sqlite")) as record:
                return {row[0] for row in record.execute("SELECT document FROM idempotency")}

        eventually(lambda: remembered() == {first[0]}, 10, "the old keys are removed")
        assert identifier(raw(server.client, keys[0])) == first[0]
        second = raw(server.client, keys[1], OTHER)
        assert second.status == 202 and identifier(second) not in first

    def test_is_free_again_once_the_first_upload_was_cut_off(self, client):
        key = new_key()
        chosen = str(uuid.uuid4())
        with client.connect() as connection:
            connection.request(f"POST /v1/documents?name=a.txt&id={chosen}", f"Content-Type: {TEXT}",
                               f"Idempotency-Key: {key}", f"Content-Length: {len(BODY)}", body=BODY[:100])
            eventually(lambda: client.get(f"/v1/documents/{chosen}").status == 200, 10, "the document is made")
            in_use = refused(raw(client, key), 409, "idempotency_key_in_use")
            assert int(in_use.headers["Retry-After"]) >= 1
        assert client.finish(chosen)["error"]["code"] == "upload_interrupted"
        second = raw(client, key)
        assert second.status == 202 and identifier(second) != chosen
        assert identifier(raw(client, key)) == identifier(second)

    def test_is_free_again_after_sigkill_in_the_middle_of_the_bytes(self, start_server):
        server = start_server()
        key, chosen = new_key(), str(uuid.uuid4())
        with server.client.connect() as connection:
            connection.request(f"POST /v1/documents?name=a.txt&id={chosen}", f"Content-Type: {TEXT}",
                               f"Idempotency-Key: {key}", f"Content-Length: {len(BODY)}", body=BODY[:100])
            eventually(lambda: server.client.get(f"/v1/documents/{chosen}").status == 200, 10, "it is made")
            server.kill()
        server.start()
        second = raw(server.client, key)
        assert second.status == 202 and identifier(second) != chosen

    def test_of_a_cancelled_document_is_free_before_its_bytes_were_whole_only(self, client):
        key = new_key()
        first = described(client, key)
        client.post(f"/v1/documents/{identifier(first)}/cancel", expect=200)
        assert identifier(described(client, key)) != identifier(first)
        key = new_key()
        whole = raw(client, key, documents.pdf(pages=3000, lines=6), content_type=PDF)
        if client.post(f"/v1/documents/{identifier(whole)}/cancel").status == 200:
            again = raw(client, key, documents.pdf(pages=3000, lines=6), content_type=PDF)
            assert (identifier(again), again.json()["status"]) == (identifier(whole), "cancelled")


class TestAResumableUpload:
    def test_that_was_cut_off_is_found_again_and_goes_on_where_it_is(self, client):
        key = new_key()
        half = len(BODY) // 2
        with client.connect() as connection:
            connection.request("POST /v1/uploads", *(f"{name}: {value}" for name, value in TUS.items()),
                               f"Upload-Length: {len(BODY)}", f"Idempotency-Key: {key}",
                               "Content-Type: application/offset+octet-stream",
                               f"Upload-Metadata: {encoded(filename='a.txt', filetype=TEXT)}",
                               f"Content-Length: {len(BODY)}", body=BODY[:half])
            eventually(lambda: any(each["bytes_received"] >= half for each in listed(client)), 10, "half has come")
            refused(tus_whole(client, key), 409, "idempotency_key_in_use")

        def found():
            reply = tus_whole(client, key)
            return reply if reply.status == 201 else None

        again = eventually(found, 10, "the first request is over")
        assert int(again.headers["Upload-Offset"]) == half
        done = client.request("PATCH", again.headers["Location"], BODY[half:], expect=204, headers={
            **TUS, "Upload-Offset": str(half), "Content-Type": "application/offset+octet-stream"})
        assert int(done.headers["Upload-Offset"]) == len(BODY)
        again = tus_whole(client, key)
        assert (again.status, int(again.headers["Upload-Offset"])) == (201, len(BODY))
        refused(tus(client, key, length=len(BODY) + 1), 422, "idempotency_key_reused")
        assert client.finish(identifier(again))["sha256"] == hashlib.sha256(BODY).hexdigest()

    def test_of_parts_is_created_once(self, client):
        def part(key, body):
            return client.post("/v1/uploads", body, headers={
                **TUS, **keyed(key), "Upload-Concat": "partial", "Upload-Length": str(len(body)),
                "Content-Type": "application/offset+octet-stream"})

        keys = [new_key(), new_key()]
        halves = [BODY[:500], BODY[500:]]
        parts = [part(key, half).headers["Location"] for key, half in zip(keys, halves)]
        assert [part(key, half).headers["Location"] for key, half in zip(keys, halves)] == parts
        key = new_key()

        def whole(*urls):
            return client.post("/v1/uploads", headers={
                **TUS, **keyed(key), "Upload-Concat": "final;" + " ".join(urls),
                "Upload-Metadata": encoded(filename="a.txt", filetype=TEXT)})

        first = whole(*parts)
        again = whole(*parts)
        assert (again.status, identifier(again)) == (201, identifier(first)) and first.status == 201, again.body
        refused(whole(*reversed(parts)), 422, "idempotency_key_reused")
        assert client.finish(identifier(first))["sha256"] == hashlib.sha256(BODY).hexdigest()


def listed(client):
    return client.get("/v1/documents", expect=200).json()["documents"]
