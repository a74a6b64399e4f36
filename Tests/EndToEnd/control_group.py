"""A bound on the memory of a whole tree of processes (cgroups(7)), in either version of the kernel's interface."""

import os
import re
import uuid
from pathlib import Path

from means import need
from waiting import eventually

ROOT = Path("/sys/fs/cgroup")


class MemoryGroup:
    """A group of its own, whose processes may hold `bytes_max` together, page cache included, and swap nothing.

    A process joins it by being started behind `prefix`; what it starts is in it as well.
    """

    def __init__(self, bytes_max):
        self.is_second = (ROOT / "cgroup.controllers").exists()
        above = ROOT if self.is_second else ROOT / "memory"
        name = f"headway-test-{uuid.uuid4()}"
        need(os.access(above / "cgroup.procs", os.W_OK), f"a memory control group that can be made in {above}")
        if self.is_second:
            controllers = (above / "cgroup.subtree_control").read_text().split()
            need("memory" in controllers, f"the memory controller in {above}")
        self.path = above / name
        self.path.mkdir()
        limit, swap = (("memory.max", "memory.swap.max") if self.is_second
                       else ("memory.limit_in_bytes", "memory.memsw.limit_in_bytes"))
        (self.path / limit).write_text(str(bytes_max))
        if (self.path / swap).exists():
            (self.path / swap).write_text("0" if self.is_second else str(bytes_max))

    @property
    def prefix(self):
        return ["/bin/sh", "-c", 'echo $$ > "$0/cgroup.procs" && exec "$@"', self.path]

    @property
    def killed(self):
        """How many of its processes the kernel killed for want of memory."""
        return self._count("memory.events" if self.is_second else "memory.oom_control", "oom_kill")

    @property
    def bytes_max_held(self):
        """The most that it ever held, pages of files included: close to the bound, because the kernel keeps such pages
        until their room is needed."""
        path = self.path / ("memory.peak" if self.is_second else "memory.max_usage_in_bytes")
        return int(path.read_text()) if path.exists() else 0

    @property
    def anonymous_bytes(self):
        """What its processes hold that is no page of a file."""
        return self._count("memory.stat", "anon" if self.is_second else "total_rss")

    def _count(self, file, key):
        found = re.search(rf"^{key} (\d+)$", (self.path / file).read_text(), re.MULTILINE)
        return int(found[1]) if found else 0

    def close(self):
        def is_removed():
            try:
                self.path.rmdir()
            except OSError:
                return not self.path.exists()
            return True
        eventually(is_removed, 10, f"{self.path} is empty and removed")
