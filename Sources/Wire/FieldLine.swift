/// One field line, `name ":" OWS value OWS` (RFC 9112 §5), as heads, trailers and the parts of a multipart body have
/// it.
struct FieldLine {
    var name: String
    var value: String

    init(parsing line: Span<UInt8>) throws(HTTPRequestError) {
        // RFC 9112 §5.2: a line that begins with a blank continues the one before; a server may refuse, and we do.
        if line.count > 0, line[0].isBlank { throw .fieldFolded }
        var colon = 0
        while colon < line.count && line[colon].isToken { colon += 1 }
        guard colon < line.count else { throw .fieldLineMalformed }
        // RFC 9112 §5.1: no whitespace between name and colon, ever: it has hidden Transfer-Encoding from proxies.
        guard line[colon] == ASCII.colon, colon > 0 else { throw .fieldNameInvalid }
        name = String(fieldOctets: line.extracting(0..<colon))

        var (start, end) = (colon + 1, line.count)
        while start < end && line[start].isBlank { start += 1 }
        while end > start && line[end - 1].isBlank { end -= 1 }
        for index in start..<end where !line[index].isFieldContent { throw .fieldValueInvalid(name: name) }
        value = String(fieldOctets: line.extracting(start..<end))
    }
}
