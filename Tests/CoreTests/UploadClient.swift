@testable import Core

/// Somebody who brings an upload's bytes, by tus or by the draft, more or less well.
final class UploadClient {
    /// The version of the bytes that it brings.
    let version: Int
    let isDraft: Bool
    /// Where the upload is, as it was told last; nil: it must ask.
    private(set) var offset: Int64?
    private(set) var exchange: SimulatedExchange?
    /// What is left of the body under way.
    private var body: ArraySlice<UInt8> = []
    private(set) var isSatisfied = false
    private unowned let world: UploadWorld

    init(_ world: UploadWorld, version: Int, isDraft: Bool) {
        self.world = world
        self.version = version
        self.isDraft = isDraft
    }

    static func byte(_ position: Int64, version: Int) -> UInt8 {
        UInt8(truncatingIfNeeded: position &* 31 &+ Int64(version) &* 101 &+ 7)
    }

    func bytes(_ range: Range<Int64>) -> [UInt8] { range.map { Self.byte($0, version: version) } }

    func answered(_ reply: SimulatedReply) {
        exchange = nil
        body = []
        switch reply {
        case .standing(let told, let isComplete):
            offset = told
            // To a client of tus that knows the length the offset alone says that all is done.
            isSatisfied = isComplete || !isDraft && world.saysLengthFirst && told == world.length
        case .refused(.mismatchingOffset(let expected, _)): offset = expected
        case .complete, .gone: isSatisfied = true
        case .refused, .checksumMismatch, .superseded, .storage, .done: offset = nil
        }
    }

    /// The server or the connection is gone.
    func disconnected() {
        exchange?.clientLeft()
        exchange = nil
        body = []
        offset = nil
    }

    private func open() -> SimulatedExchange {
        let opened = SimulatedExchange(world)
        opened.client = self
        exchange = opened
        return opened
    }

    /// Goes on as a good client does: asks where it is, sends what is missing, waits for the answer.
    func goOn(_ pieceBytes: Int, bodyBytes: Int64 = .max) {
        if exchange != nil { return sendPiece(pieceBytes) }
        guard let offset else { return ask() }
        let end = min(world.length, offset + min(bodyBytes, world.length))
        send(at: offset, to: end, sum: .none, isWrong: false)
    }

    func ask() {
        if exchange != nil { disconnected() }
        world.requests.standing(open(), isTus: !isDraft)
    }

    /// Begins a PATCH of the bytes from `start` to `end`.
    func send(at start: Int64, to end: Int64, sum: SimulatedSum, isWrong: Bool, saysSize: Bool = true) {
        if exchange != nil { disconnected() }
        let good = start < end ? bytes(start..<end) : []
        // What has a wrong sum must never be seen again, so it is nothing that anybody would send.
        let bytes = isWrong ? good.map { $0 ^ 0x55 } : good
        body = bytes[...]
        if !isWrong { world.checker.sends(bytes, at: start) }
        let isRight: (([UInt8]) -> Bool)? = if case .none = sum { nil } else { { $0 == good } }
        world.requests.append(
            open(),
            UploadAppend(
                offset: start, length: isDraft || !world.saysLengthFirst ? world.length : nil,
                bodyBytes: saysSize ? end - start : nil, bodyCompletes: isDraft && end >= world.length),
            isRight: isRight, isDraft: isDraft)
    }

    /// The network carries on with the body.
    func sendPiece(_ count: Int) {
        // Nothing is read before the right is given.
        guard let transfer = exchange?.transfer else { return }
        let piece = body.prefix(count)
        body = body.dropFirst(count)
        let process = world.process
        process.connectionLetters.append { [self] in
            transfer.receive(Array(piece))
            if body.isEmpty { transfer.finish() }
        }
    }

    /// One thing that a client might do, wise or not.
    func act(_ random: inout SeededRandom) {
        if exchange != nil {
            switch Int.random(in: 0..<12, using: &random) {
            case 0: disconnected()
            case 1: ask()
            default: sendPiece(.random(in: 1...6, using: &random))
            }
            return
        }
        guard let offset else { return ask() }
        let sum: SimulatedSum = random.oneIn(4) ? .before : .none
        let start = random.oneIn(10) ? Int64.random(in: 0...world.length, using: &random) : offset
        var end = min(world.length, start + .random(in: 0...10, using: &random))
        if random.oneIn(10) { end = world.length + 3 }
        let isWrong: Bool
        if case .before = sum { isWrong = random.oneIn(2) } else { isWrong = false }
        send(at: start, to: max(start, end), sum: sum, isWrong: isWrong, saysSize: random.oneIn(2))
    }
}
