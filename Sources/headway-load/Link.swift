import Loop
import System

/// Who opens links and hears of them. All calls come on the loop.
protocol LinkOwner: AnyObject {
    /// The link can be used: connected, and upgraded where it is a WebSocket.
    func linkOpened(_ link: Link)
    /// The link is gone, for the reason given. Nothing comes of it after this.
    func linkClosed(_ link: Link, _ reason: String)
}

/// A connection to the server under load. Unlike the server's `SocketStream` it sends at once, because here a message
/// is a call of its own, and from the caller's memory, because its frames are made before the clock starts.
class Link: EventHandler {
    /// When to read: an end and an error show themselves there, too. Made once, as a set built for each event costs an
    /// allocation.
    private static let readable: Readiness = [.read, .hangUp, .error]

    let loop: EventLoop
    /// Its place among its owner's links.
    let index: Int
    unowned let owner: any LinkOwner
    private(set) var isOpen = false

    private var descriptor: OwnedDescriptor?
    private var registration: EventLoop.Registration?
    private var isConnecting = true
    /// What the socket did not take; empty as long as the server keeps up.
    private var unsent: [UInt8] = []
    private var wantsRoom = false

    init(
        to address: SocketAddress, from source: String?, index: Int, owner: any LinkOwner, loop: EventLoop
    ) throws(SystemError) {
        self.loop = loop
        self.index = index
        self.owner = owner
        let socket = try Socket.connect(to: address, from: source)
        let raw = socket.raw
        Socket.setNoDelay(raw)
        Socket.resetWhenClosed(raw)
        descriptor = consume socket
        registration = try loop.register(raw, for: .write, handler: self)
    }

    // MARK: For the kinds of links

    /// The socket is connected. A kind that has nothing to settle with the server first calls `opened`.
    func connected() { opened() }

    /// Bytes came, read at `now`. They are borrowed for the call.
    func received(_ bytes: UnsafeRawBufferPointer, at now: Int64) {}

    /// The socket takes bytes again, and none are kept for it. Called while `tellOfRoom(true)` holds.
    func roomCame() {}

    func opened() {
        isOpen = true
        owner.linkOpened(self)
    }

    // MARK: Reading and writing

    func handle(_ readiness: Readiness) {
        guard let raw = descriptor?.raw, let registration else { return }
        if isConnecting {
            do throws(SystemError) { try Socket.finishConnecting(raw) } catch { return close("\(error)") }
            isConnecting = false
            loop.update(registration, interest: .read)
            return connected()
        }
        if readiness.contains(.write) {
            sendRest()
            if wantsRoom && unsent.isEmpty { roomCame() }
        }
        guard readiness.rawValue & Self.readable.rawValue != 0, descriptor != nil else { return }
        do throws(SystemError) {
            switch try DescriptorIO.read(raw, into: loop.readBuffer) {
            case .wouldBlock: return
            case .end: close("the server closed the connection")
            case .bytes(let count):
                received(UnsafeRawBufferPointer(rebasing: loop.readBuffer[..<count]), at: Clock.monotonicNanoseconds)
            }
        } catch {
            close("\(error)")
        }
    }

    func send(_ bytes: UnsafeRawBufferPointer) {
        guard let raw = descriptor?.raw else { return }
        guard unsent.isEmpty else { return unsent.append(contentsOf: bytes) }
        switch Socket.send(raw, bytes) {
        case .closed: close("the server reset the connection")
        case .bytes(let count) where count == bytes.count: return
        case .bytes(let count): keep(UnsafeRawBufferPointer(rebasing: bytes[count...]))
        case .wouldBlock: keep(bytes)
        }
    }

    func send(_ bytes: [UInt8]) { bytes.withUnsafeBytes { send($0) } }

    /// For kinds that send other than from memory.
    var socket: Int32? { descriptor?.raw }

    func tellOfRoom(_ wanted: Bool) {
        guard wanted != wantsRoom else { return }
        wantsRoom = wanted
        updateInterest()
    }

    private func keep(_ bytes: UnsafeRawBufferPointer) {
        unsent.append(contentsOf: bytes)
        updateInterest()
    }

    private func updateInterest() {
        guard let registration else { return }
        loop.update(registration, interest: unsent.isEmpty && !wantsRoom ? .read : [.read, .write])
    }

    private func sendRest() {
        guard let raw = descriptor?.raw, !unsent.isEmpty else { return }
        switch unsent.withUnsafeBytes({ Socket.send(raw, $0) }) {
        case .closed: close("the server reset the connection")
        case .wouldBlock: return
        case .bytes(let count):
            unsent.removeFirst(count)
            if unsent.isEmpty { updateInterest() }
        }
    }

    func close(_ reason: String) {
        guard let registration else { return }
        loop.deregister(registration)
        self.registration = nil
        descriptor = nil
        isOpen = false
        owner.linkClosed(self, reason)
    }
}
