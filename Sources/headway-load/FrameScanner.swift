/// What a server may not send, or what this tool does not count.
package enum FrameFault: Error, Equatable {
    /// RFC 6455 §5.1: servers do not mask.
    case masked
    /// RFC 6455 §5.2: a bit that no negotiated extension has given a meaning.
    case reservedBits
    /// RFC 6455 §5.4 allows fragments; a message would then be more than one frame and counting frames would lie.
    case fragmented
    case tooLong

    package var description: String {
        switch self {
        case .masked: "the server masked a frame"
        case .reservedBits: "the server set reserved bits"
        case .fragmented: "the server fragments its messages, which are counted by frames here"
        case .tooLong: "the server announced a frame of more than 1 TiB"
        }
    }
}

/// Finds frames in what a server sends, where they lie: a frame that is whole in the read buffer is never copied, and
/// of one that is cut only its beginning is kept. So a message costs a few instructions, whatever its size.
package struct FrameScanner {
    package struct Frame {
        package var opcode: UInt8
        package var isCompressed: Bool
        package var payloadCount: Int
        /// The payload, or its first bytes when it is longer than `prefixBytesMax`. Borrowed for the call.
        package var prefix: UnsafeRawBufferPointer
        package var isControl: Bool { opcode & 0x8 != 0 }

        /// Whether the prefix is what `payload` begins with, eight bytes a step.
        package func hasPrefix(of payload: [UInt8]) -> Bool {
            guard payload.count >= prefix.count else { return false }
            return payload.withUnsafeBytes { payload in
                var index = 0
                while index + 8 <= prefix.count {
                    let (left, right) = (
                        prefix.loadUnaligned(fromByteOffset: index, as: UInt64.self),
                        payload.loadUnaligned(fromByteOffset: index, as: UInt64.self)
                    )
                    if left != right { return false }
                    index += 8
                }
                while index < prefix.count {
                    if prefix[index] != payload[index] { return false }
                    index += 1
                }
                return true
            }
        }
    }

    /// What can be looked at of each payload: all of a control frame (RFC 6455 §5.5), the stamp of a message.
    package static let prefixBytesMax = 125
    private static let payloadBytesMax = 1 << 40

    private let acceptsCompressed: Bool
    /// The header and the prefix of a frame that is cut; empty between frames.
    private var held: [UInt8] = []
    /// Payload behind the prefix that is still to come, once `held` is complete.
    private var toSkip: Int?

    /// `acceptsCompressed`: permessage-deflate was negotiated, so RSV1 may be set (RFC 7692 §6).
    package init(acceptsCompressed: Bool = false) { self.acceptsCompressed = acceptsCompressed }

    /// Hands out each frame when its last byte is there. After a fault the connection is to be given up.
    package mutating func scan(
        _ bytes: UnsafeRawBufferPointer, _ receive: (Frame) -> Void
    ) throws(FrameFault) {
        var position = 0
        while position < bytes.count {
            let rest = UnsafeRawBufferPointer(rebasing: bytes[position...])
            if held.isEmpty, let shape = Shape(rest), shape.headerCount + shape.payloadCount <= rest.count {
                try check(first: rest[0], second: rest[1], shape)
                receive(Self.frame(shape, rest))
                position += shape.headerCount + shape.payloadCount
            } else {
                position += try gather(rest, receive)
            }
        }
    }

    /// Goes on with a frame that is cut. Returns how many bytes belonged to it.
    private mutating func gather(
        _ bytes: UnsafeRawBufferPointer, _ receive: (Frame) -> Void
    ) throws(FrameFault) -> Int {
        var used = 0
        while toSkip == nil {
            let shape = held.withUnsafeBytes { Shape($0) }
            let wanted = shape.map { $0.headerCount + $0.prefixCount } ?? Shape.headerCount(held)
            if held.count < wanted {
                let taken = min(wanted - held.count, bytes.count - used)
                if taken == 0 { return used }
                held.append(contentsOf: UnsafeRawBufferPointer(rebasing: bytes[used..<used + taken]))
                used += taken
            } else if let shape {
                try check(first: held[0], second: held[1], shape)
                toSkip = shape.payloadCount - shape.prefixCount
            }
        }
        let skipped = min(toSkip ?? 0, bytes.count - used)
        toSkip = (toSkip ?? 0) - skipped
        if toSkip == 0 {
            held.withUnsafeBytes { whole in
                if let shape = Shape(whole) { receive(Self.frame(shape, whole)) }
            }
            held.removeAll(keepingCapacity: true)
            toSkip = nil
        }
        return used + skipped
    }

    private func check(first: UInt8, second: UInt8, _ shape: Shape) throws(FrameFault) {
        if second & 0x80 != 0 { throw .masked }
        if first & 0x30 != 0 || (first & 0x40 != 0 && !acceptsCompressed) { throw .reservedBits }
        if first & 0x80 == 0 || first & 0x0F == 0 { throw .fragmented }
        if shape.payloadCount > Self.payloadBytesMax { throw .tooLong }
    }

    private static func frame(_ shape: Shape, _ bytes: UnsafeRawBufferPointer) -> Frame {
        let prefix = bytes[shape.headerCount..<shape.headerCount + shape.prefixCount]
        return Frame(
            opcode: bytes[0] & 0x0F, isCompressed: bytes[0] & 0x40 != 0, payloadCount: shape.payloadCount,
            prefix: UnsafeRawBufferPointer(rebasing: prefix))
    }

    /// Where a frame's parts lie (RFC 6455 §5.2).
    private struct Shape {
        var headerCount: Int
        var payloadCount: Int
        var prefixCount: Int { min(payloadCount, FrameScanner.prefixBytesMax) }

        /// Nil while the header is incomplete.
        @inline(__always)
        init?(_ bytes: UnsafeRawBufferPointer) {
            guard bytes.count >= 2 else { return nil }
            let length = bytes[1] & 0x7F
            if length < 126 {
                (headerCount, payloadCount) = (2, Int(length))
                return
            }
            headerCount = length == 126 ? 4 : 10
            guard bytes.count >= headerCount else { return nil }
            payloadCount = 0
            for index in 2..<headerCount { payloadCount = payloadCount << 8 | Int(bytes[index]) }
            // A length with its highest bit set is refused as too long, not taken for a negative one.
            if payloadCount < 0 { payloadCount = .max >> 1 }
        }

        static func headerCount(_ bytes: [UInt8]) -> Int {
            guard bytes.count >= 2 else { return 2 }
            switch bytes[1] & 0x7F {
            case 126: return 4
            case 127: return 10
            default: return 2
            }
        }
    }
}
