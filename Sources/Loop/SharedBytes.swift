/// Bytes that never change and may wait in many streams at once: an event encoded once, sent to every watcher.
package final class SharedBytes: @unchecked Sendable {
    package let buffer: UnsafeRawBufferPointer
    package var count: Int { buffer.count }

    package init(_ bytes: [UInt8]) {
        let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: 1)
        memory.copyBytes(from: bytes)
        buffer = UnsafeRawBufferPointer(memory)
    }

    deinit { buffer.deallocate() }
}
