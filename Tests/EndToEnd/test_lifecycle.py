"""Starting and ending: one line, one owner of a data directory, a graceful end in ten seconds, one at once."""

import json
import os
import pty
import re
import signal
import socket
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

import documents
import rules
from client import PDF
from means import binary, can_trace, need, program
from server import DRAIN_SECONDS_MAX, HOST
from waiting import eventually
from watchers import watch

AT_ONCE_SECONDS = 2


def run_headway(*arguments, seconds=30, **options):
    return subprocess.run([binary(), *map(str, arguments)], capture_output=True, text=True, timeout=seconds, **options)


def is_accepting(server):
    try:
        socket.create_connection((HOST, server.port), 1).close()
        return True
    except OSError:
        return False


class TestStarting:
    def test_it_makes_its_data_directory(self, start_server, tmp_path):
        data = tmp_path / "not" / "yet" / "there"
        start_server(data=data)
        assert data.is_dir()

    def test_a_second_server_on_the_same_data_says_so_and_ends(self, start_server, small_pdf):
        server = start_server()
        done = run_headway("serve", "--listen", f"{HOST}:0", "--data", server.data)
        assert done.returncode not in (0, None) and done.returncode > 0
        assert done.stdout == "" and str(server.data) in done.stderr, done.stderr
        # The first goes on undisturbed.
        assert server.client.process(small_pdf)["status"] == "complete"

    def test_the_data_of_a_server_that_was_killed_is_free(self, start_server):
        server = start_server()
        server.kill()
        start_server(data=server.data)

    @pytest.mark.parametrize("reuse", [False, True])
    def test_a_busy_port_is_told_and_not_shared(self, tmp_path, reuse):
        with socket.socket() as other:
            if reuse:  # even a listener that would share it
                other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            other.bind((HOST, 0))
            other.listen()
            port = other.getsockname()[1]
            done = run_headway("serve", "--listen", f"{HOST}:{port}", "--data", tmp_path / "data")
        assert done.returncode > 0 and done.stdout == ""
        assert str(port) in done.stderr, done.stderr

    def test_the_port_of_a_running_server_is_busy(self, start_server, tmp_path):
        server = start_server()
        done = run_headway("serve", "--listen", f"{HOST}:{server.port}", "--data", tmp_path / "other")
        assert done.returncode > 0 and str(server.port) in done.stderr

    @pytest.mark.parametrize("arguments", [["serve", "--workers", "many"], ["serve", "--listen", "nonsense"],
                                           ["serve", "--log-level", "loud"], ["serve", "--nonsense"], ["nonsense"],
                                           ["serve", "--disk-free-kept", "some"],
                                           ["serve", "--disk-free-kept", "100%"]])
    def test_an_option_that_makes_no_sense_is_a_usage_error(self, tmp_path, arguments):
        data = ["--data", tmp_path / "data"] if arguments[0] == "serve" else []
        done = run_headway(*arguments, *data)
        assert done.returncode == 64 and done.stdout == "" and done.stderr

    @pytest.mark.parametrize("option", ["workers", "loops", "size-limit", "worker-memory", "work-seconds",
                                        "stall-seconds", "uploads-max", "chunk-characters", "chunk-overlap",
                                        "uploads-per-client", "bytes-per-client-per-day", "memory-pressure-max",
                                        "server-memory", "connections-per-address", "idle-seconds", "head-seconds",
                                        "body-seconds", "body-rate", "send-seconds"])
    def test_a_number_has_its_bounds_and_they_are_told(self, tmp_path, option):
        variable = "HEADWAY_" + option.upper().replace("-", "_")
        for value in (2**63 - 1, -1):
            done = run_headway("serve", "--data", tmp_path / "data", f"--{option}={value}")
            assert done.returncode == 64 and f"--{option}" in done.stderr and str(value) in done.stderr, done.stderr
            assert re.search(r"a number from \d+ to \d+", done.stderr), done.stderr
        done = run_headway("serve", "--data", tmp_path / "data", env={**os.environ, variable: "abc"})
        assert done.returncode == 64 and f"{variable}=abc" in done.stderr, done.stderr

    def test_a_data_directory_that_cannot_be_one_is_told(self, tmp_path):
        path = tmp_path / "file"
        path.write_text("here is no directory")
        done = run_headway("serve", "--listen", f"{HOST}:0", "--data", path)
        assert done.returncode > 0 and str(path) in done.stderr and path.read_text() == "here is no directory"

    @pytest.mark.parametrize("arguments", [["--help"], ["serve", "--help"], ["upload", "--help"], ["--version"]])
    def test_help_and_version_go_to_standard_output(self, arguments):
        done = run_headway(*arguments)
        assert done.returncode == 0 and done.stdout.strip() and done.stderr == ""

    def test_the_log_is_one_json_object_a_line_where_there_is_no_terminal(self, start_server, small_pdf):
        server = start_server()
        server.client.process(small_pdf)
        server.stop()
        entries = [json.loads(line) for line in server.log_path.read_text().splitlines()]
        assert entries and all({"level", "message"} <= entry.keys() for entry in entries), entries[:3]

    def test_on_a_terminal_the_log_is_for_people(self, tmp_path):
        near, far = pty.openpty()
        with subprocess.Popen([binary(), "serve", "--listen", f"{HOST}:0", "--data", tmp_path / "data"], stderr=far,
                              stdout=subprocess.PIPE, text=True) as process:
            process.stdout.readline()
            process.terminate()
            assert process.wait(DRAIN_SECONDS_MAX) == 0
        os.close(far)
        shown = os.read(near, 65536).decode()
        os.close(near)
        assert shown.strip() and not shown.lstrip().startswith("{"), shown

    def test_options_are_taken_from_the_environment_too(self, tmp_path):
        environment = {**os.environ, "HEADWAY_LISTEN": f"{HOST}:0", "HEADWAY_DATA": str(tmp_path / "data")}
        with subprocess.Popen([binary(), "serve"], env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                              text=True) as process:
            assert process.stdout.readline().startswith(f"listening on http://{HOST}:")
            process.terminate()
            assert process.wait(DRAIN_SECONDS_MAX) == 0
        assert (tmp_path / "data").is_dir()


class TestOrdersWhileTheRecordIsSlow:
    """Every commit takes a third of a second: what comes meanwhile must not be answered by the state before it."""

    @pytest.fixture
    def server(self, start_server):
        need(can_trace(), "strace that may trace (ptrace is allowed)")
        return start_server(prefix=[program("strace"), "--follow-forks", "--output=/dev/null", "--trace=fdatasync,fsync",
                                    "--inject=fdatasync,fsync:delay_enter=300000"])

    def test_cancel_and_retry_are_both_answered_by_what_they_did_and_the_cancel_is_told(self, server, long_pdf):
        client = server.client
        identifier = client.upload(long_pdf)["document_id"]
        eventually(lambda: client.state(identifier)["status"] == "processing")
        watcher = watch(client, identifier)
        eventually(lambda: watcher.account.states, what="the watch begins")
        with ThreadPoolExecutor() as pool:
            cancelled = pool.submit(client.post, f"/v1/documents/{identifier}/cancel", expect=200)
            time.sleep(0.1)
            retried = pool.submit(client.post, f"/v1/documents/{identifier}/retry", expect=202)
            assert cancelled.result().json()["status"] == "cancelled"
            assert retried.result().json()["status"] in ("queued", "processing")
        assert watcher.join_account(10).last["status"] == "cancelled"

    def test_an_upload_is_answered_as_accepted_though_a_cancel_is_under_way(self, server, small_pdf):
        client = server.client
        identifier = client.create()["document_id"]
        with ThreadPoolExecutor() as pool:
            put = pool.submit(client.put_content, identifier, small_pdf, expect=202)
            # The file and its directory are synced first, then the record.
            time.sleep(0.8)
            cancelled = pool.submit(client.post, f"/v1/documents/{identifier}/cancel")
            assert put.result().json()["status"] in ("queued", "processing")
            assert cancelled.result().status in (200, 409)


class TestAGracefulEnd:
    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
    def test_an_idle_server_ends_with_0(self, start_server, number):
        server = start_server()
        server.signal(number)
        assert server.process.wait(DRAIN_SECONDS_MAX) == 0

    def test_watchers_are_closed_with_1012_and_the_work_goes_on_after_a_restart(self, start_server, medium_pdf):
        server = start_server(workers=1)
        body = documents.pdf(pages=2000)
        identifier = server.client.create()["document_id"]
        follower = watch(server.client, identifier, reconnect=True)
        server.client.put_content(identifier, body, expect=202)
        streams = {name: watch(server.client, identifier, name) for name in ("websocket", "sse", "ndjson")}
        eventually(lambda: server.client.state(identifier)["progress"] > 30, 60)
        began = time.monotonic()
        server.signal(signal.SIGTERM)
        assert server.process.wait(DRAIN_SECONDS_MAX) == 0
        assert time.monotonic() - began <= DRAIN_SECONDS_MAX
        assert streams["websocket"].join_account(5).close_code == 1012
        for name in ("sse", "ndjson"):
            # An end without a terminal state tells them to come back.
            assert streams[name].join_account(5).last["status"] == "processing"
        assert not server.leftovers()
        start_server(workers=1, port=server.port)
        account = follower.join_account(120)
        rules.check_story(account.states)
        assert account.last["status"] == "complete"

    def test_a_reply_under_way_is_finished(self, start_server, small_pdf):
        server = start_server()
        with server.client.connect() as connection:
            connection.request("POST /v1/documents?name=last.pdf", f"Content-Type: {PDF}",
                               f"Content-Length: {len(small_pdf)}", body=small_pdf[:1000])
            eventually(lambda: server.client.get("/v1/documents").json()["documents"])
            server.signal(signal.SIGTERM)
            eventually(lambda: not is_accepting(server), 5, "no new connection is taken")
            connection.send(small_pdf[1000:])
            identifier = connection.read_response().json()["document_id"]
            assert connection.is_closed_by_peer()
        assert server.process.wait(DRAIN_SECONDS_MAX) == 0
        assert start_server().client.finish(identifier)["status"] == "complete"

    def test_a_client_that_never_finishes_does_not_hold_it_longer_than_ten_seconds(self, start_server, small_pdf):
        server = start_server()
        with server.client.connect() as connection:
            connection.request("POST /v1/documents", f"Content-Type: {PDF}", "Content-Length: 100000",
                               body=small_pdf[:100])
            eventually(lambda: server.client.get("/v1/documents").json()["documents"])
            server.signal(signal.SIGTERM)
            # It is told that it was cut off, and when to come again.
            reply = connection.read_response()
            assert (reply.status, reply.json()["code"]) == (503, "restarting") and reply.headers["retry-after"]
            assert server.process.wait(DRAIN_SECONDS_MAX + 1) == 0

    def test_a_second_signal_ends_it_at_once(self, start_server, small_pdf, long_pdf):
        server = start_server()
        server.client.upload(long_pdf)
        with server.client.connect() as connection:
            connection.request("POST /v1/documents", f"Content-Type: {PDF}", "Content-Length: 100000",
                               body=small_pdf[:100])
            eventually(lambda: len(server.client.get("/v1/documents").json()["documents"]) == 2)
            server.tree()
            server.signal(signal.SIGTERM)
            eventually(lambda: not is_accepting(server), 5)
            assert server.is_running, "it ended although a client still held it"
            server.signal(signal.SIGTERM)
            server.process.wait(AT_ONCE_SECONDS)
        assert not server.leftovers()
        server.process = None  # it ended as it was told to, with a code that says so
