import CLinux
import Glibc

/// A file's bytes that go into a socket without a copy through this process.
package enum FileSending {
    /// sendfile(2): up to `count` bytes from `offset`. A peer that is gone raises SIGPIPE here, as there is no flag
    /// against it: call `SignalSource.ignoreBrokenPipes` before.
    package static func send(
        _ socket: Int32, from file: Int32, at offset: Int64, count: Int
    ) -> Socket.WriteOutcome {
        var position = off_t(offset)
        while true {
            let sent = sendfile(socket, file, &position, count)
            // Nothing is left of a file that became shorter; the peer will wait for the rest in vain.
            if sent > 0 { return .bytes(sent) }
            if sent == 0 { return .closed }
            switch errno {
            case EINTR: continue
            case EAGAIN: return .wouldBlock
            default: return .closed
            }
        }
    }

    /// memfd_create(2): a file in memory alone that holds `bytes`; it is gone when the last descriptor is closed.
    package static func fileInMemory(holding bytes: [UInt8]) throws(SystemError) -> OwnedDescriptor {
        let file = OwnedDescriptor(owning: try check("memfd_create") { hw_memory_file("content") })
        try DescriptorIO.writeAll(file.raw, bytes)
        return file
    }

    /// The same, and nobody changes it any more: for another process, which would else have memory without a limit.
    package static func sealedFileInMemory(holding bytes: [UInt8]) throws(SystemError) -> OwnedDescriptor {
        let file = try fileInMemory(holding: bytes)
        _ = try check("fcntl(F_ADD_SEALS)") { hw_seal(file.raw) }
        return file
    }
}
