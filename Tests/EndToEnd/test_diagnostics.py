"""`serve --diagnostics`: the echo and the topic that suites and measurements use."""

import json
import os
import subprocess
import threading
import time
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from client import RawConnection
from frames import OPCODE_BINARY, OPCODE_CONTINUATION, OPCODE_PING, OPCODE_TEXT, WebSocketConnection, frame
from means import need, program
from waiting import eventually

MESSAGE_BYTES_MAX = 16 << 20


@pytest.fixture(scope="module")
def server(start_shared_server):
    return start_shared_server("--diagnostics")


def address(client, path):
    return f"ws://{client.host}:{client.port}/diagnostics/{path}"


def test_without_the_flag_there_is_nothing(start_server):
    client = start_server().client
    for path in ("echo", "watch", "publish"):
        client.get(f"/diagnostics/{path}", expect=404)


class TestTheEcho:
    @pytest.mark.parametrize("compression", [None, "deflate"])
    @pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 1000, 65_535, 65_536, 1_000_000])
    def test_messages_of_every_size_come_back(self, client, compression, size):
        with connect(address(client, "echo"), compression=compression, max_size=None) as socket:
            for message in (os.urandom(size), "é" * (size // 2), b"a" * size):
                socket.send(message)
                assert socket.recv(timeout=20) == message

    def test_contexts_are_kept_both_ways_when_the_client_wants_them(self, client):
        with connect(address(client, "echo"), compression="deflate") as socket:
            agreed = socket.response.headers["Sec-WebSocket-Extensions"]
            assert "no_context_takeover" not in agreed
            text = " ".join(str(number) for number in range(400))
            for _ in range(5):
                socket.send(text)
                assert socket.recv(timeout=10) == text

    def test_sixteen_mebibytes_in_any_number_of_fragments(self, client):
        payload = os.urandom(MESSAGE_BYTES_MAX)
        with WebSocketConnection(client, "/diagnostics/echo", timeout=60) as socket:
            count = 4096
            size = len(payload) // count
            for index in range(count):
                socket.send(frame(OPCODE_BINARY if index == 0 else OPCODE_CONTINUATION,
                                  payload[index * size:(index + 1) * size], fin=index == count - 1))
            assert socket.read_frame() == (OPCODE_BINARY, payload)

    def test_one_byte_more_is_1009(self, client):
        with WebSocketConnection(client, "/diagnostics/echo", timeout=30) as socket:
            socket.send(frame(OPCODE_BINARY, b"", length=MESSAGE_BYTES_MAX + 1))
            assert socket.read_close()[0] == 1009

    def test_a_bomb_is_1009_and_costs_no_memory(self, server, client):
        with connect(address(client, "echo"), compression="deflate", max_size=None) as socket:
            before = server.tree()[0].resident_bytes
            socket.send(b"\0" * (200 << 20))
            with pytest.raises(ConnectionClosed) as closed:
                socket.recv(timeout=30)
            assert closed.value.rcvd.code == 1009
            assert server.tree()[0].resident_bytes - before < 64 << 20

    def test_answers_keep_their_order(self, client):
        with WebSocketConnection(client, "/diagnostics/echo") as socket:
            socket.send(frame(OPCODE_TEXT, b"one") + frame(OPCODE_PING, b"two") + frame(OPCODE_TEXT, b"three"))
            assert [socket.read_frame()[1] for _ in range(3)] == [b"one", b"two", b"three"]

    def test_a_peer_that_pings_and_never_reads_is_not_listened_to(self, server, client):
        """Its pongs would otherwise fill the server's memory."""
        before = server.tree()[0].resident_bytes
        with RawConnectionThatNeverReads(client, "/diagnostics/echo") as peer:
            sent = peer.push(frame(OPCODE_PING, b"x" * 125) * 500, seconds=3)
            assert server.tree()[0].resident_bytes - before < 32 << 20, sent
        client.get("/healthz", expect=200)

    def test_nor_is_such_a_watcher(self, server, client):
        identifier = client.create()["document_id"]
        before = server.tree()[0].resident_bytes
        with RawConnectionThatNeverReads(client, f"/v1/documents/{identifier}/events") as peer:
            sent = peer.push(frame(OPCODE_PING, b"x" * 125) * 500, seconds=3)
            assert server.tree()[0].resident_bytes - before < 32 << 20, sent

    def test_node_ws_gets_the_same_with_and_without_compression(self, client, tmp_path):
        need(Path("/usr/share/nodejs/ws").exists(), "node-ws, a client for Node.js")
        script = tmp_path / "echo.js"
        script.write_text(f"""
            const WebSocket = require('ws');
            let left = 2;
            for (const perMessageDeflate of [true, false]) {{
                const socket = new WebSocket('{address(client, "echo")}', {{ perMessageDeflate }});
                const text = 'same '.repeat(500);
                let count = 0;
                socket.on('open', () => socket.send(text));
                socket.on('message', (data) => {{
                    if (data.toString() !== text) process.exit(2);
                    if (++count < 5) return socket.send(text);
                    if (Boolean(socket.extensions) !== perMessageDeflate) process.exit(3);
                    socket.close(1000);
                }});
                socket.on('close', (code) => {{
                    if (code !== 1000) process.exit(4);
                    if (--left === 0) process.exit(0);
                }});
            }}
            setTimeout(() => process.exit(5), 10000);
        """)
        done = subprocess.run([program("node", "nodejs"), script], timeout=30, capture_output=True, text=True,
                              env={**os.environ, "NODE_PATH": "/usr/share/nodejs"})
        assert done.returncode == 0, done.stderr


def test_who_is_let_go_is_told_so_however_late_he_reads(start_server):
    """The close frame stands behind what waits; its time begins when it has left."""
    client = start_server("--diagnostics").client
    with WebSocketConnection(client, "/diagnostics/watch", timeout=30) as watcher:
        body = b"x" * 60_000
        for _ in range(150):
            client.post("/diagnostics/publish", body, expect=202)
        time.sleep(8)  # longer than a closing handshake may take
        assert watcher.read_close() == (1008, "too slow")


class RawConnectionThatNeverReads(WebSocketConnection):
    def push(self, data, seconds):
        """Sends again and again for so long; how much the server took."""
        sent = 0

        def run():
            nonlocal sent
            deadline = time.monotonic() + seconds
            try:
                while time.monotonic() < deadline:
                    self.socket.sendall(data)
                    sent += len(data)
            except OSError:
                pass

        self.socket.settimeout(1)
        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        thread.join(seconds + 5)
        return sent


class TestTheTopic:
    @pytest.fixture
    def client(self, start_server):
        return start_server("--diagnostics").client

    @pytest.mark.parametrize("compression", [None, "deflate"])
    def test_every_message_reaches_everybody_verbatim_and_in_order(self, client, compression):
        messages = [json.dumps({"number": number, "text": "é" * (number % 200)}, ensure_ascii=False)
                    for number in range(300)]
        sockets = [connect(address(client, "watch"), compression=compression) for _ in range(20)]
        self.wait_for_watchers(client, 20)
        for message in messages:
            client.post("/diagnostics/publish", message.encode(), expect=202)
        for socket in sockets:
            assert [socket.recv(timeout=10) for _ in messages] == messages
            socket.close()

    def test_who_does_not_keep_up_gets_the_newest_with_conflate_and_is_let_go_without(self, client):
        with WebSocketConnection(client, "/diagnostics/watch?conflate=1", timeout=20) as newest, \
                WebSocketConnection(client, "/diagnostics/watch", timeout=20) as every:
            self.wait_for_watchers(client, 2)
            body = "x" * 60_000
            for number in range(400):
                client.post("/diagnostics/publish", f"{number} {body}".encode(), expect=202)
            client.get("/healthz", expect=200)
            # What the kernel holds comes first; then the one is told to go.
            assert every.read_close() == (1008, "too slow")
            numbers = []
            while not numbers or numbers[-1] < 399:
                numbers.append(int(newest.read_message().split()[0]))
            assert numbers == sorted(numbers) and len(numbers) < 400

    def test_a_message_is_text(self, client):
        client.post("/diagnostics/publish", b"\xff", expect=400)
        client.post("/diagnostics/publish", b"x" * 70_000, expect=413)
        client.post("/diagnostics/publish", b"", expect=400)

    def wait_for_watchers(self, client, count):
        def watchers():
            text = client.get("/metrics").body.decode()
            return int(next(line.split()[1] for line in text.splitlines() if line.startswith("headway_watchers ")))
        eventually(lambda: watchers() == count, 10)
