import Testing

@testable import Core

@Suite("What waits for a slow watcher")
struct OutboxTests {
    static func id(_ number: UInt64) -> DocumentID { DocumentID(unixMilliseconds: 1, random: (0, number)) }

    static func item(_ event: Int, _ document: UInt64, _ weight: ChangeWeight, bytes: Int = 10) -> Outbox<Int>.Item {
        Outbox<Int>.Item(event: event, document: id(document), weight: weight, byteCount: bytes)
    }

    /// Puts items in one after the other; whether each still fitted.
    static func put(
        _ items: [Outbox<Int>.Item], into outbox: inout Outbox<Int>, bytesMax: Int = Outbox<Int>.bytesMaxDefault
    ) -> [Bool] {
        items.map { outbox.put($0, bytesMax: bytesMax) }
    }

    @Test("a tick is replaced by whatever comes after it for the same document")
    func ticks() {
        var outbox = Outbox<Int>()
        let items = [Self.item(1, 1, .tick), Self.item(2, 2, .tick), Self.item(3, 1, .tick), Self.item(4, 2, .step)]
        #expect(Self.put(items, into: &outbox) == [true, true, true, true])
        #expect(outbox.takeAll().map(\.event) == [3, 4])
        #expect(outbox.isEmpty)
        #expect(outbox.takeAll().map(\.event) == [])
    }

    @Test("steps stay, all of them, in their order")
    func steps() {
        var outbox = Outbox<Int>()
        let weights: [ChangeWeight] = [.step, .step, .step, .tick, .tick, .step]
        _ = Self.put(weights.enumerated().map { Self.item($0, 1, $1) }, into: &outbox)
        #expect(outbox.takeAll().map(\.event) == [0, 1, 2, 5])
    }

    @Test("a watcher that has more waiting than it may hold is too slow")
    func bound() {
        var outbox = Outbox<Int>()
        let items = [
            Self.item(1, 1, .step, bytes: 60), Self.item(2, 1, .tick, bytes: 40),
            // Takes the tick's place: still within the bound.
            Self.item(3, 1, .tick, bytes: 40),
            Self.item(4, 1, .step, bytes: 41),
        ]
        #expect(Self.put(items, into: &outbox, bytesMax: 100) == [true, true, true, false])
    }

    @Test("the default bound is 256 KiB")
    func defaultBound() {
        var outbox = Outbox<Int>()
        let items = [Self.item(1, 1, .step, bytes: 256 * 1024), Self.item(2, 1, .step, bytes: 1)]
        #expect(Self.put(items, into: &outbox) == [true, false])
    }

    @Test("what is not wanted any more makes room, and the rest keeps its order")
    func removed() {
        var outbox = Outbox<Int>()
        let items = [
            Self.item(1, 1, .step, bytes: 60), Self.item(2, 2, .step, bytes: 30), Self.item(3, 1, .tick, bytes: 10),
        ]
        _ = Self.put(items, into: &outbox, bytesMax: 100)
        outbox.removeAll(of: Self.id(1))
        #expect(Self.put([Self.item(4, 1, .step, bytes: 70)], into: &outbox, bytesMax: 100) == [true])
        #expect(outbox.takeAll().map(\.event) == [2, 4])
    }

    @Test("taking what waits makes room again")
    func room() {
        var outbox = Outbox<Int>()
        for event in 0..<10 {
            #expect(Self.put([Self.item(event, 1, .step, bytes: 100)], into: &outbox, bytesMax: 100) == [true])
            #expect(outbox.takeAll().map(\.event) == [event])
        }
    }

    @Test("random events: every step and the newest of each document arrive, in order")
    func random() {
        for seed in UInt64(1)...200 {
            var random = SeededRandom(seed: seed)
            var outbox = Outbox<Int>()
            var sent: [Outbox<Int>.Item] = []
            var seen: [Outbox<Int>.Item] = []
            for event in 0..<200 {
                let weight: ChangeWeight = random.oneIn(4) ? .step : .tick
                let item = Self.item(event, .random(in: 1...4, using: &random), weight)
                sent.append(item)
                #expect(Self.put([item], into: &outbox) == [true])
                if random.oneIn(12) { seen += outbox.takeAll() }
            }
            seen += outbox.takeAll()
            #expect(seen.map(\.event) == seen.map(\.event).sorted(), "seed \(seed)")
            let steps = sent.filter { $0.weight == .step }.map(\.event)
            #expect(seen.filter { $0.weight == .step }.map(\.event) == steps, "seed \(seed)")
            for document in UInt64(1)...4 {
                let newest = sent.last { $0.document == Self.id(document) }?.event
                #expect(seen.last { $0.document == Self.id(document) }?.event == newest, "seed \(seed)")
            }
        }
    }
}
