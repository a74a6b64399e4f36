"""How the page and headway.js hold their connections: one for all documents, resumed after a cut, chosen by a person."""

import json
import re
import time

import pytest

from client import NOBODY
from server import HOST
from proxy import Proxy
from test_page import browser, file, opened, proxy, row, seen, upload, wait_status  # noqa: F401  (fixtures among them)
from waiting import eventually

ONE = re.compile(r"/v1/documents/[^/?]+/events")
TRANSPORTS = ["websocket", "sse", "poll"]


def streams(page, pattern=r"/v1/events\b"):
    return [address for address in page.requested() if re.search(pattern, address)]


def requests(page, pattern):
    """The requests for such an address, with their headers in lower case."""
    page.evaluate("0")
    found = []
    for event in page.events:
        if event.get("method") == "Network.requestWillBeSent":
            request = event["params"]["request"]
            if re.search(pattern, request["url"]):
                found.append({name.lower(): value for name, value in request["headers"].items()})
    return found


def watched_by(page, transport):
    """How many rows say that their news come live by this transport."""
    return page.evaluate("document.querySelectorAll('[data-phase=live][data-transport="
                         f"{json.dumps(transport)}]').length")


@pytest.fixture
def waiting(client):
    """Makes documents that wait for their bytes, and so are watched for as long as a test likes."""
    made = []

    def make(count, prefix):
        made.extend(client.create(name=f"{prefix}-{number}.pdf")["document_id"] for number in range(count))
        return made[-count:]
    yield make
    for identifier in made:
        client.delete(f"/v1/documents/{identifier}")


class TestOneConnectionForAll:
    @pytest.mark.parametrize("transport", ["websocket", "sse"])
    def test_eight_documents_share_one_connection(self, browser, client, waiting, medium_pdf, transport):
        identifiers = waiting(8, f"shared-{transport}")
        with opened(browser, f"{client.address}/?transport={transport}") as page:
            eventually(lambda: watched_by(page, transport) >= 8, 20, "eight rows are live")
            client.put_content(identifiers[0], medium_pdf, expect=202)
            wait_status(page, f"shared-{transport}-0.pdf", "complete")
            assert len(streams(page)) == 1, streams(page)
            assert streams(page, ONE.pattern) == [], "no document has a connection of its own"
            assert transport in {state["transport"] for state in seen(page, identifiers[0])}

    def test_polling_asks_for_all_of_them_at_once(self, browser, client, waiting, medium_pdf):
        identifiers = waiting(8, "polled")
        with opened(browser, f"{client.address}/?transport=poll") as page:
            eventually(lambda: watched_by(page, "poll") >= 8, 20, "eight rows are live")
            client.put_content(identifiers[7], medium_pdf, expect=202)
            wait_status(page, "polled-7.pdf", "complete")
            assert streams(page) and streams(page, ONE.pattern) == []

    def test_a_click_is_answered_at_once_however_many_are_watched(self, browser, client, waiting):
        identifiers = waiting(12, "clicked")
        with opened(browser, f"{client.address}/?transport=sse") as page:
            eventually(lambda: watched_by(page, "sse") >= 12, 20, "twelve rows are live")
            page.evaluate(f"{row('clicked-7.pdf')}.querySelector('[data-act=cancel]').click()")
            wait_status(page, "clicked-7.pdf", "cancelled", 3)
            assert client.state(identifiers[7])["status"] == "cancelled"

    def test_six_tabs_by_sse_leave_room_for_a_seventh_when_nobody_looks_at_them(self, browser, client, waiting):
        waiting(1, "tabs")
        tabs = [opened(browser, f"{client.address}/?transport=sse") for _ in range(6)]
        try:
            for tab in tabs:
                # Where all six are open already, a tab waits for its turn; hidden ones give theirs back.
                tab.evaluate("""Object.defineProperty(document, 'visibilityState', {get: () => 'hidden'});
                                document.dispatchEvent(new Event('visibilitychange'))""")
            with opened(browser, f"{client.address}/?transport=sse") as page:
                eventually(lambda: watched_by(page, "sse") >= 1, 30, "the seventh is live")
        finally:
            for tab in tabs:
                tab.__exit__()

    def test_sse_takes_in_what_comes_later(self, browser, client, waiting, medium_pdf):
        waiting(1, "earlier")
        with opened(browser, f"{client.address}/?transport=sse") as page:
            eventually(lambda: watched_by(page, "sse") >= 1, 20, "the first is live")
            later = waiting(3, "later")
            eventually(lambda: watched_by(page, "sse") >= 4, 20, "those that came later are live too")
            client.put_content(later[2], medium_pdf, expect=202)
            wait_status(page, "later-2.pdf", "complete")
            assert "sse" in {state["transport"] for state in seen(page, later[2])}
            assert len(streams(page)) <= 4, streams(page)


class TestWatchlist:
    def load(self, browser, client):
        page = browser.page()
        page.open(f"{client.address}/v1/limits")  # any page of this origin
        return page

    @pytest.mark.parametrize("transport", ["auto", *TRANSPORTS])
    def test_watch_many_tells_the_end_of_each(self, browser, client, small_pdf, medium_pdf, transport):
        identifiers = [client.upload(body, "many.pdf")["document_id"] for body in (small_pdf, medium_pdf, small_pdf)]
        with self.load(browser, client) as page:
            told = page.evaluate(
                "(async () => { const {watchMany} = await import('/headway.js'); const progress = {};"
                f"const ends = await watchMany({json.dumps([*identifiers, NOBODY])}, {{"
                f"    transport: {json.dumps(transport)},"
                "    onState: state => (progress[state.document_id] ??= []).push(state.progress)});"
                "return {ends: [...ends].map(([id, end]) => [id, end.status]), progress}; })()")
        ends = dict(told["ends"])
        assert ends == {**{identifier: "complete" for identifier in identifiers}, NOBODY: 404}
        for progress in told["progress"].values():
            assert progress == sorted(progress) and progress[-1] == 100

    @pytest.mark.parametrize("transport", TRANSPORTS)
    def test_a_cut_list_comes_back_and_misses_nothing(self, browser, client, proxy, waiting, small_pdf, transport):
        first, second, third = waiting(3, "cut")
        with browser.page() as page:
            page.open(f"{proxy.address}/v1/limits")
            page.evaluate(
                "(async () => { const {watchMany} = await import('/headway.js'); window.told = []; window.ends = null;"
                f"watchMany({json.dumps([first, second, third])}, {{transport: {json.dumps(transport)},"
                "    onState: state => told.push(state)}).then(ends => window.ends = [...ends.keys()]); })()")
            page.wait_for("told.length >= 3", 10, "all are told")
            proxy.cut()
            client.put_content(first, small_pdf, expect=202)
            client.finish(first)
            proxy.restore()
            for identifier in (second, third):
                client.put_content(identifier, small_pdf, expect=202)
            page.wait_for("ends?.length === 3", 30, "all ends are told")
            for identifier in (first, second, third):
                offsets = page.evaluate(f"told.filter(state => state.document_id === '{identifier}')"
                                        ".map(state => state.offset)")
                assert offsets == sorted(set(offsets)), "no state twice, none out of order"
            if transport == "sse":
                assert any("after=" in address for address in streams(page)), "it says where it was"

    def test_a_document_that_was_dropped_is_told_of_no_more(self, browser, client, waiting, medium_pdf):
        kept, dropped = waiting(2, "listed")
        with self.load(browser, client) as page:
            page.evaluate(
                "(async () => { const {Watchlist} = await import('/headway.js'); window.told = [];"
                "window.list = new Watchlist({onState: state => told.push([state.document_id, state.status])});"
                f"list.only({json.dumps([kept, dropped])}); }})()")
            page.wait_for("told.length === 2", 10, "both are told")
            page.evaluate(f"list.drop({json.dumps(dropped)})")
            client.put_content(dropped, medium_pdf, expect=202)
            client.put_content(kept, medium_pdf, expect=202)
            page.wait_for(f"told.some(([id, status]) => id === {json.dumps(kept)} && status === 'complete')", 30)
            client.finish(dropped)
            assert page.evaluate(f"told.filter(([id]) => id === {json.dumps(dropped)}).length") == 1
            assert page.evaluate("list.ids") == []


class TestResuming:
    @pytest.mark.parametrize("transport", TRANSPORTS)
    def test_a_cut_watch_goes_on_behind_the_last_state_it_has_seen(self, browser, client, proxy, medium_pdf, transport):
        identifier = client.create(name="resumed.pdf")["document_id"]
        with browser.page() as page:
            page.open(f"{proxy.address}/v1/limits")
            page.evaluate(
                "(async () => { const {watch} = await import('/headway.js'); window.told = [];"
                f"watch({json.dumps(identifier)}, {{transport: {json.dumps(transport)},"
                "    onState: state => told.push(state)}).then(end => window.end = end); })()")
            page.wait_for("told.length > 0", 10, "the first state")
            first = page.evaluate("told[0]")
            place = f"{first['epoch']}-{first['offset']}"
            proxy.cut()
            client.put_content(identifier, medium_pdf, expect=202)
            eventually(lambda: client.state(identifier)["status"] == "complete", 30)
            proxy.restore()
            page.wait_for("window.end?.status === 'complete'", 20, "the end is told")
            offsets = page.evaluate("told.map(state => state.offset)")
            assert offsets == sorted(set(offsets)), "no state twice, none out of order"
            if transport == "poll":
                assert any(headers.get("if-none-match") == f'"{place}"' for headers in requests(page, ONE.pattern))
            else:
                assert any(f"after={place}" in address for address in streams(page, ONE.pattern)), page.requested()

    def test_polling_lets_the_server_hold_the_question(self, browser, client, waiting):
        identifier, = waiting(1, "held")
        with browser.page() as page:
            page.open(f"{client.address}/v1/limits")
            page.evaluate("(async () => { const {watch} = await import('/headway.js'); window.told = [];"
                          f"watch({json.dumps(identifier)}, {{transport: 'poll', onState: state => told.push(state)}});"
                          "})()")
            page.wait_for("told.length > 0", 10, "the first state")
            time.sleep(4)
            asked = requests(page, ONE.pattern)
            assert "prefer" not in asked[0] and asked[1]["prefer"] == "wait=25"
            assert len(asked) <= 3, "a question that is held is not asked again and again"
            begun = time.monotonic()
            client.post(f"/v1/documents/{identifier}/cancel", expect=200)
            page.wait_for("told.at(-1).status === 'cancelled'", 2, "the answer comes when there is one")
            assert time.monotonic() - begun < 2


class TestTheChoice:
    CHOICE = "document.getElementById('transport')"

    def choose(self, page, transport):
        page.evaluate(f"{self.CHOICE}.value = {json.dumps(transport)};"
                      f"{self.CHOICE}.dispatchEvent(new Event('change', {{bubbles: true}}))")

    def test_it_takes_effect_at_once_and_is_remembered(self, browser, client, waiting):
        waiting(2, "chosen")
        with opened(browser, client.address) as page:
            assert page.evaluate(f"{self.CHOICE}.value") == "auto"
            eventually(lambda: watched_by(page, "websocket") >= 2, 20)
            for transport in ("sse", "poll", "websocket", "sse"):
                self.choose(page, transport)
                eventually(lambda: watched_by(page, transport) >= 2, 20, f"live by {transport}")
            page.open(client.address)
            assert page.evaluate(f"{self.CHOICE}.value") == "sse"
            eventually(lambda: watched_by(page, "sse") >= 2, 20, "live by what was chosen before")
            self.choose(page, "auto")
            assert page.complaints() == []

    def test_the_address_wins_until_a_person_chooses(self, browser, client, waiting):
        waiting(1, "asked")
        with opened(browser, f"{client.address}/?transport=poll") as page:
            assert page.evaluate(f"{self.CHOICE}.value") == "poll"
            eventually(lambda: watched_by(page, "poll") >= 1, 20)
            self.choose(page, "websocket")
            eventually(lambda: watched_by(page, "websocket") >= 1, 20)
            assert "transport" not in page.evaluate("location.search")
            self.choose(page, "auto")

    def test_where_storage_is_forbidden_it_lasts_as_long_as_the_page(self, browser, client, waiting):
        waiting(1, "forgotten")
        with opened(browser, "about:blank") as page:
            page.call("Page.addScriptToEvaluateOnNewDocument", source="Object.defineProperty(window, 'localStorage',"
                      "{get() { throw new DOMException('forbidden', 'SecurityError') }})")
            page.open(client.address)
            self.choose(page, "sse")
            eventually(lambda: watched_by(page, "sse") >= 1, 20)
            assert page.complaints() == []

    def test_it_has_a_name_and_the_keyboard_changes_it(self, browser, client):
        with opened(browser, client.address) as page:
            nodes = page.call("Accessibility.getFullAXTree")["nodes"]
            names = [node["name"]["value"] for node in nodes if node.get("role", {}).get("value") == "combobox"]
            assert names == ["Updates"]
            page.evaluate(f"{self.CHOICE}.focus()")
            page.press("s", "KeyS", text="s")
            page.wait_for(f"{self.CHOICE}.value === 'sse'", 5, "typing its first letter chooses it")
            page.evaluate("localStorage.clear()")
