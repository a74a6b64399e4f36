"""A storm: uploads of every kind, while the server is killed, connections are cut and the disk is full.

All that is drawn by lot comes from one seed: the schedule of kills and of the full disk, and for each client what it
brings, how, and which accident each of its requests meets. `CHAOS_SEED` repeats them; how the threads fall in with one
another is the machine's affair, so a finding that does not come back at once comes back within a few runs.
"""

import contextlib
import json
import os
import random
import re
import signal
import socket
import sqlite3
import subprocess
import threading
import time
import traceback
from pathlib import Path

import processes
import rules
from client import Client
from resumers import KINDS, ResumingUploader
from server import CRASH, HOST, Server
from uploaders import Book, GivenUp, Material, Wire
from waiting import eventually
from watchers import TRANSPORTS, Watcher

UPLOADERS = 10
WATCHERS_MAX = 24
STAYING_MAX = 60
# Kills mostly fall into the first moments of a server's life: its recovery, its start, its first acknowledgements.
LIVES = [(0.70, 0.0, 0.3), (0.95, 0.3, 0.9), (1.0, 0.9, 1.5)]
ACCIDENTS = 0.25
# The share of the draft's requests that take long enough to be told meanwhile how far they are.
SLOWNESS = 0.3
# The share of lives in which the disk fills up, for how many lives, and what is left of it then.
FULL_DISKS = 0.08
FULL_LIVES_MAX = 3
LEFT_BYTES = [0, 0, 4096, 65536, 1 << 20, 11 << 20]
DRAIN_SECONDS = 90


class SmallDisk:
    """A file system of its own that can be filled. Needs the right to mount."""

    SIZE_MEBIBYTES = 224

    def __init__(self, folder):
        self.folder = Path(folder)
        self.ballast = self.folder / "ballast"

    @staticmethod
    def can_mount(folder):
        """Whether this user may mount a file system here."""
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder], capture_output=True)
        return mounted.returncode == 0 and subprocess.run(["umount", folder], capture_output=True).returncode == 0

    def __enter__(self):
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={self.SIZE_MEBIBYTES}m,mode=700", "tmpfs", self.folder],
                       check=True)
        return self

    def __exit__(self, *_):
        subprocess.run(["umount", "--lazy", self.folder], check=True)

    @property
    def is_full(self):
        return self.ballast.exists()

    def fill(self, left_bytes):
        """Take what there is until `left_bytes` are left; others write meanwhile, so it is tried until none is."""
        with open(self.ballast, "wb") as file:
            while (free := self._free() - left_bytes) > 0:
                with contextlib.suppress(OSError):
                    os.posix_fallocate(file.fileno(), file.seek(0, os.SEEK_END), free)
                    file.seek(0, os.SEEK_END)

    def _free(self):
        status = os.statvfs(self.folder)
        return status.f_bavail * status.f_frsize

    def free(self):
        self.ballast.unlink(missing_ok=True)


class StormWatcher(Watcher):
    """Watches through the storm, each time from behind the last event that it saw."""

    @property
    def path(self):
        after = ""
        if self.account.states and self.transport != "poll":
            after = "?after={epoch}-{offset}".format(**self.account.last)
        return f"/v1/documents/{self.identifier}/events{after}"


class Storm:
    """`run()` the storm, then `drain()`, then `check()`. `findings` is all that was wrong."""

    def __init__(self, disk, log_path, seed, kills, environment=None):
        self.disk, self.log_path, self.seed, self.kills = disk, log_path, seed, kills
        self.choose = random.Random(f"{seed}/storm")
        # Below the range of ports that clients get: nobody takes it, and no client connects to itself, while the
        # server is down.
        self.port = free_port(self.choose)
        self.server = Server(disk.folder / "data", log_path, port=self.port, environment=environment)
        self.client = Client(HOST, self.port)
        self.book = Book()
        self.findings, self.watchers, self.children = [], [], set()
        self.lock = threading.Lock()
        self.is_over = threading.Event()
        self.deadline = None  # set when the storm is over
        self.counts = dict.fromkeys(
            ("kills", "before listening", "full disks", "refused to start", "documents", "deleted"), 0)
        self.process = None
        self.began_on_full_disk = False  # and it may have been freed before its end is seen

    # The storm

    def run(self):
        wires = []
        threads = []
        for number in range(UPLOADERS):
            choose = random.Random(f"{self.seed}/uploader/{number}")
            wires.append(Wire(HOST, self.port, choose, ACCIDENTS))
            threads.append(threading.Thread(target=self._guard, args=(self._upload, wires[-1], choose), daemon=True))
        self._spawn()
        for thread in threads:
            thread.start()
        full_lives = 0
        try:
            while self.counts["kills"] < self.kills and not self.findings:
                full_lives = self._weather(full_lives)
                self._live()
        finally:
            self.disk.free()
            self._kill()
            self.deadline = time.monotonic() + DRAIN_SECONDS
            self.is_over.set()
        self.server.start()
        for wire in wires:
            wire.calm()
        for thread in threads:
            thread.join(max(1, self.deadline + 10 - time.monotonic()))
            if thread.is_alive():
                self._found("a client never came to its end")

    def _weather(self, full_lives):
        """The disk fills up now and then, and is freed again some lives later."""
        if full_lives > 1:
            return full_lives - 1
        if full_lives == 1:
            self.disk.free()
        elif self.choose.random() < FULL_DISKS:
            self.disk.fill(self.choose.choice(LEFT_BYTES))
            self.counts["full disks"] += 1
            return self.choose.randint(1, FULL_LIVES_MAX)
        return 0

    def _live(self):
        """One life of the server, from now to its next start."""
        roll = self.choose.random()
        shortest, longest = next((low, high) for share, low, high in LIVES if roll < share)
        end = time.monotonic() + self.choose.uniform(shortest, longest)
        while (rest := end - time.monotonic()) > 0 and self.process.poll() is None:
            time.sleep(min(rest, 0.05))
        if self.process.poll() is not None:
            self._ended_by_itself()
        else:
            self._kill()
            self.counts["kills"] += 1
        self._spawn()

    def _spawn(self):
        self.began_on_full_disk = self.disk.is_full
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                self.server.command(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log,
                env=self.server.environment, start_new_session=True)

    def _kill(self):
        self._remember_children()
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(10)
        self.counts["before listening"] += not self._said()

    def _said(self):
        said = self.process.stdout.read() if self.process.stdout else b""
        self.process.stdout.close()
        return said

    def _remember_children(self):
        with contextlib.suppress(OSError):
            for task in os.listdir(f"/proc/{self.process.pid}/task"):
                for child in Path(f"/proc/{self.process.pid}/task/{task}/children").read_text().split():
                    if found := processes.read(int(child)):
                        self.children.add(found)

    def _ended_by_itself(self):
        """Only where there is no room to open the record may it end, and then in words."""
        log = Path(self.log_path).read_text(errors="replace")[-4000:]
        self._said()
        if self.process.returncode != 1 or not (self.disk.is_full or self.began_on_full_disk) or CRASH.search(log):
            self._found(f"the server ended by itself with {self.process.returncode}:\n{log}")
        self.counts["refused to start"] += 1
        self.disk.free()

    # Clients

    def _guard(self, work, *arguments):
        try:
            work(*arguments)
        except GivenUp:
            if self.findings and not self.is_over.is_set():
                return  # as all do when one has found something
            self._found(f"no end within {DRAIN_SECONDS} s without accidents\n" + traceback.format_exc())
        except BaseException:
            self._found(traceback.format_exc())

    def _found(self, what):
        with self.lock:
            self.findings.append(what)

    def _go_on(self):
        """Before one more try: when all is quiet there must be an end."""
        if self.findings and not self.is_over.is_set():
            raise GivenUp("the storm ends early")
        if self.deadline and time.monotonic() > self.deadline:
            raise GivenUp
        time.sleep(0.02 if not self.deadline else 0.05)

    def _upload(self, wire, choose):
        uploader = ResumingUploader(wire, self.book, choose, self._go_on, SLOWNESS)
        while not self.is_over.is_set():
            # Drawn whether they are used or not, so that one draw less does not change all that follow.
            kind, material, watches = choose.choice(KINDS), Material.choose(choose), choose.random()
            waits, stays = choose.random() < 0.7, choose.random() < 0.4
            promise = uploader.bring(material, kind)
            del material
            with self.lock:
                self.counts["documents"] += 1
                active = sum(watcher.is_alive() for watcher in self.watchers)
                wanted = 0 if active >= WATCHERS_MAX else 2 if watches < 0.3 else watches < 0.6
                watchers = [self._watch(promise, choose.choice(TRANSPORTS)) for _ in range(wanted)]
            if waits:
                uploader.check_bytes(promise, uploader.wait_for_end(promise))
            # Most go again, the large ones all: the disk is small.
            if not stays or promise.size > 1 << 20 or self._staying() > STAYING_MAX:
                uploader.until(lambda: all(not watcher.is_alive() for watcher in watchers) or None)
                uploader.delete(promise)
                with self.lock:
                    self.counts["deleted"] += 1

    def _staying(self):
        return sum(promise.is_accepted and not promise.deletion for promise in self.book.all())

    def _watch(self, promise, transport):
        watcher = StormWatcher(self.client, promise.identifier, transport, reconnect=True, seconds=3600)
        watcher.promise = promise
        self.watchers.append(watcher)
        watcher.start()
        return watcher

    # Afterwards

    def drain(self):
        """Left alone, everything comes to its end."""
        self.uploader = ResumingUploader(Wire(HOST, self.port), self.book, random.Random(self.seed), self._go_on)
        for promise in self.book.all():
            self._guard(self.uploader.check, promise)
        for watcher in self.watchers:
            self._guard(self._check_watcher, watcher)

    def _check_watcher(self, watcher):
        account = watcher.join_account(max(2, self.deadline - time.monotonic()))
        promise = watcher.promise
        check_watch(account.states)
        last = account.last
        if last["status"] == "failed" and last["error"]["code"] in ("storage_full", "storage_failed"):
            return
        assert last["status"] == promise.end, promise.broken(f"a watcher by {watcher.transport} saw {last}")

    def check(self):
        """Nothing is left behind: no process of any life, and no byte beyond what the record names."""
        left = processes.wait_until_gone(self.children, 5)
        if left:
            self._found(f"processes outlived their server: {left}")
        self.server.stop()
        for problem in unnamed_files(self.server.data):
            self._found(problem)


def check_watch(states):
    """What one watcher saw over many lives of the server."""
    epochs = list(dict.fromkeys(state["epoch"] for state in states))
    for epoch in epochs:
        rules.check_story([state for state in states if state["epoch"] == epoch], terminal=epoch == epochs[-1])
    assert states == sorted(states, key=lambda state: epochs.index(state["epoch"])), "an epoch came back"
    for before, after in zip(states, states[1:]):
        assert after["progress"] >= before["progress"], \
            f"the percentage went down over a restart: {before['progress']} → {after['progress']}"


def free_port(choose):
    while True:
        port = choose.randint(20_000, 30_000)
        with socket.socket() as probe:
            with contextlib.suppress(OSError):
                probe.bind((HOST, port))
                return port


def unnamed_files(data):
    """What lies in a data directory without being named by its record, and what is named and is not there."""
    data = Path(data)
    named, allowed = set(), set()
    with contextlib.closing(sqlite3.connect(data / "headway.sqlite")) as database:
        verdict = database.execute("PRAGMA integrity_check").fetchone()[0]
        for identifier, status, run, record in database.execute(
                "SELECT id, status, output_token, record FROM documents"):
            hidden = json.loads(record)["record"]
            content, upload = hidden["content"], hidden.get("upload_token")
            if content is not None:
                named.add(f"content/{identifier}.{content:x}")
            elif status == "uploading" and upload is not None:
                # Before the first acknowledgement the file may be there or not.
                acknowledged = hidden["upload_acknowledged"]
                (named if acknowledged else allowed).add(f"content/{identifier}.{upload:x}")
            checkpoint = hidden.get("checkpoint")
            if checkpoint:
                run = checkpoint["run"]
            if status == "complete" or checkpoint:
                named |= {f"results/{identifier}.{run:x}.ndjson", f"text/{identifier}.{run:x}.txt"}
    there = {str(path.relative_to(data)) for path in data.rglob("*") if path.is_file()}
    there -= {name for name in there if re.fullmatch(r"lock|processes|ended|headway\.sqlite(-wal|-shm)?", name)}
    problems = [] if verdict == "ok" else [f"the record is damaged: {verdict}"]
    problems += [f"left behind: {name}" for name in sorted(there - named - allowed)]
    return problems + [f"on record and not there: {name}" for name in sorted(named - there)]
