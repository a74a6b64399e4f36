"""Pipelines of the operator's own: commands that follow each other, each in a sandbox, told like any other work."""

import base64
import json
import os
import re
import signal
import struct
import subprocess
import time
import uuid
import zlib

import pytest

import documents
import processes
import rules
from client import OCTETS, TEXT, multipart
from means import ROOT, binary
from waiting import eventually
from watchers import watch

PNG = "image/png"


def sh(name, script, **more):
    """A stage that is a line of shell. `$HEADWAY_INPUT` and `$HEADWAY_OUTPUT` are where it reads and writes."""
    return {"name": name, "command": ["/bin/bash", "-c", script], **more}


def pipeline(*stages, **more):
    return {"stages": list(stages), **more}


@pytest.fixture
def with_pipelines(start_server, tmp_path):
    """Starts servers whose configuration file names pipelines."""
    def start(pipelines, *options, **keywords):
        path = tmp_path / "headway.json"
        path.write_text(json.dumps({"pipelines": pipelines}))
        return start_server("--config", path, *options, **keywords)
    return start


def send(server, body, name, pipeline, content_type=OCTETS):
    """Upload; the document's id."""
    return server.client.upload(body, name, content_type, query=f"&pipeline={pipeline}")["document_id"]


def run(server, body, pipeline, name="document.bin", content_type=OCTETS):
    """Upload and wait: the terminal state."""
    return server.client.finish(send(server, body, name, pipeline, content_type))


def result(server, state):
    return server.client.get(f"/v1/documents/{state['document_id']}/result", expect=200)


def outputs(server):
    """All that lies in the folder of the stages."""
    folder = server.data / "stages"
    return sorted(os.path.relpath(os.path.join(above, name), folder)
                  for above, folders, files in os.walk(folder) for name in folders + files)


def png(width=640, height=480):
    """A picture, made of nothing but the standard library."""
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    rows = b"".join(b"\0" + bytes((x * y) & 255 for x in range(width) for _ in range(3)) for y in range(height))
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
            + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


class TestStages:
    def test_each_stage_reads_what_the_one_before_has_made(self, with_pipelines):
        server = with_pipelines({"shout": pipeline(
            sh("turning", 'tr a-z A-Z < "$HEADWAY_INPUT" > "$HEADWAY_OUTPUT/text"'),
            sh("counting", 'wc -c < "$HEADWAY_INPUT/text" > size.txt; cp "$HEADWAY_INPUT/text" text.txt',
               weight=3))})
        state = run(server, b"hello", "shout")
        assert state["status"] == "complete" and state["progress"] == 100, state
        assert [stage["name"] for stage in state["stages"]] == ["turning", "counting"]
        assert state["pipeline"] == "shout" and state["content_type"] == "text/plain"
        listed = [json.loads(line) for line in result(server, state).decoded().splitlines()]
        assert [(entry["name"], entry["bytes"]) for entry in listed] == [("size.txt", 2), ("text.txt", 5)]
        assert server.client.get(listed[1]["url"], expect=200).decoded() == b"HELLO"
        assert server.client.get(f"/v1/documents/{state['document_id']}/files/none", expect=404)
        assert server.client.get(f"/v1/documents/{state['document_id']}/files/..%2Ftext.txt", expect=404)
        # What only a later stage needed is gone.
        assert [path for path in outputs(server) if "/0" in path] == []

    def test_one_file_is_the_result_itself(self, with_pipelines):
        server = with_pipelines({"copy": pipeline(
            {"name": "copying", "command": ["cp", "{input}", "{output}/copy.csv"]})})
        state = run(server, b"a,b\n1,2\n", "copy")
        reply = result(server, state)
        assert reply.decoded() == b"a,b\n1,2\n" and reply.headers["content-type"].startswith("text/csv")
        assert "copy.csv" in reply.headers["content-disposition"]
        text = server.client.get(f"/v1/documents/{state['document_id']}/text", expect=404).json()
        assert text["code"] == "no_text"

    def test_a_stage_knows_its_document_and_its_name(self, with_pipelines):
        server = with_pipelines({"who": pipeline(
            sh("telling", 'echo "$HEADWAY_DOCUMENT_ID $HEADWAY_STAGE" > who; [ "$PWD" = "$HEADWAY_OUTPUT" ]'))})
        state = run(server, b"x", "who")
        assert state["status"] == "complete", state
        assert result(server, state).decoded().decode() == f"{state['document_id']} telling\n"

    @pytest.mark.parametrize("way", ["query", "form", "json", "tus"])
    def test_every_way_in_can_name_a_pipeline(self, with_pipelines, way):
        server = with_pipelines({"copy": pipeline(sh("copying", 'cp "$HEADWAY_INPUT" copy'))})
        client = server.client
        if way == "query":
            identifier = send(server, b"bytes", "a.bin", "copy")
        elif way == "form":
            body, kind = multipart([("pipeline", "copy"), ("file", b"bytes", "a.bin", "x-any/thing")])
            identifier = client.post("/v1/documents", body, headers={"Content-Type": kind},
                                     expect=202).json()["document_id"]
        elif way == "json":
            identifier = client.create(pipeline="copy", content_type="x-any/thing")["document_id"]
            client.put_content(identifier, b"bytes", "x-any/thing", expect=202)
        else:
            reply = client.post("/v1/uploads", b"bytes", headers={
                "Tus-Resumable": "1.0.0", "Upload-Length": "5", "Content-Type": "application/offset+octet-stream",
                "Upload-Metadata": "pipeline " + base64.b64encode(b"copy").decode()}, expect=201)
            identifier = reply.headers["document-id"]
        state = client.finish(identifier)
        assert (state["status"], state["pipeline"]) == ("complete", "copy"), state
        assert result(server, state).decoded() == b"bytes"

    def test_what_no_pipeline_takes_is_refused(self, with_pipelines):
        server = with_pipelines({"pictures": pipeline(sh("copying", 'cp "$HEADWAY_INPUT" copy'), types=["image/*"])})
        client = server.client
        unknown = client.upload(b"x", query="&pipeline=none", expect=400).json()
        assert unknown["code"] == "unknown_pipeline" and "document, pictures" in unknown["detail"]
        refused = client.upload(b"x", "a.txt", TEXT, query="&pipeline=pictures", expect=415).json()
        assert refused["accepted_types"] == ["image/*"]
        assert run(server, b"no picture", "pictures")["error"]["code"] == "unsupported_type"
        assert run(server, png(4, 4), "pictures")["content_type"] == PNG
        body, kind = multipart([("file", b"x", "a.txt", TEXT), ("pipeline", "pictures")])
        late = client.post("/v1/documents", body, headers={"Content-Type": kind}, expect=400).json()
        assert late["code"] == "pipeline_too_late"


class TestProgress:
    def test_lines_on_descriptor_3_move_the_percentage(self, with_pipelines):
        server = with_pipelines({"pages": pipeline(
            sh("reading", """for n in 1 2 3 4 5 6 7 8; do
                echo "{\\"pages_done\\":$n,\\"pages_total\\":8,\\"message\\":\\"Page $n\\"}" >&3; sleep 0.15; done; touch a"""),
            sh("writing", """for n in 25 50 75; do echo "{\\"stage_progress\\":$n}" >&3; sleep 0.2; done; touch b"""))})
        identifier = server.client.create(name="a.bin", content_type=OCTETS, pipeline="pages")["document_id"]
        watcher = watch(server.client, identifier)
        server.client.put_content(identifier, b"bytes", OCTETS, expect=202)
        states = rules.check_story(watcher.join_account(20).states)
        assert states[-1]["status"] == "complete"
        pages = [state["pages_done"] for state in states if state["stage"] == "reading" and state["pages_done"]]
        assert len(set(pages)) >= 4 and pages == sorted(pages)
        assert any(state["message"] == f"Page {state['pages_done']}" for state in states if state["pages_done"])
        later = [state for state in states if state["stage"] == "writing"]
        assert any(0 < (state["stage_progress"] or 0) < 100 for state in later)
        # Equal shares of what the upload leaves.
        assert all(60 <= state["progress"] <= 100 for state in later if state["stages"][0]["done"] == 8), later[-1]

    def test_a_silent_stage_is_followed_by_how_far_it_has_read(self, with_pipelines):
        server = with_pipelines({"silent": pipeline(sh("reading", """
            while IFS= read -r -N 4096 part || [ -n "$part" ]; do sleep 0.02; done < "$HEADWAY_INPUT"; touch done"""))})
        identifier = send(server, b"x" * 700_000, "a.bin", "silent")
        seen = set()

        def halfway():
            state = server.client.state(identifier)
            if state["stage_progress"]:
                assert state["stages"][0]["total"] == 700_000 and state["pages_done"] is None
                seen.add(state["stage_progress"])
            return len(seen) >= 3 or state["status"] in rules.TERMINAL
        eventually(halfway, 30)
        assert len(seen) >= 3, seen
        assert server.client.finish(identifier)["status"] == "complete"

    def test_nonsense_and_a_flood_of_lines_harm_nobody(self, with_pipelines):
        server = with_pipelines({"flood": pipeline(sh("flooding", """
            echo '{"stage_progress": 30}' >&3; echo 'no JSON' >&3; echo '[1]' >&3
            head -c 100000 /dev/zero | tr '\\0' x >&3; echo >&3
            echo '{"stage_progress": 40, "pages_done": -5, "message": 7}' >&3
            timeout 2 yes '{"stage_progress": 50, "message": "flood"}' >&3
            timeout 1 yes 'words without end'
            touch done"""))})
        identifier = send(server, b"x", "a.bin", "flood")
        slowest = 0
        while server.client.state(identifier)["status"] not in rules.TERMINAL:
            begin = time.monotonic()
            server.client.get("/healthz", expect=200)
            slowest = max(slowest, time.monotonic() - begin)
        assert slowest < 1
        assert server.client.state(identifier)["status"] == "complete"


class TestEnds:
    def test_a_stage_that_fails_is_named_with_its_last_words(self, with_pipelines):
        server = with_pipelines({"bad": pipeline(
            sh("reading", "touch fine"), sh("failing", "echo first >&2; echo 'the disk is round' >&2; exit 3"))})
        state = run(server, b"x", "bad")
        assert (state["status"], state["error"]["code"]) == ("failed", "stage_failed"), state
        assert "failing ended with code 3" in state["error"]["detail"]
        assert "the disk is round" in state["error"]["detail"]

    def test_nothing_left_is_a_failure_and_so_is_a_missing_program(self, with_pipelines):
        server = with_pipelines({"empty": pipeline(sh("resting", "true")),
                                 "none": pipeline({"name": "a", "command": ["/no/such/program"]})})
        assert "no file" in run(server, b"x", "empty")["error"]["detail"]
        assert run(server, b"x", "none")["error"]["code"] == "extractor_missing"

    @pytest.mark.parametrize("script, options, code", [
        ("sleep 60", ["--stall-seconds", 1], "stalled"),
        ("while :; do :; done", ["--work-seconds", 1], "timeout"),
        ("/usr/bin/python3 -c 'bytearray(100 << 20)'", ["--worker-memory", 64], "memory_exceeded"),
        ("for n in {1..11000}; do : > $n; done; sleep 5", [], "output_exceeded"),
    ])
    def test_a_stage_beyond_a_limit_is_ended(self, with_pipelines, script, options, code):
        server = with_pipelines({"greedy": pipeline(sh("wanting", script))}, *options)
        state = run(server, b"x", "greedy")
        assert state["error"] and state["error"]["code"] == code, state
        assert server.client.process(documents.plain_text(), "next.txt", TEXT)["status"] == "complete"

    def test_cancel_ends_the_whole_tree_and_frees_its_space(self, with_pipelines):
        mark = f"sleep 600.{uuid.uuid4().int % 10 ** 9}"
        server = with_pipelines({"long": pipeline(sh("sleeping", f"""head -c 1000000 /dev/zero > half
            (setsid {mark} &) ; {mark}"""))})
        identifier = send(server, b"x", "a.bin", "long")
        alive = lambda: [one for one in processes.everyone() if one.command == mark]  # noqa: E731
        eventually(lambda: len(alive()) == 2, what="the stage has started two")
        begin = time.monotonic()
        server.client.post(f"/v1/documents/{identifier}/cancel", expect=200)
        eventually(lambda: not alive(), 5)
        eventually(lambda: not outputs(server), 5)
        assert time.monotonic() - begin < 2
        assert server.client.process(documents.plain_text(), "next.txt", TEXT)["status"] == "complete"

    def test_deleting_removes_what_was_made(self, with_pipelines):
        server = with_pipelines({"copy": pipeline(sh("copying", 'mkdir -p a/b; ln -s / a/root; touch copy a/b/c'))})
        state = run(server, b"x", "copy")
        assert outputs(server)
        server.client.delete(f"/v1/documents/{state['document_id']}", expect=204)
        eventually(lambda: not outputs(server), 5)

    def test_a_link_out_of_the_folder_is_never_served(self, with_pipelines):
        server = with_pipelines({"link": pipeline(sh("linking", "ln -s /etc/passwd link; ln -s / root; echo a > a"))})
        state = run(server, b"x", "link")
        assert state["status"] == "complete", state
        assert result(server, state).decoded() == b"a\n"
        for name in ("link", "root", "root%2Fetc%2Fpasswd"):
            server.client.get(f"/v1/documents/{state['document_id']}/files/{name}", expect=404)


class TestAfterACrash:
    @pytest.fixture
    def two(self, tmp_path):
        return {"two": pipeline(
            sh("first", 'date +%s%N > first'),
            sh("second", 'cp "$HEADWAY_INPUT/first" first; echo \'{"stage_progress":50}\' >&3; sleep 2'))}

    def test_a_finished_stage_is_not_repeated(self, with_pipelines, two):
        server = with_pipelines(two)
        identifier = send(server, b"x", "a.bin", "two")
        eventually(lambda: server.client.state(identifier)["stage"] == "second")
        first = next((server.data / "stages").glob("*/0/first")).read_bytes()
        before = server.client.state(identifier)["progress"]
        server.kill()
        server.start()
        assert server.client.state(identifier)["progress"] >= before
        state = server.client.finish(identifier)
        assert (state["status"], state["resumed_from"], state["attempt"]) == ("complete", 1, 1), state
        assert result(server, state).body == first
        assert len({path.split("/")[0] for path in outputs(server)}) == 1, "nothing of the killed run is left"

    def test_a_stage_that_is_killed_runs_again_by_itself(self, with_pipelines):
        server = with_pipelines({"dies": pipeline(
            sh("first", 'touch first'), sh("dying", 'kill -SEGV $$'))}, "--retry-wait-seconds", 0)
        state = run(server, b"x", "dies")
        assert (state["error"]["code"], state["resumed_from"]) == ("crashed", 1), state
        assert "tried 3 times" in state["error"]["detail"]

    def test_a_retry_begins_at_the_stage_that_failed(self, with_pipelines, tmp_path):
        server = with_pipelines({"waits": pipeline(
            sh("first", 'date +%s%N > first'), sh("second", f'cp "$HEADWAY_INPUT/first" . && cat {tmp_path}/key > key'),
            readable=[str(tmp_path)])})
        state = run(server, b"x", "waits")
        assert state["error"]["code"] == "stage_failed" and "key" in state["error"]["detail"], state
        assert [path for path in outputs(server) if "/1" in path] == [], "what the failed stage has left is gone"
        first = next((server.data / "stages").glob("*/0/first")).read_bytes()
        (tmp_path / "key").write_text("key")
        server.client.post(f"/v1/documents/{state['document_id']}/retry", expect=202)
        again = server.client.finish(state["document_id"])
        assert (again["status"], again["resumed_from"]) == ("complete", 1), again
        url = f"/v1/documents/{state['document_id']}/files/first"
        assert server.client.get(url, expect=200).body == first

    def test_results_have_their_time(self, with_pipelines):
        server = with_pipelines({"copy": pipeline(sh("copying", 'touch copy'))}, "--result-retention-seconds", 1)
        state = run(server, b"x", "copy")
        eventually(lambda: not outputs(server), 10)
        server.client.get(f"/v1/documents/{state['document_id']}/files/copy", expect=410)

    def test_documents_of_a_pipeline_that_is_gone_stay_readable(self, with_pipelines, two):
        server = with_pipelines(two)
        done = run(server, b"x", "two")
        waiting = send(server, b"x", "a.bin", "two")
        eventually(lambda: server.client.state(waiting)["status"] == "processing")
        server.kill()
        server.stop()
        other = with_pipelines({"other": pipeline(sh("a", "true"))})
        kept = other.client.state(done["document_id"])
        assert [stage["name"] for stage in kept["stages"]] == ["first", "second"]
        assert result(other, kept).body
        assert other.client.finish(waiting)["error"]["code"] == "pipeline_missing"


class TestTheConfiguration:
    def check(self, tmp_path, text):
        path = tmp_path / "headway.json"
        path.write_text(text)
        return subprocess.run([binary(), "serve", "--config", path, "--data", tmp_path / "data", "--check-config"],
                              capture_output=True, text=True, timeout=10)

    def test_it_shows_what_is_in_force(self, tmp_path):
        done = self.check(tmp_path, json.dumps({"pipelines": {"shout": pipeline(
            sh("turning", "tr a-z A-Z", weight=3), sh("counting", "wc"), types=["text/*"])}}))
        assert done.returncode == 0, done.stderr
        assert "pipeline shout: takes text/*\n" in done.stdout
        assert "pipeline shout: turning, 60.0 %: /bin/bash -c tr a-z A-Z\n" in done.stdout

    def test_it_tells_faults_with_their_line_and_programs_that_are_missing(self, tmp_path):
        wrong = self.check(tmp_path, '{"pipelines": {\n"shout": {"stages": ["extracting"]}}}')
        assert wrong.returncode != 0 and "headway.json:2: pipelines.shout.stages[0]: extracting" in wrong.stderr
        missing = self.check(tmp_path, json.dumps({"pipelines": {"p": pipeline({"name": "a", "command": ["no-such"]})}}))
        assert missing.returncode != 0 and "there is no program no-such" in missing.stderr

    def test_a_change_takes_a_restart_and_is_told(self, with_pipelines, tmp_path):
        server = with_pipelines({"a": pipeline(sh("a", "touch a"))})
        path = tmp_path / "headway.json"
        path.write_text(json.dumps({"pipelines": {"b": pipeline(sh("b", "touch b"))}}))
        server.signal(signal.SIGHUP)
        eventually(lambda: re.search(r"next start.*pipelines|pipelines.*next start", server.log_tail()), 10)
        assert run(server, b"x", "a")["status"] == "complete"


class TestTheSandbox:
    def test_a_stage_gets_at_its_input_and_its_folder_alone(self, with_pipelines, tmp_path):
        data = tmp_path / "data"
        server = with_pipelines({"copy": pipeline(sh("copying", 'cp "$HEADWAY_INPUT" copy'))})
        other = run(server, b"another's", "copy")
        content, made = next(data.glob("content/*")), next(data.glob("stages/*/0/copy"))
        server.stop()
        server = with_pipelines({"curious": pipeline(sh("trying", f"""
            # Each line that is said would be a hole.
            exec > said
            cat {content} 2> /dev/null && echo "read another document"
            cat {made} 2> /dev/null && echo "read another result"
            (echo > {made}) 2> /dev/null && echo "wrote another result"
            ls {data} > /dev/null 2>&1 && echo "listed"
            (: > {data}/made) 2> /dev/null && echo "wrote outside"
            (: > "$HEADWAY_INPUT") 2> /dev/null && echo "wrote its input"
            (: > {data}/stages/made) 2> /dev/null && echo "wrote beside"
            cat /etc/passwd > /dev/null 2>&1 && echo "read the machine"
            (: < /dev/tcp/127.0.0.1/$PORT) 2> /dev/null && echo "connected"
            kill -9 $PPID 2> /dev/null && echo "killed the server"
            echo "temporary" > "$TMPDIR/t" || echo "no room for temporary files"
            echo "is all there is"
            """))})
        state = run(server, b"mine", "curious")
        assert state["status"] == "complete", state
        assert result(server, state).decoded() == b"is all there is\n"
        assert result(server, other).decoded() == b"another's"
        assert not (data / "made").exists()


class TestTheExamples:
    """`docs/examples`, as they are."""

    @pytest.fixture
    def server(self, with_pipelines):
        folder = ROOT / "docs" / "examples"
        named = json.loads((folder / "thumbnails" / "headway.json").read_text())["pipelines"]
        named |= json.loads((folder / "words" / "headway.json").read_text())["pipelines"]
        for each in named.values():
            for stage in each["stages"]:
                stage["command"] = [word.replace("/srv/headway", str(folder)) for word in stage["command"]]
        return with_pipelines(named)

    @pytest.mark.skipif(os.system("/usr/bin/python3 -c 'import PIL' 2> /dev/null") != 0, reason="needs python3-pil")
    def test_thumbnails(self, server):
        state = run(server, png(), "thumbnails", "picture.png")
        assert (state["status"], state["pages_done"], state["message"]) == ("complete", 1, "Image 1 of 1"), state
        reply = result(server, state)
        assert reply.headers["content-type"] == "image/jpeg" and reply.body[:2] == b"\xff\xd8"
        assert len(reply.body) < len(png())

    def test_words(self, server):
        state = run(server, documents.plain_text() * 20, "words", "text.txt", TEXT)
        assert state["status"] == "complete" and state["message"].endswith(" words"), state
        counted = json.loads(result(server, state).decoded())
        assert list(counted.values()) == sorted(counted.values(), reverse=True) and counted


class TestNumbersOfAStage:
    def test_more_pages_than_any_document_has_end_nothing(self, with_pipelines):
        script = """printf '{"pages_total":9223372036854775807,"pages_done":1}\\n{"stage_progress":100}\\n' >&3
            sleep 0.3; touch "$HEADWAY_OUTPUT/a"; printf '{"pages_done":9223372036854775807}\\n' >&3; sleep 0.2"""
        server = with_pipelines({"own": pipeline(sh("counting", script))})
        state = run(server, b"a", "own")
        assert state["status"] == "complete", state["error"]
        assert server.is_running


class TestADocumentThatMeetsTheServersDeath:
    def test_it_is_set_aside_after_the_fifth_in_a_row_and_a_good_end_is_none(self, with_pipelines):
        server = with_pipelines({"own": pipeline(sh("sleeping", "sleep 60"))}, "--retry-wait-seconds", 0)
        identifier = send(server, b"a", "a.bin", "own")
        at_work = lambda: server.client.state(identifier)["status"] == "processing"  # noqa: E731
        for death in range(1, 6):
            eventually(at_work, 10)
            if death == 3:
                server.stop()
                server.start()
                eventually(at_work, 10)
            server.kill()
            server.start()
        state = server.client.finish(identifier)
        assert (state["status"], state["attempt"]) == ("failed", 1), state
        assert state["error"]["code"] == "crashed" and state["error"]["retryable"], state["error"]
        assert "5 times in a row" in state["error"]["detail"], state["error"]
        server.client.post(f"/v1/documents/{identifier}/retry", expect=202)
        eventually(at_work, 10)
