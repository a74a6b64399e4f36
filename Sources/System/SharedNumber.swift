import CLinux

/// A number in memory that two processes share: one tells it, the other looks whenever it likes, and most of all when
/// the first has died. It is a file in memory and read as one, and its size is sealed: whatever the other does to it,
/// only the number suffers.
package struct SharedNumber: ~Copyable {
    private let file: OwnedDescriptor
    package var raw: Int32 { file.raw }

    /// A new one: 0.
    package init() throws(SystemError) {
        let file = try FileSending.fileInMemory(holding: Array(repeating: 0, count: 8))
        // Or it were memory without a limit for who is held to one.
        _ = try check("fcntl(F_ADD_SEALS)") { hw_seal_size(file.raw) }
        self.file = file
    }

    /// That which another process has given.
    package init(_ file: consuming OwnedDescriptor) { self.file = file }

    /// Half a microsecond. What cannot be told is not; nobody's work depends on it.
    package func tell(_ value: Int64) {
        withUnsafeBytes(of: value.littleEndian) { try? Files.write(raw, $0, at: 0) }
    }

    /// The number that was told last; nil where the file holds none any more.
    package var value: Int64? {
        var value: Int64 = 0
        let count = withUnsafeMutableBytes(of: &value) { try? Files.read(raw, at: 0, into: $0) }
        return count == 8 ? Int64(littleEndian: value) : nil
    }
}
