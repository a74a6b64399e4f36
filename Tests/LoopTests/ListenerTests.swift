import Glibc
import LoopTesting
import System
import Testing

@testable import Loop

@Suite("A listener on a loop")
struct ListenerTests {
    struct ListenerUnderTest {
        let thread: LoopThread
        let listener = OnLoop<Listener?>(nil)
        let accepted: BlockingQueue<Int32>
        let address: SocketAddress

        /// Each connection goes into `accepted`, after `onAccept` has been called with the listener.
        init(onAccept: @escaping @Sendable (Listener?) -> Void = { _ in }) throws {
            let thread = try LoopThread()
            let accepted = thread.queue(of: Int32.self)
            address = try thread.on { [loop = thread.loop, listener] in
                let socket = try Socket.listen(on: SocketAddress(host: "127.0.0.1", port: 0), sharesPort: false)
                let address = try Socket.localAddress(of: socket.raw)
                listener.value = try Listener(socket, loop: loop) { connection in
                    onAccept(listener.value)
                    accepted.put(connection.release())
                }
                return address
            }
            self.thread = thread
            self.accepted = accepted
        }

        /// Connects as a client would; nil when nobody listens.
        func connect() -> Peer? {
            let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
            var target = sockaddr_in()
            target.sin_family = sa_family_t(AF_INET)
            target.sin_port = address.port.bigEndian
            target.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
            let result = withUnsafePointer(to: &target) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    Glibc.connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
                }
            }
            let peer = Peer(descriptor)
            return result == 0 ? peer : nil
        }
    }

    @Test("each connection is handed over once, ready not to block")
    func accepting() throws {
        let test = try ListenerUnderTest()
        #expect(test.address.port != 0)
        let client = try #require(test.connect())
        let connection = OwnedDescriptor(owning: try #require(test.accepted.takeFirst()))
        #expect(fcntl(connection.raw, F_GETFL) & O_NONBLOCK != 0)
        #expect(fcntl(connection.raw, F_GETFD) & FD_CLOEXEC != 0)
        let address = try Socket.peerAddress(of: connection.raw)
        #expect(address.isLoopback)
        try DescriptorIO.writeAll(connection.raw, [1, 2, 3])
        #expect(client.read(3) == [1, 2, 3])
    }

    @Test("more connections than one turn takes are all handed over")
    func many() throws {
        let test = try ListenerUnderTest()
        let count = Listener.acceptsPerTurnMax + 20
        // The loop waits here until all of them are in the kernel's queue.
        let clients = try test.thread.on { (0..<count).compactMap { _ in test.connect() } }
        #expect(clients.count == count)
        for _ in clients { Glibc.close(try #require(test.accepted.takeFirst())) }
    }

    @Test("a closed listener accepts nobody, and may be closed again")
    func close() throws {
        let test = try ListenerUnderTest()
        try test.thread.on {
            test.listener.value?.close()
            test.listener.value?.close()
        }
        #expect(test.connect() == nil)
    }

    @Test("a listener may be closed by the connection that it hands over")
    func closeWhileAccepting() throws {
        let test = try ListenerUnderTest { $0?.close() }
        let client = try #require(test.connect())
        let connection = OwnedDescriptor(owning: try #require(test.accepted.takeFirst()))
        try DescriptorIO.writeAll(connection.raw, [1])
        #expect(client.read(1) == [1])
        #expect(test.connect() == nil)
    }
}
