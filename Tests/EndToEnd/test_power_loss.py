"""What was acknowledged survives a power cut at any moment: power_loss.py tells how that is tried.

The seed is printed. `CHAOS_SEED=…` repeats it, `POWER_CUTS=…` says how many cuts are tried.
"""

import itertools
import os
import random
import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

import uploaders
from chaos import free_port, unnamed_files
from conftest import log_path
from power_loss import History, Recording, differences
from resumers import JOINED, PART, RESUMABLE, ResumingUploader
from server import HOST, Server
from uploaders import Book, GivenUp, Material, Wire

CUTS = int(os.environ.get("POWER_CUTS", 60))
SEED = int(os.environ.get("CHAOS_SEED", 0)) or random.SystemRandom().randrange(1, 1 << 32)
pytestmark = [pytest.mark.chaos, pytest.mark.alone]
SIDE_BY_SIDE = 3
# Of what was not synced, the share that is there all the same.
MILDNESSES = [0, 0, 0.2, 0.5, 0.8, 1]
END_SECONDS = 30
# So many commits fill SQLite's log beyond a checkpoint (1,000 pages): its pages are moved and it begins anew.
CREATIONS = 75
SIZES = [(Material.text, 3_000), (Material.text, 30_000), (Material.opaque, 70_000), (Material.opaque, 600_000),
         (Material.opaque, 1_500_000)]


WAYS = [*itertools.product(uploaders.KINDS, SIZES), *itertools.product(RESUMABLE, SIZES[::2])]
# The share of the draft's requests that are so slow that they are told meanwhile how far they are.
SLOWNESS = 0.3


def patience(seconds):
    deadline = time.monotonic() + seconds

    def go_on():
        if time.monotonic() > deadline:
            raise GivenUp(f"no end within {seconds} s")
        time.sleep(0.02)
    return go_on


class Recorded:
    """A server's whole doings while documents of every kind come, are worked on and go."""

    def __init__(self, folder, log):
        self.recording = Recording(folder)
        server = Server(self.recording.data, log, environment=self.recording.environment).start()
        try:
            self.book = Book(self._witness, keeps_material=True)
            with ThreadPoolExecutor(3) as pool:
                for done in [pool.submit(self._bring, server, number) for number in range(3)]:
                    done.result()
        finally:
            server.stop()
        self.records = list(self.recording.records())
        self.promises = {promise.identifier: promise for promise in self.book.all()}

    def _witness(self, promise, word):
        self.recording.mark(id=promise.identifier, word=word, offset=promise.offset)

    def _bring(self, server, number):
        choose = random.Random(number)
        uploader = ResumingUploader(Wire(HOST, server.port, choose), self.book, choose, patience(60), SLOWNESS)
        brought = []
        for turn, (kind, (make, size)) in enumerate(WAYS):
            if turn % 3 == number:
                brought.append(uploader.bring(make(choose, size), kind))
        for _ in range(CREATIONS // 3):
            uploader.delete(uploader.create("json_then_put", Material.opaque(choose, 10)))
        for promise in brought:
            uploader.wait_for_end(promise)
            if choose.random() < 0.2:
                uploader.delete(promise)

    def history(self, forgets=None):
        return History(self.records, self.recording.data, forgets)


@pytest.fixture(scope="module")
def recorded(request, tmp_path_factory):
    return Recorded(tmp_path_factory.mktemp("recorded"), log_path(request))


def check_cut(recorded, history, cut, choose, mildness, folder, log):
    """Start the server on what the cut has left, and hold it to what was told before."""
    folder.mkdir()
    history.build(cut, folder, choose, mildness)
    # A port of its own: of two servers that look for a free one at the same moment, both may take the same.
    server = Server(folder, log, workers=1, port=free_port(choose)).start()
    try:
        book = Book(promises=standing(recorded, history.told(cut)))
        uploader = ResumingUploader(Wire(HOST, server.port), book, choose, patience(END_SECONDS))
        for promise in book.all():
            if is_to_be_ended(promise, book):
                end(uploader, promise)
            uploader.check(promise)
        server.stop()
        problems = unnamed_files(folder)
        assert not problems, problems
    finally:
        server.stop()
    shutil.rmtree(folder)


def is_to_be_ended(promise, book):
    """Somebody was told that it is there, and not that it is whole."""
    if promise.deletion or promise.is_accepted or promise.kind == PART:
        return False
    return promise.is_created or promise.kind == JOINED and any(
        part.is_created for part in book.all() if part.whole == promise.identifier)


def end(uploader, promise):
    if promise.kind in RESUMABLE:
        uploader.resume(promise, promise.material)
    elif uploader.state(promise)["status"] == "uploading":
        uploader.put_content(promise, promise.material)


def standing(recorded, marks):
    """Every document of the recording, with what had been told of it by then."""
    promises = {identifier: replace(promise, is_created=False, is_accepted=False, is_complete=False, deletion="",
                                    is_joining=False, is_length_said=False, offset=0, progress=0, story=[])
                for identifier, promise in recorded.promises.items()}
    for mark in marks:
        promise = promises[mark["id"]]
        promise.told(mark["word"])
        match mark["word"]:
            case "created":
                promise.is_created = True
            case "accepted":
                promise.is_created = promise.is_accepted = True
            case "complete":
                promise.is_complete = True
            case "offset":
                promise.offset = mark["offset"]
            case "joining":
                promise.is_joining = True
            case "deleting":
                promise.deletion = "asked"
            case "deleted":
                promise.deletion = "done"
    return list(promises.values())


def try_cuts(recorded, history, count, seed, tmp_path, log, mildnesses=MILDNESSES):
    """(cut, mildness, what was lost) of each cut that lost something."""
    def one(number):
        choose = random.Random(f"{seed}/{number}")
        # Most cuts fall right behind a word that was given.
        mark = choose.choice(history.marks)[0] + 1 + choose.choice([0, 0, 1, 2, 5])
        cut = min(history.length, mark) if choose.random() < 0.6 else choose.randrange(history.length)
        mildness = choose.choice(mildnesses)
        try:
            check_cut(recorded, history, cut, choose, mildness, tmp_path / f"image-{number}", log)
        except AssertionError as loss:
            return cut, mildness, str(loss)

    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        return [loss for loss in pool.map(one, range(count)) if loss]


def test_the_log_has_missed_nothing(recorded, tmp_path):
    """An image of all that was written down is what lies on the disk, to the byte."""
    folder = tmp_path / "image"
    folder.mkdir()
    assert differences(recorded.history(), folder, recorded.recording.data) == []


def test_offsets_were_told_in_every_way(recorded):
    """Else the cuts show nothing of them."""
    assert {"104", "HEAD", "append", "creation"} <= set(+recorded.book.told), recorded.book.told


@pytest.mark.timeout(3600)
def test_what_was_told_before_a_power_cut_is_there_after_it(recorded, tmp_path, request):
    print(f"CHAOS_SEED={SEED} POWER_CUTS={CUTS}")
    losses = try_cuts(recorded, recorded.history(), CUTS, SEED, tmp_path, log_path(request))
    assert not losses, f"CHAOS_SEED={SEED}: {len(losses)} of {CUTS} cuts lost something\n" + "\n".join(
        f"cut behind record {cut}, mildness {mildness}: {loss}" for cut, mildness, loss in losses[:5])


@pytest.mark.parametrize("what, forgets", [
    ("the bytes", lambda path: "/incoming/" in path or "/content/" in path),
    ("the names", lambda path: path.endswith("/content")),
    ("the record", lambda path: path.endswith("-wal")),
])
@pytest.mark.timeout(600)
def test_a_disk_that_only_pretends_to_sync_is_found_out(recorded, tmp_path, request, what, forgets):
    """The harness can fail: without one of the syncs something is lost, and it says so."""
    history = recorded.history(forgets)
    losses = try_cuts(recorded, history, 4, 1, tmp_path, log_path(request), mildnesses=[0])
    assert losses, f"{what} were never synced, and nothing was missed"
