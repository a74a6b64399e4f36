import JSON

/// What became of pages that have no text, in a document that has some on others, over all its runs.
package struct TextlessRecognition: Sendable, Equatable {
    /// Numbers of pages that could not be read; of the others only how many they are.
    package static let unreadableToldMax = 10

    /// Where one is at hand, its number.
    package var page: Int64?
    package private(set) var unreadable: [Int64] = []
    package private(set) var unreadableCount: Int64 = 0

    package init() {}

    /// The page stays as it is. A page that a later run tries again is told once.
    package mutating func couldNotRead(_ page: Int64) {
        guard !unreadable.contains(page) else { return }
        unreadableCount += 1
        if unreadable.count < Self.unreadableToldMax {
            unreadable.append(page)
            unreadable.sort()
        }
    }

    /// What stands behind a checkpoint: pages beyond it are tried again.
    package func upTo(_ pages: Int64) -> TextlessRecognition {
        var kept = self
        kept.page = nil
        kept.unreadable = unreadable.filter { $0 <= pages }
        kept.unreadableCount -= Int64(unreadable.count - kept.unreadable.count)
        return kept
    }

    /// Goes on behind what earlier runs have told.
    package func following(_ earlier: TextlessRecognition?) -> TextlessRecognition {
        guard let earlier else { return self }
        var both = earlier
        both.page = page
        for page in unreadable { both.couldNotRead(page) }
        both.unreadableCount += unreadableCount - Int64(unreadable.count)
        return both
    }

    /// While a page is at hand; nil where none is.
    package var message: String? { page.map { "Recognizing the text of page \($0), which has none of its own." } }

    /// What the document says at the end.
    package var endMessage: String {
        guard unreadableCount > 0 else {
            return "Text recognition (OCR) read the pages that have no text of their own."
        }
        let numbers = unreadable.map(String.init).joined(separator: ", ")
        let rest = unreadableCount - Int64(unreadable.count)
        return "Text recognition (OCR) could not read \(unreadableCount > 1 ? "pages" : "page") \(numbers)"
            + "\(rest > 0 ? " and \(rest) more" : "")."
    }

    // MARK: Record

    package func encode(into writer: inout JSONWriter) {
        writer.beginObject()
        writer.key("unreadable")
        writer.beginArray()
        for page in unreadable { writer.integer(page) }
        writer.endArray()
        writer.key("unreadable_count"); writer.integer(unreadableCount)
        writer.endObject()
    }

    package init?(_ value: JSONValue?) {
        guard let value, let pages = value["unreadable"]?.arrayValue,
            let count = value["unreadable_count"]?.integerValue
        else { return nil }
        unreadable = Array(pages.compactMap(\.integerValue).prefix(Self.unreadableToldMax))
        unreadableCount = max(Int64(unreadable.count), count)
    }
}
