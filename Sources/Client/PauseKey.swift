import Glibc

/// The key `p`, while uploads run on a terminal: it comes at once and is not shown, and Ctrl-C stays what it is.
///
/// The terminal is as it was when this ends, and while another job has it (Ctrl-Z, `bg`): what is typed there is for
/// the shell, and a read of it would stop us.
final class PauseKey {
    private var before: termios?
    private var heldAtMilliseconds: Int64?

    static let intervalMilliseconds: Int64 = 500

    deinit { release() }

    /// Takes the terminal's keys if they are ours to take. Call once a turn: after a stop the shell has set them back.
    func hold(nowMilliseconds: Int64) {
        if let heldAtMilliseconds, nowMilliseconds - heldAtMilliseconds < Self.intervalMilliseconds { return }
        heldAtMilliseconds = nowMilliseconds
        var now = termios()
        guard isInForeground, tcgetattr(STDIN_FILENO, &now) == 0, now.c_lflag & tcflag_t(ICANON) != 0 else { return }
        if before == nil { before = now }
        now.c_lflag &= ~tcflag_t(ICANON | ECHO)
        // Without a byte, a read comes back at once.
        withUnsafeMutableBytes(of: &now.c_cc) { characters in
            characters[Int(VMIN)] = 0
            characters[Int(VTIME)] = 0
        }
        tcsetattr(STDIN_FILENO, TCSANOW, &now)
    }

    var isInForeground: Bool { tcgetpgrp(STDIN_FILENO) == getpgrp() }

    /// How often the key was pressed since the last time; nil when the terminal has gone.
    func taken() -> Int? {
        guard isInForeground else { return 0 }
        var bytes = [UInt8](repeating: 0, count: 64)
        let count = read(STDIN_FILENO, &bytes, bytes.count)
        if count < 0 { return errno == EAGAIN || errno == EINTR ? 0 : nil }
        return bytes[..<count].count { $0 == UInt8(ascii: "p") || $0 == UInt8(ascii: "P") }
    }

    func release() {
        guard var before, isInForeground else { return }
        tcsetattr(STDIN_FILENO, TCSANOW, &before)
        self.before = nil
    }
}
