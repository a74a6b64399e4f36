import CLinux
import Glibc

/// What a descriptor is ready for, or what one waits for.
package struct Readiness: OptionSet, Sendable {
    package let rawValue: UInt32
    package init(rawValue: UInt32) { self.rawValue = rawValue }

    package static let read = Readiness(rawValue: EPOLLIN.rawValue)
    package static let write = Readiness(rawValue: EPOLLOUT.rawValue)
    package static let hangUp = Readiness(rawValue: EPOLLHUP.rawValue)
    package static let error = Readiness(rawValue: EPOLLERR.rawValue)

    // Asked for every event, so without the set's general algebra, which costs calls and even memory.
    @inlinable package var isWritable: Bool { rawValue & 0x4 != 0 }
    @inlinable package var isHungUp: Bool { rawValue & 0x18 != 0 }
    /// There are bytes, or an end to be read.
    @inlinable package var isReadable: Bool { rawValue & 0x19 != 0 }
}

/// epoll(7), level-triggered. A registration is named by a 64-bit token that the kernel hands back.
package struct Poller: ~Copyable {
    private let descriptor: OwnedDescriptor

    package init() throws(SystemError) {
        descriptor = OwnedDescriptor(owning: try check("epoll_create1") { epoll_create1(Int32(EPOLL_CLOEXEC)) })
    }

    package func add(_ target: Int32, _ interest: Readiness, token: UInt64) throws(SystemError) {
        try control(EPOLL_CTL_ADD, "epoll_ctl(ADD)", target, interest, token)
    }

    package func modify(_ target: Int32, _ interest: Readiness, token: UInt64) throws(SystemError) {
        try control(EPOLL_CTL_MOD, "epoll_ctl(MOD)", target, interest, token)
    }

    package func remove(_ target: Int32) {
        // A descriptor that is closed already has left the set by itself.
        _ = epoll_ctl(descriptor.raw, EPOLL_CTL_DEL, target, nil)
    }

    private func control(
        _ operation: Int32, _ call: String, _ target: Int32, _ interest: Readiness, _ token: UInt64
    ) throws(SystemError) {
        var event = epoll_event(events: interest.rawValue, data: epoll_data_t(u64: token))
        _ = try check(call) { epoll_ctl(descriptor.raw, operation, target, &event) }
    }

    /// Waits until something is ready, at most `timeoutMilliseconds` (-1: for ever), and hands out each token.
    package func wait(
        into events: UnsafeMutableBufferPointer<epoll_event>, timeoutMilliseconds: Int32
    ) throws(SystemError) -> Int {
        let count = epoll_wait(descriptor.raw, events.baseAddress!, Int32(events.count), timeoutMilliseconds)
        if count >= 0 { return Int(count) }
        if errno == EINTR { return 0 }
        throw SystemError("epoll_wait")
    }
}

/// eventfd(2): a number that makes a loop wake up.
package struct WakeUp: ~Copyable {
    private let descriptor: OwnedDescriptor
    package var raw: Int32 { descriptor.raw }

    package init() throws(SystemError) {
        let flags = Int32(EFD_NONBLOCK) | Int32(EFD_CLOEXEC)
        descriptor = OwnedDescriptor(owning: try check("eventfd") { eventfd(0, flags) })
    }

    package func signal() {
        var one: UInt64 = 1
        // EAGAIN: the counter is at its top, so the loop is awake anyway.
        _ = write(descriptor.raw, &one, 8)
    }

    package func clear() {
        var count: UInt64 = 0
        _ = read(descriptor.raw, &count, 8)
    }
}
