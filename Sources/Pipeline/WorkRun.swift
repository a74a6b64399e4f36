import Core
import Documents
import System
import Wire

/// One document's run in a worker's place, whatever does the work.
protocol WorkRun: AnyObject, Sendable {
    var lease: Lease { get }
    /// When it is over: the worker of its place may take the next run.
    var leavesWorkerUsable: Bool { get }

    func start(on worker: WorkerLink)
    func workerReported(_ message: WorkerReport)
    func workerEnded(_ ending: Ending)
    /// Nobody wants the result any more.
    func giveUp()
}

extension DocumentRun: WorkRun {}

extension RunVerdict {
    /// For the log.
    func words(made things: String) -> String {
        switch self {
        case .complete(_, let count): "complete, \(count) \(things)"
        case .failed(let error): error.code
        case .waits(let message, _): message
        case .fallsBack(let error, .recognizer): "\(error.code), text recognition is next"
        case .fallsBack(let error, _): "\(error.code), mutool is next"
        }
    }
}

extension WorkLimits {
    /// What holds a tool that reads the document.
    var ofReader: ProcessLimits {
        ProcessLimits(
            dataBytesMax: memoryBytesMax, cpuSecondsMax: cpuSecondsMax, fileBytesMax: outputBytesMax,
            openFilesMax: Self.readerDescriptorsMax)
    }

    /// What holds each tool that recognizes one page of it.
    var ofPageReader: ProcessLimits {
        var limits = ofReader
        limits.cpuSecondsMax = min(limits.cpuSecondsMax, Recognition.pageCPUSecondsMax)
        return limits
    }
}
