import Core
import Loop
import System

// Theory of operation
//
// A command says what it likes, as fast as it likes. So its pipes are not read when there is something in them but at
// fixed times, a bounded piece each: one that floods is made to wait by its full pipe, and costs the loop no more than
// one that is silent. Its whole tree is measured at longer times: memory, CPU time, processes, and how far it has read.

/// One command at work: its process, its pipes, its limits, and every sign of life of it. On the pipeline's loop.
final class StageProcess: @unchecked Sendable {
    static let lookMilliseconds: Int64 = 50
    /// Of one pipe, a look.
    static let lookBytesMax = 64 * 1024
    static let measureMilliseconds: Int64 = 250
    /// As an extractor's.
    static let processesMax = ExtractorProcess.processesMax
    static let descriptorsMax: Int64 = 256
    /// How far it has read counts only when it has said nothing for so long: what it says is better.
    static let silenceMilliseconds: Int64 = 1000

    struct Command {
        var stage: String
        var program: Program
        var arguments: [String]
        /// Where it starts and writes.
        var outputDirectory: String
        /// What it may write besides, and nobody keeps.
        var temporaryDirectory: String
        var readable: [String]
    }

    private let loop: EventLoop
    private let disk: DiskThreads
    private let command: Command
    private let limits: WorkLimits
    private let child: SupervisedChild
    private let words: OwnedDescriptor
    private let lines: OwnedDescriptor
    private var lastWords = LastWords()
    private var progressLines = ProgressLines()
    private(set) var progress = CommandProgress()
    private let startMilliseconds: Int64
    private var lifeMilliseconds: Int64
    private var cpuTicks: Int64 = 0
    private var isMeasuring = false
    private var reading: ReadingBox
    private var supervisedEnd: SupervisedEnd?
    private var outgrewItsSpace = false
    private var overstepped: Ending?
    private var ending: Ending?
    private let changed: () -> Void
    private let ended: (StageReport) -> Void

    /// What it may take of the disk: by its folders, and by files without a name that it holds open.
    private struct Space: Sendable {
        let directories: [String]
        let bytesMax: Int64

        init(_ command: Command, _ limits: WorkLimits) {
            directories = [command.outputDirectory, command.temporaryDirectory]
            bytesMax = limits.outputBytesMax
        }

        /// Blocks.
        func isOutgrown(by processIDs: [Int32]) -> Bool {
            let usages = directories.map { FileTree.usage(of: $0, entriesMax: OutputName.filesMax) }
            let bytes = usages.reduce(OpenFiles.namelessBytes(of: processIDs)) { $0 + $1.bytes }
            return bytes > bytesMax || usages.contains(where: \.isBeyondCount)
        }
    }

    /// Carries what was measured between the loop and a disk thread.
    private final class ReadingBox: @unchecked Sendable {
        var position: ReadingPosition
        init(_ position: ReadingPosition) { self.position = position }
    }

    /// `input`: a descriptor of the document, or of the folder that the stage before has filled; it becomes the
    /// command's standard input. `changed` is called when `progress` has.
    init(
        _ command: Command, input: Int32, reading: ReadingPosition, limits: WorkLimits, loop: EventLoop,
        disk: DiskThreads, changed: @escaping () -> Void, ended: @escaping (StageReport) -> Void
    ) throws(SystemError) {
        self.command = command
        self.limits = limits
        self.loop = loop
        self.disk = disk
        self.reading = ReadingBox(reading)
        self.changed = changed
        self.ended = ended
        let words = try DescriptorPair.pipe()
        let lines = try DescriptorPair.pipe()
        var profile = SandboxProfile.stage(
            input: input, program: command.program, outputDirectory: command.outputDirectory,
            readable: command.readable)
        profile.writable.append(command.temporaryDirectory)
        try DescriptorIO.setNonBlocking(words.first.raw, true)
        try DescriptorIO.setNonBlocking(lines.first.raw, true)
        let process = try ChildProcess.spawn(
            path: command.program.path, arguments: command.arguments, environment: command.program.environment,
            descriptors: [input, words.second.raw, words.second.raw, lines.second.raw],
            limits: ProcessLimits(
                dataBytesMax: limits.memoryBytesMax, cpuSecondsMax: limits.cpuSecondsMax,
                fileBytesMax: limits.outputBytesMax, openFilesMax: Self.descriptorsMax),
            directory: command.outputDirectory, lowPriority: true, confinement: .profile(profile))
        child = SupervisedChild(process, loop: loop)
        self.words = words.takeFirst()
        self.lines = lines.takeFirst()
        startMilliseconds = loop.nowMilliseconds
        lifeMilliseconds = startMilliseconds
        // Keeps this object until nothing of the process is left.
        try child.conclude {
            self.exited($0)
        } swept: {
            self.swept()
        }
        lookLater()
        measureLater()
    }

    // MARK: What it says

    private func lookLater() {
        loop.schedule(afterMilliseconds: Self.lookMilliseconds) { [weak self] in
            guard let self, self.ending == nil else { return }
            self.look()
            self.lookLater()
        }
    }

    private func look() {
        read(words.raw) { lastWords.receive($0) }
        let before = progress
        read(lines.raw) { bytes in
            for line in progressLines.receive(bytes) {
                progress.told(line)
                lifeMilliseconds = loop.nowMilliseconds
            }
        }
        if progress != before { changed() }
    }

    private func read(_ descriptor: Int32, _ take: (UnsafeMutableRawBufferPointer) -> Void) {
        let piece = UnsafeMutableRawBufferPointer(rebasing: loop.readBuffer[..<Self.lookBytesMax])
        // What cannot be read has nothing to say.
        guard case .bytes(let count)? = try? DescriptorIO.read(descriptor, into: piece) else { return }
        take(UnsafeMutableRawBufferPointer(rebasing: piece[..<count]))
    }

    // MARK: What it uses

    private func measureLater() {
        loop.schedule(afterMilliseconds: Self.measureMilliseconds) { [weak self] in
            guard let self, self.ending == nil else { return }
            self.supervise()
            self.measureDisk()
            self.measureLater()
        }
    }

    private func supervise() {
        let now = loop.nowMilliseconds
        let (processes, sum) = child.measure()
        if sum.cpuTicks > cpuTicks { lifeMilliseconds = now }
        cpuTicks = max(cpuTicks, sum.cpuTicks)
        if processes > Self.processesMax {
            overstepped = .processes
        } else if sum.residentBytes > limits.memoryBytesMax {
            supervisedEnd = .memory
        } else if sum.cpuTicks / ThisProcess.clockTicksPerSecond > limits.cpuSecondsMax {
            supervisedEnd = .cpuTime
        } else if now - startMilliseconds > limits.wallMillisecondsMax {
            supervisedEnd = .wallTime
        } else if now - lifeMilliseconds > limits.stallMillisecondsMax {
            supervisedEnd = .noProgress
        } else {
            return
        }
        kill()
    }

    /// What it has read and written, which a busy disk may be slow to tell.
    private func measureDisk() {
        guard !isMeasuring else { return }
        isMeasuring = true
        let processIDs = child.process.processIDs
        disk.submit(from: loop) { [box = reading, space = Space(command, limits)] in
            box.position.look(at: processIDs)
            return space.isOutgrown(by: processIDs)
        } then: { [weak self] isOutgrown in
            guard let self, self.ending == nil else { return }
            self.isMeasuring = false
            if isOutgrown {
                self.outgrewItsSpace = true
                return self.kill()
            }
            self.took(self.reading.position)
        }
    }

    private func took(_ position: ReadingPosition) {
        let before = progress
        guard loop.nowMilliseconds - startMilliseconds >= Self.silenceMilliseconds, position.bytesRead > 0 else {
            return
        }
        progress.read(bytes: position.bytesRead, of: position.bytesTotal)
        guard progress != before else { return }
        lifeMilliseconds = loop.nowMilliseconds
        changed()
    }

    // MARK: Ending

    private func exited(_ ending: Ending) {
        self.ending = overstepped ?? ending
        // Its last words are in the pipes already.
        look()
    }

    /// Between two measures it can have written what it likes: what it leaves is measured once nobody writes any more.
    private func swept() {
        disk.submit(from: loop) { [space = Space(command, limits)] in
            space.isOutgrown(by: [])
        } then: { [self] isOutgrown in
            // What it was ended for stays the reason.
            if isOutgrown, supervisedEnd == nil, overstepped == nil { outgrewItsSpace = true }
            tellEnd()
        }
    }

    private func tellEnd() {
        guard let ending else { return }
        ended(
            StageReport(
                stage: command.stage, ending: ending, supervisedEnd: supervisedEnd, outgrewItsSpace: outgrewItsSpace,
                lastWords: lastWords.text, limits: limits))
    }

    func kill() { child.kill() }
}
