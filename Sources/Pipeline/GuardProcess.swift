import Core
import Logging
import Loop
import System

/// `headway guard`, which outlives the server for as long as it takes to end what its children have hidden from it.
///
/// A child dies with its server, by the kernel's hand. What that child has started may have left its session, its group
/// and its parent, and lives on where the server was killed before it could look. The guard holds one end of a pipe;
/// when the server is gone, however that came, the pipe ends, and the guard sweeps by the mark. On the pipeline's loop.
final class GuardProcess: @unchecked Sendable {
    static let restartMilliseconds: Int64 = 1000

    private let program: String
    private let loop: EventLoop
    private let logger: Logger
    private var child: SupervisedChild?
    /// Nobody writes to it. Its end tells the end of this process.
    private var life: OwnedDescriptor?
    private var isStopping = false

    init(program: String, loop: EventLoop, logger: Logger) {
        self.program = program
        self.loop = loop
        self.logger = logger
    }

    func start() {
        guard !isStopping else { return }
        do throws(SystemError) {
            let pipe = try DescriptorPair.pipe()
            let null = try Files.open("/dev/null", .read)
            let process = try ChildProcess.spawn(
                path: program, arguments: ["guard", ProcessMark.family.text],
                environment: ["LANG=C.UTF-8", "SWIFT_BACKTRACE=enable=no"],
                descriptors: [pipe.first.raw, null.raw, 2], limits: ProcessLimits(), confinement: .outlivesParent)
            life = pipe.takeSecond()
            let child = SupervisedChild(process, loop: loop)
            self.child = child
            try child.conclude { [weak self] in self?.ended($0) }
        } catch {
            logger.warning("the guard could not be started", metadata: ["error": "\(error)"])
            // Ended before its pipe is: it would take this for the server's death.
            child = nil
            life = nil
            startAgain()
        }
    }

    private func ended(_ ending: Ending) {
        child = nil
        guard !isStopping else { return }
        logger.warning("the guard has ended, and is started again", metadata: ["ending": "\(ending)"])
        startAgain()
    }

    private func startAgain() {
        loop.schedule(afterMilliseconds: Self.restartMilliseconds) { [weak self] in self?.start() }
    }

    /// It sweeps once more and ends.
    func stop() {
        isStopping = true
        life = nil
    }
}
