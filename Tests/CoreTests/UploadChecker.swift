import JSON
import Testing

@testable import Core

/// What clients sent and were told, held against the disk and the record after every step.
final class UploadChecker {
    private unowned let world: UploadWorld
    private(set) var complaints: [String] = []
    /// The highest offset that a client was told and that nobody asked to take back.
    private(set) var toldBytes: Int64 = 0
    private var toldFile: Int64?
    private var toldPrefix: [UInt8] = []
    /// Somebody was told that the bytes are whole.
    private(set) var toldComplete: Int64?
    /// Somebody wants the upload to end, or to begin again: from here on what was told may be taken back.
    private(set) var mayEnd = false
    private(set) var mayBeginAgain = false
    /// The newest request that writes into each file.
    private var writers: [Int64: ObjectIdentifier] = [:]
    private var sinks: [SimulatedSink] = []
    /// Which versions of each byte were sent, those left out that were sent with a wrong sum.
    private var sent: [Int: Set<UInt8>] = [:]

    init(_ world: UploadWorld) { self.world = world }

    func complain(_ words: String) { complaints.append("\(words); \(world.context)") }

    private func expect(_ condition: Bool, _ words: @autoclosure () -> String) { if !condition { complain(words()) } }

    // MARK: What happens

    func begins(_ sink: SimulatedSink) {
        writers[sink.token] = ObjectIdentifier(sink)
        // Kept, so that no later one has its identity.
        sinks.append(sink)
    }

    func writes(_ sink: SimulatedSink) {
        expect(writers[sink.token] == ObjectIdentifier(sink), "a request writes although a newer one has begun")
    }

    func sends(_ bytes: [UInt8], at offset: Int64) {
        for (index, byte) in bytes.enumerated() { sent[Int(offset) + index, default: []].insert(byte) }
    }

    func wantsEnd() { mayEnd = true }

    func wantsBeginning() {
        mayBeginAgain = true
        (toldBytes, toldFile, toldPrefix) = (0, nil, [])
    }

    func told(_ reply: SimulatedReply) {
        switch reply {
        case .standing(let offset, let isComplete):
            if !mayEnd && !mayBeginAgain {
                expect(offset >= toldBytes, "told \(offset) after \(toldBytes)")
                expect(toldComplete == nil, "told \(offset) after the end")
            }
            guard offset >= toldBytes, !mayBeginAgain else { return }
            toldBytes = offset
            let document = world.recorded
            expect(
                document?.status != .uploading || (document?.upload.acknowledgedBytes ?? 0) >= offset,
                "told \(offset), and it is not on record")
            if isComplete {
                expect(document?.isWhollyAcknowledged ?? mayEnd, "told a whole part that is not on record")
            }
            if let token = document?.upload.token, document?.status == .uploading {
                let prefix = Array((world.disk.files[token]?.bytes ?? []).prefix(Int(offset)))
                if toldFile == token { expect(prefix.starts(with: toldPrefix), "bytes that were told have changed") }
                (toldFile, toldPrefix) = (token, prefix)
                for (index, byte) in prefix.enumerated() {
                    expect(sent[index]?.contains(byte) ?? false, "byte \(index) is \(byte), which nobody sent")
                }
            }
        case .complete(let bytes):
            toldComplete = bytes
            expect(world.recorded?.contentToken != nil || mayEnd, "told that it is complete, and it is not on record")
        case .gone:
            expect(mayEnd || world.recorded?.isTerminal ?? true, "told that it is gone, and it is not")
        case .refused(.mismatchingOffset(let expected, _)):
            told(.standing(expected, isComplete: false))
        case .refused, .checksumMismatch, .superseded, .storage, .done: break
        }
    }

    // MARK: What must hold after every step

    func check() {
        guard let document = world.recorded else {
            return expect(mayEnd || toldBytes == 0 && toldComplete == nil, "the record is gone")
        }
        let upload = document.upload
        if document.status == .uploading {
            if upload.acknowledgedBytes > 0 {
                let file = upload.token.flatMap { world.disk.files[$0] }
                expect(
                    file?.isSafe(upload.acknowledgedBytes) ?? false,
                    "on record are \(upload.acknowledgedBytes) bytes that do not last")
            }
            if !mayEnd && !mayBeginAgain {
                expect(upload.acknowledgedBytes >= toldBytes, "told \(toldBytes), recorded \(upload.acknowledgedBytes)")
                expect(toldComplete == nil, "told the end, and the record says that it goes on")
                if toldBytes > 0 { expect(upload.token == toldFile, "the record names another file") }
            }
        }
        if document.isUploaded {
            let file = document.contentToken.flatMap { world.disk.files[$0] }
            expect(file?.isSafe(document.bytesTotal ?? 0) ?? mayEnd, "the bytes of the document do not last")
        }
        if let toldFile, let file = world.disk.files[toldFile], !mayEnd, !mayBeginAgain {
            expect(file.bytes.starts(with: toldPrefix), "bytes that were told have changed")
        }
        if let live = world.owner.live {
            let upload = live.document.upload
            expect(
                upload.acknowledgedBytes <= upload.durableBytes && upload.durableBytes <= upload.writtenBytes,
                "\(upload) is out of order")
        }
    }

    /// Nothing more happens: all must have come to an end.
    func checkEnd(expecting length: Int64) {
        let files = Set(world.disk.files.keys)
        guard let document = world.recorded else {
            return expect(files.isEmpty, "files are left of a document that is deleted: \(files)")
        }
        switch document.status {
        case .queued:
            let content = document.contentToken.flatMap { world.disk.files[$0]?.bytes } ?? []
            expect(content.count == Int(length), "\(content.count) bytes came of \(length)")
            for (index, byte) in content.enumerated() {
                expect(sent[index]?.contains(byte) ?? false, "byte \(index) is \(byte), which nobody sent")
            }
            expect(files == Set([document.contentToken].compactMap { $0 }), "more files than the content: \(files)")
        case .uploading where document.isPart && document.isWhollyAcknowledged:
            expect(files == Set([document.upload.token].compactMap { $0 }), "more files than the part's: \(files)")
        case .failed, .cancelled:
            // One that was cancelled when its bytes were whole keeps them: it may be run again.
            let kept = Set([document.contentToken].compactMap { $0 })
            expect(files == kept, "\(files) are left of a document that is over, and not \(kept)")
        case .uploading, .processing, .complete: complain("the end is \(document.status)")
        }
    }
}
