import Core
import Testing

@testable import Hub

@Suite("The circle of a topic's watchers")
struct TopicFanOutTests {
    private let fanOut = TopicFanOut(LoopCompressors())

    private func members(_ count: Int) -> [RecordingMember] {
        let members = (0..<count).map { _ in RecordingMember() }
        for member in members { fanOut.attach(member) }
        return members
    }

    private func serveAll() {
        while !fanOut.isIdle { _ = fanOut.serve(deliveriesMax: 7) }
    }

    @Test("everybody gets every event, in order, and nothing is kept when all have it")
    func everybody() {
        let members = members(20)
        for offset in 1...3 as ClosedRange<Int64> {
            fanOut.publish(event(1, offset))
            serveAll()
        }
        for member in members { #expect(member.runs == [[1], [2], [3]]) }
        #expect(fanOut.pendingCount == 0)
    }

    @Test("what is published while a round is under way joins what the later ones get; one delivery a round")
    func merged() {
        let members = members(10)
        fanOut.publish(event(1, 1))
        #expect(fanOut.serve(deliveriesMax: 4) == 4)
        fanOut.publish(event(1, 2))
        serveAll()
        for member in members[..<4] { #expect(member.runs == [[1], [2]]) }
        for member in members[4...] { #expect(member.runs == [[1, 2]]) }
    }

    @Test("a tick that a later event of its document follows is left out of a run; steps and other documents are not")
    func superseded() {
        let member = members(1)[0]
        fanOut.publish(event(1, 1, .tick))
        fanOut.publish(event(2, 2, .tick))
        fanOut.publish(event(1, 3, .step))
        fanOut.publish(event(1, 4, .tick))
        fanOut.publish(event(1, 5, .tick))
        serveAll()
        #expect(member.runs == [[2, 3, 5]])
    }

    @Test("who joins gets what is published from then on; who leaves gets nothing more")
    func joinAndLeave() {
        let early = members(3)
        fanOut.publish(event(1, 1))
        _ = fanOut.serve(deliveriesMax: 1)
        let late = members(2)
        fanOut.detach(early[1])
        fanOut.detach(early[1])
        fanOut.publish(event(1, 2))
        serveAll()
        #expect(early[0].offsets == [1, 2] && early[1].offsets == [] && early[2].offsets == [1, 2])
        for member in late { #expect(member.offsets == [2]) }
        #expect(fanOut.memberCount == 4)
    }

    @Test("members may leave, and others with them, while they are told")
    func leaveWhileTold() {
        let members = members(6)
        for member in members {
            member.whenDelivered = {
                fanOut.detach(member)
                fanOut.detach(members[5])
            }
        }
        fanOut.publish(event(1, 1))
        serveAll()
        #expect(members[..<5].allSatisfy { $0.offsets == [1] } && members[5].offsets == [])
        #expect(fanOut.memberCount == 0 && fanOut.isIdle)
        fanOut.publish(event(1, 2))
        #expect(fanOut.pendingCount == 0, "nobody is there to keep it for")
    }

    @Test("a storm keeps no more events than came in two rounds")
    func storm() {
        let members = members(100)
        var offset: Int64 = 0
        for _ in 0..<2000 {
            offset += 1
            fanOut.publish(event(1, offset))
            _ = fanOut.serve(deliveriesMax: 10)
            #expect(fanOut.pendingCount <= 2 * 100 / 10 + 2)
        }
        serveAll()
        for member in members { #expect(member.offsets == Array(1...2000)) }
    }

    @Test(
        "whatever comes and goes, everybody gets what was published while it was there",
        arguments: 1...30 as ClosedRange<UInt64>)
    func random(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        var present: [(member: RecordingMember, since: Int64)] = []
        var offset: Int64 = 0
        for _ in 0..<2000 {
            switch Int.random(in: 0..<10, using: &random) {
            case 0...2:
                present.append((RecordingMember(), offset))
                fanOut.attach(present[present.count - 1].member)
            case 3...4:
                guard let index = present.indices.randomElement(using: &random) else { continue }
                let gone = present.remove(at: index)
                fanOut.detach(gone.member)
                let expected = Array(gone.since..<gone.since + Int64(gone.member.offsets.count)).map { $0 + 1 }
                #expect(gone.member.offsets == expected, "seed \(seed)")
            case 5...7:
                offset += 1
                fanOut.publish(event(1, offset))
            default: _ = fanOut.serve(deliveriesMax: .random(in: 1...20, using: &random))
            }
        }
        serveAll()
        for (member, since) in present {
            #expect(member.offsets == Array(since..<offset).map { $0 + 1 }, "seed \(seed)")
        }
    }
}
