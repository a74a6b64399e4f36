"""One document, four transports, the same numbers: who watches, early or late, learns all that matters."""

import json
import re
import subprocess
import sys
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection

import pytest

import documents
import rules
from client import NOBODY, ORIGIN, PDF
from frames import OPCODE_PING, WebSocketConnection
from waiting import eventually
from watchers import TRANSPORTS, Watcher, lines, watch

HEARTBEAT_SECONDS = 15
EVENT_SECONDS_MIN = 0.050


@pytest.fixture
def waiting(client):
    """A document that waits for its bytes: it can be watched for as long as a test likes."""
    identifier = client.create(name="waiting.pdf")["document_id"]
    yield identifier
    client.delete(f"/v1/documents/{identifier}")


@pytest.fixture(scope="module")
def complete(server, small_pdf):
    return server.client.process(small_pdf)


class TestAWholeStory:
    @pytest.mark.parametrize("transport", TRANSPORTS)
    def test_from_the_first_byte_to_complete(self, client, medium_pdf, transport):
        identifier = client.create(name="story.pdf")["document_id"]
        watcher = watch(client, identifier, transport)
        client.put_content(identifier, medium_pdf, expect=202)
        states = rules.check_story(watcher.join_account().states)
        assert states[0]["status"] == "uploading" and states[-1]["status"] == "complete"
        assert states[-1]["pages_done"] == states[-1]["pages_total"] == 120
        assert any(0 < state["progress"] < 100 and state["status"] == "processing" for state in states)

    def test_stages_come_in_their_order_and_none_is_left_out(self, client, medium_pdf):
        identifier = client.create()["document_id"]
        watcher = watch(client, identifier)
        client.put_content(identifier, medium_pdf, expect=202)
        states = rules.check_story(watcher.join_account().states)
        stages = list(dict.fromkeys(state["stage"] for state in states))
        assert stages[0] == "uploading" and stages[-1] is None
        assert [stage for stage in stages if stage in rules.PIPELINE_STAGES] == list(rules.PIPELINE_STAGES)
        assert list(dict.fromkeys(state["status"] for state in states))[-2:] == ["processing", "complete"]

    def test_pages_are_counted_one_after_another_as_they_are_read(self, client):
        identifier = client.create()["document_id"]
        watcher = watch(client, identifier)
        client.put_content(identifier, documents.pdf(pages=1500), expect=202)
        states = rules.check_story(watcher.join_account().states)
        done = [state["pages_done"] or 0 for state in states if state["status"] == "processing"]
        assert done == sorted(done)
        # Not in one leap at the end: the extractor's pages arrive while it still reads.
        assert len({count for count in done if 0 < count < 1500}) >= 3, done

    def test_the_percentage_is_the_weighted_sum_of_the_counts(self, client):
        document = documents.pdf(pages=1500)
        identifier = client.create(size=len(document))["document_id"]
        watcher = watch(client, identifier)
        client.put_content(identifier, document, expect=202)
        compared = 0
        for state in watcher.join_account().states:
            sum_of_parts = rules.weighted_progress(state)
            if state["status"] == "processing" and sum_of_parts is not None:
                # It may wait a moment for its ceiling to be on record, but is never ahead of the work.
                assert state["progress"] <= sum_of_parts + 0.1, (state["progress"], sum_of_parts, state["stages"])
                compared += state["progress"] >= sum_of_parts - 1
        assert compared

    def test_upload_bytes_are_the_first_part_of_the_percentage(self, client, medium_pdf):
        identifier = client.create(size=len(medium_pdf))["document_id"]
        half = len(medium_pdf) // 2
        with client.connect() as connection:
            connection.request(f"PUT /v1/documents/{identifier}/content", f"Content-Type: {PDF}",
                               f"Content-Length: {len(medium_pdf)}", body=medium_pdf[:half])
            part = rules.WEIGHTS["uploading"] / 2
            # The figure may wait for its ceiling to be on record, for a moment; it never passes the bytes.
            state = eventually(lambda: (found := client.state(identifier))["bytes_received"] == half
                               and found["progress"] > part - 0.5 and found)
            assert state["progress"] <= part + 0.1, state["progress"]
            assert state["status"] == state["stage"] == "uploading" and abs(state["stage_progress"] - 50) < 1
            connection.send(medium_pdf[half:])
            assert connection.read_response().status == 202
        assert client.finish(identifier)["status"] == "complete"

    def test_with_an_unknown_length_the_uploads_part_is_0_until_it_ends(self, client, small_pdf):
        identifier = str(uuid.uuid4())
        with client.connect() as connection:
            connection.request(f"POST /v1/documents?id={identifier}", f"Content-Type: {PDF}",
                               "Transfer-Encoding: chunked", body=b"%x\r\n%s\r\n" % (len(small_pdf), small_pdf))
            eventually(lambda: client.get(f"/v1/documents/{identifier}").status == 200)
            state = eventually(lambda: (found := client.state(identifier))["bytes_received"] and found)
            assert (state["progress"], state["stage_progress"], state["bytes_total"]) == (0, None, None)
            connection.send(b"0\r\n\r\n")
            assert connection.read_response().json()["progress"] >= rules.WEIGHTS["uploading"]

    def test_a_failure_is_the_last_thing_told(self, client):
        identifier = client.create()["document_id"]
        watcher = watch(client, identifier)
        client.put_content(identifier, documents.scan(), expect=202)
        account = watcher.join_account()
        rules.check_story(account.states)
        assert (account.last["status"], account.last["error"]["code"]) == ("failed", "no_text")
        assert account.close_code == 1000


class TestPaceAndPromise:
    def test_ticks_come_at_most_every_50_milliseconds_and_changes_of_stage_at_once(self, client):
        identifier = client.create()["document_id"]
        watcher = watch(client, identifier)
        client.put_content(identifier, documents.pdf(pages=1500), expect=202)
        account = watcher.join_account()
        ticks = [(at, state) for at, state in zip(account.times, account.states) if state["status"] == "processing"]
        seconds = ticks[-1][0] - ticks[0][0]
        steps = len({state["stage"] for _, state in ticks})
        # Two may meet on the way, so the rate counts and not each gap.
        assert len(ticks) <= seconds / EVENT_SECONDS_MIN + steps + 3, (len(ticks), seconds)

    def test_what_remains_is_told_once_there_is_evidence_and_never_before(self, start_server):
        client = start_server().client  # without any experience of other documents
        identifier = client.create()["document_id"]
        watcher = watch(client, identifier)
        # Long enough that evidence, half a second of it, comes well before the end.
        client.put_content(identifier, documents.pdf(pages=9000), expect=202)
        states = watcher.join_account().states
        told = [state for state in states if state["eta_seconds"] is not None]
        assert told, "nothing was ever told"
        assert all(state["status"] == "processing" for state in told)
        first = states.index(told[0])
        assert first > 0 and states[first]["progress"] > 20, "told before any work was seen"

    def test_the_place_in_the_queue_is_told_while_queued_and_only_then(self, start_server, long_pdf, small_pdf):
        client = start_server(workers=1).client
        running = client.upload(long_pdf)["document_id"]
        eventually(lambda: client.state(running)["status"] == "processing")
        waiting = [client.upload(small_pdf)["document_id"] for _ in range(3)]

        seen = {}

        def told():
            seen.update({identifier: client.state(identifier) for identifier in [running, *waiting]})
            positions = [seen[identifier]["queue_position"] for identifier in waiting]
            return None not in positions and positions

        positions = eventually(told, 5, seen)
        assert positions == list(range(positions[0], positions[0] + 3)) and positions[0] in (0, 1)
        watcher = watch(client, waiting[1])
        client.delete(f"/v1/documents/{waiting[0]}", expect=204)
        eventually(lambda: client.state(waiting[1])["queue_position"] == positions[0], 5, "it moves up")
        eventually(lambda: watcher.account.last["queue_position"] == positions[0], 5, "its watcher is told")
        client.delete(f"/v1/documents/{running}", expect=204)
        for state in watcher.join_account().states:
            assert state["queue_position"] is None or state["status"] == "queued"


class TestTheSameNumbers:
    def test_four_transports_at_once_tell_the_same(self, client, medium_pdf):
        identifier = client.create(name="same.pdf")["document_id"]
        watchers = [watch(client, identifier, transport) for transport in TRANSPORTS]
        client.put_content(identifier, medium_pdf, expect=202)
        accounts = [watcher.join_account() for watcher in watchers]
        known, shared = {}, 0
        for account in accounts:
            rules.check_story(account.states)
            for state in account.states:
                key = (state["epoch"], state["offset"])
                if key in known:
                    shared += 1
                    # The place in the queue is told when it is asked for; all else is one state at one offset.
                    assert {**known[key], "queue_position": None} == {**state, "queue_position": None}, key
                known.setdefault(key, state)
        assert shared >= 2 * (len(accounts) - 1)
        assert len({json.dumps(account.last, sort_keys=True) for account in accounts}) == 1

    def test_the_state_the_list_and_the_events_agree(self, client, complete):
        identifier = complete["document_id"]
        state = client.state(identifier)
        polled = client.get(f"/v1/documents/{identifier}/events", expect=200).json()
        listed = next(entry for entry in client.get("/v1/documents?limit=500").json()["documents"]
                      if entry["document_id"] == identifier)
        for other in (polled, listed, watch(client, identifier).join_account().last):
            assert {name: other[name] for name in rules.FIELDS} == {name: state[name] for name in rules.FIELDS}

    def test_fifty_watchers_all_learn_the_end(self, client, medium_pdf):
        identifier = client.create()["document_id"]
        watchers = [watch(client, identifier) for _ in range(50)]
        client.put_content(identifier, medium_pdf, expect=202)
        ends = {(account.last["offset"], account.last["status"], account.close_code)
                for account in (watcher.join_account() for watcher in watchers)}
        assert len(ends) == 1 and next(iter(ends))[1:] == ("complete", 1000)


class TestLateAndUnknown:
    @pytest.mark.parametrize("transport", TRANSPORTS)
    def test_who_comes_late_gets_the_state_and_the_end(self, client, complete, transport):
        account = watch(client, complete["document_id"], transport).join_account(10)
        assert [state["status"] for state in account.states] == ["complete"]
        assert account.close_code == (1000 if transport == "websocket" else None)

    def test_the_current_state_comes_first_and_at_once(self, client, waiting):
        for transport in TRANSPORTS[:3]:
            watcher = Watcher(client, waiting, transport)
            watcher.start()
            watcher.wait_connected(5)
            assert watcher.account.states[0]["status"] == "uploading"

    @pytest.mark.parametrize("accept", ["text/event-stream", "application/x-ndjson", "application/json", "*/*"])
    def test_an_unknown_document_is_404_on_any_transport(self, client, accept):
        client.get(f"/v1/documents/{NOBODY}/events", headers={"Accept": accept}, expect=404)

    def test_nor_is_a_websocket_opened_for_it(self, client):
        with client.connect() as connection:
            connection.request(f"GET /v1/documents/{NOBODY}/events", "Upgrade: websocket",
                               "Connection: Upgrade", "Sec-WebSocket-Version: 13",
                               "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==")
            assert connection.read_response().status == 404


class TestServerSentEvents:
    def test_the_stream_is_what_an_eventsource_expects(self, client, waiting):
        connection = HTTPConnection(client.host, client.port, timeout=10)
        connection.request("GET", f"/v1/documents/{waiting}/events",
                           headers={"Accept": "text/event-stream", "Origin": ORIGIN, "Accept-Encoding": "gzip"})
        response = connection.getresponse()
        assert response.status == 200
        assert response.headers["content-type"].startswith("text/event-stream")
        assert "no-store" in response.headers["cache-control"] or "no-cache" in response.headers["cache-control"]
        assert response.headers["x-accel-buffering"] == "no", "nginx would hold the events back"
        assert "content-encoding" not in response.headers, "a compressed stream is held back by proxies"
        connection.close()

    def test_retry_comes_first_and_each_event_has_its_id(self, client, small_pdf):
        identifier = client.create()["document_id"]
        watcher = watch(client, identifier, "sse")
        client.put_content(identifier, small_pdf, expect=202)
        account = watcher.join_account()
        assert re.fullmatch(r"retry: ?\d+", account.lines_before[0]), account.lines_before
        assert account.identifiers == ["{epoch}-{offset}".format(**state) for state in account.states]

    def test_a_reconnect_after_the_terminal_event_gets_204_so_that_it_stops(self, client, complete):
        identifier = complete["document_id"]
        last = watch(client, identifier, "sse").join_account().identifiers[-1]
        watcher = Watcher(client, identifier, "sse")
        watcher._watch_sse(last_event_id=last)
        assert watcher.account.status == 204 and not watcher.account.states

    @pytest.mark.parametrize("last", ["0-0", "nonsense", "feed-1"])
    def test_any_other_reconnect_gets_the_state_and_the_end(self, client, complete, last):
        watcher = Watcher(client, complete["document_id"], "sse")
        watcher._watch_sse(last_event_id=last)
        assert [state["status"] for state in watcher.account.states] == ["complete"]

    def test_curl_shows_the_events_as_they_come(self, client, waiting, small_pdf):
        with subprocess.Popen(["curl", "-sN", "-H", "Accept: text/event-stream",
                               f"{client.address}/v1/documents/{waiting}/events"], stdout=subprocess.PIPE) as curl:
            head = [curl.stdout.readline() for _ in range(3)]
            assert any(line.startswith(b"data: {") or line.startswith(b"retry:") for line in head)
            client.put_content(waiting, small_pdf, expect=202)
            rest = curl.stdout.read().decode()
            assert curl.wait(30) == 0
        data = [line.removeprefix("data:").strip() for line in rest.splitlines() if line.startswith("data:")]
        assert json.loads(data[-1])["status"] == "complete"


class TestNDJSON:
    def test_curl_gets_one_state_a_line_and_ends(self, client, medium_pdf):
        identifier = client.upload(medium_pdf)["document_id"]
        done = subprocess.run(["curl", "-sN", "-H", "Accept: application/x-ndjson",
                               f"{client.address}/v1/documents/{identifier}/events"], capture_output=True, timeout=60)
        assert done.returncode == 0
        states = rules.check_story([rules.check_message(line) for line in done.stdout.decode().splitlines()])
        assert states[-1]["status"] == "complete"


class TestPolling:
    def test_the_etag_is_epoch_and_offset_and_nothing_new_is_304(self, client, complete):
        path = f"/v1/documents/{complete['document_id']}/events"
        first = client.get(path, expect=200)
        tag = first.headers["etag"]
        assert tag == '"{epoch}-{offset}"'.format(**first.json())
        for value in (tag, f"W/{tag}", f'"other", {tag}', "*"):
            reply = client.get(path, headers={"If-None-Match": value}, expect=304)
            assert reply.body == b"" and reply.headers["etag"] == tag
        client.get(path, headers={"If-None-Match": '"0-0"'}, expect=200)

    def test_it_is_never_kept_by_a_cache(self, client, complete):
        reply = client.get(f"/v1/documents/{complete['document_id']}/events", expect=200)
        assert re.search("no-cache|no-store", reply.headers["cache-control"])
        assert "accept" in [name.strip().lower() for name in reply.headers["vary"].split(",")]

    def test_a_poll_loop_ends_with_the_terminal_state(self, client, medium_pdf):
        identifier = client.upload(medium_pdf)["document_id"]
        account = watch(client, identifier, "poll").join_account()
        rules.check_story(account.states)
        assert account.last["status"] == "complete"

    def test_head_has_the_tag_and_no_body(self, client, complete):
        reply = client.request("HEAD", f"/v1/documents/{complete['document_id']}/events", expect=200)
        assert reply.headers["etag"] and reply.body == b""


class TestAResumedWatch:
    """A watch that is resumed by its last offset is told what came after it, or that something is lost."""

    @pytest.mark.parametrize("transport", ["websocket", "sse", "ndjson"])
    @pytest.mark.parametrize("after", ["0000-1", "nonsense"])
    def test_what_is_not_retained_gets_the_current_state_first(self, client, complete, transport, after):
        account = watch(client, complete["document_id"], transport, after=after).join_account(10)
        assert account.states[0]["recovered"] is False
        assert account.last["status"] == "complete"

    def test_sse_resumes_by_its_last_event_id_too(self, client, complete):
        watcher = Watcher(client, complete["document_id"], "sse")
        watcher._watch_sse(last_event_id="0000-1")
        assert watcher.account.states[0]["recovered"] is False

    @pytest.mark.parametrize("transport", ["websocket", "sse", "ndjson"])
    def test_from_any_event_the_rest_is_replayed_by_any_transport(self, client, medium_pdf, transport):
        identifier = client.create()["document_id"]
        watcher = watch(client, identifier)
        client.put_content(identifier, medium_pdf, expect=202)
        states = watcher.join_account().states
        for index in (0, len(states) // 2, len(states) - 2):
            after = "{epoch}-{offset}".format(**states[index])
            again = watch(client, identifier, transport, after=after).join_account(10).states
            assert again[0].pop("recovered") is True
            missed = [state for state in states[index + 1:]]
            # What was merged for the first watcher may be told apart to the second, never the other way round.
            assert [state for state in again if state["offset"] in {told["offset"] for told in missed}] == missed
            assert again[0]["offset"] > states[index]["offset"]
            rules.check_story(again)

    def test_after_the_newest_the_current_state_comes_once_at_its_own_offset(self, client, waiting):
        state = client.state(waiting)
        watcher = watch(client, waiting, after="{epoch}-{offset}".format(**state))
        first = watcher.account.states[0]
        assert (first["offset"], first["epoch"]) == (state["offset"], state["epoch"])
        assert first["recovered"] is True

    def test_an_offset_of_the_future_is_not_recovered(self, client, waiting):
        state = client.state(waiting)
        watcher = watch(client, waiting, after="{}-{}".format(state["epoch"], state["offset"] + 1000))
        assert watcher.account.states[0]["recovered"] is False

    @pytest.mark.parametrize("transport", TRANSPORTS)
    def test_a_first_watch_says_nothing_of_it(self, client, complete, transport):
        account = watch(client, complete["document_id"], transport).join_account(10)
        assert "recovered" not in account.states[0]


class TestTheTerminalWatcher:
    """`python -m websockets` prints what comes, and when it ends: what websocat's users see."""

    def run(self, client, identifier, then=None):
        with subprocess.Popen([sys.executable, "-u", "-m", "websockets",
                               f"ws://{client.host}:{client.port}/v1/documents/{identifier}/events"],
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as watcher:
            output = b""
            while b"{" not in output:
                byte = watcher.stdout.read(1)
                assert byte, output
                output += byte
            if then:
                then()
            while b"Connection closed" not in output:
                data = watcher.stdout.read1(65536)
                assert data, output[-500:]
                output += data
            watcher.stdin.close()
            watcher.wait(10)
            output += watcher.stdout.read()
        return output.decode()

    def test_it_prints_every_state_and_ends_with_1000(self, client, waiting, medium_pdf):
        output = self.run(client, waiting, lambda: client.put_content(waiting, medium_pdf, expect=202))
        states = [json.loads(found) for found in re.findall(r"\{\"document_id\".*\}", output)]
        rules.check_story(states)
        assert states[-1]["status"] == "complete"
        assert "Connection closed: 1000" in output, output[-300:]


class TestKeepingAlive:
    """An idle stream shows that it lives, by means that are not messages."""

    @pytest.mark.timeout(60)
    def test_sse_by_comments_every_15_seconds(self, client, waiting):
        connection = HTTPConnection(client.host, client.port, timeout=HEARTBEAT_SECONDS + 5)
        connection.request("GET", f"/v1/documents/{waiting}/events", headers={"Accept": "text/event-stream"})
        for line in lines(connection.getresponse()):
            if line.startswith(":"):
                break
        else:
            raise AssertionError("the stream ended without a comment")
        connection.close()

    @pytest.mark.timeout(60)
    def test_websocket_by_a_ping_every_25_seconds(self, client, waiting):
        with WebSocketConnection(client, f"/v1/documents/{waiting}/events", timeout=30) as socket:
            socket.read_message()
            opcode, payload = socket.read_frame()
            assert opcode == OPCODE_PING, (opcode, payload)


class TestALongPoll:
    """`Prefer: wait` with If-None-Match: the answer comes when there is something new (RFC 7240)."""

    def poll(self, client, identifier, tag, seconds, timeout=20):
        return client.get(f"/v1/documents/{identifier}/events", timeout=timeout,
                          headers={"If-None-Match": tag, "Prefer": f"wait={seconds}"})

    def test_it_is_answered_at_once_when_the_state_is_newer(self, client, waiting):
        at = time.monotonic()
        assert self.poll(client, waiting, '"0000-1"', 10).status == 200
        assert time.monotonic() - at < 2

    def test_it_waits_for_the_next_event_and_has_it(self, client, waiting, small_pdf):
        tag = client.get(f"/v1/documents/{waiting}/events").headers["etag"]
        with ThreadPoolExecutor() as pool:
            answer = pool.submit(self.poll, client, waiting, tag, 15)
            time.sleep(0.3)
            assert not answer.done()
            client.put_content(waiting, small_pdf, expect=202)
            reply = answer.result(10)
        assert reply.status == 200 and reply.headers["etag"] != tag
        assert reply.headers["preference-applied"] == "wait=15"
        rules.check_state(reply.json())

    def test_it_expires_with_304(self, client, waiting):
        tag = client.get(f"/v1/documents/{waiting}/events").headers["etag"]
        at = time.monotonic()
        reply = self.poll(client, waiting, tag, 1)
        assert reply.status == 304 and reply.headers["etag"] == tag and reply.body == b""
        assert 0.9 < time.monotonic() - at < 5

    def test_of_a_terminal_document_nothing_more_can_come(self, client, complete):
        identifier = complete["document_id"]
        tag = client.get(f"/v1/documents/{identifier}/events").headers["etag"]
        at = time.monotonic()
        assert self.poll(client, identifier, tag, 30).status == 304
        assert time.monotonic() - at < 2

    def test_a_client_that_goes_away_leaves_no_watcher(self, client, waiting):
        tag = client.get(f"/v1/documents/{waiting}/events").headers["etag"]

        def watchers():
            return int(re.search(r"^headway_watchers (\d+)", client.get("/metrics").body.decode(), re.M)[1])

        before = watchers()
        with client.connect() as connection:
            connection.request(f"GET /v1/documents/{waiting}/events", f"If-None-Match: {tag}", "Prefer: wait=60")
            eventually(lambda: watchers() == before + 1, 5)
        eventually(lambda: watchers() == before, 5)


class TestAnIdThatIsUsedAgain:
    def test_its_new_watchers_learn_the_end_whatever_the_old_ones_did(self, start_server, small_pdf):
        client = start_server("--loops", 1).client
        identifier = str(uuid.uuid4())
        client.create(document_id=identifier)
        old = [watch(client, identifier) for _ in range(3)]
        client.delete(f"/v1/documents/{identifier}", expect=204)
        client.create(document_id=identifier)
        new = watch(client, identifier)
        for watcher in old:
            assert watcher.join_account(10).last["status"] == "cancelled"
        client.put_content(identifier, small_pdf, expect=202)
        assert new.join_account(20).last["status"] == "complete"
