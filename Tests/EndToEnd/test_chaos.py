"""Uploads survive anything: the server is killed hundreds of times, its clients have accidents and its disk is full.

The seed is printed. `CHAOS_SEED=… make chaos` repeats its schedule, `CHAOS_KILLS=…` makes it longer or shorter.
"""

import os
import random

import pytest

from chaos import SmallDisk, Storm
from conftest import log_path
from means import need

KILLS = int(os.environ.get("CHAOS_KILLS", 200))
SEED = int(os.environ.get("CHAOS_SEED", 0)) or random.SystemRandom().randrange(1, 1 << 32)
pytestmark = [pytest.mark.chaos, pytest.mark.alone]


@pytest.fixture
def small_disk(tmp_path):
    folder = tmp_path / "disk"
    folder.mkdir()
    need(SmallDisk.can_mount(folder), "the right to mount a file system (root), so that a disk can be full")
    with SmallDisk(folder) as disk:
        yield disk


def weather(request, disk, seed, kills):
    storm = Storm(disk, log_path(request), seed, kills)
    print(f"CHAOS_SEED={seed} CHAOS_KILLS={kills}")
    try:
        storm.run()
        if not storm.findings:
            storm.drain()
            storm.check()
    finally:
        storm.server.stop()
    print(storm.counts, dict(storm.book.told))
    assert not storm.findings, f"CHAOS_SEED={seed}: {len(storm.findings)} findings\n\n" + "\n".join(storm.findings[:5])
    return storm


@pytest.mark.timeout(3600)
def test_nothing_is_lost_in_a_storm(request, small_disk):
    storm = weather(request, small_disk, SEED, KILLS)
    assert storm.counts["kills"] == KILLS
    assert storm.counts["documents"] > KILLS // 10, "the storm let nothing through, so it showed nothing"
    # Slow requests are seldom told a 104 before the next kill; test_power_loss.py is sure of one.
    assert {"creation", "append", "HEAD", "104 with the place"} <= set(storm.book.told), storm.book.told
