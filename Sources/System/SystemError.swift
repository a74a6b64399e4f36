import CLinux
import Glibc

/// The machine said no: which call, and its errno. Never the peer's mistake and never ours.
package struct SystemError: Error, Equatable, CustomStringConvertible {
    package var call: String
    package var number: Int32

    package init(_ call: String, _ number: Int32 = errno) {
        self.call = call
        self.number = number
    }

    package var description: String { "\(call): \(Self.text(of: number))" }

    /// No room: the disk, the quota or a file-size limit.
    package var isNoSpace: Bool { number == ENOSPC || number == EDQUOT || number == EFBIG }

    /// Out of descriptors, in this process or on the machine.
    package var isNoDescriptors: Bool { number == EMFILE || number == ENFILE }

    /// Nobody reads any more what is sent: the other process is ending, or has ended.
    package var isOtherSideGone: Bool { number == EPIPE || number == ECONNRESET }

    package var isNotFound: Bool { number == ENOENT }
    package var isAlreadyThere: Bool { number == EEXIST }
    package var isAddressInUse: Bool { number == EADDRINUSE }

    package static func text(of number: Int32) -> String {
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: 128) { buffer in
            guard hw_describe_errno(number, buffer.baseAddress!, buffer.count) == 0 else { return "errno \(number)" }
            return String(cString: buffer.baseAddress!)
        }
    }
}

/// Runs a call again while a signal interrupts it, and turns -1 into a typed error.
@inline(__always)
func check<Result: BinaryInteger>(_ call: String, _ body: () -> Result) throws(SystemError) -> Result {
    while true {
        let result = body()
        if result != -1 { return result }
        let number = errno
        if number != EINTR { throw SystemError(call, number) }
    }
}
