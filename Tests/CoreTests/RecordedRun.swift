import Glibc
import Testing

@testable import Core

/// What a server was told of a real document's run, from its start to its end.
///
/// `Tests/Fixtures/recorded-runs.txt` has a run a line (`Tests/EndToEnd/record_runs.py` makes it):
///
///     NAME CONTENT-TYPE BYTES SIDE-BY-SIDE: STATE, STATE, …
///
/// A state has what is new since the one before: milliseconds, units done in each stage; then how many stages have
/// finished and, where it has changed, the total (0: not known yet); at last the ranges as `WorkProgress.compact` tells
/// them, where there are any.
struct RecordedRun {
    struct State {
        var milliseconds: Int64 = 0
        var done: [Int64] = [0, 0, 0]
        var finished = 0
        var total: Int64?
        var ranges: [WorkProgress.Range] = []

        var work: WorkProgress {
            WorkProgress(
                total: total, unitsArePages: true,
                stages: done.enumerated().map { .init(done: $1, isFinished: $0 < finished) },
                ranges: ranges)
        }
    }

    var name: String
    var contentType: String
    var bytes: Int64
    /// The last one is the end.
    var states: [State]

    var milliseconds: Int64 { states.last?.milliseconds ?? 0 }

    init(line: Substring) throws {
        let colon = try #require(line.firstIndex(of: ":"))
        let head = line[..<colon].split(separator: " ")
        name = String(head[0])
        contentType = String(head[1])
        bytes = try #require(Int64(head[2]))
        states = []
        var state = State()
        for text in line[line.index(after: colon)...].split(separator: ",") {
            let parts = text.split(separator: " ")
            let figures = try parts.prefix { !$0.contains("+") }.map { try #require(Int64($0)) }
            state.milliseconds += figures[0]
            for index in 0..<3 { state.done[index] += figures[1 + index] }
            state.finished = Int(figures[4])
            if figures.count > 5 { state.total = figures[5] > 0 ? figures[5] : nil }
            state.ranges = try parts.dropFirst(figures.count).map(Self.range)
            states.append(state)
        }
    }

    /// `BEFORE+DONE/TOTAL` and w, s or f.
    private static func range(_ text: Substring) throws -> WorkProgress.Range {
        let figures = try text.dropLast().split { "+/".contains($0) }.map { try #require(Int64($0)) }
        try #require(figures.count == 3)
        return .init(
            before: figures[0], done: figures[1], total: figures[2], isStarted: text.last != "w",
            isFinished: text.last == "f")
    }

    static func all() throws -> [RecordedRun] {
        // …/Tests/CoreTests/RecordedRun.swift
        let folder = "/" + #filePath.split(separator: "/").dropLast(2).joined(separator: "/")
        let file = try #require(fopen("\(folder)/Fixtures/recorded-runs.txt", "r"))
        defer { fclose(file) }
        var bytes: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 64 * 1024)
        while case let count = fread(&piece, 1, piece.count, file), count > 0 { bytes += piece[..<count] }
        return try String(decoding: bytes, as: UTF8.self).split(separator: "\n").map(RecordedRun.init)
    }
}

/// What the estimates of documents were worth, each document counting as much as any other.
struct EstimateScore {
    private var runs = 0
    private var coverageSum = 0.0
    private var errors: [(error: Double, weight: Double)] = []
    private var widths: [(error: Double, weight: Double)] = []
    private(set) var statesAsked = 0
    private(set) var statesAnswered = 0

    /// Estimates of one document with what truly remained then, in seconds.
    mutating func take(_ told: [(estimate: RemainingTime.Estimate?, truth: Double)], of run: RecordedRun) {
        let answered = told.compactMap { told in told.estimate.map { ($0, told.truth) } }
        if run.milliseconds >= Self.answeredMilliseconds {
            statesAsked += told.count
            statesAnswered += answered.count
        }
        guard !answered.isEmpty else { return }
        runs += 1
        // A tenth is shown, so that is how exactly the truth is known.
        let covered = answered.count { $0.lowSeconds <= $1 + 0.05 && $1 - 0.05 <= $0.highSeconds }
        coverageSum += Double(covered) / Double(answered.count)
        let far = answered.filter { $0.1 >= Self.errorSecondsMin }
        for (estimate, truth) in far {
            errors.append((abs(estimate.seconds / truth - 1), 1 / Double(far.count)))
            widths.append((estimate.highSeconds / max(0.05, estimate.lowSeconds), 1 / Double(far.count)))
        }
    }

    /// A shorter run is over before there is evidence, unless others like it are known.
    static let answeredMilliseconds: Int64 = 1000
    /// Nearer to the end an error is a matter of the tenths that are shown.
    static let errorSecondsMin = 0.5

    var coverage: Double { coverageSum / Double(max(1, runs)) }
    var medianError: Double { Self.median(errors) }
    var medianWidth: Double { Self.median(widths) }
    var answeredShare: Double { Double(statesAnswered) / Double(max(1, statesAsked)) }

    private static func median(_ values: [(error: Double, weight: Double)]) -> Double {
        let half = values.reduce(0) { $0 + $1.weight } / 2
        var sum = 0.0
        for value in values.sorted(by: { $0.error < $1.error }) {
            sum += value.weight
            if sum >= half { return value.error }
        }
        return 0
    }
}
