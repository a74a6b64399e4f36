"""A TCP relay between a client and the server that a test can cut like a cable."""

import contextlib
import selectors
import socket
import struct
import threading
import time


class Proxy:
    """Relays `port` to the server. `cut()` resets all connections and refuses new ones until `restore()`.

    With `bytes_per_second`, what goes to the server is held to that on each connection; it can be changed at any time.
    """

    PIECE_BYTES = 16384

    def __init__(self, host, target_port, breaks_websockets=False, bytes_per_second=None):
        self.target = (host, target_port)
        self.bytes_per_second = bytes_per_second
        self.breaks_websockets = breaks_websockets
        self.pairs, self.lock = set(), threading.Lock()
        self.listener = None
        self.port = 0
        self.accepted = 0
        self.sent_bytes = 0  # to the server
        self.restore()

    @property
    def address(self):
        return f"http://{self.target[0]}:{self.port}"

    def restore(self):
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((self.target[0], self.port))
        listener.listen(128)
        self.port, self.listener = listener.getsockname()[1], listener
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()

    def cut(self):
        listener, self.listener = self.listener, None
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        with self.lock:
            pairs, self.pairs = self.pairs, set()
        for pair in pairs:
            for end in pair:
                with contextlib.suppress(OSError):
                    # A reset, as from a process that was killed. A mere end of one direction leaves a sender that waits
                    # for room waiting.
                    end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    end.shutdown(socket.SHUT_RDWR)

    def close(self):
        if self.listener:
            self.cut()

    def _accept(self, listener):
        while True:
            try:
                near, _ = listener.accept()
            except OSError:
                return
            self.accepted += 1
            if self.bytes_per_second:
                # Else the kernel takes megabytes from the sender at once.
                near.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 * self.PIECE_BYTES)
            try:
                far = socket.create_connection(self.target, 5)
            except OSError:
                near.close()
                continue
            with self.lock:
                self.pairs.add((near, far))
            threading.Thread(target=self._relay, args=(near, far), daemon=True).start()

    def _relay(self, near, far):
        with selectors.DefaultSelector() as selector, contextlib.closing(near), contextlib.closing(far):
            selector.register(near, selectors.EVENT_READ, far)
            selector.register(far, selectors.EVENT_READ, near)
            with contextlib.suppress(OSError, ValueError):
                while True:
                    for key, _ in selector.select():
                        data = key.fileobj.recv(self.PIECE_BYTES)
                        if not data or self.breaks_websockets and b"\r\nupgrade: websocket" in data.lower():
                            return
                        key.data.sendall(data)
                        self.sent_bytes += len(data) if key.fileobj is near else 0
                        if self.bytes_per_second and key.fileobj is near:
                            time.sleep(len(data) / self.bytes_per_second)
        with self.lock:
            self.pairs.discard((near, far))
