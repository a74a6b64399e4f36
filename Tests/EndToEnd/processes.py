"""The process tree as /proc tells it: who descends from whom, how much memory each holds, who is still there."""

import os
import time
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Process:
    """A process that cannot be mistaken for a later one of the same number: the start time is part of it."""

    pid: int
    started: str
    parent: int
    command: str

    @property
    def is_alive(self):
        now = read(self.pid)
        return now is not None and now.started == self.started

    @property
    def resident_bytes(self):
        """Resident memory now, 0 when it is gone."""
        return self._status("VmRSS:")

    @property
    def resident_bytes_max(self):
        """The most resident memory it ever had, 0 when it is gone."""
        return self._status("VmHWM:")

    @property
    def cpu_seconds(self):
        """CPU time used so far, 0 when it is gone."""
        try:
            fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            return 0
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def _status(self, key):
        try:
            for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
                if line.startswith(key):
                    return int(line.split()[1]) * 1024
        except (OSError, ValueError):
            pass
        return 0


def read(pid):
    """The process of that number, or None when there is none or only its zombie."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        command = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace").strip()
    except OSError:
        return None
    if fields[0] in "ZX":
        return None
    return Process(pid, fields[19], int(fields[1]), command)


def everyone():
    return [process for entry in os.listdir("/proc") if entry.isdigit() and (process := read(int(entry)))]


def tree(pid):
    """The process and all that descend from it, parents first."""
    children = {}
    for process in everyone():
        children.setdefault(process.parent, []).append(process)
    root = read(pid)
    found = [root] if root else []
    for process in found:
        found += children.get(process.pid, [])
    return found


def marked(mark):
    """Every process whose environment carries the mark, whoever its parent is now."""
    found = []
    for process in everyone():
        try:
            if mark.encode() in Path(f"/proc/{process.pid}/environ").read_bytes():
                found.append(process)
        except OSError:
            pass
    return found


def wait_until_gone(processes, seconds):
    """Those of `processes` that are still alive after at most `seconds`."""
    deadline = time.monotonic() + seconds
    while True:
        left = [process for process in processes if process.is_alive]
        if not left or time.monotonic() > deadline:
            return left
        time.sleep(0.02)
