/// `Upload-Metadata: filename d29ybGQucGRm,is_confidential` (tus, "Creation"): names, and values in base 64.
///
/// Values are any octets whatever: none may become a part of a field or of a path unchecked.
package struct UploadMetadata: Sendable, Equatable {
    /// As given, because HEAD gives it back as given.
    package private(set) var text: String
    package private(set) var items: [(name: String, value: [UInt8])] = []

    /// Pairs parted by commas; blanks around a pair are what an intermediary may add that joins two lines. Every name
    /// is there once; the value, and the space before it, may be left out. The empty text has no pairs: that is what
    /// some clients send for none.
    package init(parsing text: String) throws(UploadFieldError) {
        self.text = text
        guard !text.trimmingBlanks.isEmpty else { return }
        var names: Set<Substring> = []
        for pair in text.pieces(between: ASCII.comma) {
            let words = pair.trimmingBlanks.pieces(between: ASCII.space)
            guard words.count <= 2, !words[0].isEmpty,
                words[0].utf8.allSatisfy({ $0 > ASCII.space && $0 != ASCII.delete }),
                let value = words.count == 2 ? Base64.decode(words[1]) : [],
                names.insert(words[0]).inserted
            else { throw .metadataInvalid }
            items.append((String(words[0]), value))
        }
    }

    /// The value of a name as text; nil when there is none or it is no UTF-8.
    package subscript(name: String) -> String? {
        guard let item = items.first(where: { $0.name.utf8.elementsEqual(name.utf8) }) else { return nil }
        return String(validating: item.value, as: UTF8.self)
    }

    package static func == (left: UploadMetadata, right: UploadMetadata) -> Bool {
        left.text == right.text && left.items.elementsEqual(right.items) { $0 == $1 }
    }
}
