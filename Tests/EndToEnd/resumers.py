"""Clients that bring documents piece by piece, over requests that are cut and servers that die, by every resumable way.

Each goes on where it was told and never sends again what was acknowledged: a byte that is missing below an offset that
a client was told (by 201 or 204, by HEAD, by 104) is missing in the document, whose sum is then another.
"""

import uploaders
from client import OCTETS
from uploaders import GivenUp, Material, Uploader
from uploads import OFFSET_TYPE, PARTIAL_TYPE, UPLOADS, VERSIONS, Draft, checksum, metadata, path_of

TUS, DEFERRED, DRAFT, JOINED, PART = "tus", "tus_deferred", "draft", "tus_concat", "tus_part"
RESUMABLE = [TUS, DEFERRED, DRAFT, JOINED]
KINDS = [*uploaders.KINDS, *RESUMABLE]
# What HEAD says where there is no upload.
NOWHERE = -1
# The sum of the tests is made bit by bit: small bodies alone have it.
SLOW_SUM_BYTES_MAX = 20_000
# So slowly a client sends now and then: the server tells how far it is once a second.
SLOW_SECONDS = (1.2, 2.2)
SLOW_BYTES_MIN = 500


class ResumingUploader(Uploader):
    """Also brings what can be gone on with. `slowness` is the share of the draft's requests that are sent slowly."""

    def __init__(self, wire, book, choose, go_on, slowness=0.0):
        super().__init__(wire, book, choose, go_on)
        self.slowness = slowness

    def by_tus(self, material):
        if self.choose.random() < 0.2:
            # The same upload, come to be by JSON: its `links.upload`.
            return self.carry(self.create(TUS, material), material, 0)
        return self.carry(self.book.open(TUS, material), material)

    def by_tus_deferred(self, material):
        return self.carry(self.book.open(DEFERRED, material), material)

    def by_draft(self, material):
        promise = self.book.open(DRAFT, material)
        promise.version = self.choose.choice(VERSIONS)
        return self.carry(promise, material)

    def by_tus_concat(self, material):
        whole = self.book.open(JOINED, material)
        cuts = sorted(self.choose.randint(0, whole.size) for _ in range(self.choose.randint(1, 2)))
        parts = []
        for start, end in zip([0, *cuts], [*cuts, whole.size]):
            body = Material(material.body[start:end], OCTETS, None)
            part = self.book.open(PART, body)
            part.whole, part.material = whole.identifier, body
            parts.append(part)
        return self.carry_parts(whole, parts, material, NOWHERE)

    def resume(self, promise, material):
        """Go on with what somebody else began, at whatever it is now."""
        if promise.kind != JOINED:
            return self.carry(promise, material, None)
        parts = [part for part in self.book.all() if part.whole == promise.identifier]
        return self.carry_parts(promise, parts, material, None)

    def carry(self, promise, material, place=NOWHERE):
        """Bring it to its end from `place`; None where it must be asked for."""
        step = self.stepper(promise, material, place)
        self.until(lambda: step() or None)
        return promise

    def carry_parts(self, whole, parts, material, place):
        """All parts side by side; the whole is asked for before they are there, or behind them."""
        is_early = self.choose.random() < 0.5
        steps = {part.identifier: self.stepper(part, part.material, place) for part in parts}
        join = self.stepper(whole, material, place, parts)

        def step():
            left = [part for part in parts if not part.is_accepted]
            if not left or (is_early and not whole.is_created and all(part.is_created for part in parts)):
                return join()
            steps[self.choose.choice(left).identifier]()
            return None
        try:
            self.until(lambda: step() or None)
        except GivenUp as end:
            stories = [(part.identifier, part.size, part.is_accepted, part.story[-5:]) for part in parts]
            raise GivenUp(f"{end}; of {whole.identifier}: {whole.story[-5:]}; its parts: {stories}") from None
        # The server removes them when it has got to it.
        for part in parts:
            part.deletion = "asked"
        return whole

    def stepper(self, promise, material, place, parts=None):
        """One more step at each call; whether the upload is at its end."""
        def step():
            nonlocal place
            if place is None:
                place = self.look(promise)
            elif place == NOWHERE:
                place = self.begin(promise, material, parts)
            else:
                place = self.append(promise, material, place)
            return promise.is_accepted
        return step

    # What is told

    def exists(self, promise):
        if not promise.is_created:
            promise.created()
            self.book.witness(promise, "created")

    def acknowledged(self, promise, offset, how):
        self.exists(promise)
        if offset > promise.sent:
            raise promise.broken(f"offset {offset} told by {how}, and {promise.sent} bytes were sent")
        promise.acknowledged(offset, how)
        self.book.count(how)
        self.book.witness(promise, "offset")

    def taken(self, promise, how):
        """All bytes are there, and the client has been told so."""
        if promise.offset != promise.size:
            raise promise.broken(f"told by {how} that it is whole with {promise.offset} bytes")
        promise.accepted(how)
        self.book.witness(promise, "accepted")

    def interim(self, promise):
        def told(status, headers):
            if status != 104:
                raise promise.broken(f"an interim answer that nobody asked for: {status}")
            if headers["upload-draft-interop-version"] != str(promise.version):
                raise promise.broken(f"104 of another version: {dict(headers)}")
            if "location" in headers:
                if path_of(headers["location"]) != self.path(promise):
                    raise promise.broken(f"another place: {headers['location']}")
                self.acknowledged(promise, promise.offset, "104 with the place")
            else:
                self.acknowledged(promise, int(headers["upload-offset"]), "104")
        return told if promise.kind == DRAFT else None

    # Requests

    @staticmethod
    def path(promise):
        return f"{UPLOADS}/{promise.identifier}"

    @staticmethod
    def dialect(promise):
        return Draft(None, promise.version) if promise.kind == DRAFT else None

    def fields(self, promise, is_last=None):
        draft = self.dialect(promise)
        if draft is None:
            return ["Tus-Resumable: 1.0.0"]
        completes = {} if is_last is None else draft.completes(is_last)
        return [f"{name}: {value}" for name, value in {**draft.named, **completes}.items()]

    def expect_or_look(self, promise, reply, *statuses):
        """Like `expect`; also False where the client must ask how far it is."""
        if reply is not None and reply.status in (409, 423):
            self.last_answer = (reply.status, reply.body[:400])
            promise.told(f"{reply.status} {reply.code}")
            return False
        return self.expect(promise, reply, *statuses)

    def look(self, promise):
        """HEAD: how far it is, `NOWHERE`, or None when no word came."""
        reply = self.wire.exchange("HEAD", self.path(promise), *self.fields(promise))
        self.last_answer = reply and ("HEAD", reply.status)
        if reply is None or reply.status == 423 or (not reply.is_request_whole and reply.status < 500):
            return None
        if reply.status == 404:
            if promise.kind == PART and self.was_joined(promise):
                return None
            if promise.is_created:
                raise promise.broken("it was promised, and HEAD does not find it")
            return NOWHERE
        # A client takes anything else for the end of its upload, and begins again at byte 0.
        if reply.status not in (200, 204):
            raise promise.broken(f"HEAD is answered by {reply.status}")
        if "upload-offset" not in reply.headers:
            if promise.kind != JOINED:
                raise promise.broken("HEAD does not tell how far it is")
            # Parts are missing.
            self.exists(promise)
            return None
        self.acknowledged(promise, int(reply.headers["upload-offset"]), "HEAD")
        self.judge(promise, reply.headers, "HEAD", is_length_known="upload-length" in reply.headers)
        return promise.offset

    def judge(self, promise, headers, how, is_length_known=True):
        """Whether that was the end."""
        draft = self.dialect(promise)
        if draft.says_complete(headers) if draft else is_length_known and promise.offset == promise.size:
            if promise.kind != PART and headers.get("document-id") != promise.identifier:
                raise promise.broken(f"whole by {how}, and no word of its document: {dict(headers)}")
            self.taken(promise, how)

    def was_joined(self, part):
        """A part goes when it is in the whole, not before."""
        whole = self.book.of(part.whole)
        if not part.is_joining:
            return False
        if not whole.deletion:
            reply = self.until(lambda: self.wire.exchange("GET", whole.path))
            if reply.status != 200 or reply.json()["status"] == "uploading":
                raise part.broken(f"the part is gone and not in the whole: {reply.status} {reply.body[:400]}")
        if not part.is_accepted:
            part.accepted("joined")
            self.book.witness(part, "accepted")
        return True

    def begin(self, promise, material, parts):
        """The creation: with none of the bytes, with some, or with all."""
        target, body, is_chunked = f"{UPLOADS}?id={promise.identifier}", b"", False
        if promise.kind != JOINED and self.choose.random() < 0.5:
            body = self.piece(material.body)
            is_chunked = bool(body) and self.choose.random() < 0.3
        is_last = len(body) == promise.size and self.choose.random() < 0.7
        fields = self.fields(promise, is_last)
        if promise.kind == DRAFT:
            fields += [f"Content-Type: {material.content_type}", 'Content-Disposition: inline; filename="a.txt"']
            if self.choose.random() < 0.5:
                fields.append(f"Upload-Length: {promise.size}")
        else:
            fields.append(f"Upload-Metadata: {metadata(filename='a.txt', filetype=material.content_type)}")
            if promise.kind == JOINED:
                fields.append("Upload-Concat: final;" + " ".join(map(self.path, parts)))
            else:
                is_deferred = promise.kind == DEFERRED
                fields.append("Upload-Defer-Length: 1" if is_deferred else f"Upload-Length: {promise.size}")
            if promise.kind == PART:
                fields.append("Upload-Concat: partial")
            if body:
                fields.append(f"Content-Type: {OFFSET_TYPE}")
        for part in parts or []:
            part.is_joining = True
            self.book.witness(part, "joining")
        promise.sent = promise.size if parts else max(promise.sent, len(body))
        reply = self.wire.exchange("POST", target, *fields, body=body, is_chunked=is_chunked,
                                   told=self.interim(promise), slow_seconds=self.slow_seconds(promise, body))
        if promise.kind == JOINED and reply is not None and reply.status == 400:
            return None  # an earlier try, of which no word came, has taken the parts
        if not self.expect_or_look(promise, reply, 201, 202):
            return None
        if path_of(reply.headers["location"]) != self.path(promise):
            raise promise.broken(f"another place: {reply.headers['location']}")
        if promise.kind == JOINED and "upload-offset" not in reply.headers:
            self.exists(promise)
            return None
        return self.answered(promise, reply, "creation", parts and promise.size or len(body))

    def append(self, promise, material, offset):
        """Some of what is missing, or all of it."""
        body = self.piece(material.body[offset:])
        end = offset + len(body)
        is_chunked, is_last = self.choose.random() < 0.3, end == promise.size
        # All may be there while the end is still to say.
        completes = is_last and (self.choose.random() < 0.8 or not body)
        fields = [*self.fields(promise, completes), f"Upload-Offset: {offset}"]
        method, trailers = "PATCH", []
        if promise.kind == DRAFT:
            fields.append(f"Content-Type: {PARTIAL_TYPE}")
        else:
            fields.append(f"Content-Type: {OFFSET_TYPE}")
            if self.choose.random() < 0.15:
                method = "POST"
                fields.append("X-HTTP-Method-Override: PATCH")
            if self.choose.random() < 0.4:
                said = f"Upload-Checksum: {self.checksum(body)}"
                (trailers if is_chunked else fields).append(said)
                fields += ["Trailer: Upload-Checksum"] if is_chunked else []
        is_length_known = promise.kind != DEFERRED or promise.is_length_said
        if promise.kind == DEFERRED and (not body or self.choose.random() < 0.3):
            fields.append(f"Upload-Length: {promise.size}")
            is_length_known = True
        promise.sent = max(promise.sent, end)
        reply = self.wire.exchange(method, self.path(promise), *fields, body=body, is_chunked=is_chunked,
                                   trailers=trailers, told=self.interim(promise),
                                   slow_seconds=self.slow_seconds(promise, body))
        if reply is not None and reply.status == 404 and promise.kind == PART and promise.is_joining:
            return None
        if not self.expect_or_look(promise, reply, 200, 201, 202, 204):
            return None
        promise.is_length_said = is_length_known
        return self.answered(promise, reply, "append", end, is_length_known)

    def answered(self, promise, reply, how, end, is_length_known=None):
        """A success says that all that was sent is there."""
        self.acknowledged(promise, int(reply.headers.get("upload-offset", 0)), how)
        if promise.offset != end:
            raise promise.broken(f"{reply.status} to {how} up to {end} tells {promise.offset}")
        if is_length_known is None:
            is_length_known = promise.kind != DEFERRED
        self.judge(promise, reply.headers, how, is_length_known)
        return promise.offset

    def piece(self, rest):
        """Some of it, mostly not little; a few good steps are at its end."""
        return rest if self.choose.random() < 0.4 else rest[:self.choose.randint(len(rest) // 4, len(rest))]

    def checksum(self, body):
        algorithms = ["sha1", "sha256", "md5"] + ["crc32c"] * (len(body) <= SLOW_SUM_BYTES_MAX)
        return checksum(self.choose.choice(algorithms), body)

    def slow_seconds(self, promise, body):
        is_slow = self.choose.random() < self.slowness
        seconds = self.choose.uniform(*SLOW_SECONDS)
        return seconds if is_slow and promise.kind == DRAFT and len(body) >= SLOW_BYTES_MIN else 0

    # Afterwards

    def check(self, promise):
        if promise.kind != PART:
            if promise.kind in RESUMABLE and not promise.is_accepted and promise.is_created and not promise.deletion:
                # Whatever was acknowledged is there still.
                self.until(lambda: self.look(promise) if promise.kind != JOINED else 0)
            return super().check(promise)
        reply = self.until(lambda: self.wire.exchange("GET", promise.path))
        if reply.status == 200:
            if reply.json()["status"] != "uploading":
                raise promise.broken(f"a part became a document: {reply.body[:400]}")
            self.until(lambda: self.look(promise))
        elif promise.is_created and not self.was_joined(promise):
            raise promise.broken("the part was promised and is gone")
