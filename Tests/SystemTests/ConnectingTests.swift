import CLinux
import Testing

@testable import System

@Suite("Connecting sockets")
struct ConnectingTests {
    /// Waits until a connect has ended.
    static func finish(_ descriptor: Int32) throws {
        let poller = try Poller()
        try poller.add(descriptor, .write, token: 1)
        try withUnsafeTemporaryAllocation(of: epoll_event.self, capacity: 1) { events in
            let count = try poller.wait(into: events, timeoutMilliseconds: 5000)
            #expect(count == 1)
        }
        try Socket.finishConnecting(descriptor)
    }

    @Test("a connection comes from the address that was asked for, and carries bytes")
    func source() throws {
        let listener = try Socket.listen(on: SocketAddress(host: "127.0.0.1", port: 0), sharesPort: false)
        let client = try Socket.connect(to: Socket.localAddress(of: listener.raw), from: "127.0.0.9")
        try Self.finish(client.raw)
        guard case .connection(let server) = try Socket.accept(on: listener.raw) else {
            Issue.record("nobody came")
            return
        }
        #expect(try Socket.peerAddress(of: server.raw).host == "127.0.0.9")
        #expect([UInt8]([1, 2, 3]).withUnsafeBytes { Socket.send(client.raw, $0) } == .bytes(3))
        var bytes: [UInt8] = [0, 0, 0, 0]
        let outcome = try bytes.withUnsafeMutableBytes { try DescriptorIO.read(server.raw, into: $0) }
        #expect(outcome == .bytes(3))
        #expect(bytes == [1, 2, 3, 0])
    }

    @Test("nobody listening is an error, at once or when the connect ends")
    func refused() throws {
        let address: SocketAddress
        do {
            let listener = try Socket.listen(on: SocketAddress(host: "127.0.0.1", port: 0), sharesPort: false)
            address = try Socket.localAddress(of: listener.raw)
        }
        let error = #expect(throws: SystemError.self) {
            let client = try Socket.connect(to: address)
            try Self.finish(client.raw)
        }
        #expect(error?.description.hasSuffix("Connection refused") == true)
    }

    @Test("closing resets where that was asked for")
    func reset() throws {
        let listener = try Socket.listen(on: SocketAddress(host: "127.0.0.1", port: 0), sharesPort: false)
        do {
            let client = try Socket.connect(to: Socket.localAddress(of: listener.raw))
            try Self.finish(client.raw)
            Socket.resetWhenClosed(client.raw)
        }
        guard case .connection(let server) = try Socket.accept(on: listener.raw) else {
            Issue.record("nobody came")
            return
        }
        var bytes: [UInt8] = [0]
        let error = #expect(throws: SystemError.self) {
            try bytes.withUnsafeMutableBytes { _ = try DescriptorIO.read(server.raw, into: $0) }
        }
        #expect(error?.description == "read: Connection reset by peer")
    }
}
