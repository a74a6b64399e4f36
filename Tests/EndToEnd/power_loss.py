"""What a power cut would have left: from a log of all that a server did to its files, images of its data directory.

Theory of operation: `power_loss.c` writes the log while the server runs, and the clients write into the same log what
they were told (`Recording.mark`). The power is cut behind any record of it. What had been synced by then is there. Of
the rest, in any combination: a write is there, is not, or is there in some of its sectors; the size of a file is grown
and the bytes are zeros; a name that was made, changed or removed since its directory was synced has been or has not
been, in the order of its directory. Whatever was told before the cut must hold on every such image.
"""

import json
import os
import random
import shutil
import struct
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from means import program

HERE = Path(__file__).parent
HEADER = struct.Struct("<IIQqIIQ")
MAGIC = 0x52415748
CREATE, WRITE, TRUNCATE, SYNC_BEGIN, SYNC_END, RENAME, UNLINK, MAKE_DIRECTORY, LINK, EXTEND = range(1, 11)
MARK = 100
SECTORS = (512, 4096)
# SQLite's index of its log is memory that all its connections share, and is made anew from the log.
NOT_ON_DISK = "-shm"


@dataclass
class Record:
    operation: int
    inode: int
    offset: int
    path: str
    other: str
    data: bytes


@dataclass
class File:
    """One file from its creation to its end, whatever its names are."""

    changes: list = field(default_factory=list)  # (index, operation, offset, data)
    syncs: list = field(default_factory=list)  # (index where it began, index where it had ended)

    def covered(self, cut):
        """Changes before this index are on the disk when the power is cut at `cut`."""
        return max((begun for begun, ended in self.syncs if ended <= cut), default=0)


@dataclass
class NameChange:
    index: int
    operation: int
    path: str
    other: str
    file: File | None

    @property
    def directories(self):
        return {os.path.dirname(path) for path in (self.path, self.other) if path}


class Recording:
    """Starts a server whose doings are written down, and takes marks."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.data, self.log, lock = self.folder / "data", self.folder / "log", self.folder / "lock"
        library = self.folder / "power_loss.so"
        subprocess.run([program("cc", "gcc", "clang"), "-O2", "-shared", "-fPIC", "-o", library,
                        HERE / "power_loss.c", "-ldl"], check=True)
        self.log.touch()
        lock.write_bytes(bytes(4096))
        self.environment = {"LD_PRELOAD": str(library), "HEADWAY_POWER_LOSS_DATA": str(self.data),
                            "HEADWAY_POWER_LOSS_LOG": str(self.log), "HEADWAY_POWER_LOSS_LOCK": str(lock)}
        self.marks = os.open(self.log, os.O_WRONLY | os.O_APPEND)

    def mark(self, **told):
        """What a client has just been told stands in the log behind all that had been done by then."""
        data = json.dumps(told).encode()
        os.write(self.marks, HEADER.pack(MAGIC, MARK, 0, 0, 0, 0, len(data)) + data)

    def records(self):
        os.close(self.marks)
        with open(self.log, "rb") as file:
            while head := file.read(HEADER.size):
                magic, operation, inode, offset, path, other, size = HEADER.unpack(head)
                assert magic == MAGIC, "the log is damaged"
                yield Record(operation, inode, offset, file.read(path).decode(), file.read(other).decode(),
                             file.read(size))


class History:
    """The log in order: files, names, syncs and marks, each with its index."""

    def __init__(self, records, data, forgets=None):
        """`forgets` says of a sync's path whether the disk only pretended to have made it."""
        self.data = str(data)
        self.names, self.marks, self.directory_syncs = [], [], {}
        self.length = 0
        by_inode, by_path, begun = {}, {}, {}
        for index, record in enumerate(records):
            self.length = index + 1
            if record.operation == MARK:
                self.marks.append((index, json.loads(record.data)))
            elif record.operation == CREATE:
                by_inode[record.inode] = by_path[record.path] = File()
                self._name(index, record, by_path[record.path])
            elif record.operation in (WRITE, TRUNCATE, EXTEND):
                by_inode[record.inode].changes.append((index, record.operation, record.offset, record.data))
            elif record.operation == SYNC_BEGIN:
                begun[record.offset] = index
            elif record.operation == SYNC_END:
                if forgets and forgets(record.path):
                    continue
                file = by_inode.get(record.inode)
                syncs = file.syncs if file else self.directory_syncs.setdefault(record.path, [])
                syncs.append((begun[record.offset], index))
            elif record.operation in (RENAME, LINK):
                file = by_path[record.path]
                by_path[record.other] = file
                if record.operation == RENAME:
                    del by_path[record.path]
                self._name(index, record, file)
            else:
                by_path.pop(record.path, None)
                self._name(index, record, None)

    def _name(self, index, record, file):
        self.names.append(NameChange(index, record.operation, record.path, record.other, file))

    def told(self, cut):
        """The marks that stood in the log when the power was cut."""
        return [mark for index, mark in self.marks if index < cut]

    def build(self, cut, folder, choose, mildness):
        """Make the image of a cut behind record `cut`. `mildness` is the share of what was not synced that is there all
        the same: 0 is the strictest disk, 1 one that had written everything."""
        for name, file in self._tree(cut, choose, mildness).items():
            path = Path(folder) / os.path.relpath(name, self.data)
            if file is None:
                path.mkdir(parents=True, exist_ok=True)
            elif not name.endswith(NOT_ON_DISK):
                path.write_bytes(self._content(file, cut, choose, mildness))

    def _tree(self, cut, choose, mildness):
        """Path → file, None for a directory."""
        changes = [change for change in self.names if change.index < cut]
        covered = {path: max((begun for begun, ended in syncs if ended <= cut), default=0)
                   for path, syncs in self.directory_syncs.items()}
        # A sync of a directory covers all before it there, and what belongs to these in another directory: a rename is
        # one change of two directories.
        covered[os.path.dirname(self.data)] = cut  # not below what is written down
        is_growing = True
        while is_growing:
            is_growing = False
            for change in changes:
                if any(change.index < covered.get(path, 0) for path in change.directories):
                    for path in change.directories:
                        if covered.get(path, 0) <= change.index:
                            covered[path] = change.index + 1
                            is_growing = True
        tree, ended = {}, set()
        for change in changes:
            is_sure = any(change.index < covered.get(path, 0) for path in change.directories)
            if not is_sure and (change.directories & ended or choose.random() >= mildness):
                # In the order of its directory: nothing behind the first that is not there.
                ended |= change.directories
                continue
            if change.operation == MAKE_DIRECTORY:
                tree[change.path] = None
            elif change.operation in (CREATE, LINK, RENAME):
                target = change.other or change.path
                if change.operation == RENAME:
                    tree.pop(change.path, None)
                if os.path.dirname(target) in tree:
                    tree[target] = change.file
            else:
                tree.pop(change.path, None)
        return tree

    @staticmethod
    def _content(file, cut, choose, mildness):
        content, covered = bytearray(), file.covered(cut)
        for index, operation, offset, data in file.changes:
            if index >= cut:
                break
            is_whole = index < covered or choose.random() < mildness
            if operation == WRITE:
                if is_whole:
                    put(content, offset, data)
                elif mildness > 0:
                    tear(content, offset, data, choose)
            elif is_whole and operation == TRUNCATE:
                del content[offset:]
                content.extend(bytes(offset - len(content)))
            elif is_whole:
                content.extend(bytes(max(0, offset - len(content))))
        return content


def put(content, offset, data):
    content.extend(bytes(max(0, offset - len(content))))
    content[offset:offset + len(data)] = data


def tear(content, offset, data, choose):
    """A write that was under way: nothing of it, zeros in its place, its beginning, or any of its sectors."""
    how, sector = choose.randrange(4), choose.choice(SECTORS)
    if how == 1:
        # The size went out before the bytes did.
        content.extend(bytes(max(0, offset + len(data) - len(content))))
    elif how == 2:
        put(content, offset, data[:choose.randrange(len(data) + 1) // sector * sector])
    elif how == 3:
        for start in range(0, len(data), sector):
            if choose.random() < 0.5:
                put(content, offset + start, data[start:start + sector])


def differences(history, folder, data):
    """Where an image of all that was written down differs from what lies on the disk: what the log has missed."""
    history.build(history.length, folder, random.Random(0), 1)
    found = []
    for root in (folder, data):
        for path in Path(root).rglob("*"):
            name = path.relative_to(root)
            if str(name).endswith(NOT_ON_DISK) or path.is_dir():
                continue
            ours, theirs = Path(folder) / name, Path(data) / name
            if not ours.exists() or not theirs.exists() or ours.read_bytes() != theirs.read_bytes():
                found.append(str(name))
    shutil.rmtree(folder)
    return sorted(set(found))
