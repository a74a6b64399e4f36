// Theory of operation
//
//   written       bytes in the file, as far as this process knows; more than that may be lost with the machine
//   durable       bytes that survive the machine; every record that is made carries this figure
//   acknowledged  bytes that are durable and on record; no client is ever told more
//
// acknowledged ≤ durable ≤ written, and all grow only at the end. A request begins at `written` and brings bytes behind
// it. When it ends, what came is written; when somebody wants to know how far the upload is, the file is synced, the
// figure put on record, and only then told. After a crash the file is cut back to what is on record: what lies beyond
// may be anything. After a failed sync it is cut back to what is durable: the kernel may have dropped what it could not
// write and report nothing the next time (fsync(2), "EIO").

/// A document's bytes as far as they have come, over as many requests as it takes.
package struct ResumableUpload: Sendable, Equatable {
    /// What the bytes are for.
    package enum Form: Sendable, Equatable {
        /// A document of its own.
        case whole
        /// A piece of a later document (tus, "Concatenation"): never listed, never processed.
        case part
        /// Made of parts, in this order; takes no bytes itself.
        case concatenation([DocumentID])
    }

    package var form: Form
    /// `Upload-Metadata` as it was given: a client may ask for it.
    package var metadataText: String?
    /// `Upload-Concat` as it was given, for the same reason.
    package var concatenationText: String?
    /// Documents that are made of this part and wait for it.
    package internal(set) var finals: [DocumentID] = []
    /// Whether the sha256 of its bytes is made: the creating call says so, for all requests that bring them.
    package var isHashed = true
    /// Names the file that the bytes are in; nil before the first one.
    package var token: Int64?
    package internal(set) var acknowledgedBytes: Int64 = 0
    package internal(set) var durableBytes: Int64 = 0
    package internal(set) var writtenBytes: Int64 = 0

    package init(form: Form = .whole, metadataText: String? = nil, concatenationText: String? = nil) {
        self.form = form
        self.metadataText = metadataText
        self.concatenationText = concatenationText
    }

    /// The file was synced, and its first `offset` bytes last. A record that is made from now on says so.
    package mutating func synced(_ offset: Int64) {
        durableBytes = max(durableBytes, offset)
        writtenBytes = max(writtenBytes, offset)
    }

    /// The bytes begin again: the file that was is nobody's.
    package mutating func beginAgain() {
        token = nil
        acknowledgedBytes = 0
        durableBytes = 0
        writtenBytes = 0
    }
}

/// What one request wants to add to an upload.
package struct UploadAppend: Sendable, Equatable {
    /// Where it believes the upload to be.
    package var offset: Int64
    /// The whole upload's length, where the request says it.
    package var length: Int64?
    /// The body's own length; nil for one that says only at its end.
    package var bodyBytes: Int64?
    /// The end of the body is the end of the upload (the draft says so; tus has only the length).
    package var bodyCompletes: Bool

    package init(offset: Int64, length: Int64?, bodyBytes: Int64?, bodyCompletes: Bool) {
        self.offset = offset
        self.length = length
        self.bodyBytes = bodyBytes
        self.bodyCompletes = bodyCompletes
    }
}

/// Why bytes are not taken.
package enum AppendRefusal: Error, Sendable, Equatable {
    /// The upload is somewhere else; the client asks and goes on there.
    case mismatchingOffset(expected: Int64, provided: Int64)
    /// Another length was said before, or bytes beyond it are there already.
    case inconsistentLength(known: Int64)
    /// The body would pass the end of the upload.
    case beyondLength(Int64)
    case beyondLimit(Int64)
}

/// What an append may bring.
package struct UploadRoom: Sendable, Equatable {
    /// The upload's length, if it is known by now.
    package var length: Int64?
    /// Bytes of this body that are taken; nil: as many as come.
    package var bytesMax: Int64?
    /// `bytesMax` is the limit of what the server takes at all, not the upload's own end.
    package var endsAtLimit: Bool
}

extension UploadAppend {
    /// Decides whether an upload of `knownLength` (nil: not said yet) that has `written` bytes takes this, and how much
    /// of it.
    package func room(written: Int64, knownLength: Int64?, limitBytes: Int64?) throws(AppendRefusal) -> UploadRoom {
        guard offset == written else { throw .mismatchingOffset(expected: written, provided: offset) }
        if let length, let knownLength, length != knownLength { throw .inconsistentLength(known: knownLength) }
        let total = knownLength ?? length
        if let total {
            if total < written { throw .inconsistentLength(known: written) }
            if let limitBytes, total > limitBytes { throw .beyondLimit(limitBytes) }
            if let bodyBytes {
                if bodyBytes > total - written { throw .beyondLength(total) }
                // It says that it is the last, and is too short to be.
                if bodyCompletes && bodyBytes < total - written { throw .inconsistentLength(known: total) }
            }
            return UploadRoom(length: total, bytesMax: total - written, endsAtLimit: false)
        }
        if let limitBytes {
            if let bodyBytes, bodyBytes > limitBytes - written { throw .beyondLimit(limitBytes) }
            return UploadRoom(length: nil, bytesMax: max(0, limitBytes - written), endsAtLimit: true)
        }
        return UploadRoom(length: nil, bytesMax: nil, endsAtLimit: false)
    }
}

/// How an append stands when its body is at its end.
package enum UploadAppendEnd: Sendable, Equatable {
    case unfinished
    case complete
    /// It said that it was the last, and bytes are missing: what came stays, the upload goes on.
    case shortOfLength(Int64)

    /// `total` bytes are there now, of `length`. `bodyCompletes` is what the request said. Where the length decides
    /// alone (tus) it says nothing; where it does not (the draft) all bytes may be there while the end is still to say.
    package static func of(
        total: Int64, length: Int64?, bodyCompletes: Bool, endsAtLength: Bool
    ) -> UploadAppendEnd {
        if bodyCompletes {
            if let length, total < length { return .shortOfLength(length) }
            return .complete
        }
        return endsAtLength && total == length ? .complete : .unfinished
    }
}
