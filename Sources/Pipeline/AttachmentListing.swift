import Core
import Loop
import System

/// Finds the names of the files that are attached to a PDF, beside its reading. It never fails a document: where they
/// cannot be listed there are none. On the pipeline's loop.
///
/// Many documents have none, which their bytes tell: whatever refers to an attached file has a key EF (ISO 32000-1,
/// 7.11.3), in plain sight unless it is packed into an object stream. So a process is started for those with either.
final class AttachmentListing: @unchecked Sendable {
    /// What a file with attachments has in it, one or the other.
    private static let signs = ["/ObjStm", "/EF"]
    /// A larger document is listed unseen: looking through it would cost more than the process.
    static let searchedBytesMax: Int64 = 64 << 20
    /// What is complete waits no longer for the names.
    static let waitMillisecondsMax: Int64 = 500

    private let loop: EventLoop
    private var process: ExtractorProcess?
    private var isWaitedFor = false
    private(set) var isOver = false
    private let ended: ([String]?) -> Void

    var processID: Int32? { process?.processID }

    /// `ended` is called once: with the names, or with nil where they could not be listed.
    init(
        _ content: consuming OwnedDescriptor, bytes: Int64, command: ExtractorTools.Command, limits: ProcessLimits,
        loop: EventLoop, disk: DiskThreads, ended: @escaping ([String]?) -> Void
    ) {
        self.loop = loop
        self.ended = ended
        let box = ContentBox(consume content)
        disk.submit(from: loop) {
            bytes > Self.searchedBytesMax
                || Self.signs.contains { sign in
                    (try? Files.contains(box.content.raw, sign, bytesMax: Self.searchedBytesMax)) ?? true
                }
        } then: { [weak self] mayHaveSome in
            guard let self, !self.isOver else { return }
            if mayHaveSome { self.start(command, box.content.raw, limits) } else { self.end([]) }
        }
    }

    /// Carries an open descriptor to a disk thread and back.
    private final class ContentBox: Sendable {
        let content: OwnedDescriptor
        init(_ content: consuming OwnedDescriptor) { self.content = content }
    }

    private func start(_ command: ExtractorTools.Command, _ content: Int32, _ limits: ProcessLimits) {
        process = try? ExtractorProcess(
            program: command.program, arguments: command.arguments, input: content, output: nil, limits: limits,
            loop: loop
        ) { [weak self] ending, output, _ in
            self?.end(ending == .exit(0) ? AttachmentNames.names(inListing: output) : nil)
        }
        if process == nil { end(nil) }
    }

    private func end(_ names: [String]?) {
        guard !isOver else { return }
        isOver = true
        process?.kill()
        process = nil
        ended(names)
    }

    /// All else is done: it has a moment left.
    func hurry() {
        guard !isWaitedFor else { return }
        isWaitedFor = true
        loop.schedule(afterMilliseconds: Self.waitMillisecondsMax) { [weak self] in self?.giveUp() }
    }

    /// Ends it, whatever it has found.
    func giveUp() { end(nil) }
}
