import Blobs
import Loop
import Wire

// Theory of operation
//
// A large body of known length needs no decoding: once what came with its head is used up, every byte of the socket is
// its own until the last. So the socket is handed to the disk threads, which take turns of some megabytes
// (`ContentSink`, "takeTurn"). Between turns the loop only counts; when the socket is empty it waits for more as it
// does for everything else. The connection can end at any time: a turn that is under way has a descriptor of its own,
// and its outcome is not wanted any more.

extension HTTPConnection {
    /// A shorter rest is not worth the handing over.
    static let directBodyBytesMin: Int64 = 256 * 1024

    /// Hands the rest of the body to the disk threads where that can be done. Called when every byte that came is used.
    func beginDirectBodyIfWorthwhile() {
        guard !isBodyDirect, pending.isEmpty, !isDecodingHeld, !hasPeerEnded, !isEnding, stream.isOpen,
            let exchange, !exchange.isBodyPaused, !exchange.isResponseBegun, let sink = exchange.consumer?.directSink,
            let remaining = decoder.remainingBodyBytes, remaining >= Self.directBodyBytesMin
        else { return }
        do {
            guard let socket = try stream.duplicateSocket() else { return }
            sink.attach(socket)
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
        sink.takeTurn(bytesMax: remaining) { [weak self] count, end in self?.tookTurn(count, end) }
    }

    private func tookTurn(_ count: Int64, _ end: IntakeEnd) {
        isTurnRunning = false
        guard isBodyDirect, stream.isOpen, let exchange else { return }
        if count > 0 { countBody(count) }
        exchange.consumer?.tookDirectly()
        if decoder.remainingBodyBytes == 0 { return endDirectBody() }
        switch end {
        case .more, .noBuffer: takeTurn()
        case .wouldBlock: stream.whenReadable { [weak self] in self?.takeTurn() }
        case .ended:
            isBodyDirect = false
            streamEnded()
        case .failed: isBodyDirect = false
        }
    }

    private func countBody(_ count: Int64) {
        decoder.skipBody(count)
        bodyBytes += count
        lastActivityMilliseconds = loop.nowMilliseconds
    }

    private func endDirectBody() {
        isBodyDirect = false
        // The decoder says `end` without another byte.
        isDecodingHeld = true
        proceed()
    }
}
