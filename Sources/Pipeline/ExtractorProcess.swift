import Core
import Loop
import System

/// A tool that reads a document: `pdftotext` for its text, `pdfinfo` for its number of pages. It gets the document as
/// its standard input and nothing else, under limits of its own. Its standard error, and its output where the
/// supervisor wants it, are kept up to a bound.
final class ExtractorProcess: @unchecked Sendable {
    static let messageBytesMax = 4096
    static let outputBytesMax = 16 * 1024
    static let lastWordsMilliseconds: Int64 = 200

    private let loop: EventLoop
    private let process: ChildProcess
    private var exitWait: DescriptorWait?
    private var readers: [PipeReader] = []
    private let ended: (Ending, _ output: String, _ message: String) -> Void
    private var ending: Ending?
    private var hasToldEnd = false

    var processID: Int32 { process.processID }

    /// `output` is the descriptor that the tool writes to; nil when its output is to be kept and handed to `ended`.
    init(
        program: String, arguments: [String], input: Int32, output: Int32?, limits: ProcessLimits, loop: EventLoop,
        ended: @escaping (Ending, _ output: String, _ message: String) -> Void
    ) throws(SystemError) {
        self.loop = loop
        self.ended = ended
        let message = try DescriptorPair.pipe()
        if let output {
            process = try Self.start(program, arguments, [input, output, message.second.raw], limits)
        } else {
            let kept = try DescriptorPair.pipe()
            process = try Self.start(program, arguments, [input, kept.second.raw, message.second.raw], limits)
            readers.append(try PipeReader(kept.takeFirst(), bytesMax: Self.outputBytesMax, loop: loop))
        }
        readers.append(try PipeReader(message.takeFirst(), bytesMax: Self.messageBytesMax, loop: loop))
        for reader in readers { reader.ended = { [weak self] in self?.tellEnd() } }
        // The loop keeps this object until the process is reaped, whoever else has let go of it.
        exitWait = try DescriptorWait(process.exitDescriptor, loop: loop) { self.exited() }
    }

    private static func start(
        _ program: String, _ arguments: [String], _ descriptors: [Int32], _ limits: ProcessLimits
    ) throws(SystemError) -> ChildProcess {
        try ChildProcess.spawn(
            path: program, arguments: arguments,
            environment: ["PATH=/usr/local/bin:/usr/bin:/bin", "LANG=C.UTF-8", "HOME=/nonexistent"],
            descriptors: descriptors, limits: limits, lowPriority: true)
    }

    private func exited() {
        guard ending == nil else { return }
        // What it may have left behind in its group must not outlive it. Before it is reaped its number is surely its
        // own.
        process.killGroup()
        do throws(SystemError) {
            guard let end = try process.reap() else { return }
            ending = Ending(end)
        } catch {
            // Somebody else has reaped it; how it ended is not known, that it ended is.
            ending = .signal(0)
        }
        exitWait?.cancel()
        exitWait = nil
        tellEnd()
        guard !hasToldEnd else { return }
        // Its last words are in the pipes already; only somebody who escaped its group can still hold them open.
        loop.schedule(afterMilliseconds: Self.lastWordsMilliseconds) { [weak self] in
            self?.readers.forEach { $0.stop() }
        }
    }

    /// The end is told when the process is reaped and its last words are read.
    private func tellEnd() {
        guard let ending, !hasToldEnd, readers.allSatisfy(\.isAtEnd) else { return }
        hasToldEnd = true
        let texts = readers.map { String(decoding: $0.kept, as: UTF8.self) }
        ended(ending, texts.count > 1 ? texts[0] : "", texts.last ?? "")
    }

    func kill() { process.killGroup() }
}

extension Ending {
    init(_ ending: ProcessEnding) {
        if ending.wasKilledForCPUTime {
            self = .cpuTime
        } else {
            switch ending.manner {
            case .exit(let code): self = .exit(code)
            case .signal(let number): self = .signal(number)
            }
        }
    }
}
