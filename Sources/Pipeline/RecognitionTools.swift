import Core
import System

/// The tools that recognize the text of scanned pages, found once: `pdfimages` says whether a page has pictures,
/// `pdfinfo` how large it is, `pdftoppm` draws it, `tesseract` reads the drawing.
package struct RecognitionTools: Sendable {
    let recognition: Recognition
    private let pdfimages: Program
    private let pdfinfo: Program
    private let pdftoppm: Program
    private let tesseract: Program

    /// Whether any is a script.
    var startProcesses: Bool { [pdfimages, pdfinfo, pdftoppm, tesseract].contains(where: \.isScript) }

    /// What is to be said of it.
    package enum Finding: Sendable {
        case tools(RecognitionTools)
        /// What is missing, and what to do.
        case missing(String)
    }

    /// Looks for them. On a thread that outlives its children; blocks for as long as tesseract takes to list its
    /// languages.
    package static func find(_ recognition: Recognition) -> Finding {
        func program(_ name: String, _ more: [String] = []) -> Program? {
            ThisProcess.findProgram(name).map { Program(path: $0, environment: ExtractorTools.environment + more) }
        }
        guard let pdfimages = program("pdfimages"), let pdfinfo = program("pdfinfo"),
            let pdftoppm = program("pdftoppm")
        else {
            return .missing("pdftoppm or pdfimages is not installed: install poppler-utils")
        }
        // One page is read by one thread: others read the pages after it.
        guard let tesseract = program("tesseract", ["OMP_THREAD_LIMIT=1"]) else {
            return .missing("tesseract is not installed: install tesseract-ocr")
        }
        let listing = try? ChildProcess.output(
            of: tesseract.path, ["--list-langs"], environment: tesseract.environment)
        let there = Recognition.languageNames(inListing: listing ?? "")
        for name in recognition.languageNames where !there.contains(name) {
            return .missing(
                "tesseract has no language \(name), it has \(there.sorted().joined(separator: ", ")): install "
                    + "tesseract-ocr-\(name), or give other --ocr-languages")
        }
        return .tools(
            RecognitionTools(
                recognition: recognition, pdfimages: pdfimages, pdfinfo: pdfinfo, pdftoppm: pdftoppm,
                tesseract: tesseract))
    }

    // By /proc/self/fd/0, or the whole file is read into memory.

    /// Lists the pictures on a page, for `PageImages`.
    func picturesCommand(ofPage page: Int64, password: String?) -> ExtractorTools.Command {
        ExtractorTools.Command(
            program: pdfimages,
            arguments: ExtractorTools.opening(password)
                + ["-f", "\(page)", "-l", "\(page)", "-list", "/proc/self/fd/0"])
    }

    func sizeCommand(ofPage page: Int64, password: String?) -> ExtractorTools.Command {
        ExtractorTools.Command(
            program: pdfinfo,
            arguments: ExtractorTools.opening(password) + ["-f", "\(page)", "-l", "\(page)", "/proc/self/fd/0"])
    }

    /// Draws what a reader sees of a page, in shades of gray.
    func pictureCommand(ofPage page: Int64, _ dotsPerInch: Int, password: String?) -> ExtractorTools.Command {
        ExtractorTools.Command(
            program: pdftoppm,
            arguments: ExtractorTools.opening(password)
                + ["-f", "\(page)", "-l", "\(page)", "-gray", "-cropbox", "-r", "\(dotsPerInch)", "/proc/self/fd/0"])
    }

    func readingCommand(_ dotsPerInch: Int) -> ExtractorTools.Command {
        ExtractorTools.Command(
            program: tesseract,
            arguments: [
                "stdin", "stdout", "-l", recognition.languages, "--dpi", "\(max(70, dotsPerInch))",
                "-c", "page_separator=",
            ])
    }
}
