import JSON
import Testing

@testable import Core

/// The shell around a document, small enough to be simulated: it records a step before it tells it, puts a ceiling on
/// record some time after it is asked for, and its process may end at any moment, also between a write that reached the
/// disk and its news. Then the next process goes on from what is on the disk.
///
/// Goal: whoever watches, leaves, and comes back, before or after such an end, never sees the percentage or the stage
/// go back, sees 100 only when the document is complete, and never a figure above the ceiling on record.
@Suite("Documents through crashes")
struct DocumentSimulationTests {
    struct Disk {
        var record: [UInt8]
        var ceiling: Double
    }

    struct Shell {
        var life: RandomLife
        var disk: Disk
        var told: [UInt8]
        /// A ceiling on its way to the disk.
        var ceilingOnItsWay: Double?
        var processes = 1

        init(_ random: inout SeededRandom) {
            life = RandomLife(&random)
            disk = Disk(record: life.document.recorded(now: life.now), ceiling: 0)
            told = life.document.encoded(now: life.now)
        }

        mutating func record() {
            var coming = life.document
            coming.advanceOffset()
            disk.record = coming.recorded(now: life.now)
            let ceiling = max(coming.percentage.published, coming.percentage.requestedCeiling)
            disk.ceiling = max(disk.ceiling, ceiling)
        }

        /// The commit that carried a step carried the ceiling that the figure may now reach.
        mutating func goOnAfterRecord() throws {
            var document = life.document
            _ = try document.apply(.ceilingRecorded(disk.ceiling), at: life.now)
            life.replace(document, at: life.now)
        }

        mutating func tell() {
            var document = life.document
            document.advanceOffset()
            life.replace(document, at: life.now)
            told = document.encoded(now: life.now)
        }

        /// One thing happens. Returns whether the watchers were told.
        mutating func turn(_ random: inout SeededRandom) throws -> Bool {
            if random.oneIn(25) { return try end(&random) }
            if let ceiling = ceilingOnItsWay, random.oneIn(2) {
                disk.ceiling = max(disk.ceiling, ceiling)
                // The news of it may be lost with the process.
                if random.oneIn(20) { return try end(&random) }
                ceilingOnItsWay = nil
                return try make(.ceilingRecorded(ceiling), &random)
            }
            return try make(life.change(&random), &random)
        }

        private mutating func make(_ change: DocumentChange, _ random: inout SeededRandom) throws -> Bool {
            var document = life.document
            let now = life.now.advanced(byMilliseconds: .random(in: 0...900, using: &random))
            guard let weight = try? document.apply(change, at: now), weight != .none else { return false }
            life.replace(document, at: now)
            if weight == .step {
                // The process may end before the record, or before anybody is told.
                if random.oneIn(40) { return try end(&random) }
                record()
                if random.oneIn(40) { return try end(&random) }
                try goOnAfterRecord()
            }
            if ceilingOnItsWay == nil { ceilingOnItsWay = life.document.percentage.ceilingToRecord }
            // A tick may be merged with the next.
            guard weight == .step || random.oneIn(2) else { return false }
            tell()
            return true
        }

        /// The process ends here, and the next one goes on from the disk.
        mutating func end(_ random: inout SeededRandom) throws -> Bool {
            processes += 1
            var document = try #require(
                Document(record: try JSONValue.parse(disk.record), ceiling: disk.ceiling))
            document.recover(epoch: "e\(processes)", ceiling: disk.ceiling)
            switch document.status {
            case .uploading: _ = try document.apply(.uploadLost, at: life.now)
            case .queued, .processing: _ = try document.apply(.requeued, at: life.now)
            case .complete, .failed, .cancelled: break
            }
            life = RandomLife(of: document, at: life.now)
            ceilingOnItsWay = nil
            record()
            try goOnAfterRecord()
            tell()
            return true
        }
    }

    /// Somebody who watches, not always.
    struct Watcher {
        var progress = 0.0
        var stage = 0
        var epoch = ""
        var offset: Int64 = -1

        static let stages = ["uploading", "queued", "extracting", "chunking", "embedding"]

        mutating func see(_ bytes: [UInt8], ceiling: Double, _ context: String) throws {
            let state = try JSONValue.parse(bytes)
            let figure = try #require(state["progress"]?.numberValue)
            #expect(figure >= progress, "\(context)")
            #expect((figure == 100) == (state["status"]?.stringValue == "complete"), "\(context)")
            #expect(figure == 100 || figure <= ceiling + 0.000_001, "\(context)")
            progress = figure
            if let name = state["stage"]?.stringValue {
                // Another reader's first stage is no step back and none on.
                let place = name == PipelineShape.recognizingName ? "extracting" : name
                let index = try #require(Self.stages.firstIndex(of: place))
                #expect(index >= stage, "\(context)")
                stage = index
            }
            let (newEpoch, newOffset) = (state["epoch"]?.stringValue ?? "", state["offset"]?.integerValue ?? -1)
            if newEpoch == epoch { #expect(newOffset >= offset, "\(context)") }
            (epoch, offset) = (newEpoch, newOffset)
        }
    }

    @Test("a watcher who comes back never sees the percentage go down")
    func crashes() throws {
        for seed in UInt64(1)...300 {
            var random = SeededRandom(seed: seed)
            var shell = Shell(&random)
            var always = Watcher()
            var sometimes = Watcher()
            for turn in 0..<250 {
                let context = "seed \(seed), turn \(turn), process \(shell.processes): \(shell.life.last)"
                if try shell.turn(&random) { try always.see(shell.told, ceiling: shell.disk.ceiling, context) }
                if random.oneIn(15) { try sometimes.see(shell.told, ceiling: shell.disk.ceiling, context) }
            }
        }
    }

    @Test("a document that is left alone after many crashes still comes to its end")
    func completion() throws {
        for seed in UInt64(1)...60 {
            var random = SeededRandom(seed: seed)
            var shell = Shell(&random)
            for _ in 0..<5 {
                for _ in 0..<20 { _ = try shell.turn(&random) }
                _ = try shell.end(&random)
            }
            var document = shell.life.document
            if document.status == .uploading {
                try document.apply([.uploadCompleted(bytes: 10, sha256: nil, contentType: "text/plain")])
            }
            if document.status == .failed || document.status == .cancelled {
                guard document.isUploaded else { continue }
                try document.apply([.retried])
            }
            if document.status == .queued { try document.apply([.leased]) }
            if document.status == .processing { try document.apply([.completed(units: 1, chunks: 1)]) }
            #expect(document.percentage.published == 100, "seed \(seed)")
        }
    }
}
