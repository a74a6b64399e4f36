import Core
import Loop
import System

/// A tool that reads a document: `pdftotext` for its text, `pdfinfo` for its number of pages. It gets the document as
/// its standard input and nothing else, under limits and in a sandbox of its own. Its standard error, and its output
/// where the supervisor wants it, are kept up to a bound.
final class ExtractorProcess: @unchecked Sendable {
    static let messageBytesMax = 4096
    static let outputBytesMax = 16 * 1024
    static let lastWordsMilliseconds: Int64 = 200
    /// A tool that may start processes has at most so many at once; looked at as often as this.
    static let processesMax = WorkLimits.processesMax
    static let supervisionMilliseconds: Int64 = 100

    private let loop: EventLoop
    private let child: SupervisedChild
    private let limits: ProcessLimits
    private var readers: [PipeReader] = []
    private let ended: (Ending, _ output: String, _ message: String) -> Void
    /// The limit for which its whole tree was ended here.
    private var overstepped: Ending?
    private var ending: Ending?
    private var hasToldEnd = false

    var processID: Int32 { child.process.processID }

    /// `output` is the descriptor that the tool writes to; nil when its output is to be kept, its beginning or its end
    /// (`keepsEnd`), and handed to `ended`.
    init(
        program: Program, arguments: [String], input: Int32, output: Int32?,
        outputBytesMax: Int = outputBytesMax, keepsEnd: Bool = false, limits: ProcessLimits, loop: EventLoop,
        ended: @escaping (Ending, _ output: String, _ message: String) -> Void
    ) throws(SystemError) {
        self.loop = loop
        self.limits = limits
        self.ended = ended
        let message = try DescriptorPair.pipe()
        if let output {
            child = try Self.start(program, arguments, [input, output, message.second.raw], limits, loop)
        } else {
            let kept = try DescriptorPair.pipe()
            child = try Self.start(program, arguments, [input, kept.second.raw, message.second.raw], limits, loop)
            readers.append(
                try PipeReader(kept.takeFirst(), bytesMax: outputBytesMax, keepsEnd: keepsEnd, loop: loop))
        }
        readers.append(try PipeReader(message.takeFirst(), bytesMax: Self.messageBytesMax, loop: loop))
        for reader in readers { reader.ended = { [weak self] in self?.tellEnd() } }
        // Keeps this object until the process is reaped.
        try child.conclude { self.exited($0) }
        if program.isScript || !KernelProtection.current.has(.systemCalls) { superviseLater() }
    }

    private static func start(
        _ program: Program, _ arguments: [String], _ descriptors: [Int32], _ limits: ProcessLimits, _ loop: EventLoop
    ) throws(SystemError) -> SupervisedChild {
        let process = try ChildProcess.spawn(
            path: program.path, arguments: arguments, environment: program.environment, descriptors: descriptors,
            limits: limits, lowPriority: true,
            confinement: .profile(.extractor(input: descriptors[0], program: program)))
        return SupervisedChild(process, loop: loop)
    }

    // MARK: What the kernel's limits, which are a process's own, do not hold

    private func superviseLater() {
        loop.schedule(afterMilliseconds: Self.supervisionMilliseconds) { [weak self] in
            guard let self, self.ending == nil else { return }
            self.supervise()
            self.superviseLater()
        }
    }

    private func supervise() {
        let (processes, sum) = child.measure()
        if processes > Self.processesMax {
            overstepped = .processes
        } else if limits.dataBytesMax > 0, sum.residentBytes > limits.dataBytesMax {
            overstepped = .memory
        } else if limits.cpuSecondsMax > 0, sum.cpuTicks / ThisProcess.clockTicksPerSecond > limits.cpuSecondsMax {
            overstepped = .cpuTime
        }
        if overstepped != nil { kill() }
    }

    // MARK: Ending

    private func exited(_ ending: Ending) {
        self.ending = overstepped ?? ending
        tellEnd()
        guard !hasToldEnd else { return }
        // Its last words are in the pipes already; only somebody who does not die can still hold them open.
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

    func kill() { child.kill() }
}
