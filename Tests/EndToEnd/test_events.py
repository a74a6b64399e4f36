"""`/v1/events`: many documents on one connection, by WebSocket, SSE, JSON lines and polling."""

import json
import socket
import struct
import time
import uuid
from http.client import HTTPConnection

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

import rules
from client import NOBODY, ORIGIN
from frames import OPCODE_BINARY, OPCODE_TEXT, WebSocketConnection, frame
from waiting import eventually
from watchers import lines


class Socket:
    """A client of /v1/events that sorts what it gets."""

    def __init__(self, client, query="", **options):
        self.socket = connect(f"ws://{client.host}:{client.port}/v1/events{query}", origin=ORIGIN, open_timeout=10,
                              **options)
        self.told = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, **order):
        self.socket.send(json.dumps(order))

    def next(self, seconds=10):
        message = json.loads(self.socket.recv(timeout=seconds))
        self.told.append(message)
        return message

    def until(self, condition, seconds=30):
        """The messages up to the first that fits."""
        messages, deadline = [], time.monotonic() + seconds
        while True:
            messages.append(self.next(max(0.1, deadline - time.monotonic())))
            if condition(messages[-1]):
                return messages


def ended(identifier):
    return lambda message: message.get("document_id") == identifier and message.get("status") in rules.TERMINAL


@pytest.fixture
def waiting(client):
    identifiers = [client.create(name=f"{number}.pdf")["document_id"] for number in range(3)]
    yield identifiers
    for identifier in identifiers:
        client.delete(f"/v1/documents/{identifier}")


class TestOverWebSocket:
    def test_subscribed_then_the_states_then_what_happens(self, client, waiting, small_pdf):
        with Socket(client) as socket:
            socket.send(subscribe=waiting[:2])
            assert socket.next() == {"subscribed": waiting[:2]}
            first = [socket.next(), socket.next()]
            assert [state["document_id"] for state in first] == waiting[:2]
            assert all("recovered" not in rules.check_state(state) for state in first)
            client.put_content(waiting[1], small_pdf, expect=202)
            story = [state for state in socket.until(ended(waiting[1])) if state["document_id"] == waiting[1]]
            rules.check_story([first[1], *story])
            # It stays open after a terminal event, and the rest goes on.
            client.put_content(waiting[0], small_pdf, expect=202)
            socket.until(ended(waiting[0]))
            assert waiting[2] not in {message.get("document_id") for message in socket.told}

    def test_an_entry_may_say_where_to_go_on(self, client, waiting, small_pdf):
        state = client.state(waiting[0])
        here = "{epoch}-{offset}".format(**state)
        with Socket(client) as socket:
            socket.send(subscribe=[{"id": waiting[0], "after": here}, {"id": waiting[1], "after": "0000-5"}])
            assert socket.next() == {"subscribed": waiting[:2]}
            assert [(message["document_id"], message["recovered"]) for message in (socket.next(), socket.next())] == [
                (waiting[0], True), (waiting[1], False)]

    def test_what_is_not_there_is_an_error_of_its_own(self, client, waiting):
        with Socket(client) as socket:
            socket.send(subscribe=[NOBODY, waiting[0], "nonsense"])
            assert socket.next() == {"subscribed": [waiting[0]]}
            errors = [socket.next(), socket.next()]
            assert [(error["error"]["code"], error["document_id"]) for error in errors] == [
                ("not_found", NOBODY), ("not_found", "nonsense")]
            assert socket.next()["document_id"] == waiting[0]

    @pytest.mark.parametrize("text", ["not json", "[]", "{}", '{"subscribe":7}', '{"subscribe":[null]}', ""])
    def test_text_that_is_no_order_is_told_and_ends_nothing(self, client, waiting, text):
        with Socket(client) as socket:
            socket.socket.send(text)
            assert socket.next()["error"]["code"] == "bad_message"
            socket.send(subscribe=[waiting[0]])
            assert socket.next() == {"subscribed": [waiting[0]]}

    def test_binary_closes_with_1003(self, client):
        with WebSocketConnection(client, "/v1/events") as socket:
            socket.send(frame(OPCODE_BINARY, b"x"))
            assert socket.read_close()[0] == 1003

    def test_unsubscribed_is_unheard_of(self, client, waiting, small_pdf):
        with Socket(client) as socket:
            socket.send(subscribe=waiting[:2])
            for _ in range(3):
                socket.next()
            socket.send(unsubscribe=[waiting[0]])
            socket.send(subscribe=[waiting[2]])
            socket.next()
            client.put_content(waiting[0], small_pdf, expect=202)
            client.put_content(waiting[1], small_pdf, expect=202)
            told = socket.until(ended(waiting[1]))
            assert waiting[0] not in {message.get("document_id") for message in told}

    def test_everything_is_what_there_is_and_what_comes(self, start_server, small_pdf):
        client = start_server().client
        done = client.process(small_pdf)["document_id"]
        before = [client.create()["document_id"] for _ in range(3)]
        with Socket(client) as socket:
            socket.send(subscribe=["*"])
            assert socket.next() == {"subscribed": ["*"]}
            assert sorted(socket.next()["document_id"] for _ in before) == sorted(before)
            new = client.upload(small_pdf)["document_id"]
            told = socket.until(ended(new))
            story = [state for state in told if state["document_id"] == new]
            assert story[0]["status"] == "uploading" and story[-1]["status"] == "complete"
            rules.check_story(story)
            assert done not in {state["document_id"] for state in socket.told[1:]}

    def test_by_name_and_with_everything_it_is_told_once(self, start_server, small_pdf):
        client = start_server().client
        identifier = client.create()["document_id"]
        with Socket(client) as socket:
            socket.send(subscribe=[identifier, "*"])
            assert socket.next() == {"subscribed": [identifier, "*"]}
            client.put_content(identifier, small_pdf, expect=202)
            socket.until(ended(identifier))
            offsets = [state["offset"] for state in socket.told[1:]]
            assert len(offsets) - len(set(offsets)) <= 1, "only the first state may come by both"

    def test_the_url_may_name_documents_already(self, client, waiting):
        with Socket(client, f"?document={waiting[0]}&document={waiting[1]}") as socket:
            assert socket.next() == {"subscribed": waiting[:2]}

    def test_it_is_closed_with_1012_when_the_server_stops(self, start_server):
        server = start_server()
        with Socket(server.client) as socket:
            socket.send(subscribe=["*"])
            socket.next()
            server.stop()
            with pytest.raises(ConnectionClosed) as closed:
                socket.socket.recv(timeout=10)
            assert closed.value.rcvd.code == 1012

    @pytest.mark.parametrize("compression", [None, "deflate"])
    def test_with_and_without_compression_it_is_the_same(self, client, waiting, small_pdf, compression):
        with Socket(client, compression=compression) as socket:
            agreed = socket.socket.response.headers.get("Sec-WebSocket-Extensions", "")
            assert bool(agreed) == bool(compression)
            if compression:
                assert "server_no_context_takeover" in agreed and "client_no_context_takeover" in agreed
            socket.send(subscribe=[waiting[0]])
            socket.next()
            client.put_content(waiting[0], small_pdf, expect=202)
            rules.check_story([state for state in socket.until(ended(waiting[0]))])


    def test_an_order_that_repeats_itself_is_carried_out_once(self, client, waiting):
        with Socket(client) as socket:
            socket.send(subscribe=[waiting[0], {"id": waiting[0].upper()}, "*", "*"])
            assert socket.next()["subscribed"].count("*") == 1
            mine = []
            with pytest.raises(TimeoutError):
                while True:
                    mine.append(socket.next(1))
            assert len([state for state in mine if state["document_id"] == waiting[0]]) <= 2

    def test_with_everything_the_end_is_told_once(self, start_server, small_pdf):
        client = start_server().client
        identifier = client.create()["document_id"]
        with Socket(client) as socket:
            socket.send(subscribe=["*", identifier])
            client.put_content(identifier, small_pdf, expect=202)
            socket.until(ended(identifier))
            with pytest.raises(TimeoutError):
                while True:
                    socket.next(1)
            assert len([state for state in socket.told[1:] if state["status"] == "complete"]) == 1

    def test_many_orders_at_once_are_carried_out_one_after_the_other(self, client, waiting):
        with Socket(client) as socket:
            for _ in range(200):
                socket.send(unsubscribe=waiting, subscribe=waiting)
            socket.send(subscribe=["*"])
            answers = [message for message in socket.until(lambda message: message.get("subscribed") == ["*"])
                       if "subscribed" in message]
            assert len(answers) == 201


    def test_thousands_of_orders_that_waited_for_one_are_carried_out(self, start_server):
        """The first has to be looked up, the rest are answered at once: one after the other, not one within the other."""
        server = start_server("--loops", 1)
        identifier = server.client.create()["document_id"]
        with WebSocketConnection(server.client, "/v1/events", timeout=30) as socket:
            def order(name):
                return frame(OPCODE_TEXT, json.dumps({"subscribe": [name]}).encode())
            socket.send(b"".join([order(str(uuid.uuid4())), *(order(identifier) for _ in range(2000))]))
            answers = 0
            while answers < 2000:
                answers += "subscribed" in json.loads(socket.read_message())
        assert server.is_running

    def test_unsubscribed_by_name_it_is_still_told_with_everything(self, start_server, small_pdf):
        client = start_server().client
        identifier = client.create()["document_id"]
        with Socket(client) as socket:
            socket.send(subscribe=["*", identifier])
            socket.send(unsubscribe=[identifier])
            socket.send(subscribe=[])
            client.put_content(identifier, small_pdf, expect=202)
            socket.until(ended(identifier))


class TestOverHTTP:
    def stream(self, client, query, accept="text/event-stream", **headers):
        connection = HTTPConnection(client.host, client.port, timeout=20)
        connection.request("GET", f"/v1/events?{query}", headers={"Accept": accept, "Origin": ORIGIN, **headers})
        return connection.getresponse()

    def events(self, response):
        """(id, object) of each event of an SSE stream."""
        identifier = None
        for line in lines(response):
            if line.startswith("id: "):
                identifier = line[4:]
            elif line.startswith("data: "):
                yield identifier, json.loads(line[6:])

    def test_sse_of_several_ends_when_all_have(self, client, waiting, small_pdf):
        response = self.stream(client, "&".join(f"document={identifier}" for identifier in waiting[:2]))
        assert response.status == 200 and response.headers["x-accel-buffering"] == "no"
        for identifier in waiting[:2]:
            client.put_content(identifier, small_pdf, expect=202)
        told = [state for _, state in self.events(response)]
        for identifier in waiting[:2]:
            story = [state for state in told if state["document_id"] == identifier]
            assert rules.check_story(story)[-1]["status"] == "complete"

    def test_one_id_is_enough_to_go_on_in_all_of_them(self, client, waiting, small_pdf):
        query = "&".join(f"document={identifier}" for identifier in waiting[:2])
        events = self.events(self.stream(client, query))
        seen = [next(events), next(events)]
        client.put_content(waiting[0], small_pdf, expect=202)
        client.put_content(waiting[1], small_pdf, expect=202)
        client.finish(waiting[0])
        client.finish(waiting[1])
        again = list(self.events(self.stream(client, query, **{"Last-Event-ID": seen[-1][0]})))
        firsts = {}
        for _, state in again:
            firsts.setdefault(state["document_id"], state)
        assert all(state["recovered"] is True for state in firsts.values()) and len(firsts) == 2
        for _, before in seen:
            assert firsts[before["document_id"]]["offset"] > before["offset"]
        # Whoever has seen every end is told to stop for good.
        assert self.stream(client, query, **{"Last-Event-ID": again[-1][0]}).status == 204

    def test_a_place_that_a_client_made_up_breaks_nothing(self, server, client, waiting):
        query = "&".join(f"document={identifier}" for identifier in waiting[:2])
        for after in ("x%0Ay-1,x%0Ay-2", "x%09-1,2", "%00-1,1", "nonsense"):
            events = self.events(self.stream(client, f"{query}&after={after}"))
            assert next(events)[1]["recovered"] is False
        assert server.is_running

    def test_a_document_named_twice_is_watched_once(self, client, small_pdf):
        done = client.process(small_pdf)["document_id"]
        for query in (f"document={done}&document={done}", f"document={done},{done.upper()}"):
            events = list(self.events(self.stream(client, query)))
            assert len(events) == 1
            assert self.stream(client, query, **{"Last-Event-ID": events[-1][0]}).status == 204

    def test_a_client_that_resets_while_it_is_looked_up_harms_nothing(self, server, client, waiting):
        query = "&".join(f"document={identifier}" for identifier in [waiting[0], *(uuid.uuid4() for _ in range(99))])
        positions = ",".join(["x-1"] + ["-"] * 99)
        for _ in range(30):
            with socket.create_connection((client.host, client.port)) as peer:
                peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                peer.sendall(f"GET /v1/events?{query} HTTP/1.1\r\nHost: a\r\nAccept: text/event-stream\r\n"
                             f"Last-Event-ID: {positions}\r\n\r\n".encode())
        client.get("/healthz", expect=200)
        assert server.is_running

    @pytest.mark.parametrize("accept, kind", [
        ("text/event-stream;q=0.0, application/json", "application/json"),
        ("text/event-stream;q=0.1, application/x-ndjson", "application/x-ndjson"),
        ("application/x-ndjson;q=0.5, text/event-stream;q=0.6", "text/event-stream"), ("*/*", "application/json")])
    def test_the_stream_that_is_wished_for_most_is_given(self, client, waiting, accept, kind):
        response = self.stream(client, f"document={waiting[0]}", accept=accept)
        assert response.headers["content-type"].split(";")[0] == kind

    def test_what_is_not_there_is_told_and_does_not_hold_the_end(self, client, small_pdf):
        done = client.process(small_pdf)["document_id"]
        told = [state for _, state in self.events(self.stream(client, f"document={NOBODY}&document={done}"))]
        assert told[0]["error"]["code"] == "not_found" and told[0]["document_id"] == NOBODY
        assert told[-1]["status"] == "complete"

    def test_lines_of_everything(self, start_server, small_pdf):
        client = start_server().client
        before = client.create()["document_id"]
        response = self.stream(client, "document=*", accept="application/x-ndjson")
        told = lines(response)
        assert json.loads(next(told))["document_id"] == before
        new = client.upload(small_pdf)["document_id"]
        story = []
        for line in told:
            state = json.loads(line)
            story += [state] if state["document_id"] == new else []
            if ended(new)(state):
                break
        rules.check_story(story)

    def test_polling_gives_the_states(self, client, waiting):
        reply = client.get(f"/v1/events?document={waiting[1]}&document={waiting[0]}", expect=200).json()
        assert [state["document_id"] for state in reply["documents"]] == [waiting[1], waiting[0]]

    @pytest.mark.parametrize("accept", ["text/event-stream", "application/json"])
    def test_naming_nothing_or_too_much_is_a_bad_request(self, client, accept):
        client.get("/v1/events", headers={"Accept": accept}, expect=400)
        query = "&".join(f"document={uuid.uuid4()}" for _ in range(101))
        client.get(f"/v1/events?{query}", headers={"Accept": accept}, expect=400)

    def test_a_watcher_that_leaves_gives_back_every_seat(self, start_server):
        client = start_server().client
        identifiers = [client.create()["document_id"] for _ in range(5)]

        def watchers():
            text = client.get("/metrics").body.decode()
            return int(next(line.split()[1] for line in text.splitlines() if line.startswith("headway_watchers ")))

        with Socket(client) as socket:
            socket.send(subscribe=[*identifiers, "*"])
            socket.next()
            eventually(lambda: watchers() >= 6, 5)
        eventually(lambda: watchers() == 0, 5)
