"""A headless Chromium by its own protocol (CDP) over a WebSocket: no driver, no further library."""

import base64
import contextlib
import json
import os
import shutil
import subprocess
import tempfile
import urllib.request
from pathlib import Path

from websockets.sync.client import connect

from means import program
from waiting import eventually

START_SECONDS_MAX = 30


class Browser:
    """One Chromium with a profile of its own. `page()` opens a tab."""

    def __init__(self):
        chromium = program("chromium", "chromium-browser", "google-chrome")
        self.profile = tempfile.mkdtemp(prefix="headway-chromium-")
        self.log = open(os.path.join(self.profile, "log"), "wb")
        self.process = subprocess.Popen(
            [chromium, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
             "--no-first-run", "--no-default-browser-check", "--disable-background-networking",
             "--disable-component-update", "--hide-scrollbars", "--remote-debugging-port=0",
             f"--user-data-dir={self.profile}", "about:blank"],
            stdout=self.log, stderr=self.log, start_new_session=True)
        port_file = Path(self.profile) / "DevToolsActivePort"
        eventually(lambda: port_file.exists() and "\n" in port_file.read_text(), START_SECONDS_MAX, "Chromium starts")
        self.port = int(port_file.read_text().split()[0])

    def page(self, **options):
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}/json/new?about:blank", method="PUT")
        with urllib.request.urlopen(request, timeout=10) as reply:
            target = json.load(reply)
        return Page(target["webSocketDebuggerUrl"], **options)

    def close(self):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, 9)
        self.process.wait(10)
        self.log.close()
        shutil.rmtree(self.profile, ignore_errors=True)


class Page:
    """A tab. Everything waits for its answer; events are kept in `events`."""

    def __init__(self, address, width=1280, height=900, dark=False):
        self.socket = connect(address, max_size=64 << 20, open_timeout=10)
        self.number = 0
        self.events = []
        for domain in ("Page", "Runtime", "Network", "DOM", "Log"):
            self.call(f"{domain}.enable")
        self.look(width, height, dark)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        with contextlib.suppress(Exception):
            self.call("Page.close")
        self.socket.close()

    def call(self, method, **parameters):
        self.number += 1
        number = self.number
        self.socket.send(json.dumps({"id": number, "method": method, "params": parameters}))
        while True:
            message = json.loads(self.socket.recv(timeout=30))
            if message.get("id") == number:
                assert "error" not in message, (method, message["error"])
                return message["result"]
            self.events.append(message)

    def look(self, width=1280, height=900, dark=False):
        """The size of the window, and whether its user likes it dark."""
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1,
                  mobile=width < 500)
        self.call("Emulation.setEmulatedMedia", features=[
            {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}])

    def open(self, address):
        self.call("Page.navigate", url=address)
        self.wait_for("document.readyState === 'complete'", what=f"{address} is loaded")

    def evaluate(self, expression):
        result = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in result, result["exceptionDetails"]
        return result["result"].get("value")

    def wait_for(self, expression, seconds=30, what=None):
        """Returns the expression's value as soon as it is true."""
        return eventually(lambda: self.evaluate(expression), seconds, what or expression, every=0.05)

    def choose_files(self, selector, *paths):
        root = self.call("DOM.getDocument")["root"]["nodeId"]
        node = self.call("DOM.querySelector", nodeId=root, selector=selector)["nodeId"]
        self.call("DOM.setFileInputFiles", nodeId=node, files=[str(path) for path in paths])

    def press(self, key, code=None, text=None):
        for kind in ("keyDown", "keyUp"):
            self.call("Input.dispatchKeyEvent", type=kind, key=key, code=code or key,
                      windowsVirtualKeyCode={"Tab": 9, "Enter": 13, " ": 32}.get(key, 0),
                      **({"text": text} if text and kind == "keyDown" else {}))

    def screenshot(self, path, whole=True):
        data = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=whole)["data"]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(base64.b64decode(data))

    def requested(self):
        """Every address the page has asked for, WebSockets included."""
        self.evaluate("0")
        found = []
        for event in self.events:
            if event.get("method") == "Network.requestWillBeSent":
                found.append(event["params"]["request"]["url"])
            elif event.get("method") == "Network.webSocketCreated":
                found.append(event["params"]["url"])
        return found

    def complaints(self):
        """Errors the page has thrown or logged itself. Network failures are the browser's own log, not the page's."""
        self.evaluate("0")
        found = []
        for event in self.events:
            parameters = event.get("params", {})
            if event.get("method") == "Runtime.exceptionThrown":
                found.append(parameters["exceptionDetails"])
            elif event.get("method") == "Runtime.consoleAPICalled" and parameters["type"] in ("error", "assert"):
                found.append(parameters["args"])
            elif event.get("method") == "Log.entryAdded" and parameters["entry"]["source"] in ("security", "violation"):
                found.append(parameters["entry"])
        return found
