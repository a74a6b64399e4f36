import Glibc

/// Reads of the machine's clocks (clock_gettime(2)); 20–30 ns each by the vDSO.
package enum Clock {
    package static var monotonicNanoseconds: Int64 { read(CLOCK_MONOTONIC) }
    package static var monotonicMilliseconds: Int64 { read(CLOCK_MONOTONIC) / 1_000_000 }
    package static var unixMilliseconds: Int64 { read(CLOCK_REALTIME) / 1_000_000 }

    private static func read(_ clock: clockid_t) -> Int64 {
        var time = timespec()
        let result = clock_gettime(clock, &time)
        precondition(result == 0, "clock_gettime: this clock always exists on Linux")
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }
}
