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


@pytest.fixture(scope="module")
def narrow(start_shared_server):
    """A server whose disk has 200 MiB for uploads."""
    server = start_shared_server("--diagnostics", "--disk-free-kept", 0)
    pressure(server.client, memory_pressure=0, **DISK, disk_free_bytes=SPARE)
    eventually(lambda: metrics(server.client).get("headway_disk_spare_bytes", 0) <= SPARE, 5)
    return server


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
