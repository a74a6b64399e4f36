extension DocumentType {
    /// The type that the first bytes and the name speak for, or nil.
    ///
    /// A PDF may have junk before its header within the first 1,024 bytes (ISO 32000-1, implementation note 13). A ZIP
    /// archive is what its first entries or its name say, and is looked into when it is read. Text has no controls but
    /// those of lines and pages, or begins with a byte order mark.
    package static func judge(prefix: [UInt8], name: String) -> DocumentType? {
        if contains(prefix, "%PDF-") { return .pdf }
        let name = name.lowercased()
        if prefix.starts(with: [0x50, 0x4b, 0x03, 0x04]) { return packedType(prefix, name) }
        // An office document that a password protects lies in the container of older ones ([MS-OFFCRYPTO] §2.3.1).
        if prefix.starts(with: [0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1]) {
            return isWordName(name) ? .docx : nil
        }
        guard isText(prefix) else { return nil }
        if let markup = markupType(prefix, name) { return markup }
        if name.hasSuffix(".md") || name.hasSuffix(".markdown") { return .markdown }
        return name.hasSuffix(".csv") ? .csv : .plainText
    }

    // MARK: - Archives

    private static func packedType(_ prefix: [UInt8], _ name: String) -> DocumentType? {
        // ODF part 2 §3.3, EPUB OCF §4.3: the first entry is `mimetype`, stored, so that the type stands in the bytes.
        for type in [odt, epub] where contains(prefix, "mimetype\(type.rawValue)") { return type }
        let first = firstEntryName(prefix)
        if ["[content_types].xml", "_rels/.rels", "word/document.xml"].contains(first), !isOtherOfficeName(name) {
            return .docx
        }
        if isWordName(name) { return .docx }
        if name.hasSuffix(".odt") || name.hasSuffix(".ott") { return .odt }
        return name.hasSuffix(".epub") ? .epub : nil
    }

    private static func isWordName(_ name: String) -> Bool {
        [".docx", ".docm", ".dotx", ".dotm"].contains { name.hasSuffix($0) }
    }

    /// Packed in the same way, and no text.
    private static func isOtherOfficeName(_ name: String) -> Bool {
        [".xlsx", ".xlsm", ".pptx", ".pptm", ".vsdx", ".nupkg"].contains { name.hasSuffix($0) }
    }

    /// The name in the local header that a ZIP archive begins with (APPNOTE 4.3.7), in lower case.
    private static func firstEntryName(_ prefix: [UInt8]) -> String {
        guard prefix.count > 30 else { return "" }
        let count = Int(prefix[26]) | Int(prefix[27]) << 8
        return String(decoding: prefix.dropFirst(30).prefix(count), as: UTF8.self).lowercased()
    }

    // MARK: - Text

    private static func markupType(_ prefix: [UInt8], _ name: String) -> DocumentType? {
        let start = prefix.drop { $0 <= 0x20 || [0xef, 0xbb, 0xbf].contains($0) }.prefix(256)
        let opening = String(decoding: start, as: UTF8.self).lowercased()
        let isXML = opening.hasPrefix("<?xml")
        if isXML, opening.contains("<html") || opening.contains("<!doctype html") { return .xhtml }
        if opening.hasPrefix("<!doctype html") || opening.hasPrefix("<html") {
            return name.hasSuffix(".xhtml") ? .xhtml : .html
        }
        if name.hasSuffix(".xhtml") { return .xhtml }
        return name.hasSuffix(".html") || name.hasSuffix(".htm") ? .html : nil
    }

    private static func isText(_ prefix: [UInt8]) -> Bool {
        if prefix.starts(with: [0xff, 0xfe]) || prefix.starts(with: [0xfe, 0xff]) { return true }
        if prefix.starts(with: [0, 0, 0xfe, 0xff]) { return true }
        // Whatever the encoding, text has no other controls; random or packed bytes have one in ten.
        return !prefix.isEmpty
            && prefix.allSatisfy { $0 >= 0x20 && $0 != 0x7f || (0x08...0x0d).contains($0) || $0 == 0x1b }
    }

    private static func contains(_ bytes: [UInt8], _ word: String) -> Bool {
        let word = Array(word.utf8)
        guard bytes.count >= word.count else { return false }
        return (0...(bytes.count - word.count)).contains { bytes[$0...].starts(with: word) }
    }
}
