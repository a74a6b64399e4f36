import Loop
import System

/// Waits for one descriptor to become readable, again and again until cancelled.
final class DescriptorWait: EventHandler {
    private let loop: EventLoop
    private var registration: EventLoop.Registration?
    private let ready: () -> Void

    init(_ descriptor: Int32, loop: EventLoop, ready: @escaping () -> Void) throws(SystemError) {
        self.loop = loop
        self.ready = ready
        registration = try loop.register(descriptor, for: .read, handler: self)
    }

    func handle(_ readiness: Readiness) { ready() }

    func cancel() {
        guard let registration else { return }
        loop.deregister(registration)
        self.registration = nil
    }
}

/// Reads a pipe to its end and keeps the first or the last `bytesMax` of it.
final class PipeReader: EventHandler {
    private let loop: EventLoop
    private let descriptor: OwnedDescriptor
    private let bytesMax: Int
    private var registration: EventLoop.Registration?
    private let keepsEnd: Bool
    private var bytes: [UInt8] = []
    var ended: (() -> Void)?

    init(
        _ descriptor: consuming OwnedDescriptor, bytesMax: Int, keepsEnd: Bool = false, loop: EventLoop
    ) throws(SystemError) {
        self.loop = loop
        self.keepsEnd = keepsEnd
        self.bytesMax = bytesMax
        try DescriptorIO.setNonBlocking(descriptor.raw, true)
        let raw = descriptor.raw
        self.descriptor = consume descriptor
        registration = try loop.register(raw, for: .read, handler: self)
    }

    var kept: ArraySlice<UInt8> { bytes.suffix(bytesMax) }

    var isAtEnd: Bool { registration == nil }

    func handle(_ readiness: Readiness) {
        guard let registration else { return }
        // A pipe that cannot be read has come to its end as well.
        switch (try? DescriptorIO.read(descriptor.raw, into: loop.readBuffer)) ?? .end {
        case .bytes(let count): keep(loop.readBuffer[..<count])
        case .wouldBlock: break
        case .end: close(registration)
        }
    }

    private func keep(_ piece: Slice<UnsafeMutableRawBufferPointer>) {
        guard keepsEnd else { return bytes.append(contentsOf: piece.prefix(bytesMax - bytes.count)) }
        bytes.append(contentsOf: piece.suffix(bytesMax))
        if bytes.count > 2 * bytesMax { bytes.removeFirst(bytes.count - bytesMax) }
    }

    /// Waits no longer for an end that may never come: a grandchild can hold the other side open.
    func stop() {
        if let registration { close(registration) }
    }

    private func close(_ registration: EventLoop.Registration) {
        loop.deregister(registration)
        self.registration = nil
        ended?()
    }
}
