import Testing

@testable import Core

@Suite("Leases")
struct WorkLeaseTests {
    @Test("a token only grows, also where the clock was set back or the record was older")
    func tokens() {
        var lease = WorkLease()
        #expect(lease.take(atLeast: 700, nowMilliseconds: 0) == 700)
        #expect(lease.take(atLeast: 300, nowMilliseconds: 0) == 701)
        var restored = WorkLease(run: lease.run)
        #expect(restored.take(atLeast: 0, nowMilliseconds: 0) == 702)
        #expect(restored.take(atLeast: 900, nowMilliseconds: 0) == 900)
    }

    @Test("a lease runs out after 30 s, unless it is renewed")
    func end() {
        var lease = WorkLease()
        _ = lease.take(atLeast: 1, nowMilliseconds: 1000)
        #expect(!lease.hasRunOut(nowMilliseconds: 30_999))
        #expect(lease.hasRunOut(nowMilliseconds: 31_000))
        lease.renew(nowMilliseconds: 30_999)
        #expect(!lease.hasRunOut(nowMilliseconds: 60_998))
        #expect(lease.hasRunOut(nowMilliseconds: 60_999))
    }

    @Test("only the newest run of a document that is worked on counts", arguments: DocumentStatus.allCases)
    func fencing(status: DocumentStatus) throws {
        let document = try Document.sample(in: status)
        var lease = WorkLease()
        let late = lease.take(atLeast: 1, nowMilliseconds: 0)
        let newest = lease.take(atLeast: 1, nowMilliseconds: 0)
        #expect(!lease.isHeld(by: late, of: document))
        #expect(lease.isHeld(by: newest, of: document) == (status == .processing))
    }

    @Test("files stay of the run that is under way, of the result, and of what is gone on from")
    func output() throws {
        for status in DocumentStatus.allCases {
            let document = try Document.sample(in: status)
            let lease = WorkLease(run: 8)
            #expect(!lease.needsOutput(of: 7, of: document), "\(status)")
            #expect(lease.needsOutput(of: 8, of: document) == (status == .processing || status == .complete))
        }
        var resuming = try Document.sample(in: .processing)
        let point = Checkpoint(run: 7, units: 3, textBytes: 30, resultBytes: 9, chunks: 1, settings: "a")
        try resuming.apply([.checkpointed(point)])
        #expect(WorkLease(run: 9).needsOutput(of: 7, of: resuming))
        #expect(!WorkLease(run: 9).needsOutput(of: 8, of: resuming))
        // A retry goes on from what a failed document has.
        try resuming.apply([.failed(DocumentError(.crashed, "The worker ended."))])
        #expect(WorkLease(run: 9).needsOutput(of: 7, of: resuming))
        try resuming.apply([.retried, .cancelled])
        #expect(!WorkLease(run: 9).needsOutput(of: 7, of: resuming))
    }
}
