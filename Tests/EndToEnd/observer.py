"""Watches every document on one connection, in a process of its own so that nothing here holds it up, and keeps what it
saw: one line an event, the time it came and the event. Ends at SIGTERM."""

import json
import re
import signal
import subprocess
import sys
import time
from collections import defaultdict
from datetime import datetime
from pathlib import Path

from waiting import eventually


class Observer:
    """The other side: starts it, ends it, reads what it kept."""

    def __init__(self, server, path):
        self.path = Path(path)
        address = f"ws://{server.client.host}:{server.port}/v1/events"
        self.process = subprocess.Popen([sys.executable, __file__, address, self.path], stdin=subprocess.DEVNULL)
        eventually(self.path.exists, 20, "the observer watches")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end()

    def end(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(10) == 0, "the observer lost its connection"

    def events(self):
        """(when it came in Unix seconds, the state), in their order."""
        found = []
        for line in self.path.read_text(encoding="utf-8").splitlines():
            came, _, text = line.partition(" ")
            state = json.loads(text)
            if "document_id" in state and "status" in state:
                found.append((float(came), state))
        return found

    def stories(self):
        """The states of each document."""
        found = defaultdict(list)
        for _, state in self.events():
            found[state["document_id"]].append(state)
        return found

    def delays(self, identifier=None):
        """(when it came, seconds from `updated_at` until then) of each event that tells something new of its document,
        or of that one document.

        A place in the line moves without the document being changed, so such an event has no time of its own.
        """
        found, newest = [], {}
        for came, state in self.events():
            document, updated = state["document_id"], state["updated_at"]
            if newest.get(document, "") < updated and identifier in (None, document):
                found.append((came, came - unix_seconds(updated)))
            newest[document] = updated
        return found


def unix_seconds(instant):
    return datetime.fromisoformat(re.sub(r"Z$", "+00:00", instant)).timestamp()


def main(address, path):
    from websockets.sync.client import connect

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    new = Path(path + ".new")
    with connect(address, compression=None, max_size=None) as socket, new.open("w", encoding="utf-8") as file:
        socket.send('{"subscribe":["*"]}')
        file.write(f"{time.time()} {socket.recv(timeout=20)}\n")
        new.rename(path)
        while True:
            text = socket.recv()
            file.write(f"{time.time():.6f} {text}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
