import Testing

@testable import Core

// Goal: the table of levels, and that a figure which swings around a threshold moves nothing. Method: readings go in at
// chosen times, the report comes out; nothing waits.
@Suite("Levels of service")
struct ServiceLevelTests {
    static let gibibyte: Int64 = 1 << 30

    /// Told once a second, as the sampler does.
    struct Server {
        var admission: Admission
        var now = AdmissionTests.noon
        var readings = PressureReadings(disk: .init(freeBytes: 100 << 30, totalBytes: 1 << 40))

        init(_ change: (inout AdmissionPolicy) -> Void = { _ in }) {
            admission = AdmissionTests.admission {
                $0.ownMemoryBytesMax = 1000
                change(&$0)
            }
        }

        mutating func second(_ change: (inout PressureReadings) -> Void = { _ in }) -> LevelReport {
            change(&readings)
            now = now.advanced(byMilliseconds: 1000)
            admission.measured(readings, since: admission.measurementBegan(), now: now)
            return admission.report
        }

        /// The report after so long that nothing stays for its own sake.
        mutating func settled() -> LevelReport {
            now = now.advanced(byMilliseconds: LevelGauge.stayMilliseconds)
            return second()
        }
    }

    @Test(
        "memory pressure leads through every level, and back through each",
        arguments: [
            (19.9, ServiceLevel.healthy), (20, .queueOnly), (39.9, .queueOnly), (40, .resumeOnly), (69.9, .resumeOnly),
            (70, .readOnly), (100, .readOnly),
        ])
    func memoryPressure(percent: Double, level: ServiceLevel) {
        var server = Server()
        let report = server.second { $0.memoryPressurePercent = percent }
        #expect(report == LevelReport(level: level, causes: level == .healthy ? [] : [.memoryPressure]))
    }

    @Test(
        "own memory leads through every level",
        arguments: [
            (699, ServiceLevel.healthy), (700, .queueOnly), (799, .queueOnly), (800, .resumeOnly), (949, .resumeOnly),
            (950, .readOnly),
        ] as [(Int64, ServiceLevel)])
    func ownMemory(bytes: Int64, level: ServiceLevel) {
        var server = Server()
        let report = server.second { $0.ownMemoryBytes = bytes }
        #expect(report == LevelReport(level: level, causes: level == .healthy ? [] : [.ownMemory]))
    }

    @Test("a disk without room for uploads sheds them; one on which the kept room shrinks ends them")
    func disk() {
        var server = Server()
        #expect(server.second { $0.disk?.freeBytes = Self.gibibyte + 1 }.level == .healthy)
        let low = server.second { $0.disk?.freeBytes = Self.gibibyte }
        #expect(low == LevelReport(level: .resumeOnly, causes: [.diskLow]))
        #expect(server.admission.refusal(AdmissionTests.request()) == .storageFull)
        let full = server.second { $0.disk?.freeBytes = Self.gibibyte / 2 - 1 }
        #expect(full == LevelReport(level: .readOnly, causes: [.diskLow, .diskFull]))
        #expect(server.admission.endOfUploads == .storageFull)
        server.readings.disk?.freeBytes = 10 * Self.gibibyte
        #expect(server.settled() == LevelReport(level: .healthy, causes: []))
    }

    @Test("what was promised counts as taken")
    func promisedDisk() throws {
        var server = Server()
        _ = server.second()
        let ticket = try server.admission.take(AdmissionTests.request("a", 99 << 30))
        #expect(server.second() == LevelReport(level: .resumeOnly, causes: [.diskLow]))
        server.admission.ended(ticket)
        #expect(server.settled().level == .healthy)
    }

    @Test("other bounds do not lift a level before a measurement says so")
    func newPolicy() throws {
        var server = Server()
        #expect(server.second { $0.memoryPressurePercent = 60 }.level == .resumeOnly)
        var policy = server.admission.policy
        policy.uploadsMax = 3
        server.admission.setPolicy(policy)
        #expect(server.admission.report == LevelReport(level: .resumeOnly, causes: [.memoryPressure]))
        #expect(server.admission.refusal(AdmissionTests.request())?.code == "overloaded")
        // Nor does it stay longer, or for a cause that is no longer looked at.
        server.readings.memoryPressurePercent = 0
        #expect(server.settled().level == .healthy)
        #expect(server.second { $0.memoryPressurePercent = 60 }.level == .resumeOnly)
        policy.memoryPressurePercentMax = nil
        server.admission.setPolicy(policy)
        #expect(server.admission.report.level == .healthy)
    }

    @Test("a level is left below its lower threshold, and not before it has stayed")
    func hysteresis() {
        var server = Server()
        #expect(server.second { $0.memoryPressurePercent = 40 }.level == .resumeOnly)
        server.readings.memoryPressurePercent = 20
        #expect(server.settled().level == .resumeOnly, "between the thresholds it stays")
        #expect(server.second { $0.memoryPressurePercent = 41 }.level == .resumeOnly)
        #expect(server.second { $0.memoryPressurePercent = 0 }.level == .resumeOnly)
        for _ in 0..<3 { #expect(server.second().level == .resumeOnly) }
        #expect(server.second().level == .healthy, "five seconds after it was last above")
    }

    @Test("a figure that swings around a threshold changes the level once")
    func noFlapping() {
        var server = Server()
        var changes = 0
        var last = ServiceLevel.healthy
        for second in 0..<600 {
            let level = server.second { $0.memoryPressurePercent = second % 2 == 0 ? 42 : 18 }.level
            if level != last { changes += 1 }
            last = level
        }
        #expect(changes == 1)
    }

    @Test("from a level on the levels below it hold as well: shed uploads, slowed work")
    func table() {
        let rows: [(ServiceLevel, sheds: Bool, runs: Int?)] = [
            (.healthy, false, nil), (.queueOnly, false, 1), (.resumeOnly, true, 1), (.readOnly, true, 1),
        ]
        #expect(rows.map(\.0) == ServiceLevel.allCases)
        for (level, sheds, runs) in rows {
            #expect(level.shedsUploads == sheds)
            #expect(level.runsMax == runs)
            #expect(ServiceLevel(name: level.name) == level)
            var server = Server()
            server.admission.setFloor(level)
            let new = server.admission.refusal(AdmissionTests.request("a", 1, .new))
            let resume = server.admission.refusal(AdmissionTests.request("a", 1, .resume))
            #expect((new != nil) == (level >= .resumeOnly))
            #expect((resume != nil) == (level == .readOnly))
            #expect((server.admission.endOfUploads != nil) == (level == .readOnly))
        }
        #expect(ServiceLevel(name: "none") == nil)
    }

    @Test("an operator's level is a floor: measurements lead above it, and it is left at once")
    func floor() {
        var server = Server()
        server.admission.setFloor(.queueOnly)
        #expect(server.second() == LevelReport(level: .queueOnly, causes: [.setByOperator]))
        let both = server.second { $0.memoryPressurePercent = 50 }
        #expect(both == LevelReport(level: .resumeOnly, causes: [.memoryPressure, .setByOperator]))
        guard case .overloaded(let report) = server.admission.refusal(AdmissionTests.request()) else {
            Issue.record("the measurement is the reason, not the operator")
            return
        }
        #expect(report.causes == [.memoryPressure])
        server.readings.memoryPressurePercent = 0
        server.admission.setFloor(.healthy)
        #expect(server.settled() == LevelReport(level: .healthy, causes: []))
    }

    @Test("when all places are taken the level says so, and a place that is free is given all the same")
    func places() throws {
        var server = Server { $0.uploadsMax = 8 }
        let tickets = try (0..<8).map { _ in try server.admission.take(AdmissionTests.request()) }
        #expect(server.second() == LevelReport(level: .resumeOnly, causes: [.tooManyUploads]))
        #expect(server.admission.refusal(AdmissionTests.request()) == .tooManyUploads)
        server.admission.ended(tickets[0])
        #expect(server.second().level == .resumeOnly)
        #expect(server.admission.refusal(AdmissionTests.request()) == nil)
        #expect(server.settled().level == .healthy)
    }

    @Test("what cannot be measured calls for nothing, and what is switched off is not looked at")
    func unknown() {
        var server = Server {
            $0.memoryPressurePercentMax = nil
            $0.ownMemoryBytesMax = nil
        }
        let report = server.second {
            $0 = PressureReadings(memoryPressurePercent: 100, ownMemoryBytes: .max, disk: nil)
        }
        #expect(report == LevelReport(level: .healthy, causes: []))
        #expect(server.admission.refusal(AdmissionTests.request("a", .max)) == nil)
    }

    @Test("the kernel's figures are read, and nothing else is taken for them")
    func pressureStall() {
        let text = """
            some avg10=12.34 avg60=5.00 avg300=1.00 total=123456
            full avg10=99.00 avg60=0.00 avg300=0.00 total=2345

            """
        #expect(PressureStall.someAverage10Percent(text) == 12.34)
        for other in [
            "", "full avg10=1.00", "some", "some avg10=", "some avg10=-1", "some avg10=101", "some avg10=nan",
        ] {
            #expect(PressureStall.someAverage10Percent(other) == nil)
        }
    }
}
