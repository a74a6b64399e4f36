"""The real binary as a process of its own: started on a free port, ended with its whole tree, its log kept."""

import os
import re
import selectors
import signal
import subprocess
import threading
import time
import uuid

import processes
from client import Client
from means import binary

HOST = "127.0.0.1"
START_SECONDS_MAX = 30
DRAIN_SECONDS_MAX = 10  # the promise for SIGTERM
CRASH = re.compile(r"\*\*\* Program crashed|Fatal error:|Thread \d+.* crashed")
LISTENING = re.compile(r"listening on http://(\S+):(\d+)\n")


class Server:
    """`headway serve` on its own data directory.

    `start()` returns once the server says that it listens. `stop()` ends it as an operator would and fails when that
    takes too long or leaves a process behind; `kill()` is SIGKILL to the server alone.
    """

    def __init__(self, data, log, *options, workers=2, port=0, environment=None, prefix=()):
        self.data, self.log_path = data, log
        self.options, self.workers, self.port = options, workers, port
        self.prefix = [str(part) for part in prefix]
        # Every process of the tree inherits the mark unless its environment is cleared on purpose.
        self.mark = f"headway-test-{uuid.uuid4()}"
        self.environment = {**os.environ, "HEADWAY_TEST_MARK": self.mark, **(environment or {})}
        self.process = self.client = None
        self.extra_output = b""
        self.was_seen = set()

    def command(self):
        return [*self.prefix, str(binary()), "serve", "--listen", f"{HOST}:{self.port}", "--data", str(self.data),
                "--workers", str(self.workers), "--log-level", "info", *map(str, self.options)]

    def start(self):
        log = open(self.log_path, "ab")
        self.process = subprocess.Popen(self.command(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log,
                                        env=self.environment, start_new_session=True)
        log.close()
        line = self._first_line()
        match = LISTENING.fullmatch(line)
        if not match:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"the server said {line!r} instead of where it listens\n{self.log_tail()}")
        assert match[1] == HOST, line
        self.port = int(match[2])
        self.client = Client(HOST, self.port)
        self._drain = threading.Thread(target=self._collect_output, daemon=True)
        self._drain.start()
        return self

    def _first_line(self):
        """The one line the server prints, awaited; what there is of it when the server ends or says nothing."""
        line, deadline = b"", time.monotonic() + START_SECONDS_MAX
        with selectors.DefaultSelector() as selector:
            selector.register(self.process.stdout, selectors.EVENT_READ)
            while not line.endswith(b"\n") and selector.select(deadline - time.monotonic()):
                byte = os.read(self.process.stdout.fileno(), 1)
                if not byte:
                    break
                line += byte
        return line.decode()

    def _collect_output(self):
        self.extra_output += self.process.stdout.read()

    @property
    def pid(self):
        """The server itself, also where another program runs it."""
        if not self.prefix:
            return self.process.pid
        return next(process.pid for process in processes.tree(self.process.pid)
                    if process.command.startswith(str(binary())))

    @property
    def is_running(self):
        return self.process is not None and self.process.poll() is None

    def tree(self):
        """Every process of the server now, itself first."""
        found = processes.tree(self.process.pid)
        self.was_seen.update(found)
        return found

    def worker_processes(self):
        """The worker processes, by what they call themselves."""
        return [process for process in self.tree()[1:] if re.search(r"\bworker\b", process.command)]

    def signal(self, number):
        os.kill(self.pid, number)

    def kill(self):
        """SIGKILL to the server alone: its processes must end by themselves. Returns those that lived with it."""
        tree = self.tree()
        self.signal(signal.SIGKILL)
        self.process.wait(10)
        return tree[1:]

    def stop(self):
        """SIGTERM; fails when the server does not end in time with 0, or leaves a process behind."""
        if self.process is None:
            return
        self.tree()
        slow = False
        if self.is_running:
            self.signal(signal.SIGTERM)
            try:
                self.process.wait(DRAIN_SECONDS_MAX + 2)
            except subprocess.TimeoutExpired:
                slow = True
                self._kill_tree()
        code = self.process.wait(10)
        left = self.leftovers()
        for process in left:
            os.kill(process.pid, signal.SIGKILL)
        self.process = None
        assert not slow, f"the server took more than {DRAIN_SECONDS_MAX} s to end\n{self.log_tail()}"
        assert code in (0, -signal.SIGKILL), f"the server ended with {code}\n{self.log_tail()}"
        assert not left, f"processes left behind: {left}"
        self._drain.join(5)
        assert self.extra_output == b"", f"more than one line on standard output: {self.extra_output[:500]}"

    def leftovers(self, seconds=5):
        """Processes of this server that outlive it by more than `seconds`."""
        return processes.wait_until_gone(self.was_seen | set(processes.marked(self.mark)), seconds)

    def _kill_tree(self):
        for process in reversed(self.tree()):
            try:
                os.kill(process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass

    def log_tail(self, lines=40):
        """What the log says of a crash, or else its last lines."""
        try:
            with open(self.log_path, encoding="utf-8", errors="replace") as log:
                all_lines = log.readlines()
        except OSError:
            return ""
        crash = next((at for at in reversed(range(len(all_lines))) if CRASH.search(all_lines[at])), None)
        if crash is not None:
            return "— the server crashed —\n" + "".join(all_lines[crash:crash + lines])
        return "— the server's log ends so —\n" + "".join(all_lines[-lines:])
