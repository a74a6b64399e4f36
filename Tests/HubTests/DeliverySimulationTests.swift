import Compression
import Core
import JSON
import Loop
import Testing
import Wire

@testable import Hub

// Goal: no watcher, whatever it or the network does, misses the terminal state, and what it sees on the way obeys the
// contract. Method: seeded watchers subscribe, drop, come back by another transport, read slowly, break off in the
// middle of a message and lie about where they were, while documents live their lives; the very circle, history,
// delivery and encodings of the server carry the events, only the sockets are simulated. At the end each watcher's
// account is held against what was told.

/// What was told of one document, and what its owner keeps.
private final class SimulatedDocument {
    let number: Int
    let fanOut: TopicFanOut
    private(set) var history: EventHistory<EncodedEvent>
    private(set) var truth: [Int64: EncodedEvent] = [:]
    private(set) var current: EncodedEvent
    private var progress = 0
    private var stepsLeft: Int

    init(_ number: Int, _ compressors: LoopCompressors, _ random: inout SeededRandom) {
        self.number = number
        fanOut = TopicFanOut(compressors)
        history = EventHistory(eventsMax: .random(in: 1...20, using: &random))
        stepsLeft = .random(in: 5...60, using: &random)
        current = Self.event(number, 1, .step, progress: 0, status: .uploading)
        keep()
    }

    var isTerminal: Bool { current.isTerminal }

    func advance(_ random: inout SeededRandom) {
        guard !isTerminal else { return }
        stepsLeft -= 1
        progress = min(99, progress + .random(in: 0...3, using: &random))
        let weight: ChangeWeight = stepsLeft == 0 || random.oneIn(6) ? .step : .tick
        let offset = current.position.offset + .random(in: 1...3, using: &random)
        let status: DocumentStatus = stepsLeft > 0 ? .processing : random.oneIn(3) ? .failed : .complete
        if status == .complete { progress = 100 }
        current = Self.event(number, offset, weight, progress: progress, status: status)
        keep()
        fanOut.publish(current)
    }

    private func keep() {
        truth[current.position.offset] = current
        _ = history.append(current, at: current.position.offset)
    }

    func start(after: WatchPosition?) -> WatchStart<EncodedEvent> {
        WatchStart(after: after, current: current, at: current.position, history: history)
    }

    private static func event(
        _ number: Int, _ offset: Int64, _ weight: ChangeWeight, progress: Int, status: DocumentStatus
    ) -> EncodedEvent {
        // Long enough that compression pays.
        let filler = String(repeating: "policy ", count: 20)
        let json = "{\"o\":\(offset),\"p\":\(progress),\"end\":\(status.isTerminal),\"name\":\"\(filler)\"}"
        return EncodedEvent(
            document: documentID(number), position: WatchPosition(epoch: "e", offset: offset), weight: weight,
            status: status, json: Array(json.utf8))
    }
}

/// One connection of one watcher: what the server's end does, a socket that holds little, and what the peer reads.
private final class SimulatedConnection: TopicMember {
    var membership = Membership()
    private let document: SimulatedDocument
    private let form: EventForm
    private let compressors: LoopCompressors
    private let socketBytesMax: Int
    private var delivery = Delivery()
    private var socket: [UInt8] = []
    private var decoder: StreamDecoder
    private(set) var hasEnded = false
    let isResumed: Bool
    let wasRecovered: Bool?
    private(set) var seen: [Int64] = []

    init(
        _ document: SimulatedDocument, _ form: EventForm, after: WatchPosition?, socketBytesMax: Int,
        _ compressors: LoopCompressors
    ) {
        self.document = document
        self.form = form
        self.compressors = compressors
        self.socketBytesMax = socketBytesMax
        decoder = StreamDecoder(form)
        let start = document.start(after: after)
        isResumed = after != nil
        wasRecovered = start.recovered
        if !start.newest.isTerminal { document.fanOut.attach(self) }
        var rest = start.events[...]
        if let first = start.firstJSON {
            socket += Self.encode(first, start.events[0], form)
            rest = rest.dropFirst()
        }
        if !rest.isEmpty { socket += EventRun(every: Array(rest), compressors).bytes(form).copy }
        if start.newest.isTerminal { end() }
    }

    private static func encode(_ json: [UInt8], _ event: EncodedEvent, _ form: EventForm) -> [UInt8] {
        switch form {
        case .webSocket, .deflatedWebSocket: WebSocketFrame.text(json)
        case .serverSentEvent: ServerSentEvents.event(id: event.position.description, data: json)
        case .line: json + [UInt8(ascii: "\n")]
        }
    }

    func deliver(_ run: EventRun) {
        switch delivery.take(run, isBackedUp: socket.count > socketBytesMax) {
        case .send: send(run)
        case .wait: break
        case .tooSlow: end()
        }
    }

    private func send(_ run: EventRun) {
        socket += run.bytes(form).copy
        if run.newest.isTerminal { end() }
    }

    private func end() {
        hasEnded = true
        document.fanOut.detach(self)
    }

    /// The peer reads; the socket then takes what has waited.
    func read(_ byteCount: Int) {
        let piece = Array(socket.prefix(byteCount))
        socket.removeFirst(piece.count)
        seen += decoder.take(piece)
        if socket.count <= socketBytesMax, !hasEnded, let run = delivery.takeWaiting(compressors) { send(run) }
    }

    var isDrained: Bool { socket.isEmpty }

    /// The network is gone: what was not read is lost.
    func drop() {
        document.fanOut.detach(self)
        hasEnded = true
        socket = []
    }
}

/// What a client makes of the bytes of one transport: the offsets of the events, in order.
private struct StreamDecoder {
    private var webSocket: WebSocketConnection?
    private var text: [UInt8] = []
    private let isSSE: Bool

    init(_ form: EventForm) {
        switch form {
        case .webSocket, .deflatedWebSocket:
            // Each message stands for itself: a client without context reads it.
            var parameters = DeflateParameters()
            parameters.clientNoContextTakeover = true
            webSocket = WebSocketConnection(
                WebSocketSettings(role: .client { 1 }), compression: MessageDeflate(parameters))
            isSSE = false
        case .serverSentEvent: isSSE = true
        case .line: isSSE = false
        }
    }

    mutating func take(_ bytes: [UInt8]) -> [Int64] {
        var found: [Int64] = []
        if webSocket != nil {
            webSocket?.receive(bytes.span)
            while let event = webSocket?.nextEvent() {
                if case .message(_, let payload) = event { found.append(offset(payload)) }
            }
            return found
        }
        text += bytes
        while let end = text.firstIndex(of: UInt8(ascii: "\n")) {
            let line = Array(text[..<end])
            text.removeFirst(end + 1)
            if !isSSE {
                found.append(offset(line))
            } else if line.starts(with: "data: ".utf8) {
                found.append(offset(Array(line.dropFirst(6))))
            }
        }
        return found
    }

    private func offset(_ json: [UInt8]) -> Int64 {
        (try? JSONValue.parse(json))?["o"]?.integerValue ?? -1
    }
}

private final class SimulatedWatcher {
    let document: SimulatedDocument
    let lies: Bool
    private let socketBytesMax: Int
    private let compressors: LoopCompressors
    private(set) var connections: [SimulatedConnection] = []

    init(_ document: SimulatedDocument, _ compressors: LoopCompressors, _ random: inout SeededRandom) {
        self.document = document
        self.compressors = compressors
        lies = random.oneIn(10)
        socketBytesMax = random.oneIn(3) ? 0 : .random(in: 100...3000, using: &random)
    }

    var lastSeen: Int64? { connections.reversed().lazy.compactMap(\.seen.last).first }

    var knowsTheEnd: Bool { lastSeen.map { document.truth[$0]?.isTerminal ?? false } ?? false }

    func step(_ random: inout SeededRandom) {
        guard let connection = connections.last, !(connection.hasEnded && connection.isDrained) else {
            if !knowsTheEnd { connect(&random) }
            return
        }
        connection.read(.random(in: 0...2000, using: &random))
        if random.oneIn(15) { connection.drop() }
    }

    private func connect(_ random: inout SeededRandom) {
        let forms: [EventForm] = [
            .webSocket, .deflatedWebSocket(windowBits: 15), .deflatedWebSocket(windowBits: 9),
            .serverSentEvent(isChunked: false), .line(isChunked: false),
        ]
        var after = lastSeen.map { WatchPosition(epoch: "e", offset: $0) }
        if random.oneIn(8) { after = nil }
        if lies {
            after = WatchPosition(
                epoch: random.oneIn(3) ? "x" : "e", offset: .random(in: 0...300, using: &random))
        }
        connections.append(
            SimulatedConnection(
                document, forms.randomElement(using: &random) ?? .webSocket, after: after,
                socketBytesMax: socketBytesMax, compressors))
    }

    /// Holds the account against what was told; nil when it is in order.
    func complaint() -> String? {
        let steps = document.truth.values.filter { $0.weight == .step }.map(\.position.offset)
        var before: Int64?
        for connection in connections {
            let seen = connection.seen
            if seen.contains(where: { document.truth[$0] == nil }) { return "an event that never was: \(seen)" }
            if zip(seen, seen.dropFirst()).contains(where: { $0 >= $1 }) { return "out of order: \(seen)" }
            if let first = seen.first, let last = seen.last {
                // Within one connection every step between the first and the last event was told.
                if let missed = steps.first(where: { $0 > first && $0 < last && !seen.contains($0) }) {
                    return "step \(missed) is missing in \(seen)"
                }
                if !lies, let before {
                    if first < before { return "back from \(before) to \(first)" }
                    if connection.isResumed, connection.wasRecovered == true,
                        let missed = steps.first(where: { $0 > before && $0 < first })
                    {
                        return "recovered, yet step \(missed) is missing"
                    }
                }
                before = last
            }
        }
        return knowsTheEnd ? nil : "the end was never learned: \(connections.map(\.seen))"
    }
}

@Suite("Delivery, simulated")
struct DeliverySimulationTests {
    @Test(
        "whatever watchers and networks do, each sees an ordered part of what was told, every step it had room for, and the end",
        arguments: 1...40 as ClosedRange<UInt64>)
    func simulation(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        let compressors = LoopCompressors()
        let documents = (0..<5).map { SimulatedDocument($0, compressors, &random) }
        let watchers = (0..<100).map { _ in
            SimulatedWatcher(documents[Int.random(in: 0..<5, using: &random)], compressors, &random)
        }
        var rounds = 0
        while rounds < 4000 && watchers.contains(where: { !$0.knowsTheEnd }) {
            rounds += 1
            for document in documents {
                if random.oneIn(2) { document.advance(&random) }
                _ = document.fanOut.serve(deliveriesMax: .random(in: 0...30, using: &random))
            }
            for _ in 0..<60 { watchers.randomElement(using: &random)?.step(&random) }
        }
        for (number, watcher) in watchers.enumerated() {
            if let complaint = watcher.complaint() {
                Issue.record("seed \(seed), watcher \(number) of document \(watcher.document.number): \(complaint)")
            }
        }
        for document in documents { #expect(document.fanOut.memberCount == 0, "seed \(seed): a seat was kept") }
    }
}
