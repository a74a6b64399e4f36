import Testing

@testable import Core

@Suite("Places in events")
struct WatchPositionTests {
    @Test("a place is read as it was written")
    func roundTrip() {
        for position in [WatchPosition(epoch: "9f3c", offset: 17), WatchPosition(epoch: "0aZ9", offset: 0)] {
            #expect(WatchPosition(parsing: position.description) == position)
        }
    }

    @Test(
        "anything else is no place",
        arguments: ["", "-", "17", "-17", "9f3c", "9f3c-", "9f3c-x", "9f3c- 1", "a-b-1", "a\nb-1", "a\tb-1", "é-1"])
    func foreign(text: String) {
        #expect(WatchPosition(parsing: text) == nil)
    }

    @Test("places in several documents are one line, an epoch that repeats left out")
    func several() {
        var positions = WatchPositions(count: 5)
        #expect(positions.description == "-,-,-,-,-")
        positions.positions[0] = WatchPosition(epoch: "9f3c", offset: 17)
        positions.positions[1] = WatchPosition(epoch: "9f3c", offset: 23)
        positions.positions[3] = WatchPosition(epoch: "a1", offset: 5)
        positions.positions[4] = WatchPosition(epoch: "a1", offset: 6)
        #expect(positions.description == "9f3c-17,23,-,a1-5,6")
        #expect(WatchPositions(parsing: positions.description, count: 5) == positions)
    }

    @Test(
        "a line for other documents, or none at all, is no place in these",
        arguments: ["", "9f3c-17", "17,9f3c-17", "9f3c-17,", "*,*", "9f3c-17,23,5", "9f3c-1,x", "x\ny-1,x\ny-2"])
    func foreignLine(text: String) {
        #expect(WatchPositions(parsing: text, count: 2) == nil)
    }
}
