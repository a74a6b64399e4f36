"""What lies in the data directory: every file that a document needs, and none that nobody needs."""

import threading
import uuid

import documents
from client import TEXT
from means import can_trace, need, program
from waiting import eventually

FOLDERS = ("content", "results", "text")


def files(server, identifier=""):
    """Folder and number of the files of a document, or of all."""
    return {folder: sum(1 for file in (server.data / folder).iterdir() if file.name.startswith(identifier))
            for folder in FOLDERS}


def of(content, output):
    return {"content": content, "results": output, "text": output}


class TestTheFilesOfADocument:
    def test_a_complete_one_keeps_content_result_and_text(self, start_server, small_pdf):
        server = start_server()
        identifier = server.client.process(small_pdf)["document_id"]
        assert files(server, identifier) == of(1, 1)
        server.client.delete(f"/v1/documents/{identifier}", expect=204)
        eventually(lambda: files(server) == of(0, 0), what="every file of a deleted document goes")

    def test_a_cancelled_one_keeps_its_content_alone(self, start_server, long_pdf):
        server = start_server()
        identifier = server.client.upload(long_pdf)["document_id"]
        eventually(lambda: server.client.state(identifier)["pages_done"])
        server.client.post(f"/v1/documents/{identifier}/cancel", expect=200)
        eventually(lambda: files(server) == of(1, 0), what="what the run had made goes")

    def test_cancelled_and_run_again_over_and_over_the_last_run_keeps_its_result(self, start_server, medium_pdf):
        """What a run leaves behind is cleared away while the next one makes its own files."""
        server = start_server(workers=4)
        client = server.client
        identifiers = [client.upload(medium_pdf)["document_id"] for _ in range(4)]

        def pester(identifier):
            for _ in range(10):
                if client.post(f"/v1/documents/{identifier}/cancel").status == 200:
                    client.post(f"/v1/documents/{identifier}/retry", expect=202)

        threads = [threading.Thread(target=pester, args=(identifier,)) for identifier in identifiers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for identifier in identifiers:
            assert client.finish(identifier)["status"] == "complete"
            assert client.chunks(identifier)
            eventually(lambda: files(server, identifier) == of(1, 1), what="one run's files are left")

    def test_an_id_that_is_used_again_has_the_new_bytes(self, start_server):
        client = start_server().client
        identifier = str(uuid.uuid4())
        for turn in range(20):
            body = f"turn {turn}\n".encode()
            client.upload(body, "a.txt", TEXT, query=f"&id={identifier}")
            assert client.get(f"/v1/documents/{identifier}/content", expect=200).body == body
            client.delete(f"/v1/documents/{identifier}", expect=204)

    def test_an_upload_that_is_cancelled_while_its_file_is_synced_leaves_nothing(self, start_server, small_pdf):
        need(can_trace(), "strace that may trace (ptrace is allowed)")
        server = start_server(prefix=[program("strace"), "--follow-forks", "--output=/dev/null", "--trace=fsync",
                                      "--inject=fsync:delay_enter=700000"])
        client = server.client
        identifier = client.create(size=len(small_pdf))["document_id"]
        put = threading.Thread(target=client.put_content, args=(identifier, small_pdf), kwargs={"expect": 409})
        put.start()
        eventually(lambda: client.state(identifier)["bytes_received"] == len(small_pdf))
        client.post(f"/v1/documents/{identifier}/cancel", expect=200)
        put.join()
        eventually(lambda: files(server) == of(0, 0), what="the bytes of the cancelled upload go")


class TestAStart:
    def test_removes_what_no_record_names_and_nothing_else(self, start_server, small_pdf):
        server = start_server()
        identifier = server.client.process(small_pdf)["document_id"]
        cancelled = server.client.create()["document_id"]
        server.client.post(f"/v1/documents/{cancelled}/cancel", expect=200)
        server.kill()
        own = {folder: next((server.data / folder).iterdir()).name for folder in FOLDERS}
        nobody = uuid.uuid4()
        strays = [("content", f"{nobody}.1f"), ("content", f"{identifier}.1f"), ("content", str(nobody)),
                  ("results", f"{identifier}.1f.ndjson"), ("text", f"{identifier}.1f.txt"),
                  ("results", f"{cancelled}.1f.ndjson"), ("text", f"{nobody}.1f.txt")]
        for folder, name in strays:
            (server.data / folder / name).write_bytes(b"left behind")
        (server.data / "content" / "notes.txt").write_bytes(b"somebody else's")
        client = start_server(port=server.port).client
        for folder, name in strays:
            eventually(lambda: not (server.data / folder / name).exists(), what=f"{folder}/{name} goes")
        for folder, name in own.items():
            assert (server.data / folder / name).exists(), (folder, name)
        assert (server.data / "content" / "notes.txt").exists()
        assert client.chunks(identifier)

    def test_of_a_running_document_begins_with_no_file_of_its_last_run(self, start_server, long_pdf):
        server = start_server()
        identifier = server.client.upload(long_pdf)["document_id"]
        eventually(lambda: server.client.state(identifier)["pages_done"])
        server.kill()
        start_server(port=server.port)
        eventually(lambda: files(server, identifier) == of(1, 1), what="the files of the new run alone")
