/// The names of files that are attached to a document, as its state lists them.
///
/// Whoever made the document chose them, so none is believed to be more than a name: of a path the last part is kept,
/// and what would turn a line of text around or end it is left out.
package enum AttachmentNames {
    /// More are not listed: a state is told with every event.
    package static let countMax = 50
    /// A longer name is cut.
    package static let nameBytesMax = 120
    static let unnamed = "unnamed"

    /// Reads what `pdfdetach -list` prints: how many there are, then a line for each, `2: invoice.xml`.
    package static func names(inListing text: String) -> [String] {
        var names: [String] = []
        for line in text.split(separator: "\n") where names.count < countMax {
            let prefix = "\(names.count + 1): "
            if line.hasPrefix(prefix) { names.append(plain(line.dropFirst(prefix.count))) }
        }
        return names
    }

    private static func plain(_ name: Substring) -> String {
        let part = name.split(omittingEmptySubsequences: false) { $0 == "/" || $0 == "\\" }.last ?? ""
        var text = ""
        for scalar in part.unicodeScalars where !isHidden(scalar) { text.unicodeScalars.append(scalar) }
        let cut = text.cut(utf8BytesMax: nameBytesMax)
        return cut.allSatisfy(\.isWhitespace) || cut == "." || cut == ".." ? unnamed : cut
    }

    private static func isHidden(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator: true
        default: false
        }
    }
}
