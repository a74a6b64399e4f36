// Theory of operation
//
// Told of every upload's beginning, bytes and end, of measurements and of the time, it says who may upload. Two sums
// keep the disk's watermark:
//
// - What is *promised*: of every upload in flight, the bytes that it may still bring. Without it a hundred uploads that
//   fit one by one would be taken, and meet a full disk together in their middles.
// - What was *written since the measurement*: the free space that was measured does not know of it yet.
//
// What is promised to uploads of many requests between their requests is in `OpenUploads`.
//
// An upload that does not say how long it is gets its promise in steps of `stepBytes` as it goes on, and is refused
// when there is none to be had, before it takes what was promised to others.
//
// Days are calendar days in UTC: that needs one number a client, and a client can be told when the next one begins.

/// Who may upload, and how much.
package struct Admission: Sendable {
    /// What an upload of unknown length is promised at a time.
    package static let stepBytes: Int64 = 8 << 20
    /// Clients whose bytes of the day are remembered; beyond, the half that sent least is forgotten.
    package static let clientsMax = 100_000
    private static let dayMilliseconds: Int64 = 86_400_000

    package enum Kind: Sendable {
        case new
        /// A new one whose bytes come in requests to follow.
        case creation
        /// For a document that exists already: taken one level longer.
        case resume
    }

    package struct Request: Sendable {
        package var client: String
        /// What is still to come; nil: nobody knows.
        package var declaredBytes: Int64?
        package var kind: Kind
        /// The largest upload of this client.
        package var sizeLimitBytes: Int64?
        /// The upload of many requests that this is one of.
        package var upload: DocumentID?
        /// What that upload lacks, where its length is known: promised as far as there is room, so that the requests
        /// to follow find theirs.
        package var lackingBytes: Int64?
        /// Of the declared bytes, those that count for nobody's day: they came before.
        package var uncountedBytes: Int64 = 0

        package init(client: String, declaredBytes: Int64?, kind: Kind, sizeLimitBytes: Int64?) {
            self.client = client
            self.declaredBytes = declaredBytes
            self.kind = kind
            self.sizeLimitBytes = sizeLimitBytes
        }
    }

    /// The right to begin, good until the value is told of anything else.
    package struct Admitted: Sendable, Equatable {
        fileprivate var client: String
        fileprivate var upload: DocumentID?
        fileprivate var uncountedBytes: Int64
        /// It may bring so many bytes before it asks again (`received`).
        package var promisedBytes: Int64
    }

    package enum Verdict: Sendable, Equatable {
        case admit(Admitted)
        case refuse(AdmissionRefusal)
    }

    /// Names an upload in flight; never used twice.
    package struct Ticket: Sendable, Hashable { fileprivate var number: UInt64 }

    private struct Upload {
        var client: String
        /// The upload of many requests that this is one of.
        var open: DocumentID?
        /// What is still to come that counts for nobody's day.
        var uncountedBytes: Int64
        var receivedBytes: Int64 = 0
        /// All that it may bring; at least what it has brought.
        var allowedBytes: Int64

        var promisedBytes: Int64 { allowedBytes - receivedBytes }
        /// What of it counts for the client's day.
        var dayPromisedBytes: Int64 { promisedBytes - uncountedBytes }
    }

    private struct Client {
        var uploads = 0
        /// As they count for the day.
        var promisedBytes: Int64 = 0
        var dayBytes: Int64 = 0
    }

    package private(set) var policy: AdmissionPolicy
    private var gauge: LevelGauge
    private var readings = PressureReadings()
    private var uploads: [Ticket: Upload] = [:]
    private var clients: [String: Client] = [:]
    private var lastNumber: UInt64 = 0
    private var day: Int64 = .min
    private var receivedBytes: Int64 = 0
    private var receivedBytesAtMeasurement: Int64 = 0
    private var requestsPromisedBytes: Int64 = 0
    private(set) var open = OpenUploads()

    package init(_ policy: AdmissionPolicy) {
        self.policy = policy
        gauge = LevelGauge(policy)
    }

    package var uploadsInFlight: Int { uploads.count }
    package var uploadsOpen: Int { open.count }
    /// What uploads may still bring, within their requests and between them.
    package var promisedBytes: Int64 { requestsPromisedBytes + open.promisedBytes }
    var clientsRemembered: Int { clients.count }
    package var report: LevelReport { gauge.report }
    package var floor: ServiceLevel { gauge.floor }

    /// What uploads may still take of the disk; nil while it is not known.
    package var spareBytes: Int64? {
        readings.disk.map {
            let writtenBytes = receivedBytes - receivedBytesAtMeasurement
            return $0.freeBytes - policy.diskKept.bytes(ofTotal: $0.totalBytes) - promisedBytes - writtenBytes
        }
    }

    // MARK: Deciding

    package func decide(_ request: Request, now: Moment) -> Verdict {
        if gauge.isRestarting { return .refuse(.restarting) }
        let declared = request.declaredBytes ?? 0
        if let limit = sizeLimitBytes(request.sizeLimitBytes), declared > limit {
            return .refuse(.tooLarge(limitBytes: limit))
        }
        if let refusal = levelRefusal(request.kind) { return .refuse(refusal) }
        if let max = policy.uploadsPerClientMax, clients[request.client]?.uploads ?? 0 >= max {
            return .refuse(.tooManyUploadsOfClient(max: max))
        }
        if uploads.count >= policy.uploadsMax { return .refuse(.tooManyUploads) }
        if request.kind == .creation, let refusal = openRefusal(request.client) { return .refuse(refusal) }
        // What the upload was promised before is there for it.
        let own = open.promise(to: request.upload)
        let ownDayBytes = own?.client == request.client ? own?.bytes ?? 0 : 0
        let wanted = max(request.declaredBytes ?? 1, 1)
        let day = dayRestBytes(request.client, now).map { (bytes: $0.bytes + ownDayBytes, refusal: $0.refusal) }
        if let day, day.bytes < wanted - request.uncountedBytes { return .refuse(day.refusal) }
        if let spare = spareBytes, spare + (own?.bytes ?? 0) < wanted { return .refuse(.storageFull) }
        // While the disk's space is not known, nobody is promised all of a length that may be a lie.
        let spare = spareBytes.map { $0 + (own?.bytes ?? 0) } ?? Self.stepBytes
        let unknown = request.kind == .creation ? 0 : Self.stepBytes
        let wish = max(request.declaredBytes ?? request.lackingBytes ?? unknown, request.lackingBytes ?? 0)
        let promised = min(wish, spare, day.map { $0.bytes + request.uncountedBytes } ?? .max)
        return .admit(
            Admitted(
                client: request.client, upload: request.upload, uncountedBytes: min(request.uncountedBytes, promised),
                promisedBytes: promised))
    }

    private func openRefusal(_ client: String) -> AdmissionRefusal? {
        if let max = policy.openUploadsPerClientMax, open.count(of: client) >= max {
            return .tooManyOpenUploadsOfClient(max: max)
        }
        return open.count >= policy.openUploadsMax ? .tooManyOpenUploads : nil
    }

    /// The smallest of the bounds that no waiting changes: the client's own, the bytes of a day, the disk.
    package func sizeLimitBytes(_ clientLimitBytes: Int64?) -> Int64? {
        let disk = readings.disk.map { $0.totalBytes - policy.diskKept.bytes(ofTotal: $0.totalBytes) }
        return [clientLimitBytes, policy.bytesPerClientPerDayMax, disk].compactMap { $0 }.min()
    }

    /// What a client may still send today, what is promised to its uploads counted as sent; nil: no bound.
    package func dayLeftBytes(of client: String, now: Moment) -> Int64? {
        dayRestBytes(client, now).map { max(0, $0.bytes) }
    }

    private func levelRefusal(_ kind: Kind) -> AdmissionRefusal? {
        let causes = gauge.causes(from: kind == .resume ? .readOnly : .resumeOnly)
        guard !causes.isEmpty else { return nil }
        let report = LevelReport(level: gauge.report.level, causes: causes)
        if causes.contains(.setByOperator) { return .closed(report) }
        return causes.allSatisfy(\.isOfDisk) ? .storageFull : .overloaded(report)
    }

    /// Why an upload in flight must end: the level takes no more bytes.
    package var endOfUploads: AdmissionRefusal? { gauge.isRestarting ? nil : levelRefusal(.resume) }

    private func dayRestBytes(_ key: String, _ now: Moment) -> (bytes: Int64, refusal: AdmissionRefusal)? {
        guard let limit = policy.bytesPerClientPerDayMax else { return nil }
        let client = clients[key] ?? Client()
        let today = Self.day(now)
        let used = today == day ? client.dayBytes : 0
        let restMilliseconds = (today + 1) * Self.dayMilliseconds - now.unixMilliseconds
        return (
            limit - used - client.promisedBytes - open.promisedBytes(of: key),
            .dailyBytesUsed(limitBytes: limit, secondsUntilReset: (restMilliseconds + 999) / 1000)
        )
    }

    private static func day(_ now: Moment) -> Int64 {
        // Rounded down, also before 1970: a clock that is not set yet must not trap.
        let (days, rest) = now.unixMilliseconds.quotientAndRemainder(dividingBy: dayMilliseconds)
        return rest < 0 ? days - 1 : days
    }

    // MARK: Uploads

    package mutating func began(_ admitted: Admitted) -> Ticket {
        lastNumber += 1
        let ticket = Ticket(number: lastNumber)
        let upload = Upload(
            client: admitted.client, open: admitted.upload, uncountedBytes: admitted.uncountedBytes,
            allowedBytes: admitted.promisedBytes)
        if let id = admitted.upload { open.began(id, by: admitted.client, max: policy.openUploadsMax) }
        uploads[ticket] = upload
        requestsPromisedBytes += upload.promisedBytes
        clients[admitted.client, default: Client()].uploads += 1
        clients[admitted.client]?.promisedBytes += upload.dayPromisedBytes
        return ticket
    }

    /// An upload is to be created; what it was promised it keeps until its first request. False where there is one of
    /// its name already, whose promise stays as it is.
    package mutating func opened(_ admitted: Admitted, now: Moment) -> Bool {
        guard let id = admitted.upload else { preconditionFailure("an upload that is created has an id") }
        return open.open(
            id, of: admitted.client, promisedBytes: admitted.promisedBytes, at: now.monotonicMilliseconds)
    }

    /// An upload of many requests is over: it is whole, failed, cancelled or deleted. A second time does nothing.
    package mutating func closed(_ id: DocumentID) { open.close(id) }

    /// What it may bring in all; at that many bytes, or before, `received` is to be told.
    package func allowedBytes(_ ticket: Ticket) -> Int64 { uploads[ticket]?.allowedBytes ?? 0 }

    /// `bytes` are all that the upload has brought so far. A refusal ends it: the caller says `ended`.
    package mutating func received(_ ticket: Ticket, bytes: Int64, now: Moment) -> AdmissionRefusal? {
        guard var upload = uploads[ticket], var client = clients[upload.client], bytes > upload.receivedBytes else {
            return nil
        }
        turnDay(now, &client)
        var refusal: AdmissionRefusal?
        if bytes > upload.allowedBytes {
            let missing = bytes - upload.allowedBytes
            let day = dayRestBytes(upload.client, now)
            let allowed = min(missing + Self.stepBytes, spareBytes ?? .max, day?.bytes ?? .max)
            if allowed < missing {
                refusal = day.map { $0.bytes < missing ? $0.refusal : .storageFull } ?? .storageFull
            }
            // What came has come, refused or not.
            let more = max(allowed, missing)
            upload.allowedBytes += more
            client.promisedBytes += more
            requestsPromisedBytes += more
        }
        let count = bytes - upload.receivedBytes
        let uncounted = min(count, upload.uncountedBytes)
        upload.uncountedBytes -= uncounted
        upload.receivedBytes = bytes
        receivedBytes += count
        requestsPromisedBytes -= count
        client.promisedBytes -= count - uncounted
        if policy.bytesPerClientPerDayMax != nil { client.dayBytes += count - uncounted }
        uploads[ticket] = upload
        clients[upload.client] = client
        return refusal
    }

    /// The upload is over, however; a second time does nothing. Of one of many requests this request is over: with
    /// `lackingBytes` it goes on, and so many are promised to it as there is room for; nil closes it as well.
    package mutating func ended(_ ticket: Ticket, lackingBytes: Int64? = nil, now: Moment? = nil) {
        guard let upload = uploads.removeValue(forKey: ticket), var client = clients[upload.client] else { return }
        requestsPromisedBytes -= upload.promisedBytes
        client.promisedBytes -= upload.dayPromisedBytes
        client.uploads -= 1
        clients[upload.client] = client.uploads > 0 || client.dayBytes > 0 ? client : nil
        if clients.count > Self.clientsMax { forgetClients() }
        guard let id = upload.open else { return }
        guard let lackingBytes, let now else { return open.close(id) }
        let day = dayRestBytes(upload.client, now)?.bytes ?? .max
        let promised = max(0, min(lackingBytes, spareBytes ?? Self.stepBytes, day))
        open.ended(id, promisedBytes: promised, at: now.monotonicMilliseconds)
    }

    /// A new day begins for everybody with its first byte.
    private mutating func turnDay(_ now: Moment, _ client: inout Client) {
        let today = Self.day(now)
        guard today != day else { return }
        day = today
        client.dayBytes = 0
        clients = clients.compactMapValues { other in
            other.uploads > 0 ? Client(uploads: other.uploads, promisedBytes: other.promisedBytes) : nil
        }
    }

    private mutating func forgetClients() {
        let idle = clients.filter { $0.value.uploads == 0 }.sorted {
            ($0.value.dayBytes, $0.key) < ($1.value.dayBytes, $1.key)
        }
        for (key, _) in idle.prefix(max(idle.count / 2, 1)) { clients[key] = nil }
    }

    // MARK: The level

    /// Says that a measurement begins: what is received from now on may or may not be in it, and counts as not.
    package func measurementBegan() -> MeasurementStart { MeasurementStart(receivedBytes: receivedBytes) }

    package struct MeasurementStart: Sendable { fileprivate var receivedBytes: Int64 }

    package mutating func measured(_ readings: PressureReadings, since start: MeasurementStart, now: Moment) {
        self.readings = readings
        receivedBytesAtMeasurement = start.receivedBytes
        updateLevel(now)
    }

    private mutating func updateLevel(_ now: Moment) {
        open.lapse(at: now.monotonicMilliseconds)
        var figures = LevelGauge.Figures()
        figures.memoryPressurePercent = readings.memoryPressurePercent
        figures.ownMemoryBytes = readings.ownMemoryBytes
        figures.spareBytes = spareBytes
        figures.freeBytes = readings.disk?.freeBytes
        figures.keptBytes = readings.disk.map { policy.diskKept.bytes(ofTotal: $0.totalBytes) } ?? 0
        figures.uploads = uploads.count
        gauge.update(figures, at: now.monotonicMilliseconds)
    }

    /// Takes other bounds from now on. Uploads in flight go on; the level stays, and is judged by the new bounds at the
    /// next measurement, within a second.
    package mutating func setPolicy(_ new: AdmissionPolicy) {
        guard new != policy else { return }
        policy = new
        gauge = gauge.carried(under: new)
    }

    /// The lowest level an operator allows; `healthy` leaves it to the measurements.
    package mutating func setFloor(_ level: ServiceLevel) { gauge.floor = level }

    /// The server ends: nothing is taken any more.
    package mutating func beginRestart() { gauge.isRestarting = true }
}
