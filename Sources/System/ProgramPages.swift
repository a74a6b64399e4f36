import Glibc

/// What is mapped of the program and its libraries as it lies in their files, the same in every process.
package enum ProgramPages {
    /// Lets go of these pages. Starting up touches most of the program, much of it for the only time, and with each
    /// page the kernel maps up to fifteen neighbours: all of that would count as this process's memory until its end.
    /// It stays in the kernel's page cache; what is used again is mapped again, sixteen pages a fault of a microsecond.
    package static func release() {
        // smaps tells what maps does not: whether anything there was ever written.
        guard let smaps = Files.contents(of: "/proc/self/smaps", bytesMax: 1 << 26) else { return }
        for range in unwritten(String(decoding: smaps, as: UTF8.self)) {
            guard let start = UnsafeMutableRawPointer(bitPattern: range.lowerBound) else { continue }
            // What cannot be let go of stays.
            _ = madvise(start, range.count, MADV_DONTNEED)
        }
    }

    /// Where smaps (proc_pid_smaps(5)) tells of a file of which nothing can be written and nothing was: its pages lose
    /// nothing (madvise(2), MADV_DONTNEED). What the dynamic linker wrote and then protected is not among it.
    static func unwritten(_ smaps: String) -> [Range<UInt>] {
        var found: [Range<UInt>] = []
        var current: Range<UInt>?
        for line in smaps.utf8.split(separator: UInt8(ascii: "\n")) {
            // A mapping's own line begins with an address, in small letters; what is said of it with a capital one.
            if !(UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(line[line.startIndex]) {
                current = unwritable(Substring(line))
            } else if line.starts(with: "Anonymous:".utf8), let range = current {
                if Substring(line).split(separator: " ")[1] == "0" { found.append(range) }
            }
        }
        return found
    }

    /// The place of a file's mapping that may not be written to; nil for any other.
    private static func unwritable(_ line: Substring) -> Range<UInt>? {
        let fields = line.split(separator: " ")
        guard fields.count > 5, fields[1] == "r-xp" || fields[1] == "r--p", fields[5].hasPrefix("/") else { return nil }
        let ends = fields[0].split(separator: "-").compactMap { UInt($0, radix: 16) }
        return ends.count == 2 && ends[0] < ends[1] ? ends[0]..<ends[1] : nil
    }
}
