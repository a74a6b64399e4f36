"""What was done is not done again: after a death a document goes on behind its last checkpoint."""

import os
import random
import re
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

import documents
import rules
from client import PDF, TEXT
from embedding_service import EmbeddingService
from means import program
from waiting import eventually
from watchers import watch

# A reader of 400 pages, a hundred a second, each of which says which process has read it.
PAGES = 400
SIGNING_READER = """
first=1 last=%d
while [ $# -gt 2 ]; do case $1 in -f) first=$2; shift 2;; -l) last=$2; shift 2;; *) shift;; esac; done
for ((page = first; page <= last; page++)); do
    printf 'Page %%d was read by %%d. Some more words make it a page of text.\\n\\f' $page $$
    sleep 0.01
done
""" % PAGES
SIGNED = re.compile(r"Page (\d+) was read by (\d+)\.")


def range_reader(at_page):
    """A reader of the pages that it is asked for, of 1,200; `at_page` is done before each."""
    return f"""
first=1 last=1200
while [ $# -gt 2 ]; do case $1 in -f) first=$2; shift 2;; -l) last=$2; shift 2;; *) shift;; esac; done
for ((page = first; page <= last; page++)); do
    {at_page}
    printf 'Page %d.\\n\\f' $page
done
"""


def kill_when(server, identifier, which, is_due):
    """SIGKILL one process of the run once the document's state is as wanted; its process id."""
    def found():
        state = server.client.state(identifier)
        assert state["status"] not in rules.TERMINAL, state
        readers = [process for process in server.tree() if "pdftotext" in process.command]
        victims = readers if which == "reader" else server.worker_processes()
        return victims[0].pid if is_due(state) and victims else None
    victim = eventually(found, 60, f"a {which} to kill")
    os.kill(victim, signal.SIGKILL)
    return victim


def signatures(server, identifier):
    text = server.client.get(f"/v1/documents/{identifier}/text", expect=200).body.decode()
    return [(int(page), int(reader)) for page, reader in SIGNED.findall(text)]


class TestAfterADeath:
    @pytest.mark.parametrize("which", ["worker", "reader", "server"])
    def test_no_page_before_the_checkpoint_is_read_again(self, with_reader, small_pdf, which):
        server = with_reader(SIGNING_READER, "--retry-wait-seconds", 1)
        identifier = server.client.create()["document_id"]
        watcher = watch(server.client, identifier) if which != "server" else None
        server.client.put_content(identifier, small_pdf, expect=202)
        is_due = lambda state: (state["pages_done"] or 0) >= 200  # noqa: E731
        if which == "server":
            eventually(lambda: is_due(server.client.state(identifier)), 60)
            server.kill()
            server.start()
        else:
            kill_when(server, identifier, which, is_due)
        state = server.client.finish(identifier)
        assert state["status"] == "complete", state
        # A checkpoint comes every second or so.
        assert 50 <= state["resumed_from"] <= 250 + 50, state["resumed_from"]
        assert state["attempt"] == (1 if which == "server" else 2)
        pages = signatures(server, identifier)
        assert [page for page, _ in pages] == list(range(1, PAGES + 1))
        readers = [reader for _, reader in pages]
        assert len(set(readers)) == 2
        assert readers.index(readers[-1]) == state["resumed_from"], "the second reader began behind the checkpoint"
        if watcher:
            states = rules.check_story(watcher.join_account(10).states)
            waiting = [state for state in states if state["status"] == "queued" and state["message"]]
            assert waiting and "tried again" in waiting[0]["message"], "it says why it waits"
            assert waiting[0]["stage"] == "extracting"

    def test_a_document_dies_twice_at_the_same_page_and_is_given_up(self, with_reader, small_pdf):
        server = with_reader(SIGNING_READER.replace("    sleep 0.01", "    [ $page = 57 ] && kill -SEGV $$"),
                             "--retry-wait-seconds", 0)
        state = server.client.process(small_pdf)
        assert (state["status"], state["error"]["code"], state["attempt"]) == ("failed", "crashed", 2), state
        assert "twice at page 58" in state["error"]["detail"], state["error"]
        assert state["error"]["retryable"] is True
        # A person may have it tried again.
        again = server.client.post(f"/v1/documents/{identifier_of(state)}/retry", expect=202).json()
        assert again["status"] in ("queued", "processing") and again["error"] is None
        assert server.client.finish(identifier_of(state))["error"]["code"] == "crashed"

    def test_a_worker_dies_twice_at_a_page_that_it_could_tell_nobody_of(self, with_reader, small_pdf):
        # All but the first pages come together, and sooner than progress is told again.
        server = with_reader("for page in $(seq 57); do printf 'Page %d.\\n\\f' $page; done; exec sleep 600",
                             "--retry-wait-seconds", 0, "--stall-seconds", 600)
        identifier = server.client.create()["document_id"]
        server.client.put_content(identifier, small_pdf, expect=202)
        for attempt in (1, 2):
            eventually(lambda: [one for one in server.tree() if one.command == "sleep 600"], 20, "all is written")
            time.sleep(0.3)
            kill_when(server, identifier, "worker", lambda state: state["attempt"] == attempt)
        state = server.client.finish(identifier)
        assert (state["status"], state["error"]["code"], state["attempt"]) == ("failed", "crashed", 2), state
        assert "twice at page 58" in state["error"]["detail"], state["error"]

    def test_a_reader_of_a_later_range_dies_again_and_again_at_the_same_page(self, with_reader):
        body = documents.pdf(pages=1200, lines=12)
        server = with_reader(range_reader("[ $page = 1000 ] && kill -SEGV $$"), "--retry-wait-seconds", 0, workers=2)
        state = server.client.process(body)
        assert (state["status"], state["error"]["code"]) == ("failed", "crashed"), state
        assert "twice at page 1000" in state["error"]["detail"], state["error"]

    def test_a_worker_dies_twice_at_a_page_while_a_later_range_is_being_read(self, with_reader):
        # The first range gets to page 57; the later one goes on for ever.
        server = with_reader(range_reader("[ $page = 58 ] || [ $page = 600 ] && exec sleep 600"), "--retry-wait-seconds", 0, "--stall-seconds", 600, workers=2)
        identifier = server.client.create()["document_id"]
        server.client.put_content(identifier, documents.pdf(pages=1200, lines=12), expect=202)
        for attempt, readers in (1, 2), (2, 1):
            eventually(lambda: len([one for one in server.tree() if one.command == "sleep 600"]) == readers, 20,
                       "all is written")
            time.sleep(0.3)
            kill_when(server, identifier, "worker", lambda state: state["attempt"] == attempt)
        state = server.client.finish(identifier)
        assert (state["status"], state["error"]["code"], state["attempt"]) == ("failed", "crashed", 2), state
        assert "twice at page 58" in state["error"]["detail"], state["error"]

    def test_pages_of_a_later_range_that_were_not_written_are_read_again(self, with_reader):
        # As a reader does whose disk is full: it ends well. Read one after the other nothing goes by a file.
        server = with_reader(range_reader("[ $page = 900 ] && [ $first = 501 ] && exit 0"), "--retry-wait-seconds", 0,
                             workers=2)
        state = server.client.process(documents.pdf(pages=1200, lines=12))
        assert (state["status"], state["attempt"], state["pages_done"]) == ("complete", 2, 1200), state
        text = server.client.get(f"/v1/documents/{identifier_of(state)}/text", expect=200).body.decode()
        assert [int(page) for page in re.findall(r"Page (\d+)", text)] == list(range(1, 1201))

    def test_a_reader_that_cannot_be_started_costs_no_place(self, with_reader, small_pdf, tmp_path):
        server = with_reader("exit 1", "--attempts", 1, workers=1)
        (tmp_path / "bin" / "pdftotext").unlink()
        state = server.client.process(small_pdf)
        assert (state["status"], state["error"]["code"]) == ("failed", "storage_failed"), state
        assert server.client.process(documents.plain_text(), "next.txt", TEXT)["status"] == "complete"

    def test_attempts_are_as_many_as_configured(self, with_reader, small_pdf):
        server = with_reader("kill -SEGV $$", "--attempts", 1)
        state = server.client.process(small_pdf)
        assert (state["error"]["code"], state["attempt"]) == ("crashed", 1)

    def test_dead_letters_are_found_behind_many_failures_that_are_none(self, with_reader, small_pdf):
        server = with_reader("kill -SEGV $$", "--attempts", 1, "--admin")
        dead = [server.client.process(small_pdf)["document_id"] for _ in range(2)]
        # One more than a page of the record; of no bytes nothing can be made.
        with ThreadPoolExecutor(24) as pool:
            list(pool.map(lambda _: server.client.post("/v1/documents", b"", headers={"Content-Type": PDF}), range(501)))
        listed = server.client.get("/v1/admin/queue/dead", expect=200).json()
        assert {letter["document_id"] for letter in listed["documents"]} == set(dead) and not listed["next_cursor"]
        answer = server.client.post("/v1/admin/queue/dead/requeue", expect=202).json()
        assert answer == {"requeued": 2, "more": False, "next_cursor": None}
        assert server.client.post("/v1/admin/queue/dead/requeue?cursor=x", expect=400).json()["code"] == "bad_cursor"

    def test_cancelling_while_it_waits_for_its_next_try_ends_it(self, with_reader, small_pdf):
        server = with_reader("kill -SEGV $$", "--retry-wait-seconds", 60)
        identifier = server.client.upload(small_pdf)["document_id"]
        eventually(lambda: server.client.state(identifier)["message"], what="it waits")
        state = server.client.post(f"/v1/documents/{identifier}/cancel", expect=200).json()
        assert (state["status"], state["message"]) == ("cancelled", None)
        assert server.client.process(documents.plain_text(), "next.txt", TEXT)["status"] == "complete"


class TestBehindTheLastPage:
    @pytest.mark.parametrize("reader", ["pdftotext", "mutool", "tesseract"])
    def test_a_worker_that_dies_while_vectors_are_awaited_costs_no_page(self, start_server, reader):
        program(reader)
        stand_in = EmbeddingService()
        stand_in.slow_seconds = 0.5
        body = {"pdftotext": lambda: documents.pdf(pages=3, lines=2), "tesseract": lambda: documents.scanned(pages=3),
                "mutool": lambda: documents.pdf(pages=3, lines=2)[:-200]}[reader]()
        server = start_server(
            "--embedding-url", stand_in.url, "--embedding-model", "stand-in", "--embedding-batch", 1,
            "--embedding-concurrency", 1, "--chunk-characters", 130 if reader == "tesseract" else 60,
            "--chunk-overlap", 0, "--retry-wait-seconds", 0, "--ocr", "--ocr-dpi", 100, workers=1)
        try:
            identifier = server.client.upload(body)["document_id"]
            eventually(lambda: server.client.state(identifier)["stages"][1]["done"] == 3, 60)
            # While the rest of the vectors is awaited, a checkpoint is made every second.
            stand_in.slow_seconds = 4
            time.sleep(2.5)
            os.kill(server.worker_processes()[0].pid, signal.SIGKILL)
            stand_in.slow_seconds = 0
            state = server.client.finish(identifier)
        finally:
            stand_in.close()
        assert (state["status"], state["attempt"], state["pages_done"]) == ("complete", 2, 3), state
        assert state["resumed_from"] == 3, state["resumed_from"]
        words = {"pdftotext": None, "mutool": "Read with mutool", "tesseract": "Read by text recognition"}[reader]
        assert state["message"] is None if words is None else state["message"].startswith(words), state["message"]
        text = server.client.get(f"/v1/documents/{identifier}/text", expect=200).decoded().decode()
        assert re.findall(r"Page (\d) of 3", text) == ["1", "2", "3"] and text.count("\f") == 3, text


    def test_what_a_dead_reader_leaves_of_a_chunk_is_no_chunk(self, with_reader, small_pdf):
        """The text ends where the reader died, in the middle of a chunk: cut off there, it must not be on record."""
        script = """first=$(sed -n 's/.*-f \\([0-9]*\\).*/\\1/p' <<< "$*"); first=${first:-1}
            for page in $(seq $first 9); do
                printf 'Words of page %s. \\n\\f' $page
                if [ $page = 4 ] && [ $first = 1 ] && [ DIES ]; then sleep 0.2; kill -SEGV $$; fi
            done"""
        results = []
        for dies in ("1", ""):
            stand_in = EmbeddingService()
            stand_in.slow_seconds = 0.6 if dies else 0
            server = with_reader(
                script.replace("DIES", f'"{dies}"'), "--embedding-url", stand_in.url, "--embedding-model", "stand-in",
                "--embedding-batch", 1, "--embedding-concurrency", 1, "--chunk-characters", 60, "--chunk-overlap", 0,
                "--retry-wait-seconds", 0)
            try:
                identifier = server.client.upload(small_pdf)["document_id"]
                state = server.client.finish(identifier, 60)
            finally:
                stand_in.close()
            assert (state["status"], state["attempt"]) == ("complete", 2 if dies else 1), state
            results.append(outcome(server, identifier))
            server.stop()
        assert results[0] == results[1]


def identifier_of(state):
    return state["document_id"]


def outcome(server, identifier):
    return (server.client.get(f"/v1/documents/{identifier}/result", expect=200).body,
            server.client.get(f"/v1/documents/{identifier}/text", expect=200).body)


class TestRangesOfPages:
    def test_a_long_document_read_by_two_is_as_one_alone_would_have_read_it(self, start_server):
        body = documents.pdf(pages=2400)
        alone = start_server(workers=1)
        first = alone.client.upload(body)["document_id"]
        assert alone.client.finish(first, 120)["status"] == "complete"
        expected = outcome(alone, first)
        alone.stop()
        together = start_server(workers=2)
        identifier = together.client.create()["document_id"]
        watcher = watch(together.client, identifier)
        together.client.put_content(identifier, body, expect=202)
        most = 0

        def ended():
            nonlocal most
            readers = [process for process in together.tree() if "pdftotext" in process.command]
            most = max(most, len(readers))
            return together.client.state(identifier)["status"] in rules.TERMINAL
        eventually(ended, 120, every=0.02)
        states = rules.check_story(watcher.join_account(10).states)
        assert states[-1]["status"] == "complete" and states[-1]["pages_total"] == 2400
        assert most == 2, "two at once"
        assert outcome(together, identifier) == expected
        assert not list(together.data.glob("text/*.part*")), "no part is left over"

    def test_it_goes_on_behind_the_last_page_that_is_whole(self, start_server):
        # Long enough for a checkpoint before its end.
        body = documents.pdf(pages=5000, lines=45)
        server = start_server("--retry-wait-seconds", 0)
        whole = server.client.upload(body)["document_id"]
        assert server.client.finish(whole, 120)["status"] == "complete"
        identifier = server.client.upload(body)["document_id"]
        kill_when(server, identifier, "worker", lambda state: (state["stages"][1]["done"] or 0) >= 2600)
        state = server.client.finish(identifier, 120)
        assert state["status"] == "complete" and state["resumed_from"], state
        assert outcome(server, identifier) == outcome(server, whole)


# Documents, deaths. The long form is nightly's.
STORMS = [pytest.param(6, 20, id="20 deaths"), pytest.param(50, 500, id="500 deaths", marks=pytest.mark.nightly)]


@pytest.mark.parametrize("documents_count, deaths", STORMS)
@pytest.mark.timeout(3600)
def test_workers_and_readers_die_at_random_and_every_result_is_as_it_should_be(start_server, documents_count, deaths):
    seed = int(os.environ.get("STORM_SEED", "1"))
    print(f"STORM_SEED={seed}")
    choose = random.Random(seed)
    # Accidents without a new page on record would count as attempts: this storm is denser than any.
    server = start_server("--attempts", 1000, "--retry-wait-seconds", 0)
    bodies = [documents.pdf(pages=choose.choice([3, 150, 600, 1400]), seed=number) for number in range(documents_count)]
    expected = []
    for body in bodies:
        identifier = server.client.upload(body)["document_id"]
        assert server.client.finish(identifier, 120)["status"] == "complete"
        expected.append(outcome(server, identifier))
        server.client.delete(f"/v1/documents/{identifier}", expect=204)
    killed, over, retries = [], threading.Event(), 0

    def storm():
        while len(killed) < deaths and not over.is_set():
            time.sleep(choose.uniform(0, 0.3))
            victims = [process for process in server.tree()[1:]
                       if "worker" in process.command or "pdf" in process.command]
            if victims:
                victim = choose.choice(victims)
                try:
                    os.kill(victim.pid, signal.SIGKILL)
                    killed.append(victim.pid)
                except ProcessLookupError:
                    pass

    thread = threading.Thread(target=storm)
    thread.start()
    try:
        rounds = 0
        while len(killed) < deaths:
            rounds += 1
            identifiers = [server.client.upload(body)["document_id"] for body in bodies]
            for identifier, (result, text) in zip(identifiers, expected):
                state = server.client.finish(identifier, 1200)
                # Poison is judged by the page: now and then a storm hits the same page twice.
                while state["status"] == "failed" and "twice at page" in state["error"]["detail"]:
                    retries += 1
                    server.client.post(f"/v1/documents/{identifier}/retry", expect=202)
                    state = server.client.finish(identifier, 1200)
                assert state["status"] == "complete", state
                assert outcome(server, identifier) == (result, text)
                server.client.delete(f"/v1/documents/{identifier}", expect=204)
    finally:
        over.set()
        thread.join()
    print(f"{len(killed)} deaths in {rounds} rounds of {documents_count} documents, {retries} taken for poison")
    assert server.is_running and retries <= 2 + len(killed) // 20
