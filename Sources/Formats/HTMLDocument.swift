/// A page of HTML or XHTML in any common encoding as one stream of text, UTF-8. Call `receive` with each piece, then
/// `finish`.
package struct HTMLDocument {
    private var decoder: TextDecoder
    private var text: HTMLText
    private var flow = TextFlow()

    /// `charset` was declared beside the page.
    package init(charset: String? = nil, isXML: Bool = false) {
        decoder = TextDecoder(charset: charset, isMarkup: true)
        text = HTMLText(isXML: isXML)
    }

    /// The text that is complete now.
    package mutating func receive(_ bytes: [UInt8]) -> [UInt8] {
        var decoded: [UInt8] = []
        decoder.receive(bytes[...], into: &decoded)
        return read(decoded)
    }

    package mutating func finish() -> [UInt8] {
        var decoded: [UInt8] = []
        decoder.finish(into: &decoded)
        let last = read(decoded)
        text.finish()
        return last + read([])
    }

    private mutating func read(_ decoded: [UInt8]) -> [UInt8] {
        text.receive(decoded)
        // HTML includes nothing.
        _ = text.advance(into: &flow)
        return flow.take()
    }
}
