import Compression
import Core
import Loop
import Synchronization
import Wire

/// One state of one document (or a message of the diagnostics topic), encoded once a form for every watcher, and never
/// changed.
package final class EncodedEvent: Sendable {
    package let document: DocumentID
    package let position: WatchPosition
    package let weight: ChangeWeight
    package let status: DocumentStatus
    package var isTerminal: Bool { status.isTerminal }
    package var jsonCount: Int { jsonRange.count }

    // A WebSocket frame and a line feed behind it: the frame, the line and the JSON are parts of the same memory.
    private let encoded: SharedBytes
    private let jsonRange: Range<Int>
    // Protects the forms that were asked for. A leaf lock: a form is made while it is held, so that it is made once.
    private let forms = Mutex<[EventForm: SharedBytes]>([:])

    package init(
        document: DocumentID, position: WatchPosition, weight: ChangeWeight, status: DocumentStatus, json: [UInt8]
    ) {
        self.document = document
        self.position = position
        self.weight = weight
        self.status = status
        let header = WebSocketFrame.header(opcode: .text, payloadCount: json.count)
        encoded = SharedBytes(joining: [header, json, [UInt8(ascii: "\n")]])
        jsonRange = header.count..<header.count + json.count
    }

    /// A message of the diagnostics topic: nobody's document, and none of them stands for another.
    package convenience init(message: [UInt8], offset: Int64) {
        self.init(
            document: .nobody, position: WatchPosition(epoch: "diagnostics", offset: offset), weight: .step,
            status: .processing, json: message)
    }

    /// The JSON object alone, copied.
    package var json: [UInt8] { withExtendedLifetime(self) { Array(encoded.buffer[jsonRange]) } }

    /// The validator of this state: `"<epoch>-<offset>"`.
    package var entityTag: String { "\"\(position)\"" }

    /// The event as `form` has it, made once. On any loop, with that loop's compressors.
    package func bytes(_ form: EventForm, _ compressors: LoopCompressors) -> SharedBytes {
        forms.withLock { forms in
            if let known = forms[form] { return known }
            let made = make(form, compressors)
            forms[form] = made
            return made
        }
    }

    private func make(_ form: EventForm, _ compressors: LoopCompressors) -> SharedBytes {
        switch form {
        case .webSocket: return SharedBytes(0..<jsonRange.upperBound, of: encoded)
        case .deflatedWebSocket(let windowBits):
            let compressor = compressors[windowBits]
            guard jsonCount >= compressor.bytesMin else { return SharedBytes(0..<jsonRange.upperBound, of: encoded) }
            var compressed: [UInt8] = []
            compressor.deflate(json.span, into: &compressed)
            return SharedBytes(WebSocketFrame.compressedText(compressed))
        case .line(isChunked: false): return SharedBytes(jsonRange.lowerBound..<jsonRange.upperBound + 1, of: encoded)
        case .line(isChunked: true): return Self.chunk(json + [UInt8(ascii: "\n")])
        case .serverSentEvent(isChunked: false):
            return SharedBytes(ServerSentEvents.event(id: position.description, data: json))
        case .serverSentEvent(isChunked: true):
            return Self.chunk(ServerSentEvents.event(id: position.description, data: json))
        }
    }

    /// The same bytes as one chunk of an HTTP/1.1 body.
    package static func chunk(_ bytes: [UInt8]) -> SharedBytes {
        SharedBytes(joining: [ChunkedEncoding.prefix(byteCount: bytes.count), bytes, ChunkedEncoding.suffix])
    }

    /// The state with one more member behind its own.
    package func json(adding name: String, _ value: [UInt8]) -> [UInt8] {
        var bytes = json
        bytes.removeLast()
        bytes.append(contentsOf: ",\"\(name)\":".utf8)
        bytes.append(contentsOf: value)
        bytes.append(UInt8(ascii: "}"))
        return bytes
    }
}

extension WatchStart<EncodedEvent> {
    package var newest: EncodedEvent { events[events.count - 1] }

    /// The first event as the watch's first message, which says whether something was missed; nil for a watch that
    /// resumes nothing.
    package var firstJSON: [UInt8]? {
        recovered.map { events[0].json(adding: "recovered", Array(($0 ? "true" : "false").utf8)) }
    }
}
