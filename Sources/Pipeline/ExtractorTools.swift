import Core
import System

/// The tools that read documents, found once.
struct ExtractorTools: Sendable {
    let stdbuf = ThisProcess.findProgram("stdbuf")
    let pdftotext = ThisProcess.findProgram("pdftotext")
    let pdfinfo = ThisProcess.findProgram("pdfinfo")

    func canRead(_ type: DocumentType) -> Bool { textCommand(for: type, PageRange(first: 1, last: nil)) != nil }

    /// How to have `type` read; nil when the machine lacks the means.
    func textCommand(for type: DocumentType, _ pages: PageRange) -> Command? {
        guard type == .pdf, let stdbuf, let pdftotext else { return nil }
        var range: [String] = []
        if pages.first > 1 { range += ["-f", "\(pages.first)"] }
        if let last = pages.last { range += ["-l", "\(last)"] }
        // Line-buffered, or progress stalls until 4 KiB are full; by /proc/self/fd/0, or the whole file is read into
        // memory.
        return Command(
            program: stdbuf, arguments: ["-oL", pdftotext, "-enc", "UTF-8"] + range + ["/proc/self/fd/0", "-"])
    }

    var pageCountCommand: Command? {
        pdfinfo.map { Command(program: $0, arguments: ["/proc/self/fd/0"]) }
    }

    struct Command: Sendable {
        var program: String
        var arguments: [String]
    }

    /// The number behind `Pages:` in what pdfinfo prints. It may lie.
    static func pageCount(inInformation text: String) -> Int64? {
        for line in text.split(separator: "\n") where line.hasPrefix("Pages:") {
            return Int64(line.dropFirst(6).filter { !$0.isWhitespace }).flatMap { $0 > 0 ? $0 : nil }
        }
        return nil
    }
}
