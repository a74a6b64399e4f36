"""Every extension of tus and every version of the IETF's draft as scripts of curl, as somebody types them.

A script gets `$SERVER`, the document as the files `whole`, `first` and `second`, and their sizes. What it prints last is
the upload's path.
"""

import hashlib
import os
import subprocess

import pytest

from client import PDF
from means import program
from uploads import VERSIONS, checksum, halves, id_of, path_of

PREAMBLE = r"""
set -euo pipefail
curl() { command curl --silent --show-error --fail-with-body "$@"; }
tus() { curl -H 'Tus-Resumable: 1.0.0' "$@"; }
field() { tr -d '\r' | sed -n "s/^$1: //Ip" | tail -n 1; }
create() { tus -i -X POST "$@" "$SERVER/v1/uploads" | field location; }
append() {
    tus -i -X PATCH -H 'Content-Type: application/offset+octet-stream' -H "Upload-Offset: $2" \
        --data-binary "@$3" "${@:4}" "$SERVER$1"
}
offset() { tus --head "$SERVER$1" | field upload-offset; }
status() { tus -o answer -w '%{http_code}' "$@" || true; }
"""

CREATION = r"""
at=$(create -H "Upload-Length: $SIZE" -H "Upload-Metadata: filename $(printf policy.pdf | base64)")
test "$(append "$at" 0 first | field upload-offset)" = "$FIRST"
test "$(offset "$at")" = "$FIRST"
append "$at" "$FIRST" second | grep -i '^document-id:' > /dev/null
echo "$at"
"""

CREATION_WITH_UPLOAD = r"""
tus -i -X POST -H "Upload-Length: $SIZE" -H 'Content-Type: application/offset+octet-stream' --data-binary @first \
    "$SERVER/v1/uploads" > head
test "$(field upload-offset < head)" = "$FIRST"
at=$(field location < head)
append "$at" "$FIRST" second > /dev/null
echo "$at"
"""

CREATION_DEFER_LENGTH = r"""
at=$(create -H 'Upload-Defer-Length: 1')
append "$at" 0 first > /dev/null
test "$(tus --head "$SERVER$at" | field upload-defer-length)" = 1
append "$at" "$FIRST" second -H "Upload-Length: $SIZE" > /dev/null
test "$(tus --head "$SERVER$at" | field upload-length)" = "$SIZE"
echo "$at"
"""

EXPIRATION = r"""
at=$(create -H "Upload-Length: $SIZE")
now=$(date +%s)
for told in "$(tus --head "$SERVER$at" | field upload-expires)" "$(append "$at" 0 first | field upload-expires)"; do
    test "$(date -d "$told" +%s)" -gt "$now"
done
append "$at" "$FIRST" second > /dev/null
echo "$at"
"""

CONCATENATION = r"""
one=$(create -H 'Upload-Concat: partial' -H "Upload-Length: $FIRST")
two=$(create -H 'Upload-Concat: partial' -H "Upload-Length: $SECOND")
append "$two" 0 second > /dev/null
append "$one" 0 first > /dev/null
at=$(create -H "Upload-Concat: final;$one $SERVER$two")
test "$(offset "$at")" = "$SIZE"
echo "$at"
"""

CONCATENATION_UNFINISHED = r"""
one=$(create -H 'Upload-Concat: partial' -H "Upload-Length: $FIRST")
two=$(create -H 'Upload-Concat: partial' -H "Upload-Length: $SECOND")
at=$(create -H "Upload-Concat: final;$one $two")
test -z "$(offset "$at")"
append "$two" 0 second > /dev/null
append "$one" 0 first > /dev/null
echo "$at"
"""

OVERRIDE = r"""
at=$(create -H "Upload-Length: $SIZE")
tus -X POST -H 'X-HTTP-Method-Override: PATCH' -H 'Content-Type: application/offset+octet-stream' \
    -H 'Upload-Offset: 0' --data-binary @whole "$SERVER$at"
echo "$at"
"""

CHECKSUM = r"""
at=$(create -H "Upload-Length: $SIZE")
refused=$(status -X PATCH -H 'Content-Type: application/offset+octet-stream' -H 'Upload-Offset: 0' \
    -H "Upload-Checksum: $SUM" --data-binary @second "$SERVER$at")
test "$refused" = 460
test "$(offset "$at")" = 0
append "$at" 0 first -H "Upload-Checksum: $SUM" > /dev/null
append "$at" "$FIRST" second > /dev/null
echo "$at"
"""

# curl sends no trailers by HTTP, but as gopher whatever it is given.
CHECKSUM_TRAILER = r"""
at=$(create -H "Upload-Length: $SIZE")
escape() { od -An -v -tx1 | tr -d '\n' | tr ' ' '%'; }
request() {
    printf 'PATCH %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTus-Resumable: 1.0.0\r\n' "$at"
    printf 'Content-Type: application/offset+octet-stream\r\nUpload-Offset: 0\r\nTransfer-Encoding: chunked\r\n'
    printf 'Trailer: Upload-Checksum\r\n\r\n%x\r\n' "$(wc -c < line)"
    cat line
    printf '\r\n0\r\nUpload-Checksum: %s\r\n\r\n' "$1"
}
send() { curl "gopher://${SERVER#http://}/_$(request "$1" | escape)" | sed -n '1s/^HTTP.1.1 \([0-9]*\).*/\1/p'; }
printf '%%PDF-1.7 is how it begins' > line
test "$(send "sha1 $(printf x | openssl dgst -sha1 -binary | base64)")" = 460
test "$(offset "$at")" = 0
test "$(send "sha1 $(openssl dgst -sha1 -binary line | base64)")" = 204
test "$(offset "$at")" = "$(wc -c < line)"
"""

TERMINATION = r"""
at=$(create -H "Upload-Length: $SIZE")
append "$at" 0 first > /dev/null
test "$(status -X DELETE "$SERVER$at")" = 204
test "$(status --head "$SERVER$at")" = 404
"""

# Curl's `--data-binary` says its own type, so each request names the right one.
DRAFT = r"""
draft() { curl -H "Upload-Draft-Interop-Version: $VERSION" "$@"; }
draft -i -X POST -H "$MORE" -H 'Content-Type: application/pdf' --data-binary @first "$SERVER/v1/uploads" > heads
test "$(grep -c '^HTTP/1.1 104' heads)" -ge 1
test "$(tr -d '\r' < heads | sed -n 's/^HTTP.1.1 \([0-9]*\).*/\1/p' | tail -n 1)" = 201
test "$(field upload-offset < heads)" = "$FIRST"
at=$(field location < heads)
draft --head "$SERVER$at" > heads
test "$(field upload-offset < heads)" = "$FIRST"
tr -d '\r' < heads | grep -ix "$MORE" > /dev/null
elsewhere=$(draft -o answer -w '%{http_code}' -X PATCH -H "$LAST" -H 'Upload-Offset: 0' \
    -H 'Content-Type: application/partial-upload' --data-binary @second "$SERVER$at" || true)
test "$elsewhere" = 409
draft -i -X PATCH -H "$LAST" -H "Upload-Offset: $FIRST" -H 'Content-Type: application/partial-upload' \
    --data-binary @second "$SERVER$at" > heads
test "$(field upload-offset < heads)" = "$SIZE"
draft --head "$SERVER$at" | tr -d '\r' | grep -ix "$LAST" > /dev/null
echo "$at"
"""

DRAFT_CANCELLATION = r"""
draft() { curl -H "Upload-Draft-Interop-Version: $VERSION" "$@"; }
at=$(draft -i -X POST -H "$MORE" -H 'Content-Type: application/pdf' --data-binary @first "$SERVER/v1/uploads" |
    field location)
test "$(draft -o answer -w '%{http_code}' -X DELETE "$SERVER$at")" = 204
test "$(draft -o answer -w '%{http_code}' --head "$SERVER$at" || true)" = 404
"""


@pytest.fixture
def run(client, small_pdf, tmp_path):
    """Runs a script: what it prints."""
    program("curl")
    first, second = halves(small_pdf)
    for name, body in (("whole", small_pdf), ("first", first), ("second", second)):
        (tmp_path / name).write_bytes(body)

    def run(script, **variables):
        known = {"SERVER": client.address, "SIZE": len(small_pdf), "FIRST": len(first), "SECOND": len(second)}
        done = subprocess.run([program("bash"), "-xc", PREAMBLE + script], cwd=tmp_path, capture_output=True,
                              timeout=60, text=True,
                              env={**os.environ, **{name: str(value) for name, value in (known | variables).items()}})
        assert done.returncode == 0, (done.returncode, done.stdout, done.stderr[-3000:])
        return done.stdout.strip()
    return run


def check_document(client, path, body):
    state = client.finish(id_of(path_of(path)))
    assert (state["status"], state["sha256"]) == ("complete", hashlib.sha256(body).hexdigest())
    return state


class TestTus:
    def test_options_tell_what_is_served_and_each_of_it_has_a_script_here(self, client, run):
        told = run('tus -i -X OPTIONS "$SERVER/v1/uploads" | field tus-extension')
        assert set(told.split(",")) == {
            "creation", "creation-with-upload", "creation-defer-length", "checksum", "checksum-trailer", "expiration",
            "termination", "concatenation", "concatenation-unfinished"}

    @pytest.mark.parametrize("script", [CREATION, CREATION_WITH_UPLOAD, CREATION_DEFER_LENGTH, EXPIRATION,
                                        CONCATENATION, CONCATENATION_UNFINISHED, OVERRIDE],
                             ids=["creation", "creation-with-upload", "creation-defer-length", "expiration",
                                  "concatenation", "concatenation-unfinished", "method-override"])
    def test_a_script_brings_a_document(self, client, run, small_pdf, script):
        check_document(client, run(script), small_pdf)

    @pytest.mark.parametrize("algorithm", ["sha1", "sha256", "md5", "crc32c"])
    def test_a_checksum_refuses_what_it_is_not_of(self, client, run, small_pdf, algorithm):
        check_document(client, run(CHECKSUM, SUM=checksum(algorithm, halves(small_pdf)[0])), small_pdf)

    def test_a_checksum_behind_the_bytes(self, run):
        run(CHECKSUM_TRAILER)

    def test_termination(self, run):
        run(TERMINATION)

    def test_the_largest_size_is_told_and_holds(self, start_server, tmp_path):
        address = start_server("--size-limit", 1000).client.address
        script = 'tus -i -X OPTIONS "$SERVER/v1/uploads" | field tus-max-size\n' \
                 'status -X POST -H "Upload-Length: 1001" "$SERVER/v1/uploads"'
        done = subprocess.run([program("bash"), "-c", PREAMBLE + script], cwd=tmp_path, capture_output=True,
                              timeout=60, text=True, env={**os.environ, "SERVER": address})
        assert done.stdout.split() == ["1000", "413"], (done.stdout, done.stderr)


@pytest.mark.parametrize("version", VERSIONS)
class TestDraft:
    def words(self, version):
        name, more, last = ("Upload-Incomplete", "?1", "?0") if version == 3 else ("Upload-Complete", "?0", "?1")
        return {"VERSION": version, "MORE": f"{name}: {more}", "LAST": f"{name}: {last}"}

    def test_a_script_brings_a_document_in_two_parts(self, client, run, small_pdf, version):
        state = check_document(client, run(DRAFT, **self.words(version)), small_pdf)
        assert state["content_type"] == PDF

    def test_a_script_gives_up(self, run, version):
        run(DRAFT_CANCELLATION, **self.words(version))
