import CLinux
import Glibc

/// The only owner of a descriptor. It is closed when this value ends; `release` hands it on instead.
package struct OwnedDescriptor: ~Copyable {
    package let raw: Int32

    package init(owning raw: Int32) {
        precondition(raw >= 0, "only an open descriptor can be owned")
        self.raw = raw
    }

    deinit {
        // close(2): the descriptor is gone even when EINTR is reported, so it is never tried again.
        _ = close(raw)
    }

    package consuming func release() -> Int32 {
        let raw = raw
        discard self
        return raw
    }

    package func duplicate() throws(SystemError) -> OwnedDescriptor {
        OwnedDescriptor(owning: try check("fcntl(F_DUPFD_CLOEXEC)") { fcntl(raw, F_DUPFD_CLOEXEC, 3) })
    }
}

/// Both ends of a pipe or of a socket pair.
package struct DescriptorPair: ~Copyable {
    package var first: OwnedDescriptor
    package var second: OwnedDescriptor

    /// The first end alone; the second is closed.
    package consuming func takeFirst() -> OwnedDescriptor { first }
    /// Keeps the second alone; the first is closed.
    package consuming func takeSecond() -> OwnedDescriptor { second }

    /// pipe2(2): bytes written to `second` are read from `first`. Both are closed on exec.
    package static func pipe() throws(SystemError) -> DescriptorPair {
        var ends: [2 of Int32] = [-1, -1]
        var span = ends.mutableSpan
        let result = span.withUnsafeMutableBufferPointer { hw_pipe($0.baseAddress!) }
        guard result == 0 else { throw SystemError("pipe2") }
        return DescriptorPair(first: OwnedDescriptor(owning: span[0]), second: OwnedDescriptor(owning: span[1]))
    }

    /// socketpair(2) that keeps message boundaries and can carry descriptors.
    package static func messageSocket() throws(SystemError) -> DescriptorPair {
        var ends: [2 of Int32] = [-1, -1]
        var span = ends.mutableSpan
        let kind = Int32(SOCK_SEQPACKET.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
        let result = span.withUnsafeMutableBufferPointer { socketpair(AF_UNIX, kind, 0, $0.baseAddress!) }
        guard result == 0 else { throw SystemError("socketpair") }
        return DescriptorPair(first: OwnedDescriptor(owning: span[0]), second: OwnedDescriptor(owning: span[1]))
    }
}

/// What a read on a descriptor that does not block gave.
package enum ReadOutcome: Equatable {
    case bytes(Int)
    case wouldBlock
    case end
}

/// read(2), write(2) and fcntl(2) on descriptors that somebody else owns.
package enum DescriptorIO {
    package static func setNonBlocking(_ descriptor: Int32, _ on: Bool) throws(SystemError) {
        let flags = try check("fcntl(F_GETFL)") { fcntl(descriptor, F_GETFL) }
        _ = try check("fcntl(F_SETFL)") { fcntl(descriptor, F_SETFL, on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK) }
    }

    package static func read(
        _ descriptor: Int32, into buffer: UnsafeMutableRawBufferPointer
    ) throws(SystemError) -> ReadOutcome {
        while true {
            let count = Glibc.read(descriptor, buffer.baseAddress!, buffer.count)
            if count > 0 { return .bytes(count) }
            if count == 0 { return .end }
            switch errno {
            case EINTR: continue
            case EAGAIN: return .wouldBlock
            default: throw SystemError("read")
            }
        }
    }

    /// poll(2): whether there is something to read, or an end, within that time.
    package static func waitToRead(_ descriptor: Int32, milliseconds: Int32) throws(SystemError) -> Bool {
        var request = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        return try check("poll") { poll(&request, 1, milliseconds) } > 0
    }

    /// Writes all of `bytes`, blocking as long as it takes. For files and the worker's pipes, never on a loop.
    package static func writeAll(_ descriptor: Int32, _ bytes: UnsafeRawBufferPointer) throws(SystemError) {
        var rest = bytes
        while let base = rest.baseAddress, rest.count > 0 {
            let count = try check("write") { Glibc.write(descriptor, base, rest.count) }
            rest = UnsafeRawBufferPointer(rebasing: rest[count...])
        }
    }

    package static func writeAll(_ descriptor: Int32, _ bytes: [UInt8]) throws(SystemError) {
        try unsafeBytes(of: bytes) { (buffer) throws(SystemError) in try writeAll(descriptor, buffer) }
    }
}

/// `withUnsafeBytes` that keeps the type of what its body throws.
package func unsafeBytes<Result>(
    of bytes: [UInt8], _ body: (UnsafeRawBufferPointer) throws(SystemError) -> Result
) throws(SystemError) -> Result {
    try bytes.withUnsafeBufferPointer { (buffer) throws(SystemError) in try body(UnsafeRawBufferPointer(buffer)) }
}
