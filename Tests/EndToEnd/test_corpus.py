"""Real documents of every kind reach the terminal state that their manifest makes one expect."""

import csv
import os

import pytest

import rules
from means import NIGHTLY, shared
from watchers import watch

# The longest takes minutes with a debug binary on a busy machine: nightly takes it.
LARGE_CHARACTERS = 1_000_000


def manifest():
    """The corpus's documents; one that says nothing where there is no corpus, so that the skip has a name."""
    folder = os.environ.get("HEADWAY_SHARED")
    path = folder and os.path.join(folder, "corpus", "MANIFEST.tsv")
    if not path or not os.path.exists(path):
        return [None]
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t"))


def is_large(row):
    return row and int(row["pdftotext_chars"]) > LARGE_CHARACTERS


def parameters():
    return [pytest.param(row, id=row["file"] if row else "corpus", marks=[pytest.mark.nightly] if is_large(row) else [])
            for row in manifest()]


def expected_codes(row):
    """The error codes that are right for the document; None among them where it may be complete."""
    if row["category"] == "password":
        return {"password_protected"}
    if row["category"] == "broken":
        return {"unreadable", "no_text", None}
    if int(row["pdftotext_chars"]) == 0:
        return {"no_text"}
    return {None}


@pytest.mark.parametrize("row", parameters())
@pytest.mark.timeout(900 if NIGHTLY else 120)
def test_a_document_of_the_corpus_ends_as_its_kind_does(client, row):
    body = shared(f"corpus/{row['file']}").read_bytes() if row else shared("corpus/MANIFEST.tsv").read_bytes()
    identifier = client.create(name=row["file"], size=len(body))["document_id"]
    watcher = watch(client, identifier, seconds=800)
    client.put_content(identifier, body, expect=202)
    state = rules.check_story(watcher.join_account(800).states)[-1]
    code = state["error"] and state["error"]["code"]
    assert code in expected_codes(row), (row["category"], state["error"])
    if code is None:
        assert state["pages_total"] == state["pages_done"], state
        if row["pages_pdfinfo"] != "-1":
            assert state["pages_total"] == int(row["pages_pdfinfo"])
        check_result(client, identifier, state)
    if row["sha256"]:
        assert state["sha256"] == row["sha256"]


def check_result(client, identifier, state):
    chunks = client.chunks(identifier)
    assert chunks and [chunk["index"] for chunk in chunks] == list(range(len(chunks)))
    for chunk in chunks:
        assert 1 <= chunk["page_start"] <= chunk["page_end"] <= state["pages_total"]
        chunk["text"].encode("utf-8")  # no lone surrogates
