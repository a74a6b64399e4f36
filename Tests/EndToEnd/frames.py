"""WebSocket frames by hand (RFC 6455), for what a well-behaved client library would never send."""

import base64
import hashlib
import os
import struct

from client import Closed, RawConnection

OPCODE_CONTINUATION, OPCODE_TEXT, OPCODE_BINARY = 0x0, 0x1, 0x2
OPCODE_CLOSE, OPCODE_PING, OPCODE_PONG = 0x8, 0x9, 0xA
GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


def frame(opcode, payload=b"", fin=True, masked=True, reserved=0, length=None):
    """One frame; `length` lies about the payload's."""
    size = len(payload) if length is None else length
    head = bytes([(0x80 if fin else 0) | reserved << 4 | opcode])
    mask_bit = 0x80 if masked else 0
    if size < 126:
        head += bytes([mask_bit | size])
    elif size < 1 << 16:
        head += bytes([mask_bit | 126]) + struct.pack("!H", size)
    else:
        head += bytes([mask_bit | 127]) + struct.pack("!Q", size)
    if not masked:
        return head + payload
    key = os.urandom(4)
    return head + key + bytes(byte ^ key[index % 4] for index, byte in enumerate(payload))


def close_payload(code, reason=b""):
    return struct.pack("!H", code) + reason


class WebSocketConnection(RawConnection):
    """An open WebSocket whose frames a test writes and reads itself."""

    def __init__(self, client, path, timeout=10, fields=()):
        super().__init__(client.host, client.port, timeout)
        key = base64.b64encode(os.urandom(16)).decode()
        self.request(f"GET {path}", "Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13",
                     f"Sec-WebSocket-Key: {key}", *fields)
        self.response = self.read_response()
        assert self.response.status == 101, self.response
        expected = base64.b64encode(hashlib.sha1(key.encode() + GUID).digest()).decode()
        assert self.response.headers["sec-websocket-accept"] == expected
        assert self.response.headers["upgrade"].lower() == "websocket"
        assert self.response.headers["connection"].lower() == "upgrade"

    def read_frame(self):
        """(opcode, payload) of the next frame, which must be as a server sends it: whole and not masked."""
        first, second = self._read_exactly(2)
        assert not first & 0x70, "reserved bits without an extension"
        assert not second & 0x80, "RFC 6455 §5.1: a server must not mask"
        assert first & 0x80, "a small event needs no fragments"
        size = second & 0x7F
        if size == 126:
            size, = struct.unpack("!H", self._read_exactly(2))
            assert size >= 126, "the length is not written as short as can be"
        elif size == 127:
            size, = struct.unpack("!Q", self._read_exactly(8))
            assert size >= 1 << 16
        return first & 0x0F, self._read_exactly(size)

    def read_message(self):
        """The next text; pings between are answered."""
        while True:
            opcode, payload = self.read_frame()
            if opcode == OPCODE_PING:
                self.send(frame(OPCODE_PONG, payload))
            elif opcode == OPCODE_TEXT:
                return payload.decode("utf-8")
            else:
                raise AssertionError(f"opcode {opcode:#x} instead of a text: {payload!r}")

    def read_close(self):
        """(code, reason) of the close frame that must come now, other messages aside."""
        while True:
            try:
                opcode, payload = self.read_frame()
            except Closed as closed:
                raise AssertionError("the connection ended without a close frame") from closed
            if opcode == OPCODE_CLOSE:
                return (struct.unpack("!H", payload[:2])[0], payload[2:].decode("utf-8")) if payload else (1005, "")
