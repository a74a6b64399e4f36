/// The kinds of packed documents that are read.
package enum PackedKind: Sendable, Equatable { case docx, odt, epub }

/// A DOCX, ODT or EPUB as one stream of text: UTF-8 with a form feed at each page's end, as `pdftotext` writes it. No
/// part is ever held whole; the same bytes give the same text.
package final class PackedDocument {
    private enum Step {
        case word(part: String)
        case content(OpenDocumentText.Reading)
        case page(part: String?)
    }

    private struct OpenPart {
        var reader: ZipEntryReader
        var decoder = TextDecoder(isMarkup: true)
        var text: any MarkupText
        var isFinished = false
    }

    private static let contentPart = "content.xml"

    private let archive: ZipArchive
    private var steps: ArraySlice<Step>
    /// The part that is read, and those it was included by.
    private var parts: [OpenPart] = []
    private var flow = TextFlow()
    private var chunks: [String: String] = [:]
    /// Whether the page that is open ends with its part.
    private let isBook: Bool
    private var measured: ZipEntryReader?

    /// Pages of a book, else bytes of the part that holds the body.
    package private(set) var unitsDone: Int64 = 0
    package private(set) var unitsTotal: Int64 = 0

    package convenience init(
        _ kind: PackedKind, reading source: any RandomAccessBytes, limits: ArchiveLimits = .default,
        inflater: @escaping () -> any Inflating
    ) throws(FormatError) {
        if try CompoundFile.isEncryptedPackage(source) { throw .encrypted }
        try self.init(kind, in: ZipArchive(reading: source, limits: limits, inflater: inflater))
    }

    init(_ kind: PackedKind, in archive: ZipArchive) throws(FormatError) {
        self.archive = archive
        isBook = kind == .epub
        switch kind {
        case .docx:
            let package = try WordPackage(archive)
            chunks = package.chunks
            steps = [.word(part: package.document)]
            steps += package.notes.filter { archive.directory[name: $0] != nil }.map { .word(part: $0) }
            unitsTotal = archive.unpackedBytes(of: archive.directory[name: package.document])
        case .odt:
            // ODF part 2 §3.4: a protected document says so in its manifest, which itself is readable.
            let manifest = try PackageIndex.elements(of: "META-INF/manifest.xml", in: archive)
            if manifest.contains(where: { $0.name == "encryption-data" }) { throw .encrypted }
            guard let content = archive.directory[name: Self.contentPart] else {
                throw .otherKind(found: "a ZIP archive that is no OpenDocument text")
            }
            steps = [.content(.body)]
            unitsTotal = archive.unpackedBytes(of: content)
        case .epub:
            let package = try BookPackage(archive)
            steps = package.pages.map { .page(part: $0) }[...]
            unitsTotal = Int64(package.pages.count)
        }
    }

    /// Begins a book behind its first pages, which somebody has already; nothing of them is unpacked.
    package func skipPages(_ count: Int64) {
        guard isBook, count > 0 else { return }
        let skipped = min(Int(clamping: count), steps.count)
        steps.removeFirst(skipped)
        unitsDone = Int64(skipped)
    }

    /// The next bytes of the text; nil at its end. A piece may be empty.
    package func next() throws(FormatError) -> [UInt8]? {
        if parts.isEmpty {
            guard let step = steps.popFirst() else { return nil }
            try begin(step)
        }
        if !parts.isEmpty { try work() }
        if let measured, !isBook { unitsDone = measured.unpackedBytes }
        return flow.take()
    }

    private func begin(_ step: Step) throws(FormatError) {
        switch step {
        case .word(let part):
            flow.beginBlock(lineFeeds: 2)
            try open(part, XMLText(WordText()))
        case .content(let reading):
            flow.beginBlock(lineFeeds: 2)
            try open(Self.contentPart, XMLText(OpenDocumentText(reading)))
        case .page(let part):
            guard let part, archive.directory[name: part] != nil else { return endPage() }
            try open(part, HTMLText(isXML: true, keepsTitle: false))
        }
        if measured == nil { measured = parts.first?.reader }
    }

    private func open(_ part: String, _ text: any MarkupText) throws(FormatError) {
        guard let entry = archive.directory[name: part] else {
            throw .damaged(reason: "a part is missing that it names")
        }
        parts.append(OpenPart(reader: try archive.open(entry), text: text))
    }

    /// One piece of the part on top.
    private func work() throws(FormatError) {
        var part = parts.removeLast()
        if let inclusion = try part.text.advance(into: &flow) {
            parts.append(part)
            return try include(inclusion)
        }
        if part.isFinished {
            if part.text.leavesNotes { steps = [.content(.notes)] + steps }
            if parts.isEmpty, isBook { endPage() }
            return
        }
        var decoded: [UInt8] = []
        if let piece = try part.reader.next() {
            part.decoder.receive(piece[...], into: &decoded)
            try part.text.receive(decoded)
        } else {
            part.decoder.finish(into: &decoded)
            try part.text.receive(decoded)
            try part.text.finish()
            part.isFinished = true
        }
        parts.append(part)
    }

    /// ECMA-376 §17.17.2.1: content of another kind that belongs here. HTML and text are read, the others passed over;
    /// they include nothing themselves.
    private func include(_ relationship: String) throws(FormatError) {
        guard parts.count == 1, let part = chunks[relationship], archive.directory[name: part] != nil else { return }
        let name = part.lowercased()
        if name.hasSuffix(".html") || name.hasSuffix(".htm") || name.hasSuffix(".xhtml") {
            try open(part, HTMLText(isXML: name.hasSuffix(".xhtml"), keepsTitle: false))
        } else if name.hasSuffix(".txt") {
            try open(part, PlainText())
        }
    }

    private func endPage() {
        flow.endPage()
        unitsDone += 1
    }
}
