/// One piece of a document: what is embedded, stored and found again.
package struct TextChunk: Sendable, Equatable {
    /// The chunk's place in the document, from 0.
    package var index: Int
    /// The pages of its first and its last character, from 1.
    package var pageStart: Int
    package var pageEnd: Int
    /// Never empty, never white space only, no white space at its ends.
    package var text: String

    package init(index: Int, pageStart: Int, pageEnd: Int, text: String) {
        self.index = index
        self.pageStart = pageStart
        self.pageEnd = pageEnd
        self.text = text
    }
}
