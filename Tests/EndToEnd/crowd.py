"""Many uploads in flight together, on one thread and with next to no memory: their bytes are made, not stored."""

import hashlib
import selectors
import socket
import time

# No document: it begins with a zero. So the server takes the bytes and has nothing to work on.
PATTERN = bytes(index * 31 + (index >> 8) & 0xFF for index in range(1 << 20))
TURN_BYTES_MAX = 256 * 1024


def pattern(start, count):
    """Those bytes of the endless repetition of PATTERN."""
    place = start % len(PATTERN)
    return (PATTERN[place:] + PATTERN * (count // len(PATTERN) + 1))[:count]


def pattern_sha256(size):
    digest, left = hashlib.sha256(), size
    while left:
        digest.update(PATTERN[:left])
        left -= min(left, len(PATTERN))
    return digest.hexdigest()


class _Upload:
    def __init__(self, client, number, size, query):
        self.head = (f"PUT /drop/{number}.bin{query} HTTP/1.1\r\nHost: {client.host}:{client.port}\r\n"
                     f"Content-Length: {size}\r\nConnection: close\r\n\r\n").encode()
        self.sent, self.answer = 0, b""
        self.socket = socket.create_connection((client.host, client.port), 10)
        self.socket.setblocking(False)

    def send(self, goal):
        """Up to a turn's bytes towards `goal`; whether it is reached."""
        if self.head:
            self.head = self.head[self.socket.send(self.head):]
            return False
        place = self.sent % len(PATTERN)
        count = min(goal - self.sent, len(PATTERN) - place, TURN_BYTES_MAX)
        self.sent += self.socket.send(memoryview(PATTERN)[place:place + count])
        return self.sent == goal


class Crowd:
    """Uploads of the same size that go on in step: none is through while another has not begun its last part."""

    def __init__(self, client, count, size, query="", first=0):
        self.size = size
        self.uploads = [_Upload(client, first + number, size, query) for number in range(count)]

    def send_up_to(self, goal, seconds=120):
        """Returns when every upload has sent that many bytes."""
        deadline = time.monotonic() + seconds
        with selectors.DefaultSelector() as selector:
            for upload in self.uploads:
                if upload.sent < goal:
                    selector.register(upload.socket, selectors.EVENT_READ | selectors.EVENT_WRITE, upload)
            while selector.get_map():
                assert time.monotonic() < deadline, f"{len(selector.get_map())} have not sent {goal} bytes in time"
                for key, events in selector.select(1):
                    if events & selectors.EVENT_READ:
                        early = key.data.socket.recv(4096)
                        raise AssertionError(f"an answer after {key.data.sent} of {self.size} bytes: {early[:400]}")
                    if key.data.send(goal):
                        selector.unregister(key.data.socket)

    def finish(self, seconds=120, step=8 << 20):
        """Sends what is left, in steps, and returns every status."""
        goal = self.uploads[0].sent
        while goal < self.size:
            goal = min(self.size, goal + step)
            self.send_up_to(goal, seconds)
        return self.statuses(seconds)

    def statuses(self, seconds=120):
        deadline = time.monotonic() + seconds
        for upload in self.uploads:
            upload.socket.settimeout(max(0.1, deadline - time.monotonic()))
            while piece := upload.socket.recv(65536):
                upload.answer += piece
        return [int(upload.answer.split(b" ", 2)[1]) for upload in self.uploads]

    def close(self):
        for upload in self.uploads:
            upload.socket.close()
