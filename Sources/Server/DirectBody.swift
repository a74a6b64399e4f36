import Blobs
import Loop
import Wire

// Theory of operation
//
// A large body of known length needs no decoding: once what came with its head is used up, every byte of the socket is
// its own until the last. A form's file needs only its end to be found, which a scanner does where the bytes lie; what
// was read beyond the end comes back and is decoded here. So the socket is handed to the disk threads, which take turns
// of some megabytes (`ContentSink`, "takeTurn"). Between turns the loop only counts; when the socket is empty it waits
// for more as it does for everything else. The connection can end at any time: a turn that is under way has a
// descriptor of its own, and its outcome is not wanted any more.

extension HTTPConnection {
    /// A shorter rest is not worth the handing over.
    static let directBodyBytesMin: Int64 = 256 * 1024

    /// Hands the rest of the body to the disk threads where that can be done. Called when every byte that came is used.
    func beginDirectBodyIfWorthwhile() {
        guard !isBodyDirect, pending.isEmpty, !isDecodingHeld, !hasPeerEnded, !isEnding, stream.isOpen,
            let exchange, !exchange.isBodyPaused, !exchange.isResponseBegun, let consumer = exchange.consumer,
            consumer.directSink != nil, let remaining = decoder.remainingBodyBytes, remaining >= Self.directBodyBytesMin
        else { return }
        do {
            guard let socket = try stream.duplicateSocket() else { return }
            consumer.attachDirectly(socket)
        } catch {
            // No descriptor is free; the loop goes on reading.
            return
        }
        isBodyDirect = true
        stream.pauseReading()
        takeTurn()
    }

    private func takeTurn() {
        guard isBodyDirect, let sink = exchange?.consumer?.directSink, let remaining = decoder.remainingBodyBytes else {
            return
        }
        isTurnRunning = true
        sink.takeTurn(bytesMax: remaining) { [weak self] in self?.tookTurn($0) }
    }

    private func tookTurn(_ outcome: IntakeOutcome) {
        isTurnRunning = false
        guard isBodyDirect, stream.isOpen, let exchange else { return }
        if outcome.readBytes > 0 { countBody(outcome.readBytes) }
        exchange.consumer?.tookDirectly()
        if !outcome.rest.isEmpty, self.exchange === exchange { exchange.receiveBody(outcome.rest.span) }
        if decoder.remainingBodyBytes == 0 { return endDirectBody() }
        switch outcome.end {
        case .more, .noBuffer: takeTurn()
        case .wouldBlock: stream.whenReadable { [weak self] in self?.takeTurn() }
        case .ended:
            isBodyDirect = false
            streamEnded()
        case .contentEnded: endDirectBody()
        case .failed: isBodyDirect = false
        }
    }

    private func countBody(_ count: Int64) {
        decoder.skipBody(count)
        bodyBytes += count
        lastActivityMilliseconds = loop.nowMilliseconds
    }

    /// What is left of the body, if anything, passes through the loop.
    private func endDirectBody() {
        isBodyDirect = false
        // Of a body that is whole the decoder says `end` without another byte.
        isDecodingHeld = true
        proceed()
    }
}
