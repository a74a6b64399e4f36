"""Whatever a document does to its worker is that document's failure, never the server's."""

import os
import shutil
import signal

import pytest

import documents
import processes
import rules
from client import OCTETS, PDF, TEXT
from means import NIGHTLY
from waiting import eventually
from watchers import watch

# What the issue calls a reason.
DEATHS = {"memory_exceeded", "timeout", "stalled", "crashed", "unreadable", "no_text", "password_protected",
          "unsupported_type", "expansion_exceeded"}
PROCESS_BYTES_MAX = 400 << 20


class TestAWorkerThatDies:
    def kill_until_terminal(self, server, identifier, which):
        """SIGKILL whatever processes `which` finds, each time they come again, until the document is terminal."""
        killed = set()

        def step():
            state = server.client.state(identifier)
            if state["status"] in rules.TERMINAL:
                return state
            for process in which() if state["status"] == "processing" else []:
                killed.add(process)
                try:
                    os.kill(process.pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            return None

        state = eventually(step, 120, "the document is terminal", every=0.05)
        assert killed, "there was nothing to kill"
        return state

    @pytest.mark.parametrize("kind", ["worker", "extractor"])
    def test_one_that_is_killed_each_time_is_that_documents_failure(self, start_server, long_pdf, small_pdf, kind):
        server = start_server(workers=1)
        identifier = server.client.upload(long_pdf)["document_id"]
        watcher = watch(server.client, identifier)

        def which():
            found = server.tree()[1:]
            extractors = [process for process in found if "pdftotext" in process.command]
            # A warm worker without a document is no business of this test.
            return extractors if kind == "extractor" else extractors and server.worker_processes()

        state = self.kill_until_terminal(server, identifier, which)
        assert (state["status"], state["error"]["code"]) == ("failed", "crashed"), state["error"]
        assert state["error"]["retryable"] is True
        rules.check_story(watcher.join_account(10).states)
        assert server.is_running
        assert server.client.process(small_pdf)["status"] == "complete"

    def test_one_death_is_survived_by_trying_again(self, start_server):
        server = start_server(workers=1)
        identifier = server.client.create()["document_id"]
        watcher = watch(server.client, identifier)
        server.client.put_content(identifier, documents.pdf(pages=3000), expect=202)
        eventually(lambda: server.client.state(identifier)["progress"] > 25 and server.worker_processes(), 60)
        for process in server.worker_processes():
            os.kill(process.pid, signal.SIGKILL)
        account = watcher.join_account(120)
        rules.check_story(account.states)
        # Either it is tried again and completes, or its error says that it may be.
        assert account.last["status"] == "complete" or account.last["error"]["retryable"], account.last["error"]

    def test_other_documents_do_not_notice(self, start_server, long_pdf, medium_pdf):
        server = start_server(workers=2)
        doomed = server.client.upload(long_pdf)["document_id"]
        eventually(server.worker_processes)
        eventually(lambda: server.client.state(doomed)["status"] == "processing")

        def busy():
            # Whichever was ready first has the document; the other does nothing.
            ranked = sorted((process.cpu_seconds, process.pid, process) for process in server.worker_processes())
            return len(ranked) == 2 and ranked[1][0] - ranked[0][0] > 0.1 and [ranked[1][2]]

        victims = eventually(busy, 20, "one worker works")
        others = [server.client.upload(medium_pdf)["document_id"] for _ in range(3)]
        for process in victims:
            os.kill(process.pid, signal.SIGKILL)
        server.client.delete(f"/v1/documents/{doomed}", expect=204)
        for identifier in others:
            assert server.client.finish(identifier)["status"] == "complete"


def test_a_page_counter_that_takes_too_much_memory_is_ended_alone(start_server, tmp_path, small_pdf):
    """The number of pages is a comfort: without it the document can still be read."""
    folder = tmp_path / "bin"
    folder.mkdir()
    # Shared memory is held by no limit of the kernel's, only by the supervisor.
    (folder / "pdfinfo").write_text("#!/bin/sh\nexec python3 -c 'import mmap, time; m = mmap.mmap(-1, 200 << 20); "
                                    "[m.write(bytes(1 << 20)) for _ in range(200)]; time.sleep(600)'\n")
    (folder / "pdftotext").write_text(f"#!/bin/sh\nsleep 3\nexec {shutil.which('pdftotext')} \"$@\"\n")
    for tool in folder.iterdir():
        tool.chmod(0o755)
    server = start_server("--worker-memory", 128, environment={"PATH": f"{folder}:{os.environ['PATH']}"})
    identifier = server.client.upload(small_pdf)["document_id"]
    eventually(lambda: any("mmap" in process.command for process in server.tree()), what="the counter runs")
    eventually(lambda: not any("mmap" in process.command for process in server.tree()), what="the counter is ended")
    assert server.client.state(identifier)["status"] == "processing"
    state = server.client.finish(identifier)
    assert (state["status"], state["pages_total"]) == ("complete", 3), state


# Stand-ins for pdftotext, each with one bad habit.
BAD_READERS = {
    "hangs": ("exec sleep 600", "stalled"),
    "hangs after a page": ("printf 'One page.\\f'; exec sleep 600", "stalled"),
    "burns time": ("while :; do :; done", "timeout"),
    "never stops talking": ("exec yes 'a line without an end of its page'", "timeout memory_exceeded crashed"),
    "talks without a line's end": ("exec head -c 3000000000 /dev/zero", "timeout memory_exceeded crashed no_text"),
    "crashes": ("kill -SEGV $$", "crashed"),
    "crashes after a page": ("printf 'One page.\\f'; kill -ABRT $$", "crashed"),
    "gives up": ("echo 'Syntax Error: no pages' >&2; exit 1", "unreadable"),
    "complains without an end": ("yes complaint >&2", "timeout stalled unreadable crashed"),
    "says nothing": ("exit 0", "no_text"),
    "closes its output and stays": ("exec >&- 2>&-; exec sleep 600", "stalled no_text"),
    "leaves a child in its own session": ("setsid sleep 600 & printf 'One page.\\f'; exit 1", "unreadable stalled"),
}


class TestAReaderWithABadHabit:
    """The tool that reads the document is replaced: what it does wrong becomes the document's error, and no more."""

    @pytest.mark.parametrize("habit", BAD_READERS)
    def test_it_is_the_documents_failure_with_the_reason(self, with_reader, small_pdf, habit):
        script, codes = BAD_READERS[habit]
        server = with_reader(script, "--stall-seconds", 1, "--work-seconds", 2)
        identifier = server.client.create()["document_id"]
        watcher = watch(server.client, identifier)
        server.client.put_content(identifier, small_pdf, expect=202)
        most = 0

        def terminal():
            nonlocal most
            tree = server.tree()
            most = max(most, *(process.resident_bytes for process in tree))
            return server.client.state(identifier)["status"] in rules.TERMINAL

        eventually(terminal, 30)
        state = rules.check_story(watcher.join_account(5).states)[-1]
        assert state["status"] == "failed" and state["error"]["code"] in codes.split(), state["error"]
        assert most < PROCESS_BYTES_MAX, f"{most >> 20} MiB"
        # It has not only failed, it is over: nothing of the reader lives on, and the next document has its turn.
        def readers():
            return [process for process in server.tree() + processes.everyone()
                    if str(server.data.parent / "bin") in process.command or process.command.startswith("sleep 600")
                    and process in server.was_seen]
        eventually(lambda: not readers(), 5, "its reader is gone")
        assert server.client.process(documents.plain_text(), "next.txt", TEXT)["status"] == "complete"

    def test_a_server_without_a_reader_says_so_and_takes_what_needs_none(self, start_server, tmp_path, small_pdf):
        (tmp_path / "bin").mkdir()
        server = start_server(environment={"PATH": str(tmp_path / "bin")})
        state = server.client.process(small_pdf)
        assert (state["status"], state["error"]["code"]) == ("failed", "extractor_missing")
        assert state["error"]["retryable"] is True
        assert server.client.process(documents.plain_text(), "a.txt", TEXT)["status"] == "complete"


# The short list: one of each way to attack. Nightly takes them all.
SHORT = ["bomb_flate_nested2_2g.pdf", "bomb_text_84m_chars.pdf", "bomb_image_20000x20000.pdf", "cyclic_page_tree.pdf",
         "deep_page_tree_20000.pdf", "lying_count_1000000.pdf", "lying_count_2147483647.pdf", "negative_count.pdf",
         "zero_pages.pdf", "billion_xobjects.pdf", "xref_prev_loop.pdf", "deep_nested_array_50000.pdf",
         "huge_mediabox.pdf", "injection_text.pdf", "external_stream_file.pdf", "encrypt_unknown_handler.pdf",
         "truncated_50.pdf", "header_only.pdf", "nul_1m.pdf", "random_1m.pdf", "html_named.pdf", "elf_named.pdf",
         "invalid_utf8.txt", "combining_zalgo.txt", "emoji_zwj.txt", "bidi_controls.txt", "utf16le.txt",
         "one_line_50m.txt", "bomb_256m.docx", "bomb_10_entries_1g.docx", "billion_laughs.docx", "xxe.docx",
         "zip_slip.docx", "many_entries_65000.docx", "size_lie.docx", "truncated.docx", "overlap_quine_like.zip.docx",
         "ok.docx"]


def type_of(name):
    return {"pdf": PDF, "txt": TEXT}.get(name.rpartition(".")[2], OCTETS)


@pytest.mark.timeout(600)
def test_no_hostile_document_harms_the_server_or_another_document(start_server, hostile, small_pdf):
    folder, outcomes = hostile
    names = sorted(outcomes) if NIGHTLY else SHORT
    server = start_server(workers=2)
    client = server.client
    pending = {}
    for name in names:
        pending[name] = client.upload((folder / name).read_bytes(), name, type_of(name))["document_id"]
    most = 0

    def all_terminal():
        nonlocal most
        most = max([most] + [process.resident_bytes for process in server.tree()[1:]])
        client.get("/healthz", expect=200, timeout=5)
        return all(client.state(identifier)["status"] in rules.TERMINAL for identifier in pending.values())

    eventually(all_terminal, 560, "every hostile document is terminal", every=0.5)
    problems = []
    for name, identifier in pending.items():
        state, wanted, content_type = client.state(identifier), outcomes[name], type_of(name)
        if state["status"] == "failed" and state["error"]["code"] not in DEATHS:
            problems.append((name, state["error"]))
        code = state["error"] and state["error"]["code"]
        if content_type == OCTETS and code == "unsupported_type":
            continue
        # A normal result needs text; some of these documents are right in having none.
        if wanted.startswith("normal result") and "or failure" not in wanted and code not in (None, "no_text"):
            problems.append((name, "should be complete", state["error"]))
        # A bomb may be survived as well, within its limits; what holds nothing readable may not be complete.
        if wanted.startswith("terminal") and not name.startswith(("bomb", "billion")) and code is None:
            problems.append((name, "should have failed"))
    assert not problems, problems
    assert most < PROCESS_BYTES_MAX, f"a process held {most >> 20} MiB"
    assert client.process(small_pdf)["status"] == "complete"


class TestHostileText:
    """What stands in a document reaches watchers and results as text and as nothing else."""

    def test_control_characters_and_markup_come_out_escaped(self, client, hostile):
        folder, _ = hostile
        identifier = client.create(name="injection.pdf")["document_id"]
        watcher = watch(client, identifier, "sse")
        client.put_content(identifier, (folder / "injection_text.pdf").read_bytes(), expect=202)
        account = watcher.join_account()
        rules.check_story(account.states)
        assert account.last["status"] == "complete", account.last
        client.chunks(identifier)

    @pytest.mark.parametrize("name", ["invalid_utf8.txt", "utf16le.txt", "bidi_controls.txt"])
    def test_odd_encodings_give_valid_text(self, client, hostile, name):
        folder, _ = hostile
        state = client.process((folder / name).read_bytes(), name, TEXT)
        assert state["status"] == "complete", state
        assert client.get(f"/v1/documents/{state['document_id']}/text", expect=200).decoded().decode("utf-8").strip()
        client.chunks(state["document_id"])

    def test_a_document_without_pages_divides_nothing_by_zero(self, client, hostile):
        folder, _ = hostile
        state = client.process((folder / "zero_pages.pdf").read_bytes())
        assert (state["status"], state["error"]["code"]) == ("failed", "unreadable"), state

    def test_a_total_that_lies_never_holds_the_percentage_at_nothing(self, client, hostile):
        folder, _ = hostile
        identifier = client.create()["document_id"]
        watcher = watch(client, identifier)
        client.put_content(identifier, (folder / "lying_count_1000000.pdf").read_bytes(), expect=202)
        account = watcher.join_account()
        rules.check_story(account.states)
        assert (account.last["status"], account.last["pages_total"], account.last["pages_done"]) == ("complete", 1, 1)

    def test_a_small_file_with_a_long_job_can_be_cancelled(self, client, hostile):
        folder, _ = hostile
        identifier = client.upload((folder / "same_page_100000_times.pdf").read_bytes())["document_id"]
        eventually(lambda: client.state(identifier)["status"] != "queued")
        client.post(f"/v1/documents/{identifier}/cancel", expect=200)
        eventually(lambda: client.state(identifier)["status"] == "cancelled", 1)
