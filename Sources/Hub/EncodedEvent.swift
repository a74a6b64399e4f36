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

    /// The JSON object alone.
    package var json: UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: encoded.buffer[jsonRange]) }

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
            json.withMemoryRebound(to: UInt8.self) { compressor.deflate(Span(_unsafeElements: $0), into: &compressed) }
            return SharedBytes(WebSocketFrame.compressedText(compressed))
        case .line(isChunked: false): return SharedBytes(jsonRange.lowerBound..<jsonRange.upperBound + 1, of: encoded)
        case .line(isChunked: true): return Self.chunk(Array(json) + [UInt8(ascii: "\n")])
        case .serverSentEvent(isChunked: false):
            return SharedBytes(ServerSentEvents.event(id: position.description, data: Array(json)))
        case .serverSentEvent(isChunked: true):
            return Self.chunk(ServerSentEvents.event(id: position.description, data: Array(json)))
        }
    }

    /// The same bytes as one chunk of an HTTP/1.1 body.
    package static func chunk(_ bytes: [UInt8]) -> SharedBytes {
        SharedBytes(joining: [ChunkedEncoding.prefix(byteCount: bytes.count), bytes, ChunkedEncoding.suffix])
    }
}
