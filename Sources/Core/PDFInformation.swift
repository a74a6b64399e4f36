/// What `pdfinfo` prints of a document. It prints the document's own words first (title, keywords and others, line
/// feeds and all) and what it found out itself behind them: so of lines that look alike the last one counts.
package enum PDFInformation {
    /// The number behind `Pages:`. It may lie.
    package static func pageCount(in text: String) -> Int64? {
        text.split(separator: "\n").last { $0.hasPrefix("Pages:") }
            .flatMap { Int64($0.dropFirst(6).filter { !$0.isWhitespace }) }
            .flatMap { 1...StageProgress.unitsMax ~= $0 ? $0 : nil }
    }

    /// A page's size in what `pdfinfo -f N -l N` prints: `Page    3 size:  595.28 x 841.89 pts (A4)`.
    package static func size(ofPage page: Int64, in text: String) -> Recognition.PageSize? {
        for line in text.split(separator: "\n").reversed() where line.hasPrefix("Page ") {
            let words = line.split(separator: " ")
            guard words.count >= 6, words[1] == "\(page)", words[2] == "size:", words[4] == "x" else { continue }
            guard let width = Double(words[3]), let height = Double(words[5]), width > 0, height > 0, width.isFinite,
                height.isFinite
            else { return nil }
            return Recognition.PageSize(width: width, height: height)
        }
        return nil
    }
}
