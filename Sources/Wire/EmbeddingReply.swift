import JSON

// Theory of operation
//
// The answer of `/v1/embeddings` for 2,048 texts of 3,072 numbers is a text of a hundred megabytes. It is read while it
// arrives: of it only the numbers are kept, four bytes each. What cannot be a right answer any more (more vectors than
// texts, a vector of another length, a number that is none) ends the reading at once.

/// Vectors of one length, one after the other.
package struct EmbeddingVectors: Sendable, Equatable {
    package var dimensions: Int
    /// `count` × `dimensions`.
    package var numbers: [Float]

    package init(dimensions: Int, numbers: [Float]) {
        self.dimensions = dimensions
        self.numbers = numbers
    }

    package var count: Int { dimensions > 0 ? numbers.count / dimensions : 0 }

    package func vector(_ index: Int) -> [Float] { Array(numbers[index * dimensions..<(index + 1) * dimensions]) }
}

/// Why an answer of the service is of no use.
package enum EmbeddingReplyError: Error, Equatable {
    /// No JSON, or one that ends too early: the service, or what stands before it, is not itself just now.
    case unreadable(String)
    /// It is what it says, and not what was asked for; it would be so again.
    case wrong(String)
}

/// Reads the answer of `POST /v1/embeddings` (OpenAI's API reference, "Create embeddings"):
/// `{"data":[{"index":0,"embedding":[…]},…]}`, other members left aside.
///
/// Give it the body in pieces, then take `finish()`. The vectors are in the order of the texts, whatever order they
/// came in.
package struct EmbeddingReply {
    /// The bytes of an answer, at most: `numbersMax` of 30 bytes each.
    package static let bytesMax: Int64 = 256 << 20
    /// The numbers of an answer, at most: 2,048 vectors of 4,096. So its memory is at most 32 MiB.
    package static let numbersMax = 8 << 20
    package static let dimensionsMax = 65_536

    private enum Place: Equatable {
        case outside, top, data, entry, vector, other
    }

    private let textCount: Int
    private let bytesMax: Int64
    private let numbersMax: Int
    /// Nil until the first vector has ended, where nobody said.
    private var dimensions: Int?
    private var scanner = JSONScanner()
    private var places: [Place] = [.outside]
    private var key = ""
    private var numbers: [Float] = []
    private var bytes: Int64 = 0
    private var vectorStart = 0
    private var entry = Entry()
    /// For each text, which vector in `numbers` is its own.
    private var order: [Int?]
    private var vectorCount = 0
    private var hasData = false

    private struct Entry {
        var index: Int?
        var hasVector = false
    }

    /// `textCount` texts were sent, and vectors of `dimensions` numbers are wanted, if that is known.
    package init(
        textCount: Int, dimensions: Int?, bytesMax: Int64 = Self.bytesMax, numbersMax: Int = Self.numbersMax
    ) {
        self.textCount = textCount
        self.bytesMax = bytesMax
        self.numbersMax = numbersMax
        self.dimensions = dimensions
        order = [Int?](repeating: nil, count: textCount)
        // Not more than is needed, nor more than a wrong guess may cost.
        numbers.reserveCapacity(min(textCount * (dimensions ?? 0), numbersMax))
    }

    package mutating func receive(_ piece: Span<UInt8>) throws(EmbeddingReplyError) {
        bytes += Int64(piece.count)
        guard bytes <= bytesMax else { throw .wrong("its answer has more than \(bytesMax) bytes") }
        var wrong: EmbeddingReplyError?
        do throws(JSONError) {
            var scanner = scanner
            defer { self.scanner = scanner }
            try scanner.receive(piece) { (token) throws(JSONError) in
                do throws(EmbeddingReplyError) {
                    try take(token)
                } catch {
                    wrong = error
                    throw JSONError(offset: 0, reason: "")
                }
            }
        } catch {
            throw wrong ?? Self.reading(error)
        }
    }

    /// The text has ended: all vectors, if each text has its own.
    package mutating func finish() throws(EmbeddingReplyError) -> EmbeddingVectors {
        var isBareValue = false
        do throws(JSONError) {
            try scanner.finish { (_) throws(JSONError) in isBareValue = true }
        } catch {
            throw Self.reading(error)
        }
        guard !isBareValue else { throw .wrong("its answer is no object with \"data\"") }
        guard hasData else { throw .wrong("its answer has no list of vectors (\"data\")") }
        guard vectorCount == textCount, let dimensions else {
            throw .wrong("it answered with \(vectorCount) vectors for \(textCount) texts")
        }
        if order.enumerated().allSatisfy({ $0 == $1 }) {
            return EmbeddingVectors(dimensions: dimensions, numbers: numbers)
        }
        var sorted: [Float] = []
        sorted.reserveCapacity(numbers.count)
        for place in order {
            guard let place else { throw .wrong("its answer has no vector for one of the texts") }
            sorted += numbers[place * dimensions..<(place + 1) * dimensions]
        }
        return EmbeddingVectors(dimensions: dimensions, numbers: sorted)
    }

    private static func reading(_ error: JSONError) -> EmbeddingReplyError {
        if error.reason == JSONScanner.notFinite { return .wrong("its answer has a number that is none (NaN)") }
        return .unreadable("its answer is not JSON (\(error.reason), at byte \(error.offset))")
    }

    // MARK: Tokens

    private mutating func take(_ token: JSONScanner.Token) throws(EmbeddingReplyError) {
        switch token {
        case .beginObject, .beginArray:
            try enter(isObject: token == .beginObject)
        case .endObject, .endArray:
            let place = places.removeLast()
            if place == .vector { try endVector() }
            if place == .entry { try endEntry() }
        case .key(let name): key = name
        case .number(let value): try takeNumber(value)
        case .string, .bool, .null: try takeOther(token)
        }
    }

    private mutating func enter(isObject: Bool) throws(EmbeddingReplyError) {
        let place: Place
        switch (places.last ?? .other, isObject) {
        case (.outside, true): place = .top
        case (.outside, false): throw .wrong("its answer is no object with \"data\"")
        case (.top, false) where key == "data":
            guard !hasData else { throw .wrong("its answer has \"data\" twice") }
            hasData = true
            place = .data
        case (.data, true):
            place = .entry
            entry = Entry()
            guard vectorCount < textCount else { throw .wrong("it answered with more than \(textCount) vectors") }
        case (.data, false): throw .wrong("its answer has something else than vectors in \"data\"")
        case (.entry, false) where key == "embedding":
            guard !entry.hasVector else { throw .wrong("its answer has two vectors for one text") }
            place = .vector
            vectorStart = numbers.count
        case (.vector, _): throw .wrong("its answer has a vector with something else than numbers in it")
        default: place = .other
        }
        places.append(place)
    }

    private mutating func takeNumber(_ value: Double) throws(EmbeddingReplyError) {
        switch places.last {
        case .vector?:
            let number = Float(value)
            guard number.isFinite else { throw .wrong("its answer has a number that is too large (\(value))") }
            guard numbers.count < numbersMax else {
                throw .wrong("its answer has more than \(numbersMax) numbers: make --embedding-batch smaller")
            }
            let length = numbers.count - vectorStart
            guard length < dimensions ?? Self.dimensionsMax else { throw wrongLength("more than \(length)") }
            numbers.append(number)
        case .entry? where key == "index":
            guard let index = Int(exactly: value), order.indices.contains(index) else {
                throw .wrong("its answer has the index \(value), and there were \(textCount) texts")
            }
            entry.index = index
        case .data?: throw .wrong("its answer has something else than vectors in \"data\"")
        default: break
        }
    }

    private func takeOther(_ token: JSONScanner.Token) throws(EmbeddingReplyError) {
        switch places.last {
        case .outside?: throw .wrong("its answer is no object with \"data\"")
        case .data?: throw .wrong("its answer has something else than vectors in \"data\"")
        case .vector?:
            let what = token == .null ? "null" : "something else than numbers"
            throw .wrong("its answer has a vector with \(what) in it")
        case .entry? where key == "embedding": throw .wrong("its answer has something else than a vector of numbers")
        default: break
        }
    }

    private mutating func endVector() throws(EmbeddingReplyError) {
        let length = numbers.count - vectorStart
        guard length > 0 else { throw .wrong("its answer has an empty vector") }
        if let dimensions, length != dimensions { throw wrongLength(String(length)) }
        dimensions = length
        entry.hasVector = true
    }

    private mutating func endEntry() throws(EmbeddingReplyError) {
        guard entry.hasVector else { throw .wrong("its answer has an entry without a vector") }
        // Without an index the order is that of the texts.
        let index = entry.index ?? vectorCount
        guard order[index] == nil else { throw .wrong("its answer has two vectors for the text with index \(index)") }
        order[index] = vectorCount
        vectorCount += 1
    }

    private func wrongLength(_ length: String) -> EmbeddingReplyError {
        .wrong(
            "it answered with vectors of \(length) dimensions where \(dimensions ?? Self.dimensionsMax) are expected")
    }
}
