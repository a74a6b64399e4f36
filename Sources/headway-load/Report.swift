import JSON
import System

/// A result: one line of JSON on standard output.
struct Report {
    private var writer = JSONWriter(reservingBytes: 1024)

    init(mode: String, label: String) {
        writer.beginObject()
        add("mode", mode)
        if !label.isEmpty { add("label", label) }
    }

    mutating func add(_ name: String, _ value: String) {
        writer.key(name)
        writer.string(value)
    }

    mutating func add(_ name: String, _ value: Int) {
        writer.key(name)
        writer.integer(value)
    }

    mutating func add(_ name: String, _ value: UInt64) { add(name, Int(clamping: value)) }

    mutating func add(_ name: String, _ value: Bool) {
        writer.key(name)
        writer.bool(value)
    }

    mutating func add(_ name: String, _ value: Double) {
        writer.key(name)
        writer.number(value, decimals: 3)
    }

    /// `count` things happened at that cost: how many a second, and how many a second of the server's CPU time, which
    /// stays meaningful when somebody else uses the machine too or the load generator is the limit.
    mutating func add(_ things: String, _ count: UInt64, at cost: CostMeter.Cost) {
        add(things, count)
        add("seconds", cost.seconds)
        add("\(things)_per_second", cost.seconds > 0 ? Double(count) / cost.seconds : 0)
        if let cpu = cost.serverCPUSeconds {
            add("server_cpu_seconds", cpu)
            if cpu > 0 { add("\(things)_per_server_cpu_second", Double(count) / cpu) }
        }
        add("load_cpu_seconds", cost.loadCPUSeconds)
    }

    /// Nothing when nothing came: a zero would look quick.
    mutating func add(_ name: String, _ latencies: LatencyHistogram) {
        guard latencies.count > 0 else { return }
        add("\(name)_p50_us", latencies.microseconds(0.5))
        add("\(name)_p99_us", latencies.microseconds(0.99))
        add("\(name)_max_us", Double(latencies.largest) / 1000)
    }

    consuming func write() {
        writer.endObject()
        do throws(SystemError) {
            try DescriptorIO.writeAll(1, writer.bytes + [UInt8(ascii: "\n")])
        } catch {
            stop("\(error)")
        }
    }
}

/// A line on standard error; standard output is for results.
func complain(_ text: String) {
    try? DescriptorIO.writeAll(2, Array("headway-load: \(text)\n".utf8))
}

/// Ends the tool: what cannot be measured has no result.
func stop(_ reason: String) -> Never {
    complain(reason)
    ThisProcess.exit(1)
}
