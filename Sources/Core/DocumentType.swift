/// What Headway can read.
package enum DocumentType: String, Sendable, CaseIterable {
    case pdf = "application/pdf"
    case docx = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
    case odt = "application/vnd.oasis.opendocument.text"
    case epub = "application/epub+zip"
    case html = "text/html"
    case xhtml = "application/xhtml+xml"
    case plainText = "text/plain"
    case markdown = "text/markdown"
    case csv = "text/csv"

    /// What a declared type means for an upload (API.md: a type that the pipeline does not take is 415; octet-stream,
    /// form-urlencoded or none is judged by the bytes).
    package enum Declaration: Sendable, Equatable {
        case known(ContentType)
        case judgedByBytes
        case unsupported
    }

    /// `essence` is the type without parameters in lower case; `charset` is its parameter of that name.
    package static func declared(_ essence: String?, charset: String? = nil) -> Declaration {
        switch essence {
        case nil, "", "application/octet-stream", "binary/octet-stream", "application/x-www-form-urlencoded":
            return .judgedByBytes
        case let essence?:
            let type = DocumentType(rawValue: essence) ?? otherNames[essence]
            return type.map { .known(ContentType($0, charset: charset)) } ?? .unsupported
        }
    }

    private static let otherNames: [String: DocumentType] = [
        "application/x-pdf": .pdf, "text/x-markdown": .markdown, "application/csv": .csv,
        // Templates and documents with macros hold their text in the same way; macros are not looked at.
        "application/vnd.openxmlformats-officedocument.wordprocessingml.template": .docx,
        "application/vnd.ms-word.document.macroenabled.12": .docx,
        "application/vnd.ms-word.template.macroenabled.12": .docx,
        "application/vnd.oasis.opendocument.text-template": .odt,
    ]

    /// Whether its bytes are text in some encoding, which may be declared beside them.
    package var hasCharset: Bool {
        switch self {
        case .html, .xhtml, .plainText, .markdown, .csv: true
        case .pdf, .docx, .odt, .epub: false
        }
    }

    /// Whether its pages are known and progress is counted in them; in bytes otherwise.
    package var countsPages: Bool { self == .pdf || self == .epub }

    /// Bytes that `judge` wants to see.
    package static let judgedPrefixBytes = 1024
}

/// A document's type as it is kept and shown: `text/plain; charset=koi8-r`.
package struct ContentType: Sendable, Equatable {
    /// No encoding's name is longer; one that is says nothing.
    package static let charsetBytesMax = 40

    package var type: DocumentType
    /// What was declared of the text's encoding, in lower case; nil where the type has none of its own.
    package let charset: String?

    package init(_ type: DocumentType, charset: String? = nil) {
        self.type = type
        guard type.hasCharset, let charset, !charset.isEmpty, charset.utf8.count <= Self.charsetBytesMax,
            charset.utf8.allSatisfy(Self.isLabelByte)
        else {
            self.charset = nil
            return
        }
        let label = charset.lowercased()
        // What is looked for first anyway need not be told.
        self.charset = label == "utf-8" || label == "utf8" ? nil : label
    }

    /// As it was recorded; nil for what no version has written.
    package init?(recorded text: String) {
        let parts = text.split(separator: ";", maxSplits: 1)
        guard let type = parts.first.flatMap({ DocumentType(rawValue: String($0)) }) else { return nil }
        let prefix = " charset="
        let charset = parts.count > 1 && parts[1].hasPrefix(prefix) ? String(parts[1].dropFirst(prefix.count)) : nil
        self.init(type, charset: charset)
    }

    package var text: String { charset.map { "\(type.rawValue); charset=\($0)" } ?? type.rawValue }

    /// RFC 2978 §2.3: what names of charsets are made of.
    private static func isLabelByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"),
            UInt8(ascii: "A")...UInt8(ascii: "Z"):
            true
        default: "-_.:+()".utf8.contains(byte)
        }
    }
}
