"""What there is to PDF beyond its text: damaged files, passwords, attachments."""

import json
import subprocess

import pytest

import documents
import rules
from client import JSON, PDF, multipart
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

    def test_the_truncated_files_of_others_are_read_as_far_as_they_go(self, client, hostile):
        folder, _ = hostile
        for share in (10, 50, 90, 99):
            state = client.process((folder / f"truncated_{share}.pdf").read_bytes())
            assert (state["status"], state["message"]) == ("complete", READ_WITH_MUTOOL), (share, state)
        state = client.process((folder / "truncated_01.pdf").read_bytes())
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


class TestADocumentWithALongPassword:
    PASSWORD = "forty bytes are more than poppler takes."

    def test_it_is_opened_by_mutool(self, client, tmp_path):
        plain, locked = tmp_path / "plain.pdf", tmp_path / "locked.pdf"
        plain.write_bytes(documents.pdf())
        subprocess.run([program("mutool"), "clean", "-E", "aes-256", "-U", self.PASSWORD, "-O", "other", plain, locked],
                       check=True, capture_output=True)
        for password, code in [(self.PASSWORD, None), (self.PASSWORD + "!", "password_protected")]:
            state = client.post("/v1/documents", locked.read_bytes(), expect=202, headers={
                "Content-Type": PDF, "Document-Password": password}).json()
            state = client.finish(state["document_id"])
            assert (state["error"] or {}).get("code") == code, state["error"]
            if code is None:
                assert "Page 1 of 1." in text_of(client, state) and state["message"] == READ_WITH_MUTOOL


class TestADocumentWithAPassword:
    PASSWORD, WRONG = "test", "not the right secret"

    @pytest.fixture
    def body(self):
        return shared("corpus/pdfplumber__password-example.pdf").read_bytes()

    def as_form(self, client, body, password):
        form, kind = multipart([("password", password), ("file", body, "a.pdf", PDF)])
        return client.post("/v1/documents", form, headers={"Content-Type": kind}, expect=202).json()

    def as_field(self, client, body, password):
        headers = {"Content-Type": PDF, "Document-Password": password}
        return client.post("/v1/documents", body, headers=headers, expect=202).json()

    def as_json(self, client, body, password):
        state = client.create(password=password)
        client.put_content(state["document_id"], body, expect=202)
        return state

    def as_drop(self, client, body, password):
        return client.put("/drop/a.pdf", body, headers={"Document-Password": password}, expect=202).json()

    def as_resumable(self, client, body, password):
        reply = client.post("/v1/uploads", body, expect=201, headers={
            "Tus-Resumable": "1.0.0", "Upload-Length": str(len(body)), "Document-Password": password,
            "Content-Type": "application/offset+octet-stream"})
        return {"document_id": reply.headers["location"].rsplit("/", 1)[1]}

    @pytest.mark.parametrize("way", ["form", "field", "json", "drop", "resumable"])
    def test_it_is_read_with_the_password_that_came_with_it(self, client, body, way):
        state = client.finish(getattr(self, f"as_{way}")(client, body, self.PASSWORD)["document_id"])
        assert text_of(client, state).strip() and state["pages_total"] == state["pages_done"] == 4, state

    def test_a_wrong_one_is_told_from_none(self, client, body):
        given = client.finish(self.as_field(client, body, self.WRONG)["document_id"])["error"]
        none = client.process(body)["error"]
        assert given["code"] == none["code"] == "password_protected"
        assert "does not open" in given["detail"] and "does not open" not in none["detail"], (given, none)

    def test_it_is_shown_nowhere_and_no_record_has_it_behind_the_end(self, start_server, body):
        server = start_server()
        created = server.client.create(password=self.WRONG)
        watcher = watch(server.client, created["document_id"])
        server.client.put_content(created["document_id"], body, expect=202)
        states = watcher.join_account(30).states
        assert states[-1]["error"]["code"] == "password_protected"
        listed = server.client.get("/v1/documents", expect=200).json()
        assert self.WRONG not in json.dumps([created, states, listed]) + server.log_tail(100_000)
        server.stop()
        records = subprocess.run(["python3", "-c", "import sqlite3, sys\nfor line in "
                                  "sqlite3.connect(sys.argv[1]).iterdump(): print(line)",
                                  server.data / "headway.sqlite"], capture_output=True, check=True).stdout
        assert created["document_id"].encode() in records or records
        assert self.WRONG.encode() not in records and self.WRONG.encode().hex().encode() not in records.lower()

    def test_what_it_opened_is_not_taken_over_by_who_has_none(self, start_server, body):
        server = start_server("--deduplicate")
        assert server.client.finish(self.as_field(server.client, body, self.PASSWORD)["document_id"])["status"] == "complete"
        assert server.client.process(body)["error"]["code"] == "password_protected"

    def test_one_that_is_too_long_or_too_late_is_refused(self, client, body):
        reply = client.post("/v1/documents", json.dumps({"name": "a.pdf", "password": "a" * 128}).encode(),
                            headers={"Content-Type": JSON}, expect=400)
        assert reply.json()["code"] == "bad_password"
        form, kind = multipart([("file", body, "a.pdf", PDF), ("password", self.PASSWORD)])
        reply = client.post("/v1/documents", form, headers={"Content-Type": kind}, expect=400)
        assert reply.json()["code"] == "password_too_late"


class TestAttachments:
    def test_their_names_are_in_the_state_and_their_text_is_not_read(self, client):
        state = client.process(documents.with_attachments(["invoice.xml", "Größe 日本.txt"]))
        assert state["attachments"] == ["invoice.xml", "Größe 日本.txt"], state
        assert "hidden" not in text_of(client, state)
        assert client.get(f"/v1/documents/{state['document_id']}", expect=200).json()["attachments"]

    def test_a_name_is_a_name_and_no_path_and_a_list_has_an_end(self, client):
        names = ["../../etc/passwd", "C:\\x\\y.txt", "..", "a" * 500, "one\nline\u202etxt.exe"]
        state = client.process(documents.with_attachments(names + [f"{number}.txt" for number in range(100)]))
        assert state["attachments"][:3] == ["passwd", "y.txt", "unnamed"], state
        assert state["attachments"][3] == "a" * 120 and len(state["attachments"]) <= 50
        assert not any(sign in name for name in state["attachments"] for sign in "/\\\n\u202e")

    def test_one_of_no_type_that_hangs_on_a_page_is_listed_too(self, client):
        assert client.process(documents.with_attached_note("note.txt"))["attachments"] == ["note.txt"]

    def test_a_document_without_any_has_no_such_field(self, client):
        assert "attachments" not in client.process(documents.pdf())

    def test_the_files_of_others(self, client):
        body = shared("corpus/pdf.js__attachment.pdf").read_bytes()
        assert client.process(body)["attachments"] == ["foo.txt"]

    def test_they_survive_a_restart(self, start_server, tmp_path):
        server = start_server(data=tmp_path / "data")
        identifier = server.client.process(documents.with_attachments(["a.txt"]))["document_id"]
        server.stop()
        again = start_server(data=tmp_path / "data")
        assert again.client.get(f"/v1/documents/{identifier}", expect=200).json()["attachments"] == ["a.txt"]

    @pytest.mark.parametrize("script", ["echo broken >&2; exit 1", "exec sleep 60", "kill -9 $$"])
    def test_a_lister_that_fails_or_hangs_costs_only_the_names(self, with_reader, script):
        server = with_reader(None, pdfdetach=script)
        state = server.client.process(documents.with_attachments(["a.txt"]))
        assert state["status"] == "complete" and "attachments" not in state, state
