import Core
import Glibc
import Loop
import System
import Testing

@testable import Blobs

/// Sinks on a real loop and a real disk, at the moments that concurrency makes rare.
@Suite("Uploads that end when they are woken")
struct ContentSinkWakingTests {
    /// What a test leaves of its loop.
    private final class Outcome: @unchecked Sendable {
        var receipt: Result<ContentReceipt, SystemError>?
        var hasFinished = false
        var held: [UploadBuffer] = []
    }

    /// Runs one upload whose last step is taken within the giving back of its own buffer: all other buffers are held.
    private func upload(of byteCount: Int, into store: BlobStore) throws -> Result<ContentReceipt, SystemError>? {
        let loop = try EventLoop(index: 0)
        let buffers = UploadBuffers()
        let outcome = Outcome()
        outcome.held = (1..<UploadBuffers.countMax).map { _ in buffers.take() }
        let sink = ContentSink(
            store: store, document: DocumentID(unixMilliseconds: 0, random: (1, 2)), token: 1, isHashed: false,
            buffers: buffers, loop: loop)
        sink.drained = { [unowned sink] in
            guard !outcome.hasFinished else { return }
            outcome.hasFinished = true
            sink.finish { result in
                outcome.receipt = result
                loop.stop()
            }
        }
        sink.failed = { error in
            outcome.receipt = .failure(error)
            loop.stop()
        }
        loop.schedule(afterMilliseconds: 0) {
            sink.write([UInt8](repeating: 7, count: byteCount).span)
            #expect(buffers.isExhausted && sink.isCongested)
        }
        loop.schedule(afterMilliseconds: 10_000) { loop.stop() }
        try loop.run()
        return outcome.receipt
    }

    private func withStore<Result>(_ body: (BlobStore) throws -> Result) throws -> Result {
        var template = Array("/tmp/headway-blobs-XXXXXX".utf8CString)
        let directory = String(cString: try #require(mkdtemp(&template)))
        defer { for folder in ["content", "results", "text", ""] { rmdir("\(directory)/\(folder)") } }
        let store = try BlobStore(directory: directory, disk: DiskThreads(count: 2))
        let content = store.contentDirectory
        defer { for name in (try? Files.names(in: content)) ?? [] { unlink("\(content)/\(name)") } }
        return try body(store)
    }

    @Test("an upload that ends while its last buffer is given back has all of its bytes on the receipt")
    func endsWhenWoken() throws {
        try withStore { store in
            let receipt = try #require(try upload(of: 1000, into: store)).get()
            #expect(receipt.bytes == 1000)
        }
    }

    @Test("an upload whose last buffer the disk refused does not end well, whoever is woken by the buffer")
    func failsWhenWoken() throws {
        try withStore { store in
            rmdir(store.contentDirectory)
            guard case .failure(let error) = try #require(try upload(of: 1000, into: store)) else {
                Issue.record("a receipt for bytes that are nowhere")
                return
            }
            #expect(error.isNotFound)
        }
    }
}
