import Core
import JSON
import Logging
import Synchronization
import System

/// Log lines on standard error: for people on a terminal, one JSON object a line elsewhere.
struct LogOutput: LogHandler {
    var logLevel: Logger.Level
    var metadata: Logger.Metadata = [:]
    private let label: String
    private let isForPeople: Bool

    init(label: String, level: Logger.Level, isForPeople: Bool = Files.isTerminal(2)) {
        self.label = label
        logLevel = level
        self.isForPeople = isForPeople
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        let given = event.metadata ?? [:]
        let all = (metadata.isEmpty ? given : metadata.merging(given) { _, new in new }).sorted { $0.key < $1.key }
        let time = Timestamp.text(unixMilliseconds: Clock.unixMilliseconds)
        var line: [UInt8]
        if isForPeople {
            let pairs = all.map { " \($0.key)=\($0.value)" }.joined()
            line = Array("\(time.dropFirst(11).dropLast()) \(event.level) \(event.message)\(pairs)".utf8)
        } else {
            var writer = JSONWriter()
            writer.beginObject()
            writer.key("time"); writer.string(time)
            writer.key("level"); writer.string("\(event.level)")
            writer.key("message"); writer.string("\(event.message)")
            for (key, value) in all {
                writer.key(key); writer.string("\(value)")
            }
            writer.endObject()
            line = writer.bytes
        }
        line.append(UInt8(ascii: "\n"))
        LogWriter.shared.write(line)
    }
}

/// Writes log lines by a thread of its own: whoever reads standard error may stall, and no loop must stall with it.
///
/// At `linesMax` waiting lines new ones are dropped, and their number is said when there is room again.
final class LogWriter: Sendable {
    static let shared = LogWriter()
    static let linesMax = 4096
    static let flushMilliseconds: Int64 = 500
    /// After a write, lines gather for so long: waking the thread for every line costs a busy loop more than the line.
    static let gatherMilliseconds: Int64 = 20

    private let lines = BlockingQueue<[UInt8]>()
    private let waiting = Atomic<Int>(0)
    private let dropped = Atomic<Int>(0)

    private init() {
        // Without the thread there is no log; the server runs all the same.
        try? Thread.start(named: "log") { [self] in
            while true {
                let taken = lines.takeAll()
                if taken.isEmpty { return }
                // A log that cannot be written is not worth a crash.
                try? DescriptorIO.writeAll(2, taken.flatMap { $0 })
                waiting.subtract(taken.count, ordering: .relaxed)
                let missing = dropped.exchange(0, ordering: .relaxed)
                if missing > 0 {
                    try? DescriptorIO.writeAll(2, Array("{\"level\":\"warning\",\"lines_dropped\":\(missing)}\n".utf8))
                }
                Thread.sleep(milliseconds: Self.gatherMilliseconds)
            }
        }
    }

    func write(_ line: [UInt8]) {
        guard waiting.add(1, ordering: .relaxed).newValue <= Self.linesMax else {
            waiting.subtract(1, ordering: .relaxed)
            dropped.add(1, ordering: .relaxed)
            return
        }
        lines.put(line)
    }

    /// Waits until what was logged is written, but not for ever. Before the process ends.
    func flush() {
        let end = Clock.monotonicMilliseconds + Self.flushMilliseconds
        while waiting.load(ordering: .relaxed) > 0 && Clock.monotonicMilliseconds < end {
            Thread.sleep(milliseconds: 1)
        }
    }
}
