import CLinux
import Glibc

/// getrandom(2): the kernel's cryptographic generator. Never blocks once the machine has started.
package enum Randomness {
    package static func bytes(_ count: Int) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
            while initialized < count {
                let got = hw_getrandom(buffer.baseAddress! + initialized, count - initialized)
                if got > 0 { initialized += got } else { precondition(errno == EINTR, "getrandom failed") }
            }
        }
    }

    package static func integer() -> UInt64 {
        bytes(8).reduce(0) { $0 << 8 | UInt64($1) }
    }
}
