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
    static let processesMax = 64
    static let supervisionMilliseconds: Int64 = 100
    static let sweepMillisecondsMin: Int64 = 5
    static let sweepMillisecondsMax: Int64 = 1000

    private let loop: EventLoop
    private let process: ChildProcess
    private let limits: ProcessLimits
    private var exitWait: DescriptorWait?
    private var readers: [PipeReader] = []
    private let ended: (Ending, _ output: String, _ message: String) -> Void
    /// The limit for which its whole tree was ended here.
    private var overstepped: Ending?
    private var ending: Ending?
    private var hasToldEnd = false

    var processID: Int32 { process.processID }

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
            process = try Self.start(program, arguments, [input, output, message.second.raw], limits)
        } else {
            let kept = try DescriptorPair.pipe()
            process = try Self.start(program, arguments, [input, kept.second.raw, message.second.raw], limits)
            readers.append(
                try PipeReader(kept.takeFirst(), bytesMax: outputBytesMax, keepsEnd: keepsEnd, loop: loop))
        }
        readers.append(try PipeReader(message.takeFirst(), bytesMax: Self.messageBytesMax, loop: loop))
        for reader in readers { reader.ended = { [weak self] in self?.tellEnd() } }
        // The loop keeps this object until the process is reaped, whoever else has let go of it.
        exitWait = try DescriptorWait(process.exitDescriptor, loop: loop) { self.exited() }
        if program.isScript || !KernelProtection.current.has(.systemCalls) { superviseLater() }
    }

    private static func start(
        _ program: Program, _ arguments: [String], _ descriptors: [Int32], _ limits: ProcessLimits
    ) throws(SystemError) -> ChildProcess {
        try ChildProcess.spawn(
            path: program.path, arguments: arguments, environment: program.environment, descriptors: descriptors,
            limits: limits, lowPriority: true,
            confinement: .profile(.extractor(input: descriptors[0], program: program)))
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
        let (processes, sum) = process.usage
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

    private func exited() {
        guard ending == nil else { return }
        // What it has left behind must not outlive it. Before it is reaped its number is surely its own.
        let isClean = process.killTree()
        do throws(SystemError) {
            guard let end = try process.reap() else { return }
            ending = overstepped ?? Ending(end)
        } catch {
            // Somebody else has reaped it; how it ended is not known, that it ended is.
            ending = .signal(0)
        }
        exitWait?.cancel()
        exitWait = nil
        if !isClean { sweep(afterMilliseconds: Self.sweepMillisecondsMin) }
        tellEnd()
        guard !hasToldEnd else { return }
        // Its last words are in the pipes already; only somebody who does not die can still hold them open.
        loop.schedule(afterMilliseconds: Self.lastWordsMilliseconds) { [weak self] in
            self?.readers.forEach { $0.stop() }
        }
    }

    /// Those that were killed take a moment to die, and must then be reaped.
    private func sweep(afterMilliseconds wait: Int64) {
        loop.schedule(afterMilliseconds: wait) {
            if !self.process.sweep() { self.sweep(afterMilliseconds: min(2 * wait, Self.sweepMillisecondsMax)) }
        }
    }

    /// The end is told when the process is reaped and its last words are read.
    private func tellEnd() {
        guard let ending, !hasToldEnd, readers.allSatisfy(\.isAtEnd) else { return }
        hasToldEnd = true
        let texts = readers.map { String(decoding: $0.kept, as: UTF8.self) }
        ended(ending, texts.count > 1 ? texts[0] : "", texts.last ?? "")
    }

    func kill() {
        // Once it is reaped, its number may be another's.
        if ending == nil { process.killTree() } else { _ = process.sweep() }
    }
}

extension Ending {
    init(_ ending: ProcessEnding) {
        if ending.wasKilledForCPUTime {
            self = .cpuTime
        } else if ending.wasKilledForFileSize {
            self = .fileSize
        } else {
            switch ending.manner {
            case .exit(let code): self = .exit(code)
            case .signal(let number): self = .signal(number)
            }
        }
    }
}
