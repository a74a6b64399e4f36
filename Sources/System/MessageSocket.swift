import CLinux
import Glibc

/// The socket between a supervisor and its worker: whole messages, with descriptors beside them.
package enum MessageSocket {
    /// One message is at most this large; a longer one is refused by the kernel or cut, and the worker is ended.
    package static let messageBytesMax = 64 * 1024

    package static func send(_ socket: Int32, _ bytes: [UInt8], descriptors: [Int32] = []) throws(SystemError) {
        let result = bytes.withUnsafeBytes { bytes in
            descriptors.withUnsafeBufferPointer {
                hw_send_descriptors(socket, bytes.baseAddress, bytes.count, $0.baseAddress, $0.count)
            }
        }
        if result != 0 { throw SystemError("sendmsg") }
    }

    /// The next message; nil when the other side is gone. Its descriptors are the caller's to own.
    package static func receive(_ socket: Int32) throws(SystemError) -> (bytes: [UInt8], descriptors: [Int32])? {
        var descriptors = [Int32](repeating: -1, count: 8)
        var count = descriptors.count
        var received = 0
        let bytes = [UInt8](unsafeUninitializedCapacity: messageBytesMax) { buffer, initialized in
            received = hw_receive_descriptors(socket, buffer.baseAddress, buffer.count, &descriptors, &count)
            initialized = max(0, received)
        }
        if received < 0 { throw SystemError("recvmsg") }
        if received == 0 && count == 0 { return nil }
        return (bytes, Array(descriptors[..<count]))
    }
}
