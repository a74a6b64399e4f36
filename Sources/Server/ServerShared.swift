import Blobs
import Core
import Documents
import Hub
import Logging
import Pipeline
import Synchronization

/// What the server is told to be, for as long as it runs; what may change is in `LivePolicy`.
package struct ServerConfiguration: Sendable {
    package var connectionLimits = ConnectionLimits.default
    /// Connections of one client; nil: as many as there are descriptors.
    package var connectionsPerAddressMax: Int?
    /// Descriptors that connections may not take; beyond the rest a new connection is closed at once.
    package var descriptorsKept = 160
    /// What links begin with, without a slash at its end; nil: they begin with their path.
    package var publicURL: String?
    /// A folder whose files are served instead of the page that is built in.
    package var webRoot: String?

    package var pipelines = PipelineCatalog()

    /// `/diagnostics/…`: an echo and a topic for conformance suites and measurements.
    package var servesDiagnostics = false
    /// `/v1/admin/…`: orders of an operator.
    package var servesAdmin = false

    package init() {}
}

/// What all loops of a server have in common.
package final class ServerShared: Sendable {
    package let configuration: ServerConfiguration
    package let documents: Documents
    package let hub: Hub
    package let records: any DocumentRecords
    package let store: BlobStore
    package let pipeline: Pipeline
    package let logger: Logger
    package let counters = Counters()
    package let admission: UploadAdmission
    let crowds: ConnectionCrowds
    let diagnostics: DiagnosticsTopic
    package let page: Page
    /// Names this run of the server: offsets of documents in memory restart with it.
    package let epoch: String
    // Protects the policy in force. A leaf lock, held for as long as a copy takes.
    private let livePolicy: Mutex<LivePolicy>
    /// Nil where there is no configuration file that could change.
    package let reload: PolicyReload?
    private let draining = Atomic<Bool>(false)
    private let drainingEndMilliseconds = Atomic<Int64>(.max)

    package init(
        configuration: ServerConfiguration, documents: Documents, hub: Hub, records: any DocumentRecords,
        store: BlobStore,
        pipeline: Pipeline, page: Page, epoch: String, logger: Logger, policy: LivePolicy = LivePolicy(),
        reload: PolicyReload? = nil
    ) {
        livePolicy = Mutex(policy)
        self.reload = reload
        self.configuration = configuration
        admission = UploadAdmission(policy.admission)
        crowds = ConnectionCrowds(max: configuration.connectionsPerAddressMax)
        self.documents = documents
        self.hub = hub
        diagnostics = DiagnosticsTopic(hub)
        self.records = records
        self.store = store
        self.pipeline = pipeline
        self.page = page
        self.epoch = epoch
        self.logger = logger
        documents.uploadEnds.connect { [admission] in admission.closed($0) }
    }

    /// What is in force now. An exchange has its own, for as long as it lasts.
    package var policy: LivePolicy { livePolicy.withLock { $0 } }
    func setPolicy(_ policy: LivePolicy) { livePolicy.withLock { $0 = policy } }

    /// No new work is taken; what is being answered is answered.
    package var isDraining: Bool { draining.load(ordering: .relaxed) }
    /// What has not come by `endMilliseconds` (of the monotonic clock) is answered as cut off, while there is still
    /// time to send the answer.
    package func beginDraining(endMilliseconds: Int64) {
        drainingEndMilliseconds.store(endMilliseconds, ordering: .relaxed)
        draining.store(true, ordering: .relaxed)
        admission.beginRestart()
    }

    func hasDrainingEnded(now: Int64) -> Bool { now >= drainingEndMilliseconds.load(ordering: .relaxed) }
}
