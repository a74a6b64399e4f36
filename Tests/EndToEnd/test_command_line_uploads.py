"""`headway upload` over connections that are cut, servers that restart and commands that are ended: it goes on where it
was. Connections are slow here, so that there is a middle in which to cut them."""

import contextlib
import json
import os
import pty
import re
import select
import shlex
import signal
import subprocess
import termios
import time

import pytest

import documents
import rules
from means import binary, shared
from proxy import Proxy
from server import HOST
from waiting import eventually

COMPLETE, CANCELLED, UNREACHABLE, REFUSED, NO_INPUT, INTERRUPTED = 0, 3, 5, 6, 66, 130
SIZE_BYTES = 4_000_000
# More than sockets and the proxy hold: the command has not read it all when the first bytes arrive.
BEYOND_BUFFERS_BYTES = 20_000_000
BYTES_PER_SECOND = 2_000_000


@pytest.fixture(scope="module")
def large_pdf():
    """One page, and megabytes that nobody looks at."""
    return documents.pdf(padding=SIZE_BYTES)


@pytest.fixture
def file(tmp_path):
    def write(body, name="policy.pdf"):
        path = tmp_path / name
        path.write_bytes(body)
        return path
    return write


@pytest.fixture
def proxy(server):
    proxy = Proxy(HOST, server.port, bytes_per_second=BYTES_PER_SECOND)
    yield proxy
    proxy.close()


@contextlib.contextmanager
def uploading(address, *arguments):
    """The command while it runs."""
    process = subprocess.Popen([binary(), "upload", *map(str, arguments), "--server", address],
                               stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def ended(process, code, seconds=60):
    out, err = process.communicate(timeout=seconds)
    assert process.returncode == code, (process.returncode, out[-1000:], err[-1000:])
    return out, err


class TestWhatIsAskedFor:
    LOCKED = "corpus/pdfplumber__password-example.pdf"

    @pytest.mark.parametrize("way", ["option", "variable", "one request"])
    def test_the_password_comes_with_the_document(self, server, client, monkeypatch, way):
        if way == "variable":
            monkeypatch.setenv("HEADWAY_DOCUMENT_PASSWORD", "test")
        arguments = {"option": ["--watch", "--password", "test"], "variable": ["--watch"],
                     "one request": ["--watch", "--no-resume", "--password", "test"]}[way]
        with uploading(client.address, shared(self.LOCKED), *arguments) as process:
            ended(process, COMPLETE)

    def test_a_pipeline_that_is_not_there_is_told(self, server, client, file, small_pdf):
        with uploading(client.address, file(small_pdf), "--pipeline", "thumbs", "--priority", "low") as process:
            assert "no pipeline of that name" in ended(process, REFUSED)[1]


def named(client, name):
    listed = client.get("/v1/documents?limit=500", expect=200).json()["documents"]
    return [state for state in listed if state["name"] == name]


def arrived(client, name, least_bytes):
    """The one document of that name once so many of its bytes have arrived."""
    def found():
        return next((state for state in named(client, name) if (state["bytes_received"] or 0) >= least_bytes), None)
    return eventually(found, 30, f"{least_bytes} bytes of {name} arrive")


def content(client, identifier):
    return client.get(f"/v1/documents/{identifier}/content", expect=200).body


class TestALostConnection:
    def test_it_goes_on_from_the_byte_the_server_has(self, client, proxy, file, large_pdf):
        with uploading(proxy.address, file(large_pdf, "cut.pdf")) as process:
            arrived(client, "cut.pdf", SIZE_BYTES // 2)
            proxy.cut()
            proxy.restore()
            out, err = ended(process, COMPLETE)
        assert "connection lost, trying again" in err
        assert content(client, out.strip()) == large_pdf
        assert len(named(client, "cut.pdf")) == 1
        assert proxy.sent_bytes < 1.4 * len(large_pdf), "no more is sent again than was on its way"

    def test_its_percentage_never_goes_down(self, client, proxy, file, large_pdf):
        with uploading(proxy.address, file(large_pdf, "steady.pdf"), "--watch", "--json") as process:
            arrived(client, "steady.pdf", SIZE_BYTES // 2)
            proxy.cut()
            time.sleep(0.3)
            proxy.restore()
            out, _ = ended(process, COMPLETE)
        rules.check_story([json.loads(line) for line in out.splitlines()])

    def test_a_server_that_is_killed_and_started_again_gets_the_rest(self, start_server, file, large_pdf):
        server = start_server()
        proxy = Proxy(HOST, server.port, bytes_per_second=BYTES_PER_SECOND)
        with uploading(proxy.address, file(large_pdf, "killed.pdf"), "--watch") as process:
            identifier = arrived(server.client, "killed.pdf", SIZE_BYTES // 2)["document_id"]
            server.kill()
            server.start()
            out, err = ended(process, COMPLETE)
        proxy.close()
        assert out.strip() == identifier and "complete" in err
        assert content(server.client, identifier) == large_pdf

    def test_it_gives_up_after_the_seconds_that_were_said_and_can_be_gone_on_with(self, client, proxy, file, large_pdf):
        path = file(large_pdf, "given-up.pdf")
        with uploading(proxy.address, path, "--give-up-seconds", 1) as process:
            identifier = arrived(client, "given-up.pdf", SIZE_BYTES // 2)["document_id"]
            proxy.cut()
            begun = time.monotonic()
            _, err = ended(process, UNREACHABLE)
            assert time.monotonic() - begun < 10 and "trying again" in err
        proxy.restore()
        with uploading(proxy.address, path) as process:
            out, _ = ended(process, COMPLETE)
        assert out.strip() == identifier

    def test_without_resuming_a_cut_request_is_the_end(self, client, proxy, file):
        with uploading(proxy.address, file(documents.pdf(padding=BEYOND_BUFFERS_BYTES), "one-request.pdf"), "--no-resume") as process:
            arrived(client, "one-request.pdf", 1)
            proxy.cut()
            ended(process, UNREACHABLE)

    def test_when_somebody_cancels_the_document_the_upload_ends_with_it(self, client, proxy, file, large_pdf):
        for options in [[], ["--watch"]]:
            name = f"cancelled{len(options)}.pdf"
            with uploading(proxy.address, file(large_pdf, name), *options) as process:
                identifier = arrived(client, name, 1)["document_id"]
                client.post(f"/v1/documents/{identifier}/cancel", expect=200)
                ended(process, CANCELLED)


class TestACommandThatEnded:
    def test_the_same_command_goes_on_after_its_process_was_killed(self, client, proxy, file, large_pdf):
        path = file(large_pdf, "again.pdf")
        with uploading(proxy.address, path) as process:
            identifier = arrived(client, "again.pdf", SIZE_BYTES // 2)["document_id"]
            process.kill()
            process.wait()
        before = proxy.sent_bytes
        with uploading(proxy.address, path) as process:
            out, err = ended(process, COMPLETE)
        assert out.strip() == identifier and re.search(r"again.pdf: going on where it was, at \S+ of", err)
        assert proxy.sent_bytes - before < 0.7 * len(large_pdf)
        assert content(client, identifier) == large_pdf

        # Whole is whole: another time it is another document.
        with uploading(client.address, path) as process:
            out, err = ended(process, COMPLETE)
        assert out.strip() != identifier and "going on" not in err

    def test_ctrl_c_says_how_to_go_on_with_all_that_is_left(self, client, proxy, file, large_pdf):
        paths = [file(large_pdf, name) for name in ("left 1.pdf", "left 2.pdf")]
        with uploading(proxy.address, *paths, "--parallel", 1, "--watch") as process:
            identifier = arrived(client, "left 1.pdf", SIZE_BYTES // 4)["document_id"]
            process.send_signal(signal.SIGINT)
            _, err = ended(process, INTERRUPTED)
        command = re.search(r"the upload goes on where it is with: (headway upload .*)", err)[1]
        words = shlex.split(command)
        assert words[-2:] == [str(path) for path in paths] and "--resume" in words and "--watch" in words
        done = subprocess.run([binary(), *words[1:]], capture_output=True, text=True, timeout=60)
        assert done.returncode == COMPLETE, done.stderr
        assert done.stdout.splitlines()[0] == identifier and len(done.stdout.splitlines()) == 2

    def test_an_upload_that_is_gone_is_begun_anew(self, client, proxy, file, large_pdf):
        path = file(large_pdf, "gone.pdf")
        with uploading(proxy.address, path) as process:
            identifier = arrived(client, "gone.pdf", SIZE_BYTES // 4)["document_id"]
            process.kill()
            process.wait()
        client.delete(f"/v1/documents/{identifier}", expect=204)
        with uploading(proxy.address, path) as process:
            out, err = ended(process, COMPLETE)
        assert out.strip() != identifier and "beginning anew" in err
        assert content(client, out.strip()) == large_pdf

    def test_another_file_of_that_name_is_not_taken_for_it(self, client, proxy, file, large_pdf):
        path = file(large_pdf, "other.pdf")
        with uploading(proxy.address, path) as process:
            identifier = arrived(client, "other.pdf", SIZE_BYTES // 4)["document_id"]
            process.kill()
            process.wait()
        path.write_bytes(large_pdf)  # the same bytes, but another time
        with uploading(proxy.address, path) as process:
            out, _ = ended(process, COMPLETE)
        assert out.strip() != identifier

    def test_a_file_that_changes_while_it_is_sent_is_told_and_its_document_cancelled(
            self, client, proxy, file):
        path = file(documents.pdf(padding=BEYOND_BUFFERS_BYTES), "changing.pdf")
        with uploading(proxy.address, path) as process:
            identifier = arrived(client, "changing.pdf", SIZE_BYTES // 4)["document_id"]
            with open(path, "ab") as changing:
                changing.write(b"more")
            _, err = ended(process, NO_INPUT)
        assert "changed while it was sent" in err
        assert client.state(identifier)["status"] == "cancelled"


class TestSeveralFiles:
    @pytest.mark.parametrize("parallel", [1, 2, 4])
    def test_so_many_are_sent_at_once_as_was_said(self, client, proxy, file, large_pdf, parallel):
        paths = [file(large_pdf, f"side-{parallel}-{number}.pdf") for number in range(4)]
        most = 0
        with uploading(proxy.address, *paths, "--parallel", parallel) as process:
            while process.poll() is None:
                names = [path.name for path in paths]
                states = [state for state in client.get("/v1/documents").json()["documents"] if state["name"] in names]
                most = max(most, sum(state["status"] == "uploading" for state in states))
                time.sleep(0.02)
            out, _ = ended(process, COMPLETE)
        assert most == parallel
        assert [client.state(identifier)["name"] for identifier in out.split()] == [path.name for path in paths]

    def test_all_of_them_survive_a_cut(self, client, proxy, file, large_pdf):
        paths = [file(large_pdf, f"cut-{number}.pdf") for number in range(3)]
        with uploading(proxy.address, *paths, "--watch") as process:
            for path in paths:
                arrived(client, path.name, SIZE_BYTES // 4)
            proxy.cut()
            proxy.restore()
            out, _ = ended(process, COMPLETE)
        assert len(out.split()) == 3
        assert all(content(client, identifier) == large_pdf for identifier in out.split())


class OnATerminal:
    """The command with a terminal of its own, at which keys can be pressed."""

    def __init__(self, *arguments):
        self.pid, self.terminal = pty.fork()
        if self.pid == 0:
            os.environ.update({"TERM": "xterm-256color", "LANG": "C.UTF-8"})
            os.execv(binary(), [str(binary()), *map(str, arguments)])
        self.shown = b""

    def read(self, seconds=0.05):
        if not select.select([self.terminal], [], [], seconds)[0]:
            return True
        try:
            data = os.read(self.terminal, 65536)
        except OSError:
            return False
        self.shown += data
        return bool(data)

    def until(self, text, seconds=30):
        eventually(lambda: self.read() is not None and text in self.shown, seconds, f"{text} is shown")

    def press(self, key):
        os.write(self.terminal, key)

    @property
    def is_line_by_line(self):
        return bool(termios.tcgetattr(self.terminal)[3] & termios.ICANON)

    def end(self, seconds=60):
        deadline = time.monotonic() + seconds
        while self.read():
            assert time.monotonic() < deadline, self.shown[-1000:]
        _, status = os.waitpid(self.pid, 0)
        os.close(self.terminal)
        return os.waitstatus_to_exitcode(status)


class TestThePauseKey:
    def test_p_pauses_and_p_goes_on(self, client, proxy, file):
        body = documents.pdf(padding=BEYOND_BUFFERS_BYTES)
        command = OnATerminal("upload", file(body, "paused.pdf"), "--watch", "--server", proxy.address)
        identifier = arrived(client, "paused.pdf", SIZE_BYTES // 4)["document_id"]
        assert not command.is_line_by_line
        command.press(b"p")
        command.until("paused".encode())

        def resting():
            before = client.state(identifier)["bytes_received"]
            time.sleep(0.3)
            command.read()
            return client.state(identifier)["bytes_received"] == before

        eventually(resting, 10, "no more bytes arrive")
        assert client.state(identifier)["status"] == "uploading"
        command.press(b"p")
        assert command.end() == COMPLETE
        assert content(client, identifier) == body
        percentages = [int(found) for found in re.findall(r"(\d+)%", command.shown.decode())]
        assert percentages == sorted(percentages) and percentages[-1] == 100

    def test_the_terminal_is_afterwards_what_it_was(self, client, proxy, file, large_pdf):
        command = OnATerminal("upload", file(large_pdf, "restored.pdf"), "--server", proxy.address)
        arrived(client, "restored.pdf", 1)
        eventually(lambda: command.read() and not command.is_line_by_line, 10, "keys come at once")
        command.press(b"\x03")
        eventually(lambda: not command.read() or command.is_line_by_line, 10, "the terminal is given back")
        assert command.end() == INTERRUPTED
