/// Reads scalars out of UTF-8 that is known to be valid, as that of a `String` is.
enum UTF8Scalar {
    /// Bytes of the scalar that begins with that byte.
    @inline(__always)
    static func length(startingWith byte: UInt8) -> Int {
        byte < 0x80 ? 1 : byte < 0xe0 ? 2 : byte < 0xf0 ? 3 : 4
    }

    /// The scalar of exactly these bytes; U+FFFD for a surrogate, which valid text has not.
    @inline(__always)
    static func decode(_ bytes: Span<UInt8>) -> Unicode.Scalar {
        let value =
            switch bytes.count {
            case 1: UInt32(bytes[0])
            case 2: UInt32(bytes[0] & 0x1f) << 6 | UInt32(bytes[1] & 0x3f)
            case 3: UInt32(bytes[0] & 0x0f) << 12 | UInt32(bytes[1] & 0x3f) << 6 | UInt32(bytes[2] & 0x3f)
            default:
                UInt32(bytes[0] & 0x07) << 18 | UInt32(bytes[1] & 0x3f) << 12 | UInt32(bytes[2] & 0x3f) << 6
                    | UInt32(bytes[3] & 0x3f)
            }
        return Unicode.Scalar(value) ?? "\u{fffd}"
    }
}
