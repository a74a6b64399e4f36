/// Lower case, scalar by scalar, for comparing words: what differs only in case becomes the same.
///
/// Only mappings of one scalar to one; and final sigma is sigma. The tables are the standard library's.
enum LetterCase {
    static func folded(_ scalar: UInt32) -> UInt32 {
        if scalar < UInt32(table.count) { return table[Int(scalar)] }
        return switch scalar {
        // Scripts with case beyond the table: from Georgian by way of Latin and Greek with marks to Coptic; supplements
        // to Cyrillic and Latin, and Cherokee; Deseret and those after it. Full-width Latin is plain arithmetic.
        case 0x10a0...0x2dff, 0xa640...0xabff, 0x1_0400...0x1_e943: mapped(scalar)
        case 0xff21...0xff3a: scalar + 32
        default: scalar
        }
    }

    /// Latin, Greek, Cyrillic, Armenian.
    private static let table: [UInt32] = (0..<0x590).map { $0 == 0x3c2 ? 0x3c3 : mapped($0) }

    private static func mapped(_ scalar: UInt32) -> UInt32 {
        guard let properties = Unicode.Scalar(scalar)?.properties else { return scalar }
        let lower = properties.lowercaseMapping.unicodeScalars
        return lower.count == 1 ? lower.first!.value : scalar
    }
}
