import System

/// A listening socket on a loop: hands each new connection to `accepted`.
///
/// Out of descriptors, it stops accepting for `pauseMilliseconds`: the connection waits in the kernel's queue and the
/// loop does not spin. A crowd is let in at the rate of `AcceptPace`.
package final class Listener: EventHandler {
    package static let acceptsPerTurnMax = 64
    package static let pauseMilliseconds: Int64 = 100

    private let loop: EventLoop
    private var descriptor: OwnedDescriptor?
    private var registration: EventLoop.Registration?
    private let accepted: (consuming OwnedDescriptor) -> Void
    package private(set) var pausesForDescriptors = 0
    private var pace: AcceptPace

    package init(
        _ descriptor: consuming OwnedDescriptor, loop: EventLoop, pace: AcceptPace = AcceptPace(),
        accepted: @escaping (consuming OwnedDescriptor) -> Void
    ) throws(SystemError) {
        self.loop = loop
        self.accepted = accepted
        self.pace = pace
        let raw = descriptor.raw
        self.descriptor = consume descriptor
        registration = try loop.register(raw, for: .read, handler: self)
    }

    package func handle(_ readiness: Readiness) {
        let allowed = min(Self.acceptsPerTurnMax, pace.allowed(now: loop.nowMilliseconds))
        guard allowed > 0 else { return pause(milliseconds: pace.waitMilliseconds) }
        for _ in 0..<allowed {
            guard registration != nil, let raw = descriptor?.raw else { return }
            do throws(SystemError) {
                switch try Socket.accept(on: raw) {
                case .connection(let connection):
                    pace.took(1)
                    accepted(connection)
                case .nothing: return
                case .noDescriptors: return pauseForDescriptors()
                }
            } catch {
                return pauseForDescriptors()
            }
        }
    }

    private func pauseForDescriptors() {
        pausesForDescriptors += 1
        pause(milliseconds: Self.pauseMilliseconds)
    }

    private func pause(milliseconds: Int64) {
        guard let registration else { return }
        loop.update(registration, interest: [])
        loop.schedule(afterMilliseconds: milliseconds) { [weak self] in
            guard let self, let registration = self.registration else { return }
            self.loop.update(registration, interest: .read)
        }
    }

    /// Accepts no more; connections that the kernel has not handed over yet are reset.
    package func close() {
        guard let registration else { return }
        loop.deregister(registration)
        self.registration = nil
        descriptor = nil
    }
}
