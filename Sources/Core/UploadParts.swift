/// What parts and the documents that are made of them owe each other (tus, "Concatenation").
extension Document {
    /// Documents that may wait for one part. Each of them is on the part's record.
    package static let finalsMax = 64

    /// Made of parts, and takes no bytes itself.
    package var isConcatenation: Bool { if case .concatenation = upload.form { true } else { false } }

    /// Whether one more document may wait for this part.
    package var mayBeAwaited: Bool { upload.finals.count < Self.finalsMax }

    /// Remembers that `final` waits for this part; answers whether that is news.
    package mutating func becomeAwaited(by final: DocumentID) throws(DocumentConflict) -> Bool {
        if upload.finals.contains(final) { return false }
        guard mayBeAwaited else { throw .awaitedTooOften }
        upload.finals.append(final)
        return true
    }

    /// `final` waits no more.
    package mutating func stopBeingAwaited(by final: DocumentID) { upload.finals.removeAll { $0 == final } }

    /// Bytes that came at this time to another upload of the same whole keep this one as if they were its own.
    package mutating func keepUpload(since milliseconds: Int64) {
        guard status == .uploading else { return }
        updatedAtMilliseconds = max(updatedAtMilliseconds, milliseconds)
    }

    /// Why all of its bytes cannot be brought in one request; nil when they can.
    package var contentConflict: DocumentConflict? {
        guard status == .uploading else { return uploadConflict }
        switch upload.form {
        case .whole: return nil
        case .part: return .isPart
        case .concatenation: return .isConcatenation
        }
    }
}

extension Lifetimes {
    /// What is kept by the bytes of others hears of them this often, and may be that much behind.
    package var uploadStepMilliseconds: Int64 { max(1, uploadMilliseconds / 20) }
}
