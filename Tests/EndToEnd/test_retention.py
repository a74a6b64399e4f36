"""How long results and documents stay: `--result-retention-seconds` and `--retention-seconds`."""

import shutil
import time

import pytest

import documents
from client import TEXT
from test_deduplication import check_taken_over, check_worked_on, files
from waiting import eventually

SECONDS = 2
TEXT_BYTES = documents.plain_text(paragraphs=30)


def kept(server, document):
    return sorted(path.parent.name for path in files(server, document))


def check_result_removed(server, document):
    """The result goes, and says so; the document stays as it was."""
    client, path = server.client, f"/v1/documents/{document}"
    before = client.state(document)
    for part in ("result", "text"):
        gone = eventually(lambda: reply if (reply := client.get(f"{path}/{part}")).status != 200 else None)
        assert (gone.status, gone.json()["code"]) == (410, "result_expired")
        assert "again" in gone.json()["detail"]
        client.request("HEAD", f"{path}/{part}", expect=410)
    eventually(lambda: kept(server, document) == ["content"])
    client.get(f"{path}/content", expect=200)
    assert client.state(document) == before and before["status"] == "complete"
    assert client.post(f"{path}/retry", expect=409).json()["code"] == "already_complete"
    return before


def process(server, **rest):
    return server.client.process(TEXT_BYTES, "a.txt", TEXT, **rest)["document_id"]


class TestResults:
    def test_they_leave_after_their_time_and_the_document_stays(self, start_server):
        server = start_server("--result-retention-seconds", SECONDS)
        document = process(server)
        created = server.client.create()["document_id"]
        failed = server.client.process(documents.damaged())
        check_result_removed(server, document)
        assert server.client.state(failed["document_id"]) == failed
        # What is not complete is answered as ever.
        assert server.client.get(f"/v1/documents/{created}/result", expect=409).json()["code"] == "not_complete"
        server.client.delete(f"/v1/documents/{document}", expect=204)
        eventually(lambda: not files(server, document))

    def test_the_end_of_a_document_counts_and_not_its_beginning(self, start_server):
        server = start_server("--result-retention-seconds", SECONDS)
        created = server.client.create(name="a.txt", content_type=TEXT)["document_id"]
        time.sleep(SECONDS)
        server.client.put_content(created, TEXT_BYTES, TEXT, expect=202)
        server.client.finish(created)
        server.client.get(f"/v1/documents/{created}/result", expect=200)
        check_result_removed(server, created)

    @pytest.mark.parametrize("is_down", [True, False])
    def test_a_restart_changes_nothing(self, start_server, is_down):
        """Whether the time is over while the server is down, or before."""
        server = start_server("--result-retention-seconds", SECONDS)
        document = process(server)
        state = check_result_removed(server, document) if not is_down else server.client.state(document)
        tag = server.client.get(f"/v1/documents/{document}/events", expect=200).headers["etag"]
        server.kill()
        time.sleep(SECONDS if is_down else 0)
        server = start_server("--result-retention-seconds", SECONDS)
        assert check_result_removed(server, document) == state
        assert server.client.get(f"/v1/documents/{document}/events", expect=200).headers["etag"] == tag
        server.kill()
        server = start_server("--result-retention-seconds", SECONDS)
        assert server.client.get(f"/v1/documents/{document}/events", expect=200).headers["etag"] == tag

    def test_files_that_a_crash_has_left_are_removed_at_the_start(self, start_server, tmp_path):
        server = start_server("--result-retention-seconds", SECONDS)
        document = process(server)
        saved = [path for path in files(server, document) if path.parent.name != "content"]
        for path in saved:
            shutil.copy(path, tmp_path / path.name)
        check_result_removed(server, document)
        server.kill()
        for path in saved:
            shutil.copy(tmp_path / path.name, path)
        server = start_server("--result-retention-seconds", SECONDS)
        eventually(lambda: kept(server, document) == ["content"])

    def test_what_was_complete_before_the_option_was_given_leaves_as_well(self, start_server):
        server = start_server()
        document = process(server)
        time.sleep(SECONDS)
        server.stop()
        server = start_server("--result-retention-seconds", SECONDS)
        check_result_removed(server, document)
        # And a longer time than before holds for what is there.
        server.stop()
        server = start_server("--result-retention-seconds", 1)
        document = process(server)
        server.stop()
        server = start_server("--result-retention-seconds", 3600)
        time.sleep(2.5)
        server.client.get(f"/v1/documents/{document}/result", expect=200)


class TestBoth:
    def test_first_the_result_leaves_and_then_the_document(self, start_server):
        server = start_server("--result-retention-seconds", SECONDS, "--retention-seconds", 3 * SECONDS)
        document = process(server)
        check_result_removed(server, document)
        eventually(lambda: server.client.get(f"/v1/documents/{document}").status == 404)
        eventually(lambda: not files(server, document))

    def test_a_result_never_outlives_its_document(self, start_server):
        server = start_server("--result-retention-seconds", 3600, "--retention-seconds", SECONDS)
        document = process(server)
        eventually(lambda: server.client.get(f"/v1/documents/{document}/result").status == 404)
        eventually(lambda: not files(server, document))


class TestWithDeduplication:
    def test_a_document_whose_result_is_gone_serves_nobody(self, start_server):
        server = start_server("--deduplicate", "--result-retention-seconds", SECONDS)
        document = process(server)
        check_result_removed(server, document)
        again = check_worked_on(server.client, server.client.upload(TEXT_BYTES, "a.txt", TEXT)["document_id"])
        server.client.get(f"/v1/documents/{again['document_id']}/result", expect=200)

    def test_whoever_has_taken_it_over_keeps_it_for_its_own_time(self, start_server):
        server = start_server("--deduplicate", "--result-retention-seconds", 4)
        first = process(server)
        expected = server.client.chunks(first)
        time.sleep(3)
        second = server.client.upload(TEXT_BYTES, "a.txt", TEXT)["document_id"]
        check_taken_over(server.client, second, first)
        check_result_removed(server, first)
        assert server.client.chunks(second) == expected
        check_result_removed(server, second)
