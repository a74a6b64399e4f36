"""The command line as people and scripts use it: ids on standard output, progress on standard error, exit codes."""

import contextlib
import fcntl
import json
import os
import pty
import re
import select
import signal
import socket
import struct
import subprocess
import termios
import threading
import time

import pytest

import documents
import processes
import rules
from client import NOBODY
from means import ROOT, binary, program
from proxy import Proxy
from server import HOST

COMPLETE, FAILED, CANCELLED, NOT_FOUND, UNREACHABLE, REFUSED, USAGE, NO_INPUT = 0, 1, 3, 4, 5, 6, 64, 66
NO_OUTPUT, NO_LIBRARY = 74, 69


@pytest.fixture
def headway(server):
    """Runs a command against the server."""
    def run(*arguments, code=COMPLETE, stdin=None, address=None, seconds=60):
        done = subprocess.run([binary(), *map(str, arguments)], input=stdin, capture_output=True, timeout=seconds,
                              env={**os.environ, "HEADWAY_SERVER": address or server.client.address})
        assert done.returncode == code, (done.returncode, done.stdout[-500:], done.stderr[-1000:])
        return done.stdout.decode(), done.stderr.decode()
    return run


@pytest.fixture
def file(tmp_path):
    def write(body, name="policy.pdf"):
        path = tmp_path / name
        path.write_bytes(body)
        return path
    return write


class TestUpload:
    def test_the_id_is_all_that_goes_to_standard_output(self, headway, client, file, small_pdf):
        out, err = headway("upload", file(small_pdf))
        identifier = out.removesuffix("\n")
        assert rules.UUID.fullmatch(identifier), out
        assert client.finish(identifier)["name"] == "policy.pdf"

    def test_watch_stays_until_it_is_complete_and_tells_by_plain_lines(self, headway, client, file, medium_pdf):
        out, err = headway("upload", file(medium_pdf), "--watch")
        assert client.state(out.strip())["status"] == "complete"
        assert "policy.pdf" in err and "complete" in err
        assert "\x1b" not in err + out and "\r" not in err + out, "nothing that only a terminal understands"
        percentages = [int(found) for found in re.findall(r"(\d+)\s?%", err)]
        assert percentages == sorted(percentages)

    def test_many_files_give_their_ids_in_order(self, headway, client, file, small_pdf):
        names = ["a.pdf", "b.txt", "c.md"]
        bodies = [small_pdf, documents.plain_text(), b"# A heading\n\nAnd some words of text.\n"]
        out, _ = headway("upload", *[file(body, name) for body, name in zip(bodies, names)], "--watch")
        assert [client.state(identifier)["name"] for identifier in out.split()] == names

    def test_standard_input_is_a_file_too(self, headway, client, small_pdf):
        out, _ = headway("upload", "-", "--name", "report.pdf", "--watch", stdin=small_pdf)
        state = client.state(out.strip())
        assert (state["name"], state["status"]) == ("report.pdf", "complete")

    def test_json_prints_the_servers_own_states_and_nothing_else(self, headway, file, medium_pdf):
        out, err = headway("upload", file(medium_pdf), "--watch", "--json")
        states = [json.loads(line) for line in out.splitlines()]
        for state in states:
            rules.check_state(state)
        assert states[-1]["status"] == "complete" and err == ""

    def test_a_failed_document_is_exit_code_1_and_says_why(self, headway, file):
        _, err = headway("upload", file(documents.with_password()), "--watch", code=FAILED)
        assert "password" in err.lower()

    def test_of_several_the_gravest_counts(self, headway, file, small_pdf):
        headway("upload", file(small_pdf, "good.pdf"), file(documents.scan(), "scan.pdf"), "--watch", code=FAILED)

    def test_a_file_that_cannot_be_read_is_exit_code_66(self, headway, tmp_path):
        _, err = headway("upload", tmp_path / "not-there.pdf", code=NO_INPUT)
        assert "not-there.pdf" in err

    def test_what_the_server_refuses_is_exit_code_6_with_its_reason(self, headway, start_server, file, small_pdf):
        strict = start_server("--size-limit", 1000)
        _, err = headway("upload", file(small_pdf), code=REFUSED, address=strict.client.address)
        assert "1000" in err.replace(",", "")
        headway("upload", file(documents.PNG, "picture.png"), code=REFUSED)

    def test_what_is_judged_by_its_bytes_fails_as_the_server_says(self, headway, file):
        headway("upload", file(documents.PNG, "no-known-ending.bin"), "--watch", code=FAILED)

    def test_no_server_is_exit_code_5(self, headway, file, small_pdf):
        _, err = headway("upload", file(small_pdf), code=UNREACHABLE, address=f"http://{HOST}:1")
        assert f"{HOST}:1" in err

    @pytest.mark.parametrize("arguments", [["upload"], ["upload", "x", "--nonsense"], ["watch"],
                                           ["upload", "x", "--server", "ftp://a"], ["result", "x", "--text", "--json"]])
    def test_wrong_usage_is_exit_code_64(self, headway, arguments):
        out, err = headway(*arguments, code=USAGE)
        assert out == "" and "Usage" in err


class TestWatch:
    def test_it_follows_a_document_to_its_end(self, headway, client, medium_pdf):
        identifier = client.upload(medium_pdf, "watched.pdf")["document_id"]
        _, err = headway("watch", identifier)
        assert "complete" in err

    def test_json_is_one_state_a_line_with_a_percentage_that_never_goes_down(self, headway, client, medium_pdf):
        identifier = client.upload(medium_pdf)["document_id"]
        out, _ = headway("watch", identifier, "--json")
        rules.check_story([json.loads(line) for line in out.splitlines()])

    def test_a_cancelled_one_is_exit_code_3_and_a_failed_one_1(self, headway, client):
        cancelled = client.create()["document_id"]
        client.post(f"/v1/documents/{cancelled}/cancel", expect=200)
        headway("watch", cancelled, code=CANCELLED)
        failed = client.process(documents.damaged())["document_id"]
        headway("watch", failed, code=FAILED)
        headway("watch", failed, cancelled, code=FAILED)

    def test_an_unknown_one_is_exit_code_4(self, headway):
        headway("watch", NOBODY, code=NOT_FOUND)

    def test_a_cut_connection_is_taken_up_again(self, server, client, medium_pdf):
        proxy = Proxy(HOST, server.port)
        identifier = client.create(name="cut.pdf")["document_id"]
        with subprocess.Popen([binary(), "watch", identifier, "--json", "--server", proxy.address],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            first = json.loads(process.stdout.readline())
            before = proxy.accepted
            proxy.cut()
            client.put_content(identifier, medium_pdf, expect=202)
            proxy.restore()
            rest = [json.loads(line) for line in process.stdout.read().splitlines()]
            assert process.wait(30) == COMPLETE
        assert proxy.accepted > before
        assert rest[0]["recovered"] is True, "it goes on behind the last state it has seen"
        states = [first] + rest
        assert states[-1]["status"] == "complete"
        progress = [state["progress"] for state in states]
        assert progress == sorted(progress)
        proxy.close()

    def test_timeout_gives_up_on_a_server_that_stays_away(self, headway):
        headway("watch", NOBODY, "--timeout", "1", code=UNREACHABLE, address=f"http://{HOST}:1")

    def test_ctrl_c_is_exit_code_130_and_leaves_the_document_alone(self, server, client, long_pdf):
        identifier = client.upload(long_pdf)["document_id"]
        with subprocess.Popen([binary(), "watch", identifier, "--json", "--server", client.address],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            process.stdout.readline()
            process.send_signal(signal.SIGINT)
            assert process.wait(10) == 130
        assert client.state(identifier)["status"] in ("queued", "processing", "complete")
        client.delete(f"/v1/documents/{identifier}", expect=204)


class TestWatchAll:
    @contextlib.contextmanager
    def watching(self, address, *options):
        """The command while it runs; it has connected when it is given out. Ended with Ctrl-C if it still runs."""
        process = subprocess.Popen([binary(), "watch", "--all", "--server", address, *options],
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        try:
            yield process
        finally:
            process.kill()
            process.communicate()

    def told(self, stream, enough, seconds=30):
        """Lines of the stream until `enough` says so of them."""
        lines, timer = [], threading.Timer(seconds, lambda: os.kill(self.process.pid, signal.SIGKILL))
        timer.start()
        while not enough(lines):
            line = stream.readline()
            assert line, f"it ended, or said nothing for {seconds} s: {lines[-5:]}"
            lines.append(line.rstrip("\n"))
        timer.cancel()
        return lines

    def test_plain_lines_tell_of_each_document_until_ctrl_c(self, client, small_pdf, medium_pdf):
        before = client.create(name="there-before.pdf")["document_id"]
        with self.watching(client.address) as self.process:
            self.told(self.process.stderr, lambda lines: any("there-before.pdf" in line for line in lines))
            client.upload(medium_pdf, "first.pdf")
            client.upload(documents.with_password(), "locked.pdf")
            client.put_content(before, small_pdf, expect=202)
            names = ["there-before.pdf: complete, 3 pages in", "first.pdf: complete, 120 pages in", "locked.pdf: failed"]
            lines = self.told(self.process.stderr, lambda lines: all(
                any(line.startswith(name) for line in lines) for name in names))
            assert not any("\x1b" in line or "\r" in line for line in lines)
            self.process.send_signal(signal.SIGINT)
            assert self.process.wait(10) == 130
            assert self.process.stdout.read() == ""

    def test_json_prints_every_event_as_a_line(self, client, medium_pdf):
        with self.watching(client.address, "--json") as self.process:
            identifiers = [client.upload(medium_pdf)["document_id"] for _ in range(2)]

            def both_ended(lines):
                ended = {json.loads(line)["document_id"] for line in lines if '"status":"complete"' in line}
                return ended >= set(identifiers)
            states = [json.loads(line) for line in self.told(self.process.stdout, both_ended)]
            for identifier in identifiers:
                rules.check_story([state for state in states if state["document_id"] == identifier])
            self.process.send_signal(signal.SIGTERM)
            assert self.process.wait(10) == 128 + signal.SIGTERM
            assert self.process.stderr.read() == ""

    def test_what_ended_while_the_connection_was_lost_is_told_afterwards(self, server, client, small_pdf):
        proxy = Proxy(HOST, server.port)
        ended, deleted, lasting = [client.create(name=name)["document_id"] for name in
                                   ("ended.pdf", "deleted.pdf", "lasting.pdf")]
        with self.watching(proxy.address) as self.process:
            self.told(self.process.stderr, lambda lines: sum(
                any(name in line for line in lines) for name in ("ended.pdf", "deleted.pdf", "lasting.pdf")) == 3)
            proxy.cut()
            client.put_content(ended, small_pdf, expect=202)
            client.finish(ended)
            client.delete(f"/v1/documents/{deleted}", expect=204)
            client.process(small_pdf, "brief.pdf")
            proxy.restore()
            beginnings = ["ended.pdf: complete", "deleted.pdf: deleted", "brief.pdf: complete"]
            self.told(self.process.stderr, lambda lines: all(
                any(line.startswith(beginning) for line in lines) for beginning in beginnings))
            client.put_content(lasting, small_pdf, expect=202)
            self.told(self.process.stderr, lambda lines: any("lasting.pdf: complete" in line for line in lines))
        proxy.close()

    def test_a_server_that_stays_away_is_exit_code_5_after_the_timeout(self, headway):
        headway("watch", "--all", "--timeout", "1", code=UNREACHABLE, address=f"http://{HOST}:1")

    def test_ids_beside_it_are_wrong_usage(self, headway):
        headway("watch", "--all", NOBODY, code=USAGE)


class TestAFullDisk:
    @pytest.mark.parametrize("command", [["result"], ["result", "--text"], ["list"]])
    def test_output_that_cannot_be_written_is_told(self, client, small_pdf, command):
        identifiers = [] if command == ["list"] else [client.process(small_pdf)["document_id"]]
        with open("/dev/full", "w") as full:
            done = subprocess.run([binary(), *command, *identifiers], stdout=full, stderr=subprocess.PIPE, timeout=30,
                                  text=True, env={**os.environ, "HEADWAY_SERVER": client.address})
        assert done.returncode == NO_OUTPUT and "No space left" in done.stderr, (done.returncode, done.stderr)


class TestLibcurl:
    """It is loaded by who calls it, and costs nobody else its memory."""

    def test_neither_server_nor_workers_have_it(self, server, client):
        tree = server.tree()
        assert len(tree) > 1
        for process in tree:
            with open(f"/proc/{process.pid}/maps", encoding="utf-8") as maps:
                assert "libcurl" not in maps.read()

    def test_where_it_is_missing_a_command_says_what_to_install(self, tmp_path):
        (tmp_path / "libcurl.so.4").write_bytes(b"")
        done = subprocess.run([binary(), "list"], capture_output=True, text=True, timeout=20,
                              env={**os.environ, "LD_LIBRARY_PATH": str(tmp_path)})
        assert (done.returncode, done.stdout) == (NO_LIBRARY, "")
        assert "libcurl" in done.stderr and "apt install libcurl4" in done.stderr


class TestListCancelResult:
    def test_list_shows_the_newest_first(self, headway, client, small_pdf):
        client.process(small_pdf, "older.pdf")
        client.process(small_pdf, "newer.pdf")
        out, _ = headway("list")
        assert out.index("newer.pdf") < out.index("older.pdf") and "\x1b" not in out

    def test_list_in_json_is_one_state_a_line(self, headway, client, small_pdf):
        client.process(small_pdf)
        out, _ = headway("list", "--json", "--limit", "3", "--status", "complete")
        states = [rules.check_state(json.loads(line)) for line in out.splitlines()]
        assert 1 <= len(states) <= 3 and {state["status"] for state in states} == {"complete"}

    def test_cancel_stops_a_document(self, headway, client):
        identifier = client.create()["document_id"]
        headway("cancel", identifier)
        assert client.state(identifier)["status"] == "cancelled"
        headway("cancel", identifier, code=REFUSED)
        headway("cancel", NOBODY, code=NOT_FOUND)

    def test_result_into_a_pipe_is_the_servers_ndjson(self, headway, client, small_pdf):
        identifier = client.process(small_pdf)["document_id"]
        out, err = headway("result", identifier)
        assert [json.loads(line) for line in out.splitlines()] == client.chunks(identifier) and err == ""
        assert headway("result", identifier, "--json")[0] == out

    def test_result_as_text(self, headway, client, small_pdf):
        identifier = client.process(small_pdf)["document_id"]
        out, _ = headway("result", identifier, "--text")
        assert out.encode() == client.get(f"/v1/documents/{identifier}/text").decoded()

    def test_result_of_what_is_not_complete_is_refused(self, headway, client):
        headway("result", client.create()["document_id"], code=REFUSED)
        headway("result", NOBODY, code=NOT_FOUND)

    def test_a_closed_pipe_ends_it_quietly(self, client, medium_pdf):
        identifier = client.process(medium_pdf)["document_id"]
        with subprocess.Popen([binary(), "result", identifier, "--server", client.address], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE) as process:
            process.stdout.readline()
            process.stdout.close()
            process.wait(10)
            assert process.stderr.read() == b""


class TestOnATerminal:
    def on_terminal(self, *arguments, until=None, then=None, seconds=60, columns=100, environment=None):
        """Run with a terminal on all three; everything it showed, and its exit code.

        When `until` has been shown, `then` is called with the process.
        """
        pid, terminal = pty.fork()
        if pid == 0:
            os.environ.update({"TERM": "xterm-256color", "COLUMNS": str(columns), **(environment or {})})
            os.chdir(ROOT)
            os.execv(binary(), [str(binary()), *map(str, arguments)])
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
        shown, deadline = b"", time.monotonic() + seconds
        while time.monotonic() < deadline:
            if select.select([terminal], [], [], 0.1)[0]:
                try:
                    data = os.read(terminal, 65536)
                except OSError:
                    break
                if not data:
                    break
                shown += data
            if until and until in shown:
                then(pid)
                until = None
        else:
            os.kill(pid, signal.SIGKILL)
            raise AssertionError(f"it did not end: {shown[-2000:]!r}")
        _, status = os.waitpid(pid, 0)
        os.close(terminal)
        return shown.decode("utf-8", "replace"), os.waitstatus_to_exitcode(status)

    def test_upload_draws_a_bar_that_only_grows_and_a_last_line_that_stays(self, client, file, medium_pdf):
        shown, code = self.on_terminal("upload", file(medium_pdf), "--watch", "--server", client.address)
        assert code == COMPLETE and "policy.pdf" in shown and "\x1b[" in shown
        percentages = [int(found) for found in re.findall(r"(\d+)\s?%", shown)]
        assert percentages and percentages == sorted(percentages)
        assert shown.rstrip().splitlines()[-1].strip()

    def test_watch_all_draws_a_board_whose_finished_lines_stay(self, client, small_pdf, medium_pdf):
        lasting = client.create(name="lasting.pdf")["document_id"]

        def work_and_end(pid):
            for name in ("one.pdf", "two.pdf"):
                client.process(medium_pdf, name)
            time.sleep(0.5)
            os.kill(pid, signal.SIGINT)

        shown, code = self.on_terminal("watch", "--all", "--server", client.address, until=b"lasting.pdf",
                                       then=work_and_end)
        client.delete(f"/v1/documents/{lasting}", expect=204)
        assert code == 130
        settled = [line for line in re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown).splitlines() if "✓" in line]
        assert [line.split()[1] for line in settled] == ["one.pdf", "two.pdf"], "each once, though one above still runs"
        assert all(re.search(r"100%\s+120 pages in [\d.]+ s$", line) for line in settled), settled

    def test_a_narrow_window_is_never_overrun(self, client, file, small_pdf):
        path = file(small_pdf, "a-name-that-is-much-longer-than-the-window-is-wide-" + "x" * 80 + ".pdf")
        shown, code = self.on_terminal("upload", path, "--watch", "--server", client.address, columns=40)
        assert code == COMPLETE
        plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b\][^\x07]*\x07", "", shown)
        longest = max((len(line) for line in re.split(r"[\r\n]+", plain)), default=0)
        assert longest <= 40, longest

    def test_control_characters_in_a_name_never_reach_the_terminal(self, client, small_pdf):
        # As another program might have stored it.
        state = client.upload(small_pdf, "evil\x1b]0;owned\x07\x1b[2J.pdf")
        client.finish(state["document_id"])
        shown, _ = self.on_terminal("list", "--limit", "50", "--server", client.address)
        assert "\x1b]0;owned" not in shown and "\x1b[2J" not in shown

    def test_the_demo_serves_on_until_ctrl_c(self, tmp_path, file):
        path = file(documents.pdf(pages=60), "sample.pdf")
        seen = {}

        def look_and_end(pid):
            seen["alive"] = True
            os.kill(pid, signal.SIGINT)

        shown, code = self.on_terminal("demo", path, "--data", tmp_path / "data", "--listen", f"{HOST}:0",
                                       until=b"Ctrl-C", then=look_and_end)
        assert seen and code in (0, 130), (code, shown[-500:])
        assert "Page 1 of 60." in shown, "the first of the result is shown"


class TestTheDemo:
    def demo(self, tmp_path, path, *options, listen=f"{HOST}:0", seconds=120):
        return subprocess.run([binary(), "demo", path, "--data", tmp_path / "data", "--listen", listen, *options],
                              capture_output=True, text=True, timeout=seconds, stdin=subprocess.DEVNULL)

    def test_without_a_terminal_it_ends_with_0_once_the_sample_is_complete(self, tmp_path):
        done = self.demo(tmp_path, ROOT / "docs" / "sample.pdf")
        assert done.returncode == 0, (done.stdout[-1000:], done.stderr[-1000:])
        assert re.search(r"http://127\.0\.0\.1:\d+/", done.stdout), "the page's address"
        assert "complete" in done.stderr and "Headway" in done.stdout, "progress, and the first of the result"
        assert "\x1b" not in done.stdout + done.stderr

    def test_the_sample_has_at_least_50_pages(self):
        done = subprocess.run([program("pdfinfo"), ROOT / "docs" / "sample.pdf"], capture_output=True, text=True)
        assert int(re.search(r"Pages:\s+(\d+)", done.stdout)[1]) >= 50

    def test_it_ends_with_something_else_when_the_document_fails(self, tmp_path, file):
        assert self.demo(tmp_path, file(documents.scan())).returncode == FAILED

    def test_a_busy_port_is_told_and_the_next_taken(self, tmp_path, file, small_pdf):
        with socket.socket() as other:
            other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            other.bind((HOST, 0))
            other.listen()
            port = other.getsockname()[1]
            done = self.demo(tmp_path, file(small_pdf), listen=f"{HOST}:{port}")
        assert done.returncode == 0, done.stderr
        taken = {int(found) for found in re.findall(rf"http://{re.escape(HOST)}:(\d+)", done.stdout)}
        assert port not in taken and min(taken) > port
        assert str(port) in done.stderr, "it says that the port is busy"

    def test_a_second_one_on_the_same_data_says_so_and_ends(self, start_server, tmp_path, file, small_pdf):
        start_server(data=tmp_path / "data")
        done = self.demo(tmp_path, file(small_pdf))
        assert done.returncode > 0 and str(tmp_path / "data") in done.stderr, done.stderr

    def test_it_leaves_no_process_behind(self, tmp_path, file, small_pdf):
        mark = f"headway-test-{NOBODY}"
        subprocess.run([binary(), "demo", file(small_pdf), "--data", tmp_path / "data", "--listen", f"{HOST}:0"],
                       env={**os.environ, "HEADWAY_TEST_MARK": mark}, capture_output=True, timeout=60, check=True,
                       stdin=subprocess.DEVNULL)
        assert not processes.wait_until_gone(processes.marked(mark), 5)
