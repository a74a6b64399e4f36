import Glibc
import Testing

@testable import System

@Suite("Listening sockets")
struct SocketTests {
    static let anyPort = SocketAddress(host: "127.0.0.1", port: 0)

    @Test("a port of its own is chosen for port 0, and a second listener is told that it is in use")
    func inUse() throws {
        let first = try Socket.listen(on: Self.anyPort, sharesPort: false)
        let address = try Socket.localAddress(of: first.raw)
        #expect(address.host == "127.0.0.1")
        #expect(address.port != 0)
        let error = #expect(throws: SystemError.self) {
            try Socket.listen(on: address, sharesPort: false).release()
        }
        #expect(error?.isAddressInUse == true)
        #expect(error?.description == "bind(\(address)): Address already in use")
    }

    @Test("listeners that share a port may be several")
    func shared() throws {
        let first = try Socket.listen(on: Self.anyPort, sharesPort: true)
        let address = try Socket.localAddress(of: first.raw)
        let second = try Socket.listen(on: address, sharesPort: true)
        #expect(try Socket.localAddress(of: second.raw) == address)
        #expect(throws: SystemError.self) { try Socket.listen(on: address, sharesPort: false).release() }
    }

    @Test("nobody who connects is an outcome, and a closed listener an error")
    func nothing() throws {
        let listener = try Socket.listen(on: Self.anyPort, sharesPort: false)
        switch try Socket.accept(on: listener.raw) {
        case .nothing: break
        case .connection: Issue.record("nobody connected")
        case .noDescriptors: Issue.record("there are descriptors")
        }
        let file = try Files.open("/dev/null", .read)
        #expect(throws: SystemError("accept4", ENOTSOCK)) { _ = try Socket.accept(on: file.raw) }
        #expect(throws: SystemError("getsockname", ENOTSOCK)) { try Socket.localAddress(of: file.raw) }
    }

    @Test("several buffers leave in one call; a peer that is gone is an outcome")
    func write() throws {
        let pair = try DescriptorPair.messageSocket()
        try DescriptorIO.setNonBlocking(pair.first.raw, true)
        var one: [UInt8] = [1, 2]
        var two: [UInt8] = [3]
        let (first, second) = (pair.first.raw, pair.second.raw)
        func send() -> Socket.WriteOutcome {
            one.withUnsafeMutableBytes { one in
                two.withUnsafeMutableBytes { two in
                    withUnsafeTemporaryAllocation(of: iovec.self, capacity: 2) { parts in
                        parts[0] = iovec(iov_base: one.baseAddress, iov_len: one.count)
                        parts[1] = iovec(iov_base: two.baseAddress, iov_len: two.count)
                        return Socket.write(first, parts)
                    }
                }
            }
        }
        #expect(send() == .bytes(3))
        #expect(try MessageSocket.receive(second)?.bytes == [1, 2, 3])
        while send() != .wouldBlock {}
        Socket.shutdownWriting(first)
        #expect(send() == .closed)
    }
}
