"""What reads a document gets at that document and at nothing else, and nothing that it starts outlives it."""

import os
import re
import signal
import uuid
from pathlib import Path

import pytest

import documents
import processes
import rules
from client import TEXT
from waiting import eventually
from watchers import watch

# Leaves session, group and parent behind, and no longer dies with whoever started it. Its last argument tells whose test
# it belongs to.
ESCAPE = """/usr/bin/python3 - sleep {mark} <<'END'
import ctypes, os, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.setsid()
        ctypes.CDLL(None).prctl(1, 0)
        os.closerange(0, 10)
        time.sleep(600)
    os._exit(0)
os.wait()
END
"""


def status_of(process):
    """The fields of /proc/PID/status."""
    lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


def escaped(mark):
    return [process for process in processes.everyone() if process.command == f"/usr/bin/python3 - sleep {mark}"]


def guards(server):
    return [process for process in server.tree()[1:] if re.search(r" guard \d+$", process.command)]


def zombies(server):
    """The children of the server that it has not reaped."""
    found = []
    for entry in filter(str.isdigit, os.listdir("/proc")):
        try:
            fields = Path(f"/proc/{entry}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if fields[0] == "Z" and int(fields[1]) == server.pid:
            found.append(entry)
    return found


class TestWhatAChildMayDo:
    def test_workers_and_readers_have_no_privileges_and_a_filter(self, start_server, long_pdf):
        server = start_server(workers=1)
        identifier = server.client.upload(long_pdf)["document_id"]

        def both():
            tree = server.tree()[1:]
            return len([process for process in tree if "pdftotext" in process.command]) == 1 and tree

        for process in eventually(both, what="a worker and a reader"):
            status = status_of(process)
            assert status["NoNewPrivs"] == "1" and status["Seccomp"] == "2", (process.command, status)
            assert int(status["CapEff"], 16) == 0 == int(status["CapPrm"], 16), status
        server.client.post(f"/v1/documents/{identifier}/cancel", expect=200)

    def test_a_reader_gets_at_no_other_document_no_network_and_no_process(self, with_reader, tmp_path, small_pdf):
        data = tmp_path / "data"
        # Each line that is said aloud would be a hole.
        server = with_reader(f"""
            cat {data}/*/* > /dev/null 2>&1 && echo "read others"
            ls {data} > /dev/null 2>&1 && echo "listed others"
            cat /etc/passwd > /dev/null 2>&1 && echo "read the machine"
            (: > {data}/made) 2> /dev/null && echo "made a file"
            rm -f {data}/headway.sqlite 2> /dev/null
            (: < /dev/tcp/127.0.0.1/$PORT) 2> /dev/null && echo "connected"
            kill -9 $PPID 2> /dev/null && echo "killed the server"
            cat /proc/$PPID/environ > /dev/null 2>&1 && echo "read the server"
            head -c 4 /proc/self/fd/0
            echo " is all there is"
            printf '\\f'
            """)
        other = server.client.process(documents.plain_text(), "other.txt", TEXT)
        state = server.client.process(small_pdf)
        assert state["status"] == "complete", state
        text = server.client.get(f"/v1/documents/{state['document_id']}/text", expect=200).decoded().decode()
        assert text == "%PDF is all there is\n\f", text
        assert server.client.state(other["document_id"])["status"] == "complete"
        assert not (data / "made").exists()

    def test_metrics_tell_what_the_kernel_can_take(self, client):
        text = client.get("/metrics", expect=200).decoded().decode()
        found = dict(re.findall(r'^headway_protection\{kind="(\w+)"\} (\d)$', text, re.M))
        assert found.keys() == {"files", "signals", "system_calls", "descendants"}
        # Where these tests must find all means, the kernel is one of them.
        if os.environ.get("HEADWAY_REQUIRE") == "all":
            assert set(found.values()) == {"1"}, found


class TestWhatAReaderStarts:
    @pytest.fixture
    def mark(self):
        mark = str(uuid.uuid4())
        yield mark
        for process in escaped(mark):
            os.kill(process.pid, signal.SIGKILL)

    @pytest.fixture
    def begin(self, with_reader, mark, small_pdf):
        """Uploads a document to a server whose reader lets a process escape and goes on with `then`. Returns the
        server, the document and that process."""
        def start(then):
            server = with_reader(ESCAPE.format(mark=mark) + then, "--stall-seconds", 600)
            identifier = server.client.upload(small_pdf)["document_id"]

            def adopted():
                return [process for process in escaped(mark) if process.parent == server.pid]
            return server, identifier, eventually(adopted, 20, "a process has escaped")
        return start

    def test_is_ended_with_a_document_that_is_cancelled(self, begin):
        server, identifier, left = begin("exec sleep 600")
        server.client.post(f"/v1/documents/{identifier}/cancel", expect=200)
        assert not processes.wait_until_gone(left, 1)

    def test_is_ended_and_reaped_when_its_reader_ends_by_itself(self, begin):
        server, identifier, left = begin("printf 'One page.\\f'; sleep 1")
        assert server.client.finish(identifier)["status"] == "complete"
        assert not processes.wait_until_gone(left, 1)
        eventually(lambda: not zombies(server), 5, "all are reaped")

    def test_is_reaped_while_its_reader_goes_on(self, with_reader, small_pdf):
        server = with_reader("for n in $(seq 20); do (true &); done; exec sleep 600", "--stall-seconds", 600)
        identifier = server.client.upload(small_pdf)["document_id"]
        eventually(lambda: [one for one in server.tree() if one.command == "sleep 600"], what="it has started them")
        eventually(lambda: not zombies(server), 5, "all are reaped")
        server.client.post(f"/v1/documents/{identifier}/cancel", expect=200)

    def test_is_ended_at_once_when_the_server_is_killed(self, begin):
        server, _, left = begin("exec sleep 600")
        guard = guards(server)
        server.kill()
        assert not processes.wait_until_gone(left + guard, 5)

    def test_a_guard_that_dies_is_replaced(self, begin):
        server, _, left = begin("exec sleep 600")
        first, = guards(server)
        os.kill(first.pid, signal.SIGKILL)
        eventually(lambda: guards(server) and guards(server) != [first], 10, "there is another")
        server.kill()
        assert not processes.wait_until_gone(left, 5)

    def test_where_nothing_can_be_hidden_there_is_no_guard(self, server):
        assert not guards(server)

    def test_is_ended_by_the_next_server_when_this_one_is_killed_with_its_guard(self, begin, start_server):
        server, identifier, left = begin("exec sleep 600")
        os.kill(guards(server)[0].pid, signal.SIGKILL)
        server.kill()
        # Nothing ties it to its server any more but its mark.
        assert all(process.is_alive for process in left)
        again = start_server(data=server.data)
        assert not processes.wait_until_gone(left, 0)
        assert "an earlier server left behind" in again.log_tail()
        assert again.client.finish(identifier)["status"] == "complete"


# Stand-ins for pdftotext that keep within every limit of one process.
TOGETHER = {
    "starts too many processes": ("for n in $(seq 200); do sleep 600 & done; wait", "processes_exceeded"),
    "starts too many processes out of its session":
        ("for n in $(seq 200); do setsid sleep 600 & done; sleep 600", "processes_exceeded"),
    "holds too much memory in many processes":
        ("""for n in 1 2 3 4; do
                setsid /usr/bin/python3 -c 'import time; held = bytearray(60 << 20); time.sleep(600)' &
            done; sleep 600""", "memory_exceeded"),
    "says that it has too many files open": ("echo 'I/O Error: Too many open files' >&2; exit 1", "descriptors_exceeded"),
    "makes a call of another architecture":
        ("exec /usr/bin/python3 -c 'import ctypes; ctypes.CDLL(None).syscall(0x40000000 + 39)'", "crashed"),
}


class TestLimitsOfAllTogether:
    @pytest.mark.parametrize("habit", TOGETHER)
    def test_they_are_the_documents_failure_with_the_reason(self, with_reader, small_pdf, habit):
        script, code = TOGETHER[habit]
        server = with_reader(script, "--worker-memory", 128)
        identifier = server.client.create()["document_id"]
        watcher = watch(server.client, identifier)
        server.client.put_content(identifier, small_pdf, expect=202)
        state = rules.check_story(watcher.join_account(60).states)[-1]
        assert (state["status"], state["error"]["code"]) == ("failed", code), state["error"]
        if code.endswith("_exceeded"):
            assert re.search(r"more than the \d+ ", state["error"]["detail"]), "the limit is told"
        eventually(lambda: len(server.tree()) == 3, 5, "only the server, its worker and its guard are left")
        assert server.client.process(documents.plain_text(), "next.txt", TEXT)["status"] == "complete"
