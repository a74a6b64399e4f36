"""What a test needs beyond the binary, and the one way to say that it is not there."""

import functools
import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / ".build"
NIGHTLY = bool(os.environ.get("HEADWAY_NIGHTLY"))


def need(present, what):
    """Return `present` when it is there. Otherwise the test is skipped, or fails with HEADWAY_REQUIRE=all."""
    if present:
        return present
    if os.environ.get("HEADWAY_REQUIRE") == "all":
        pytest.fail(f"HEADWAY_REQUIRE=all and this is not here: {what}", pytrace=False)
    print(f"SKIPPED: {what}")
    pytest.skip(what)


def program(name, *other_names):
    """The path of a program of the system."""
    found = next(filter(None, map(shutil.which, (name, *other_names))), None)
    return need(found, f"the program {name}")


def shared(path):
    """A file or folder among the shared corpus and tools."""
    folder = need(os.environ.get("HEADWAY_SHARED"), f"HEADWAY_SHARED, the folder that holds {path}")
    found = Path(folder) / path
    return need(found.exists() and found, f"{path} in the folder HEADWAY_SHARED names")


@functools.cache
def binary():
    """The binary under test: HEADWAY_BINARY, or what the last build made."""
    candidates = [os.environ.get("HEADWAY_BINARY"), BUILD / "debug" / "headway", BUILD / "release" / "headway"]
    for candidate in filter(None, candidates):
        path = Path(candidate).absolute()
        if path.exists():
            return path
    # Without the binary there is nothing to test: never a skip.
    pytest.exit("There is no headway binary: run `swift build` first, or set HEADWAY_BINARY", returncode=3)


@functools.cache
def can_trace():
    """Whether this machine lets one process trace another."""
    strace = shutil.which("strace")
    return strace and subprocess.run([strace, "-o", "/dev/null", "true"], capture_output=True).returncode == 0
