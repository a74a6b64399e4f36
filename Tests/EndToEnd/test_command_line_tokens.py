"""The commands against a server that asks for tokens: how one is given, that it goes with every request, and what is said
where it is missing."""

import contextlib
import json
import os
import subprocess
from pathlib import Path

import pytest

import documents
import rules
from means import binary
from test_tokens import SECRETS, guarded  # noqa: F401 (a fixture)

COMPLETE, REFUSED, USAGE = 0, 6, 64
VARIABLE = "HEADWAY_TOKEN"


@pytest.fixture
def headway(guarded):  # noqa: F811
    """Runs a command against the guarded server, the token in the environment where one is named."""
    def run(*arguments, name=None, code=COMPLETE, environment=None):
        given = {VARIABLE: SECRETS.get(name, name)} if name is not None else {}
        done = subprocess.run([binary(), *map(str, arguments)], capture_output=True, text=True, timeout=60,
                              env={**os.environ, "HEADWAY_SERVER": guarded.client.address, **given,
                                   **(environment or {})})
        assert done.returncode == code, (done.returncode, done.stdout[-500:], done.stderr[-1000:])
        assert not any(secret in done.stdout + done.stderr for secret in SECRETS.values()), "a secret is shown"
        return done.stdout, done.stderr
    return run


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes(documents.plain_text())
    return path


@pytest.fixture
def identifier(headway, file):
    return headway("upload", "--watch", file, name="alice")[0].strip()


class TestToken:
    @pytest.mark.parametrize("flags", [[], ["--no-resume"], ["--watch"]])
    def test_it_comes_from_the_environment_or_from_an_option_which_wins(self, headway, file, flags):
        for arguments, name in (([], "alice"), (["--token", SECRETS["alice"]], None),
                                (["--token", SECRETS["alice"]], "wrong")):
            out, _ = headway("upload", file, *flags, *arguments, name=name)
            assert rules.UUID.fullmatch(out.strip())

    def test_standard_input_takes_it_along_too(self, guarded, tmp_path):  # noqa: F811
        done = subprocess.run([binary(), "upload", "-", "--name", "a.txt", "--server", guarded.client.address],
                              input=documents.plain_text(), capture_output=True, timeout=60,
                              env={**os.environ, VARIABLE: SECRETS["alice"]})
        assert done.returncode == COMPLETE, done.stderr

    def test_every_other_command_sends_it(self, headway, identifier):
        assert identifier in headway("list", name="reader")[0]
        assert json.loads(headway("watch", "--json", identifier, name="reader")[0].splitlines()[-1])
        assert headway("result", identifier, name="reader")[0] == headway("result", identifier)[0]

    def test_everything_is_watched_with_it(self, guarded, headway, file):  # noqa: F811
        with subprocess.Popen([binary(), "watch", "--all", "--json", "--server", guarded.client.address],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              env={**os.environ, VARIABLE: SECRETS["watcher"]}) as process:
            with contextlib.ExitStack() as stack:
                stack.callback(process.kill)
                told = json.loads([headway("upload", file, name="alice"), process.stdout.readline()][1])
                assert told["document_id"]

    def test_an_empty_variable_is_no_token(self, headway, identifier):
        headway("watch", identifier, name="")

    def test_a_command_shows_it_to_nobody_who_lists_processes(self, guarded):  # noqa: F811
        with subprocess.Popen([binary(), "watch", "--all", "--server", guarded.client.address],
                              stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                              env={**os.environ, VARIABLE: SECRETS["watcher"]}) as process:
            assert b"watching all documents" in process.stderr.readline()
            assert SECRETS["watcher"].encode() not in Path(f"/proc/{process.pid}/cmdline").read_bytes()
            process.kill()

    def test_the_help_says_so(self, headway):
        for command in ("upload", "watch", "list", "result", "cancel"):
            out, _ = headway(command, "--help", name="alice")
            assert "--token" in out and VARIABLE in out and "every user" in " ".join(out.split())


class TestRefusals:
    @pytest.mark.parametrize("name, code", [(None, "unauthorized"), ("wrong", "bad_token"), ("reader", "forbidden")])
    @pytest.mark.parametrize("flags", [[], ["--no-resume"]])
    def test_a_refusal_says_what_to_do_and_is_exit_code_6(self, headway, file, name, code, flags):
        _, err = headway("upload", file, *flags, name=name, code=REFUSED)
        assert code in err and VARIABLE in err and "--token" in err

    def test_watching_all_and_the_list_do_as_well(self, headway):
        for command in (["watch", "--all"], ["list"]):
            _, err = headway(*command, name="bob", code=REFUSED)
            assert "forbidden" in err and VARIABLE in err

    @pytest.mark.parametrize("secret", ["two words", "a\nb", "\u00fcmlaut"])
    def test_what_no_request_can_carry_is_wrong_usage_and_is_not_repeated(self, headway, secret):
        for arguments, environment in ((["--token", secret], {}), ([], {VARIABLE: secret})):
            out, err = headway("list", *arguments, environment=environment, code=USAGE)
            assert out == "" and "token" in err.lower() and secret not in err
