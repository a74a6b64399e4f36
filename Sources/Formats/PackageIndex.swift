/// What the small parts of packed documents say about the large ones.
enum PackageIndex {
    /// Every start tag of a part that is read whole, in order; none where there is no such part.
    static func elements(
        of name: String, in archive: ZipArchive
    ) throws(FormatError) -> [(name: String, attributes: [XMLAttribute])] {
        guard let bytes = try archive.contents(of: name) else { return [] }
        var decoder = TextDecoder(isMarkup: true)
        var text: [UInt8] = []
        decoder.receive(bytes[...], into: &text)
        decoder.finish(into: &text)
        var reader = XMLReader()
        var elements: [(name: String, attributes: [XMLAttribute])] = []
        // Piece by piece: what is told of one is taken before the next, so that a hostile part is refused early.
        for start in stride(from: 0, to: text.count, by: pieceBytes) {
            let piece = Array(text[start..<min(start + pieceBytes, text.count)])
            do throws(XMLError) { try reader.receive(piece) } catch { throw error.formatError }
            while let event = reader.nextEvent() {
                guard case .start(let name, let attributes) = event else { continue }
                guard elements.count < archive.limits.indexItemsMax else {
                    throw .damaged(reason: "a list in it has more than \(archive.limits.indexItemsMax) items")
                }
                elements.append((name, attributes))
            }
        }
        do throws(XMLError) { try reader.finish() } catch { throw error.formatError }
        return elements
    }

    private static let pieceBytes = 64 * 1024

    /// A reference from the part `base`, as the name of an entry: relative to its folder or, with a slash in front, to
    /// the archive. Nothing is opened by it, so that one that climbs out leads nowhere.
    static func resolve(_ reference: String, from base: String) -> String {
        let path = reference.prefix { $0 != "#" && $0 != "?" }
        var parts = path.utf8.first == UInt8(ascii: "/") ? [] : base.split(separator: "/").dropLast().map(String.init)
        for part in path.split(separator: "/") {
            switch part {
            case ".": break
            case "..": parts.removeLast(min(1, parts.count))
            default: parts.append(percentDecoded(part))
            }
        }
        return parts.joined(separator: "/")
    }

    private static func percentDecoded(_ text: Substring) -> String {
        guard text.utf8.contains(UInt8(ascii: "%")) else { return String(text) }
        let bytes = Array(text.utf8)
        var decoded: [UInt8] = []
        var position = 0
        while position < bytes.count {
            if bytes[position] == UInt8(ascii: "%"), position + 2 < bytes.count,
                let value = UInt8(String(decoding: bytes[(position + 1)...(position + 2)], as: UTF8.self), radix: 16)
            {
                decoded.append(value)
                position += 3
            } else {
                decoded.append(bytes[position])
                position += 1
            }
        }
        return String(decoding: decoded, as: UTF8.self)
    }
}

/// The parts of a DOCX (ECMA-376 part 2: Open Packaging Conventions).
struct WordPackage {
    var document: String
    var notes: [String] = []
    /// By relationship: parts of other kinds that belong into the text.
    var chunks: [String: String] = [:]

    init(_ archive: ZipArchive) throws(FormatError) {
        let roots = try PackageIndex.elements(of: "_rels/.rels", in: archive)
        guard let root = roots.first(where: { $0.attributes["Type"]?.hasSuffix("/officeDocument") ?? false }),
            let target = root.attributes["Target"]
        else { throw .otherKind(found: "a ZIP archive that is no office document") }
        document = PackageIndex.resolve(target, from: "")
        let types = try PackageIndex.elements(of: "[Content_Types].xml", in: archive)
        let type = types.first { $0.attributes["PartName"] == "/" + document }?.attributes["ContentType"]
        // Templates and documents with macros have names of their own; a missing one is forgiven.
        if let type, !type.contains("wordprocessingml"), !type.contains("ms-word") {
            throw .otherKind(found: "an office document that is no text (\(type.prefix(100)))")
        }
        var folder = document.split(separator: "/").map(String.init)
        let name = folder.popLast() ?? ""
        let relations = (folder + ["_rels", name + ".rels"]).joined(separator: "/")
        for relation in try PackageIndex.elements(of: relations, in: archive) where relation.name == "Relationship" {
            guard let type = relation.attributes["Type"], let target = relation.attributes["Target"],
                relation.attributes["TargetMode"] != "External"
            else { continue }
            let part = PackageIndex.resolve(target, from: document)
            if type.hasSuffix("/footnotes") { notes.insert(part, at: 0) }
            if type.hasSuffix("/endnotes") { notes.append(part) }
            if type.hasSuffix("/aFChunk"), let id = relation.attributes["Id"] { chunks[id] = part }
        }
        notes.removeSubrange(min(2, notes.count)...)
    }
}

/// The parts of an EPUB (EPUB 3.3, Open Container Format and package documents).
struct BookPackage {
    /// What is read, one page after the other; nil where a page has no text, such as an image.
    var pages: [String?] = []

    init(_ archive: ZipArchive) throws(FormatError) {
        let container = try PackageIndex.elements(of: "META-INF/container.xml", in: archive)
        guard let path = container.first(where: { $0.name == "rootfile" })?.attributes["full-path"] else {
            throw .otherKind(found: "a ZIP archive that is no e-book")
        }
        let package = try PackageIndex.elements(of: path, in: archive)
        let locked = try Self.encryptedParts(archive)
        var items: [String: (part: String, isText: Bool)] = [:]
        for element in package where element.name == "item" {
            guard let id = element.attributes["id"], let reference = element.attributes["href"] else { continue }
            let type = element.attributes["media-type"] ?? ""
            items[id] = (PackageIndex.resolve(reference, from: path), type.contains("html"))
        }
        for element in package where element.name == "itemref" {
            guard let item = element.attributes["idref"].flatMap({ items[$0] }) else { continue }
            if locked.contains(item.part) { throw .encrypted }
            pages.append(item.isText ? item.part : nil)
        }
        guard !pages.isEmpty else { throw .damaged(reason: "its list of pages is empty") }
    }

    /// The parts that only a bought reader opens. Fonts are often scrambled, and nobody minds here.
    private static func encryptedParts(_ archive: ZipArchive) throws(FormatError) -> Set<String> {
        let references = try PackageIndex.elements(of: "META-INF/encryption.xml", in: archive)
        return Set(
            references.filter { $0.name == "CipherReference" }.compactMap { $0.attributes["URI"] }.map {
                PackageIndex.resolve($0, from: "")
            })
    }
}
