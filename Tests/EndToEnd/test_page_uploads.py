"""Uploads from the page: paused, cut, loaded anew, refused, in line, behind a token. What has arrived is never sent twice.

The bytes go through a relay that lets so many a second pass and that a test can cut like a cable. What the page does is
read from its rows, from the requests it makes, and from the document on the server.
"""

import hashlib
import json
import os
import re
import time

import pytest

import documents
from client import PDF
from proxy import Proxy
from server import HOST
from test_admission import ROOM, pressure, reach
from test_page import LOOKS, SCREENSHOTS, browser, file, opened, row, seen, wait_status  # noqa: F401  (fixtures)
from waiting import eventually

MEGABYTE = 1_000_000
FAST = 100 * MEGABYTE
WHOLE = ("queued", "processing", "failed")
SECRET = "a-secret-that-only-this-test-knows"
READER = "another-one-that-may-only-read"


def heavy(megabytes=12, seed=1):
    """Much to send and little to read: three pages, and a stream that nothing uses."""
    return documents.pdf(pages=3, seed=seed, padding=megabytes * MEGABYTE)


@pytest.fixture
def slow(request):
    """Relays that are slow to a server, each with an address of its own."""
    made = []

    def make(server, bytes_per_second=2 * MEGABYTE):
        made.append(Proxy(HOST, server.port, bytes_per_second=bytes_per_second))
        return made[-1]
    yield make
    for proxy in made:
        proxy.close()


def choose(page, *paths, selector="#files"):
    page.choose_files(selector, *paths)


def act(page, name, button):
    page.evaluate(f"{any_row(name)}.querySelector('[data-act={button}]').click()")


def any_row(name):
    """The row with that name, also before its document exists."""
    return ("[...document.querySelectorAll('.row')]"
            f".find(row => row.querySelector('.name').textContent === {json.dumps(name)})")


def sending(page, name, phase, seconds=20):
    page.wait_for(f"{any_row(name)}?.dataset.sending === {json.dumps(phase)}", seconds, f"{name} is {phase}")


def words(page, name):
    return page.evaluate(f"{any_row(name)}.querySelector('.facts').innerText + ' ' +"
                         f"{any_row(name)}.querySelector('.advice').innerText")


def percent(page, name):
    return int(page.evaluate(f"{any_row(name)}.querySelector('[role=progressbar]').getAttribute('aria-valuenow')"))


def sent(page, method):
    """The page's own requests by this method, with their headers in lower case."""
    page.evaluate("0")
    return [{name.lower(): value for name, value in event["params"]["request"]["headers"].items()}
            for event in page.events if event.get("method") == "Network.requestWillBeSent"
            and event["params"]["request"]["method"] == method]


def offsets(page):
    """Where each request with bytes has begun."""
    return [int(headers["upload-offset"]) for headers in sent(page, "PATCH")]


def under_way(page, name, client, more_than=100_000):
    """The id of the document, once some of its bytes have arrived."""
    identifier = page.wait_for(f"{row(name)}?.dataset.documentId", 20, "a row for the file appears")
    eventually(lambda: client.state(identifier)["bytes_received"] > more_than, 20, "bytes arrive")
    return identifier


def nothing_is_kept(page):
    page.wait_for("!Object.keys(localStorage).some(key => key.startsWith('headway.upload'))", 5, "nothing is kept")


def at_rest(client, identifier):
    """How many bytes are there once what was on its way has arrived."""
    def settled():
        before = client.state(identifier)["bytes_received"]
        time.sleep(1)
        return before if client.state(identifier)["bytes_received"] == before else None
    return eventually(settled, 20, "nothing more arrives")


def never_fell(page, identifier):
    progress = [state["progress"] for state in seen(page, identifier)]
    assert progress == sorted(progress), progress
    shown = [int(state["shown"] or 0) for state in seen(page, identifier)]
    assert shown == sorted(shown), shown


def arrived_whole(client, identifier, body):
    content = client.get(f"/v1/documents/{identifier}/content", expect=200).body
    assert hashlib.sha256(content).digest() == hashlib.sha256(body).digest()


class TestPausing:
    def test_it_stops_and_goes_on_behind_what_is_there(self, browser, server, client, slow, file):
        body, proxy = heavy(), slow(server)
        with opened(browser, proxy.address) as page:
            choose(page, file(body, "paused.pdf"))
            identifier = under_way(page, "paused.pdf", client)
            act(page, "paused.pdf", "pause")
            sending(page, "paused.pdf", "paused", 2)
            page.wait_for(f"{any_row('paused.pdf')}.innerText.includes('Paused at')", 5)
            there = at_rest(client, identifier)
            assert there < len(body)
            proxy.bytes_per_second = FAST
            act(page, "paused.pdf", "resume")
            wait_status(page, "paused.pdf", "complete")
            first, *others = offsets(page)
            assert first == 0 and others == [there]
            never_fell(page, identifier)
            arrived_whole(client, identifier, body)
            assert page.complaints() == []

    def test_one_that_is_paused_lets_the_next_in_line_go(self, browser, server, client, slow, file):
        paths = [file(heavy(3, seed=number), f"turn-{number}.pdf") for number in range(4)]
        with opened(browser, slow(server, 400_000).address) as page:
            choose(page, *paths)
            for number in range(3):
                sending(page, f"turn-{number}.pdf", "sending")
            sending(page, "turn-3.pdf", "waiting")
            act(page, "turn-0.pdf", "pause")
            sending(page, "turn-3.pdf", "sending")
            act(page, "turn-0.pdf", "resume")
            sending(page, "turn-0.pdf", "waiting")
            for path in paths:
                wait_status(page, path.name, "complete")


class TestLostConnections:
    def test_it_goes_on_by_itself_where_the_server_is(self, browser, server, client, slow, file):
        body = heavy()
        proxy = slow(server)
        with opened(browser, proxy.address) as page:
            choose(page, file(body, "cut.pdf"))
            identifier = under_way(page, "cut.pdf", client)
            for _ in range(2):
                proxy.cut()
                sending(page, "cut.pdf", "retrying")
                page.wait_for(f"/Connection lost. Trying again in \\d+ s/.test({any_row('cut.pdf')}.innerText)", 20)
                there = at_rest(client, identifier)
                proxy.restore()
                sending(page, "cut.pdf", "sending")
                eventually(lambda: client.state(identifier)["bytes_received"] > there, 30, "more arrives")
            proxy.bytes_per_second = FAST
            wait_status(page, "cut.pdf", "complete")
            assert offsets(page)[0] == 0 and all(offset > 0 for offset in offsets(page)[1:]), offsets(page)
            assert len(sent(page, "HEAD")) >= 2, "the server is asked where it is"
            never_fell(page, identifier)
            arrived_whole(client, identifier, body)

    def test_a_connection_that_dies_unseen_is_given_up(self, browser, server, client, slow, file):
        """The relay falls asleep with the connection open; nothing tells the browser."""
        body, proxy = heavy(), slow(server)
        with opened(browser, proxy.address) as page:
            choose(page, file(body, "asleep.pdf"))
            identifier = under_way(page, "asleep.pdf", client)
            proxy.bytes_per_second = 1
            time.sleep(0.5)
            proxy.bytes_per_second = FAST
            wait_status(page, "asleep.pdf", "complete", 90)
            assert len(offsets(page)) == 2 and offsets(page)[1] > 0
            never_fell(page, identifier)
            arrived_whole(client, identifier, body)

    def test_the_server_itself_may_be_killed(self, browser, start_server, slow, file):
        body = heavy()
        own = start_server()
        proxy = slow(own)
        with opened(browser, proxy.address) as page:
            choose(page, file(body, "killed.pdf"))
            identifier = under_way(page, "killed.pdf", own.client, MEGABYTE)
            own.kill()
            sending(page, "killed.pdf", "retrying")
            own.start()
            proxy.bytes_per_second = FAST
            wait_status(page, "killed.pdf", "complete")
            never_fell(page, identifier)
            arrived_whole(own.client, identifier, body)

    def test_while_it_waits_it_can_be_paused_and_cancelled(self, browser, server, client, slow, file):
        proxy = slow(server)
        with opened(browser, proxy.address) as page:
            choose(page, file(heavy(), "waits.pdf"))
            identifier = under_way(page, "waits.pdf", client)
            proxy.cut()
            sending(page, "waits.pdf", "retrying")
            act(page, "waits.pdf", "pause")
            sending(page, "waits.pdf", "paused")
            proxy.restore()
            act(page, "waits.pdf", "cancel")
            wait_status(page, "waits.pdf", "cancelled", 10)
            assert client.state(identifier)["status"] == "cancelled"
            nothing_is_kept(page)


class TestAfterTheReload:
    def begin(self, page, browser_file, client):
        choose(page, browser_file)
        return under_way(page, browser_file.name, client, 500_000)

    def test_it_is_shown_and_goes_on_with_the_same_file(self, browser, server, client, slow, file):
        body = heavy()
        path = file(body, "reloaded.pdf")
        proxy = slow(server)
        with opened(browser, proxy.address) as page:
            identifier = self.begin(page, path, client)
            page.open(proxy.address)
            sending(page, "reloaded.pdf", "away")
            eventually(lambda: percent(page, "reloaded.pdf") > 0, 10, "it says how much is there")
            assert "Choose the same file again" in words(page, "reloaded.pdf")
            there = at_rest(client, identifier)
            assert there < len(body)
            proxy.bytes_per_second = FAST
            page.events.clear()
            act(page, "reloaded.pdf", "choose")
            choose(page, path, selector="#again")
            wait_status(page, "reloaded.pdf", "complete")
            assert offsets(page) == [there]
            assert page.evaluate(f"{row('reloaded.pdf')}.dataset.documentId") == identifier
            never_fell(page, identifier)
            arrived_whole(client, identifier, body)
            nothing_is_kept(page)

    def test_a_file_that_is_dropped_again_finds_its_upload(self, browser, server, client, slow, file):
        path = file(heavy(), "again.pdf")
        proxy = slow(server)
        with opened(browser, proxy.address) as page:
            identifier = self.begin(page, path, client)
            page.open(proxy.address)
            sending(page, "again.pdf", "away")
            proxy.bytes_per_second = FAST
            choose(page, path)
            wait_status(page, "again.pdf", "complete")
            assert page.evaluate(f"{row('again.pdf')}.dataset.documentId") == identifier
            assert page.evaluate("[...document.querySelectorAll('.name')]"
                                 ".filter(name => name.textContent === 'again.pdf').length") == 1

    def test_another_file_is_told_in_words(self, browser, server, client, slow, file, tmp_path):
        path = file(heavy(), "mine.pdf")
        proxy = slow(server)
        (tmp_path / "other").mkdir()
        shorter = tmp_path / "other" / "mine.pdf"
        shorter.write_bytes(heavy(1))
        with opened(browser, proxy.address) as page:
            identifier = self.begin(page, path, client)
            page.open(proxy.address)
            sending(page, "mine.pdf", "away")
            for wrong, told in ((file(b"Something else.", "yours.pdf"), "“yours.pdf”, another file"),
                                (shorter, "1.0 MB, not 12.0 MB")):
                act(page, "mine.pdf", "choose")
                choose(page, wrong, selector="#again")
                page.wait_for(f"{any_row('mine.pdf')}.innerText.includes({json.dumps(told)})", 5, told)
            os.utime(path, (1, 1))
            act(page, "mine.pdf", "choose")
            choose(page, path, selector="#again")
            page.wait_for(f"{any_row('mine.pdf')}.innerText.includes('was changed on')", 5)
            assert client.state(identifier)["status"] == "uploading"
            client.delete(f"/v1/documents/{identifier}", expect=204)

    def test_it_can_be_discarded(self, browser, server, client, slow, file):
        path = file(heavy(), "discarded.pdf")
        proxy = slow(server)
        with opened(browser, proxy.address) as page:
            identifier = self.begin(page, path, client)
            page.open(proxy.address)
            sending(page, "discarded.pdf", "away")
            assert page.evaluate(f"{any_row('discarded.pdf')}.querySelector('[data-act=cancel]').textContent"
                                 ) == "Discard"
            act(page, "discarded.pdf", "cancel")
            wait_status(page, "discarded.pdf", "cancelled", 10)
            assert client.state(identifier)["status"] == "cancelled"
            nothing_is_kept(page)

    def test_another_window_takes_it_over(self, browser, server, client, slow, file):
        body = heavy()
        path = file(body, "two-windows.pdf")
        proxy = slow(server)
        with opened(browser, proxy.address) as first, opened(browser, "about:blank") as second:
            identifier = self.begin(first, path, client)
            act(first, "two-windows.pdf", "pause")
            sending(first, "two-windows.pdf", "paused")
            second.open(proxy.address)
            sending(second, "two-windows.pdf", "away", 30)
            act(second, "two-windows.pdf", "choose")
            choose(second, path, selector="#again")
            sending(second, "two-windows.pdf", "sending")
            proxy.bytes_per_second = FAST
            first.wait_for(f"{any_row('two-windows.pdf')}.querySelector('[data-act=resume]').hidden", 10,
                           "the first window no longer has it")
            for page in (first, second):
                wait_status(page, "two-windows.pdf", "complete")
            assert len(offsets(first)) == 1
            arrived_whole(client, identifier, body)


class TestThreeAtATime:
    def test_the_others_wait_in_line_and_say_so(self, browser, server, client, slow, file):
        paths = [file(heavy(1, seed=number), f"line-{number}.pdf") for number in range(6)]
        with opened(browser, slow(server, 400_000).address) as page:
            page.evaluate("window.most = 0; new MutationObserver(() => { window.most = Math.max(window.most,"
                          "document.querySelectorAll('[data-sending=sending]').length) })"
                          ".observe(document.body, {subtree: true, attributes: true, childList: true})")
            choose(page, *paths)
            page.wait_for("document.querySelectorAll('[data-sending=sending]').length === 3", 10)
            assert [page.evaluate(f"{any_row(path.name)}.dataset.sending") for path in paths[3:]] == ["waiting"] * 3
            assert "Next in line" in words(page, "line-3.pdf")
            assert "In line, 2 before it" in words(page, "line-5.pdf")
            act(page, "line-4.pdf", "cancel")
            page.wait_for(f"!{any_row('line-4.pdf')}", 5, "what was never sent is gone")
            for path in paths[:4] + paths[5:]:
                wait_status(page, path.name, "complete")
            assert page.evaluate("window.most") == 3


@pytest.fixture
def guarded(start_server, tmp_path):
    path = tmp_path / "headway.json"
    path.write_text(json.dumps({"tokens": [{"token": SECRET, "subject": "alice", "scopes": ["upload", "read"]},
                                           {"token": READER, "scopes": ["read"]}]}))
    return start_server("--config", path)


class TestTokens:
    def give(self, page, secret):
        page.evaluate("document.getElementById('token').focus()")
        page.call("Input.insertText", text=secret)
        page.press("Enter", text="\r")

    def asked(self, page):
        page.wait_for("!document.getElementById('access').hidden", 10, "the page asks for a token")

    def test_it_is_asked_for_kept_and_sent(self, browser, guarded, file, small_pdf):
        with opened(browser, guarded.client.address) as page:
            self.asked(page)
            page.wait_for("document.getElementById('sheet').innerText.includes('The documents are behind a token')", 5)
            self.give(page, "wrong")
            page.wait_for("document.getElementById('access').innerText.includes('does not know this token')", 10)
            self.give(page, SECRET)
            page.wait_for("document.getElementById('access').hidden", 10, "it is asked for no more")
            choose(page, file(small_pdf, "guarded.pdf"))
            wait_status(page, "guarded.pdf", "complete")
            assert page.evaluate("[sessionStorage.getItem('headway.token'), JSON.stringify(localStorage)]"
                                 )[0] == SECRET
            assert SECRET not in page.evaluate("JSON.stringify(localStorage)")
            created = [headers for headers in sent(page, "POST") if "idempotency-key" in headers]
            assert [headers["authorization"] for headers in created] == [f"Bearer {SECRET}"]
            sockets = [address for address in page.requested() if re.search(r"^ws:.*/v1/events", address)]
            assert f"access_token={SECRET}" in sockets[-1]
            page.open(guarded.client.address)
            page.wait_for(f"!!{row('guarded.pdf')}", 10, "after a reload it is still known")
            assert page.complaints() == []

    def test_a_file_that_was_refused_for_want_of_one_is_sent_then(self, browser, guarded, file, small_pdf):
        with opened(browser, guarded.client.address) as page:
            self.asked(page)
            choose(page, file(small_pdf, "too-early.pdf"))
            page.wait_for(f"{any_row('too-early.pdf')}?.dataset.status === 'refused'", 10)
            assert "asks for a token" in words(page, "too-early.pdf")
            self.give(page, READER)
            page.wait_for(f"{any_row('too-early.pdf')}?.innerText.includes('the token does not allow it')", 10)
            page.evaluate("document.getElementById('access-change').click()")
            self.give(page, SECRET)
            wait_status(page, "too-early.pdf", "complete")

    @pytest.mark.parametrize("transport", ["sse", "poll"])
    def test_every_transport_carries_it(self, browser, guarded, file, medium_pdf, transport):
        with opened(browser, f"{guarded.client.address}/?transport={transport}") as page:
            self.asked(page)
            self.give(page, SECRET)
            choose(page, file(medium_pdf, "carried.pdf"))
            wait_status(page, "carried.pdf", "complete")
            if transport == "sse":
                assert any(f"access_token={SECRET}" in address for address in page.requested())


class TestRefusals:
    def test_what_is_too_large_is_told_the_limit(self, browser, start_server, file):
        own = start_server("--size-limit", 10 * MEGABYTE)
        with opened(browser, own.client.address) as page:
            choose(page, file(bytes(11 * MEGABYTE), "large.pdf"))
            page.wait_for(f"{any_row('large.pdf')}?.dataset.status === 'refused'", 10)
            assert "it is too large" in words(page, "large.pdf") and "At most 10.0 MB" in words(page, "large.pdf")
            assert page.evaluate(f"{any_row('large.pdf')}.querySelector('[data-act=retry]').hidden")

    def refused(self, page, name, why):
        sending(page, name, "retrying")
        page.wait_for(f"{any_row(name)}.innerText.includes({json.dumps(why)})", 10, why)
        page.wait_for(f"/Trying again in \\d+ s/.test({any_row(name)}.innerText)", 10)
        assert "goes on by itself" in words(page, name)

    def waited(self, page):
        """The server's own word on when to come back was kept, at every try."""
        page.evaluate("0")
        asked, too_early = 0, []
        for event in page.events:
            parameters = event.get("params", {})
            if event.get("method") == "Network.requestWillBeSent" and parameters["request"]["method"] == "POST":
                if parameters["timestamp"] < asked:
                    too_early.append(parameters["timestamp"] - asked)
            elif event.get("method") == "Network.responseReceived" and parameters["response"]["status"] in (429, 503):
                headers = {name.lower(): value for name, value in parameters["response"]["headers"].items()}
                asked = parameters["timestamp"] + float(headers["retry-after"]) - 0.1
        assert asked and not too_early, too_early

    def test_429_waits_its_turn_and_goes_on(self, browser, start_server, file, small_pdf):
        own = start_server("--uploads-per-client", 1)
        with own.client.connect() as other:
            other.request("POST /v1/documents?name=other.pdf", f"Content-Type: {PDF}", "Content-Length: 100000",
                          body=b"%PDF-1.4\n")
            eventually(lambda: own.client.get("/v1/documents").json()["documents"], 10, "another upload is under way")
            with opened(browser, own.client.address) as page:
                choose(page, file(small_pdf, "crowded.pdf"))
                self.refused(page, "crowded.pdf", "You have too many uploads under way")
                other.socket.close()
                wait_status(page, "crowded.pdf", "complete")
                self.waited(page)

    def test_503_is_waited_out(self, browser, start_server, file, small_pdf):
        own = start_server("--diagnostics")
        pressure(own.client, memory_pressure=50, **ROOM)
        reach(own.client, "resume_only", "memory_pressure")
        with opened(browser, own.client.address) as page:
            choose(page, file(small_pdf, "closed.pdf"))
            self.refused(page, "closed.pdf", "Headway is busy")
            pressure(own.client, **ROOM)
            wait_status(page, "closed.pdf", "complete")
            self.waited(page)

    def test_503_in_the_middle_loses_nothing(self, browser, start_server, slow, file):
        own, body = start_server("--diagnostics"), heavy()
        with opened(browser, slow(own).address) as page:
            choose(page, file(body, "midway.pdf"))
            identifier = under_way(page, "midway.pdf", own.client)
            pressure(own.client, memory_pressure=99, **ROOM)
            sending(page, "midway.pdf", "retrying")
            page.wait_for(f"{any_row('midway.pdf')}.innerText.includes('Headway is busy')", 30)
            pressure(own.client, **ROOM)
            wait_status(page, "midway.pdf", "complete")
            assert all(offset > 0 for offset in offsets(page)[1:]), offsets(page)
            never_fell(page, identifier)
            arrived_whole(own.client, identifier, body)

    def test_507_says_that_the_disk_is_full(self, browser, start_server, file, small_pdf):
        own = start_server("--disk-free-kept", "99%")
        with opened(browser, own.client.address) as page:
            choose(page, file(small_pdf, "full.pdf"))
            sending(page, "full.pdf", "retrying")
            page.wait_for(f"{any_row('full.pdf')}.innerText.includes('disk is full')", 10)
            act(page, "full.pdf", "cancel")
            page.wait_for(f"!{any_row('full.pdf')}", 5, "what was never sent is gone")

    def test_a_day_s_share_that_is_used_up_is_not_waited_for(self, browser, start_server, file, small_pdf):
        own = start_server("--bytes-per-client-per-day", len(small_pdf) + 1)
        own.client.upload(small_pdf)
        with opened(browser, own.client.address) as page:
            choose(page, file(small_pdf, "tomorrow.pdf"))
            page.wait_for(f"{any_row('tomorrow.pdf')}?.dataset.status === 'refused'", 10)
            assert "as much as you may today" in words(page, "tomorrow.pdf")
            assert "Try again after" in words(page, "tomorrow.pdf")


class TestTheModule:
    """The bytes are of no document, so what becomes of them is known soon."""

    BEGIN = ("const {upload} = await import('/headway.js');"
             "window.told = []; window.file = new File([new Uint8Array(SIZE).fill(65)], 'module.pdf',"
             "    {type: 'application/pdf', lastModified: 1});"
             "window.begin = options => { window.sending = upload(window.file, {"
             "    onProgress: ({phase, progress, bytesSent}) => told.push({phase, progress, bytesSent}), ...options});"
             "  window.outcome = null;"
             "  sending.then(state => window.outcome = state.status, error => window.outcome = error.code); };")

    def load(self, page, address, size):
        page.open(f"{address}/v1/limits")  # any page of this origin
        page.evaluate(f"(async () => {{ {self.BEGIN.replace('SIZE', str(size))} }})()")

    def test_an_upload_is_paused_resumed_and_awaited(self, browser, server, client, slow):
        with browser.page() as page:
            self.load(page, slow(server).address, 12 * MEGABYTE)
            page.evaluate("begin()")
            page.wait_for("sending.phase === 'sending' && sending.bytesSent > 0", 10)
            eventually(lambda: client.state(page.evaluate("sending.id"))["bytes_received"] > 100_000, 10)
            page.evaluate("sending.pause()")
            assert page.evaluate("sending.phase") == "paused"
            page.evaluate("sending.resume()")
            page.wait_for("outcome", 20)
            assert page.evaluate("outcome") in WHOLE
            told = page.evaluate("told")
            assert [entry["phase"] for entry in told][0] == "starting" and told[-1]["phase"] == "sent"
            assert [entry["progress"] for entry in told] == sorted(entry["progress"] for entry in told)
            assert offsets(page)[0] == 0 and offsets(page)[1] > 0

    def test_the_same_file_goes_on_after_a_reload_and_cancel_ends_it(self, browser, server, client, slow):
        address = slow(server).address
        with browser.page() as page:
            self.load(page, address, 12 * MEGABYTE)
            page.evaluate("begin()")
            page.wait_for("sending.id", 10)
            identifier = page.evaluate("sending.id")
            eventually(lambda: client.state(identifier)["bytes_received"] > 100_000, 10)
            self.load(page, address, 12 * MEGABYTE)
            left = page.evaluate("import('/headway.js').then(({unfinished}) => unfinished())")
            assert [(one["id"], one["name"], one["isSentElsewhere"]) for one in left] == [
                (identifier, "module.pdf", False)]
            page.evaluate("begin()")
            page.wait_for("sending.phase === 'sending'", 10)
            assert page.evaluate("sending.id") == identifier
            assert page.evaluate("sending.cancel().then(state => state.status)") == "cancelled"
            page.wait_for("outcome === 'cancelled'", 5)
            assert client.state(identifier)["status"] == "cancelled"

    def test_the_same_file_chosen_twice_is_two_uploads_also_after_a_reload(self, browser, server, client, slow):
        proxy = slow(server)
        with browser.page() as page:
            self.load(page, proxy.address, 12 * MEGABYTE)
            page.evaluate("begin()")
            page.wait_for("sending.id", 10)
            identifier = page.evaluate("sending.id")
            self.load(page, proxy.address, 12 * MEGABYTE)
            proxy.bytes_per_second = FAST
            page.evaluate("(begin(), window.first = sending, begin())")
            page.wait_for("first.phase === 'sent' && sending.phase === 'sent'", 20)
            assert page.evaluate("first.id") == identifier != page.evaluate("sending.id")

    def test_patience_has_an_end_after_which_it_can_be_taken_up_again(self, browser, server, client, slow):
        proxy = slow(server)
        with browser.page() as page:
            self.load(page, proxy.address, 12 * MEGABYTE)
            page.evaluate("begin({patienceMilliseconds: 1000})")
            page.wait_for("sending.phase === 'sending' && sending.bytesSent > 0", 10)
            identifier = page.evaluate("sending.id")
            eventually(lambda: client.state(identifier)["bytes_received"] > 100_000, 10)
            proxy.cut()
            page.wait_for("outcome === 'network'", 20, "it gives up")
            assert page.evaluate("sending.phase") == "stopped"
            proxy.restore()
            page.evaluate("begin()")
            page.wait_for("outcome && outcome !== 'network'", 20)
            assert page.evaluate("sending.id") == identifier
            assert all(offset > 0 for offset in offsets(page)[1:])

    def test_a_browser_remembers_so_many_for_so_long(self, browser, client):
        with browser.page() as page:
            page.open(f"{client.address}/v1/limits")
            kept = page.evaluate(
                "import('/kept.js').then(({keepUpload, keptUploads}) => { const now = Date.now();"
                "const one = (id, begun) => ({id, url: '/', base: 'b', name: 'n', size: 1, lastModified: 1, begun});"
                "keepUpload(one('ancient', now - 8 * 86400000));"
                "for (let n = 0; n < 201; n += 1) keepUpload(one(`n${n}`, now + n));"
                "const ids = keptUploads('b').map(({id}) => id); localStorage.clear(); return ids; })")
            assert len(kept) == 200 and kept[0] == "n1" and kept[-1] == "n200"

    def test_it_holds_on_to_its_document_when_another_program_takes_it(self, browser, server, client, slow):
        with browser.page() as page:
            self.load(page, slow(server).address, 12 * MEGABYTE)
            page.evaluate("begin()")
            page.wait_for("sending.phase === 'sending' && sending.bytesSent > 0", 10)
            identifier = page.evaluate("sending.id")
            client.put_content(identifier, b"A" * (12 * MEGABYTE), content_type="application/pdf", expect=202)
            page.wait_for("outcome", 20)
            assert page.evaluate("outcome") in ("superseded", *WHOLE)
            assert client.finish(identifier)["error"]["code"] == "unreadable"


@pytest.mark.parametrize("width, height, dark", LOOKS, ids=lambda value: str(value))
def test_how_it_looks(browser, start_server, slow, guarded, file, width, height, dark):
    """Keeps pictures to be judged, of every state that an upload can be in. None may be wider than its window."""
    suffix = f"{width}-{'dark' if dark else 'light'}.png"
    own = start_server("--size-limit", 20 * MEGABYTE, "--diagnostics", data=file(b"", "x").parent / "looks")
    proxy = slow(own, 700_000)
    names = ("board-minutes.pdf", "annual-report.pdf", "lease-agreement-2026-signed-by-all-parties.pdf",
             "invoice-0017.pdf", "invoice-0018.pdf")
    paths = [file(heavy(6, seed=number), name) for number, name in enumerate(names)]
    with opened(browser, proxy.address, width=width, height=height, dark=dark) as page:
        def picture(name):
            overrun = page.evaluate("document.documentElement.scrollWidth - innerWidth")
            page.look(width, max(height, page.evaluate("document.documentElement.scrollHeight")), dark)
            page.screenshot(SCREENSHOTS / f"{name}-{suffix}")
            page.look(width, height, dark)
            assert overrun <= 0, f"{name} is {overrun} px wider than its window"

        left = file(heavy(8, seed=9), "due-diligence.pdf")
        choose(page, left)
        under_way(page, left.name, own.client, MEGABYTE)
        page.open(proxy.address)
        sending(page, left.name, "away")
        choose(page, file(bytes(21 * MEGABYTE), "site-plans-scanned.pdf"), file(heavy(1), "withdrawn.pdf"))
        sending(page, "withdrawn.pdf", "sending")
        act(page, "withdrawn.pdf", "cancel")
        wait_status(page, "withdrawn.pdf", "cancelled")
        choose(page, *paths)
        for name in names[:3]:
            sending(page, name, "sending")
        eventually(lambda: percent(page, names[0]) > 3, 20)
        act(page, names[0], "pause")
        sending(page, names[3], "sending")
        act(page, left.name, "choose")
        choose(page, paths[0], selector="#again")
        time.sleep(2)
        picture("uploads")
        proxy.cut()
        for name in names[1:4]:
            sending(page, name, "retrying")
        time.sleep(2)
        picture("uploads-cut-off")
        pressure(own.client, memory_pressure=99, **ROOM)
        proxy.restore()
        page.wait_for(f"{any_row(names[1])}.innerText.includes('Headway is busy')", 30)
        time.sleep(1)
        picture("uploads-refused")
        page.open(guarded.client.address)
        page.wait_for("!document.getElementById('access').hidden", 10)
        picture("token")
        page.evaluate("document.getElementById('token').focus()")
        page.call("Input.insertText", text="mistyped")
        page.press("Enter", text="\r")
        page.wait_for("document.getElementById('access').classList.contains('wrong')", 10)
        choose(page, paths[3])
        page.wait_for(f"{any_row(names[3])}?.dataset.status === 'refused'", 10)
        picture("token-wrong")
        page.evaluate("sessionStorage.clear()")
