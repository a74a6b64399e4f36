import Loop
import System

/// Opens many links, a batch at a time, so that the server's backlog never overflows: a connect that the kernel has to
/// repeat takes a second.
final class Opening {
    /// How long all of them may take.
    private static let patienceMilliseconds: Int64 = 120_000
    /// Descriptors for everything but links.
    private static let descriptorsReserved = 64

    private let count: Int
    private let batch: Int
    private let loop: EventLoop
    private let open: (Int) throws(SystemError) -> Void
    private let done: () -> Void
    private var begun = 0
    private var finished = 0
    private var deadline: TimerHeap.Token?

    /// `open` begins the link of that number; `done` is called when each has said `opened`.
    init(
        _ count: Int, batch: Int, loop: EventLoop, open: @escaping (Int) throws(SystemError) -> Void,
        done: @escaping () -> Void
    ) {
        self.count = count
        self.batch = batch
        self.loop = loop
        self.open = open
        self.done = done
    }

    func start() {
        if count + Self.descriptorsReserved > ThisProcess.openFilesMax {
            stop(
                "\(count) connections need more descriptors than the \(ThisProcess.openFilesMax) that are allowed here")
        }
        deadline = loop.schedule(afterMilliseconds: Self.patienceMilliseconds) { [self] in
            stop("\(finished) of \(count) connections were open after \(Self.patienceMilliseconds / 1000) s")
        }
        goOn()
    }

    func opened() {
        finished += 1
        if finished < count { return goOn() }
        if let deadline { loop.cancel(deadline) }
        done()
    }

    private func goOn() {
        while begun < count && begun - finished < batch {
            begun += 1
            do throws(SystemError) { try open(begun - 1) } catch { stop("connection \(begun): \(error)") }
        }
    }
}

/// Addresses to connect from. Each has some 28,000 ports towards one server, and a server may look at them.
struct Sources {
    let count: Int

    /// 127.0.0.2, 127.0.0.3, …, one after the other; none when one will do.
    func address(of index: Int) -> String? {
        count > 1 ? "127.0.\(index % count / 250).\(2 + index % count % 250)" : nil
    }
}
