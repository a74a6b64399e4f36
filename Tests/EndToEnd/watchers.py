"""Four ways to watch a document, each as an independent client would: WebSocket, SSE, NDJSON, polling.

Every watcher gives the same kind of account, so that one test can hold all four to the same rules.
"""

import contextlib
import json
import threading
import time
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException

from websockets.exceptions import ConnectionClosed, InvalidHandshake
from websockets.sync.client import connect

import rules
from client import ORIGIN

TRANSPORTS = ("websocket", "sse", "ndjson", "poll")


@dataclass
class Account:
    """What a watcher saw."""

    states: list = field(default_factory=list)
    texts: list = field(default_factory=list)  # as they came, one a state
    times: list = field(default_factory=list)  # when they came
    close_code: int | None = None
    close_reason: str = ""
    status: int | None = None  # of a response that was not a stream
    identifiers: list = field(default_factory=list)  # SSE: the id of each event
    lines_before: list = field(default_factory=list)  # SSE: what came before the first event
    comments: int = 0
    not_modified: int = 0  # polling: replies of 304

    def add(self, text):
        self.times.append(time.monotonic())
        self.texts.append(text)
        self.states.append(rules.check_message(text))

    @property
    def last(self):
        return self.states[-1]


class Watcher(threading.Thread):
    """Watches in a thread of its own until the stream ends. `join_account()` waits for the end and returns it all.

    With `reconnect` it connects again whenever the connection is lost before a terminal state, as the page does.
    """

    def __init__(self, client, identifier, transport="websocket", reconnect=False, after=None, seconds=90):
        super().__init__(daemon=True)
        self.client, self.identifier, self.transport = client, identifier, transport
        self.reconnect, self.after = reconnect, after
        self.deadline = time.monotonic() + seconds
        self.account = Account()
        self.connected = threading.Event()
        self.connections = 0
        self.failure = None

    @property
    def path(self):
        suffix = f"?after={self.after}" if self.after else ""
        return f"/v1/documents/{self.identifier}/events{suffix}"

    def run(self):
        watch = getattr(self, f"_watch_{self.transport}")
        try:
            while True:
                try:
                    watch()
                except (OSError, HTTPException, ConnectionClosed, InvalidHandshake, EOFError):
                    if not self.reconnect:
                        raise
                states = self.account.states
                if not self.reconnect or (states and states[-1]["status"] in rules.TERMINAL):
                    return
                if time.monotonic() > self.deadline:
                    raise TimeoutError("no terminal state in time")
                time.sleep(0.05)
        except BaseException as failure:
            self.failure = failure
        finally:
            self.connected.set()

    def join_account(self, seconds=90):
        """The whole account once the stream has ended."""
        self.join(seconds)
        assert not self.is_alive(), f"{self.transport}: the stream did not end; last: {self.account.texts[-1:]}"
        if self.failure:
            raise self.failure
        return self.account

    def wait_connected(self, seconds=10):
        """Returns once the first state has come."""
        assert self.connected.wait(seconds), f"{self.transport}: no first state"
        if self.failure:
            raise self.failure
        return self

    def _add(self, text):
        # A watcher that connects again is told again what it knows: that is no event.
        states = self.account.states
        if self.reconnect and states:
            state = json.loads(text)
            if (state["epoch"], state["offset"]) == (states[-1]["epoch"], states[-1]["offset"]):
                return
        self.account.add(text)
        self.connected.set()

    def _watch_websocket(self):
        address = f"ws://{self.client.host}:{self.client.port}{self.path}"
        with connect(address, origin=ORIGIN, open_timeout=10, close_timeout=5, compression=None) as socket:
            self.connections += 1
            with contextlib.suppress(ConnectionClosed):
                while True:
                    self._add(socket.recv(timeout=max(0.1, self.deadline - time.monotonic())))
            self.account.close_code = socket.protocol.close_code
            self.account.close_reason = socket.protocol.close_reason

    def _open(self, **headers):
        connection = HTTPConnection(self.client.host, self.client.port,
                                    timeout=max(0.1, min(40, self.deadline - time.monotonic())))
        connection.request("GET", self.path, headers={"Origin": ORIGIN, **headers})
        response = connection.getresponse()
        self.connections += 1
        return connection, response

    def _watch_sse(self, last_event_id=None):
        headers = {"Accept": "text/event-stream"}
        if last_event_id:
            headers["Last-Event-ID"] = last_event_id
        connection, response = self._open(**headers)
        with contextlib.closing(connection):
            self.account.status = response.status
            if response.status != 200:
                return
            assert response.headers["content-type"].split(";")[0] == "text/event-stream"
            identifier, data = None, []
            for line in lines(response):
                if not line:
                    if data:
                        self._add("\n".join(data))
                        self.account.identifiers.append(identifier)
                    data = []
                    continue
                if not self.account.states and not data:
                    self.account.lines_before.append(line)
                name, _, value = line.partition(":")
                value = value.removeprefix(" ")
                if not name:
                    self.account.comments += 1
                elif name == "id":
                    identifier = value
                elif name == "data":
                    data.append(value)
                else:
                    assert name == "retry", f"a field that onmessage would not see: {line}"

    def _watch_ndjson(self):
        connection, response = self._open(Accept="application/x-ndjson")
        with contextlib.closing(connection):
            self.account.status = response.status
            if response.status == 200:
                assert response.headers["content-type"].split(";")[0] == "application/x-ndjson"
                for line in lines(response):
                    self._add(line)

    def _watch_poll(self):
        tag = None
        while time.monotonic() < self.deadline:
            connection, response = self._open(**({"If-None-Match": tag} if tag else {}))
            with contextlib.closing(connection):
                body = response.read().decode()
                self.account.status = response.status
            if response.status == 304:
                self.account.not_modified += 1
            elif response.status == 200:
                tag = response.headers["etag"]
                self._add(body.rstrip("\n"))
                assert tag == '"{epoch}-{offset}"'.format(**self.account.last), tag
                if self.account.last["status"] in rules.TERMINAL:
                    return
            else:
                return
            time.sleep(0.02)


def lines(response):
    """The lines of a streamed body as they come, without their ends."""
    while line := response.readline():
        yield line.decode("utf-8").rstrip("\n").rstrip("\r")


def watch(client, identifier, transport="websocket", seconds=90, **options):
    """Start watching and return the watcher once it has its first state."""
    watcher = Watcher(client, identifier, transport, seconds=seconds, **options)
    watcher.start()
    return watcher.wait_connected()
