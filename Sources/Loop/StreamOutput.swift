import Glibc
import System

/// What a stream still has to send: bytes of its own and shared ones, in order. A stream has one only while something
/// waits, so that thousands of idle streams cost nothing for it.
final class StreamOutput {
    private static let partsPerWriteMax = 64

    private var pieces: [SharedBytes] = []
    private var firstPiece = 0
    private var firstPieceSentBytes = 0
    private var tail: [UInt8] = []
    private(set) var pendingBytes = 0

    func append(_ bytes: UnsafeRawBufferPointer) {
        tail.append(contentsOf: bytes)
        pendingBytes += bytes.count
    }

    /// `sentBytes` of it have left already.
    func append(_ shared: SharedBytes, sentBytes: Int = 0) {
        if sentBytes > 0 {
            precondition(pieces.isEmpty && tail.isEmpty, "only the first of what waits can be sent in part")
            firstPieceSentBytes = sentBytes
        } else {
            sealTail()
        }
        pieces.append(shared)
        pendingBytes += shared.count - sentBytes
    }

    private func sealTail() {
        guard !tail.isEmpty else { return }
        pieces.append(SharedBytes(tail))
        tail = []
    }

    /// One sendmsg(2) of what waits; shared bytes are sent from where they are.
    func send(to descriptor: Int32) -> Socket.WriteOutcome {
        sealTail()
        let count = min(pieces.count - firstPiece, Self.partsPerWriteMax)
        let outcome = withUnsafeTemporaryAllocation(of: iovec.self, capacity: count) { parts in
            for index in 0..<count {
                let buffer = pieces[firstPiece + index].buffer
                let skipped = index == 0 ? firstPieceSentBytes : 0
                parts[index] = iovec(
                    iov_base: UnsafeMutableRawPointer(mutating: buffer.baseAddress! + skipped),
                    iov_len: buffer.count - skipped)
            }
            return Socket.write(descriptor, parts)
        }
        if case .bytes(let sent) = outcome { discard(sent) }
        return outcome
    }

    private func discard(_ count: Int) {
        pendingBytes -= count
        var left = count
        while left > 0 {
            let remaining = pieces[firstPiece].count - firstPieceSentBytes
            if left < remaining {
                firstPieceSentBytes += left
                break
            }
            left -= remaining
            firstPiece += 1
            firstPieceSentBytes = 0
        }
        if firstPiece > 64 && firstPiece > pieces.count / 2 {
            pieces.removeFirst(firstPiece)
            firstPiece = 0
        }
    }
}
