import JSON

// Theory of operation
//
// For each run of a document, worker and embedding process share a stream socket of their own. The worker sends texts
// in batches, several of which may be under way; for each it gets back one frame, in whatever order: the vectors, or
// why there are none. A frame is a head of twelve bytes and a payload. Both sides are of one build, but the worker
// works on documents that may be hostile: what does not read as a frame of texts ends that run's socket and nothing
// else.

/// One frame between a worker and `headway embed`.
package enum EmbeddingFrame: Sendable, Equatable {
    case texts(batch: UInt32, [String])
    case vectors(batch: UInt32, EmbeddingVectors)
    case failure(batch: UInt32, EmbeddingFailure)

    /// Texts of a batch, all together.
    package static let textsBytesMax = 16 << 20
    /// The payload of vectors: `EmbeddingReply.numbersMax` of four bytes, and their length.
    package static let payloadBytesMax = 4 * EmbeddingReply.numbersMax + 4
    package static let headBytes = 12

    private enum Kind: UInt8 {
        case texts = 1
        case vectors = 2
        case failure = 3
    }

    /// Head: payload's length (32 bits, little endian), kind, three zeros, number of the batch (32 bits). Payload of
    /// texts: for each its length (32 bits) and its UTF-8; of vectors: their dimensions (32 bits), then IEEE 754
    /// numbers of 32 bits; of a failure: JSON.
    package var encoded: [UInt8] {
        var bytes: [UInt8] = []
        switch self {
        case .texts(let batch, let texts):
            bytes.reserveCapacity(Self.headBytes + texts.reduce(0) { $0 + 4 + $1.utf8.count })
            Self.beginHead(.texts, batch, &bytes)
            for text in texts {
                Self.append(UInt32(text.utf8.count), to: &bytes)
                bytes += text.utf8
            }
        case .vectors(let batch, let vectors):
            bytes.reserveCapacity(Self.headBytes + 4 + 4 * vectors.numbers.count)
            Self.beginHead(.vectors, batch, &bytes)
            Self.append(UInt32(vectors.dimensions), to: &bytes)
            for number in vectors.numbers { Self.append(number.bitPattern, to: &bytes) }
        case .failure(let batch, let failure):
            Self.beginHead(.failure, batch, &bytes)
            bytes += failure.encoded
        }
        let length = UInt32(bytes.count - Self.headBytes)
        for index in 0..<4 { bytes[index] = UInt8(truncatingIfNeeded: length >> (8 * UInt32(index))) }
        return bytes
    }

    private static func beginHead(_ kind: Kind, _ batch: UInt32, _ bytes: inout [UInt8]) {
        append(0, to: &bytes)
        bytes += [kind.rawValue, 0, 0, 0]
        append(batch, to: &bytes)
    }

    private static func append(_ value: UInt32, to bytes: inout [UInt8]) {
        for shift: UInt32 in [0, 8, 16, 24] { bytes.append(UInt8(truncatingIfNeeded: value >> shift)) }
    }

    /// Nil where the payload is not what its kind has.
    fileprivate init?(kind: UInt8, batch: UInt32, payload: ArraySlice<UInt8>) {
        switch Kind(rawValue: kind) {
        case .texts?:
            var texts: [String] = []
            var rest = payload
            while !rest.isEmpty {
                guard let length = Self.takeInteger(&rest), rest.count >= Int(length),
                    let text = String(validating: rest.prefix(Int(length)), as: UTF8.self)
                else { return nil }
                texts.append(text)
                rest = rest.dropFirst(Int(length))
            }
            guard !texts.isEmpty else { return nil }
            self = .texts(batch: batch, texts)
        case .vectors?:
            var rest = payload
            guard let dimensions = Self.takeInteger(&rest), dimensions > 0, rest.count % (4 * Int(dimensions)) == 0
            else { return nil }
            var numbers: [Float] = []
            numbers.reserveCapacity(rest.count / 4)
            for start in stride(from: rest.startIndex, to: rest.endIndex, by: 4) {
                numbers.append(Float(bitPattern: Self.integer(rest, at: start)))
            }
            self = .vectors(batch: batch, EmbeddingVectors(dimensions: Int(dimensions), numbers: numbers))
        case .failure?:
            guard let failure = EmbeddingFailure(decoding: Array(payload)) else { return nil }
            self = .failure(batch: batch, failure)
        case nil: return nil
        }
    }

    private static func takeInteger(_ bytes: inout ArraySlice<UInt8>) -> UInt32? {
        guard bytes.count >= 4 else { return nil }
        defer { bytes = bytes.dropFirst(4) }
        return integer(bytes, at: bytes.startIndex)
    }

    fileprivate static func integer(_ bytes: ArraySlice<UInt8>, at start: Int) -> UInt32 {
        (0..<4).reduce(0) { $0 | UInt32(bytes[start + $1]) << (8 * UInt32($1)) }
    }
}

/// Cuts a stream into frames. Give it bytes, then take frames until there is none.
package struct EmbeddingFrameDecoder {
    package struct Malformed: Error, Equatable {
        package init() {}
    }

    private let payloadBytesMax: Int
    private var bytes: [UInt8] = []
    private var start = 0

    package init(payloadBytesMax: Int) { self.payloadBytesMax = payloadBytesMax }

    package mutating func receive(_ piece: UnsafeRawBufferPointer) {
        if start > 0 {
            unsafe bytes.removeFirst(start)
            start = 0
        }
        unsafe bytes.append(contentsOf: piece)
    }

    package mutating func nextFrame() throws(Malformed) -> EmbeddingFrame? {
        guard bytes.count - start >= EmbeddingFrame.headBytes else { return nil }
        let length = Int(EmbeddingFrame.integer(bytes[...], at: start))
        guard length <= payloadBytesMax else { throw Malformed() }
        let end = start + EmbeddingFrame.headBytes + length
        guard bytes.count >= end else {
            bytes.reserveCapacity(end - start)
            return nil
        }
        let payload = bytes[start + EmbeddingFrame.headBytes..<end]
        let batch = EmbeddingFrame.integer(bytes[...], at: start + 8)
        guard let frame = EmbeddingFrame(kind: bytes[start + 4], batch: batch, payload: payload) else {
            throw Malformed()
        }
        start = end
        if start == bytes.count {
            // A large frame's room is not kept for the small ones after it.
            bytes = []
            start = 0
        }
        return frame
    }
}

/// Why a batch has no vectors, as a worker hears it.
package struct EmbeddingFailure: Error, Sendable, Equatable {
    package enum Kind: String, Sendable, CaseIterable {
        /// Codes of a document's error.
        case refused = "embedding_refused"
        case unusable = "embedding_unusable"
        case failed = "embedding_failed"
        /// The service is not to be called now: the document waits, and nothing is wrong with it.
        case waits = "embedding_waits"
    }

    package var kind: Kind
    /// A sentence; of `waits`, what completes "Waiting for the embedding service: …".
    package var detail: String
    /// Of `waits`: from now on, when the next try may be.
    package var retryMilliseconds: Int64

    package init(_ kind: Kind, _ detail: String, retryMilliseconds: Int64 = 0) {
        self.kind = kind
        self.detail = detail
        self.retryMilliseconds = retryMilliseconds
    }

    package var encoded: [UInt8] {
        var writer = JSONWriter()
        writer.beginObject()
        writer.key("code"); writer.string(kind.rawValue)
        writer.key("detail"); writer.string(detail)
        writer.key("retry_milliseconds"); writer.integer(retryMilliseconds)
        writer.endObject()
        return writer.bytes
    }

    package init?(decoding bytes: [UInt8]) {
        guard let value = try? JSONValue.parse(bytes), let code = value["code"]?.stringValue,
            let kind = Kind(rawValue: code), let detail = value["detail"]?.stringValue,
            let retry = value["retry_milliseconds"]?.integerValue
        else { return nil }
        self.init(kind, detail, retryMilliseconds: retry)
    }
}
