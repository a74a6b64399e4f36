/// Content-Disposition both ways: what a form's parts are called (RFC 7578 §4.2) and what a download is to be called
/// (RFC 6266).
package enum ContentDisposition {
    package struct Parsed: Equatable, Sendable {
        /// `form-data`, `attachment`, …, in lower case.
        package var kind: String
        /// The form field's name.
        package var name: String?
        /// The file's name without any path; empty when a form was sent without choosing a file.
        package var filename: String?
    }

    /// Nil when malformed. Understands what is really sent: raw UTF-8, curl's `\"`, the browsers' `%22` (only that:
    /// they leave other percent signs alone), `filename*` (which stands over `filename`), and Windows paths.
    package static func parse(_ value: String) -> Parsed? {
        let text = value.trimmingBlanks
        let end = text.utf8.firstIndex { $0 == ASCII.semicolon || $0.isBlank } ?? text.endIndex
        guard text[..<end].isToken,
            let parameters = FieldParameters(parsing: text[end...], escapes: .quoteAndBackslash)
        else { return nil }
        let plain = parameters["filename"].map(unescapingQuotes)
        let filename = parameters["filename*"].flatMap(decodeExtendedValue) ?? plain
        return Parsed(
            kind: text[..<end].asciiLowercased,
            name: parameters["name"].map(unescapingQuotes),
            filename: filename.map(lastPathComponent))
    }

    /// A value that makes a browser save the response under `filename`.
    package static func attachment(filename: String) -> String { encode("attachment", filename) }

    /// A value that lets a browser show the response and name it `filename` when it is saved.
    package static func inline(filename: String) -> String { encode("inline", filename) }

    /// RFC 6266 §4.3 and appendix D: a plain ASCII name for old readers and, where that is not the name, the UTF-8 one.
    private static func encode(_ kind: String, _ filename: String) -> String {
        var fallback = ""
        for scalar in filename.unicodeScalars {
            // A percent sign in the plain form would be decoded by some browsers, a quote or backslash by all.
            let isSafe =
                scalar.isASCII && scalar.value >= 0x20 && scalar.value != 0x7F
                && !"\"\\%/".unicodeScalars.contains(scalar)
            fallback.unicodeScalars.append(isSafe ? scalar : "_")
        }
        if fallback == filename { return "\(kind); filename=\"\(filename)\"" }
        let extended = PercentCoding.encode(filename, keeping: isAttributeCharacter)
        return "\(kind); filename=\"\(fallback)\"; filename*=UTF-8''\(extended)"
    }

    /// RFC 8187 §3.2.1: attr-char.
    private static func isAttributeCharacter(_ octet: UInt8) -> Bool {
        octet.isToken && octet != ASCII.asterisk && octet != ASCII.apostrophe && octet != ASCII.percent
    }

    /// RFC 8187 §3.2: `charset'language'value`; UTF-8, which all must know, and ISO-8859-1, which old senders use.
    private static func decodeExtendedValue(_ text: String) -> String? {
        let parts = text.pieces(between: ASCII.apostrophe)
        guard parts.count == 3, let octets = PercentCoding.octets(parts[2], lenient: false) else { return nil }
        switch parts[0].asciiLowercased {
        case "utf-8": return String(validating: octets, as: UTF8.self)
        case "iso-8859-1":
            var scalars = String.UnicodeScalarView()
            for octet in octets { scalars.append(Unicode.Scalar(octet)) }
            return String(scalars)
        default: return nil
        }
    }

    /// WHATWG HTML, multipart/form-data encoding: a quote in a name is sent as `%22`, a percent sign as it is.
    private static func unescapingQuotes(_ text: String) -> String {
        let octets = Array(text.utf8)
        guard octets.contains(ASCII.percent) else { return text }
        var output: [UInt8] = []
        var index = 0
        while index < octets.count {
            if octets[index...].starts(with: "%22".utf8) {
                output.append(ASCII.quote)
                index += 3
            } else {
                output.append(octets[index])
                index += 1
            }
        }
        return String(decoding: output, as: UTF8.self)
    }

    /// RFC 7578 §4.2: path information in a file's name is to be ignored.
    private static func lastPathComponent(_ filename: String) -> String {
        guard let separator = filename.utf8.lastIndex(where: { $0 == ASCII.slash || $0 == ASCII.backslash }) else {
            return filename
        }
        return String(filename[filename.utf8.index(after: separator)...])
    }
}
