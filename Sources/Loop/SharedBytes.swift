/// Bytes that never change and may wait in many streams at once: an event encoded once, sent to every watcher.
package final class SharedBytes: @unchecked Sendable {
    /// Valid while this object is: whoever uses it holds the object until he is done.
    package let buffer: UnsafeRawBufferPointer
    /// Whose memory this is a part of; nil for memory of its own.
    private let whole: SharedBytes?
    package var count: Int { buffer.count }
    package var copy: [UInt8] { withExtendedLifetime(self) { Array(buffer) } }

    package convenience init(_ bytes: [UInt8]) {
        self.init(joining: CollectionOfOne(bytes))
    }

    /// All of `parts`, one behind the other.
    package init(joining parts: some Sequence<[UInt8]>) {
        let byteCount = parts.reduce(0) { $0 + $1.count }
        let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: byteCount, alignment: 1)
        var position = 0
        for part in parts {
            UnsafeMutableRawBufferPointer(rebasing: memory[position...]).copyBytes(from: part)
            position += part.count
        }
        buffer = UnsafeRawBufferPointer(memory)
        whole = nil
    }

    /// All of `parts`, one behind the other.
    package init(joining parts: [SharedBytes]) {
        let byteCount = parts.reduce(0) { $0 + $1.count }
        let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: byteCount, alignment: 1)
        var position = 0
        for part in parts {
            UnsafeMutableRawBufferPointer(rebasing: memory[position...]).copyMemory(from: part.buffer)
            position += part.count
        }
        buffer = UnsafeRawBufferPointer(memory)
        whole = nil
    }

    /// A part of other shared bytes; nothing is copied.
    package init(_ range: Range<Int>, of whole: SharedBytes) {
        buffer = UnsafeRawBufferPointer(rebasing: whole.buffer[range])
        self.whole = whole
    }

    deinit { if whole == nil { buffer.deallocate() } }
}
