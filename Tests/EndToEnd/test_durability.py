"""What was acknowledged is kept: through the order of the syncs, and through SIGKILL at any moment."""

import json
import re
import uuid
from pathlib import Path

import pytest

import documents
import processes
import rules
from client import PDF, multipart
from means import can_trace, need, program
from waiting import eventually
from watchers import watch

DOCUMENTS = 10


class Trace:
    """strace's account of the syncs and the sends, each at the place where it was over."""

    CALL = re.compile(r"(\d+) +(?:[\d.]+ )?(\w+)\((.*)")
    RESUMED = re.compile(r"(\d+) +(?:[\d.]+ )?<\.\.\. (\w+) resumed>(.*)")

    def __init__(self, path, data):
        self.events = []  # (what, path or text), in order
        begun = {}
        for line in Path(path).read_text(errors="replace").splitlines():
            if match := self.CALL.match(line):
                pid, call, rest = match.groups()
                if rest.endswith("<unfinished ...>"):
                    begun[pid] = (call, rest)
                    # What is sent may be seen as soon as the call begins; a sync counts only when it is over.
                    if "sync" not in call:
                        self._add(call, rest, data)
                else:
                    self._add(call, rest, data)
            elif match := self.RESUMED.match(line):
                call, rest = begun.pop(match[1], (match[2], ""))
                if "sync" in call:
                    self._add(call, rest + match[3], data)

    def _add(self, call, rest, data):
        path = re.match(r"\d+<([^>]*)>", rest)
        path = path[1].removesuffix(" (deleted)") if path else ""
        if call in ("fsync", "fdatasync"):
            if path.startswith(str(data)):
                self.events.append((self.kind(path, data), path))
        elif path.endswith("-wal"):
            self.events.append(("write wal", path))
        elif "HTTP/1.1 202" in rest:
            self.events.append(("202", rest))

    @staticmethod
    def kind(path, data):
        if path.endswith("-wal"):
            return "sync wal"
        if Path(path).is_dir() or path == str(data):
            return "sync directory"
        return "sync record" if re.search(r"\.(sqlite3?|db)(-shm|-journal)?$", path) else "sync file"

    def last_before(self, what, index):
        return max((at for at, (kind, _) in enumerate(self.events[:index]) if kind == what), default=-1)

    def first_after(self, what, index):
        return next((at for at, (kind, _) in enumerate(self.events) if kind == what and at > index), len(self.events))


class TestTheOrderOfTheSyncs:
    @pytest.mark.parametrize("way", ["raw", "multipart", "put", "drop"])
    def test_file_then_directory_then_record_then_the_acknowledgement(self, start_server, tmp_path, small_pdf, way):
        need(can_trace(), "strace that may trace (ptrace is allowed)")
        trace_path = tmp_path / "trace"
        server = start_server(prefix=[program("strace"), "--follow-forks", "--decode-fds=path", "--string-limit=64",
                                      "--trace=fsync,fdatasync,write,pwrite64,writev,pwritev,sendto,sendmsg",
                                      f"--output={trace_path}"])
        client = server.client
        if way == "raw":
            client.upload(small_pdf)
        elif way == "multipart":
            form, form_type = multipart([("file", small_pdf, "a.pdf", PDF)])
            client.post("/v1/documents", form, headers={"Content-Type": form_type}, expect=202)
        elif way == "put":
            client.put_content(client.create()["document_id"], small_pdf, expect=202)
        else:
            client.put("/drop/a.pdf", small_pdf, expect=202)
        server.stop()
        trace = Trace(trace_path, server.data)
        sent = next((at for at, (kind, _) in enumerate(trace.events) if kind == "202"), None)
        assert sent is not None, f"no 202 in {trace.events}"
        file = trace.last_before("sync file", sent)
        directory = trace.last_before("sync directory", sent)
        story = trace.events[:sent + 1]
        assert file >= 0, f"the file was not synced before the 202: {story}"
        assert directory >= 0, f"its directory was not synced before the 202: {story}"
        # The record is written once the bytes are durable, and synced before the word goes out. Other records may be
        # on their way beside it.
        written = trace.first_after("write wal", max(file, directory))
        synced = trace.first_after("sync wal", written)
        assert synced < sent, f"the record was not committed between its file's sync and the 202: {story}"


class TestTheDataDirectory:
    def test_every_directory_that_is_made_for_it_is_durable_before_the_server_listens(self, start_server, tmp_path):
        """What is synced inside a directory is lost with it when its name in its parent was never synced."""
        need(can_trace(), "strace that may trace (ptrace is allowed)")
        trace_path = tmp_path / "trace"
        data = tmp_path / "far" / "away" / "data"
        start_server(data=data, prefix=[program("strace"), "--follow-forks", "--decode-fds=path",
                                        "--trace=mkdir,mkdirat,fsync,write", f"--output={trace_path}"]).stop()
        lines = trace_path.read_text(errors="replace").split("listening on http", 1)[0].splitlines()
        made = {at: Path(match[1]) for at, line in enumerate(lines)
                if (match := re.search(r'mkdir(?:at)?\((?:AT_FDCWD[^,]*, )?"([^"]+)", \d+\) += 0', line))}
        assert {data.parent.parent, data.parent, data, data / "content"} <= set(made.values()), made
        for at, path in made.items():
            assert any(re.search(rf"fsync\(\d+<{re.escape(str(path.parent))}>", line) for line in lines[at:]), path


class TestAKilledServer:
    def start_documents(self, client, body, count):
        """`count` documents under way, each with a watcher that connects again."""
        identifiers, watchers = [], []
        for number in range(count):
            identifier = client.create(name=f"{number}.pdf")["document_id"]
            transport = ("websocket", "sse", "ndjson", "poll")[number % 4]
            watchers.append(watch(client, identifier, transport, reconnect=True, seconds=240))
            client.put_content(identifier, body, expect=202)
            identifiers.append(identifier)
        return identifiers, watchers

    @pytest.mark.timeout(300)
    def test_ten_running_documents_all_complete_and_no_percentage_goes_down(self, start_server, tmp_path):
        body, pages = documents.pdf(pages=400), 400
        server = start_server(workers=DOCUMENTS)
        identifiers, watchers = self.start_documents(server.client, body, DOCUMENTS)
        for threshold in (30, 60):
            eventually(lambda: sum(watcher.account.last["progress"] > threshold for watcher in watchers)
                       >= DOCUMENTS // 2, 90, f"half of them are past {threshold} %")
            children = server.kill()
            left = processes.wait_until_gone(children, 5)
            assert not left, f"outlived their server: {left}"
            server = start_server(workers=DOCUMENTS, port=server.port)
        for watcher in watchers:
            account = watcher.join_account(240)
            rules.check_story(account.states)  # never down, across both restarts
            assert account.last["status"] == "complete", account.last["error"]
        assert any(watcher.connections >= 3 for watcher in watchers if watcher.transport == "websocket")
        for identifier in identifiers:
            self.check_one_whole_result(server.client, identifier, pages)

    def check_one_whole_result(self, client, identifier, pages):
        chunks = client.chunks(identifier)
        assert [chunk["index"] for chunk in chunks] == list(range(len(chunks))), "two results in one"
        text = client.get(f"/v1/documents/{identifier}/text", expect=200).decoded().decode()
        found = re.findall(rf"Page (\d+) of {pages}\.", text)
        assert found == [str(page) for page in range(1, pages + 1)]

    @pytest.mark.parametrize("times", [3, pytest.param(30, marks=pytest.mark.nightly)])
    @pytest.mark.timeout(600)
    def test_killed_again_and_again_it_ends_with_everything(self, start_server, times):
        body = documents.pdf(pages=60)
        server = start_server()
        identifiers = []
        for _ in range(times):
            identifiers += [server.client.upload(body)["document_id"] for _ in range(3)]
            server.kill()
            server = start_server(port=server.port)
        for identifier in identifiers:
            state = server.client.finish(identifier, 120)
            assert state["status"] == "complete", state["error"]
            # The server's own death is no attempt of the document.
            self.check_one_whole_result(server.client, identifier, 60)

    def test_what_was_complete_is_still_there_to_the_byte(self, start_server, small_pdf):
        server = start_server()
        identifier = server.client.process(small_pdf, "kept.pdf")["document_id"]
        paths = ["", "/result", "/text", "/content"]
        before = [server.client.get(f"/v1/documents/{identifier}{path}", expect=200).body for path in paths]
        server.kill()
        server = start_server(port=server.port)
        after = [server.client.get(f"/v1/documents/{identifier}{path}", expect=200).body for path in paths]
        states = [json.loads(bodies[0]) for bodies in (before, after)]
        for state in states:
            # Offsets may start anew with another epoch.
            state.pop("epoch"), state.pop("offset"), state.pop("updated_at")
        assert states[0] == states[1] and before[1:] == after[1:]

    def test_an_upload_under_way_is_told_and_never_half_accepted(self, start_server, small_pdf):
        server = start_server()
        client, whole = server.client, str(uuid.uuid4())
        created = client.create(name="created.pdf")["document_id"]
        with client.connect() as first, client.connect() as second:
            for connection, line in ((first, f"POST /v1/documents?id={whole}"),
                                     (second, f"PUT /v1/documents/{created}/content")):
                connection.request(line, f"Content-Type: {PDF}", f"Content-Length: {len(small_pdf)}",
                                   body=small_pdf[:2000])
            eventually(lambda: client.get(f"/v1/documents/{whole}").status == 200)
            eventually(lambda: client.state(created)["bytes_received"] == 2000)
            server.kill()
        client = start_server(port=server.port).client
        # One request cannot be taken up again: it has failed. The other waits for its next PUT.
        reply = client.get(f"/v1/documents/{whole}")
        if reply.status == 200:
            state = client.finish(whole)
            assert (state["status"], state["error"]["code"]) == ("failed", "upload_interrupted")
        assert client.state(created)["status"] == "uploading"
        client.put_content(created, small_pdf, expect=202)
        assert client.finish(created)["status"] == "complete"

    def test_what_was_deleted_and_cancelled_stays_so(self, start_server, small_pdf, long_pdf):
        server = start_server()
        deleted = server.client.process(small_pdf)["document_id"]
        server.client.delete(f"/v1/documents/{deleted}", expect=204)
        cancelled = server.client.upload(long_pdf)["document_id"]
        server.client.post(f"/v1/documents/{cancelled}/cancel", expect=200)
        server.kill()
        client = start_server(port=server.port).client
        client.get(f"/v1/documents/{deleted}", expect=404)
        assert client.state(cancelled)["status"] == "cancelled"
