"""Tokens, tiers and what is one's own: who may do what, how much each caller may send, and who is told of it."""

import hashlib
import json
from http.client import HTTPConnection

import pytest
from websockets.exceptions import InvalidStatus

import rules
from client import JSON, PDF
from test_events import Socket, ended
from watchers import lines

SECRETS = {name: f"{name}-{hashlib.sha256(name.encode()).hexdigest()[:12]}"
           for name in ("alice", "bob", "reader", "watcher", "figures", "small", "nobody")}
SCOPES = {"alice": ["upload", "read", "watch:*"], "bob": ["upload"], "reader": ["read"], "watcher": ["watch:*"],
          "figures": ["metrics"], "small": ["upload"], "nobody": ["upload"]}
TEXT_BYTES = b"A line of text.\n" * 100


def entry(name):
    # Half of the secrets stand in the file as digests.
    secret = SECRETS[name]
    token = {"sha256": hashlib.sha256(secret.encode()).hexdigest()} if len(name) % 2 else {"token": secret}
    token |= {"scopes": SCOPES[name]}
    return token | ({} if name == "nobody" else {"subject": name}) | ({"tier": "10MB"} if name == "small" else {})


def bearer(name):
    return {"Authorization": f"Bearer {SECRETS.get(name, name)}"} if name else {}


@pytest.fixture(scope="module")
def guarded(start_shared_server, tmp_path_factory):
    path = tmp_path_factory.mktemp("configuration") / "headway.json"
    path.write_text(json.dumps({"tokens": [entry(name) for name in SECRETS]}))
    return start_shared_server("--config", path)


@pytest.fixture
def with_file(start_server, tmp_path):
    def start(*options, **members):
        path = tmp_path / "headway.json"
        path.write_text(json.dumps(members))
        return start_server("--config", path, *options)
    return start


def upload(server, name=None, body=TEXT_BYTES, expect=202, **fields):
    return server.client.post("/v1/documents?name=a.txt", body, expect=expect,
                              headers={"Content-Type": "text/plain", **bearer(name), **fields}).json()


class TestWithoutTokens:
    def test_the_server_is_open_and_a_token_means_nothing(self, server, client):
        upload(server, "whoever")
        for path in ("/v1/documents", "/metrics", "/v1/events?document=*"):
            client.get(path, headers=bearer("whoever"), expect=200)

    def test_nobody_has_documents_of_their_own(self, client):
        for path in ("/v1/events?mine", "/v1/events?document=mine"):
            reply = client.get(path, headers={"Accept": "text/event-stream"}, expect=401)
            assert reply.json()["code"] == "unauthorized"


class TestKeysOfCalls:
    def test_two_tokens_may_choose_the_same_key(self, guarded):
        key = {"Idempotency-Key": "the-first-of-today"}
        alices, bobs = upload(guarded, "alice", **key), upload(guarded, "bob", **key)
        assert alices["document_id"] != bobs["document_id"]
        assert upload(guarded, "alice", **key)["document_id"] == alices["document_id"]
        upload(guarded, "bob", body=b"Others' bytes.\n", expect=422, **key)


class TestWhatNeedsAToken:
    CALLS = [("POST", "/v1/documents?name=a.txt", "alice", "reader"), ("PUT", "/drop/a.txt", "alice", "reader"),
             ("POST", "/upload-policy?name=a.txt", "alice", "reader"), ("POST", "/v1/uploads", "alice", "reader"),
             ("GET", "/v1/documents", "reader", "bob"),
             ("GET", "/v1/events?document=*", "watcher", "bob"), ("GET", "/metrics", "figures", "bob")]

    @pytest.mark.parametrize("method, path, allowed, forbidden", CALLS)
    def test_the_right_one_is_let_through_and_each_other_gets_its_own_answer(self, guarded, method, path, allowed,
                                                                             forbidden):
        def call(name):
            body = TEXT_BYTES if method != "GET" else None
            return guarded.client.request(method, path, body, {"Content-Type": "text/plain", **bearer(name)})
        assert call(allowed).status in (200, 202)
        for name, status, code, challenge in (
                (None, 401, "unauthorized", "Bearer"), ("wrong", 401, "bad_token", 'Bearer error="invalid_token"'),
                (forbidden, 403, "forbidden", 'Bearer error="insufficient_scope", scope=')):
            reply = call(name)
            assert (reply.status, reply.json()["code"]) == (status, code)
            assert reply.headers["www-authenticate"].startswith(challenge)

    def test_creating_first_needs_one_as_well(self, guarded):
        guarded.client.create(expect=401)

    def test_an_upload_is_refused_before_its_bytes_are_asked_for(self, guarded):
        with guarded.client.connect() as connection:
            connection.request("POST /v1/documents", "Content-Type: text/plain", "Content-Length: 1000000",
                               "Expect: 100-continue")
            reply = connection.read_response()
            assert (reply.status, reply.interim) == (401, [])

    def test_a_websocket_that_wants_everything_at_once_is_refused(self, guarded):
        for query, status in (("?document=*", 401), (f"?document=*&access_token={SECRETS['bob']}", 403)):
            with pytest.raises(InvalidStatus) as refused:
                Socket(guarded.client, query)
            assert refused.value.response.status_code == status

    def test_a_websocket_that_asks_for_everything_later_is_told(self, guarded):
        with Socket(guarded.client) as socket:
            socket.send(subscribe=["*"])
            assert socket.next() == {"error": {"code": "unauthorized", "detail": socket.told[0]["error"]["detail"]},
                                     "document_id": "*"}
        with Socket(guarded.client, f"?access_token={SECRETS['watcher']}") as socket:
            socket.send(subscribe=["*"])
            assert socket.next() == {"subscribed": ["*"]}


class TestWhatNeedsNone:
    def test_health_limits_and_the_page(self, guarded):
        for path in ("/healthz", "/readyz", "/v1/limits", "/", "/headway.js"):
            guarded.client.get(path, expect=200)

    @pytest.mark.parametrize("path", ["/v1/documents", "/drop/a.txt", "/metrics", "/v1/admin/reload"])
    def test_preflights(self, guarded, path):
        fields = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
        guarded.client.request("OPTIONS", path, headers=fields, expect=204)

    @pytest.mark.parametrize("name", [None, "wrong", "reader"])
    def test_what_is_addressed_by_an_id_is_done_by_whoever_has_it(self, guarded, name):
        headers = bearer(name)
        created = guarded.client.post("/v1/documents", json.dumps({"name": "a.txt", "content_type": "text/plain"}),
                                      headers={"Content-Type": JSON, **bearer("alice")}, expect=201).json()
        path = created["links"]["self"]
        guarded.client.put(f"{path}/content", TEXT_BYTES, headers={"Content-Type": "text/plain", **headers}, expect=202)
        guarded.client.finish(created["document_id"])
        for part in ("", "/events", "/result", "/text", "/content"):
            guarded.client.get(f"{path}{part}", headers=headers, expect=200)
        guarded.client.post(f"{path}/cancel", headers=headers, expect=409)
        guarded.client.get(f"/upload-status/{created['document_id']}", headers=headers, expect=200)
        guarded.client.delete(path, headers=headers, expect=204)


class TestSecrets:
    def test_a_query_carries_one_where_something_is_only_read(self, guarded):
        query = f"access_token={SECRETS['alice']}"
        guarded.client.get(f"/v1/documents?{query}", expect=200)
        guarded.client.post(f"/v1/documents?name=a.txt&{query}", TEXT_BYTES, headers={"Content-Type": "text/plain"},
                            expect=401)

    def test_none_is_ever_in_a_log_or_an_answer(self, guarded):
        for query in (f"access_token={SECRETS['alice']}", f"access_token={SECRETS['bob']}&x"):
            for path in ("/v1/documents", "/v1/events?document=x&", "/nowhere", "/metrics"):
                reply = guarded.client.get(f"{path}{'' if '?' in path else '?'}{query}")
                assert not any(secret.encode() in reply.body for secret in SECRETS.values())
        upload(guarded, "alice")
        log = guarded.log_path.read_text(encoding="utf-8")
        assert '"path":"/v1/documents"' in log and not any(secret in log for secret in SECRETS.values())


class TestAnonymousCallers:
    def test_they_upload_within_their_tier_where_that_is_allowed(self, with_file):
        server = with_file(tokens=[entry("alice")], anonymous="10MB")
        upload(server)
        problem = upload(server, body=bytes(10_000_001), expect=413)
        assert problem["size_limit_bytes"] == 10_000_000
        assert upload(server, "wrong", expect=401)["code"] == "bad_token"
        server.client.get("/v1/documents", expect=401)


class TestTiers:
    def limits(self, server, name=None, **fields):
        limits = server.client.get("/v1/limits", headers={**bearer(name), **fields}, expect=200).json()
        return limits["tier"], limits["size_limit_bytes"]

    def test_a_token_has_its_own_and_the_server_bounds_all_of_them(self, with_file):
        server = with_file("--size-limit", 20_000_000, tokens=[entry("small"), entry("alice")], default_tier="100MB")
        assert self.limits(server, "small") == ("10MB", 10_000_000)
        assert self.limits(server, "alice") == ("100MB", 20_000_000)

    def test_it_bounds_every_way_in(self, guarded):
        too_much = bytes(10_000_001)
        fields = {"Content-Type": PDF, **bearer("small")}
        for sent in (too_much, iter([too_much])):
            reply = guarded.client.post("/v1/documents?name=a.pdf", sent, headers=fields, expect=413)
            assert reply.json()["size_limit_bytes"] == 10_000_000
        description = json.dumps({"name": "a.pdf", "size": 10_000_001})
        guarded.client.post("/v1/documents", description, headers={"Content-Type": JSON, **bearer("small")}, expect=413)
        guarded.client.post("/v1/documents?name=a.pdf", bytes(10_000_000), headers=fields, expect=202)

    def test_a_document_keeps_the_tier_of_whoever_made_it_over_a_restart(self, with_file):
        server = with_file(tokens=[entry("small"), entry("alice")])
        created = server.client.post("/v1/documents", json.dumps({"name": "a.pdf", "content_type": PDF}),
                                     headers={"Content-Type": JSON, **bearer("small")}, expect=201).json()
        for _ in range(2):
            for sent in (bytes(10_000_001), iter([bytes(10_000_001)])):
                reply = server.client.put(f"/v1/documents/{created['document_id']}/content", sent,
                                          headers={"Content-Type": PDF, **bearer("alice")}, expect=413)
                assert reply.json()["size_limit_bytes"] == 10_000_000
            server.kill()
            server.start()
        server.client.put_content(created["document_id"], bytes(10_000_000), expect=202)

    def test_a_share_of_callers_has_a_higher_one_and_addresses_count_behind_a_trusted_proxy(self, with_file):
        server = with_file("--trusted-proxy", "127.0.0.0/8", default_tier="10MB",
                           rollout=[{"tier": "50MB", "percent": 30}])

        def place(key):
            value = 0xcbf29ce484222325
            for byte in key.encode():
                value = (value ^ byte) * 0x100000001b3 % 2**64
            return value % 10_000
        for number in range(40):
            address = f"198.51.100.{number}"
            expected = "50MB" if place(f"address:{address}") < 3000 else "10MB"
            # What comes before is what the client itself says.
            assert self.limits(server, **{"X-Forwarded-For": f"6.6.6.6, {address}"})[0] == expected

    def test_nobody_else_is_believed(self, with_file):
        server = with_file(default_tier="10MB", rollout=[{"tier": "50MB", "percent": 30}])
        told = {self.limits(server, **{"X-Forwarded-For": f"198.51.100.{number}"})[0] for number in range(40)}
        assert len(told) == 1


class TestWhatIsOnesOwn:
    def test_a_websocket_is_told_of_all_that_its_subject_makes_and_of_nothing_else(self, guarded):
        with Socket(guarded.client, f"?access_token={SECRETS['bob']}") as socket:
            socket.send(subscribe=["mine"])
            assert {"subscribed": ["mine"]} in socket.until(lambda message: "subscribed" in message)
            others = [upload(guarded, name)["document_id"] for name in ("alice", "nobody")]
            own = [upload(guarded, "bob")["document_id"] for _ in range(3)]
            for identifier in own:
                if not any(ended(identifier)(message) for message in socket.told):
                    socket.until(ended(identifier))
            assert not {message.get("document_id") for message in socket.told} & set(others)
            for identifier in own:
                rules.check_story([message for message in socket.told if message.get("document_id") == identifier])

    def test_it_is_told_what_is_under_way_and_no_more_once_it_has_unsubscribed(self, guarded):
        def create(name):
            return guarded.client.post("/v1/documents", json.dumps({"name": "a.txt", "content_type": "text/plain"}),
                                       headers={"Content-Type": JSON, **bearer(name)}, expect=201).json()["document_id"]
        own, other = create("small"), create("alice")
        with Socket(guarded.client, f"?mine&access_token={SECRETS['small']}") as socket:
            assert socket.next() == {"subscribed": ["mine"]}
            # Others of this owner may be there from other tests.
            socket.until(lambda message: message["document_id"] == own)
            socket.send(unsubscribe=["mine"], subscribe=[other])
            socket.until(lambda message: message.get("document_id") == other)
            guarded.client.delete(f"/v1/documents/{own}", expect=204)
            guarded.client.delete(f"/v1/documents/{other}", expect=204)
            assert all(message["document_id"] == other for message in socket.until(ended(other)))

    def test_what_is_watched_in_two_ways_is_told_once(self, guarded):
        with Socket(guarded.client, f"?access_token={SECRETS['alice']}") as socket:
            socket.send(subscribe=["mine", "*"])
            socket.until(lambda message: "subscribed" in message)
            identifier = upload(guarded, "alice")["document_id"]
            socket.until(ended(identifier))
            told = [message["offset"] for message in socket.told if message.get("document_id") == identifier]
            assert len(told) == len(set(told))

    def test_a_stream_of_them_stays_open(self, guarded):
        connection = HTTPConnection(guarded.client.host, guarded.client.port, timeout=30)
        connection.request("GET", "/v1/events?mine", headers={"Accept": "application/x-ndjson", **bearer("bob")})
        stream = lines(connection.getresponse())
        for _ in range(2):
            identifier = upload(guarded, "bob")["document_id"]
            while not ended(identifier)(json.loads(next(stream))):
                pass
        connection.close()

    def test_they_are_still_ones_own_after_a_restart(self, with_file):
        server = with_file(tokens=[entry("bob")])
        created = server.client.post("/v1/documents", json.dumps({"name": "a.txt"}),
                                     headers={"Content-Type": JSON, **bearer("bob")}, expect=201).json()
        server.kill()
        server.start()
        with Socket(server.client, f"?mine&access_token={SECRETS['bob']}") as socket:
            socket.next()
            assert socket.next()["document_id"] == created["document_id"]

    @pytest.mark.parametrize("name, code", [(None, "unauthorized"), ("wrong", "bad_token"), ("nobody", "unauthorized")])
    def test_who_has_no_subject_has_none(self, guarded, name, code):
        reply = guarded.client.get("/v1/events?mine", headers={"Accept": "text/event-stream", **bearer(name)},
                                   expect=401)
        assert reply.json()["code"] == code
        with Socket(guarded.client, f"?access_token={SECRETS.get(name, name)}" if name else "") as socket:
            socket.send(subscribe=["mine"])
            assert socket.next()["error"]["code"] == code

    def test_no_state_tells_whose_it_is(self, guarded):
        state = upload(guarded, "alice")
        assert "owner" not in state and "alice" not in json.dumps(state)
        assert "owner" not in guarded.client.state(state["document_id"])

    def test_they_are_told_as_a_stream_alone(self, guarded):
        reply = guarded.client.get("/v1/events?mine", headers=bearer("bob"), expect=400)
        assert reply.json()["code"] == "stream_only"
