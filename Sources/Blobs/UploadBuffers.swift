/// Bytes of an upload on their way from a loop to the disk. Filled on the loop, then read by disk threads, and never
/// both.
package final class UploadBuffer: @unchecked Sendable {
    private let memory: UnsafeMutableRawBufferPointer
    package fileprivate(set) var count = 0
    /// Where in the file they belong.
    var offset: Int64 = 0
    /// Threads that still read it: a writer and a hasher. On the loop.
    var readers = 0

    fileprivate init(byteCount: Int) { memory = .allocate(byteCount: byteCount, alignment: 4096) }

    deinit { memory.deallocate() }

    var room: Int { memory.count - count }
    var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: memory[..<count]) }

    func append(_ bytes: UnsafeRawBufferPointer) {
        precondition(bytes.count <= room, "the sink gives no more than there is room for")
        UnsafeMutableRawBufferPointer(rebasing: memory[count...]).copyMemory(from: bytes)
        count += bytes.count
    }
}

/// The memory that all uploads of one loop share: at most `countMax` buffers, however many uploads there are. An upload
/// that finds none free reads its socket no further until its turn comes; the turns go round. Used on one loop.
package final class UploadBuffers {
    package static let bufferBytes = 256 * 1024
    /// 2 MiB a loop.
    package static let countMax = 8

    private var free: [UploadBuffer] = []
    private(set) var takenCount = 0
    private var waiting: [() -> Void] = []

    package init() {}

    package var isExhausted: Bool { takenCount >= Self.countMax }

    /// A free one, or one beyond the bound: bytes that were read from a socket must go somewhere. Whoever asks while
    /// `isExhausted` stops reading at once, so there is at most one such a connection.
    func take() -> UploadBuffer {
        takenCount += 1
        return free.popLast() ?? UploadBuffer(byteCount: Self.bufferBytes)
    }

    func give(_ buffer: UploadBuffer) {
        takenCount -= 1
        buffer.count = 0
        if free.count < Self.countMax { free.append(buffer) }
        // Each of them may take more than one, so only as many are called as there is room for.
        while !isExhausted && !waiting.isEmpty { waiting.removeFirst()() }
    }

    /// Calls once a buffer is free, in the order of asking.
    func wait(_ body: @escaping () -> Void) { waiting.append(body) }
}
