"""What the documentation says is so: the README's examples run as written, the tables hold every option."""

import contextlib
import http.server
import os
import re
import shutil
import subprocess
import sys
import threading

import pytest

from browser import Browser
from means import ROOT, binary

ADDRESS = "127.0.0.1:8080"  # as the README has it


def blocks(language):
    """The README's examples in a language, in their order."""
    return re.findall(rf"```{language}\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)


def as_run_here(example, server):
    """The example against this test's server and binary; only what names them is changed."""
    example = example.replace(ADDRESS, f"{server.client.host}:{server.port}")
    return example.replace(".build/release/headway", str(binary())).replace("python3", sys.executable)


# Keeps what the example tells its console.
LISTENER = """<!doctype html><script>
    window.said = [];
    for (const kind of ['log', 'error']) console[kind] = (...words) => said.push(words.join(' '));
</script>"""


@contextlib.contextmanager
def serving(page_text):
    """A web server of another origin with one page; its address."""
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.end_headers()
            self.wfile.write(page_text.encode())

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as other:
        threading.Thread(target=other.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{other.server_port}/"
        other.shutdown()


class TestTheReadme:
    def test_its_shell_examples_run_as_written(self, server):
        script = ["set -euo pipefail"]
        for block in blocks("sh"):
            for line in as_run_here(block, server).splitlines():
                # The README's own two commands, and the server that this test has started already.
                if line.startswith("make ") or " serve " in line:
                    continue
                if line.startswith("websocat ") and not shutil.which("websocat"):
                    continue
                script.append(f"echo {quoted('$ ' + line)}")
                script.append(line.replace("curl ", "curl --fail-with-body --silent --show-error ", 1)
                              if line.startswith("curl ") else line)
        done = subprocess.run(["bash", "-c", "\n".join(script)], cwd=ROOT, capture_output=True, text=True, timeout=120,
                              stdin=subprocess.DEVNULL, env={**os.environ, "HEADWAY_SERVER": server.client.address})
        # `head` closes a pipe early, which is not the example's fault.
        assert done.returncode in (0, 141, 23), f"{done.returncode}: {done.stdout[-1500:]}\n{done.stderr[-1500:]}"
        assert done.stdout.count("$ curl") >= 4 and '"status":"complete"' in done.stdout, done.stdout[-3000:]

    @pytest.mark.parametrize("example", range(len(blocks("html"))))
    def test_its_javascript_example_runs_as_written_from_another_origin(self, server, example):
        page_text = LISTENER + as_run_here(blocks("html")[example], server)
        browser = Browser()
        try:
            with serving(page_text) as address, browser.page() as page:
                page.open(address)
                page.wait_for("said.includes('complete')", 20, "the example says complete")
                assert page.complaints() == []
        finally:
            browser.close()

    def test_its_links_and_pictures_are_there(self):
        text = (ROOT / "README.md").read_text(encoding="utf-8")
        for target in re.findall(r"\]\(([^)#]+)\)", text):
            if "://" not in target:
                assert (ROOT / target).exists(), target


def quoted(text):
    return "'" + text.replace("'", "'\\''") + "'"


class TestTheTables:
    def test_every_option_of_the_server_is_in_the_table_and_no_other(self):
        help_text = subprocess.run([binary(), "serve", "--help"], capture_output=True, text=True, timeout=10).stdout
        options = set(re.findall(r"^  (?:-\w, )?(--[a-z-]+)", help_text, re.MULTILINE)) - {"--help", "--version"}
        table = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
        assert options == set(re.findall(r"^\| `(--[a-z-]+)", table, re.MULTILINE))

    def test_every_variable_is_named_after_its_option(self):
        table = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
        rows = re.findall(r"^\| `(--[a-z-]+)[^|]*\| `(HEADWAY_\w+)`", table, re.MULTILINE)
        assert rows
        for option, variable in rows:
            assert variable == "HEADWAY_" + option[2:].replace("-", "_").upper()
