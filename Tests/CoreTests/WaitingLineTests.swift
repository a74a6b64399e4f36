import Testing

@testable import Core

@Suite("The line of waiting documents")
struct WaitingLineTests {
    static func id(_ number: UInt64) -> DocumentID { DocumentID(unixMilliseconds: 1, random: (0, number)) }

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
        line.join(Self.id(1))
        #expect(line.position(of: Self.id(1)) == 1)
        line.leave(Self.id(1))
        line.leave(Self.id(1))
        line.join(Self.id(1))
        #expect(line.position(of: Self.id(1)) == 3)
    }

    @Test("it does as a plain array does, in any order of joining, leaving and being served")
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
}
