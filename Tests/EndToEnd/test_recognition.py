"""Scanned documents: their text is recognized page by page where the server is told to."""

import os
import re
import shutil
import signal
import subprocess
import time

import pytest

import documents
import rules
from client import PDF
from embedding_service import EmbeddingService
from means import binary, program
from waiting import eventually
from watchers import watch

RECOGNIZED = "Read by text recognition (OCR), because there was no text in it."
# A tesseract that takes its time and signs each page with the moment at which it was read.
SIGNING = """[ "$1" = --list-langs ] && { echo "List:"; echo eng; exit 0; }
cat > /dev/null; sleep 0.15; echo "Read at $(date +%s%N)." """
SIGNED = re.compile(r"Read at (\d+)\.")


@pytest.fixture(scope="module")
def server(start_shared_server):
    program("tesseract")
    return start_shared_server("--ocr", "--ocr-dpi", 100)


@pytest.fixture
def with_tesseract(with_reader):
    """Starts servers whose tesseract is a script of the test's own."""
    def start(script, *options, **others):
        return with_reader(None, "--ocr", *options, second=None, tesseract=script, **others)
    return start


def text_of(server, identifier):
    return server.client.get(f"/v1/documents/{identifier}/text", expect=200).decoded().decode()


class TestAScannedDocument:
    def test_its_words_are_found_and_each_page_is_seen_to_be_recognized(self, server):
        identifier = server.client.create()["document_id"]
        watcher = watch(server.client, identifier)
        server.client.put_content(identifier, documents.scanned(pages=3, blank=(2,)), expect=202)
        states = rules.check_story(watcher.join_account(60).states)
        end = states[-1]
        assert (end["status"], end["message"], end["attempt"]) == ("complete", RECOGNIZED, 1), end
        assert end["pages_total"] == end["pages_done"] == 3
        first, blank, third, rest = text_of(server, identifier).split("\f")
        assert "Page 1 of 3" in first and "Page 3 of 3" in third and not blank.strip() and rest == ""
        messages = list(dict.fromkeys(state["message"] for state in states if state["stage"] == rules.RECOGNIZING))
        assert set(messages) >= {f"Recognizing page {page} of 3" for page in (1, 2, 3)}, messages
        # Until its pages are recognized nothing of the work is done.
        assert all(state["progress"] <= rules.WEIGHTS["uploading"] for state in states if state["stage"] == "extracting")

    def test_its_password_opens_it(self, server, tmp_path):
        plain, locked = tmp_path / "plain.pdf", tmp_path / "locked.pdf"
        plain.write_bytes(documents.scanned())
        subprocess.run([program("mutool"), "clean", "-E", "aes-128", "-U", "secret", "-O", "other", plain, locked],
                       check=True, capture_output=True)
        state = server.client.post("/v1/documents", locked.read_bytes(), expect=202, headers={
            "Content-Type": PDF, "Document-Password": "secret"}).json()
        state = server.client.finish(state["document_id"])
        assert state["status"] == "complete", state["error"]
        assert "Page 1 of 1" in text_of(server, state["document_id"])

    def test_without_a_word_on_its_pages_it_stays_no_text_and_says_what_was_tried(self, server):
        error = server.client.process(documents.scanned(blank=(1,)))["error"]
        assert error["code"] == "no_text" and "text recognition (OCR) of its pages found none" in error["detail"], error

    def test_a_page_as_large_as_a_house_is_drawn_within_bounds(self, server):
        state = server.client.process(documents.scanned(size=(14_400, 18_635)))
        assert state["status"] == "complete", state["error"]
        assert "Page 1 of 1" in text_of(server, state["document_id"])

    @pytest.mark.parametrize("words", [b"/Title (A report\nPages: 1\nPage    2 size:  1 x 1 pts\n)",
                                       b"/Keywords (%s)" % (b"word " * 4400)], ids=["spoofed", "long"])
    def test_its_own_words_hide_no_page(self, server, words):
        state = server.client.process(documents.scanned(pages=2, information=words))
        assert (state["status"], state["pages_total"]) == ("complete", 2), state
        assert "Page 2 of 2" in text_of(server, state["document_id"])

    def test_one_with_text_is_read_as_ever(self, server):
        state = server.client.process(documents.pdf())
        assert (state["status"], state["message"], state["stages"][0]["name"]) == ("complete", None, "extracting"), state


class TestPagesWithoutText:
    """In a document that has text on others."""

    READ = "Text recognition (OCR) read the pages that have no text of their own."

    def test_their_words_are_found_in_their_places_while_one_sees_which_is_at_hand(self, server):
        identifier = server.client.create()["document_id"]
        watcher = watch(server.client, identifier)
        server.client.put_content(identifier, documents.scanned(7, typed=(2, 5), empty=(3,), blank=(6,)), expect=202)
        states = rules.check_story(watcher.join_account(60).states)
        end = states[-1]
        assert (end["status"], end["message"], end["attempt"]) == ("complete", self.READ, 1), end
        assert (end["stages"][0]["name"], end["pages_total"], end["pages_done"]) == ("extracting", 7, 7), end
        found = [re.sub(r"\s+", " ", page) for page in text_of(server, identifier).split("\f")]
        for page, words in enumerate(["Page 1 of 7", "Typed on page 2.", "", "Page 4 of 7", "Typed on page 5.", "",
                                      "Page 7 of 7"]):
            assert words in found[page] and (words or not found[page].strip()), found
        messages = [state["message"] for state in states if state["message"]]
        told = list(dict.fromkeys(messages))
        assert told[-1] == self.READ and messages.count(self.READ) == 1, "the end is told at the end"
        pages = [int(re.fullmatch(r"Recognizing the text of page (\d), which has none of its own\.", one)[1])
                 for one in told[:-1]]
        assert pages and set(pages) <= {1, 4, 6, 7}, told

    def test_without_pictures_none_of_them_is_read(self, with_tesseract):
        server = with_tesseract(SIGNING)
        state = server.client.process(documents.scanned(6, typed=(1, 6), empty=(2, 3, 4, 5)))
        assert (state["status"], state["message"], state["pages_done"]) == ("complete", None, 6), state
        assert "Read at" not in text_of(server, state["document_id"])

    def test_a_long_document_has_the_result_that_it_has_without_recognition(self, server, start_server):
        book = documents.pdf(pages=1200, lines=lambda page: 0 if page % 9 < 2 else 12)
        results = []
        for each in (server, start_server(workers=2)):
            state = each.client.process(book)
            assert (state["status"], state["message"], state["pages_done"]) == ("complete", None, 1200), state
            identifier = state["document_id"]
            results.append((text_of(each, identifier),
                            each.client.get(f"/v1/documents/{identifier}/result", expect=200).decoded()))
        assert results[0] == results[1]

    def test_one_that_cannot_be_read_stays_empty_and_its_number_is_told(self, with_tesseract):
        server = with_tesseract(SIGNING.replace("sleep 0.15;", "exit 1;"))
        state = server.client.process(documents.scanned(4, typed=(1, 4)))
        assert (state["status"], state["pages_done"]) == ("complete", 4), state
        assert state["message"] == "Text recognition (OCR) could not read pages 2, 3.", state

    def test_cancelling_ends_what_recognizes_them(self, with_tesseract):
        server = with_tesseract(SIGNING.replace("sleep 0.15", "sleep 60"))
        identifier = server.client.upload(documents.scanned(pages=3, typed=(1,)))["document_id"]
        eventually(lambda: "sleep" in commands(server), 20, "the recognizer is at work")
        state = server.client.post(f"/v1/documents/{identifier}/cancel", expect=200).json()
        assert state["message"] is None, state
        eventually(lambda: not {"sleep", "tesseract", "pdftoppm"} & commands(server), 2, "all of them are gone")

    def test_a_reader_that_dies_behind_those_that_wait_is_taken_for_poison_at_its_own_page(self, with_reader):
        # Five pages wait for a recognizer that takes its time, and each time another number of them is done.
        reader = "printf 'Words.\\n\\f\\f\\f\\f\\f\\f'; sleep 0.6; kill -SEGV $$"
        server = with_reader(reader, "--ocr", "--retry-wait-seconds", 0, second=None,
                             tesseract=SIGNING.replace("0.15", "0.$((RANDOM % 3 + 1))"))
        state = server.client.process(documents.scanned(8))
        assert (state["status"], state["error"]["code"], state["attempt"]) == ("failed", "crashed", 2), state
        assert "twice at page 7" in state["error"]["detail"] and state["message"] is None, state

    def test_those_at_the_beginning_are_not_done_where_the_reader_dies_before_any_text(self, with_reader):
        reader = """[[ "$*" == *" -f "* ]] && { printf 'Words.\\n\\f'; exit 0; }
            printf '\\f\\f\\f'; sleep 1.3; kill -SEGV $$"""
        server = with_reader(reader, "--ocr", "--retry-wait-seconds", 0, second=None, tesseract=SIGNING)
        state = server.client.process(documents.scanned(4))
        assert (state["status"], state["attempt"]) == ("failed", 2), state
        assert "twice at page 4" in state["error"]["detail"], state

    def test_vectors_of_the_others_come_meanwhile_and_none_twice(self, with_tesseract):
        stand_in = EmbeddingService()
        stand_in.slow_seconds = 0.2
        server = with_tesseract(SIGNING.replace("0.15", "0.5"), "--embedding-url", stand_in.url, "--embedding-model",
                                "stand-in", "--embedding-batch", 1, "--chunk-characters", 50, "--chunk-overlap", 0)
        try:
            state = server.client.process(documents.scanned(8, typed=(1, 2, 5, 8)))
        finally:
            stand_in.close()
        assert (state["status"], state["message"]) == ("complete", self.READ), state
        pages = text_of(server, state["document_id"]).split("\f")
        signed = [number for number, page in enumerate(pages, 1) if SIGNED.search(page)]
        assert signed == [3, 4, 6, 7], pages
        assert stand_in.texts and set(stand_in.texts.values()) == {1}, stand_in.texts

    def test_one_at_which_recognition_hangs_stays_empty(self, with_tesseract):
        server = with_tesseract(SIGNING.replace("sleep 0.15", "sleep 600"), "--stall-seconds", 2)
        state = server.client.process(documents.scanned(3, typed=(1, 3)))
        assert state["status"] == "complete" and "could not read page 2." in state["message"], state

    def test_an_incomplete_result_is_nobody_elses(self, with_tesseract):
        server = with_tesseract(SIGNING.replace("sleep 0.15;", "exit 1;"), "--deduplicate")
        for _ in range(2):
            state = server.client.process(documents.scanned(2, typed=(1,)))
            assert state["message"] == "Text recognition (OCR) could not read page 2.", state

    def test_what_was_made_without_the_tools_is_made_anew_when_they_are_there(self, start_server, tmp_path):
        program("tesseract")
        folder = tmp_path / "bin"
        folder.mkdir()
        for name in ("pdftotext", "pdfinfo", "pdfimages", "pdftoppm", "stdbuf", "env"):
            (folder / name).symlink_to(shutil.which(name))
        options, body = ("--ocr", "--ocr-dpi", 100, "--deduplicate"), documents.scanned(2, typed=(1,))
        without = start_server(*options, environment={"PATH": str(folder)})
        assert without.client.process(body)["message"] is None
        without.stop()
        server = start_server(*options, data=without.data)
        assert server.client.process(body)["message"] == self.READ

    def test_what_is_read_beside_them_is_not_held_up_where_recognition_never_ends(self, with_tesseract):
        server = with_tesseract(SIGNING.replace("sleep 0.15", "while :; do :; done"), "--work-seconds", 1, workers=2)
        state = server.client.process(documents.scanned(3, typed=(1, 3)))
        assert state["status"] == "complete" and "could not read page 2." in state["message"], state


class TestWithoutRecognition:
    def test_where_it_is_off_the_error_says_how_to_switch_it_on(self, start_server):
        error = start_server().client.process(documents.scanned())["error"]
        assert error["code"] == "no_text" and "headway serve --ocr" in error["detail"], error

    def test_where_tesseract_is_missing_log_and_error_say_so(self, start_server, tmp_path):
        folder = tmp_path / "bin"
        folder.mkdir()
        for name in ("pdftotext", "pdfinfo", "pdfimages", "pdftoppm", "stdbuf", "env"):
            (folder / name).symlink_to(shutil.which(name))
        server = start_server("--ocr", environment={"PATH": str(folder)})
        error = server.client.process(documents.scanned())["error"]
        assert error["code"] == "no_text" and "tesseract is not installed" in error["detail"], error
        assert "tesseract is not installed: install tesseract-ocr" in server.log_tail(100_000)

    def test_a_check_of_the_configuration_names_a_language_that_is_missing(self):
        program("tesseract")
        done = subprocess.run([binary(), "serve", "--check-config", "--ocr", "--ocr-languages", "eng+xyz"],
                              capture_output=True, text=True, timeout=20)
        assert done.returncode == 0 and "WARNING" in done.stdout, done
        assert "no language xyz" in done.stdout and "eng" in done.stdout


class TestAnInterruptedRecognition:
    @pytest.mark.parametrize("typed", [(), (1,)], ids=["all", "beside text"])
    def test_no_page_before_the_checkpoint_is_recognized_again(self, with_tesseract, typed):
        server = with_tesseract(SIGNING.replace("0.15", "0.3"), "--retry-wait-seconds", 0)
        identifier = server.client.upload(documents.scanned(pages=9, typed=typed))["document_id"]
        eventually(lambda: (server.client.state(identifier)["pages_done"] or 0) >= 6, 60)
        killed_at = time.time_ns()
        os.kill(server.worker_processes()[0].pid, signal.SIGKILL)
        state = server.client.finish(identifier)
        assert (state["status"], state["attempt"], state["pages_done"]) == ("complete", 2, 9), state
        moments = [int(moment) for moment in SIGNED.findall(text_of(server, identifier))]
        assert len(moments) == 9 - len(typed) and state["resumed_from"] >= 2, state
        known = state["resumed_from"] - len(typed)
        assert all(moment < killed_at for moment in moments[:known])
        assert all(moment > killed_at for moment in moments[known:])

    def test_cancelling_ends_its_processes_within_a_second(self, with_tesseract):
        server = with_tesseract(SIGNING.replace("sleep 0.15", "sleep 60"))
        identifier = server.client.upload(documents.scanned(pages=2))["document_id"]
        eventually(lambda: "sleep" in commands(server), 20, "the recognizer is at work")
        server.client.post(f"/v1/documents/{identifier}/cancel", expect=200)
        eventually(lambda: not {"sleep", "tesseract", "pdftoppm"} & commands(server), 2, "all of them are gone")

    @pytest.mark.parametrize("script, code", [("kill -SEGV $$", "crashed"), ("exit 1", "unreadable"),
                                              ("while :; do :; done", "timeout")])
    def test_a_recognizer_that_dies_refuses_or_never_ends_is_told(self, with_tesseract, script, code):
        limit = ("--work-seconds", 1) if code == "timeout" else ()
        server = with_tesseract(SIGNING.replace("sleep 0.15", script), "--retry-wait-seconds", 0, *limit)
        error = server.client.process(documents.scanned())["error"]
        assert error["code"] == code, error

    def test_a_page_that_takes_long_does_not_let_all_others_pile_up(self, with_tesseract):
        drawing = f'[ "$2" = 1 ] && sleep 60; exec {program("pdftoppm")} "$@"'
        server = with_tesseract(SIGNING.replace("sleep 0.15;", ""), pdftoppm=drawing, workers=2)
        identifier = server.client.upload(documents.scanned(pages=12))["document_id"]
        # Eight may be begun for two cores: those behind the first one are done, and no more.
        eventually(lambda: server.client.state(identifier)["pages_done"] == 7, 60)
        time.sleep(0.3)
        assert server.client.state(identifier)["pages_done"] == 7
        server.client.post(f"/v1/documents/{identifier}/cancel", expect=200)

    def test_of_a_page_that_never_ends_the_beginning_is_kept(self, with_tesseract):
        endless = SIGNING.replace("sleep 0.15", "head -c 400000 /dev/zero | tr '\\0' a")
        server = with_tesseract(endless)
        identifier = server.client.process(documents.scanned())["document_id"]
        assert text_of(server, identifier) == "a" * 256 * 1024 + "\f"


def commands(server):
    return {word.rsplit("/", 1)[-1] for process in server.tree() for word in process.command.split()}
