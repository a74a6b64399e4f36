"""What lies in the data directory: every file that a document needs, and none that nobody needs; and how they are had
in parts (RFC 9110 §14)."""

import re
import subprocess
import threading
import uuid

import pytest

import documents
from client import PDF, TEXT
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


PARTS = ("content", "result", "text")
# Range, and what it means of `whole`.
SATISFIABLE = [
    ("bytes=0-0", slice(0, 1)), ("bytes=0-99", slice(0, 100)), ("bytes=1-", slice(1, None)),
    ("bytes=0-", slice(0, None)), ("bytes=-1", slice(-1, None)), ("bytes=-1000", slice(-1000, None)),
    ("bytes=1000-1999", slice(1000, 2000)), ("bytes=100-999999999999", slice(100, None)),
    ("bytes=0-99999999999999999999999999", slice(0, None)), ("bytes=-99999999999999999999999999", slice(0, None)),
    ("BYTES=2-3", slice(2, 4)), ("bytes=,5-6,", slice(5, 7)),
]
IGNORED = [
    "bytes=0-1,5-6", "bytes=-1,0-1", "bytes=5-4", "bytes=-", "bytes=", "bytes=a-b", "bytes=1", "bytes 0-1", "pages=0-1",
    "bytes=0-1-2", "bytes=--5", "bytes=1 - 2", "\xff", "bytes=0-1;q=1", "=", ",",
]


@pytest.fixture(scope="module")
def document(server, medium_pdf):
    """A document that is done, for the tests that only read."""
    state = server.client.process(medium_pdf, "complete.pdf")
    assert state["status"] == "complete", state
    return f"/v1/documents/{state['document_id']}"


@pytest.fixture(scope="module", params=PARTS)
def part(request, server, document):
    """Path and the whole of each of its files, with the validator of the bytes as they are."""
    path = f"{document}/{request.param}"
    reply = server.client.get(path, expect=200)
    return path, reply.body, reply.headers["etag"]


def ranged(client, path, value, expect=206, **headers):
    fields = {name.replace("_", "-"): text for name, text in headers.items()}
    return client.get(path, headers={"Range": value, **fields}, expect=expect)


class TestAPartOfAFile:
    @pytest.mark.parametrize("value, meant", SATISFIABLE, ids=[value for value, _ in SATISFIABLE])
    def test_is_sent_with_its_place_in_the_whole(self, client, part, value, meant):
        path, whole, tag = part
        reply = ranged(client, path, value)
        assert reply.body == whole[meant] and reply.headers["content-length"] == str(len(reply.body))
        first, last, total = map(int, re.fullmatch(r"bytes (\d+)-(\d+)/(\d+)", reply.headers["content-range"]).groups())
        assert (whole[first:last + 1], total) == (reply.body, len(whole))
        assert (reply.headers["etag"], reply.headers["accept-ranges"]) == (tag, "bytes")

    @pytest.mark.parametrize("value", IGNORED)
    def test_that_cannot_be_told_is_the_whole(self, client, part, value):
        path, whole, _ = part
        reply = ranged(client, path, value, expect=200)
        assert reply.body == whole and "content-range" not in reply.headers

    @pytest.mark.parametrize("value", ["bytes={size}-", "bytes={size}-{size}", "bytes=99999999999999999999-",
                                       "bytes=-0"])
    def test_that_is_not_there_is_a_problem_that_tells_the_size(self, client, part, value):
        path, whole, _ = part
        reply = ranged(client, path, value.format(size=len(whole)), expect=416)
        assert reply.headers["content-range"] == f"bytes */{len(whole)}"
        assert (reply.json()["code"], reply.json()["size_bytes"]) == ("range_not_satisfiable", len(whole))

    def test_comes_without_a_coding_even_where_one_is_taken(self, client, part):
        path, whole, tag = part
        for value, status, meant in (("bytes=10-19", 206, whole[10:20]), ("bytes=0-1,3-4", 200, whole)):
            reply = ranged(client, path, value, expect=status, Accept_Encoding="gzip")
            assert "content-encoding" not in reply.headers
            assert (reply.body, reply.headers["etag"]) == (meant, tag)

    def test_is_varied_by_as_the_whole_is(self, client, part):
        path, _, _ = part
        assert ranged(client, path, "bytes=0-1").headers["vary"] == client.get(path).headers["vary"]

    def test_is_exposed_to_pages_of_other_origins(self, client, part):
        exposed = ranged(client, part[0], "bytes=0-1").headers["access-control-expose-headers"].lower()
        assert {"content-range", "accept-ranges", "etag"} <= {name.strip() for name in exposed.split(",")}

    def test_head_knows_no_range(self, client, part):
        path, whole, tag = part
        for value in ("bytes=0-1", f"bytes={len(whole)}-"):
            with client.connect() as connection:
                connection.request(f"HEAD {path}", f"Range: {value}")
                reply = connection.read_response(to_head=True)
            assert reply.status == 200 and reply.headers["content-length"] == str(len(whole))
            assert (reply.headers["accept-ranges"], reply.headers["etag"]) == ("bytes", tag)
            assert "content-range" not in reply.headers

    def test_repeated_fields_are_no_range(self, client, part):
        path, whole, _ = part
        with client.connect() as connection:
            connection.request(f"GET {path}", "Range: bytes=0-1", "Range: bytes=0-1")
            assert connection.read_response().body == whole

    def test_the_connection_goes_on_behind_each(self, client, part):
        path, whole, _ = part
        with client.connect() as connection:
            for value, status, body in (("bytes=2-4", 206, whole[2:5]), ("bytes=-3", 206, whole[-3:]),
                                        ("x", 200, whole), (f"bytes={len(whole)}-", 416, None),
                                        ("bytes=0-0", 206, whole[:1])):
                connection.request(f"GET {path}", f"Range: {value}")
                reply = connection.read_response()
                assert reply.status == status and body in (None, reply.body)

    def test_all_parts_together_are_the_whole(self, client, part):
        path, whole, tag = part
        step = len(whole) // 7 + 1
        pieces = [ranged(client, path, f"bytes={start}-{start + step - 1}", If_Range=tag).body
                  for start in range(0, len(whole), step)]
        assert b"".join(pieces) == whole


class TestAPartOnACondition:
    def test_if_range_with_the_same_validator_gives_the_part(self, client, part):
        path, whole, tag = part
        assert ranged(client, path, "bytes=5-9", If_Range=tag).body == whole[5:10]

    @pytest.mark.parametrize("condition", ['"other"', "W/{tag}", "{date}", "{bare}", '"other", {tag}', "*"])
    def test_if_range_with_anything_else_gives_the_whole(self, client, part, condition):
        path, whole, tag = part
        date = client.get(path).headers["date"]
        condition = condition.format(tag=tag, bare=tag.strip('"'), date=date)
        for value in ("bytes=5-9", f"bytes={len(whole)}-"):
            assert ranged(client, path, value, expect=200, If_Range=condition).body == whole

    def test_the_validator_of_a_coded_whole_is_not_that_of_a_part(self, client, document):
        path = f"{document}/result"
        coded = client.get(path, headers={"Accept-Encoding": "gzip"}, expect=200)
        assert coded.headers["content-encoding"] == "gzip" and coded.headers["accept-ranges"] == "bytes"
        reply = ranged(client, path, "bytes=100-", expect=200, If_Range=coded.headers["etag"])
        assert reply.body == coded.decoded()

    def test_if_none_match_comes_first(self, client, part):
        path, whole, tag = part
        for value in ("bytes=0-1", f"bytes={len(whole)}-", "x"):
            assert ranged(client, path, value, expect=304, If_None_Match=tag).headers["etag"] == tag
        assert ranged(client, path, "bytes=0-1", If_None_Match='"other"').body == whole[:2]

    def test_an_id_that_is_used_again_for_other_bytes_has_another_validator(self, start_server):
        """Without a digest as well: a part of the new bytes must never be put behind the old ones."""
        client = start_server().client
        identifier, tags = str(uuid.uuid4()), set()
        for turn in range(3):
            client.upload(b"turn %d\n" % turn * 9, "a.txt", TEXT, query=f"&id={identifier}&digest=none")
            tags.add(client.get(f"/v1/documents/{identifier}/content", expect=200).headers["etag"])
            client.delete(f"/v1/documents/{identifier}", expect=204)
        assert len(tags) == 3


def curl(*arguments):
    done = subprocess.run([program("curl"), "--silent", "--show-error", *map(str, arguments)], capture_output=True,
                          timeout=60)
    assert done.returncode == 0, (done.stdout, done.stderr)
    return done.stdout


class TestCurl:
    @pytest.mark.parametrize("value, meant", [("0-0", slice(0, 1)), ("100-", slice(100, None)),
                                              ("-77", slice(-77, None))])
    def test_takes_a_part(self, client, part, value, meant):
        path, whole, _ = part
        assert curl("--range", value, client.address + path) == whole[meant]

    @pytest.mark.parametrize("share", [0, 0.001, 0.5, 0.999])
    def test_goes_on_with_a_download_that_was_cut(self, client, part, tmp_path, share):
        path, whole, _ = part
        file = tmp_path / "download"
        with client.connect() as connection:
            connection.request(f"GET {path}")
            connection.read_head()
            file.write_bytes(connection._read_exactly(int(len(whole) * share)))
        curl("--continue-at", "-", "--output", file, client.address + path)
        assert file.read_bytes() == whole

    def test_goes_on_with_one_that_was_whole(self, client, part, tmp_path):
        """curl asks for what is behind the end and takes 416 with the size as a sign that all is there."""
        path, whole, _ = part
        file = tmp_path / "download"
        file.write_bytes(whole)
        curl("--continue-at", "-", "--output", file, client.address + path)
        assert file.read_bytes() == whole

    def test_goes_on_over_a_long_line_that_breaks_again_and_again(self, client, tmp_path):
        body = documents.pdf(pages=2, padding=20_000_000)
        identifier = client.upload(body, content_type=PDF)["document_id"]
        path, file = f"/v1/documents/{identifier}/content", tmp_path / "download"
        file.write_bytes(b"")
        for _ in range(6):
            with client.connect() as connection:
                connection.request(f"GET {path}", f"Range: bytes={file.stat().st_size}-")
                connection.read_head()
                with file.open("ab") as output:
                    output.write(connection._read_exactly(3_000_000))
        curl("--continue-at", "-", "--output", file, client.address + path)
        assert file.read_bytes() == body
