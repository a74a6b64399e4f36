import Compression
import Formats
import System
import Wire

/// A document that needs no extractor as one stream of text, UTF-8 with a form feed at each page's end. The same bytes
/// give the same text every time, so that a run that begins anew finds its chunks and pages again.
protocol DocumentText: AnyObject {
    /// The next piece, which may be empty; nil at the end. Throws `FormatError` for the document's own trouble and
    /// `SystemError` for the machine's.
    func next() throws -> [UInt8]?
    /// What was read so far: pages of the text where the format counts them, else bytes.
    var unitsDone: Int64 { get }
    /// How many there are, where the document says so.
    var unitsTotal: Int64? { get }
}

enum DocumentTexts {
    /// The text of what lies behind the descriptor, which stays the caller's. A format that counts pages begins behind
    /// `afterPages` of them; the others have none.
    static func open(
        _ descriptor: Int32, _ format: SourceFormat, charset: String?, afterPages: Int64
    ) throws -> any DocumentText {
        switch format {
        case .pages, .pagesWithLineFeeds: preconditionFailure("what extractors write is read page by page")
        case .text: DescriptorText(descriptor, .decoding(TextDecoder(charset: charset)))
        case .html: DescriptorText(descriptor, .html(HTMLDocument(charset: charset)))
        case .xhtml: DescriptorText(descriptor, .html(HTMLDocument(charset: charset, isXML: true)))
        case .docx: try PackedText(descriptor, .docx)
        case .odt: try PackedText(descriptor, .odt)
        case .epub: try PackedText(descriptor, .epub, afterPages: afterPages)
        }
    }
}

/// Text that is read from its first byte to its last.
final class DescriptorText: DocumentText {
    enum Reading {
        /// In between, while one of the others works: two owners would copy all it holds.
        case nothing
        case decoding(TextDecoder)
        case html(HTMLDocument)
    }

    private static let readBytes = 64 * 1024

    private let descriptor: Int32
    private var reading: Reading
    private var isOver = false
    private(set) var unitsDone: Int64 = 0
    let unitsTotal: Int64? = nil

    init(_ descriptor: Int32, _ reading: Reading) {
        self.descriptor = descriptor
        self.reading = reading
    }

    func next() throws(SystemError) -> [UInt8]? {
        if isOver { return nil }
        let bytes = try read()
        unitsDone += Int64(bytes.count)
        isOver = bytes.isEmpty
        switch reading {
        case .nothing: return nil
        case .decoding(var decoder):
            reading = .nothing
            var text: [UInt8] = []
            if isOver { decoder.finish(into: &text) } else { decoder.receive(bytes[...], into: &text) }
            reading = .decoding(decoder)
            return text
        case .html(var document):
            reading = .nothing
            let text = isOver ? document.finish() : document.receive(bytes)
            reading = .html(document)
            return text
        }
    }

    private func read() throws(SystemError) -> [UInt8] {
        var failure: SystemError?
        let bytes = [UInt8](unsafeUninitializedCapacity: Self.readBytes) { buffer, count in
            do throws(SystemError) {
                switch try DescriptorIO.read(descriptor, into: UnsafeMutableRawBufferPointer(buffer)) {
                case .bytes(let read): count = read
                case .end: count = 0
                case .wouldBlock: preconditionFailure("a worker's source blocks")
                }
            } catch {
                failure = error
            }
        }
        if let failure { throw failure }
        return bytes
    }
}

/// The text of a packed document.
final class PackedText: DocumentText {
    private let document: PackedDocument

    init(_ descriptor: Int32, _ kind: PackedKind, afterPages: Int64 = 0) throws {
        let file = PackedFile(descriptor: descriptor, byteCount: try Files.size(descriptor))
        document = try PackedDocument(kind, reading: file) { ArchiveInflater() }
        document.skipPages(afterPages)
    }

    func next() throws(FormatError) -> [UInt8]? { try document.next() }

    var unitsDone: Int64 { document.unitsDone }
    var unitsTotal: Int64? { document.unitsTotal }
}

/// An archive behind a descriptor.
private struct PackedFile: RandomAccessBytes {
    let descriptor: Int32
    let byteCount: Int64

    func read(at offset: Int64, count wanted: Int) throws(FormatError) -> [UInt8] {
        let wanted = Int(max(0, min(Int64(wanted), byteCount - offset)))
        do throws(SystemError) {
            return try Files.read(descriptor, at: offset, byteCount: wanted)
        } catch {
            throw .sourceFailed(reason: "\(error)")
        }
    }
}
