import CLinux
import Glibc

extension DescriptorPair {
    /// socketpair(2): a stream of bytes both ways. Both ends are closed on exec.
    package static func streamSocket() throws(SystemError) -> DescriptorPair {
        var ends: [2 of Int32] = [-1, -1]
        var span = ends.mutableSpan
        let kind = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
        let result = span.withUnsafeMutableBufferPointer { socketpair(AF_UNIX, kind, 0, $0.baseAddress!) }
        guard result == 0 else { throw SystemError("socketpair") }
        return DescriptorPair(first: OwnedDescriptor(owning: span[0]), second: OwnedDescriptor(owning: span[1]))
    }
}

extension DescriptorIO {
    /// send(2) without waiting: how many of the bytes the socket took, 0 when it takes none now.
    package static func send(_ socket: Int32, _ bytes: ArraySlice<UInt8>) throws(SystemError) -> Int {
        let count = bytes.withUnsafeBytes { bytes in
            let flags = Int32(MSG_NOSIGNAL | MSG_DONTWAIT)
            var sent: Int
            repeat { sent = Glibc.send(socket, bytes.baseAddress, bytes.count, flags) } while sent < 0 && errno == EINTR
            return sent
        }
        if count >= 0 { return count }
        if errno == EAGAIN { return 0 }
        throw SystemError("send")
    }
}
