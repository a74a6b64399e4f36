import Core
import Loop
import System

/// A child that concludes by itself, whoever has let go of it: when it ends, what it has started is ended with it, it
/// is reaped, and `exited` is called; `swept` is called when nothing of it is left, at once or some sweeps later. On
/// the loop that has started it.
final class SupervisedChild: @unchecked Sendable {
    static let sweepMillisecondsMin: Int64 = 1
    static let sweepMillisecondsMax: Int64 = 1000

    private(set) var process: ChildProcess
    private let loop: EventLoop
    private var exitWait: DescriptorWait?
    private var isReaped = false
    // Kept until they are called, and with them whoever waits for that.
    private var exited: ((Ending) -> Void)?
    private var swept: (() -> Void)?

    /// Until `conclude` is called, letting go of it ends the child.
    init(_ process: consuming ChildProcess, loop: EventLoop) {
        self.process = process
        self.loop = loop
    }

    deinit {
        if !isReaped {
            process.killTree()
            _ = try? process.reap(waits: true)
        }
    }

    func conclude(exited: @escaping (Ending) -> Void, swept: @escaping () -> Void = {}) throws(SystemError) {
        exitWait = try DescriptorWait(process.exitDescriptor, loop: loop) { self.end() }
        self.exited = exited
        self.swept = swept
    }

    private func end() {
        guard let exited else { return }
        // What it has left behind must not outlive it. Before it is reaped its number is surely its own.
        let sweep = process.killTree()
        let ending: Ending
        do throws(SystemError) {
            guard let end = try process.reap() else { return }
            ending = Ending(end)
        } catch {
            // Somebody else has reaped it; how it ended is not known, that it ended is.
            ending = .signal(0)
        }
        isReaped = true
        exitWait?.cancel()
        exitWait = nil
        self.exited = nil
        exited(ending)
        goOn(after: sweep, waitMilliseconds: Self.sweepMillisecondsMin)
    }

    /// Those that were killed take a moment to die, and must then be reaped; until then they may still write. Only for
    /// one that does not die is it waited longer and longer: as long as new ones come up there is no time to lose.
    private func goOn(after sweep: ProcessMark.Sweep, waitMilliseconds: Int64) {
        if sweep.isClean {
            swept?()
            swept = nil
            return
        }
        let wait = sweep.hasMore ? Self.sweepMillisecondsMin : waitMilliseconds
        loop.schedule(afterMilliseconds: wait) { [self] in
            goOn(after: process.sweep(), waitMilliseconds: min(2 * wait, Self.sweepMillisecondsMax))
        }
    }

    /// What it and all that it has started use together (`ChildProcess.measure`).
    func measure() -> (processes: Int, sum: ProcessUsage) { process.measure() }

    func kill() {
        // Once it is reaped, its number may be another's; what it left behind is being swept.
        if !isReaped { process.killTree() }
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
