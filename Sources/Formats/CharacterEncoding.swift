/// The encodings that are read, by the names of the WHATWG Encoding Standard, and UTF-32, which is not among them.
package enum CharacterEncoding: Sendable, Equatable {
    case utf8
    case utf16(isBigEndian: Bool)
    case utf32(isBigEndian: Bool)
    /// Of `SingleByteTables`.
    case singleByte(name: String)
    case shiftJIS, eucJP, gb18030, big5, eucKR

    package static let windows1252 = CharacterEncoding.singleByte(name: "windows-1252")

    /// What a declaration means (Encoding Standard §4.2, the labels that are met); nil for a name that is not known,
    /// so that the bytes decide.
    package init?(label: some StringProtocol) {
        let name = String(
            decoding: label.utf8.filter { $0 > 0x20 }.map { $0 &- 0x41 < 26 ? $0 | 0x20 : $0 }, as: UTF8.self)
        switch name {
        case "utf-8", "utf8", "unicode-1-1-utf-8", "x-unicode20utf8": self = .utf8
        case "utf-16", "utf-16le", "utf16", "unicode", "ucs-2", "iso-10646-ucs-2": self = .utf16(isBigEndian: false)
        case "utf-16be", "unicodefffe": self = .utf16(isBigEndian: true)
        case "utf-32", "utf-32le": self = .utf32(isBigEndian: false)
        case "utf-32be": self = .utf32(isBigEndian: true)
        case "shift_jis", "shift-jis", "sjis", "x-sjis", "ms_kanji", "csshiftjis", "windows-31j", "cp932", "ms932":
            self = .shiftJIS
        case "euc-jp", "x-euc-jp", "cseucpkdfmtjapanese": self = .eucJP
        case "gb18030", "gbk", "gb2312", "gb_2312-80", "x-gbk", "chinese", "csgb2312", "iso-ir-58", "cp936", "euc-cn":
            self = .gb18030
        case "big5", "big5-hkscs", "cn-big5", "csbig5", "x-x-big5", "cp950": self = .big5
        case "euc-kr", "ks_c_5601-1987", "ks_c_5601-1989", "ksc5601", "ksc_5601", "korean", "windows-949", "cp949",
            "cseuckr", "iso-ir-149", "uhc":
            self = .eucKR
        default:
            let tableName = Self.aliases[name] ?? name
            guard SingleByteTables.byName[tableName] != nil else { return nil }
            self = .singleByte(name: tableName)
        }
    }

    private static let aliases: [String: String] = {
        // Encoding Standard §4.2: ASCII and Latin 1 are windows-1252, Latin 5 is windows-1254, TIS-620 windows-874.
        var aliases = [
            "ascii": "windows-1252", "us-ascii": "windows-1252", "ansi_x3.4-1968": "windows-1252",
            "iso-8859-1": "windows-1252", "iso8859-1": "windows-1252", "iso_8859-1": "windows-1252",
            "latin1": "windows-1252", "l1": "windows-1252", "iso-8859-9": "windows-1254", "latin5": "windows-1254",
            "iso-8859-11": "windows-874", "tis-620": "windows-874", "latin2": "iso-8859-2", "l2": "iso-8859-2",
            "latin-9": "iso-8859-15", "latin9": "iso-8859-15", "l9": "iso-8859-15", "cyrillic": "iso-8859-5",
            "arabic": "iso-8859-6", "greek": "iso-8859-7", "hebrew": "iso-8859-8", "iso-8859-8-i": "iso-8859-8",
            "koi8": "koi8-r", "koi": "koi8-r", "koi8_r": "koi8-r", "koi8-ru": "koi8-u", "cp866": "ibm866",
            "866": "ibm866", "mac": "macintosh", "x-mac-roman": "macintosh", "x-mac-ukrainian": "x-mac-cyrillic",
            "dos-874": "windows-874",
        ]
        for number in [2, 3, 4, 5, 6, 7, 8, 10, 13, 14, 15, 16] {
            aliases["iso8859-\(number)"] = "iso-8859-\(number)"
            aliases["iso_8859-\(number)"] = "iso-8859-\(number)"
        }
        for number in 1250...1258 {
            aliases["cp\(number)"] = "windows-\(number)"
            aliases["x-cp\(number)"] = "windows-\(number)"
        }
        return aliases
    }()
}

extension SingleByteTables {
    /// The scalars of the bytes 80 to FF.
    static let byName: [String: [UInt16]] = {
        var tables: [String: [UInt16]] = [:]
        var name = ""
        for line in upperHalves.split(separator: "\n") {
            if line.hasSuffix(":") {
                name = String(line.dropLast())
            } else {
                tables[name, default: []] += line.split(separator: " ").compactMap { UInt16($0, radix: 16) }
            }
        }
        return tables
    }()
}

/// A character set of two bytes a character, as rows of leads and columns of trails.
struct CharacterTable: Sendable {
    /// U+FFFD where there is no character.
    private let scalars: [UInt16]
    private let columns: Int

    static let lost: UInt16 = 0xfffd

    static let jis = CharacterTable(JIS.rows, columns: 94)
    static let big5 = CharacterTable(Big5.rows, columns: 157)
    static let korean = CharacterTable(Korean.rows, columns: 178)
    static let chinese = CharacterTable(Chinese.rows, columns: 190)

    /// A line holds 94 cells or half a row; what it lacks at its end are cells without a character.
    private init(_ text: String, columns: Int) {
        let cellsOfLine = columns == 94 ? [94] : [columns / 2, columns - columns / 2]
        var scalars: [UInt16] = []
        for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            let end = scalars.count + cellsOfLine[index % cellsOfLine.count]
            scalars += line.unicodeScalars.map { UInt16(truncatingIfNeeded: $0.value) }
            while scalars.count < end { scalars.append(Self.lost) }
        }
        self.scalars = scalars
        self.columns = columns
    }

    func scalar(row: Int, column: Int) -> Unicode.Scalar? {
        let index = row * columns + column
        guard row >= 0, column >= 0, column < columns, index < scalars.count, scalars[index] != Self.lost else {
            return nil
        }
        return Unicode.Scalar(scalars[index])
    }

    /// GB18030's four-byte forms of the BMP: the scalar of a number (Encoding Standard §10.2.1).
    static func scalar(gb18030 number: Int) -> Unicode.Scalar? {
        if number >= 189_000 {
            let value = 0x1_0000 + number - 189_000
            return value <= 0x10_ffff ? Unicode.Scalar(UInt32(value)) : nil
        }
        guard number < 39_420, let range = fourByteRanges.last(where: { $0.number <= number }) else { return nil }
        return Unicode.Scalar(UInt32(range.scalar + number - range.number))
    }

    private static let fourByteRanges: [(number: Int, scalar: Int)] =
        GB18030.rows.split { $0 == " " || $0 == "\n" }.compactMap { word in
            let parts = word.split(separator: ":")
            guard parts.count == 2, let number = Int(parts[0], radix: 16), let scalar = Int(parts[1], radix: 16) else {
                return nil
            }
            return (number, scalar)
        }
}
