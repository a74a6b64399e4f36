"""The conformance suites that others wrote, against the real binary."""

import os
import re
import subprocess

import pytest

from means import BUILD, need, shared

# Of the compressed sections, which take a quarter of an hour: each parameter set once, each message size once.
COMPRESSED_SAMPLE = ("12.1.1,12.1.7,12.2.3,12.2.10,12.3.5,12.4.8,12.5.2,13.1.1,13.2.6,13.3.3,13.4.9,13.5.4,13.6.2,13.7.7")


def autobahn(server, output, cases, seconds, expected):
    """Runs cases of Autobahn's fuzzing client; returns its counts."""
    done = subprocess.run(
        [shared("tools/autobahn.sh"), f"ws://{server.client.host}:{server.port}/diagnostics/echo", output, cases],
        capture_output=True, text=True, timeout=seconds,
        env={**os.environ, "AB_VENV": str(BUILD / "autobahn"), "AB_TIMEOUT": str(seconds), "AB_EXPECT": str(expected)})
    need(done.returncode != 2, f"a Python 2.7 and the Autobahn suite: {done.stderr[-300:]}")
    line = done.stdout.strip().splitlines()[-1]
    print(line)
    assert done.returncode == 0, done.stderr + line
    return {name: int(count) for name, count in re.findall(r"([A-Z-]+)=(\d+)", line)}


def check(counts, cases):
    assert counts["CASES"] == cases
    for kind in ("FAILED", "UNCLEAN", "UNIMPLEMENTED", "NON-STRICT"):
        assert counts[kind] == 0, counts


@pytest.mark.timeout(300)
def test_autobahn_sections_1_to_10(start_server, tmp_path):
    check(autobahn(start_server("--diagnostics"), tmp_path, "1.*,2.*,3.*,4.*,5.*,6.*,7.*,9.*,10.*", 280, 301), 301)


@pytest.mark.timeout(300)
def test_autobahn_a_sample_of_compression(start_server, tmp_path):
    cases = COMPRESSED_SAMPLE.count(",") + 1
    check(autobahn(start_server("--diagnostics"), tmp_path, COMPRESSED_SAMPLE, 280, cases), cases)


@pytest.mark.conformance
@pytest.mark.nightly
def test_autobahn_all_of_it(start_server, tmp_path):
    check(autobahn(start_server("--diagnostics"), tmp_path, "*", 3000, 517), 517)
