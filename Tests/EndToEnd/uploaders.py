"""Small independent clients that bring documents in every way there is, and remember each word they were given.

What a client was told is a `Promise`. A wire may have accidents (`Wire`): then an answer is sometimes lost, and the
client does what a good one does: it looks, goes on where it may and begins anew where it must. `Book.check` holds the
server to all promises in the end.
"""

import hashlib
import json
import random
import select
import socket
import struct
import threading
import time
import uuid
from collections import Counter
from dataclasses import dataclass, field

import documents
import rules
from client import JSON, OCTETS, ORIGIN, TEXT, Closed, RawConnection, multipart

ANSWER_SECONDS = 8
# An upload that was accepted may wait for room; nothing else may happen to it.
ROOM_CODES = ("storage_full", "storage_failed")
LOST_CODES = ("upload_interrupted", *ROOM_CODES)
BUSY_STATUSES = (408, 503, 507)


class Lost(AssertionError):
    """The server broke a promise."""


class GivenUp(AssertionError):
    """No end came within the time, though nothing stood in the way any more."""


@dataclass
class Promise:
    """What one client brings, and what it was told of it."""

    kind: str
    size: int
    digest: str
    text_digest: str | None  # of the text that must come out; None where the bytes are of no type that is taken
    material: object = None  # kept where the upload is to be ended by somebody else
    identifier: str = field(default_factory=lambda: str(uuid.uuid4()))
    is_created: bool = False  # told that it exists: 201
    is_accepted: bool = False  # told that its bytes are whole and durable
    is_complete: bool = False  # told its terminal state
    deletion: str = ""  # "asked", then "done"
    offset: int = 0  # the highest that was ever acknowledged
    sent: int = 0  # bytes before this place went out, whether they arrived or not
    version: int | None = None  # of the IETF's draft
    is_length_said: bool = False  # where it was deferred
    whole: str = ""  # what a part is a part of
    is_joining: bool = False  # the whole was asked for: from here on the part may go into it
    progress: float = 0.0
    story: list = field(default_factory=list)

    def told(self, what):
        self.story.append((round(time.monotonic(), 3), what))

    def broken(self, what):
        return Lost(f"{what}\n{self.kind} {self.identifier}, {self.size} bytes, told: {self.story[-30:]}")

    @property
    def path(self):
        return f"/v1/documents/{self.identifier}"

    @property
    def end(self):
        return "complete" if self.text_digest else "failed"

    def created(self):
        self.is_created = True
        self.told("created")

    def accepted(self, how):
        self.is_accepted = True
        self.told(f"accepted: {how}")

    def acknowledged(self, offset, how):
        """An offset was told: never below an earlier one, never above what there is."""
        if offset < self.offset:
            raise self.broken(f"offset {offset} told by {how} after {self.offset}")
        if offset > self.size:
            raise self.broken(f"offset {offset} told by {how} of {self.size} bytes")
        self.told(f"offset {offset}: {how}")
        self.offset = offset


@dataclass
class Reply:
    status: int
    headers: object
    body: bytes
    is_request_whole: bool
    interim: list
    origin: str = ORIGIN

    def json(self):
        return json.loads(self.body)

    @property
    def code(self):
        return self.json().get("code", "") if self.body.startswith(b"{") else ""


class Wire:
    """Requests, each on a connection of its own; with `accidents`, that share of them meets one of `ACCIDENTS`.

    The accidents are made at the client's end of the connection, because they can be repeated from a seed there: a
    reset at any byte of the request or before the answer is read, a half-closed connection, one that says nothing more
    and stays open, one that drips.
    """

    ACCIDENTS = ("reset", "reset", "unread", "unread", "silent", "half", "slow")
    SILENT_MAX = 40
    SLOW_PIECES = 12

    def __init__(self, host, port, choose=None, accidents=0.0):
        self.host, self.port, self.accidents = host, port, accidents
        self.choose = choose or random.Random(0)
        self.silent = []

    def exchange(self, method, target, *fields, body=b"", is_chunked=False, trailers=(), seconds=ANSWER_SECONDS,
                 told=None, slow_seconds=0):
        """The final reply, or None when no word came. `told` is called with each interim answer's status and fields.

        With `slow_seconds` the body takes so long, unless it meets an accident, and interim answers are read meanwhile.
        """
        accident = self.choose.choice(self.ACCIDENTS) if self.choose.random() < self.accidents else None
        at = self.choose.random()
        try:
            connection = RawConnection(self.host, self.port, seconds)
        except OSError:
            return None
        framed = chunked(body, self.choose, trailers) if is_chunked else body
        length = "Transfer-Encoding: chunked" if is_chunked else f"Content-Length: {len(body)}"
        fields = [*fields, *([length] if body or method not in ("GET", "HEAD", "DELETE") else [])]
        head = "\r\n".join([f"{method} {target} HTTP/1.1", f"Host: {connection.host}", f"Origin: {ORIGIN}", *fields])
        keeps, interim = False, []
        try:
            data = head.encode() + b"\r\n\r\n" + framed
            if slow_seconds and not accident:
                sent = self._send_slowly(connection, data, slow_seconds, told, interim)
            else:
                sent = self._send(connection, data, accident, at)
            if accident == "silent":
                keeps = True
                return None
            if sent is None:
                return None
            return self._answer(connection, method == "HEAD", sent, told, interim)
        except (OSError, Closed):
            return None
        finally:
            if keeps:
                self.silent.append(connection)
                if len(self.silent) > self.SILENT_MAX:
                    self.silent.pop(0).socket.close()
            else:
                connection.socket.close()

    def _send(self, connection, data, accident, at):
        """Whether all was sent; None when the connection is gone and no answer will be read."""
        # Half of the cuts fall into the first bytes, where the head is.
        end = len(data) if accident in (None, "slow", "unread") else int(len(data) * (at * at))
        try:
            if accident == "slow":
                for start in range(0, len(data), max(1, len(data) // 6)):
                    connection.send(data[start:start + max(1, len(data) // 6)])
                    time.sleep(0.002 + 0.03 * at)
            else:
                connection.send(data[:end])
        except OSError:
            # Refused before it was whole: the answer may be there.
            return False
        if accident in ("reset", "unread"):
            if accident == "unread":
                time.sleep(0.05 * at)
            # SO_LINGER of zero: close(2) sends RST.
            connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return None
        if accident == "half":
            connection.socket.shutdown(socket.SHUT_WR)
        return end == len(data)

    def _send_slowly(self, connection, data, seconds, told, interim):
        """Whether all was sent before the final answer began."""
        size = -(-len(data) // self.SLOW_PIECES)
        for start in range(0, len(data), size):
            connection.send(data[start:start + size])
            end = time.monotonic() + seconds / self.SLOW_PIECES
            while select.select([connection.socket], [], [], max(0, end - time.monotonic()))[0]:
                if not connection._fill():
                    raise Closed(bytes(connection.buffer))
                while b"\r\n\r\n" in connection.buffer:
                    if not connection.buffer.startswith(b"HTTP/1.1 1"):
                        return start + size >= len(data)
                    interim.append(connection.read_head())
                    if told:
                        told(*interim[-1])
        return True

    def _answer(self, connection, to_head, is_whole, told, interim):
        while True:
            status, headers = connection.read_head()
            if status >= 200:
                break
            interim.append((status, headers))
            if told:
                told(status, headers)
        body = b"" if to_head or status in (204, 304) else connection._read_body(headers)
        return rules.check_response(Reply(status, headers, body, is_whole, interim))

    def calm(self):
        """No accidents any more, and those that say nothing are gone."""
        self.accidents = 0.0
        for connection in self.silent:
            connection.socket.close()
        self.silent = []


def chunked(body, choose, trailers=()):
    out, at = [], 0
    while at < len(body):
        piece = body[at:at + choose.randint(1, max(2, len(body) // 3))]
        out.append(b"%x\r\n%s\r\n" % (len(piece), piece))
        at += len(piece)
    return b"".join(out) + b"0\r\n" + b"".join(b"%s\r\n" % line.encode() for line in trailers) + b"\r\n"


@dataclass
class Material:
    """A document's bytes and what must become of them."""

    body: bytes
    content_type: str
    text_digest: str | None

    @staticmethod
    def text(choose, size):
        body = documents.plain_text(max(1, size // 320), seed=choose.random())[:size]
        return Material(body, TEXT, sha256(body + b"\f"))

    @staticmethod
    def opaque(choose, size):
        # No type that is taken begins so, and no byte repeats a neighbour's place.
        return Material(b"\x00\xff\x00" + choose.randbytes(size), OCTETS, None)

    @staticmethod
    def choose(choose, sizes=(2_000, 40_000, 400_000, 3_000_000, 20_000_000)):
        """Mostly small, sometimes large: kills are then many, and meet every moment of a document's life."""
        tiny, small, middle, large, huge = sizes
        roll = choose.random()
        if roll < 0.45:
            return Material.text(choose, choose.randint(1, tiny))
        if roll < 0.70:
            return Material.text(choose, choose.randint(tiny, small))
        if roll < 0.85:
            return Material.opaque(choose, choose.randint(small, middle))
        if roll < 0.97:
            return Material.opaque(choose, choose.randint(middle, large))
        return Material.opaque(choose, choose.randint(large, huge))


def sha256(data):
    return hashlib.sha256(data).hexdigest()


class Book:
    """All promises of a run. `witness` is called with each promise as soon as its client was given a word."""

    def __init__(self, witness=None, keeps_material=False, promises=()):
        self.lock, self.promises = threading.Lock(), list(promises)
        self.told = Counter()  # how often an offset was told, and how
        self.witness = witness or (lambda promise, word: None)
        self.keeps_material = keeps_material

    def open(self, kind, material):
        promise = Promise(kind, len(material.body), sha256(material.body), material.text_digest)
        if self.keeps_material:
            promise.material = material
        with self.lock:
            self.promises.append(promise)
        return promise

    def all(self):
        with self.lock:
            return list(self.promises)

    def of(self, identifier):
        return next(promise for promise in self.all() if promise.identifier == identifier)

    def count(self, how):
        with self.lock:
            self.told[how] += 1


class Uploader:
    """A client. `go_on` says whether to try once more; it may wait, and raises `GivenUp` when there was time enough."""

    def __init__(self, wire, book, choose, go_on):
        self.wire, self.book, self.choose, self.go_on = wire, book, choose, go_on
        self.last_answer = None

    def until(self, step):
        """Try until `step` has an answer."""
        while True:
            answer = step()
            if answer is not None:
                return answer
            try:
                self.go_on()
            except GivenUp as end:
                raise GivenUp(f"{end}; the last answer: {self.last_answer}") from None

    def expect(self, promise, reply, *statuses):
        """The reply is one that this request may get. True when it is one of `statuses`, False when it says: again."""
        self.last_answer = reply and (reply.status, reply.body[:400])
        if reply is None:
            return False
        if reply.status in statuses:
            if not reply.is_request_whole and reply.status in (201, 202, 204):
                raise promise.broken(f"{reply.status} to a request that was never whole")
            return True
        if reply.status in BUSY_STATUSES or (not reply.is_request_whole and reply.status < 500):
            return False
        raise promise.broken(f"answered {reply.status} {reply.body[:400]}")

    def bring(self, material, kind):
        """Bring it to the end, whatever it takes: the promise of the one that was accepted."""
        return getattr(self, f"by_{kind}")(material)

    # In one request. Each try is a document of its own, because nobody can know what became of the last.

    def by_raw(self, material):
        return self.one_request("raw", material, lambda promise: (
            "POST", f"/v1/documents?id={promise.identifier}&name=a.txt", [f"Content-Type: {material.content_type}"],
            material.body))

    def by_drop(self, material):
        return self.one_request("drop", material, lambda promise: (
            "PUT", f"/drop/a.txt?id={promise.identifier}", [], material.body), is_chunked=self.choose.random() < 0.5)

    def by_multipart(self, material):
        form, form_type = multipart([("file", material.body, "a.txt", material.content_type),
                                     ("metadata", json.dumps({"behind": "the file"}))])
        return self.one_request("multipart", material, lambda promise: (
            "POST", f"/v1/documents?id={promise.identifier}", [f"Content-Type: {form_type}"], form))

    def one_request(self, kind, material, request, is_chunked=False):
        def step():
            promise = self.book.open(kind, material)
            method, target, fields, body = request(promise)
            reply = self.wire.exchange(method, target, *fields, body=body, is_chunked=is_chunked)
            if self.expect(promise, reply, 202):
                promise.accepted("202")
                self.book.witness(promise, "accepted")
                return promise
            promise.told("no word" if reply is None else f"{reply.status} {reply.code}")
            return promise if reply is None and self.was_taken(promise) else None
        return self.until(step)

    def was_taken(self, promise):
        """The answer was lost: perhaps the bytes were not."""
        reply = self.wire.exchange("GET", promise.path)
        if reply is None or reply.status != 200:
            return False
        state = reply.json()
        lost = state["status"] == "failed" and state["error"]["code"] in LOST_CODES
        if state["status"] == "uploading" or lost:
            return False
        promise.accepted(f"GET {state['status']}")
        self.book.witness(promise, "accepted")
        return True

    # Created first, so that the document is there whatever happens to its bytes.

    def by_json_then_put(self, material):
        return self.put_content(self.create("json_then_put", material), material)

    def put_content(self, promise, material):
        def put():
            is_chunked = self.choose.random() < 0.3
            reply = self.wire.exchange("PUT", f"{promise.path}/content", f"Content-Type: {material.content_type}",
                                       body=material.body, is_chunked=is_chunked)
            if self.expect(promise, reply, 202, 409):
                if reply.code == "superseded":
                    return None
                promise.accepted(f"{reply.status} {reply.code if reply.status == 409 else ''}")
                self.book.witness(promise, "accepted")
                return promise
            promise.told("no word" if reply is None else f"{reply.status} {reply.code}")
            return None
        return self.until(put)

    def create(self, kind, material):
        """By JSON. An id that is in use was taken by an earlier try."""
        promise = self.book.open(kind, material)
        wish = json.dumps({"name": "later.txt", "size": promise.size, "content_type": material.content_type,
                           "document_id": promise.identifier}).encode()
        self.until(lambda: self.expect(promise, self.wire.exchange(
            "POST", "/v1/documents", f"Content-Type: {JSON}", body=wish), 201, 409) or None)
        promise.created()
        self.book.witness(promise, "created")
        return promise

    # Afterwards

    def state(self, promise):
        """The state now. What was told to exist does, and its percentage never goes down."""
        def look():
            reply = self.wire.exchange("GET", promise.path)
            return reply if self.expect(promise, reply, 200) else None
        state = rules.check_state(self.until(look).json())
        if state["progress"] < promise.progress:
            raise promise.broken(f"the percentage went down: {promise.progress} → {state['progress']}")
        promise.progress = state["progress"]
        if promise.is_complete and state["status"] not in rules.TERMINAL:
            raise promise.broken(f"it was at its end and is {state['status']}")
        return state

    def wait_for_end(self, promise):
        """The terminal state of what was accepted. Want of room is no end: it is run again, as its owner would."""
        def look():
            state = self.state(promise)
            if state["status"] not in rules.TERMINAL:
                return None
            if state["status"] == "failed" and state["error"]["code"] in ROOM_CODES:
                promise.told(state["error"]["code"])
                self.expect(promise, self.wire.exchange("POST", f"{promise.path}/retry"), 202, 409)
                return None
            return state
        state = self.until(look)
        if state["status"] != promise.end:
            raise promise.broken(f"accepted, and {state['status']}: {state['error']}")
        promise.is_complete = True
        promise.told(state["status"])
        self.book.witness(promise, "complete")
        return state

    def check_bytes(self, promise, state):
        """Byte for byte what was brought, and one result."""
        if (state["bytes_done"], state["sha256"]) != (promise.size, promise.digest):
            raise promise.broken(f"recorded with {state['bytes_done']} bytes, sha256 {state['sha256']}")
        if sha256(self.read(promise, "content")) != promise.digest:
            raise promise.broken("the content is not what was sent")
        if promise.text_digest:
            if sha256(self.read(promise, "text")) != promise.text_digest:
                raise promise.broken("the text is not that of the document")
            chunks = [json.loads(line) for line in self.read(promise, "result").splitlines()]
            if [chunk["index"] for chunk in chunks] != list(range(len(chunks))):
                raise promise.broken("two results in one, or half of one")

    def read(self, promise, part):
        return self.until(lambda: self._read(promise, part))

    def _read(self, promise, part):
        reply = self.wire.exchange("GET", f"{promise.path}/{part}", seconds=30)
        return reply.body if self.expect(promise, reply, 200) else None

    def delete(self, promise):
        promise.deletion = "asked"
        self.book.witness(promise, "deleting")

        def ask():
            reply = self.wire.exchange("DELETE", promise.path)
            return self.expect(promise, reply, 204, 404) or None
        self.until(ask)
        promise.deletion = "done"
        promise.told("deleted")
        self.book.witness(promise, "deleted")

    def check(self, promise):
        """In the end, with nobody working any more: what was promised is there, and what was not is no half thing."""
        is_one_request = promise.kind.startswith(("raw", "multipart", "drop"))

        def settled():
            # A server that has just started answers while it still looks what became of uploads under way.
            reply = self.wire.exchange("GET", promise.path)
            is_open = reply.status == 200 and reply.json()["status"] == "uploading"
            return None if is_open and is_one_request and not promise.is_accepted else reply
        reply = self.until(settled)
        if reply.status == 404:
            if (promise.is_created or promise.is_accepted) and not promise.deletion:
                raise promise.broken("it was promised and is gone")
            return
        if promise.deletion == "done":
            raise promise.broken(f"it was deleted and is there: {reply.body[:400]}")
        state = rules.check_state(reply.json())
        if promise.is_accepted:
            return self.check_bytes(promise, self.wait_for_end(promise))
        # Nobody was told that the bytes had come. They are all there, or the document says that they never came.
        if state["status"] == "uploading":
            return
        if state["status"] == "failed" and state["error"]["code"] in LOST_CODES and not state["sha256"]:
            return
        self.check_bytes(promise, self.wait_for_end(promise))


KINDS = ["raw", "multipart", "drop", "json_then_put"]
