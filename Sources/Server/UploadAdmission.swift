import Core
import JSON
import Synchronization
import System

/// Who may upload, for all loops: the one `Admission` of the server under a lock.
///
/// Asked before a byte of a body is read, never for HEAD: whoever asks how far an upload is gets an answer while the
/// server takes none. An upload costs the lock at its beginning, at its end, and once every `UploadPlace.stepBytes`.
package final class UploadAdmission: Sendable {
    private struct State {
        var admission: Admission
        var refusals: [String: Int] = [:]
        /// Stands in for what is measured (`POST /diagnostics/pressure`).
        var injected = PressureReadings()
    }

    // Protects all of it. A leaf lock: nothing is called while it is held.
    private let state: Mutex<State>
    /// No byte is taken any more. Beside the lock, because every piece of every body looks at it.
    private let isClosed = Atomic<Bool>(false)

    package init(_ policy: AdmissionPolicy) {
        state = Mutex(State(admission: Admission(policy)))
    }

    private static var now: Moment {
        Moment(monotonicMilliseconds: Clock.monotonicMilliseconds, unixMilliseconds: Clock.unixMilliseconds)
    }

    private func change<Answer: Sendable>(_ body: (inout State) -> sending Answer) -> Answer {
        state.withLock { state in
            let answer = body(&state)
            isClosed.store(state.admission.endOfUploads != nil, ordering: .relaxed)
            return answer
        }
    }

    // MARK: Uploads

    /// Takes a place for a body of so many bytes still to come (nil: nobody knows), or says why there is none. A body
    /// that goes on with an upload names it, and what that lacks, where its length is known.
    package func admit(
        _ exchange: Exchange, declaredBytes: Int64?, kind: Admission.Kind, upload: DocumentID? = nil,
        lackingBytes: Int64? = nil
    ) -> Result<UploadPlace, Problem> {
        var request = Self.request(exchange, declaredBytes, kind)
        request.upload = upload
        request.lackingBytes = lackingBytes
        return admit(request).mapError(Problem.init)
    }

    func admit(_ request: Admission.Request) -> Result<UploadPlace, AdmissionRefusal> {
        let now = Self.now
        let result: Result<(Admission.Ticket, Int64), AdmissionRefusal> = change { state in
            switch state.admission.decide(request, now: now) {
            case .admit(let admitted): return .success((state.admission.began(admitted), admitted.promisedBytes))
            case .refuse(let refusal):
                state.refusals[refusal.code, default: 0] += 1
                return .failure(refusal)
            }
        }
        return result.map { UploadPlace(self, $0.0, allowedBytes: $0.1) }
    }

    /// Takes a place among the uploads that are begun and not over, before there is one; it is promised its length,
    /// where that is known. Whoever takes one and makes no upload of it gives it back.
    func open(_ exchange: Exchange, _ id: DocumentID, declaredBytes: Int64?) -> Result<OpenPlace, Problem> {
        var request = Self.request(exchange, declaredBytes, .creation)
        request.upload = id
        let now = Self.now
        return change { state in
            switch state.admission.decide(request, now: now) {
            case .admit(let admitted):
                return .success(OpenPlace(self, id, isOwn: state.admission.opened(admitted, now: now)))
            case .refuse(let refusal):
                state.refusals[refusal.code, default: 0] += 1
                return .failure(Problem(refusal))
            }
        }
    }

    /// An upload of many requests is over.
    func closed(_ id: DocumentID) { change { $0.admission.closed(id) } }

    /// Whether there would be a place, without taking it. What it answers with is counted as refused.
    package func refusal(_ exchange: Exchange, declaredBytes: Int64?, kind: Admission.Kind) -> Problem? {
        let request = Self.request(exchange, declaredBytes, kind)
        let now = Self.now
        return change { state in
            guard case .refuse(let refusal) = state.admission.decide(request, now: now) else { return nil }
            state.refusals[refusal.code, default: 0] += 1
            return Problem(refusal)
        }
    }

    /// Whether this caller would be turned away with any upload.
    func sheds(_ exchange: Exchange) -> Bool {
        let request = Self.request(exchange, 1, .new)
        let now = Self.now
        return state.withLock { if case .refuse = $0.admission.decide(request, now: now) { true } else { false } }
    }

    private static func request(_ exchange: Exchange, _ bytes: Int64?, _ kind: Admission.Kind) -> Admission.Request {
        Admission.Request(
            client: exchange.caller.key, declaredBytes: bytes, kind: kind, sizeLimitBytes: exchange.callerLimitBytes)
    }

    /// The largest upload, of a caller whose own limit is this one; nil: nobody knows of a limit.
    func sizeLimitBytes(_ callerLimitBytes: Int64?) -> Int64? {
        state.withLock { $0.admission.sizeLimitBytes(callerLimitBytes) }
    }

    /// What a client may send in a day, and what of it is left; nil where there is no bound.
    func day(of caller: Caller) -> (bytesMax: Int64, leftBytes: Int64)? {
        let now = Self.now
        return state.withLock { state in
            guard let max = state.admission.policy.bytesPerClientPerDayMax,
                let left = state.admission.dayLeftBytes(of: caller.key, now: now)
            else { return nil }
            return (max, left)
        }
    }

    fileprivate var isOpen: Bool { !isClosed.load(ordering: .relaxed) }

    /// What the upload may bring in all, or why it must end.
    fileprivate func received(_ ticket: Admission.Ticket, bytes: Int64) -> Result<Int64, Problem> {
        let now = Self.now
        return change { state in
            let refusal = state.admission.received(ticket, bytes: bytes, now: now) ?? state.admission.endOfUploads
            guard let refusal else { return .success(state.admission.allowedBytes(ticket)) }
            state.refusals[refusal.code, default: 0] += 1
            return .failure(Problem(refusal))
        }
    }

    fileprivate func ended(_ ticket: Admission.Ticket, bytes: Int64, lackingBytes: Int64?) {
        let now = Self.now
        change { state in
            _ = state.admission.received(ticket, bytes: bytes, now: now)
            state.admission.ended(ticket, lackingBytes: lackingBytes, now: now)
        }
    }

    // MARK: The level

    /// What a report of the server's state is made of, of one moment.
    package struct Figures: Sendable {
        package var report: LevelReport
        package var floor: ServiceLevel
        package var uploadsInFlight: Int
        package var uploadsOpen: Int
        package var promisedBytes: Int64
        package var spareBytes: Int64?
        package var refusals: [String: Int]
    }

    package var figures: Figures {
        state.withLock { state in
            Figures(
                report: state.admission.report, floor: state.admission.floor,
                uploadsInFlight: state.admission.uploadsInFlight, uploadsOpen: state.admission.uploadsOpen,
                promisedBytes: state.admission.promisedBytes,
                spareBytes: state.admission.spareBytes, refusals: state.refusals)
        }
    }

    package func measurementBegan() -> Admission.MeasurementStart { state.withLock { $0.admission.measurementBegan() } }

    package func measured(_ readings: PressureReadings, since start: Admission.MeasurementStart) -> LevelReport {
        let now = Self.now
        return change { state in
            let injected = state.injected
            let readings = PressureReadings(
                memoryPressurePercent: injected.memoryPressurePercent ?? readings.memoryPressurePercent,
                ownMemoryBytes: injected.ownMemoryBytes ?? readings.ownMemoryBytes,
                disk: injected.disk ?? readings.disk)
            state.admission.measured(readings, since: start, now: now)
            return state.admission.report
        }
    }

    func inject(_ readings: PressureReadings) { state.withLock { $0.injected = readings } }
    func setPolicy(_ policy: AdmissionPolicy) { change { $0.admission.setPolicy(policy) } }
    func setFloor(_ level: ServiceLevel) { change { $0.admission.setFloor(level) } }
    func beginRestart() { change { $0.admission.beginRestart() } }
}

/// A new upload's place among those that are not over.
struct OpenPlace: Sendable {
    private let admission: UploadAdmission
    private let id: DocumentID
    /// False where the name was taken: that place is another's.
    private let isOwn: Bool

    fileprivate init(_ admission: UploadAdmission, _ id: DocumentID, isOwn: Bool) {
        self.admission = admission
        self.id = id
        self.isOwn = isOwn
    }

    /// There came to be no upload.
    func giveBack() { if isOwn { admission.closed(id) } }
}

/// One upload's place: held from before its first byte to its end. Belongs to the upload's loop.
package final class UploadPlace: @unchecked Sendable {
    /// How far a body goes on before it is told of: a buffer of the way to the disk.
    static let stepBytes: Int64 = 256 * 1024

    private let admission: UploadAdmission
    private let ticket: Admission.Ticket
    private var allowedBytes: Int64
    private var toldBytes: Int64 = 0
    private var isReleased = false

    fileprivate init(_ admission: UploadAdmission, _ ticket: Admission.Ticket, allowedBytes: Int64) {
        self.admission = admission
        self.ticket = ticket
        self.allowedBytes = allowedBytes
    }

    /// Tells that so many bytes of the body have come in all, before they are kept. A problem ends the upload: the
    /// caller answers with it and keeps none of what it told. Cheap: most calls are two comparisons.
    package func grew(to bytes: Int64) -> Problem? {
        if bytes <= allowedBytes && bytes - toldBytes < Self.stepBytes && admission.isOpen { return nil }
        switch admission.received(ticket, bytes: bytes) {
        case .success(let allowed):
            allowedBytes = allowed
            toldBytes = bytes
            return nil
        case .failure(let problem): return problem
        }
    }

    /// Gives the place and what is left of the promise back. `bytes`: all that came, where the caller knows. An upload
    /// that can be gone on with keeps a promise of `lackingBytes`; 0 where nobody knows. A second time does nothing.
    package func release(after bytes: Int64? = nil, lackingBytes: Int64? = nil) {
        guard !isReleased else { return }
        isReleased = true
        admission.ended(ticket, bytes: bytes ?? toldBytes, lackingBytes: lackingBytes)
    }

    deinit { release() }
}

extension Problem {
    init(_ refusal: AdmissionRefusal) {
        switch refusal {
        case .restarting: self = .restarting
        case .tooLarge(let limit): self = .tooLarge(limitBytes: limit)
        case .closed(let report):
            self.init(503, refusal.code, "The server's operator lets no uploads in now. Try again later.")
            members = Self.members(report)
        case .overloaded(let report):
            let causes = report.causes.map(\.rawValue).joined(separator: ", ")
            self.init(503, refusal.code, "The server is under load (\(causes)) and takes no uploads now. Try again.")
            members = Self.members(report)
        case .tooManyUploadsOfClient(let max):
            self.init(
                429, refusal.code,
                "You have \(max) uploads in flight, which is as many as you may. Begin the next one when one has ended."
            )
            members = ["uploads_max": .integer(Int64(max))]
        case .tooManyUploads:
            self.init(503, refusal.code, "Too many uploads are in flight. Try again in a few seconds.")
        case .tooManyOpenUploadsOfClient(let max):
            self.init(
                429, refusal.code,
                "You have begun \(max) uploads that are not whole, which is as many as you may. Finish or delete some."
            )
            members = ["open_uploads_max": .integer(Int64(max))]
        case .tooManyOpenUploads:
            self.init(503, refusal.code, "Too many uploads are begun and not whole. Try again in a while.")
        case .dailyBytesUsed(let limit, _):
            self.init(
                429, refusal.code,
                "You may upload \(limit) bytes a day, and this upload would pass them. The day ends at midnight in UTC."
            )
            members = ["bytes_per_day_max": .integer(limit)]
        case .storageFull: self = .storageFull
        }
        if let seconds = refusal.retrySeconds(random: Randomness.integer()) { fields["Retry-After"] = "\(seconds)" }
    }

    static func members(_ report: LevelReport) -> [String: JSONValue] {
        [
            "level": .string(report.level.name),
            "reasons": .array(report.causes.map { .string($0.rawValue) }),
        ]
    }
}
