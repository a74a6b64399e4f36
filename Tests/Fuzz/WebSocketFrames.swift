import Wire

// Input: what a client sends after its handshake.

/// Pongs are drained after each piece, so a bound on those that wait would depend on the cut: it is out of reach here.
private let pongBacklogBytesMax = 1 << 20
private let generous = WebSocketLimits(pongBacklogBytesMax: pongBacklogBytesMax)
private let tight = WebSocketLimits(
    messageBytesMax: 20, pongBacklogBytesMax: pongBacklogBytesMax, acceptsBinary: false)

func check(_ stream: [UInt8]) {
    for limits in [generous, tight] {
        let answer = Oracle.answer(to: stream) { WebSocketTranscript($0, limits: limits) }
        let taken = Oracle.answer(to: stream) { WebSocketTranscript($0, limits: limits, takesWhole: true) }
        Oracle.demand(taken == answer, "taking whole messages where they lie is the same", "\(answer)\nor\n\(taken)")
        checkEvents(of: answer, limits)
        checkOutput(of: answer)
        guard answer.isClosing else { continue }
        let longer = WebSocketTranscript([stream + TestFrame.text("late").bytes], limits: limits)
        Oracle.demand(longer == answer, "nothing is read once the connection is closed", "\(answer)\nthen\n\(longer)")
    }
}

private func checkEvents(of answer: WebSocketTranscript, _ limits: WebSocketLimits) {
    for event in answer.events {
        guard case .message(let kind, let payload) = event else { continue }
        Oracle.demand(payload.count <= limits.messageBytesMax, "the bound of messages holds", payload.count)
        Oracle.demand(limits.acceptsBinary || kind == .text, "binary messages are refused where they must be", event)
        Oracle.demand(
            kind == .binary || String(validating: payload, as: UTF8.self) != nil, "text is UTF-8", payload)
    }
    let ends = answer.events.filter { if case .closed = $0 { true } else { false } }
    Oracle.demand(ends.count == (answer.isClosing ? 1 : 0), "the end is told once", answer)
    guard let error = answer.failure else { return }
    Oracle.demand(WebSocketCloseCode.isSendable(error.closeCode), "an error has a close code", error)
    Oracle.demand(
        answer.events.last == .closed(code: error.closeCode, reason: error.reason),
        "a connection that was failed says so last", answer)
}

/// A client understands all that is sent: a pong for each ping in their order, and the close.
private func checkOutput(of answer: WebSocketTranscript) {
    let client = WebSocketTranscript([answer.output], role: .client { 0 })
    Oracle.demand(client.failure == nil && client.isClosing == answer.isClosing, "a client can read the output", client)
    let pings: [[UInt8]] = answer.events.compactMap { if case .ping(let payload) = $0 { payload } else { nil } }
    let pongs: [[UInt8]] = client.events.compactMap { if case .pong(let payload) = $0 { payload } else { nil } }
    Oracle.demand(pongs == pings, "each ping has its pong", "\(pings)\n\(pongs)")
}
