@testable import Core

/// What a process has in hand, each thing on the thread that it belongs to. A thread takes its letters in their order;
/// which thread goes next, and which disk job is done first, is left to the schedule.
final class SimulatedProcess {
    typealias Work = () -> Void

    let epoch: String
    private(set) var isAlive = true
    /// The loop of the document's owner, the loop of the connections, and the reader of the ledger.
    var ownerLetters: [Work] = []
    var connectionLetters: [Work] = []
    var ledgerReads: [Work] = []
    /// Each may take as long as it likes.
    var diskJobs: [Work] = []
    /// What time alone brings about.
    var timers: [Work] = []

    init(_ number: Int) { epoch = "process \(number)" }

    func end() {
        isAlive = false
        (ownerLetters, connectionLetters, ledgerReads, diskJobs, timers) = ([], [], [], [], [])
    }
}
