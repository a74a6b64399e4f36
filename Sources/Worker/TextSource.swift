import Compression
import Formats
import System
import Wire

/// Why a source gives no more text.
enum TextSourceError: Error {
    /// The machine's trouble.
    case storage(SystemError)
    /// The document's.
    case document(FormatError)
}

/// A document as one stream of text, UTF-8 with a form feed at each page's end. The same bytes give the same text every
/// time, so that a run that begins anew finds its pages again.
protocol TextSource: AnyObject {
    /// The next piece, which may be empty; nil at the end.
    func next() throws(TextSourceError) -> [UInt8]?
    /// What was read so far: pages of the text where the format counts them, else bytes.
    var unitsDone: Int64 { get }
    /// How many there are, where the document says so.
    var unitsTotal: Int64? { get }
}

enum TextSources {
    /// The source that reads what lies behind the descriptor, which stays the caller's.
    static func open(_ descriptor: Int32, _ assignment: WorkerAssignment) throws(TextSourceError) -> any TextSource {
        switch assignment.format {
        case .pages: DescriptorText(descriptor, .asItIs)
        case .text: DescriptorText(descriptor, .decoding(TextDecoder(charset: assignment.charset)))
        case .html: DescriptorText(descriptor, .html(HTMLDocument(charset: assignment.charset)))
        case .xhtml: DescriptorText(descriptor, .html(HTMLDocument(charset: assignment.charset, isXML: true)))
        case .docx: try PackedText(descriptor, .docx)
        case .odt: try PackedText(descriptor, .odt)
        case .epub: try PackedText(descriptor, .epub)
        }
    }
}

/// Text that is read from its first byte to its last: a file, or an extractor's pipe.
final class DescriptorText: TextSource {
    enum Reading {
        case asItIs
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

    func next() throws(TextSourceError) -> [UInt8]? {
        if isOver { return nil }
        let bytes = try read()
        unitsDone += Int64(bytes.count)
        isOver = bytes.isEmpty
        switch reading {
        case .asItIs: return bytes
        case .decoding(var decoder):
            reading = .asItIs
            var text: [UInt8] = []
            if isOver { decoder.finish(into: &text) } else { decoder.receive(bytes[...], into: &text) }
            reading = .decoding(decoder)
            return text
        case .html(var document):
            // Taken out while it works: two owners would copy all it holds.
            reading = .asItIs
            let text = isOver ? document.finish() : document.receive(bytes)
            reading = .html(document)
            return text
        }
    }

    private func read() throws(TextSourceError) -> [UInt8] {
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
        if let failure { throw .storage(failure) }
        return bytes
    }
}

/// The text of a packed document.
final class PackedText: TextSource {
    private let document: PackedDocument

    init(_ descriptor: Int32, _ kind: PackedKind) throws(TextSourceError) {
        let size: Int64
        do throws(SystemError) { size = try Files.size(descriptor) } catch { throw .storage(error) }
        do throws(FormatError) {
            document = try PackedDocument(kind, reading: PackedFile(descriptor: descriptor, byteCount: size)) {
                ArchiveInflater()
            }
        } catch {
            throw .document(error)
        }
    }

    func next() throws(TextSourceError) -> [UInt8]? {
        do throws(FormatError) { return try document.next() } catch { throw .document(error) }
    }

    var unitsDone: Int64 { document.unitsDone }
    var unitsTotal: Int64? { document.unitsTotal }
}

/// An archive behind a descriptor.
private struct PackedFile: RandomAccessBytes {
    let descriptor: Int32
    let byteCount: Int64

    func read(at offset: Int64, count wanted: Int) throws(FormatError) -> [UInt8] {
        let wanted = Int(max(0, min(Int64(wanted), byteCount - offset)))
        var failure: SystemError?
        let bytes = [UInt8](unsafeUninitializedCapacity: wanted) { buffer, count in
            do throws(SystemError) {
                while count < wanted {
                    let rest = UnsafeMutableRawBufferPointer(
                        rebasing: UnsafeMutableRawBufferPointer(buffer)[count..<wanted])
                    let read = try Files.read(descriptor, at: offset + Int64(count), into: rest)
                    if read == 0 { return }
                    count += read
                }
            } catch {
                failure = error
            }
        }
        if let failure { throw .sourceFailed(reason: "\(failure)") }
        return bytes
    }
}
