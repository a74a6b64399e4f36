"""A server that says no: before the body, with the reason and the time to come back; and its levels of service."""

import json
import re
import subprocess
import time

import pytest

import rules
from client import JSON, NOBODY, PDF, TEXT, RawConnection, multipart
from means import need
from waiting import eventually
from watchers import watch

MIB = 1 << 20
DISK = {"disk_total_bytes": 100 << 30}
ROOM = {**DISK, "disk_free_bytes": 50 << 30}
LEVELS = ("healthy", "queue_only", "resume_only", "read_only")


def order(client, path, value, expect):
    return client.post(path, json.dumps(value).encode(), headers={"Content-Type": JSON}, expect=expect)


def pressure(client, **readings):
    """Figures that stand in for what is measured, until the next ones; none: what is measured."""
    order(client, "/diagnostics/pressure", readings, 202)


def floor(client, level):
    return order(client, "/v1/admin/level", {"level": level}, 200).json()


def level(client):
    return client.get("/v1/limits", expect=200).json()["level"]


def reach(client, name, *reasons):
    """Wait for the level, and hold what every place says of it against each other."""
    eventually(lambda: level(client) == name, 15, f"the level {name}")
    ready = client.get("/readyz")
    sheds = name in ("resume_only", "read_only")
    assert ready.status == (503 if sheds else 200), ready.body
    said = ready.json()
    assert (said["level"], said["reasons"]) == (name, list(reasons)), said
    figures = metrics(client)
    for other in LEVELS:
        assert figures[f'headway_level{{level="{other}"}}'] == (other == name), (other, name)
    for reason in reasons:
        assert figures[f'headway_level_reason{{reason="{reason}"}}'] == 1
    assert client.get("/v1/limits").json()["uploads_shed"] == sheds


def metrics(client):
    text = client.get("/metrics", expect=200).body.decode()
    return {name: float(value) for name, value in re.findall(r"^(headway_\S+) (\S+)$", text, re.M)}


def refused(client, code):
    return metrics(client)[f'headway_uploads_refused_total{{reason="{code}"}}']


class Asking(RawConnection):
    """A client that waits for 100 Continue before it sends its body (RFC 9110 §10.1.1)."""

    def __init__(self, client, length=1000, method="POST", path="/v1/documents", kind=PDF, source="127.0.0.1"):
        super().__init__(client.host, client.port, source=source)
        size = "Transfer-Encoding: chunked" if length is None else f"Content-Length: {length}"
        self.request(f"{method} {path}", "Expect: 100-continue", f"Content-Type: {kind}", size)

    def is_taken(self):
        status, _ = self.read_head()
        return status == 100

    def refusal(self, status, code):
        """The answer, which must come although not a byte of the body was sent."""
        answer = self.read_response()
        assert answer.interim == [], "the body was asked for and then refused"
        assert (answer.status, answer.json()["code"]) == (status, code), answer.body
        return answer


def ask(client, *arguments, **options):
    return Asking(client, *arguments, **options)


def is_refused(client, status, code, *arguments, **options):
    with ask(client, *arguments, **options) as asking:
        return asking.refusal(status, code)


def is_taken(client, *arguments, **options):
    with ask(client, *arguments, **options) as asking:
        return asking.is_taken()


@pytest.fixture
def bounded(start_server):
    """A server whose bounds are near."""
    return start_server("--diagnostics", "--admin", "--uploads-max", 3, "--uploads-per-client", 2,
                        "--size-limit", 50_000, "--bytes-per-client-per-day", 60_000).client


@pytest.fixture
def client(start_server):
    """A server on a machine whose figures the test makes."""
    server = start_server("--diagnostics", "--admin", "--server-memory", 1000)
    pressure(server.client, memory_pressure=0, own_memory_bytes=MIB, **ROOM)
    return server.client


class TestBeforeTheBody:
    def test_one_above_the_size_limit_is_413_with_the_limit(self, bounded):
        answer = is_refused(bounded, 413, "too_large", 50_001)
        assert answer.json()["size_limit_bytes"] == 50_000
        assert refused(bounded, "too_large") == 1

    def test_what_the_disk_could_never_hold_is_413_with_what_it_could(self, client):
        kept = 1 << 30
        eventually(lambda: metrics(client).get("headway_disk_spare_bytes") == (50 << 30) - kept, 5)
        answer = is_refused(client, 413, "too_large", 200 << 30)
        assert answer.json()["size_limit_bytes"] == (100 << 30) - kept

    def test_one_client_too_many_is_429_while_another_is_taken(self, bounded):
        with ask(bounded) as first, ask(bounded) as second:
            assert first.is_taken() and second.is_taken()
            answer = is_refused(bounded, 429, "too_many_uploads_of_client")
            assert int(answer.headers["retry-after"]) > 0
            assert answer.json()["uploads_max"] == 2
            with ask(bounded, source="127.0.0.2") as other:
                assert other.is_taken()
                answer = is_refused(bounded, 503, "too_many_uploads", source="127.0.0.3")
                assert int(answer.headers["retry-after"]) > 0
                assert metrics(bounded)["headway_uploads_in_flight"] == 3
        eventually(lambda: metrics(bounded)["headway_uploads_in_flight"] == 0, 5, "every place is given back")
        assert is_taken(bounded)
        assert metrics(bounded)["headway_promised_bytes"] < 50_000

    def test_the_bytes_of_a_day_are_429_until_midnight(self, bounded):
        bounded.upload(b"word " * 8_000, "a.txt", TEXT)
        answer = is_refused(bounded, 429, "daily_bytes_used", 20_001)
        assert 0 < int(answer.headers["retry-after"]) <= 86_430
        assert answer.json()["bytes_per_day_max"] == 60_000
        assert is_taken(bounded, 20_000)
        assert is_taken(bounded, 50_000, source="127.0.0.2")

    def test_an_upload_without_a_length_ends_when_the_bytes_of_the_day_are_used(self, bounded):
        bounded.upload(b"word " * 8_000, "a.txt", TEXT)
        reply = bounded.post("/v1/documents?name=b.txt", iter([b"word " * 4_001]), headers={"Content-Type": TEXT})
        assert (reply.status, reply.json()["code"]) == (429, "daily_bytes_used"), reply.body

    def test_a_full_disk_is_507(self, client):
        pressure(client, **DISK, disk_free_bytes=(1 << 30) + 100_000)
        eventually(lambda: metrics(client).get("headway_disk_spare_bytes") == 100_000, 5)
        is_refused(client, 507, "storage_full", 100_001)
        assert is_taken(client, 100_000)

    WAYS = {
        "raw": ("POST", "/v1/documents", PDF), "a form": ("POST", "/v1/documents", "multipart/form-data; boundary=b"),
        "a description": ("POST", "/v1/documents", JSON), "drop": ("PUT", "/drop/a.pdf", PDF),
        "the older dialect": ("POST", "/upload-policy", "multipart/form-data; boundary=b"),
    }

    @pytest.mark.parametrize("way", WAYS)
    def test_every_way_in_says_503_under_load(self, client, way):
        method, path, kind = self.WAYS[way]
        pressure(client, memory_pressure=50, **ROOM)
        reach(client, "resume_only", "memory_pressure")
        answer = is_refused(client, 503, "overloaded", method=method, path=path, kind=kind)
        assert answer.json()["reasons"] == ["memory_pressure"]
        assert int(answer.headers["retry-after"]) >= 10

    def test_those_who_are_turned_away_together_are_not_asked_back_together(self, client):
        floor(client, "resume_only")
        told = {is_refused(client, 503, "uploads_closed").headers["retry-after"] for _ in range(12)}
        assert len(told) > 3, told

    def test_a_description_of_what_is_too_large_is_refused_before_the_bytes_come(self, bounded):
        reply = bounded.create(size=50_001, expect=413)
        assert reply.json()["size_limit_bytes"] == 50_000

    def test_looking_is_never_refused(self, client):
        identifier = client.create()["document_id"]
        floor(client, "read_only")
        for path in (f"/v1/documents/{identifier}", "/v1/documents", "/healthz", "/v1/limits"):
            assert client.request("HEAD", path).status == 200
        assert client.request("HEAD", f"/v1/documents/{NOBODY}").status == 404


class TestLevels:
    def test_memory_pressure_leads_through_every_level_and_back(self, client):
        for percent, name in ((10, "healthy"), (25, "queue_only"), (45, "resume_only"), (75, "read_only")):
            pressure(client, memory_pressure=percent, **ROOM)
            reach(client, name, *(["memory_pressure"] if name != "healthy" else []))
        pressure(client, memory_pressure=15, **ROOM)
        reach(client, "queue_only", "memory_pressure")
        pressure(client, memory_pressure=0, **ROOM)
        reach(client, "healthy")
        assert is_taken(client)

    def test_own_memory_leads_through_every_level_and_back(self, client):
        for mebibytes, name in ((750, "queue_only"), (850, "resume_only"), (960, "read_only")):
            pressure(client, own_memory_bytes=mebibytes * MIB, **ROOM)
            reach(client, name, "own_memory")
        pressure(client, **ROOM)
        reach(client, "healthy")

    def test_a_disk_that_fills_leads_to_read_only_and_back(self, client):
        pressure(client, **DISK, disk_free_bytes=1 << 30)
        reach(client, "resume_only", "disk_low")
        is_refused(client, 507, "storage_full")
        pressure(client, **DISK, disk_free_bytes=(1 << 29) - 1)
        reach(client, "read_only", "disk_low", "disk_full")
        pressure(client, **ROOM)
        reach(client, "healthy")

    def test_places_that_are_all_taken_are_a_level_and_a_free_one_is_given_all_the_same(self, start_server):
        client = start_server("--uploads-max", 1).client
        with ask(client) as only:
            assert only.is_taken()
            reach(client, "resume_only", "too_many_uploads")
        eventually(lambda: metrics(client)["headway_uploads_in_flight"] == 0, 5)
        assert is_taken(client)
        reach(client, "healthy")

    def test_an_operator_sets_a_floor_and_takes_it_away(self, client):
        told = floor(client, "read_only")
        assert told == {"floor": "read_only", "level": "read_only", "reasons": ["set_by_operator"]}
        reach(client, "read_only", "set_by_operator")
        is_refused(client, 503, "uploads_closed")
        assert client.get("/v1/admin/level").json()["floor"] == "read_only"
        assert floor(client, None) == {"floor": None, "level": "healthy", "reasons": []}
        assert is_taken(client)

    @pytest.mark.parametrize("value", [{}, {"level": "closed"}, {"level": 3}, [], "read_only"])
    def test_an_order_that_says_nothing_known_is_400(self, client, value):
        assert order(client, "/v1/admin/level", value, 400).json()["code"] == "bad_level"

    def test_an_order_is_short_json(self, client):
        assert client.post("/v1/admin/level", b"{", expect=400).json()["code"] == "malformed_json"
        client.post("/v1/admin/level", b" " * 5000, expect=413)

    def test_nobody_gives_orders_without_the_option(self, server):
        order(server.client, "/v1/admin/level", {"level": "read_only"}, 404)
        server.client.get("/v1/admin/level", expect=404)
        order(server.client, "/diagnostics/pressure", {}, 404)


class TestWhatGoesOn:
    def test_in_resume_only_what_has_begun_goes_on(self, client, small_pdf):
        created = client.create()["document_id"]
        with ask(client, len(small_pdf)) as begun:
            assert begun.is_taken()
            begun.send(small_pdf[:1000])
            floor(client, "resume_only")
            is_refused(client, 503, "uploads_closed")
            assert client.put_content(created, small_pdf, expect=202)
            begun.send(small_pdf[1000:])
            state = begun.read_response()
        assert state.status == 202
        assert client.finish(created)["status"] == "complete"
        assert client.finish(state.json()["document_id"])["status"] == "complete"

    def test_in_read_only_a_body_under_way_is_answered_and_no_other_begins(self, client, small_pdf):
        created = client.create()["document_id"]
        with ask(client, 10 * MIB) as begun:
            assert begun.is_taken()
            begun.send(small_pdf[:1000])
            eventually(lambda: [one for one in client.get("/v1/documents?status=uploading").json()["documents"]
                                if one["bytes_received"] == 1000], 5)
            floor(client, "read_only")
            begun.send(b"more")
            answer = begun.read_response()
        assert (answer.status, answer.json()["code"]) == (503, "uploads_closed")
        assert int(answer.headers["retry-after"]) >= 60
        assert client.put_content(created, small_pdf).status == 503
        assert client.state(created)["status"] == "uploading", "it waits for the bytes that it was promised"
        assert metrics(client)["headway_uploads_in_flight"] == 0
        assert metrics(client)["headway_promised_bytes"] == 0
        floor(client, None)
        client.put_content(created, small_pdf, expect=202)
        assert client.finish(created)["status"] == "complete"

    @pytest.mark.parametrize("transport", ["websocket", "sse", "ndjson", "poll"])
    def test_in_read_only_watchers_of_running_documents_are_served_to_the_end(self, slow_level_server, medium_pdf,
                                                                              transport):
        client = slow_level_server().client
        identifier = client.upload(medium_pdf)["document_id"]
        eventually(lambda: client.state(identifier)["status"] == "processing", 10)
        floor(client, "read_only")
        account = watch(client, identifier, transport).join_account()
        assert rules.check_story(account.states)[-1]["status"] == "complete"
        assert len(client.chunks(identifier)) > 10

    def test_in_queue_only_documents_are_worked_on_one_at_a_time(self, slow_level_server, medium_pdf):
        server = slow_level_server(workers=3)
        client = server.client
        floor(client, "queue_only")
        time.sleep(1.2)  # the pipeline follows at the next measurement
        identifiers = [client.upload(medium_pdf, f"{number}.pdf")["document_id"] for number in range(4)]

        def running():
            return [one for one in identifiers if client.state(one)["status"] == "processing"]

        eventually(running, 10)
        until = time.monotonic() + 1
        while time.monotonic() < until:
            assert len(running()) <= 1
        floor(client, None)
        eventually(lambda: len(running()) == 3, 5, "with the level gone every worker has one")
        for identifier in identifiers:
            assert client.finish(identifier)["status"] == "complete"


@pytest.fixture
def slow_level_server(with_reader):
    """A server that takes orders and reads some sixty pages a second."""
    def start(workers=1):
        return with_reader("""set -o pipefail
            /usr/bin/pdftotext "$@" | while IFS= read -r -d $'\\f' page; do printf '%s\\f' "$page"; sleep 0.015; done
            """, "--diagnostics", "--admin", workers=workers)
    return start


class TestASmallDisk:
    """A file system of 64 MiB of the server's own, of which 16 are kept."""

    KEPT = 16 * MIB

    @pytest.fixture
    def small(self, start_server, tmp_path):
        own = subprocess.run(["unshare", "--map-root-user", "--mount", "mount", "-t", "tmpfs", "none", tmp_path])
        need(own.returncode == 0, "the right to mount a file system of one's own")
        data = tmp_path / "data"
        data.mkdir()
        script = f'mount -t tmpfs -o size=64m none "{data}" && exec "$@"'
        return start_server("--disk-free-kept", self.KEPT, data=data,
                            prefix=["unshare", "--map-root-user", "--mount", "sh", "-c", script, "sh"]).client

    @staticmethod
    def spare(client):
        return metrics(client)["headway_disk_spare_bytes"]

    def test_uploads_that_fit_one_by_one_are_not_promised_the_same_room(self, small):
        room = self.spare(small)
        assert 40 * MIB < room <= 48 * MIB
        with ask(small, 30 * MIB) as first:
            assert first.is_taken()
            first.send(b"a" * MIB)
            is_refused(small, 507, "storage_full", 30 * MIB)
            assert is_taken(small, 10 * MIB)
            # Written or not, what is promised stays promised.
            time.sleep(1.5)
            assert self.spare(small) <= room - 30 * MIB + MIB
            is_refused(small, 507, "storage_full", 30 * MIB)
        eventually(lambda: is_taken(small, 30 * MIB), 5, "a promise that is given up is there for others")

    def test_a_body_without_a_length_is_stopped_before_it_takes_what_others_were_promised(self, small):
        text = (b"word " * 210_000)[:MIB]
        with ask(small, 20 * MIB, path="/v1/documents?name=promised.txt", kind=TEXT) as promised:
            assert promised.is_taken()
            endless = (text for _ in range(80))
            reply = small.post("/v1/documents?name=endless.txt", endless, headers={"Content-Type": TEXT})
            assert (reply.status, reply.json()["code"]) == (507, "storage_full"), reply.body
            for _ in range(20):
                promised.send(text)
            assert promised.read_response().status == 202
        lost = small.get("/v1/documents?status=failed").json()["documents"]
        assert [(one["name"], one["error"]["code"]) for one in lost] == [("endless.txt", "storage_full")]

    def test_a_form_is_refused_as_any_other(self, small):
        form, kind = multipart([("file", b"a" * 100, "a.pdf", PDF)])
        is_refused(small, 507, "storage_full", 48 * MIB, kind=kind)
        is_refused(small, 413, "too_large", 49 * MIB, kind=kind)
