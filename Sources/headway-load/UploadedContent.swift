import System

/// The bytes that are uploaded, again and again: a file of the disk, or a pattern that is made and repeats itself.
final class UploadedContent {
    /// The pattern: no document, so that a server that looks at its uploads has nothing to work on.
    package static let patternBytes = 1 << 20

    let byteCount: Int64
    /// After so many bytes the file begins again.
    private let periodBytes: Int64
    private let file: OwnedDescriptor

    init(file path: String) throws(SystemError) {
        file = try Files.open(path, .read)
        byteCount = try Files.size(file.raw)
        periodBytes = byteCount
    }

    init(byteCount: Int64) throws(SystemError) {
        file = try FileSending.fileInMemory(holding: Self.pattern)
        self.byteCount = byteCount
        periodBytes = Int64(Self.patternBytes)
    }

    /// Begins with a zero, which no text and no PDF does.
    package static var pattern: [UInt8] { (0..<patternBytes).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) } }

    /// Up to `count` bytes from `offset` into a socket.
    func send(to socket: Int32, from offset: Int64, count: Int) -> Socket.WriteOutcome {
        let place = offset % periodBytes
        return FileSending.send(socket, from: file.raw, at: place, count: min(count, Int(periodBytes - place)))
    }
}
