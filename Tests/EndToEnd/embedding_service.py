"""A stand-in for an OpenAI-compatible embedding service that fails in every way a test asks for.

It counts each call and each text, so a test can prove that no chunk was embedded twice. A vector is made from its text
alone, so a test can tell whether a chunk has got its own.
"""

import hashlib
import json
import socket
import ssl
import struct
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

DIMENSIONS = 8


def vector(text, dimensions=DIMENSIONS):
    """The vector of a text: numbers that a float of 32 bits and six decimals hold exactly."""
    digest = hashlib.sha256(text.encode()).digest()
    return [(digest[index % 32] - 128) / 128 for index in range(dimensions)]


class EmbeddingService:
    """`answers` is a list of what the next calls get, each a name of a way to fail with its arguments, or "well";
    when it is used up, every call gets `always`."""

    def __init__(self, always="well", key=None, certificate=None, port=0):
        self.always, self.key = always, key
        self.answers = []
        self.calls, self.texts = 0, Counter()
        self.served = Counter()
        self.requests = []
        self.under_way = self.under_way_max = 0
        self.lock = threading.Lock()
        self.slow_seconds = 0
        stand_in = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def do_POST(self):
                stand_in.handle(self)

            def do_GET(self):
                stand_in.handle(self)

        class Listener(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 128

            def handle_error(self, *_):
                pass  # A client that went away is what some tests are about.

        self.server = Listener(("127.0.0.1", port), Handler)
        self.port = self.server.server_address[1]
        self.scheme = "http"
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*certificate)
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
            self.scheme = "https"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    @property
    def url(self):
        return f"{self.scheme}://127.0.0.1:{self.port}/v1"

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    def next(self, *answers):
        with self.lock:
            self.answers.extend(answers)

    @property
    def texts_served_twice(self):
        return [text for text, count in self.served.items() if count > 1]

    def handle(self, request):
        body = request.rfile.read(int(request.headers.get("Content-Length", 0)))
        with self.lock:
            self.calls += 1
            self.under_way += 1
            self.under_way_max = max(self.under_way_max, self.under_way)
            answer = self.answers.pop(0) if self.answers else self.always
            self.requests.append((request.path, dict(request.headers), body))
        try:
            if self.slow_seconds:
                time.sleep(self.slow_seconds)
            name, *arguments = answer if isinstance(answer, tuple) else (answer,)
            if self.key and request.headers.get("Authorization") != f"Bearer {self.key}":
                name, arguments = "status", [401]
            if request.path != "/v1/embeddings":
                name, arguments = "status", [404]
            asked = json.loads(body) if body else {"input": []}
            with self.lock:
                self.texts.update(asked["input"])
            getattr(self, "answer_" + name)(request, asked, *arguments)
        finally:
            with self.lock:
                self.under_way -= 1

    # MARK: The ways to answer

    def send(self, request, status, body, fields=(), length=None):
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        request.send_response(status)
        for field, value in fields:
            request.send_header(field, value)
        request.send_header("Content-Type", "application/json")
        request.send_header("Content-Length", str(len(data) if length is None else length))
        request.end_headers()
        request.wfile.write(data)

    def entries(self, asked, dimensions=None):
        wanted = dimensions or asked.get("dimensions", DIMENSIONS)
        return [{"object": "embedding", "index": index, "embedding": vector(text, wanted)}
                for index, text in enumerate(asked["input"])]

    def whole(self, asked, entries):
        return {"object": "list", "data": entries, "model": asked["model"], "usage": {"total_tokens": 1}}

    def serve(self, request, asked, entries):
        self.send(request, 200, self.whole(asked, entries))
        with self.lock:
            self.served.update(asked["input"])

    def answer_well(self, request, asked):
        self.serve(request, asked, self.entries(asked))

    def answer_disordered(self, request, asked):
        self.serve(request, asked, self.entries(asked)[::-1])

    def answer_status(self, request, asked, status, *fields):
        self.send(request, status, {"error": {"message": f"the stand-in says {status}", "type": "t"}}, fields)

    def answer_echo_key(self, request, asked, status):
        self.send(request, status, {"error": f"bad {request.headers.get('Authorization')}"})

    def answer_too_large(self, request, asked, texts_max):
        """413 for more texts than this."""
        if len(asked["input"]) > texts_max:
            return self.answer_status(request, asked, 413)
        self.answer_well(request, asked)

    def answer_if_text(self, request, asked, word, status):
        """A status for calls with that word in a text: a poisonous part of a document."""
        if any(word in text for text in asked["input"]):
            return self.answer_status(request, asked, status)
        self.answer_well(request, asked)

    def answer_redirect(self, request, asked, location):
        self.send(request, 307, b"", [("Location", location)])

    def answer_never(self, request, asked, seconds=30):
        time.sleep(seconds)

    def answer_closed(self, request, asked):
        """No answer: the connection is reset."""
        request.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        request.close_connection = True

    def answer_cut(self, request, asked):
        """Half of an answer, then the end of the connection."""
        data = json.dumps(self.whole(asked, self.entries(asked))).encode()
        self.send(request, 200, data[:len(data) // 2], length=len(data))
        request.close_connection = True

    def answer_drip(self, request, asked, seconds):
        """A byte now and then."""
        data = json.dumps(self.whole(asked, self.entries(asked))).encode()
        self.send(request, 200, b"", length=len(data))
        for byte in data:
            time.sleep(seconds)
            request.wfile.write(bytes([byte]))
            request.wfile.flush()

    def answer_page(self, request, asked):
        self.send(request, 200, b"<html><body>Back soon</body></html>")

    def answer_json(self, request, asked, value):
        self.send(request, 200, value)

    def answer_count(self, request, asked, change):
        """So many vectors more or fewer than texts."""
        entries = self.entries(asked)
        extra = [{"index": len(entries), "embedding": vector("extra")}] * max(0, change)
        self.send(request, 200, self.whole(asked, entries[:len(entries) + min(0, change)] + extra))

    def answer_dimensions(self, request, asked, dimensions):
        self.send(request, 200, self.whole(asked, self.entries(asked, dimensions)))

    def answer_nan(self, request, asked):
        entries = self.entries(asked)
        entries[-1]["embedding"][-1] = float("nan")
        self.send(request, 200, self.whole(asked, entries))  # json.dumps writes NaN

    def answer_huge(self, request, asked):
        """A vector that never ends."""
        request.send_response(200)
        request.send_header("Connection", "close")
        request.end_headers()
        request.wfile.write(b'{"data":[{"index":0,"embedding":[')
        for _ in range(4096):
            request.wfile.write(b"0.5," * 16384)
        request.close_connection = True
