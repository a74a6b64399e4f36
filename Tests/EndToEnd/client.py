"""A small HTTP client that holds every response to the contract, and a raw connection for what no client would send."""

import json
import socket
import zlib
from dataclasses import dataclass, field
from email.message import Message
from http.client import HTTPConnection
from urllib.parse import quote

import rules
from waiting import eventually

ORIGIN = "http://front.example"
PDF, TEXT, MARKDOWN, JSON = "application/pdf", "text/plain", "text/markdown", "application/json"
OCTETS = "application/octet-stream"
# A well-formed id that no document has. Constant, so that every test process collects the same cases.
NOBODY = "01900000-0000-7000-8000-000000000000"


@dataclass
class Response:
    status: int
    headers: Message
    body: bytes
    origin: str = ORIGIN
    interim: list = field(default_factory=list)

    def json(self):
        return json.loads(self.body)

    def decoded(self):
        """The body without its content coding."""
        if self.headers.get("content-encoding") == "gzip":
            return zlib.decompress(self.body, 16 + zlib.MAX_WBITS)
        return self.body


class Client:
    """One server's API as a front end uses it: from another origin, one request a connection."""

    def __init__(self, host, port):
        self.host, self.port = host, port

    @property
    def address(self):
        return f"http://{self.host}:{self.port}"

    def request(self, method, path, body=None, headers=None, timeout=60, expect=None):
        """Send and return the whole response, checked against the rules for any response.

        `body` is bytes, a file or an iterable of bytes (sent chunked). `expect` is the status the caller counts on.
        """
        connection = HTTPConnection(self.host, self.port, timeout=timeout)
        try:
            fields = {"Origin": ORIGIN, **(headers or {})}
            connection.request(method, path, body, fields, encode_chunked=_is_stream(body, fields))
            answer = connection.getresponse()
            response = rules.check_response(Response(answer.status, answer.headers, answer.read()))
        finally:
            connection.close()
        if expect is not None:
            assert response.status == expect, f"{method} {path}: {response.status}, not {expect}: {response.body[:400]}"
        return response

    def get(self, path, **rest):
        return self.request("GET", path, **rest)

    def post(self, path, body=b"", **rest):
        return self.request("POST", path, body, **rest)

    def put(self, path, body=b"", **rest):
        return self.request("PUT", path, body, **rest)

    def delete(self, path, **rest):
        return self.request("DELETE", path, **rest)

    # Documents

    def upload(self, body, name="document.pdf", content_type=PDF, query="", expect=202):
        """Upload in one raw request; the state in the reply."""
        headers = {"Content-Type": content_type} if content_type else {}
        path = f"/v1/documents?name={quote(name, safe='')}{query}"
        reply = self.post(path, body, headers=headers, expect=expect)
        return rules.check_links(rules.check_state(reply.json())) if expect == 202 else reply

    def create(self, expect=201, **fields):
        """Create a document whose bytes come later."""
        body = json.dumps({"name": "later.pdf", "content_type": PDF, **fields}).encode()
        reply = self.post("/v1/documents", body, headers={"Content-Type": JSON}, expect=expect)
        return rules.check_links(rules.check_state(reply.json())) if expect == 201 else reply

    def put_content(self, identifier, body, content_type=PDF, **rest):
        return self.put(f"/v1/documents/{identifier}/content", body, headers={"Content-Type": content_type}, **rest)

    def state(self, identifier):
        return rules.check_state(self.get(f"/v1/documents/{identifier}", expect=200).json())

    def finish(self, identifier, seconds=60):
        """The terminal state, waited for."""
        def terminal():
            state = self.state(identifier)
            return state if state["status"] in rules.TERMINAL else None
        return eventually(terminal, seconds, f"document {identifier} reaches a terminal state")

    def process(self, body, name="document.pdf", content_type=PDF, seconds=60):
        """Upload and wait: the terminal state."""
        return self.finish(self.upload(body, name, content_type)["document_id"], seconds)

    def chunks(self, identifier):
        """The result's chunks."""
        reply = self.get(f"/v1/documents/{identifier}/result", expect=200)
        return [json.loads(line) for line in reply.body.splitlines()]

    def connect(self, timeout=10):
        return RawConnection(self.host, self.port, timeout)


def _is_stream(body, headers):
    return body is not None and not isinstance(body, (bytes, str)) and "Content-Length" not in headers


def multipart(parts, boundary="headway-test-boundary"):
    """(body, content type) of multipart/form-data. A part is (name, value) or (name, value, file name, type)."""
    body = b""
    for name, value, *file in parts:
        body += b"--%s\r\n" % boundary.encode()
        disposition = f'Content-Disposition: form-data; name="{name}"'
        if file:
            disposition += f'; filename="{file[0]}"'
        body += disposition.encode() + b"\r\n"
        if len(file) > 1 and file[1]:
            body += b"Content-Type: %s\r\n" % file[1].encode()
        body += b"\r\n" + (value if isinstance(value, bytes) else value.encode()) + b"\r\n"
    return body + b"--%s--\r\n" % boundary.encode(), f"multipart/form-data; boundary={boundary}"


class Closed(Exception):
    """The peer closed before a whole response came."""


class RawConnection:
    """Bytes out as given, responses in as they are framed (RFC 9112)."""

    def __init__(self, host, port, timeout=10, source=None):
        # Every address of 127.0.0.0/8 is this machine's, so a test can come from many.
        self.socket = socket.create_connection((host, port), timeout, source and (source, 0))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.host = f"{host}:{port}"
        self.buffer = bytearray()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data if isinstance(data, bytes) else data.encode("latin-1"))

    def request(self, line, *fields, body=b""):
        """Send a request; `{host}` is filled in as its Host field."""
        head = [f"{line} HTTP/1.1", f"Host: {self.host}", f"Origin: {ORIGIN}", *fields, "", ""]
        self.send("\r\n".join(head).encode("latin-1") + body)

    def read_response(self, to_head=False, check=True):
        """The next final response; the interim ones before it are in its `interim`."""
        interim = []
        while True:
            status, headers = self._read_head()
            if status < 200 and status != 101:
                interim.append(status)
                continue
            body = b"" if to_head or status in (101, 204, 304) else self._read_body(headers)
            response = Response(status, headers, body, interim=interim)
            return rules.check_response(response) if check else response

    def read_head(self):
        """Status and headers of the next response, interim ones included."""
        return self._read_head()

    def read_until_closed(self):
        """What still comes until the peer closes."""
        while self._fill():
            pass
        rest, self.buffer = bytes(self.buffer), bytearray()
        return rest

    def is_closed_by_peer(self, seconds=5):
        """Whether the peer closes within the time without sending anything more."""
        self.socket.settimeout(seconds)
        try:
            return not self.buffer and not self.socket.recv(1)
        except TimeoutError:
            return False
        except ConnectionError:
            return True

    def _fill(self):
        try:
            data = self.socket.recv(65536)
        except ConnectionError:
            data = b""
        self.buffer += data
        return bool(data)

    def _read_line(self):
        while b"\r\n" not in self.buffer:
            if not self._fill():
                raise Closed(bytes(self.buffer))
        line, _, rest = self.buffer.partition(b"\r\n")
        self.buffer = bytearray(rest)
        return bytes(line)

    def _read_exactly(self, count):
        while len(self.buffer) < count:
            if not self._fill():
                raise Closed(bytes(self.buffer))
        data, self.buffer = bytes(self.buffer[:count]), self.buffer[count:]
        return data

    def _read_head(self):
        line = self._read_line().decode("latin-1")
        version, status, *_ = line.split(" ", 2)
        assert version == "HTTP/1.1", line
        headers = Message()
        while field_line := self._read_line().decode("latin-1"):
            name, _, value = field_line.partition(":")
            headers[name] = value.strip()
        return int(status), headers

    def _read_body(self, headers):
        if headers.get("transfer-encoding", "").lower() == "chunked":
            body = b""
            while size := int(self._read_line().partition(b";")[0], 16):
                body += self._read_exactly(size)
                assert self._read_exactly(2) == b"\r\n"
            while self._read_line():
                pass
            return body
        if "content-length" in headers:
            return self._read_exactly(int(headers["content-length"]))
        return self.read_until_closed()
