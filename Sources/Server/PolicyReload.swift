import Blobs
import Core
import Hub
import Logging
import Loop
import Pipeline

/// Reads the configuration again, on SIGHUP and on request, and puts it into force.
///
/// The file is read by a disk thread. Of readings that overlap, the one that was begun last counts: it has seen the
/// newest file.
package final class PolicyReload: @unchecked Sendable {
    private let read: @Sendable () -> PolicyReading
    // Both are touched on loop 0 alone.
    private var lastBegun = 0
    private var lastInForce = 0

    package init(_ read: @escaping @Sendable () -> PolicyReading) { self.read = read }

    /// From any loop; the answer comes on loop 0.
    package func run(_ shared: ServerShared, then answer: @escaping @Sendable (PolicyReading) -> Void) {
        let loop = shared.hub.loops[0]
        loop.perform { [self] in
            lastBegun += 1
            let number = lastBegun
            shared.store.disk.submit(from: loop, read) { [self] reading in
                take(reading, number, shared)
                answer(reading)
            }
        }
    }

    private func take(_ reading: PolicyReading, _ number: Int, _ shared: ServerShared) {
        switch reading {
        case .failure(let refusal):
            for fault in refusal.faults {
                shared.logger.error("the configuration was not taken", metadata: ["fault": "\(fault)"])
            }
        case .success(let new):
            guard number > lastInForce else { return }
            lastInForce = number
            shared.setPolicy(new.live)
            shared.admission.setPolicy(new.live.admission)
            shared.pipeline.setPolicy(new.work)
            shared.logger.notice(
                "the configuration was read again", metadata: ["tokens": "\(new.live.access.tokens.tokens.count)"])
            if !new.needingRestart.isEmpty {
                shared.logger.warning(
                    "these settings have changed and are taken at the next start",
                    metadata: ["settings": "\(new.needingRestart.joined(separator: ", "))"])
            }
        }
    }
}
