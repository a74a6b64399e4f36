import Glibc

/// The standard streams of the command.
package enum Terminal {
    package static var isInputTerminal: Bool { isatty(STDIN_FILENO) == 1 }
    package static let inputDescriptor = STDIN_FILENO
    package static var isOutputTerminal: Bool { isatty(STDOUT_FILENO) == 1 }

    /// Whether bars can be drawn on standard error: a terminal that moves its cursor.
    package static var drawsBars: Bool { isatty(STDERR_FILENO) == 1 && environment("TERM") != "dumb" }

    package static func environment(_ name: String) -> String? {
        getenv(name).map { String(cString: $0) }
    }

    /// Asked for at each drawing: cheap, and right after every change of the window.
    package static func size(of descriptor: Int32 = STDERR_FILENO) -> (columns: Int, lines: Int) {
        var size = winsize()
        guard ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return (80, 24) }
        return (Int(size.ws_col), size.ws_row > 0 ? Int(size.ws_row) : 24)
    }

    /// Writes all of it; `outputClosed` when the reader of a pipe has gone, `outputFailed` when a disk says no.
    package static func write(_ bytes: [UInt8], to descriptor: Int32) throws(ClientError) {
        var start = 0
        while start < bytes.count {
            let count = bytes.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress! + start, bytes.count - start) }
            if count > 0 {
                start += count
            } else if errno == EAGAIN {
                var wait = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                poll(&wait, 1, 1000)
            } else if errno == EPIPE {
                throw .outputClosed
            } else if errno != EINTR {
                throw .outputFailed(reason: errorText(errno))
            }
            if count < 0, let signal = Interrupts.taken { throw .interrupted(signal: signal) }
        }
    }

    /// A line to standard output.
    package static func printLine(_ line: String) throws(ClientError) {
        try write(Array((line + "\n").utf8), to: STDOUT_FILENO)
    }

    /// A line to standard error; what cannot be said there cannot be said.
    package static func note(_ line: String) {
        try? write(Array((line + "\n").utf8), to: STDERR_FILENO)
    }

    /// A word for a shell, quoted where it has to be. What would not print is left out: it is for people to copy.
    package static func shellWord(_ text: String) -> String {
        let text = TerminalText.clean(text)
        let isPlain = text.utf8.allSatisfy {
            (0x30...0x39).contains($0) || (0x41...0x5A).contains($0 & 0xDF) || "_-+=%@:,./".utf8.contains($0)
        }
        if isPlain && !text.isEmpty { return text }
        return "'" + text.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "'\\''") + "'"
    }

    /// What the last system call said, in its words.
    package static func errorText(_ number: Int32) -> String {
        strerror(number).map { String(cString: $0) } ?? "error \(number)"
    }
}
