import Core
import Documents
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
