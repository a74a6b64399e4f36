import Testing

@testable import Core

@Suite("The sum of parts")
struct PartsSumTests {
    private static func id(_ number: UInt64) -> DocumentID { DocumentID(unixMilliseconds: 1, random: (number, 1)) }

    private static func part(_ number: UInt64, _ length: Int64?, acknowledged: Int64 = 0) -> PartsSum.Part {
        PartsSum.Part(id: id(number), length: length, acknowledgedBytes: acknowledged)
    }

    @Test("a part that comes again adds its bytes, and was sent once")
    func repeated() {
        let sum = PartsSum([Self.part(1, 10), Self.part(2, 5), Self.part(1, 10), Self.part(1, 10)])
        #expect((sum.bytes, sum.sentBytes, sum.isKnown) == (35, 15, true))
    }

    @Test("parts whose length is not known count with what they have")
    func unknown() {
        let sum = PartsSum([Self.part(1, nil, acknowledged: 7), Self.part(2, 5)])
        #expect((sum.bytes, sum.sentBytes, sum.isKnown) == (12, 12, false))
    }

    @Test("lengths that nobody could bring do not pass the largest number")
    func largest() {
        let sum = PartsSum([Self.part(1, .max), Self.part(1, .max), Self.part(2, .max)])
        #expect((sum.bytes, sum.sentBytes) == (.max, .max))
    }

    @Test("no parts are no bytes")
    func none() { #expect(PartsSum([]).bytes == 0) }
}
