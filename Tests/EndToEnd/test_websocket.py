"""RFC 6455 as far as a watcher can strain it: handshake, frames, fragments, control frames, the closing handshake."""

import contextlib
import struct

import pytest
from websockets.sync.client import connect

from client import ORIGIN
from frames import (OPCODE_BINARY, OPCODE_CLOSE, OPCODE_CONTINUATION, OPCODE_PING, OPCODE_PONG, OPCODE_TEXT,
                       WebSocketConnection, close_payload, frame)

MESSAGE_BYTES_MAX = 64 * 1024
HANDSHAKE = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13",
             "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="}


@pytest.fixture(scope="module")
def path(server):
    """The events of a document that waits for its bytes, so that the stream stays open."""
    return f"/v1/documents/{server.client.create()['document_id']}/events"


@pytest.fixture
def socket(client, path):
    with WebSocketConnection(client, path) as socket:
        socket.read_message()
        yield socket


def expect_close(socket, code):
    """The server closes with the code, then ends the connection; it need not wait for an answer to that."""
    assert socket.read_close()[0] == code
    with contextlib.suppress(ConnectionError):
        socket.send(frame(OPCODE_CLOSE, close_payload(code)))
    assert socket.read_until_closed() == b""


class TestTheHandshake:
    def handshake(self, client, path, **changes):
        fields = {**HANDSHAKE, **{name.replace("_", "-"): value for name, value in changes.items()}}
        with client.connect() as connection:
            connection.request(f"GET {path}", *(f"{name}: {value}" for name, value in fields.items()
                                                if value is not None))
            return connection.read_response()

    def test_the_sample_of_the_rfc_is_accepted(self, client, path):
        reply = self.handshake(client, path)
        assert (reply.status, reply.headers["sec-websocket-accept"]) == (101, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
        assert "sec-websocket-extensions" not in reply.headers and "sec-websocket-protocol" not in reply.headers

    def test_names_are_compared_without_case_and_connection_is_a_list(self, client, path):
        assert self.handshake(client, path, Upgrade="WebSocket", Connection="keep-alive, upgrade").status == 101

    @pytest.mark.parametrize("version", ["12", "8", "14", "x"])
    def test_another_version_is_426_and_tells_ours(self, client, path, version):
        reply = self.handshake(client, path, Sec_WebSocket_Version=version)
        assert (reply.status, reply.headers["sec-websocket-version"]) == (426, "13")

    @pytest.mark.parametrize("key", [None, "c2hvcnQ=", "!!!!!!!!!!!!!!!!!!!!!!==", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="])
    def test_a_key_that_is_not_16_bytes_in_base64_is_400(self, client, path, key):
        assert self.handshake(client, path, Sec_WebSocket_Key=key).status == 400

    def test_offered_extensions_and_protocols_that_are_not_served_are_left_out(self, client, path):
        reply = self.handshake(client, path, Sec_WebSocket_Extensions="x-unknown; a=1", Sec_WebSocket_Protocol="a, b")
        assert reply.status == 101
        assert "sec-websocket-extensions" not in reply.headers and "sec-websocket-protocol" not in reply.headers

    def test_a_browser_from_any_origin_may_watch(self, client, path):
        with connect(f"ws://{client.host}:{client.port}{path}", origin=ORIGIN) as socket:
            assert socket.recv()


class TestControlFrames:
    @pytest.mark.parametrize("payload", [b"", b"hello", bytes(range(125))])
    def test_a_ping_is_answered_with_its_payload(self, socket, payload):
        socket.send(frame(OPCODE_PING, payload))
        assert socket.read_frame() == (OPCODE_PONG, payload)

    def test_an_unasked_pong_is_no_matter(self, socket):
        socket.send(frame(OPCODE_PONG, b"x") + frame(OPCODE_PING, b"y"))
        assert socket.read_frame() == (OPCODE_PONG, b"y")

    def test_one_that_comes_byte_by_byte_is_the_same(self, socket):
        for byte in frame(OPCODE_PING, b"slow"):
            socket.send(bytes([byte]))
        assert socket.read_frame() == (OPCODE_PONG, b"slow")

    def test_one_between_fragments_is_answered_at_once(self, socket):
        socket.send(frame(OPCODE_TEXT, b"a", fin=False) + frame(OPCODE_PING, b"p"))
        assert socket.read_frame() == (OPCODE_PONG, b"p")
        socket.send(frame(OPCODE_CONTINUATION, b"b") + frame(OPCODE_PING, b"q"))
        assert socket.read_frame() == (OPCODE_PONG, b"q")


class TestWhatAWatcherSays:
    def test_text_is_taken_and_means_nothing(self, socket):
        socket.send(frame(OPCODE_TEXT, b'{"hello":1}') + frame(OPCODE_TEXT, "ü👋".encode()) +
                    frame(OPCODE_TEXT, b"") + frame(OPCODE_PING, b"still here"))
        assert socket.read_frame() == (OPCODE_PONG, b"still here")

    def test_a_character_may_be_cut_between_fragments(self, socket):
        wave = "👋".encode()
        socket.send(frame(OPCODE_TEXT, wave[:1], fin=False) + frame(OPCODE_CONTINUATION, wave[1:3], fin=False) +
                    frame(OPCODE_CONTINUATION, wave[3:]) + frame(OPCODE_PING, b"p"))
        assert socket.read_frame() == (OPCODE_PONG, b"p")

    def test_a_message_of_the_largest_size_is_taken(self, socket):
        socket.send(frame(OPCODE_TEXT, b"a" * MESSAGE_BYTES_MAX) + frame(OPCODE_PING, b"p"))
        assert socket.read_frame() == (OPCODE_PONG, b"p")

    def test_one_byte_more_is_1009(self, socket):
        socket.send(frame(OPCODE_TEXT, b"a" * (MESSAGE_BYTES_MAX + 1)))
        expect_close(socket, 1009)

    def test_one_byte_more_in_fragments_is_1009(self, socket):
        socket.send(frame(OPCODE_TEXT, b"a" * MESSAGE_BYTES_MAX, fin=False) + frame(OPCODE_CONTINUATION, b"a"))
        expect_close(socket, 1009)

    def test_a_length_that_announces_too_much_is_1009_before_its_bytes_come(self, socket):
        socket.send(frame(OPCODE_TEXT, b"", length=1 << 40))
        assert socket.read_close()[0] == 1009


VIOLATIONS = {
    "a frame that is not masked": (frame(OPCODE_TEXT, b"x", masked=False), 1002),
    "a reserved bit": (frame(OPCODE_TEXT, b"x", reserved=4), 1002),
    "another reserved bit": (frame(OPCODE_TEXT, b"x", reserved=1), 1002),
    "a reserved data opcode": (frame(0x3, b"x"), 1002),
    "a reserved control opcode": (frame(0xB, b"x"), 1002),
    "a ping in fragments": (frame(OPCODE_PING, b"x", fin=False), 1002),
    "a ping of 126 bytes": (frame(OPCODE_PING, b"x" * 126), 1002),
    "a continuation of nothing": (frame(OPCODE_CONTINUATION, b"x"), 1002),
    "a text within a text": (frame(OPCODE_TEXT, b"x", fin=False) + frame(OPCODE_TEXT, b"y"), 1002),
    "a 64-bit length with its top bit": (b"\x81\xff" + struct.pack("!Q", 1 << 63) + b"\0\0\0\0", 1002),
    "text that is not UTF-8": (frame(OPCODE_TEXT, b"\xff\xfe"), 1007),
    "a surrogate": (frame(OPCODE_TEXT, b"\xed\xa0\x80"), 1007),
    "an overlong form": (frame(OPCODE_TEXT, b"\xc0\xaf"), 1007),
    "a character cut off": (frame(OPCODE_TEXT, b"\xe2\x82"), 1007),
    "a close of one byte": (frame(OPCODE_CLOSE, b"\x03"), 1002),
    "a close with a code that must not be sent": (frame(OPCODE_CLOSE, close_payload(1005)), 1002),
    "a close with a code below 1000": (frame(OPCODE_CLOSE, close_payload(999)), 1002),
    "a close with a reason that is not UTF-8": (frame(OPCODE_CLOSE, close_payload(1000, b"\xff")), 1007),
}


class TestViolations:
    @pytest.mark.parametrize("what", VIOLATIONS)
    def test_a_violation_is_closed_with_its_code(self, socket, what):
        data, code = VIOLATIONS[what]
        socket.send(data)
        expect_close(socket, code)

    @pytest.mark.parametrize("what", ["a frame that is not masked", "text that is not UTF-8", "a ping of 126 bytes"])
    def test_byte_by_byte_it_is_the_same(self, socket, what):
        data, code = VIOLATIONS[what]
        try:
            for byte in data:
                socket.send(bytes([byte]))
        except ConnectionError:
            pass  # the server saw enough before the end
        assert socket.read_close()[0] == code

    def test_invalid_text_is_closed_before_its_message_ends(self, socket):
        socket.send(frame(OPCODE_TEXT, b"\xff", fin=False))
        assert socket.read_close()[0] == 1007


class TestTheClosingHandshake:
    @pytest.mark.parametrize("payload, answer", [(close_payload(1000), 1000), (close_payload(1001, b"bye"), 1001),
                                                 (close_payload(3000), 3000), (close_payload(4999), 4999)])
    def test_a_close_is_answered_with_its_code(self, socket, payload, answer):
        socket.send(frame(OPCODE_CLOSE, payload))
        assert socket.read_close()[0] == answer
        assert socket.read_until_closed() == b""

    def test_a_close_without_a_code_is_answered(self, socket):
        socket.send(frame(OPCODE_CLOSE))
        assert socket.read_close()[0] in (1000, 1005)
        assert socket.read_until_closed() == b""

    def test_nothing_is_answered_after_the_close(self, socket):
        socket.send(frame(OPCODE_CLOSE, close_payload(1000)) + frame(OPCODE_PING, b"late"))
        assert socket.read_close()[0] == 1000
        assert socket.read_until_closed() == b""

    def test_binary_has_no_meaning_here_and_is_refused_or_ignored(self, socket):
        socket.send(frame(OPCODE_BINARY, b"\0\1") + frame(OPCODE_PING, b"p"))
        opcode, payload = socket.read_frame()
        assert (opcode, payload) == (OPCODE_PONG, b"p") or \
            (opcode == OPCODE_CLOSE and struct.unpack("!H", payload[:2])[0] == 1003)

    def test_a_watcher_that_vanishes_leaves_the_server_well(self, client, path):
        for _ in range(20):
            with WebSocketConnection(client, path) as socket:
                socket.read_message()
        client.get("/healthz", expect=200)
