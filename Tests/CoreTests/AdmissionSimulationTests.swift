import Testing

@testable import Core

// Goal: whatever happens in whatever order, no bound is passed, no promise is left behind, and no upload is turned away
// for a reason that is not so. Method: a machine whose disk is a number is driven at random; a second, plain account of
// the same facts is kept beside the value under test, and each answer is held against it. A failure names its seed.
@Suite("Admission, simulated")
struct AdmissionSimulationTests {
    @Test("every bound holds, promises return to zero, and every refusal is true", arguments: 0..<60 as Range<UInt64>)
    func simulated(seed: UInt64) {
        var machine = SimulatedMachine(seed: seed)
        for _ in 0..<1500 {
            machine.step()
            if let fault = machine.fault {
                Issue.record("seed \(seed), step \(machine.steps): \(fault)")
                return
            }
        }
        machine.endAll()
        #expect(machine.admission.promisedBytes == 0, "seed \(seed)")
        #expect(machine.admission.uploadsInFlight == 0, "seed \(seed)")
        #expect(machine.admission.uploadsOpen == 0, "seed \(seed)")
        #expect(machine.refusals.count >= 4, "seed \(seed) met few refusals: \(machine.refusals)")
    }
}

private struct SimulatedMachine {
    struct Upload {
        var ticket: Admission.Ticket
        var client: String
        var declared: Int64?
        var received: Int64 = 0
        /// What of it the disk has.
        var written: Int64 = 0
        /// The upload of many requests that it is one of.
        var open: DocumentID?
    }

    /// One that was created, and whose bytes come in requests.
    struct Created {
        var client: String
        var declared: Int64?
        var received: Int64 = 0
        var requests = 0
        /// Nil: not counted, because it was silent for too long.
        var heard: Int64?
    }

    static let total: Int64 = 64 << 30
    static let kept: Int64 = 1 << 30

    var random: SeededRandom
    var admission: Admission
    var uploads: [Upload] = []
    var created: [DocumentID: Created] = [:]
    var lastID: UInt64 = 0
    var now = Moment(monotonicMilliseconds: 0, unixMilliseconds: 1_764_072_000_000)
    var free: Int64 = 40 << 30
    var readings = PressureReadings()
    var dayBytes: [String: Int64] = [:]
    var day: Int64 = 0
    var floor = ServiceLevel.healthy
    var steps = 0
    var refusals: Set<String> = []
    var fault: String?
    private var policy = AdmissionPolicy()

    init(seed: UInt64) {
        random = SeededRandom(seed: seed)
        policy.uploadsMax = Int.random(in: 2...12, using: &random)
        policy.uploadsPerClientMax = Int.random(in: 1...4, using: &random)
        policy.bytesPerClientPerDayMax = Int64.random(in: 1...60, using: &random) << 30
        policy.openUploadsMax = Int.random(in: 3...9, using: &random)
        policy.openUploadsPerClientMax = Int.random(in: 1...4, using: &random)
        policy.diskKept = .bytes(Self.kept)
        policy.ownMemoryBytesMax = 1000
        admission = Admission(policy)
        measure()
    }

    mutating func step() {
        steps += 1
        now = now.advanced(byMilliseconds: Int64.random(in: 0...400, using: &random))
        if random.oneIn(100) { now = now.advanced(byMilliseconds: OpenUploads.silenceMilliseconds / 2) }
        if random.oneIn(300) { now = now.advanced(byMilliseconds: Int64.random(in: 0...90_000_000, using: &random)) }
        if now.unixMilliseconds / 86_400_000 != day {
            day = now.unixMilliseconds / 86_400_000
            dayBytes = [:]
        }
        switch Int.random(in: 0..<20, using: &random) {
        case 0..<4: ask()
        case 4: create()
        case 5: goOn()
        case 6..<13: bring()
        case 13..<16: end()
        case 16..<18: measure()
        case 18: disturb()
        default: setFloor()
        }
        check()
    }

    private mutating func ask() {
        let client = "client \(Int.random(in: 0..<5, using: &random))"
        let declared: Int64? = random.oneIn(4) ? nil : Int64.random(in: 0...(24 << 30), using: &random)
        let kind: Admission.Kind = random.oneIn(3) ? .resume : .new
        let limit: Int64? = random.oneIn(2) ? 20 << 30 : nil
        let request = Admission.Request(client: client, declaredBytes: declared, kind: kind, sizeLimitBytes: limit)
        switch admission.decide(request, now: now) {
        case .admit(let admitted):
            if let untrue = levelForbids(kind) { return fault = "taken although \(untrue)" }
            if declared ?? 0 > limit ?? .max { return fault = "taken although it is too large" }
            uploads.append(Upload(ticket: admission.began(admitted), client: client, declared: declared))
        case .refuse(let refusal):
            refusals.insert(refusal.code)
            if !isTrue(refusal, request) { fault = "\(refusal) is not true of \(request)" }
        }
    }

    private mutating func create() {
        lastID += 1
        let id = DocumentID(unixMilliseconds: 1, random: (lastID, 1))
        let client = "client \(Int.random(in: 0..<5, using: &random))"
        let declared: Int64? = random.oneIn(4) ? nil : Int64.random(in: 0...(12 << 30), using: &random)
        var request = Admission.Request(client: client, declaredBytes: declared, kind: .creation, sizeLimitBytes: nil)
        request.upload = id
        switch admission.decide(request, now: now) {
        case .admit(let admitted):
            if let untrue = levelForbids(.creation) { return fault = "created although \(untrue)" }
            if !admission.opened(admitted, now: now) || admission.opened(admitted, now: now) {
                return fault = "an upload is opened once"
            }
            created[id] = Created(client: client, declared: declared, heard: now.monotonicMilliseconds)
        case .refuse(let refusal):
            refusals.insert(refusal.code)
            if !isTrue(refusal, request) { fault = "\(refusal) is not true of \(request)" }
        }
    }

    /// The next request of an upload that was created, or its end without one.
    private mutating func goOn() {
        guard let id = created.keys.sorted().randomElement(using: &random), let one = created[id], one.requests == 0
        else { return }
        if random.oneIn(4) {
            admission.closed(id)
            return created[id] = nil
        }
        let lacking = one.declared.map { $0 - one.received }
        let declared = lacking.map { $0 / Int64.random(in: 1...3, using: &random) }
        var request = Admission.Request(
            client: one.client, declaredBytes: declared, kind: .resume, sizeLimitBytes: nil)
        (request.upload, request.lackingBytes) = (id, lacking)
        switch admission.decide(request, now: now) {
        case .admit(let admitted):
            var upload = Upload(ticket: admission.began(admitted), client: one.client, declared: declared)
            upload.open = id
            uploads.append(upload)
            if let lacking, admission.allowedBytes(upload.ticket) > lacking { fault = "more is promised than it lacks" }
            if one.heard != nil || openCount < policy.openUploadsMax { created[id]?.heard = now.monotonicMilliseconds }
            created[id]?.requests += 1
        case .refuse(let refusal):
            refusals.insert(refusal.code)
            if !isTrue(refusal, request) { fault = "\(refusal) is not true of \(request)" }
        }
    }

    private var openCount: Int { created.values.count { $0.heard != nil } }
    private func openCount(of client: String) -> Int { created.values.count { $0.heard != nil && $0.client == client } }

    private func levelForbids(_ kind: Admission.Kind) -> String? {
        floor >= (kind == .resume ? .readOnly : .resumeOnly) ? "an operator closed it" : nil
    }

    private func isTrue(_ refusal: AdmissionRefusal, _ request: Admission.Request) -> Bool {
        let declared = request.declaredBytes ?? 1
        let mine = uploads.filter { $0.client == request.client }
        let own = admission.open.promise(to: request.upload)?.bytes ?? 0
        switch refusal {
        case .restarting: return false
        case .tooLarge(let limit):
            return declared > limit
                && [request.sizeLimitBytes, policy.bytesPerClientPerDayMax, Self.total - Self.kept].contains(limit)
        case .closed: return levelForbids(request.kind) != nil
        case .overloaded(let report):
            return report.causes.contains(.memoryPressure) && admission.report.causes.contains(.memoryPressure)
        case .tooManyUploadsOfClient(let max): return mine.count >= max
        case .tooManyUploads: return uploads.count >= policy.uploadsMax
        case .tooManyOpenUploadsOfClient(let max): return openCount(of: request.client) >= max
        case .tooManyOpenUploads: return openCount >= policy.openUploadsMax
        case .dailyBytesUsed(let limit, let seconds):
            let between = admission.open.promisedBytes(of: request.client) - own
            let used = dayBytes[request.client, default: 0] + promised(mine) + between
            return used + max(declared, 1) > limit && (1...86_400).contains(seconds)
        case .storageFull:
            // The level stays a while, and a measurement may be old: then the disk was as full a moment ago.
            let causes = admission.report.causes
            return (admission.spareBytes ?? .max) + own < max(declared, 1) || causes.contains(.diskLow)
                || causes.contains(.diskFull)
        }
    }

    private func promised(_ some: [Upload]) -> Int64 {
        some.reduce(0) { $0 + admission.allowedBytes($1.ticket) - $1.received }
    }

    private mutating func bring() {
        guard !uploads.isEmpty else { return }
        let index = Int.random(in: 0..<uploads.count, using: &random)
        let upload = uploads[index]
        let rest = (upload.declared ?? .max) - upload.received
        let count = min(
            rest, Int64.random(in: 1...(6 << 20), using: &random) << Int64.random(in: 0...9, using: &random))
        guard count > 0 else { return }
        uploads[index].received += count
        dayBytes[upload.client, default: 0] += count
        let spareBytes = admission.spareBytes ?? 0
        let isAllowed = upload.received + count <= admission.allowedBytes(upload.ticket)
        let refusal = admission.received(upload.ticket, bytes: uploads[index].received, now: now)
        guard let refusal else {
            if spareBytes >= 0, admission.spareBytes ?? 0 < 0 { fault = "room was promised that is not there" }
            return
        }
        refusals.insert(refusal.code)
        if isAllowed { return fault = "\(refusal) of bytes that were promised" }
        // Nothing of what was refused is written.
        end(index, isLost: true)
    }

    private mutating func end() {
        guard !uploads.isEmpty else { return }
        end(Int.random(in: 0..<uploads.count, using: &random), isLost: random.oneIn(3))
    }

    private mutating func end(_ index: Int, isLost: Bool) {
        let upload = uploads.remove(at: index)
        end(upload, isLost: isLost)
        if random.oneIn(8) { admission.ended(upload.ticket) }
        free += isLost ? upload.written : upload.written - upload.received
    }

    /// What was lost must come again; an upload that lacks nothing is over.
    private mutating func end(_ upload: Upload, isLost: Bool) {
        guard let id = upload.open else { return admission.ended(upload.ticket) }
        created[id]?.requests -= 1
        if !isLost { created[id]?.received += upload.received }
        let lacking = created[id]?.declared.map { $0 - (created[id]?.received ?? 0) } ?? 0
        if random.oneIn(5) {
            admission.ended(upload.ticket)
            return created[id] = nil
        }
        admission.ended(upload.ticket, lackingBytes: lacking, now: now)
        if created[id]?.heard != nil { created[id]?.heard = now.monotonicMilliseconds }
    }

    mutating func endAll() {
        while !uploads.isEmpty { end(0, isLost: false) }
        for id in created.keys { admission.closed(id) }
    }

    /// The disk has taken all that came before the measurement, and a part of what came while it was made.
    private mutating func measure() {
        let start = admission.measurementBegan()
        for index in uploads.indices {
            free -= uploads[index].received - uploads[index].written
            uploads[index].written = uploads[index].received
        }
        readings.disk = .init(freeBytes: free, totalBytes: Self.total)
        if random.oneIn(3) { bring() }
        admission.measured(readings, since: start, now: now)
        for (id, one) in created where one.requests == 0 {
            guard let heard = one.heard,
                heard + OpenUploads.silenceMilliseconds <= now.monotonicMilliseconds
            else { continue }
            created[id]?.heard = nil
        }
    }

    /// Others use the machine.
    private mutating func disturb() {
        if random.oneIn(2) {
            readings.memoryPressurePercent = random.oneIn(2) ? 0 : Double.random(in: 0...100, using: &random)
        } else {
            // Somebody removes documents, so that there is room again.
            free = Int64.random(in: 2...60, using: &random) << 30
            for index in uploads.indices { uploads[index].written = uploads[index].received }
            measure()
        }
    }

    private mutating func setFloor() {
        floor = random.oneIn(2) ? .healthy : ServiceLevel.allCases.randomElement(using: &random) ?? .healthy
        admission.setFloor(floor)
    }

    private mutating func check() {
        guard fault == nil else { return }
        if uploads.count > policy.uploadsMax { fault = "\(uploads.count) uploads" }
        if uploads.count != admission.uploadsInFlight { fault = "\(admission.uploadsInFlight) uploads are counted" }
        for (client, mine) in Dictionary(grouping: uploads, by: \.client) {
            if mine.count > policy.uploadsPerClientMax ?? .max { fault = "\(mine.count) uploads of \(client)" }
        }
        if openCount != admission.uploadsOpen { fault = "\(admission.uploadsOpen) open uploads are counted" }
        if openCount > policy.openUploadsMax { fault = "\(openCount) open uploads" }
        if admission.promisedBytes != promised(uploads) + admission.open.promisedBytes {
            fault = "\(admission.promisedBytes) bytes are promised"
        }
        if admission.promisedBytes < 0 { fault = "a promise below zero" }
        // The watermark: if every upload in flight brought all that it was promised, the kept room would be there.
        let unwritten = uploads.reduce(0) { $0 + $1.received - $1.written }
        let worst = free - unwritten - admission.promisedBytes
        if let spare = admission.spareBytes, spare > 0, worst < Self.kept {
            fault = "the promises reach into the kept room: \(worst)"
        }
    }
}
