"""Large uploads, their processing and their watchers together, on the smallest machine that is to be enough."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

import rules
from control_group import MemoryGroup
from latency import HealthProbe, HubWatch, load_generator, percentile, told, worst_window
from means import need, shared
from observer import Observer
from waiting import eventually
from watchers import TRANSPORTS, watch

pytestmark = [pytest.mark.alone, pytest.mark.nightly]

MEGABYTE, GIGABYTE = 1_000_000, 1_000_000_000
MEMORY_BYTES = 512 * MEGABYTE
DISK_BYTES_MAX = 15 * GIGABYTE
LATENCY_P99_SECONDS_MAX = 0.1
HEALTH_P99_SECONDS_MAX = 0.05
SILENCE_SECONDS_MAX = 5
LARGE_BYTES = 4_831_838_208  # 4.5 GiB

# Together a full line of 1 Gbit/s. Without a bound, senders on the same machine take its cores away from the server:
# what is measured then is how the kernel shares cores, with 512 MB as with all memory.
BYTES_A_SECOND = 16 * MEGABYTE

# (pages, bytes of the picture on each, lines of text on each, uploads, connections): 100 MB each, 8 in flight together.
KINDS = [(100, 1_000_000, 40, 34, 3), (800, 122_880, 50, 33, 3), (3200, 27_648, 50, 33, 2)]


def large_pdf(path, pages, picture_bytes, lines, seed):
    """Text on every page beside a picture that cannot be compressed."""
    tool = shared("tools/make_big_pdf.py")
    subprocess.run([sys.executable, tool, path, "--pages", str(pages), "--page-bytes", str(picture_bytes),
                    "--text-lines", str(lines), "--seed", str(seed), "--shared"], check=True, capture_output=True)
    return path


def sha256(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def bytes_below(folder):
    found = 0
    for path in Path(folder).rglob("*"):
        try:
            found += path.stat().st_blocks * 512
        except OSError:
            pass  # removed meanwhile
    return found


@contextmanager
def memory_group(bytes_max):
    group = MemoryGroup(bytes_max)
    try:
        yield group
    finally:
        group.close()


@pytest.mark.timeout(3000)
def test_a_hundred_uploads_of_a_hundred_megabytes_are_worked_on_in_half_a_gigabyte(start_server, tmp_path):
    """Server, workers and readers have 512 MB together, the pages of files that they read and write included. Nobody is
    killed, nothing is tried twice, and who watches is told in time all the while."""
    with memory_group(MEMORY_BYTES) as group:
        # Whoever cannot have a group does not make gigabytes first.
        need(shutil.disk_usage(tmp_path).free > DISK_BYTES_MAX + 3 * GIGABYTE, "18 GB of free disk")
        files = [large_pdf(tmp_path / f"{kind}.pdf", *kinds[:3], seed=kind) for kind, kinds in enumerate(KINDS)]
        digests = {sha256(path): KINDS[kind][0] for kind, path in enumerate(files)}
        count = sum(kind[3] for kind in KINDS)
        server = start_server("--diagnostics", prefix=group.prefix)
        try:
            with Observer(server, tmp_path / "events") as observer:
                hub = HubWatch(server)
                began = time.monotonic()
                uploads = [subprocess.Popen(
                    [load_generator(), "put", "--url", f"{server.client.address}/drop/{kind}-{{n}}.pdf", "--file", path,
                     "--uploads", str(KINDS[kind][3]), "--connections", str(KINDS[kind][4]), "--rate",
                     str(BYTES_A_SECOND)],
                    stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for kind, path in enumerate(files)]
                ended, most = take_as_they_end(server, group, count, uploads)
                seconds = time.monotonic() - began
                results = [json.loads(upload.communicate(timeout=60)[0].strip().splitlines()[-1]) for upload in uploads]
                hub_p99 = hub.end()
            delays = [delay for _, delay in observer.delays()]
            worst = worst_window(observer.delays(), 0.99)
            print(f"\n{count} documents in {seconds:.0f} s; disk {most['disk'] // MEGABYTE} MB; anonymous memory "
                  f"{most['anonymous'] // MEGABYTE} MB; server {most['server'] >> 20} MiB, another process "
                  f"{most['child'] >> 20} MiB, all together with pages of files {group.bytes_max_held // MEGABYTE} MB; "
                  f"{group.killed} killed; "
                  f"events {told(delays)}, p99 of the worst ten seconds {1000 * worst:.0f} ms; hub p99 of ten seconds "
                  f"{[round(1000 * value) for value in hub_p99]} ms")
            assert group.killed == 0
            assert [result["failed"] for result in results] == [0] * len(results), results
            problems = [state for state in ended.values() if state["status"] != "complete" or state["attempt"] != 1]
            assert not problems, problems[:3]
            for state in ended.values():
                assert state["pages_total"] == digests[state["sha256"]], state
            stories = observer.stories()
            assert ended.keys() <= stories.keys()
            for identifier in ended:
                rules.check_story(stories[identifier])
            assert most["disk"] <= DISK_BYTES_MAX
            # An event waits for the pace of ticks, 50 ms, before it is told: that is part of the figure.
            assert percentile(delays, 0.99) <= LATENCY_P99_SECONDS_MAX, told(delays)
            # All the while: a machine may have one moment for something else in ten, not more.
            assert percentile(hub_p99, 0.9) <= LATENCY_P99_SECONDS_MAX, hub_p99
        finally:
            server.stop()
            shutil.rmtree(server.data)


def take_as_they_end(server, group, count, uploads):
    """Waits for `count` documents, each of which is deleted when it has ended. Their last states by id, and the most
    that the disk, all processes together, the server and any other process of it held."""
    ended, most = {}, {"disk": 0, "anonymous": 0, "server": 0, "child": 0}

    def all_ended():
        for state in server.client.get("/v1/documents?limit=500", expect=200).json()["documents"]:
            if state["status"] in rules.TERMINAL:
                ended[state["document_id"]] = state
                server.client.delete(f"/v1/documents/{state['document_id']}", expect=204)
        tree = server.tree()
        seen = {"disk": bytes_below(server.data), "anonymous": group.anonymous_bytes,
                "server": tree[0].resident_bytes_max, "child": max([0] + [one.resident_bytes for one in tree[1:]])}
        most.update({key: max(most[key], value) for key, value in seen.items()})
        assert server.is_running
        assert not any(upload.poll() for upload in uploads), [one.communicate() for one in uploads if one.poll()]
        return len(ended) == count

    eventually(all_ended, 2400, f"{count} documents end", every=0.5)
    return ended, most


BURN = """n=0
while (( SECONDS < {seconds} )); do
    for (( i = 0; i < 20000; i++ )); do :; done
    printf '{{"pages_done": %d, "pages_total": {seconds}}}\\n' $SECONDS >&3
done
cp "$HEADWAY_INPUT" "$HEADWAY_OUTPUT/burnt"
"""


@pytest.mark.timeout(3000)
def test_ten_minutes_of_work_are_watched_to_their_end_while_gigabytes_come_in(start_server, tmp_path, small_pdf):
    """Work that goes on for long must hold up neither uploads nor those who watch, and uploads must not hold up work.
    HEADWAY_LONG_WORK_SECONDS shortens it for trying out."""
    seconds = int(os.environ.get("HEADWAY_LONG_WORK_SECONDS", 600))
    need(shutil.disk_usage(tmp_path).free > 2 * LARGE_BYTES + 6 * GIGABYTE, "16 GB of free disk")
    stage = {"name": "burning", "command": ["/bin/bash", "-c", BURN.format(seconds=seconds)]}
    configuration = tmp_path / "headway.json"
    configuration.write_text(json.dumps({"pipelines": {"burn": {"stages": [stage]}}}))
    server = start_server("--config", configuration, "--work-seconds", seconds + 120)
    client = server.client
    try:
        began = time.monotonic()
        identifier = client.upload(small_pdf, query="&pipeline=burn")["document_id"]
        watchers = [watch(client, identifier, transport, seconds=seconds + 300) for transport in TRANSPORTS]
        probe = HealthProbe(server)
        # As fast as it can, then spread over what is left of the work.
        for rate in (0, LARGE_BYTES / (0.8 * seconds)):
            upload = subprocess.run(
                [load_generator(), "put", "--url", f"{client.address}/drop/large.bin", "--bytes", str(LARGE_BYTES),
                 "--rate", str(rate)], capture_output=True, text=True, timeout=seconds + 300)
            assert upload.returncode == 0, upload.stderr + upload.stdout
            assert json.loads(upload.stdout.strip().splitlines()[-1])["failed"] == 0, upload.stdout
            for state in client.get("/v1/documents", expect=200).json()["documents"]:
                if state["name"] == "large.bin":
                    assert state["bytes_done"] == LARGE_BYTES, state
                    client.delete(f"/v1/documents/{state['document_id']}", expect=204)
        accounts = [watcher.join_account(seconds + 300) for watcher in watchers]
        worked = time.monotonic() - began
        health = probe.end()
        print(f"{worked:.0f} s of work; /healthz {told(health)}")
        assert worked >= seconds - 1  # its clock counts whole ones
        for transport, account in zip(TRANSPORTS, accounts):
            states = rules.check_story(account.states)
            gaps = [after - before for before, after in zip(account.times, account.times[1:])]
            print(f"{transport}: {len(states)} states, the longest silence {max(gaps):.2f} s")
            assert states[-1]["status"] == "complete" and states[-1]["attempt"] == 1, states[-1]
            # It says something every second, so its watchers hear of it.
            assert max(gaps) <= SILENCE_SECONDS_MAX, f"{transport}: nothing for {max(gaps):.1f} s"
        assert percentile(health, 0.99) <= HEALTH_P99_SECONDS_MAX, told(health)
    finally:
        server.stop()
        shutil.rmtree(server.data)
