"""How soon others are served while something heavy goes on: measured all the while by processes and threads that do
nothing else, and counted from when an answer was due."""

import json
import subprocess
import threading
import time
from collections import defaultdict
from http.client import HTTPConnection
from pathlib import Path

from means import BUILD, binary, need


def percentile(values, share):
    """The smallest value that so many of them do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def worst_window(delays, share, seconds=10, count_min=100):
    """The largest percentile of any `seconds` with enough of (when, delay) to have one; None without such a span."""
    windows = defaultdict(list)
    for came, delay in delays:
        windows[int(came / seconds)].append(delay)
    return max((percentile(one, share) for one in windows.values() if len(one) >= count_min), default=None)


def told(delays):
    """`1234, p50 3 ms, p99 20 ms, worst 31 ms` of seconds."""
    figures = [("p50", percentile(delays, 0.5)), ("p99", percentile(delays, 0.99)), ("worst", max(delays))]
    return f"{len(delays)}, " + ", ".join(f"{name} {1000 * value:.1f} ms" for name, value in figures)


def load_generator():
    """That of the release build where there is one: it must not be what is measured."""
    places = [binary().parent / "headway-load", BUILD / "release" / "headway-load", BUILD / "debug" / "headway-load"]
    return need(next(filter(Path.exists, places), None), "headway-load, which the build makes")


class HubWatch(threading.Thread):
    """Messages at a fixed rate through the hub of a server with `--diagnostics` to `watchers`, some seconds at a time,
    from begin to end(). The load generator measures them."""

    def __init__(self, server, watchers=50, rate=20, seconds=10):
        super().__init__(daemon=True)
        base = f"{server.client.host}:{server.port}/diagnostics"
        self.command = [load_generator(), "fanout", "--watch", f"ws://{base}/watch", "--publish",
                        f"http://{base}/publish", "--watchers", str(watchers), "--rate", str(rate), "--seconds",
                        str(seconds), "--warm-up", "0.2", "--patience", "30"]
        self.is_over, self.results, self.failure = threading.Event(), [], None
        self.start()

    def run(self):
        while not self.is_over.is_set() or not self.results:
            done = subprocess.run(self.command, capture_output=True, text=True, timeout=120)
            if done.returncode:
                self.failure = done.stderr or done.stdout
                return
            self.results.append(json.loads(done.stdout.strip().splitlines()[-1]))

    def end(self):
        """The p99 of each span, in seconds. Fails where a message was lost."""
        self.is_over.set()
        self.join(150)
        assert not self.failure and self.results, self.failure
        for result in self.results:
            for fault in ("missing", "disordered", "unknown", "foreign", "refused", "disconnected"):
                assert not result.get(fault), (fault, result)
        return [result["delivery_p99_us"] / 1e6 for result in self.results]


class HealthProbe(threading.Thread):
    """Asks /healthz on a connection that is kept, so many times a second whether the last answer was quick or not."""

    def __init__(self, server, rate=20):
        super().__init__(daemon=True)
        self.server, self.interval = server, 1 / rate
        self.is_over, self.delays, self.failure = threading.Event(), [], None
        self.start()

    def run(self):
        connection = HTTPConnection(self.server.client.host, self.server.port, timeout=30)
        due = time.monotonic()
        try:
            while not self.is_over.is_set():
                time.sleep(max(0, due - time.monotonic()))
                connection.request("GET", "/healthz")
                reply = connection.getresponse()
                reply.read()
                assert reply.status == 200, reply.status
                self.delays.append(time.monotonic() - due)
                due += self.interval
        except BaseException as failure:
            self.failure = failure
        finally:
            connection.close()

    def end(self):
        """Seconds of each answer, from when it was due to be asked for."""
        self.is_over.set()
        self.join(40)
        if self.failure:
            raise self.failure
        return self.delays
