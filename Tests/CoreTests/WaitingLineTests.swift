import Testing

@testable import Core

@Suite("The line of waiting documents")
struct WaitingLineTests {
    static func id(_ number: UInt64) -> DocumentID { DocumentID(unixMilliseconds: 1, random: (0, number)) }

    static func served(_ line: inout WaitingLine, _ count: Int = .max) -> [UInt64] {
        var numbers: [UInt64] = []
        while numbers.count < count, let next = line.takeFirst() {
            numbers.append((UInt64(0)...1000).first { id($0) == next } ?? 0)
        }
        return numbers
    }

    @Test("who came first is served first")
    func order() {
        var line = WaitingLine()
        #expect(line.takeFirst() == nil)
        for number in UInt64(1)...3 { line.join(Self.id(number)) }
        #expect(line.count == 3)
        #expect((UInt64(1)...3).map { line.position(of: Self.id($0)) } == [1, 2, 3])
        #expect(line.takeFirst() == Self.id(1))
        #expect(line.position(of: Self.id(2)) == 1)
        #expect(line.position(of: Self.id(1)) == nil)
    }

    @Test("joining again keeps the place; leaving and joining again is the end of the line")
    func again() {
        var line = WaitingLine()
        for number in UInt64(1)...3 { line.join(Self.id(number)) }
        line.join(Self.id(1), WorkTicket(priority: .high))
        #expect(line.position(of: Self.id(1)) == 1)
        line.leave(Self.id(1))
        line.leave(Self.id(1))
        line.join(Self.id(1))
        #expect(line.position(of: Self.id(1)) == 3)
    }

    @Test("clients take turns, however many documents one of them has waiting")
    func fairness() {
        var line = WaitingLine()
        for number in UInt64(1)...5 { line.join(Self.id(number), WorkTicket(client: "many")) }
        #expect(Self.served(&line, 1) == [1])
        for number in UInt64(11)...12 { line.join(Self.id(number), WorkTicket(client: "few")) }
        line.join(Self.id(21), WorkTicket(client: "one"))
        #expect(line.position(of: Self.id(21)) == 3)
        #expect(Self.served(&line) == [2, 11, 21, 3, 12, 4, 5])
    }

    @Test("a high priority is served before what waits, a low one behind it")
    func priorities() {
        var line = WaitingLine()
        for number in UInt64(1)...3 { line.join(Self.id(number)) }
        line.join(Self.id(10), WorkTicket(priority: .low))
        line.join(Self.id(20), WorkTicket(priority: .high))
        line.join(Self.id(21), WorkTicket(priority: .high))
        #expect(Self.served(&line) == [20, 21, 1, 2, 3, 10])
    }

    @Test(
        "nobody starves: of those that keep coming at a higher priority, sixteen pass at most",
        arguments: [
            (WorkPriority.normal, WorkPriority.high), (.low, .normal),
        ])
    func starvation(waiting: WorkPriority, coming: WorkPriority) {
        var line = WaitingLine()
        line.join(Self.id(0), WorkTicket(client: "patient", priority: waiting))
        var passed = 0
        for number in UInt64(1)...100 {
            line.join(Self.id(number), WorkTicket(client: "busy", priority: coming))
            if line.takeFirst() == Self.id(0) { break }
            passed += 1
        }
        #expect(passed <= 16)
    }

    @Test("a document that waits for its time joins the line then, and may leave before")
    func delays() {
        var line = WaitingLine()
        line.join(Self.id(1), WorkTicket(notBeforeMilliseconds: 2000))
        line.join(Self.id(2), WorkTicket(notBeforeMilliseconds: 1000))
        line.join(Self.id(3), WorkTicket(notBeforeMilliseconds: 1000))
        line.join(Self.id(2))
        #expect(line.isEmpty && line.delayedCount == 3 && line.nextMilliseconds == 1000)
        #expect(line.position(of: Self.id(2)) == nil)
        line.admit(at: 999)
        #expect(line.takeFirst() == nil)
        line.leave(Self.id(3))
        line.admit(at: 1000)
        #expect(line.count == 1 && line.delayedCount == 1 && line.nextMilliseconds == 2000)
        #expect(line.takeFirst() == Self.id(2))
        line.admit(at: 5000)
        #expect(Self.served(&line) == [1])
    }

    @Test("of one client it does as a plain array does, in any order of joining, leaving and being served")
    func random() {
        for seed in UInt64(1)...100 {
            var random = SeededRandom(seed: seed)
            var line = WaitingLine()
            var model: [DocumentID] = []
            for _ in 0..<300 {
                let id = Self.id(.random(in: 1...40, using: &random))
                switch Int.random(in: 0...5, using: &random) {
                case 0...2:
                    line.join(id)
                    if !model.contains(id) { model.append(id) }
                case 3:
                    line.leave(id)
                    model.removeAll { $0 == id }
                default: #expect(line.takeFirst() == (model.isEmpty ? nil : model.removeFirst()), "seed \(seed)")
                }
                #expect(line.count == model.count, "seed \(seed)")
                #expect(line.isEmpty == model.isEmpty, "seed \(seed)")
                #expect(line.position(of: id) == model.firstIndex(of: id).map { $0 + 1 }, "seed \(seed)")
            }
            #expect(model.map { line.position(of: $0) } == model.indices.map { $0 + 1 }, "seed \(seed)")
        }
    }

    @Test("of many clients, the places are the order in which they are served")
    func places() {
        for seed in UInt64(1)...50 {
            var random = SeededRandom(seed: seed)
            var line = WaitingLine()
            for number in UInt64(1)...60 {
                line.join(
                    Self.id(number),
                    WorkTicket(
                        client: ["a", "b", "c"].randomElement(using: &random),
                        priority: WorkPriority.allCases.randomElement(using: &random) ?? .normal))
                if Int.random(in: 0...3, using: &random) == 0 { _ = line.takeFirst() }
                if Int.random(in: 0...9, using: &random) == 0 {
                    line.leave(Self.id(.random(in: 1...60, using: &random)))
                }
            }
            var waiting = (UInt64(1)...60).map(Self.id).filter { line.position(of: $0) != nil }
            waiting.sort { line.position(of: $0)! < line.position(of: $1)! }
            #expect(waiting.map { line.position(of: $0)! } == Array(1...waiting.count), "seed \(seed)")
            for id in waiting { #expect(line.takeFirst() == id, "seed \(seed)") }
            #expect(line.isEmpty)
        }
    }

    @Test("a clock that is set back makes nobody wait longer than any wait is long")
    func clockSetBack() {
        let longest = WorkTicket.waitMillisecondsMax
        #expect(longest >= RetryPolicy.waitMillisecondsMax)
        #expect(longest >= CircuitBreaker.Policy().openMillisecondsMax)
        let time: Int64 = 1_795_464_845_000
        var line = WaitingLine()
        line.join(Self.id(1), WorkTicket(notBeforeMilliseconds: time + longest))
        line.join(Self.id(2), WorkTicket(notBeforeMilliseconds: time + 2000))
        line.admit(at: time)
        #expect((line.count, line.delayedCount) == (0, 2))
        line.admit(at: time - 1)
        #expect(line.position(of: Self.id(1)) == 1)
        #expect(line.delayedCount == 1)
        line.admit(at: time - 86_400_000)
        #expect(Self.served(&line) == [1, 2])
        #expect(line.nextMilliseconds == nil)
    }
}
