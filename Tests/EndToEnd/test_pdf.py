"""What there is to PDF beyond its text: damaged files, passwords, attachments."""

import subprocess

import pytest

import documents
import rules
from means import program, shared
from watchers import watch

READ_WITH_MUTOOL = "Read with mutool, because pdftotext could not read it."


def text_of(client, state):
    assert state["status"] == "complete", state["error"]
    return client.get(f"/v1/documents/{state['document_id']}/text", expect=200).decoded().decode()


def cut(body, share):
    return body[:len(body) * share // 100]


class TestADamagedDocument:
    @pytest.fixture(autouse=True)
    def mutool(self):
        return program("mutool")

    @pytest.mark.parametrize("share", [60, 90])
    def test_it_is_read_with_mutool_and_says_so(self, client, share):
        body = cut(documents.pdf(pages=30), share)
        identifier = client.create()["document_id"]
        watcher = watch(client, identifier)
        client.put_content(identifier, body, expect=202)
        state = rules.check_story(watcher.join_account(30).states)[-1]
        assert (state["status"], state["message"], state["attempt"]) == ("complete", READ_WITH_MUTOOL, 1), state
        text = text_of(client, state)
        pages = text.split("\f")
        assert pages.pop() == "" and len(pages) == state["pages_done"] == state["pages_total"], state
        assert any(page.strip().startswith("Page 1 of 30.") for page in pages), text[:200]

    def test_its_text_is_what_mutool_says(self, client, tmp_path, mutool):
        body = cut(documents.pdf(pages=30), 60)
        (tmp_path / "a.pdf").write_bytes(body)
        plain = subprocess.run([mutool, "draw", "-q", "-F", "txt", "-o", "-", tmp_path / "a.pdf"],
                               capture_output=True, check=False).stdout.decode()
        assert plain.strip()
        assert text_of(client, client.process(body)) == plain.replace("\f\n", "\f")

    def test_the_truncated_files_of_others_are_read_as_far_as_they_go(self, client, tmp_path):
        subprocess.run(["python3", shared("tools/make_hostile.py"), tmp_path], check=True, capture_output=True)
        for share in (10, 50, 90, 99):
            state = client.process((tmp_path / f"truncated_{share}.pdf").read_bytes())
            assert (state["status"], state["message"]) == ("complete", READ_WITH_MUTOOL), (share, state)
        state = client.process((tmp_path / "truncated_01.pdf").read_bytes())
        assert (state["status"], state["error"]["code"], state["message"]) == ("failed", "unreadable", None), state

    def test_where_both_find_nothing_the_error_says_so(self, client):
        error = client.process(b"%PDF-1.7\nnothing of a document")["error"]
        assert error["code"] == "unreadable" and "mutool could not read it either" in error["detail"], error

    def test_one_that_wants_a_password_is_not_read_again(self, client):
        error = client.process(documents.with_password())["error"]
        assert error["code"] == "password_protected" and "mutool" not in error["detail"], error

    def test_without_text_it_stays_no_text(self, client):
        error = client.process(documents.scan())["error"]
        assert error["code"] == "no_text" and "mutool" in error["detail"], error

    def test_the_second_reader_goes_on_from_nothing_that_the_first_has_read(self, with_reader, small_pdf):
        server = with_reader("printf 'first\\f'; sleep 2; exit 1", second="printf 'second\\n\\f\\n'")
        identifier = server.client.create()["document_id"]
        watcher = watch(server.client, identifier)
        server.client.put_content(identifier, small_pdf, expect=202)
        state = rules.check_story(watcher.join_account(30).states)[-1]
        assert (state["status"], state["resumed_from"]) == ("complete", None), state
        assert text_of(server.client, state) == "second\n\f"
