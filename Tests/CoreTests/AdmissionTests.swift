import Testing

@testable import Core

@Suite("Admission of uploads")
struct AdmissionTests {
    static let noon = Moment(monotonicMilliseconds: 1000, unixMilliseconds: 1_764_072_000_000)
    static let gibibyte: Int64 = 1 << 30

    static func request(
        _ client: String = "a", _ bytes: Int64? = 10, _ kind: Admission.Kind = .new, limit: Int64? = nil,
        of upload: DocumentID? = nil, lacking: Int64? = nil
    ) -> Admission.Request {
        var request = Admission.Request(client: client, declaredBytes: bytes, kind: kind, sizeLimitBytes: limit)
        request.upload = upload
        request.lackingBytes = lacking
        return request
    }

    static func admission(free: Int64? = nil, _ change: (inout AdmissionPolicy) -> Void = { _ in }) -> Admission {
        var policy = AdmissionPolicy()
        policy.diskKept = .bytes(gibibyte)
        change(&policy)
        var admission = Admission(policy)
        if let free { admission.measure(free: free) }
        return admission
    }

    @Test("the number of uploads is a bound, overall and of one client, and a place comes back at the end")
    func places() throws {
        var admission = Self.admission {
            $0.uploadsMax = 3
            $0.uploadsPerClientMax = 2
        }
        let first = try admission.take(Self.request("a"))
        _ = try admission.take(Self.request("a"))
        #expect(admission.refusal(Self.request("a")) == .tooManyUploadsOfClient(max: 2))
        let other = try admission.take(Self.request("b"))
        #expect(admission.refusal(Self.request("b")) == .tooManyUploads)
        admission.ended(first)
        admission.ended(first)
        #expect(admission.refusal(Self.request("a")) == nil)
        admission.ended(other)
        #expect(admission.uploadsInFlight == 1)
    }

    @Test("what was promised to uploads in flight is not promised again, written or not")
    func promises() throws {
        var admission = Self.admission(free: 3 * Self.gibibyte)
        #expect(admission.spareBytes == 2 * Self.gibibyte)
        let first = try admission.take(Self.request("a", Self.gibibyte))
        #expect(admission.spareBytes == Self.gibibyte)
        #expect(admission.refusal(Self.request("b", Self.gibibyte + 1)) == .storageFull)
        // Bytes that came after the measurement are not in it.
        #expect(admission.received(first, bytes: Self.gibibyte / 2, now: Self.noon) == nil)
        #expect(admission.spareBytes == Self.gibibyte)
        #expect(admission.promisedBytes == Self.gibibyte / 2)
        admission.measure(free: 5 * Self.gibibyte / 2)
        #expect(admission.spareBytes == Self.gibibyte)
        admission.ended(first)
        #expect(admission.spareBytes == 3 * Self.gibibyte / 2)
        #expect(admission.promisedBytes == 0)
    }

    @Test("an upload that does not say its length is promised room in steps, and none that others were promised")
    func steps() throws {
        var admission = Self.admission(free: Self.gibibyte + 3 * Admission.stepBytes)
        let unknown = try admission.take(Self.request("a", nil))
        #expect(admission.allowedBytes(unknown) == Admission.stepBytes)
        let known = try admission.take(Self.request("b", Admission.stepBytes))
        #expect(admission.received(unknown, bytes: Admission.stepBytes, now: Self.noon) == nil)
        #expect(admission.received(unknown, bytes: Admission.stepBytes + 1, now: Self.noon) == nil)
        #expect(admission.allowedBytes(unknown) == 2 * Admission.stepBytes)
        #expect(admission.received(unknown, bytes: 2 * Admission.stepBytes + 1, now: Self.noon) == .storageFull)
        #expect(admission.received(known, bytes: Admission.stepBytes, now: Self.noon) == nil)
        admission.ended(unknown)
        admission.ended(known)
        #expect(admission.promisedBytes == 0)
    }

    @Test("what no waiting changes is too large: the size limit, the disk, the bytes of a day")
    func tooLarge() {
        let admission = Self.admission(free: 0) { $0.bytesPerClientPerDayMax = 2 << 40 }
        #expect(admission.refusal(Self.request("a", 101, limit: 100)) == .tooLarge(limitBytes: 100))
        let most: Int64 = (1 << 40) - Self.gibibyte
        #expect(admission.refusal(Self.request("a", 1 << 40)) == .tooLarge(limitBytes: most))
        let daily = Self.admission { $0.bytesPerClientPerDayMax = 1000 }
        #expect(daily.refusal(Self.request("a", 1001)) == .tooLarge(limitBytes: 1000))
    }

    @Test("one limit is told and enforced: the smallest that no waiting changes")
    func toldLimit() {
        let admission = Self.admission(free: 0) { $0.bytesPerClientPerDayMax = 2 << 40 }
        #expect(Self.admission().sizeLimitBytes(nil) == nil)
        for (own, told) in [(nil, (1 << 40) - Self.gibibyte), (100, 100)] as [(Int64?, Int64)] {
            #expect(admission.sizeLimitBytes(own) == told)
            #expect(admission.refusal(Self.request("a", told + 1, limit: own)) == .tooLarge(limitBytes: told))
        }
        #expect(Self.admission { $0.bytesPerClientPerDayMax = 1000 }.sizeLimitBytes(2000) == 1000)
    }

    @Test("what is left of a client's day is what it is not refused for, promises counted as sent")
    func dayLeft() throws {
        var admission = Self.admission { $0.bytesPerClientPerDayMax = 1000 }
        #expect(admission.dayLeftBytes(of: "a", now: Self.noon) == 1000)
        let first = try admission.take(Self.request("a", 600))
        #expect(admission.dayLeftBytes(of: "a", now: Self.noon) == 400)
        _ = admission.received(first, bytes: 500, now: Self.noon)
        admission.ended(first)
        #expect(admission.dayLeftBytes(of: "a", now: Self.noon) == 500)
        #expect(Self.admission().dayLeftBytes(of: "a", now: Self.noon) == nil)
    }

    @Test("a client's bytes of the day are counted whatever became of them, until midnight in UTC")
    func daily() throws {
        var admission = Self.admission { $0.bytesPerClientPerDayMax = 1000 }
        let first = try admission.take(Self.request("a", 600))
        // Promised bytes count as used.
        let refusal = AdmissionRefusal.dailyBytesUsed(limitBytes: 1000, secondsUntilReset: 43_200)
        #expect(admission.refusal(Self.request("a", 401)) == refusal)
        #expect(admission.refusal(Self.request("b", 401)) == nil)
        #expect(admission.received(first, bytes: 500, now: Self.noon) == nil)
        admission.ended(first)
        #expect(admission.refusal(Self.request("a", 501)) == refusal)
        #expect(admission.refusal(Self.request("a", 500)) == nil)
        let almost = Self.noon.advanced(byMilliseconds: 43_199_999)
        #expect(
            admission.refusal(Self.request("a", 501), at: almost)
                == .dailyBytesUsed(limitBytes: 1000, secondsUntilReset: 1))
        #expect(admission.refusal(Self.request("a", 501), at: almost.advanced(byMilliseconds: 1)) == nil)
    }

    @Test("an upload of unknown length ends when the bytes of the day are used")
    func dailyOfUnknownLength() throws {
        var admission = Self.admission { $0.bytesPerClientPerDayMax = 1000 }
        let unknown = try admission.take(Self.request("a", nil))
        #expect(admission.allowedBytes(unknown) == 1000)
        #expect(admission.received(unknown, bytes: 1000, now: Self.noon) == nil)
        let refusal = admission.received(unknown, bytes: 1001, now: Self.noon)
        #expect(refusal == .dailyBytesUsed(limitBytes: 1000, secondsUntilReset: 43_200))
        admission.ended(unknown)
        #expect(admission.promisedBytes == 0)
    }

    @Test("the clients that are remembered have a bound: those that sent least are forgotten")
    func clientsBound() throws {
        var admission = Self.admission { $0.bytesPerClientPerDayMax = 1000 }
        for number in 0...Admission.clientsMax {
            let ticket = try admission.take(Self.request("client \(number)", 1000))
            _ = admission.received(ticket, bytes: number < 10 ? 1000 : 1, now: Self.noon)
            admission.ended(ticket)
        }
        #expect(admission.clientsRemembered <= Admission.clientsMax)
        // Those that used their day up are not among the forgotten.
        #expect(admission.refusal(Self.request("client 0", 1)) != nil)
        #expect(admission.refusal(Self.request("client 10", 1000)) == nil)
    }

    @Test("what a created upload announced is promised from then on, within its requests and between them")
    func openPromise() throws {
        var admission = Self.admission(free: 3 * Self.gibibyte)
        let id = DocumentID(unixMilliseconds: 1, random: (1, 1))
        try admission.open(Self.request("a", Self.gibibyte, .creation), id)
        #expect(admission.promisedBytes == Self.gibibyte)
        #expect(admission.refusal(Self.request("b", Self.gibibyte + 1)) == .storageFull)
        // A request of it finds its own promise, and takes all of it along.
        let first = try admission.take(Self.request("a", 100, .resume, of: id, lacking: Self.gibibyte))
        #expect(admission.promisedBytes == Self.gibibyte)
        #expect(admission.received(first, bytes: 100, now: Self.noon) == nil)
        admission.ended(first, lackingBytes: Self.gibibyte - 100, now: Self.noon)
        #expect(admission.promisedBytes == Self.gibibyte - 100)
        #expect(admission.spareBytes == Self.gibibyte)
        admission.closed(id)
        admission.closed(id)
        #expect(admission.promisedBytes == 0)
        #expect(admission.uploadsOpen == 0)
    }

    @Test("an upload whose rest would not fit is taken as far as its requests do, and promised what there is")
    func openPromiseInPart() throws {
        var admission = Self.admission(free: Self.gibibyte + 1000)
        let id = DocumentID(unixMilliseconds: 1, random: (1, 1))
        let first = try admission.take(Self.request("a", 100, .resume, of: id, lacking: 5000))
        #expect(admission.promisedBytes == 1000)
        admission.ended(first, lackingBytes: 5000, now: Self.noon)
        #expect(admission.promisedBytes == 1000)
        #expect(admission.refusal(Self.request("b", 1)) == .storageFull)
        #expect(admission.refusal(Self.request("a", 1000, .resume, of: id, lacking: 5000)) == nil)
        #expect(admission.refusal(Self.request("a", 1001, .resume, of: id, lacking: 5000)) == .storageFull)
    }

    @Test("an upload of which nothing is heard for long holds nobody up, and is opened anew when it comes back")
    func silence() throws {
        var admission = Self.admission(free: 3 * Self.gibibyte) { $0.openUploadsPerClientMax = 1 }
        let id = DocumentID(unixMilliseconds: 1, random: (1, 1))
        try admission.open(Self.request("a", Self.gibibyte, .creation), id)
        let almost = Self.noon.advanced(byMilliseconds: OpenUploads.silenceMilliseconds - 1)
        admission.measure(free: 3 * Self.gibibyte, at: almost)
        #expect(admission.refusal(Self.request("a", 1, .creation)) == .tooManyOpenUploadsOfClient(max: 1))
        let later = almost.advanced(byMilliseconds: 1)
        admission.measure(free: 3 * Self.gibibyte, at: later)
        #expect(admission.promisedBytes == 0)
        #expect(admission.refusal(Self.request("a", 1, .creation)) == nil)
        let next = try admission.take(Self.request("a", 10, .resume, of: id, lacking: 20))
        // As long as a request brings bytes the upload is heard of.
        admission.measure(free: 3 * Self.gibibyte, at: later.advanced(byMilliseconds: 10_000_000))
        #expect(admission.uploadsOpen == 1)
        admission.ended(next, lackingBytes: 10, now: later)
        #expect(admission.promisedBytes == 10)
    }

    @Test("uploads that were created and are not over have a bound, overall and of one client; others are not counted")
    func openBounds() throws {
        var admission = Self.admission {
            $0.openUploadsMax = 3
            $0.openUploadsPerClientMax = 2
        }
        let ids = (1...4).map { DocumentID(unixMilliseconds: 1, random: ($0, 1)) }
        try admission.open(Self.request("a", 10, .creation), ids[0])
        try admission.open(Self.request("a", nil, .creation), ids[1])
        #expect(admission.refusal(Self.request("a", 10, .creation)) == .tooManyOpenUploadsOfClient(max: 2))
        try admission.open(Self.request("b", 10, .creation), ids[2])
        #expect(admission.refusal(Self.request("b", 10, .creation)) == .tooManyOpenUploads)
        #expect(admission.refusal(Self.request("b", 10)) == nil)
        // One that is not among them goes on, and makes them no more.
        let other = try admission.take(Self.request("c", 10, .resume, of: ids[3], lacking: 20))
        admission.ended(other, lackingBytes: 10, now: Self.noon)
        #expect(admission.uploadsOpen == 3)
        admission.closed(ids[0])
        #expect(admission.refusal(Self.request("b", 10, .creation)) == nil)
        #expect(AdmissionPolicy().openUploadsMax == 10_000)
    }

    @Test("one whose name is taken changes nothing of the upload that has it")
    func openedTwice() throws {
        var admission = Self.admission(free: 3 * Self.gibibyte)
        let id = DocumentID(unixMilliseconds: 1, random: (1, 1))
        try admission.open(Self.request("a", 1000, .creation), id)
        #expect(throws: AdmissionRefusal.tooManyOpenUploads) {
            try admission.open(Self.request("b", 10, .creation), id)
        }
        #expect(admission.promisedBytes == 1000)
    }

    @Test("bytes that came before need room, and count for no day")
    func uncounted() throws {
        var admission = Self.admission(free: Self.gibibyte + 5000) { $0.bytesPerClientPerDayMax = 1000 }
        var request = Self.request("a", 1000)
        request.uncountedBytes = 700
        let first = try admission.take(request)
        #expect(admission.spareBytes == 4000)
        #expect(admission.dayLeftBytes(of: "a", now: Self.noon) == 700)
        _ = admission.received(first, bytes: 1000, now: Self.noon)
        admission.ended(first)
        #expect(admission.dayLeftBytes(of: "a", now: Self.noon) == 700)
        request.uncountedBytes = 299
        #expect(admission.refusal(request)?.code == "daily_bytes_used")
        request.uncountedBytes = 300
        let second = try admission.take(request)
        admission.ended(second)
        #expect(admission.dayLeftBytes(of: "a", now: Self.noon) == 700, "what did not come is given back")
    }

    @Test("a server that restarts takes nothing, whatever else is true")
    func restarting() {
        var admission = Self.admission(free: 2 * Self.gibibyte)
        admission.beginRestart()
        #expect(admission.refusal(Self.request("a", 10, .resume)) == .restarting)
        #expect(admission.refusal(Self.request("a", 10, limit: 1)) == .restarting)
        #expect(admission.report == LevelReport(level: .resumeOnly, causes: [.restarting]))
        #expect(admission.endOfUploads == nil, "what is on its way may come to its end")
    }

    @Test("who was turned away is told to come back at times that differ, and not before it is worth while")
    func jitter() {
        for refusal in [
            AdmissionRefusal.tooManyUploads, .restarting, .dailyBytesUsed(limitBytes: 1, secondsUntilReset: 9000),
        ] {
            let least = refusal.retrySeconds ?? 0
            let told = Set((0..<1000).map { refusal.retrySeconds(random: $0) ?? 0 })
            #expect(told.count > 2)
            #expect(told.min() == least)
            #expect((told.max() ?? 0) <= least + AdmissionRefusal.jitterSecondsMax)
        }
        #expect(AdmissionRefusal.storageFull.retrySeconds(random: 1) == nil)
    }

    @Test(
        "what stays free is the smaller of 5 % and 1 GiB, or bytes, or a share",
        arguments: [
            ("", 100 << 30, 1 << 30), ("", 1 << 30, (1 << 30) / 20), ("10%", 1000, 100), ("0", 1000, 0),
            ("77", 1000, 77),
        ] as [(String, Int64, Int64)])
    func kept(text: String, total: Int64, expected: Int64) throws {
        #expect(try #require(DiskKept(parsing: text)).bytes(ofTotal: total) == expected)
    }

    @Test(
        "other words for what stays free are refused",
        arguments: ["-1", "100%", "five", "1G", "%", "99999999999999999999"])
    func badKept(text: String) { #expect(DiskKept(parsing: text) == nil) }
}

extension Admission {
    func refusal(_ request: Request, at now: Moment = AdmissionTests.noon) -> AdmissionRefusal? {
        switch decide(request, now: now) {
        case .admit: nil
        case .refuse(let refusal): refusal
        }
    }

    mutating func take(_ request: Request, at now: Moment = AdmissionTests.noon) throws(AdmissionRefusal) -> Ticket {
        switch decide(request, now: now) {
        case .admit(let admitted): return began(admitted)
        case .refuse(let refusal): throw refusal
        }
    }

    /// Creates an upload; one whose name is taken is refused by a word that is not true of it.
    mutating func open(_ request: Request, _ id: DocumentID) throws(AdmissionRefusal) {
        var request = request
        request.upload = id
        switch decide(request, now: AdmissionTests.noon) {
        case .admit(let admitted):
            guard opened(admitted, now: AdmissionTests.noon) else { throw .tooManyOpenUploads }
        case .refuse(let refusal): throw refusal
        }
    }

    /// A measurement of a disk of 1 TiB at this moment.
    mutating func measure(free: Int64, at now: Moment = AdmissionTests.noon) {
        measured(
            PressureReadings(disk: .init(freeBytes: free, totalBytes: 1 << 40)), since: measurementBegan(), now: now)
    }
}
