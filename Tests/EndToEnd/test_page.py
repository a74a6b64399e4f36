"""The page in a real browser: a file goes in, its bar moves, the connection is cut and comes back, and how it looks."""

import base64
import json
import re

import pytest

import documents
from browser import Browser
from means import BUILD, ROOT, shared
from proxy import Proxy
from server import HOST
from waiting import eventually

SCREENSHOTS = BUILD / "screenshots"
LOOKS = [(1280, 900, False), (1280, 900, True), (390, 844, False), (390, 844, True)]

# Keeps what the bar of every row shows, whenever it changes.
RECORDER = """
window.seen = {};
const note = row => {
    const id = row.dataset.documentId || '?';
    const list = window.seen[id] = window.seen[id] || [];
    const entry = {status: row.dataset.status, progress: Number(row.dataset.progress),
                   transport: row.dataset.transport,
                   shown: row.querySelector('[role=progressbar]')?.getAttribute('aria-valuenow')};
    if (JSON.stringify(entry) !== JSON.stringify(list.at(-1))) list.push(entry);
};
new MutationObserver(() => document.querySelectorAll('[data-document-id]').forEach(note))
    .observe(document.documentElement, {subtree: true, childList: true, attributes: true});
"""


@pytest.fixture(scope="module")
def browser():
    browser = Browser()
    yield browser
    browser.close()


@pytest.fixture
def proxy(server):
    proxy = Proxy(HOST, server.port)
    yield proxy
    proxy.close()


def opened(browser, address, **options):
    page = browser.page(**options)
    page.call("Page.addScriptToEvaluateOnNewDocument",
              source=f"addEventListener('DOMContentLoaded', () => {{{RECORDER}}})")
    page.open(address)
    return page


def row(name):
    """A JavaScript expression: the row of the document with that name."""
    return ("[...document.querySelectorAll('[data-document-id]')]"
            f".find(row => row.textContent.includes({json.dumps(name)}))")


def upload(page, path, name):
    page.choose_files("input[type=file]", path)
    return page.wait_for(f"{row(name)}?.dataset.documentId", what="a row for the file appears")


def wait_status(page, name, status, seconds=60):
    page.wait_for(f"{row(name)}?.dataset.status === {json.dumps(status)}", seconds, f"{name} is {status}")


def seen(page, identifier):
    return page.evaluate(f"window.seen[{json.dumps(identifier)}]")


@pytest.fixture
def file(tmp_path):
    def write(body, name):
        path = tmp_path / name
        path.write_bytes(body)
        return path
    return write


class TestAFileThroughThePage:
    def test_its_bar_moves_to_complete_and_never_back(self, browser, client, file, medium_pdf):
        with opened(browser, client.address) as page:
            identifier = upload(page, file(medium_pdf, "through.pdf"), "through.pdf")
            wait_status(page, "through.pdf", "complete")
            states = seen(page, identifier)
            progress = [state["progress"] for state in states]
            assert progress == sorted(progress) and progress[-1] == 100
            assert len({value for value in progress if 0 < value < 100}) >= 2, progress
            assert client.state(identifier)["status"] == "complete"
            assert page.complaints() == []

    def test_a_screen_reader_is_told_the_percentage(self, browser, client, file, small_pdf):
        with opened(browser, client.address) as page:
            upload(page, file(small_pdf, "spoken.pdf"), "spoken.pdf")
            wait_status(page, "spoken.pdf", "complete")
            bar = page.evaluate(f"(() => {{ const bar = {row('spoken.pdf')}.querySelector('[role=progressbar]');"
                                "return {now: bar.getAttribute('aria-valuenow'), label: bar.ariaLabel ||"
                                "bar.getAttribute('aria-labelledby')}; })()")
            assert float(bar["now"]) == 100 and bar["label"]

    def test_many_files_each_have_their_bar(self, browser, client, file, small_pdf):
        paths = [file(small_pdf, f"many-{number}.pdf") for number in range(5)]
        with opened(browser, client.address) as page:
            page.choose_files("input[type=file]", *paths)
            for path in paths:
                wait_status(page, path.name, "complete")

    def test_a_failed_one_says_what_to_do(self, browser, client, file):
        with opened(browser, client.address) as page:
            upload(page, file(documents.with_password(), "locked.pdf"), "locked.pdf")
            wait_status(page, "locked.pdf", "failed")
            assert "password" in page.evaluate(f"{row('locked.pdf')}.textContent").lower()

    def test_a_locked_one_asks_for_its_password_until_it_is_the_right_one(self, browser, client, file):
        body = shared("corpus/pdfplumber__password-example.pdf").read_bytes()
        with opened(browser, client.address) as page:
            ids = [upload(page, file(body, "unlocked.pdf"), "unlocked.pdf")]
            for password, status in [("wrong", "failed"), ("test", "complete")]:
                page.wait_for(f"{row('unlocked.pdf')}?.querySelector('.unlock').hidden === false")
                page.evaluate(f"(() => {{ const form = {row('unlocked.pdf')}.querySelector('.unlock');"
                              f"form.elements[0].value = '{password}'; form.requestSubmit(); }})()")
                page.wait_for(f"![undefined, '{ids[-1]}'].includes({row('unlocked.pdf')}?.dataset.documentId)")
                wait_status(page, "unlocked.pdf", status)
                ids.append(page.evaluate(f"{row('unlocked.pdf')}.dataset.documentId"))
            assert page.evaluate(f"{row('unlocked.pdf')}.querySelector('.unlock').hidden")
            assert [client.get(f"/v1/documents/{identifier}").status for identifier in ids] == [404, 404, 200]
            assert page.complaints() == []

    def test_cancel_and_retry(self, browser, client, file, long_pdf):
        with opened(browser, client.address) as page:
            identifier = upload(page, file(long_pdf, "stopped.pdf"), "stopped.pdf")
            page.wait_for(f"['queued','processing'].includes({row('stopped.pdf')}.dataset.status)")
            page.evaluate(f"{row('stopped.pdf')}.querySelector('[data-act=cancel]').click()")
            wait_status(page, "stopped.pdf", "cancelled", 10)
            assert client.state(identifier)["status"] == "cancelled"
            page.evaluate(f"{row('stopped.pdf')}.querySelector('[data-act=retry]').click()")
            page.wait_for(f"['queued','processing','complete'].includes({row('stopped.pdf')}.dataset.status)", 10)
            client.delete(f"/v1/documents/{identifier}", expect=204)

    def test_a_look_into_the_result(self, browser, client, file, small_pdf):
        with opened(browser, client.address) as page:
            upload(page, file(small_pdf, "look.pdf"), "look.pdf")
            wait_status(page, "look.pdf", "complete")
            page.evaluate(f"{row('look.pdf')}.querySelector('[data-act=open]').click()")
            page.wait_for(f"{row('look.pdf')}.textContent.includes('Page 1 of 3.')", 10, "the first chunk is shown")

    def test_what_stands_in_a_document_is_never_run(self, browser, client, file):
        name = "<img src=x onerror=window.owned=1>.txt"
        body = b"<script>window.owned=1</script> <img src=x onerror=window.owned=1> " * 20
        identifier = client.process(body, name, "text/plain")["document_id"]
        with opened(browser, client.address) as page:
            page.wait_for(f"!!document.querySelector('[data-document-id=\"{identifier}\"]')")
            page.evaluate(f"document.querySelector('[data-document-id=\"{identifier}\"] [data-act=open]').click()")
            page.wait_for(f"document.querySelector('[data-document-id=\"{identifier}\"]').textContent"
                          ".includes('window.owned=1</script>')", 10)
            assert page.evaluate("window.owned") is None


class TestTransports:
    @pytest.mark.parametrize("transport", ["websocket", "sse", "poll"])
    def test_each_can_be_forced_and_tells_the_same(self, browser, client, file, medium_pdf, transport):
        name = f"by-{transport}.pdf"
        with opened(browser, f"{client.address}/?transport={transport}") as page:
            identifier = upload(page, file(medium_pdf, name), name)
            wait_status(page, name, "complete")
            states = seen(page, identifier)
            assert transport in {state["transport"] for state in states}, states
            assert [state["progress"] for state in states] == sorted(state["progress"] for state in states)

    @pytest.mark.parametrize("transport", ["websocket", "sse", "poll"])
    def test_a_cut_connection_comes_back_by_itself(self, browser, client, proxy, file, medium_pdf, transport):
        identifier = client.create(name=f"cut-{transport}.pdf")["document_id"]
        name = f"cut-{transport}.pdf"
        with opened(browser, f"{proxy.address}/?transport={transport}") as page:
            page.wait_for(f"{row(name)}?.dataset.transport === {json.dumps(transport)}", 20, "the row is watched")
            proxy.cut()
            client.put_content(identifier, medium_pdf, expect=202)
            eventually(lambda: client.state(identifier)["progress"] >= 20)
            proxy.restore()
            wait_status(page, name, "complete")
            progress = [state["progress"] for state in seen(page, identifier)]
            assert progress == sorted(progress) and progress[-1] == 100

    def falls_back(self, page, address, path):
        page.open(address)
        identifier = upload(page, path, path.name)
        wait_status(page, path.name, "complete")
        assert {"sse", "poll"} & {state["transport"] for state in seen(page, identifier)}

    def test_behind_a_proxy_that_breaks_websockets_it_falls_back_by_itself(self, browser, slow_server, file, medium_pdf):
        proxy = Proxy(HOST, slow_server.port, breaks_websockets=True)
        with opened(browser, "about:blank") as page:
            self.falls_back(page, proxy.address, file(medium_pdf, "behind-a-proxy.pdf"))
        proxy.close()

    def test_in_a_browser_that_forbids_websockets_it_falls_back_by_itself(self, browser, slow_server, file, medium_pdf):
        with opened(browser, "about:blank") as page:
            page.call("Page.addScriptToEvaluateOnNewDocument", source="window.WebSocket = class { constructor() {"
                      "throw new DOMException('forbidden', 'SecurityError') } };")
            self.falls_back(page, slow_server.client.address, file(medium_pdf, "forbidden.pdf"))

    def test_what_a_terminal_uploads_appears_too(self, browser, client, small_pdf):
        with opened(browser, client.address) as page:
            client.upload(small_pdf, "from-elsewhere.pdf")
            wait_status(page, "from-elsewhere.pdf", "complete")


class TestHowItIsMade:
    def test_every_file_of_it_is_served_as_it_is(self, client):
        for path in (ROOT / "web-demo").iterdir():
            reply = client.get(f"/{path.name}", expect=200)
            assert reply.body == path.read_bytes(), path.name

    def test_nothing_is_loaded_from_elsewhere(self, browser, client, file, small_pdf):
        with opened(browser, client.address) as page:
            upload(page, file(small_pdf, "own.pdf"), "own.pdf")
            wait_status(page, "own.pdf", "complete")
            own = f"{client.host}:{client.port}"
            elsewhere = [address for address in page.requested()
                         if not re.match(rf"(https?|wss?)://{re.escape(own)}/|data:|blob:|about:", address)]
            assert elsewhere == []

    def test_headway_js_is_a_module_that_others_can_use(self, browser, client, small_pdf):
        with browser.page() as page:
            page.open(f"{client.address}/v1/limits")  # any page of this origin
            state = page.evaluate(
                "(async () => { const {upload, watch} = await import('/headway.js');"
                f"const bytes = Uint8Array.from(atob({json.dumps(base64_of(small_pdf))}), c => c.charCodeAt(0));"
                "const sent = await upload(new File([bytes], 'module.pdf', {type: 'application/pdf'}));"
                "const progress = []; const end = await watch(sent.document_id,"
                "    {onState: state => progress.push(state.progress)});"
                "return {status: end.status, progress}; })()")
            assert state["status"] == "complete" and state["progress"] == sorted(state["progress"])

    def test_the_keyboard_reaches_everything(self, browser, client, file, small_pdf):
        with opened(browser, client.address) as page:
            upload(page, file(small_pdf, "keys.pdf"), "keys.pdf")
            wait_status(page, "keys.pdf", "complete")
            reached = set()
            for _ in range(40):
                page.press("Tab")
                reached.add(page.evaluate("document.activeElement.id || document.activeElement.dataset.act ||"
                                          "document.activeElement.tagName"))
            assert any(name.startswith("file") or name == "INPUT" for name in reached), reached
            assert {"open", "remove"} & reached, reached

    def test_no_two_elements_share_an_id_and_every_control_has_a_name(self, browser, client):
        with opened(browser, client.address) as page:
            assert page.evaluate("[...document.querySelectorAll('[id]')].length === "
                                 "new Set([...document.querySelectorAll('[id]')].map(node => node.id)).size")
            nodes = page.call("Accessibility.getFullAXTree")["nodes"]
            nameless = [node for node in nodes if node.get("role", {}).get("value") in
                        ("button", "link", "progressbar", "textbox") and not node.get("ignored")
                        and not node.get("name", {}).get("value")]
            assert nameless == []


class TestWhatAPDFMayHave:
    def test_attached_files_are_named_among_the_details(self, browser, client):
        client.process(documents.with_attachments(["invoice.xml", "notes.txt"]), "with files.pdf")
        with opened(browser, client.address) as page:
            page.wait_for(f"!!{row('with files.pdf')}")
            page.evaluate(f"{row('with files.pdf')}.querySelector('[data-act=open]').click()")
            page.wait_for(f"{row('with files.pdf')}.textContent.includes('invoice.xml, notes.txt (not read)')")

    def test_recognized_pages_fill_the_segment_of_those_that_are_read(self, browser, with_reader):
        slow = '[ "$1" = --list-langs ] && { echo List; echo eng; exit 0; }; cat > /dev/null; sleep 0.3; echo words'
        server = with_reader(None, "--ocr", second=None, tesseract=slow)
        with opened(browser, server.client.address) as page:
            server.client.upload(documents.scanned(pages=8), "letter.pdf")
            page.wait_for(f"!!{row('letter.pdf')}?.textContent.match(/Recognizing page [3-8] of 8/)")
            scale = page.evaluate(f"{row('letter.pdf')}.querySelectorAll('.segment > i')[1].style.transform")
            assert 0.1 < float(scale.removeprefix("scaleX(").removesuffix(")")) < 1, scale


def base64_of(data):
    return base64.b64encode(data).decode()


@pytest.mark.parametrize("width, height, dark", LOOKS, ids=lambda value: str(value))
def test_how_it_looks(browser, slow_server, file, long_pdf, medium_pdf, width, height, dark):
    """Keeps pictures to be judged: empty, at work, and with every outcome. None may be wider than its window."""
    suffix = f"{width}-{'dark' if dark else 'light'}.png"
    own = slow_server.client
    with opened(browser, own.address, width=width, height=height, dark=dark) as page:
        def picture(name):
            overrun = page.evaluate("document.documentElement.scrollWidth - innerWidth")
            page.screenshot(SCREENSHOTS / f"{name}-{suffix}")
            assert overrun <= 0, f"{name} is {overrun} px wider than its window"

        picture("empty")
        own.process(medium_pdf, "annual-report.pdf")
        # Sent from here, so that it can be sent once more with its password.
        upload(page, file(documents.with_password(), "locked.pdf"), "locked.pdf")
        wait_status(page, "locked.pdf", "failed")
        own.process(documents.scan(), "scanned-contract.pdf")
        own.post(f"/v1/documents/{own.create(name='cancelled.pdf')['document_id']}/cancel", expect=200)
        running = own.upload(long_pdf, "a-very-long-name-of-a-policy-document-2026-final-version-3.pdf")["document_id"]
        own.upload(medium_pdf, "waiting-in-the-queue.pdf")
        eventually(lambda: own.state(running)["progress"] > 22, 60)
        page.wait_for("document.querySelectorAll('[data-document-id]').length >= 6", 20)
        page.wait_for("[...document.querySelectorAll('[data-status=processing]')].length >= 1", 20)
        picture("working")
        page.evaluate(f"{row('annual-report.pdf')}.querySelector('[data-act=open]').click()")
        page.wait_for(f"{row('annual-report.pdf')}.textContent.includes('Page 1 of 120.')", 10)
        picture("result")
        own.delete(f"/v1/documents/{running}", expect=204)
