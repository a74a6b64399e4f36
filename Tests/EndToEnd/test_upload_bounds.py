"""What uploads over many requests may take together: places, room, bytes of a day; and what a refused one leaves."""

import json

import pytest

from client import JSON, TEXT, RawConnection
from test_admission import DISK, MIB, metrics, pressure
from uploads import UPLOADS, Draft, Tus, checksum, id_of, path_of
from waiting import eventually

SPARE = 200 * MIB


def tus_from(server, source):
    """A tus client at another address."""
    def post(*fields):
        with RawConnection(server.client.host, server.client.port, source=source) as connection:
            connection.request(f"POST {UPLOADS}", "Tus-Resumable: 1.0.0", "Content-Length: 0", *fields)
            return connection.read_response()
    return post


def uploading(client):
    return client.get("/v1/documents?status=uploading&limit=500", expect=200).json()["documents"]


class TestOpenUploads:
    """Creating costs a place, as sending does."""

    def test_as_many_may_be_begun_as_there_are_places_and_an_end_gives_one_back(self, start_server):
        server = start_server("--open-uploads-per-client", 2, "--open-uploads-max", 3)
        client, tus = server.client, Tus(server.client)
        first = tus.create(10)
        client.create()
        refused = tus.post(Upload_Length=10, expect=429)
        assert (refused.json()["code"], refused.json()["open_uploads_max"]) == ("too_many_open_uploads_of_client", 2)
        assert int(refused.headers["retry-after"]) > 0
        assert client.create(expect=429).json()["code"] == "too_many_open_uploads_of_client"
        other = tus_from(server, "127.0.0.2")
        assert other("Upload-Length: 10").status == 201
        refused = tus_from(server, "127.0.0.3")("Upload-Length: 10")
        assert (refused.status, refused.json()["code"]) == (503, "too_many_open_uploads")
        assert int(refused.headers["retry-after"]) > 0
        assert metrics(client)["headway_uploads_open"] == 3
        # What is there goes on, and what brings all of its bytes at once needs no such place.
        tus.patch(first, 0, b"hello")
        client.upload(b"some words", "a.txt", TEXT)
        tus.patch(first, 5, b"hello")
        second = tus.create(10)
        tus.post(Upload_Length=10, expect=429)
        tus.delete(second)
        third = tus.create(10)
        client.post(f"/v1/documents/{id_of(third)}/cancel", expect=200)
        tus.create(10)
        tus.post(Upload_Length=10, expect=429)


@pytest.fixture(scope="module")
def narrow(start_shared_server):
    """A server whose disk has 200 MiB for uploads."""
    server = start_shared_server("--diagnostics", "--disk-free-kept", 0)
    pressure(server.client, memory_pressure=0, **DISK, disk_free_bytes=SPARE)
    eventually(lambda: metrics(server.client).get("headway_disk_spare_bytes", 0) <= SPARE, 5)
    return server


def spare(client):
    return metrics(client)["headway_disk_spare_bytes"]


class TestPromises:
    def test_what_a_created_upload_announced_is_promised_to_it_until_it_is_over(self, narrow):
        client, tus = narrow.client, Tus(narrow.client)
        path = tus.create(150 * MIB)
        assert metrics(client)["headway_promised_bytes"] == 150 * MIB
        assert tus.post(Upload_Length=150 * MIB, expect=507).json()["code"] == "storage_full"
        reply = client.post("/v1/documents", json.dumps({"name": "a", "size": 150 * MIB}).encode(),
                            headers={"Content-Type": JSON})
        assert reply.status == 507
        # Between two requests the rest of it stays promised.
        tus.patch(path, 0, b"a" * MIB)
        assert metrics(client)["headway_promised_bytes"] == 149 * MIB
        assert tus.post(Upload_Length=60 * MIB, expect=507)
        tus.patch(path, MIB, b"a" * MIB)
        assert metrics(client)["headway_promised_bytes"] == 148 * MIB
        tus.delete(path)
        assert metrics(client)["headway_promised_bytes"] == 0

    def test_one_whose_document_was_described_first_keeps_its_promise_too(self, narrow, small_pdf):
        client = narrow.client
        created = client.create(size=len(small_pdf))["document_id"]
        assert metrics(client)["headway_promised_bytes"] == len(small_pdf)
        with client.connect() as connection:
            connection.request(f"PUT /v1/documents/{created}/content", f"Content-Length: {len(small_pdf)}",
                               body=small_pdf[:100])
        eventually(lambda: metrics(client)["headway_uploads_in_flight"] == 0, 5)
        assert metrics(client)["headway_promised_bytes"] == len(small_pdf)
        client.put_content(created, small_pdf, expect=202)
        assert metrics(client)["headway_promised_bytes"] == 0


class TestParts:
    def part(self, tus, size):
        return tus.upload(b"word " * (size // 5) + b"." * (size % 5), Upload_Concat="partial")

    def test_what_is_put_together_needs_room_like_any_other_upload(self, narrow):
        tus = Tus(narrow.client)
        before = uploading(narrow.client)
        part = self.part(tus, MIB)
        many = "final;" + " ".join([part] * 201)
        assert tus.post(Upload_Concat=many, expect=507).json()["code"] == "storage_full"
        assert uploading(narrow.client) == before, "what was refused leaves nothing"
        tus.delete(part)

    def test_parts_that_are_whole_before_there_is_room_are_put_together_when_there_is(self, narrow):
        client, tus = narrow.client, Tus(narrow.client)
        first, second = self.part(tus, MIB), tus.create(10, Upload_Concat="partial")
        path = path_of(tus.post(Upload_Concat="final;" + " ".join([first] * 8 + [second])).headers["location"])
        other = tus.create(int(spare(client)) - 2 * MIB)
        tus.patch(second, 0, b"0123456789")
        assert client.state(id_of(path))["status"] == "uploading"
        tus.delete(other)
        eventually(lambda: client.state(id_of(path))["status"] != "uploading", 10)
        assert client.state(id_of(path))["bytes_total"] == 8 * MIB + 10
        client.post(f"/v1/documents/{id_of(path)}/cancel")

    def test_a_repeated_part_counts_for_the_bytes_of_the_day(self, start_server):
        client = start_server("--bytes-per-client-per-day", 30_000).client
        tus = Tus(client)
        client.upload(b"word " * 3_000, "a.txt", TEXT)
        part = self.part(tus, 10_000)
        left = client.get("/v1/limits").json()["bytes_per_day_left"]
        assert left == 5_000
        refused = tus.post(Upload_Concat=f"final;{part} {part}", expect=429)
        assert refused.json()["code"] == "daily_bytes_used"
        path = path_of(tus.post(Upload_Concat=f"final;{part}").headers["location"])
        assert tus.finish(path)["bytes_total"] == 10_000
        assert client.get("/v1/limits").json()["bytes_per_day_left"] == left, "once is not twice"

    def test_their_number_has_a_bound(self, narrow):
        tus = Tus(narrow.client)
        part = self.part(tus, 10)
        refused = tus.post(Upload_Concat="final;" + " ".join([part] * 257), expect=400)
        assert refused.json()["code"] == "too_many_parts"
        path = path_of(tus.post(Upload_Concat="final;" + " ".join([part] * 256)).headers["location"])
        assert tus.finish(path)["bytes_total"] == 2560

    def test_parts_whose_lengths_come_later_are_held_to_the_limit_as_well(self, start_server):
        client = start_server("--size-limit", 10).client
        tus = Tus(client)
        parts = [tus.create(Upload_Concat="partial", Upload_Defer_Length=1) for _ in range(3)]
        path = path_of(tus.post(Upload_Concat="final;" + " ".join(parts)).headers["location"])
        for part in parts:
            tus.patch(part, 0, b"0123456789", Upload_Length=10)
        state = client.finish(id_of(path), 10)
        assert (state["status"], state["error"]["code"]) == ("failed", "too_large")
        assert tus.head(path, expect=None).status == 410


class TestLimitsAreTold:
    def test_one_limit_is_told_everywhere_and_enforced(self, start_server):
        client = start_server("--bytes-per-client-per-day", 1000, "--size-limit", 5000).client
        limits = client.get("/v1/limits", expect=200).json()
        assert [limits[name] for name in ("size_limit_bytes", "bytes_per_day_max", "bytes_per_day_left")] == [1000] * 3
        tus = Tus(client)
        assert client.request("OPTIONS", UPLOADS).headers["tus-max-size"] == "1000"
        refused = tus.post(Upload_Length=1001, expect=413)
        assert refused.json()["size_limit_bytes"] == 1000
        reply = Draft(client, 8).create(b"some", False, content_type=TEXT, expect=201)
        assert "max-size=1000" in reply.headers["upload-limit"]
        assert client.get("/v1/limits").json()["bytes_per_day_left"] == 996

    def test_the_disk_s_own_bound_is_one(self, narrow):
        limits = narrow.client.get("/v1/limits", expect=200).json()
        assert limits["size_limit_bytes"] == DISK["disk_total_bytes"]
        assert limits["bytes_per_day_max"] is limits["bytes_per_day_left"] is None
        assert narrow.client.request("OPTIONS", UPLOADS).headers["tus-max-size"] == str(DISK["disk_total_bytes"])


class TestARefusedCreation:
    """What cannot be used leaves no upload behind; what may go on is told where it is."""

    @pytest.fixture(scope="class")
    def limited(self, start_shared_server):
        return start_shared_server("--size-limit", 1000).client

    @pytest.fixture
    def tus(self, limited):
        yield Tus(limited)
        assert uploading(limited) == []

    def test_more_bytes_than_announced(self, tus):
        assert tus.post(b"0123456", Upload_Length=5, expect=413).json()["code"] == "beyond_length"

    def test_bytes_that_are_not_what_their_sum_says(self, tus):
        tus.post(b"hello", Upload_Length=5, Upload_Checksum=checksum("sha1", b"other"), expect=460)
        tus.post(b"hello", Upload_Length=9, Upload_Checksum=checksum("sha1", b"other"), expect=460)

    @pytest.mark.parametrize("version", [6, 8])
    def test_more_bytes_than_a_draft_announced(self, tus, limited, version):
        reply = Draft(limited, version).create(b"hello", False, Upload_Length=3, expect=413)
        assert reply.interim == [], "nothing was made that could be told"

    def test_a_body_of_unknown_length_that_passes_its_end(self, tus, limited):
        draft = Draft(limited, 8)
        draft.create([b"x" * 600, b"x" * 600], False, expect=413)
        draft.create([b"x" * 60, b"x" * 60], False, Upload_Length=100, expect=413)

    def test_one_that_the_server_could_not_take_is_told_where_it_may_go_on(self, start_server):
        client = start_server("--bytes-per-client-per-day", 1000).client
        client.upload(b"word " * 100, "a.txt", TEXT)
        tus = Tus(client)
        with client.connect() as connection:
            connection.request(f"POST {UPLOADS}", "Tus-Resumable: 1.0.0", "Upload-Defer-Length: 1",
                               "Content-Type: application/offset+octet-stream", "Transfer-Encoding: chunked",
                               body=b"258\r\n" + b"x" * 600 + b"\r\n0\r\n\r\n")
            reply = connection.read_response()
        assert (reply.status, reply.json()["code"]) == (429, "daily_bytes_used")
        assert tus.offset(path_of(reply.headers["location"])) >= 0
