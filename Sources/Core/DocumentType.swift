/// What Headway can read.
package enum DocumentType: String, Sendable, CaseIterable {
    case pdf = "application/pdf"
    case plainText = "text/plain"
    case markdown = "text/markdown"

    /// What a declared type means for an upload (API.md: a type that the pipeline does not take is 415; octet-stream,
    /// form-urlencoded or none is judged by the bytes).
    package enum Declaration: Sendable, Equatable {
        case known(DocumentType)
        case judgedByBytes
        case unsupported
    }

    package static func declared(_ essence: String?) -> Declaration {
        switch essence {
        case nil, "", "application/octet-stream", "binary/octet-stream", "application/x-www-form-urlencoded":
            .judgedByBytes
        case "application/pdf", "application/x-pdf": .known(.pdf)
        case "text/plain": .known(.plainText)
        case "text/markdown", "text/x-markdown": .known(.markdown)
        default: .unsupported
        }
    }

    /// Bytes that `judge` wants to see.
    package static let judgedPrefixBytes = 1024

    /// The type that the first bytes and the name speak for, or nil. A PDF may have junk before its header within the
    /// first 1,024 bytes (ISO 32000-1, implementation note 13); text has no NUL and is valid UTF-8, or begins with a
    /// byte-order mark.
    package static func judge(prefix: [UInt8], name: String) -> DocumentType? {
        let marker = Array("%PDF-".utf8)
        if prefix.count >= marker.count {
            for start in 0...(prefix.count - marker.count) where prefix[start...].starts(with: marker) { return .pdf }
        }
        guard isText(prefix) else { return nil }
        let lowered = name.lowercased()
        return lowered.hasSuffix(".md") || lowered.hasSuffix(".markdown") ? .markdown : .plainText
    }

    private static func isText(_ prefix: [UInt8]) -> Bool {
        if prefix.starts(with: [0xff, 0xfe]) || prefix.starts(with: [0xfe, 0xff]) { return true }
        if prefix.isEmpty || prefix.contains(0) { return false }
        // The prefix may end inside a character: up to three bytes of it are left out of the judgement.
        for dropped in 0..<min(4, prefix.count) {
            if String(validating: prefix.dropLast(dropped), as: UTF8.self) != nil {
                return dropped == 0 || prefix.count >= judgedPrefixBytes
            }
        }
        return false
    }
}
