import Core
import Wire

/// What may change while the server runs. A request is judged by one of these from its head to its end: a change holds
/// for the requests that come after it.
package struct LivePolicy: Sendable {
    package var crossOrigin = CrossOrigin()
    package var access = AccessPolicy()
    /// Proxies whose word on a client's address is believed.
    package var trustedProxies: [NetworkRange] = []
    /// Nil: as large as the disk takes.
    package var sizeLimitBytes: Int64?
    package var admission = AdmissionPolicy()

    package init() {}
}

/// What a configuration that was read again comes to.
package struct NewPolicy: Sendable {
    package var live: LivePolicy
    /// For the documents that are begun after it.
    package var work: WorkLimits.Policy
    /// Keys whose new values only a restart takes.
    package var needingRestart: [String]

    package init(live: LivePolicy, work: WorkLimits.Policy, needingRestart: [String]) {
        self.live = live
        self.work = work
        self.needingRestart = needingRestart
    }
}

/// Why the configuration as it is now cannot be taken. What was in force stays in force.
package struct PolicyRefusal: Error, Sendable {
    package var faults: [String]

    package init(faults: [String]) { self.faults = faults }
}

package typealias PolicyReading = Result<NewPolicy, PolicyRefusal>
