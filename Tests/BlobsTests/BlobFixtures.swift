import Core
import Crypto
import Glibc
import Loop
import LoopTesting
import System
import Testing

@testable import Blobs

/// A store in a directory of its own, a loop to use it on, and the ends of sinks as plain functions that wait.
final class BlobFixture: Sendable {
    let thread: LoopThread
    let store: BlobStore
    let path: String
    private let diskThreads: Int
    /// Touched on the loop.
    let buffers = OnLoop(UploadBuffers())

    init(diskThreads: Int = 4) throws {
        var template = Array("/tmp/headway-blobs-XXXXXX".utf8CString)
        path = String(cString: try #require(mkdtemp(&template)))
        thread = try LoopThread()
        self.diskThreads = diskThreads
        store = try BlobStore(directory: path, disk: DiskThreads(count: diskThreads))
    }

    deinit { Self.remove(path) }

    private static func remove(_ path: String) {
        if unlink(path) == 0 { return }
        for name in (try? Files.names(in: path)) ?? [] { remove(path + "/" + name) }
        rmdir(path)
    }

    /// Waits for what `body`, on the loop, will answer.
    func wait<Value: Sendable>(_ body: @escaping @Sendable (@escaping @Sendable (Value) -> Void) -> Void) throws
        -> Value
    {
        let answers = thread.queue(of: Value.self)
        thread.loop.post { body { answers.put($0) } }
        return try #require(answers.takeFirst())
    }

    func sink(
        _ id: DocumentID = .first, token: Int64 = 7, startBytes: Int64 = 0, isHashed: Bool = true,
        mayBeTakenBack: Bool = false
    ) throws -> ContentSink {
        try thread.on { [self] in
            ContentSink(
                store: store, document: id, token: token, startBytes: startBytes, isNameDurable: startBytes > 0,
                isHashed: isHashed, mayBeTakenBack: mayBeTakenBack, buffers: buffers.value, loop: thread.loop)
        }
    }

    /// Gives all of it as a connection does: pieces, and no further while the sink is congested.
    func give(_ bytes: [UInt8], to sink: ContentSink, pieceBytes: Int = 100_000) throws {
        let ended = thread.queue(of: Bool.self)
        try thread.on {
            let rest = OnLoop(bytes[...])
            let isOver = OnLoop(false)
            @Sendable func go() {
                while !rest.value.isEmpty && !sink.isCongested {
                    let piece = Array(rest.value.prefix(pieceBytes))
                    rest.value = rest.value.dropFirst(pieceBytes)
                    sink.write(piece.span)
                }
                guard rest.value.isEmpty, !isOver.value else { return }
                isOver.value = true
                ended.put(true)
            }
            sink.drained = { go() }
            go()
        }
        try #require(ended.takeFirst() == true)
    }

    func pause(_ sink: ContentSink) throws -> Int64 { try wait { answer in sink.pause { answer($0) } } }

    func finish(_ sink: ContentSink) throws -> ContentReceipt {
        try wait { answer in sink.finish { answer($0) } as Void }.get()
    }

    var takenCount: Int { get throws { try thread.on { [self] in buffers.value.takenCount } } }

    /// Waits until the disk has done what was asked of it, and what the loop then asked of it. Every disk thread must
    /// have come to take its part before any may go on: none can still be at work on what was asked before.
    func settle() throws {
        for _ in 0..<3 {
            let (arrivals, departures) = (thread.queue(of: Bool.self), thread.queue(of: Bool.self))
            for _ in 0..<diskThreads {
                store.disk.submit {
                    arrivals.put(true)
                    _ = departures.takeFirst()
                }
            }
            for _ in 0..<diskThreads { try #require(arrivals.takeFirst() == true) }
            for _ in 0..<diskThreads { departures.put(true) }
            try thread.turns()
        }
    }

    func content(_ id: DocumentID = .first, token: Int64 = 7) -> [UInt8]? {
        Files.contents(of: store.contentPath(id, token: token), bytesMax: 64 << 20)
    }

    /// Lets what is written into this content meet a device instead of a file.
    func link(_ id: DocumentID = .first, token: Int64 = 7, to device: String) throws {
        try #require(symlink(device, store.contentPath(id, token: token)) == 0)
    }

    func put(_ bytes: [UInt8], _ id: DocumentID = .first, token: Int64 = 7) throws {
        try write(bytes, to: store.contentPath(id, token: token))
    }

    func write(_ bytes: [UInt8], to path: String) throws {
        let file = try Files.open(path, .createOrTruncate)
        try bytes.withUnsafeBytes { (all: UnsafeRawBufferPointer) throws in
            if all.count > 0 { try Files.write(file.raw, all, at: 0) }
        }
    }
}

extension DocumentID {
    static let first = DocumentID(unixMilliseconds: 1, random: (0, 1))
    static func number(_ number: Int) -> DocumentID { DocumentID(unixMilliseconds: 1, random: (1, UInt64(number))) }
}

/// Bytes that tell where they belong.
func pattern(_ count: Int, from start: Int = 0, version: Int = 0) -> [UInt8] {
    (start..<(start + count)).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8 &+ version &* 97) }
}

func sha256(_ bytes: [UInt8]) -> String { Digest.hexadecimal(Digest.of(bytes.span, .sha256)) }
