import JSON

@testable import Core

/// One document to which random things happen, in any order, whether they make sense or not. Its worker tells the truth
/// about one thing: stages finish in their order.
struct RandomLife {
    private(set) var document: Document
    private(set) var now = Moment.start
    private(set) var last = "created"
    private var done: [Int64] = [0, 0, 0]
    private var finished = 0

    init(_ random: inout SeededRandom) {
        document = Document(
            id: .sample, epoch: "e0", name: "n", contentType: nil, bytesTotal: random.oneIn(3) ? nil : 5000,
            pipeline: .document, metadata: ["k": .string("v")], awaitsContent: random.oneIn(2), at: now)
    }

    /// Takes up a life from its record.
    init(of document: Document, at now: Moment) {
        self.document = document
        self.now = now
    }

    /// What the shell made of the last change.
    mutating func replace(_ document: Document, at now: Moment) {
        self.document = document
        self.now = now
    }

    mutating func step(_ random: inout SeededRandom) {
        now = now.advanced(byMilliseconds: .random(in: 0...3000, using: &random))
        var change = change(&random)
        // Whoever makes the changes keeps the ceilings, too.
        if random.oneIn(3), let ceiling = document.percentage.ceilingToRecord { change = .ceilingRecorded(ceiling) }
        _ = try? document.apply(change, at: now)
        if random.oneIn(2) { document.advanceOffset() }
    }

    /// The next change from outside: mostly the one that leads on, sometimes any. Ceilings are not among them.
    mutating func change(_ random: inout SeededRandom) -> DocumentChange {
        let change = random.oneIn(4) ? anyChange(&random) : nextChange(&random)
        if case .leased = change, document.status == .queued { (done, finished) = ([0, 0, 0], 0) }
        last = "\(change)"
        return change
    }

    private mutating func nextChange(_ random: inout SeededRandom) -> DocumentChange {
        switch document.status {
        case .uploading:
            return random.oneIn(5)
                ? .uploadCompleted(
                    bytes: .random(in: 1...6000, using: &random), sha256: random.oneIn(2) ? nil : "ab12",
                    contentType: "application/pdf")
                : .uploadProgressed(received: document.bytesReceived + .random(in: 0...900, using: &random))
        case .queued: return .leased
        case .processing: return finished == 3 ? .completed(units: 30, chunks: 40) : .worked(work(&random))
        case .complete: return .queued(position: 1)
        case .failed, .cancelled: return .retried
        }
    }

    private mutating func anyChange(_ random: inout SeededRandom) -> DocumentChange {
        switch Int.random(in: 0...21, using: &random) {
        case 0: .uploadBegan(total: random.oneIn(2) ? nil : .random(in: 0...6000, using: &random), contentType: nil)
        case 1: .uploadProgressed(received: .random(in: 0...9000, using: &random))
        case 2: .uploadLost
        case 3: .leased
        case 4, 5: .worked(work(&random))
        case 6:
            random.oneIn(4) ? .completed(units: 8, chunks: 3) : .queued(position: .random(in: 1...9, using: &random))
        case 7: .failed(DocumentError(.crashed, "The worker ended."))
        case 8: .cancelled
        case 9: .retried
        case 10: .requeued
        case 12: .uploadContinued(token: 7, length: random.oneIn(2) ? nil : .random(in: 0...6000, using: &random))
        case 13: .uploadPaused(written: .random(in: 0...9000, using: &random))
        case 14: .uploadAcknowledged(.random(in: 0...9000, using: &random))
        case 15: .uploadCutBack
        case 16:
            .setBack(
                message: "The worker ended.", notBeforeMilliseconds: .random(in: 0...9000, using: &random),
                isAttempt: random.oneIn(2))
        case 17:
            .checkpointed(
                random.oneIn(3)
                    ? nil
                    : Checkpoint(
                        run: 5, units: .random(in: 0...60, using: &random), textBytes: 900, resultBytes: 700, chunks: 4,
                        settings: "1000/150"))
        case 18: .resultTakenOver(bytes: 800, sha256: "ef56", contentType: "application/pdf", .ofFourPages)
        case 19:
            .fellBack(
                DocumentError(random.oneIn(2) ? .noText : .unreadable, "There is nothing in it."),
                to: random.oneIn(2) ? .second : .recognizer)
        case 20: .attachmentsListed(random.oneIn(2) ? [] : ["a.txt"])
        case 11: .uploadUnusable(bytes: 900, sha256: "cd34", DocumentError(.unsupportedType, "It is a picture."))
        default: .queued(position: nil)
        }
    }

    private mutating func work(_ random: inout SeededRandom) -> WorkProgress {
        for index in done.indices { done[index] += .random(in: 0...8, using: &random) }
        if random.oneIn(6) { finished = min(finished + 1, 3) }
        let total: Int64? = random.oneIn(4) ? nil : .random(in: 20...60, using: &random)
        return .pages(done, of: total, finished: finished)
    }
}
