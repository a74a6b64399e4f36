/// One buffer a loop in which a stream gathers what it answers while it is being read from, so that an answer costs one
/// send and no memory of its own. At most one stream at a time holds it.
final class CorkBuffer {
    static let bytesMax = 64 * 1024

    private let memory: UnsafeMutableRawBufferPointer
    private(set) var count = 0

    init() { memory = .allocate(byteCount: Self.bytesMax, alignment: 64) }

    deinit { memory.deallocate() }

    var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: memory[..<count]) }

    /// False, and nothing taken, when there is not enough room.
    func append(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard bytes.count <= memory.count - count else { return false }
        UnsafeMutableRawBufferPointer(rebasing: memory[count..<count + bytes.count]).copyMemory(from: bytes)
        count += bytes.count
        return true
    }

    func removeAll() { count = 0 }
}
