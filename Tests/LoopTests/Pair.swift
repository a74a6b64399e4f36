import Glibc
import System
import Testing

/// A connected pair of stream sockets: one end for the loop, which does not block, and one for the test, which does.
final class Pair: Sendable {
    let descriptor: Int32
    let peer: Peer

    init() throws {
        var ends: [Int32] = [-1, -1]
        try #require(socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0, &ends) == 0)
        try DescriptorIO.setNonBlocking(ends[0], true)
        descriptor = ends[0]
        peer = Peer(ends[1])
    }

    deinit { close(descriptor) }

    /// The loop's end under another number, for somebody who will own it.
    func duplicate() -> Int32? {
        let copy = fcntl(descriptor, F_DUPFD_CLOEXEC, 3)
        return copy < 0 ? nil : copy
    }
}

/// The test's end of a connection: plain blocking calls. It is closed when nobody holds it.
final class Peer: Sendable {
    private let descriptor: Int32

    init(_ descriptor: Int32) { self.descriptor = descriptor }

    deinit { Glibc.close(descriptor) }

    func write(_ bytes: [UInt8]) {
        var sent = 0
        while sent < bytes.count {
            let count = bytes.withUnsafeBytes {
                send(descriptor, $0.baseAddress! + sent, $0.count - sent, Int32(MSG_NOSIGNAL))
            }
            if count <= 0 { return }
            sent += count
        }
    }

    /// Up to `count` bytes; fewer only when the other side has ended.
    func read(_ count: Int) -> [UInt8] {
        var bytes: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: min(count, 64 * 1024))
        while bytes.count < count {
            let got = Glibc.read(descriptor, &piece, min(piece.count, count - bytes.count))
            if got <= 0 { break }
            bytes += piece[..<got]
        }
        return bytes
    }

    func readToEnd() -> [UInt8] { read(.max) }

    /// What one read gives: a whole message where the socket keeps their bounds.
    func readOnce() -> [UInt8] {
        var piece = [UInt8](repeating: 0, count: 64 * 1024)
        let got = Glibc.read(descriptor, &piece, piece.count)
        return Array(piece[..<max(0, got)])
    }

    /// Sends no more, and still reads.
    func endWriting() { _ = shutdown(descriptor, Int32(SHUT_WR)) }

    /// Neither sends nor reads any more.
    func endBoth() { _ = shutdown(descriptor, Int32(SHUT_RDWR)) }
}
