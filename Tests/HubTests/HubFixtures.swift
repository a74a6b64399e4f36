import Core
import Testing

@testable import Hub

/// SplitMix64: a run that failed is run again from its seed.
struct SeededRandom: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var value = state
        value = (value ^ (value >> 30)) &* 0xbf58_476d_1ce4_e5b9
        value = (value ^ (value >> 27)) &* 0x94d0_49bb_1331_11eb
        return value ^ (value >> 31)
    }

    /// True once in `count` times.
    mutating func oneIn(_ count: Int) -> Bool { Int.random(in: 0..<count, using: &self) == 0 }
}

func documentID(_ number: Int) -> DocumentID { DocumentID(unixMilliseconds: 1, random: (0, UInt64(number))) }

/// An event whose JSON says what it is.
func event(_ document: Int, _ offset: Int64, _ weight: ChangeWeight = .step, terminal: Bool = false) -> EncodedEvent {
    EncodedEvent(
        document: documentID(document), position: WatchPosition(epoch: "e", offset: offset), weight: weight,
        status: terminal ? .complete : .processing, json: Array("{\"d\":\(document),\"o\":\(offset)}".utf8))
}

/// A member that remembers what it was told.
final class RecordingMember: TopicMember {
    var membership = Membership()
    private(set) var runs: [[Int64]] = []
    var whenDelivered: () -> Void = {}

    var offsets: [Int64] { runs.flatMap { $0 } }

    func deliver(_ run: EventRun) {
        runs.append(run.events.map(\.position.offset))
        whenDelivered()
    }
}
