import Testing

@testable import Core

@Suite("Where a list goes on")
struct ListPositionTests {
    @Test("a cursor is read as it was written", arguments: [0, 1, 1_795_464_845_123, Int64.max])
    func roundTrip(milliseconds: Int64) {
        let position = ListPosition(createdAtMilliseconds: milliseconds, sequence: 17)
        #expect(ListPosition(cursor: position.cursor) == position)
    }

    @Test(
        "anything else is no cursor",
        arguments: [
            "", ".", "1", "1.", ".1", "x.1", "1.x", "1.1.", "1.1.1", " 1.1", "9223372036854775808.1",
            "1.0190b6c2-7e4a-7c3a-9d1e-0a1b2c3d4e5f",
        ])
    func foreign(cursor: String) {
        #expect(ListPosition(cursor: cursor) == nil)
    }
}
