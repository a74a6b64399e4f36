"""Resumable uploads as their two protocols put them on the wire: tus 1.0.0, and the IETF's draft by interop version."""

import base64
import hashlib
import threading
import uuid
from dataclasses import dataclass
from urllib.parse import urlsplit

import rules
from client import Closed

UPLOADS = "/v1/uploads"
OFFSET_TYPE = "application/offset+octet-stream"
PARTIAL_TYPE = "application/partial-upload"
VERSIONS = range(3, 9)
MISMATCH = "https://iana.org/assignments/http-problem-types#mismatching-upload-offset"
COMPLETED = "https://iana.org/assignments/http-problem-types#completed-upload"
INCONSISTENT = "https://iana.org/assignments/http-problem-types#inconsistent-upload-length"


def path_of(location):
    """The path of a Location, which may be absolute or not."""
    path = urlsplit(location).path
    assert path.startswith(f"{UPLOADS}/"), location
    return path


def id_of(location):
    identifier = path_of(location).removeprefix(f"{UPLOADS}/")
    assert rules.UUID.fullmatch(identifier), location
    return identifier


def metadata(**items):
    """Upload-Metadata of these names and values."""
    return ",".join(f"{name} {base64.b64encode(value if isinstance(value, bytes) else value.encode()).decode()}"
                    for name, value in items.items())


def halves(body):
    return body[:len(body) // 2], body[len(body) // 2:]


def crc32c(data):
    """The Castagnoli sum (RFC 3720 B.4), bit by bit."""
    table = []
    for value in range(256):
        for _ in range(8):
            value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
        table.append(value)
    sum_so_far = 0xFFFFFFFF
    for octet in data:
        sum_so_far = table[(sum_so_far ^ octet) & 0xFF] ^ sum_so_far >> 8
    return (sum_so_far ^ 0xFFFFFFFF).to_bytes(4, "big")


def digest(algorithm, data):
    return crc32c(data) if algorithm == "crc32c" else hashlib.new(algorithm, data).digest()


def checksum(algorithm, data):
    """Upload-Checksum of this content."""
    return f"{algorithm} {base64.b64encode(digest(algorithm, data)).decode()}"


class Tus:
    """tus 1.0.0 by plain requests; every reply is held to what the protocol says of all replies."""

    FIELDS = {"Tus-Resumable": "1.0.0"}

    def __init__(self, client):
        self.client = client

    def request(self, method, path, body=None, expect=None, **fields):
        headers = {**self.FIELDS, **{name.replace("_", "-"): str(value) for name, value in fields.items()}}
        reply = self.client.request(method, path, body, headers={k: v for k, v in headers.items() if v != "None"},
                                    expect=expect)
        if method not in ("GET", "OPTIONS"):
            assert reply.headers["tus-resumable"] == "1.0.0", (method, reply.status, dict(reply.headers))
        return reply

    def post(self, body=b"", expect=201, query="", **fields):
        if body:
            fields = {"Content_Type": OFFSET_TYPE, **fields}
        return self.request("POST", UPLOADS + query, body, expect=expect, **fields)

    def create(self, length=None, body=b"", **fields):
        """A new upload's path."""
        if length is not None:
            fields["Upload_Length"] = length
        return path_of(self.post(body, **fields).headers["location"])

    def head(self, path, expect=200):
        reply = self.request("HEAD", path, expect=expect)
        if expect == 200:
            assert "no-store" in reply.headers["cache-control"], dict(reply.headers)
        return reply

    def offset(self, path):
        return int(self.head(path).headers["upload-offset"])

    def patch(self, path, offset, body, expect=204, **fields):
        reply = self.request("PATCH", path, body, expect=expect,
                             **{"Content_Type": OFFSET_TYPE, "Upload_Offset": offset, **fields})
        if reply.status == 204:
            assert reply.headers["upload-offset"], dict(reply.headers)
        return reply

    def delete(self, path, expect=204):
        return self.request("DELETE", path, expect=expect)

    def upload(self, body, **fields):
        """A whole upload in one PATCH: its path."""
        path = self.create(len(body), **fields)
        if body:
            reply = self.patch(path, 0, body)
            assert int(reply.headers["upload-offset"]) == len(body)
        return path

    def finish(self, path):
        return self.client.finish(id_of(path))


@dataclass
class Draft:
    """The IETF draft in one of its versions; None names no version, which is its last form."""

    client: object
    version: int | None

    @property
    def number(self):
        return self.version or 8

    def completes(self, complete):
        if self.number == 3:
            return {"Upload-Incomplete": "?0" if complete else "?1"}
        return {"Upload-Complete": "?1" if complete else "?0"}

    def says_complete(self, headers):
        """What a response says of completeness; None when it says nothing."""
        value = headers.get("upload-incomplete" if self.number == 3 else "upload-complete")
        other = headers.get("upload-complete" if self.number == 3 else "upload-incomplete")
        assert other is None, f"version {self.number} is answered in another version's words: {dict(headers)}"
        assert value in (None, "?0", "?1"), value
        return None if value is None else (value == "?1") != (self.number == 3)

    @property
    def named(self):
        return {} if self.version is None else {"Upload-Draft-Interop-Version": str(self.version)}

    def request(self, method, path, body, headers, expect=None):
        """One request by the raw connection: Python's own client takes 104 for the answer."""
        fields = [f"{name}: {value}" for name, value in headers.items() if value != "None"]
        with self.client.connect(timeout=30) as connection:
            if isinstance(body, bytes):
                connection.request(f"{method} {path}", *fields, f"Content-Length: {len(body)}", body=body)
            else:
                chunks = b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in body)
                connection.request(f"{method} {path}", *fields, "Transfer-Encoding: chunked",
                                   body=chunks + b"0\r\n\r\n")
            reply = connection.read_response()
        assert expect in (None, reply.status), f"{method} {path}: {reply.status}, not {expect}: {reply.body[:400]}"
        return reply

    def create(self, body, complete, path=UPLOADS, content_type="application/pdf", expect=None, **fields):
        headers = {**self.named, **self.completes(complete), "Content-Type": content_type,
                   **{name.replace("_", "-"): str(value) for name, value in fields.items()}}
        return self.request("POST", path, body, headers, expect)

    def append(self, path, offset, body, complete, expect=None, **fields):
        headers = {**self.named, **self.completes(complete), "Upload-Offset": str(offset)}
        if self.number >= 6:
            headers["Content-Type"] = PARTIAL_TYPE
        headers |= {name.replace("_", "-"): str(value) for name, value in fields.items()}
        return self.request("PATCH", path, body, headers, expect)

    def head(self, path, expect=None):
        return self.client.request("HEAD", path, headers=self.named, expect=expect)

    def offset(self, path):
        reply = self.head(path)
        assert reply.status in ((200, 204) if self.number >= 5 else (204,)), reply.status
        return int(reply.headers["upload-offset"])

    def lines(self, complete, *fields):
        """The same fields for a raw request."""
        return [f"{name}: {value}" for name, value in {**self.named, **self.completes(complete)}.items()] + [*fields]


class SlowSender(threading.Thread):
    """Sends a PATCH that is begun and goes on, a piece at a time, until it is cut off or told to stop."""

    def __init__(self, client, path, offset, length, *fields, piece=b"x" * 4096, pause=0.02, method="PATCH"):
        super().__init__(daemon=True)
        self.client, self.pause, self.piece, self.left = client, pause, piece, length
        self.line, self.fields = f"{method} {path}", fields
        self.offset, self.length = offset, length
        self.began, self.stopped = threading.Event(), threading.Event()
        self.answer = self.failure = None
        self.sent = 0

    def run(self):
        try:
            with self.client.connect(timeout=30) as connection:
                connection.request(self.line, f"Content-Length: {self.length}", f"Upload-Offset: {self.offset}",
                                   *self.fields)
                while self.sent < self.length and not self.stopped.wait(self.pause):
                    piece = self.piece[:self.length - self.sent]
                    connection.send(piece)
                    self.sent += len(piece)
                    self.began.set()
                if not self.stopped.is_set():
                    self.answer = connection.read_response(check=False)
        except (OSError, Closed) as failure:
            self.failure = failure
        finally:
            self.began.set()

    def begin(self):
        self.start()
        assert self.began.wait(10)
        return self

    def stop(self):
        self.stopped.set()
        self.join(30)
        assert not self.is_alive()


def some_octets(count, seed=1):
    """Bytes that compress to nothing and differ at every place."""
    out = b"".join(hashlib.sha256(b"%d %d" % (seed, at)).digest() for at in range(-(-count // 32)))
    return out[:count]


def new_id():
    return str(uuid.uuid4())
