/// `Upload-Concat` (tus, "Concatenation"): an upload that is a part of another, or one that is made of parts.
package enum UploadConcatenation: Sendable, Equatable {
    case partial
    /// The parts in their order; the same one may come twice.
    case final(ids: [String])

    package static let pathPrefix = "/v1/uploads/"
    /// Parts of one upload.
    package static let partsMax = 256

    /// `partial`, or `final;` and URLs parted by single spaces. A URL is matched by its path alone: clients send what
    /// they made of `Location`, with the scheme and host that they see and perhaps a prefix that a proxy takes away.
    package init(parsing text: String) throws(UploadFieldError) {
        if text == "partial" {
            self = .partial
            return
        }
        guard text.hasPrefix("final;") else { throw .concatenationInvalid }
        var ids: [String] = []
        for url in text.dropFirst("final;".count).pieces(between: ASCII.space) {
            guard let id = Self.id(of: url) else { throw .concatenationInvalid }
            ids.append(id)
            guard ids.count <= Self.partsMax else { throw .tooManyParts }
        }
        self = .final(ids: ids)
    }

    /// As this server would write it; what a client wrote is in `UploadCreationFields.concatenationText`.
    package var text: String {
        switch self {
        case .partial: "partial"
        case .final(let ids): "final;" + ids.map { Self.pathPrefix + $0 }.joined(separator: " ")
        }
    }

    /// The last segment of an absolute URL's or of an absolute path, when it lies where uploads do.
    private static func id(of url: Substring) -> String? {
        var path = url
        for scheme in ["http://", "https://"] where url.prefix(scheme.count).equalsIgnoringASCIICase(scheme) {
            let rest = url.dropFirst(scheme.count)
            guard let slash = rest.utf8.firstIndex(of: ASCII.slash), slash > rest.startIndex else { return nil }
            path = rest[slash...]
        }
        guard path.utf8.first == ASCII.slash, let slash = path.utf8.lastIndex(of: ASCII.slash) else { return nil }
        let id = path[path.utf8.index(after: slash)...]
        guard path.utf8.allSatisfy({ $0.isUnreserved || $0 == ASCII.slash }),
            path[...slash].utf8.suffix(pathPrefix.utf8.count).elementsEqual(pathPrefix.utf8),
            !id.isEmpty, id != ".", id != ".."
        else { return nil }
        return String(id)
    }
}
