import System
import Wire

/// The text that a worker reads: one source, or several one behind the other, each handed over while it may still
/// grow. The first is a pipe or a file that is whole; a later one is a file to which an extractor still writes, until
/// the supervisor says that it is whole.
struct TextSources: ~Copyable {
    enum Piece {
        /// So many bytes are in the buffer, of the source of this number.
        case bytes(Int, source: Int)
        case end
    }

    /// The supervisor is gone, or says what makes no sense.
    struct Orphaned: Error {}

    static let growthWaitMilliseconds: Int32 = 10

    private let run: Int64
    private let socket: Int32
    private let count: Int
    private var current: Source
    private var index = 0
    private var waiting: [Int32] = []
    private var endedIndexes: Set<Int> = [0]
    private(set) var isStopped = false
    /// What was recognized on pages without text, as it came.
    private var recognized: [(page: Int64, text: [UInt8])] = []

    private struct Source: ~Copyable {
        let descriptor: OwnedDescriptor
    }

    init(_ assignment: WorkerAssignment, socket: Int32, first: consuming OwnedDescriptor) {
        run = assignment.run
        self.socket = socket
        count = assignment.sourceCount
        current = Source(descriptor: first)
    }

    deinit { for raw in waiting { _ = OwnedDescriptor(owning: raw) } }

    /// What is read next, for who reads it otherwise.
    var descriptor: Int32 { current.descriptor.raw }

    /// The next bytes; waits until there are some, or something was recognized: then there may be none.
    mutating func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Piece {
        while true {
            // Asked before reading: what was written before the source ended is then surely found.
            let isWhole = endedIndexes.contains(index) || isStopped
            switch try DescriptorIO.read(current.descriptor.raw, into: buffer) {
            case .bytes(let byteCount): return .bytes(byteCount, source: index)
            case .wouldBlock: preconditionFailure("a worker's source blocks")
            case .end where !isWhole:
                if try DescriptorIO.waitToRead(socket, milliseconds: Self.growthWaitMilliseconds) { try takeOrder() }
                if !recognized.isEmpty { return .bytes(0, source: index) }
            case .end:
                guard index + 1 < count, !isStopped else { return .end }
                while waiting.isEmpty && !isStopped { try takeOrder() }
                guard !waiting.isEmpty else { return .end }
                current = Source(descriptor: OwnedDescriptor(owning: waiting.removeFirst()))
                index += 1
            }
        }
    }

    /// What was recognized since; waits for it, where there is nothing yet.
    mutating func takeRecognized(waitingMilliseconds: Int64) throws -> [(page: Int64, text: [UInt8])] {
        var wait = recognized.isEmpty && !isStopped ? Int32(waitingMilliseconds) : 0
        while try DescriptorIO.waitToRead(socket, milliseconds: wait) {
            try takeOrder()
            wait = 0
        }
        defer { recognized = [] }
        return recognized
    }

    private mutating func takeOrder() throws {
        guard let message = try MessageSocket.receive(socket) else { throw Orphaned() }
        switch (WorkerOrder(decoding: message.bytes), message.descriptors.count) {
        case (.source(run), 1): waiting.append(message.descriptors[0])
        case (.sourceEnded(run, let index), 0): endedIndexes.insert(index)
        case (.recognized(run, let page), 0): recognized.append((page, []))
        case (.recognized(run, let page), 1):
            let file = OwnedDescriptor(owning: message.descriptors[0])
            recognized.append((page, try Files.read(file.raw, at: 0, byteCount: Int(Files.size(file.raw)))))
        case (.stop(run), 0): isStopped = true
        default: throw Orphaned()
        }
    }
}
