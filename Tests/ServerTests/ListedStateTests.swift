import Core
import Testing

@testable import Server

@Suite("What the list tells of a document in memory")
struct ListedStateTests {
    @Test("without a status it is what watchers saw, whatever is on record")
    func whole() {
        #expect(ListedState(status: nil, told: .processing, at: 7, recordedOffset: 9) == .told)
        #expect(ListedState(status: nil, told: .processing, at: 7, recordedOffset: 3) == .told)
    }

    @Test("narrowed to a status it is what watchers saw when that has the status")
    func told() {
        #expect(ListedState(status: .processing, told: .processing, at: 7, recordedOffset: 9) == .told)
    }

    @Test("one that is complete on record and not yet told to be is told as complete, never as processing")
    func ahead() {
        #expect(ListedState(status: .complete, told: .processing, at: 7, recordedOffset: 8) == .recorded)
    }

    @Test("one that has left the status without a record of it is not listed")
    func behind() {
        #expect(ListedState(status: .queued, told: .processing, at: 7, recordedOffset: 5) == .nothing)
    }
}
