import Synchronization

/// Memory that a disk thread reads a socket into, and that the digest is made from.
final class IntakeBuffer: @unchecked Sendable {
    static let byteCount = 512 * 1024

    let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: byteCount, alignment: 4096)
    /// Filled so far.
    var count = 0
    /// Where in the file the bytes belong.
    var offset: Int64 = 0

    deinit { memory.deallocate() }

    var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: memory[..<count]) }

    func append(_ bytes: [UInt8]) {
        precondition(bytes.count <= memory.count - count, "no more is put into a buffer than there is room for")
        bytes.withUnsafeBytes { UnsafeMutableRawBufferPointer(rebasing: memory[count...]).copyMemory(from: $0) }
        count += bytes.count
    }
}

/// The buffers of all uploads that disk threads read: `countMax` of them, 3 MiB, however many uploads there are. An
/// upload holds none between its turns. When all are filled and wait for their digests, no socket is read: that is how
/// the digests hold up a sender that is faster than they are.
final class IntakeBuffers: Sendable {
    static let countMax = 6

    private struct State {
        var free: [IntakeBuffer] = []
        var madeCount = 0
        var waiting: [@Sendable () -> Void] = []
    }

    // A leaf lock: nothing is called while it is held.
    private let state = Mutex(State())

    func take() -> IntakeBuffer? {
        state.withLock { state in
            if let buffer = state.free.popLast() { return buffer }
            guard state.madeCount < Self.countMax else { return nil }
            state.madeCount += 1
            return IntakeBuffer()
        }
    }

    func give(_ buffer: IntakeBuffer) {
        buffer.count = 0
        state.withLock { $0.free.append(buffer) }
        callNext()
    }

    /// Calls whoever has waited longest. Each call leads to a `give` or to another call: else those behind it, who may
    /// be the only ones that still want a buffer, would never be called.
    func callNext() {
        let next = state.withLock { $0.waiting.isEmpty ? nil : $0.waiting.removeFirst() }
        next?()
    }

    /// Calls, from any thread, once a buffer may be free; in the order of asking.
    func wait(_ body: @escaping @Sendable () -> Void) {
        let isFree = state.withLock { state in
            if !state.free.isEmpty || state.madeCount < Self.countMax { return true }
            state.waiting.append(body)
            return false
        }
        if isFree { body() }
    }
}
