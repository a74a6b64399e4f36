/// What `pdfimages -list` prints of the pictures on a page: two lines of heading, then one for each.
package enum PageImages {
    /// Fewer picture elements than these are a rule or an ornament: no writing.
    package static let pixelsMin = 10_000.0

    /// Whether what is shown of them, taken together, is large enough to be read. Masks only shape others.
    package static func mayHoldText(_ listing: String) -> Bool {
        var pixels = 0.0
        for line in listing.split(separator: "\n").dropFirst(2) {
            // page   num  type   width height …
            let words = line.split(separator: " ")
            guard words.count >= 5, words[2] == "image" || words[2] == "stencil", let width = Double(words[3]),
                let height = Double(words[4])
            else { continue }
            pixels += width * height
        }
        return pixels >= pixelsMin
    }
}
