"""The configuration file: what wins over what, what is refused and how that is said, and what a running server takes."""

import json
import os
import signal
import subprocess

import pytest

from client import ORIGIN, PDF
from means import ROOT, binary
from waiting import eventually

ADMIN = {"token": "an-operators-secret", "subject": "operator", "scopes": ["admin"]}
AS_ADMIN = {"Authorization": "Bearer an-operators-secret"}


@pytest.fixture
def write(tmp_path):
    """Writes a configuration file; its path."""
    def write(settings=None, text=None, **members):
        path = tmp_path / "headway.json"
        path.write_text(text if text is not None else json.dumps({**(settings or {}), **members}, indent=1))
        return path
    return write


def check(*options, **variables):
    """`serve --check-config`: exit code, standard output, standard error."""
    done = subprocess.run([binary(), "serve", "--check-config", *map(str, options)], capture_output=True, text=True,
                          timeout=20, env={**os.environ, **variables})
    return done.returncode, done.stdout, done.stderr


def in_force(*options, **variables):
    """The settings that a check prints, by key: (value, source)."""
    code, output, errors = check(*options, **variables)
    assert (code, errors) == (0, ""), errors
    found = {}
    for line in output.splitlines():
        if "  (" in line:
            key, _, rest = line.partition(" = ")
            value, _, source = rest.rpartition("  (")
            found[key] = (value, source.rstrip(")"))
    return found


class TestPrecedence:
    def test_option_over_environment_over_file_over_default(self, write):
        path = write(work_seconds=11, stall_seconds=12, uploads_max=13)
        found = in_force("--config", path, "--work-seconds", 31,
                         HEADWAY_WORK_SECONDS="21", HEADWAY_STALL_SECONDS="22")
        assert found["work_seconds"] == ("31", "--work-seconds")
        assert found["stall_seconds"] == ("22", "HEADWAY_STALL_SECONDS")
        assert found["uploads_max"] == ("13", f"{path}:4: uploads_max")
        assert found["chunk_characters"] == ("1000", "default")

    def test_the_environment_may_name_the_file(self, write):
        assert in_force(HEADWAY_CONFIG=str(write(loops=3)))["loops"][0] == "3"

    def test_every_option_of_the_server_is_a_key_and_a_variable(self, write, tmp_path):
        secret = tmp_path / "secret"
        secret.write_text("sk-1")
        listed = in_force()
        help_text = subprocess.run([binary(), "serve", "--help"], capture_output=True, text=True, timeout=10).stdout
        for key in listed:
            assert f"--{key.replace('_', '-')}" in help_text
        given = {"listen": "127.0.0.1:1", "next_free_port": True, "data": "/tmp/d", "workers": 1, "loops": 2,
                 "log_level": "error", "web_root": "", "public_url": "https://docs.example", "trusted_proxy": ["::1"],
                 "allow_origin": ["https://a.example"], "size_limit": 3, "worker_memory": 4, "work_seconds": 5,
                 "stall_seconds": 6, "chunk_characters": 77, "chunk_overlap": 8, "uploads_max": 9, "diagnostics": True,
                 "upload_expiry_seconds": 10, "retention_seconds": 11, "uploads_per_client": 12,
                 "bytes_per_client_per_day": 13, "disk_free_kept": "14%", "memory_pressure_max": 15, "server_memory": 16,
                 "connections_per_address": 17, "idle_seconds": 18, "head_seconds": 19, "body_seconds": 20,
                 "body_rate": 21, "send_seconds": 22, "admin": True, "result_retention_seconds": 23, "deduplicate": True,
                 "embedding_url": "http://a.example/v1", "embedding_model": "m", "embedding_key_file": str(secret),
                 "embedding_dimensions": 24, "embedding_batch": 25, "embedding_concurrency": 26,
                 "embedding_timeout_seconds": 27, "attempts": 28, "retry_wait_seconds": 29,
                 "ocr": True, "ocr_languages": "eng+osd", "ocr_dpi": 150,
                 "open_uploads_max": 30, "open_uploads_per_client": 31}
        assert given.keys() == listed.keys()
        path = write(given)
        assert all(source.startswith(str(path)) for _, source in in_force("--config", path).values())
        variables = {"HEADWAY_" + key.upper(): value[0] if isinstance(value, list) else str(value).lower()
                     if isinstance(value, bool) else str(value) for key, value in given.items()}
        sources = {key: source for key, (_, source) in in_force(**variables).items()}
        # An empty variable is one that is not set.
        assert all(source == ("default" if key == "web_root" else "HEADWAY_" + key.upper())
                   for key, source in sources.items())

    def test_a_flag_of_the_file_can_be_taken_back_by_an_option(self, write):
        assert in_force("--config", write(diagnostics=True), "--no-diagnostics")["diagnostics"][0] == "false"

    def test_a_server_runs_by_its_file(self, start_server, write):
        server = start_server("--config", write(size_limit=1000, allow_origin=[ORIGIN]))
        assert server.client.get("/v1/limits").json()["size_limit_bytes"] == 1000
        assert server.client.get("/healthz").headers["access-control-allow-origin"] == ORIGIN


class TestFaults:
    @pytest.mark.parametrize("line, words", [
        ('"lisen": 1', "lisen: there is no such setting; there are admin, allow_origin, anonymous, "),
        ('"size_limit": "5MB"', "size_limit: give a number from 0 to"),
        ('"workers": 5000', "workers: give a number from 0 to 1024."),
        ('"listen": "nowhere"', "listen: give ADDRESS:PORT with a numeric address"),
        ('"log_level": "loud"', "log_level: one of trace, debug"),
        ('"trusted_proxy": ["10.0.0.1/8"]', "trusted_proxy: give addresses such as 10.0.0.1"),
        ('"allow_origin": ["https://a.example/"]', "allow_origin: give origins such as https://docs.example"),
        ('"public_url": "docs.example"', "public_url: give an address such as https://docs.example"),
        ('"chunk_overlap": 900', "chunk_overlap: give less than half of chunk_characters, which is 1000."),
        ('"ocr_languages": "../eng"', "ocr_languages: give at most 20 names as tesseract --list-langs has them"),
        ('"web_root": "/nowhere"', "web_root: name a folder that holds index.html."),
        ('"data": "/etc/hostname/data"', "data: name a directory that can be written"),
        ('"tokens": [{"token": "a", "scopes": ["write"]}]', "tokens[0].scopes[0]: there is no such scope"),
        ('"data": "a", "data": "b"', "data: it is there twice"),
        ('"data": "a", // a comment', "not JSON: expected a member's name in quotes."),
    ])
    def test_each_is_told_with_file_line_and_what_to_give(self, write, line, words):
        path = write(text="{\n\n" + line + "\n}")
        code, output, errors = check("--config", path)
        assert (code, output) == (1, "")
        assert errors.startswith(f"headway: {path}:3: {words}"), errors

    def test_all_of_them_are_told_at_once(self, write):
        _, _, errors = check("--config", write(size_limit=-1, workers="two"), HEADWAY_LOOPS="many")
        assert len(errors.splitlines()) == 3 and "HEADWAY_LOOPS=many: give a number from 0 to 1024." in errors

    def test_a_file_that_is_not_there_is_one(self, tmp_path):
        code, _, errors = check("--config", tmp_path / "none.json")
        assert code == 1 and "the configuration file cannot be read" in errors

    def test_a_server_does_not_start_with_one(self, write, tmp_path):
        done = subprocess.run([binary(), "serve", "--config", write(workers=-1), "--data", tmp_path / "data"],
                              capture_output=True, text=True, timeout=20)
        assert done.returncode == 64 and "workers: give a number" in done.stderr
        assert not (tmp_path / "data").exists()

    def test_secrets_are_not_printed(self, write):
        code, output, errors = check("--config", write(tokens=[ADMIN]))
        assert code == 0 and "token of operator: tier by rollout, admin" in output
        assert ADMIN["token"] not in output + errors


class TestReloading:
    def reload(self, server, expect=200):
        return server.client.post("/v1/admin/reload", headers=AS_ADMIN, expect=expect).json()

    def limit(self, server):
        return server.client.get("/v1/limits").json()["size_limit_bytes"]

    def allowed(self, server):
        """The origin that may read replies, as a page of another one sees it."""
        with server.client.connect() as connection:
            connection.request("GET /healthz")
            return connection.read_response(check=False).headers.get("access-control-allow-origin")

    def log(self, server):
        return server.log_path.read_text(encoding="utf-8")

    def test_a_signal_reads_the_file_again(self, start_server, write):
        path = write(size_limit=1000)
        server = start_server("--config", path)
        assert self.allowed(server) == "*"
        server.client.post("/v1/documents?name=a.pdf", b"x" * 2000, headers={"Content-Type": PDF}, expect=413)
        write(size_limit=3000, allow_origin=["https://a.example"])
        server.signal(signal.SIGHUP)
        eventually(lambda: self.allowed(server) is None, 10, "the new configuration is in force")
        with server.client.connect() as connection:
            connection.request("POST /v1/documents", f"Content-Type: {PDF}", "Content-Length: 2000", body=b"x" * 2000)
            assert connection.read_response(check=False).status == 202

    def test_a_broken_file_changes_nothing_and_is_told_in_the_log(self, start_server, write):
        server = start_server("--config", write(size_limit=1000))
        path = write(text="{ broken")
        server.signal(signal.SIGHUP)
        eventually(lambda: f"{path}:1: not JSON" in self.log(server), 10, "the fault is in the log")
        assert self.limit(server) == 1000 and server.is_running

    def test_an_operators_token_reads_it_again_and_is_told_what_a_restart_takes(self, start_server, write):
        server = start_server("--config", write(tokens=[ADMIN], size_limit=1000, chunk_overlap=10))
        write(tokens=[ADMIN], size_limit=2000, chunk_overlap=20)
        assert self.reload(server) == {"reloaded": True, "needing_restart": ["chunk_overlap"]}
        assert self.limit(server) == 2000
        eventually(lambda: '"settings":"chunk_overlap"' in self.log(server), 10, "the log names it as well")

    def test_an_operator_is_told_the_faults_of_a_broken_file(self, start_server, write):
        server = start_server("--config", write(tokens=[ADMIN]))
        before = self.limit(server)
        write(tokens=[ADMIN], size_limit=-1)
        problem = self.reload(server, expect=422)
        assert problem["code"] == "configuration_refused"
        assert self.limit(server) == before
        assert [fault for fault in problem["faults"] if "size_limit: give a number" in fault]

    def test_what_an_option_says_stays(self, start_server, write):
        server = start_server("--config", write(tokens=[ADMIN], size_limit=1000), "--size-limit", 5000)
        write(tokens=[ADMIN], size_limit=2000)
        self.reload(server)
        assert self.limit(server) == 5000

    def test_a_token_that_is_taken_back_is_refused_from_then_on(self, start_server, write):
        other = {"token": "another-secret", "scopes": ["read"]}
        as_other = {"Authorization": "Bearer another-secret"}
        server = start_server("--config", write(tokens=[ADMIN, other]))
        server.client.get("/v1/documents", headers=as_other, expect=200)
        write(tokens=[ADMIN])
        self.reload(server)
        assert server.client.get("/v1/documents", headers=as_other, expect=401).json()["code"] == "bad_token"

    @pytest.mark.parametrize("headers, expect", [({}, 404), ({"Authorization": "Bearer wrong"}, 401),
                                                 ({"Authorization": "Bearer readers-secret"}, 403)])
    def test_nobody_else_may_ask_for_it(self, start_server, write, headers, expect):
        reader = {"token": "readers-secret", "scopes": ["read"]}
        server = start_server("--config", write(tokens=[ADMIN, reader]))
        server.client.post("/v1/admin/reload", headers=headers, expect=expect)

    def test_an_open_server_has_nothing_there(self, start_server, write):
        server = start_server("--config", write(size_limit=1000))
        assert server.client.post("/v1/admin/reload", headers=AS_ADMIN, expect=404).json()["code"] == "no_such_route"

    def test_without_a_file_a_hang_up_ends_the_server_in_order(self, start_server):
        server = start_server()
        server.signal(signal.SIGHUP)
        assert server.process.wait(12) == 0


class TestTheTable:
    def test_every_key_that_only_a_file_knows_is_documented(self):
        text = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
        for key in ("tokens", "anonymous", "default_tier", "rollout"):
            assert f"| `{key}` |" in text
