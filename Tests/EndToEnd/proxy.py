"""A TCP relay between a client and the server that a test can cut like a cable."""

import contextlib
import selectors
import socket
import threading


class Proxy:
    """Relays `port` to the server. `cut()` resets all connections and refuses new ones until `restore()`."""

    def __init__(self, host, target_port, breaks_websockets=False):
        self.target = (host, target_port)
        self.breaks_websockets = breaks_websockets
        self.pairs, self.lock = set(), threading.Lock()
        self.listener = None
        self.port = 0
        self.accepted = 0
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
                        data = key.fileobj.recv(16384)
                        if not data or self.breaks_websockets and b"\r\nupgrade: websocket" in data.lower():
                            return
                        key.data.sendall(data)
        with self.lock:
            self.pairs.discard((near, far))
