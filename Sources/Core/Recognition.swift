/// How the text of scanned pages is recognized (OCR), and what one page of it may cost.
package struct Recognition: Sendable, Equatable {
    package static let languagesDefault = "eng"
    /// What a page of ordinary print is read at: 300 find hardly more, and take half as long again.
    package static let dotsPerInchDefault = 200
    package static let dotsPerInchRange = 72...600
    /// No page's picture has more: what a page claims to be large as is no reason to fill the memory.
    package static let pixelsMax = 16_000_000.0
    /// Nor is any side of it longer: tesseract takes none beyond 32,767.
    package static let sidePixelsMax = 32_000.0
    /// What drawing a page may use, and again what reading it may.
    package static let pageCPUSecondsMax: Int64 = 60
    /// What each page adds to the time that a run may take.
    package static let pageSeconds: Int64 = 30
    /// The rest of a page's text is left out.
    package static let pageTextBytesMax = 256 * 1024
    package static let languagesMax = 20

    /// As tesseract wants them: `eng+deu`.
    package let languages: String
    package let dotsPerInch: Int

    /// Nil where these are no languages' names.
    package init?(languages: String, dotsPerInch: Int = dotsPerInchDefault) {
        self.languages = languages
        self.dotsPerInch = dotsPerInch
        let names = languageNames
        guard (1...Self.languagesMax).contains(names.count), names.allSatisfy(Self.isName) else { return nil }
    }

    package var languageNames: [String] {
        languages.split(separator: "+", omittingEmptySubsequences: false).map(String.init)
    }

    /// `deu`, `chi_sim`, `script/Latin`: no name leads out of the folder of models.
    private static func isName(_ name: String) -> Bool {
        guard let first = name.utf8.first, isLetter(first) else { return false }
        return name.utf8.allSatisfy {
            isLetter($0) || UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 || "_/".utf8.contains($0)
        }
    }

    private static func isLetter(_ byte: UInt8) -> Bool {
        UInt8(ascii: "a")...UInt8(ascii: "z") ~= byte || UInt8(ascii: "A")...UInt8(ascii: "Z") ~= byte
    }

    /// What a result depends on besides the document.
    package var settings: String { "ocr by page \(languages) \(dotsPerInch)" }

    /// The pages that are to be recognized behind those that are done; none where all of them are. A document that
    /// claims more than it has room for is lying.
    package static func pages(total: Int64, bytes: Int64, done: Int64) -> Range<Int64> {
        let end = min(total, max(1, bytes / PageRange.bytesPerPageMin)) + 1
        return min(done + 1, end)..<end
    }

    /// A page's width and height, in points of a seventy-second of an inch.
    package struct PageSize: Sendable, Equatable {
        package var width: Double
        package var height: Double

        package init(width: Double, height: Double) {
            self.width = width
            self.height = height
        }
    }

    /// At which a page of this size is drawn, so that its picture stays within bounds.
    package func dotsPerInch(of size: PageSize) -> Int {
        let byArea = (Self.pixelsMax / size.width / size.height).squareRoot() * 72
        let bySide = Self.sidePixelsMax * 72 / max(size.width, size.height)
        return max(1, Int(min(Double(dotsPerInch), byArea, bySide)))
    }

    /// Those that `tesseract --list-langs` names.
    package static func languageNames(inListing text: String) -> Set<String> {
        Set(text.split(separator: "\n").dropFirst().map(String.init))
    }
}

/// Whether this server recognizes the text of scanned pages.
package enum RecognitionStanding: Sendable, Equatable {
    case off
    /// It is to, and cannot: what it lacks.
    case missing(String)
    case ready
}

/// Who reads a document: each one where those before found nothing.
package enum TextReader: Sendable, Equatable {
    /// `pdftotext`, or the worker itself.
    case first
    /// `mutool`.
    case second
    /// `tesseract`, from pictures of the pages.
    case recognizer
}
