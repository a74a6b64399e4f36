import JSON
import Testing

@testable import Core

@Suite("Parts and what is made of them")
struct UploadPartsTests {
    private static func id(_ number: UInt64) -> DocumentID { DocumentID(unixMilliseconds: 1, random: (number, 1)) }

    private static func document(_ form: ResumableUpload.Form) -> Document {
        var document = Document.sample(awaitsContent: true)
        document.upload = ResumableUpload(form: form)
        return document
    }

    @Test("a part remembers each document that waits for it once, up to a bound, and over a restart")
    func awaited() throws {
        var part = Self.document(.part)
        for number in 1...UInt64(Document.finalsMax) {
            #expect(part.mayBeAwaited)
            let (first, again) = (
                try part.becomeAwaited(by: Self.id(number)), try part.becomeAwaited(by: Self.id(number))
            )
            #expect(first && !again)
        }
        #expect(!part.mayBeAwaited)
        let full = part
        #expect(throws: DocumentConflict.awaitedTooOften) {
            var another = full
            return try another.becomeAwaited(by: Self.id(0))
        }
        let known = try part.becomeAwaited(by: Self.id(3))
        #expect(!known, "who waits already is no news at the bound either")
        var restored = try part.restored()
        #expect(restored.upload.finals == part.upload.finals && restored.upload.form == .part)
        restored.stopBeingAwaited(by: Self.id(3))
        #expect(restored.mayBeAwaited && !restored.upload.finals.contains(Self.id(3)))
    }

    @Test("bytes that come to another part keep this upload as its own would, and never shorten its time")
    func kept() throws {
        var lifetimes = Lifetimes()
        lifetimes.uploadMilliseconds = 1000
        var document = Self.document(.concatenation([.sample]))
        let came = document.updatedAtMilliseconds + 900
        document.keepUpload(since: came)
        #expect(lifetimes.dueMilliseconds(document) == came + 1000)
        document.keepUpload(since: came - 500)
        #expect(lifetimes.dueMilliseconds(document) == came + 1000)
        try document.apply([.failed(DocumentError(.partsGone, "Gone."))])
        let ended = document.updatedAtMilliseconds
        document.keepUpload(since: ended + 5000)
        #expect(document.updatedAtMilliseconds == ended, "what has ended keeps the time of its end")
    }

    @Test("only a whole upload takes all of its bytes in one request")
    func content() throws {
        #expect(Self.document(.whole).contentConflict == nil)
        #expect(Self.document(.part).contentConflict == .isPart)
        #expect(Self.document(.concatenation([.sample])).contentConflict == .isConcatenation)
        #expect(try Document.sample(in: .queued).contentConflict == .alreadyUploaded)
    }

    @Test(
        "whether a digest is made is decided when the upload is created, and kept over a restart",
        arguments: [true, false])
    func hashed(isHashed: Bool) throws {
        var document = Self.document(.whole)
        document.upload.isHashed = isHashed
        #expect(try document.restored().upload.isHashed == isHashed)
        try document.apply([.uploadContinued(token: 1, length: nil), .uploadLost])
        #expect(document.upload.isHashed == isHashed)
    }
}
