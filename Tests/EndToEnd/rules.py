"""The contract's rules for a state, for a watcher's whole story and for any response; the clients apply them all."""

import functools
import json
import re

from means import ROOT

STATUSES = ("uploading", "queued", "processing", "complete", "failed", "cancelled")
TERMINAL = ("complete", "failed", "cancelled")
PIPELINE_STAGES = ("extracting", "chunking", "embedding")
# Recognizing takes the place of extracting in a document whose pages are pictures.
RECOGNIZING = "recognizing"
STAGES = ("uploading", "queued", "extracting", RECOGNIZING) + PIPELINE_STAGES[1:]
WEIGHTS = {"uploading": 20, "extracting": 50, RECOGNIZING: 50, "chunking": 5, "embedding": 25}
MESSAGE_BYTES_MAX = 64 * 1024

FIELDS = {
    "document_id", "offset", "epoch", "status", "stage", "progress", "stage_progress", "pages_done", "pages_total",
    "bytes_received", "bytes_done", "bytes_total", "stages", "eta_seconds", "eta_low", "eta_high",
    "estimated_completion", "queue_position", "attempt", "resumed_from", "name", "content_type", "pipeline",
    "metadata", "sha256", "message", "error", "created_at", "updated_at",
}
LINKS = {"self", "events", "content", "result", "text"}

UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
UUID_7 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")


def check_state(state):
    """One state obeys the contract by itself. Returns it."""
    missing = FIELDS - state.keys()
    assert not missing, f"fields missing from a state: {sorted(missing)}"
    status, stage, progress = state["status"], state["stage"], state["progress"]
    assert UUID.fullmatch(state["document_id"]), state["document_id"]
    assert isinstance(state["offset"], int) and state["epoch"], (state["offset"], state["epoch"])
    assert status in STATUSES, status
    assert (stage is None) == (status in TERMINAL), (status, stage)
    assert stage is None or stage in stages_of(state), stage
    assert 0 <= progress <= 100, progress
    assert (progress == 100) == (status == "complete"), (status, progress)
    assert state["stage_progress"] is None or 0 <= state["stage_progress"] <= 100, state["stage_progress"]
    if state["pipeline"] == "document":
        names = [entry["name"] for entry in state["stages"]]
        assert names in (list(PIPELINE_STAGES), [RECOGNIZING, *PIPELINE_STAGES[1:]]), names
    for entry in state["stages"]:
        assert entry["done"] >= 0, entry
        assert entry["total"] is None or entry["done"] <= entry["total"], entry
    check_bytes(state)
    check_eta(state)
    assert state["queue_position"] is None or status == "queued", (status, state["queue_position"])
    assert (state["error"] is not None) == (status == "failed"), (status, state["error"])
    if state["error"]:
        check_error(state["error"])
    assert isinstance(state["metadata"], dict), state["metadata"]
    assert state["sha256"] is None or re.fullmatch(r"[0-9a-f]{64}", state["sha256"]), state["sha256"]
    for instant in (state["created_at"], state["updated_at"]):
        assert INSTANT.fullmatch(instant), instant
    return state


def check_bytes(state):
    received, done, total = state["bytes_received"], state["bytes_done"], state["bytes_total"]
    assert done <= received, f"{done} bytes are durable but only {received} have arrived"
    assert total is None or received <= total, (received, total)


def check_eta(state):
    low, eta, high = state["eta_low"], state["eta_seconds"], state["eta_high"]
    assert (low is None) == (eta is None) == (high is None), (low, eta, high)
    assert (eta is None) == (state["estimated_completion"] is None), (eta, state["estimated_completion"])
    if eta is not None:
        assert 0 <= low <= eta <= high, (low, eta, high)
        assert INSTANT.fullmatch(state["estimated_completion"]), state["estimated_completion"]


def check_error(error):
    assert {"code", "detail", "retryable"} <= error.keys(), error
    assert error["code"] in documented_codes(), f"{error['code']} is in no list of codes"
    assert isinstance(error["detail"], str) and error["detail"], error
    assert isinstance(error["retryable"], bool), error


def check_links(state):
    """A reply that creates or changes a document carries its links."""
    assert LINKS <= state["links"].keys(), state.get("links")
    assert state["document_id"] in state["links"]["self"], state["links"]
    return state


def check_message(text):
    """An event's text: one compact JSON object on one line, never empty, under 64 KiB. Returns the checked state."""
    raw = text.encode()
    assert 0 < len(raw) < MESSAGE_BYTES_MAX, len(raw)
    assert b"\n" not in raw and b"\r" not in raw, raw[:200]
    state = json.loads(text)
    assert len(raw) <= len(json.dumps(state, separators=(",", ":")).encode()) + 64, "the JSON is not compact"
    return check_state(state)


def check_story(states, terminal=True):
    """What one watcher saw, in order, obeys the contract. Returns the states."""
    assert states, "the watcher saw nothing"
    for state in states:
        check_state(state)
    for before, after in zip(states, states[1:]):
        assert after["document_id"] == before["document_id"]
        assert before["status"] not in TERMINAL, f"an event after the terminal one: {before['status']}"
        assert after["progress"] >= before["progress"], \
            f"the percentage went down: {before['progress']} → {after['progress']} ({before['stage']})"
        if after["epoch"] == before["epoch"]:
            assert after["offset"] > before["offset"], (before["offset"], after["offset"])
            # Across epochs it may fall: a run that the server's own end cut short does not count.
            assert after["attempt"] >= before["attempt"], (before["attempt"], after["attempt"])
        assert place(after) >= place(before), f"the stage went back: {before['stage']} → {after['stage']}"
    if terminal:
        assert states[-1]["status"] in TERMINAL, f"the last event is {states[-1]['status']}"
    return states


def place(state):
    """How far along the stages a state is; the terminal ones come after all of them."""
    stages = stages_of(state)
    return len(stages) if state["stage"] is None else stages.index(state["stage"])


def stages_of(state):
    """All that a document of its pipeline can show."""
    return ["uploading", "queued", *(entry["name"] for entry in state["stages"])]


def weighted_progress(state):
    """The percentage that the state's own counts add up to, or None while a total is unknown."""
    total = state["bytes_total"]
    parts = [(WEIGHTS["uploading"], state["bytes_received"], total)]
    parts += [(WEIGHTS[entry["name"]], entry["done"], entry["total"]) for entry in state["stages"]]
    if any(not whole for _, _, whole in parts):
        return None
    return sum(weight * done / whole for weight, done, whole in parts)


def check_response(response):
    """Any response: CORS headers and a request id; an error is a problem (RFC 9457) with a stable code."""
    origin = response.headers.get("access-control-allow-origin")
    assert origin in ("*", response.origin), f"{response.status} without CORS headers: {dict(response.headers)}"
    assert response.headers.get("x-request-id"), f"{response.status} without X-Request-Id"
    if response.status >= 400:
        assert response.headers.get("content-type", "").startswith("application/problem+json"), \
            (response.status, response.headers.get("content-type"), response.body[:200])
        if response.body:
            check_problem(response.json(), response.status)
        if response.status in (429, 503):
            assert response.headers.get("retry-after"), f"{response.status} without Retry-After"
    return response


def check_problem(problem, status):
    assert problem["status"] == status, problem
    assert problem["title"] and "type" in problem, problem
    assert problem["code"] in documented_codes(), f"{problem['code']} is in no list of codes"


@functools.cache
def documented_codes():
    """Every code that docs/errors.md lists, itself or by the sources that it names."""
    listed = (ROOT / "docs" / "errors.md").read_text(encoding="utf-8")
    codes = set(re.findall(r"`([a-z][a-z0-9_]*)`", listed))
    for source in ("HTTPRequestError", "MultipartError", "UploadFieldError", "UploadRefusal"):
        if source in listed:
            text = (ROOT / "Sources" / "Wire" / f"{source}.swift").read_text(encoding="utf-8")
            codes |= set(re.findall(r'"([a-z][a-z0-9_]*)"', text))
    return codes
