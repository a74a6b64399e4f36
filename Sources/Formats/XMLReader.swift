// Theory of operation
//
// The part of XML 1.0 that packed documents are written in: elements, attributes, text, CDATA, comments, processing
// instructions, the five predefined entities and characters by number. Bytes come in, in any pieces; events go out.
// Text is told as it comes, so that no element's content is ever held; a tag is held until it is whole.
//
// There are no other entities. A document type declaration is passed over, and one that declares anything (an internal
// subset) is refused, so that nothing can be expanded and nothing outside can be named: what is called XXE and
// "billion laughs" has no code here that could do it. Prefixes are cut off and not resolved: the vocabularies that are
// read have no two elements of one local name where they would be confused, and some writers choose other prefixes.

/// Bounds of a document's markup.
package struct XMLLimits: Sendable, Equatable {
    /// Elements within each other.
    package var depthMax = 512
    package var attributesMax = 512
    package var nameBytesMax = 1024
    /// A tag with all its attributes. Word writes whole drawings into one.
    package var tagBytesMax = 4 << 20

    package init() {}

    package static let `default` = XMLLimits()
}

package enum XMLError: Error, Sendable, Equatable {
    case malformed(reason: String)
    /// A document type declaration that declares something itself.
    case declaresEntities
    case undefinedEntity
    case tooDeep(depthMax: Int)
    case tooManyAttributes(attributesMax: Int)
    case nameTooLong(bytesMax: Int)
    case tagTooLong(bytesMax: Int)
    /// Nothing may follow, and the document is not over.
    case cutOff
}

package struct XMLAttribute: Sendable, Equatable {
    /// Without its prefix.
    package var name: String
    package var value: String
}

package enum XMLEvent: Sendable, Equatable {
    /// `name` is without its prefix. An empty-element tag is told as a start and an end.
    case start(name: String, attributes: [XMLAttribute])
    case end(name: String)
    /// UTF-8. One run of text may come in several pieces.
    case text([UInt8])
}

extension [XMLAttribute] {
    package subscript(name: String) -> String? { first { $0.name == name }?.value }
}

/// Reads XML in UTF-8. Call `receive` with each piece, then `finish`; after each call take events until there are none.
package struct XMLReader {
    private enum State {
        case content
        /// Within something that ends with these bytes and is passed over.
        case skipping(until: [UInt8])
        case characterData
        case documentType
        case failed(XMLError)
    }

    private let limits: XMLLimits
    private var state = State.content
    private var buffer: [UInt8] = []
    private var position = 0
    /// How far a tag was looked through already, and the quote it is in.
    private var scanned = 0
    private var quote: UInt8?
    private var open: [[UInt8]] = []
    private var events: [XMLEvent] = []
    private var eventsTaken = 0
    private var hasRoot = false
    private var isLast = false

    package init(limits: XMLLimits = .default) { self.limits = limits }

    package mutating func receive(_ bytes: [UInt8]) throws(XMLError) {
        if case .failed(let error) = state { throw error }
        buffer.removeSubrange(..<position)
        position = 0
        buffer += bytes
        try read()
    }

    /// Says that nothing follows.
    package mutating func finish() throws(XMLError) {
        isLast = true
        try receive([])
        guard hasRoot, open.isEmpty, position == buffer.count, case .content = state else { throw fail(.cutOff) }
    }

    package mutating func nextEvent() -> XMLEvent? {
        guard eventsTaken < events.count else {
            events.removeAll(keepingCapacity: true)
            eventsTaken = 0
            return nil
        }
        eventsTaken += 1
        return events[eventsTaken - 1]
    }

    private mutating func fail(_ error: XMLError) -> XMLError {
        state = .failed(error)
        return error
    }

    // MARK: - States

    private mutating func read() throws(XMLError) {
        do throws(XMLError) {
            while position < buffer.count, try step() {}
        } catch {
            throw fail(error)
        }
    }

    /// False when more bytes must come first.
    private mutating func step() throws(XMLError) -> Bool {
        switch state {
        case .failed(let error): throw error
        case .skipping(let end): return pass(until: end, keepsText: false)
        case .characterData: return pass(until: Self.characterDataEnd, keepsText: true)
        case .documentType: return try passDocumentType()
        case .content:
            switch buffer[position] {
            case UInt8(ascii: "<"): return try readMarkup()
            case UInt8(ascii: "&"): return try readReference()
            default: return try readText()
            }
        }
    }

    private mutating func readText() throws(XMLError) -> Bool {
        var end = position
        while end < buffer.count, buffer[end] != UInt8(ascii: "<"), buffer[end] != UInt8(ascii: "&") { end += 1 }
        try tell(text: buffer[position..<end])
        position = end
        return true
    }

    private mutating func tell(text: ArraySlice<UInt8>) throws(XMLError) {
        guard !open.isEmpty else {
            guard text.allSatisfy(Self.isSpace) else { throw .malformed(reason: "there is text outside of the root") }
            return
        }
        if !text.isEmpty { events.append(.text(Array(text))) }
    }

    /// The end may lie in two pieces: as many bytes as its beginning could have are left in the buffer.
    private mutating func pass(until end: [UInt8], keepsText: Bool) -> Bool {
        var start = position
        while start + end.count <= buffer.count {
            if buffer[start..<start + end.count].elementsEqual(end) {
                if keepsText, start > position { events.append(.text(Array(buffer[position..<start]))) }
                position = start + end.count
                state = .content
                return true
            }
            start += 1
        }
        if keepsText, start > position { events.append(.text(Array(buffer[position..<start]))) }
        position = start
        return false
    }

    private mutating func passDocumentType() throws(XMLError) -> Bool {
        while position < buffer.count {
            let byte = buffer[position]
            position += 1
            if let mark = quote {
                if byte == mark { quote = nil }
                continue
            }
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "'"): quote = byte
            case UInt8(ascii: "["): throw .declaresEntities
            case UInt8(ascii: ">"):
                state = .content
                return true
            default: break
            }
        }
        return false
    }

    // MARK: - Markup

    private mutating func readMarkup() throws(XMLError) -> Bool {
        let rest = buffer[position...]
        if rest.count > 1, case let second = buffer[position + 1], second != UInt8(ascii: "!"),
            second != UInt8(ascii: "?")
        {
            return try readTag()
        }
        for (opening, next) in Self.openings {
            if rest.starts(with: opening) {
                if case .documentType = next, hasRoot { throw .malformed(reason: "a document type comes too late") }
                if case .characterData = next, open.isEmpty {
                    throw .malformed(reason: "there is text outside of the root")
                }
                position += opening.count
                state = next
                return true
            }
            if rest.count < opening.count, opening.starts(with: rest) { return try waitUnlessLast() }
        }
        return try readTag()
    }

    private static let characterDataEnd = Array("]]>".utf8)

    private static let openings: [([UInt8], State)] = [
        (Array("<!--".utf8), .skipping(until: Array("-->".utf8))),
        (Array("<?".utf8), .skipping(until: Array("?>".utf8))),
        (Array("<![CDATA[".utf8), .characterData), (Array("<!DOCTYPE".utf8), .documentType),
    ]

    private func waitUnlessLast() throws(XMLError) -> Bool {
        if isLast { throw .cutOff }
        return false
    }

    private mutating func readTag() throws(XMLError) -> Bool {
        var end = position + max(1, scanned)
        while end < buffer.count {
            let byte = buffer[end]
            if end - position > limits.tagBytesMax { throw .tagTooLong(bytesMax: limits.tagBytesMax) }
            if let mark = quote {
                if byte == mark { quote = nil }
            } else if byte == UInt8(ascii: ">") {
                scanned = 0
                let tag = buffer[(position + 1)..<end]
                position = end + 1
                try take(tag)
                return true
            } else if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "'") {
                quote = byte
            } else if byte == UInt8(ascii: "<") {
                throw .malformed(reason: "a tag begins within a tag")
            }
            end += 1
        }
        scanned = end - position
        return try waitUnlessLast()
    }

    private mutating func take(_ tag: ArraySlice<UInt8>) throws(XMLError) {
        if tag.first == UInt8(ascii: "/") {
            var name = tag.dropFirst()
            while let last = name.last, Self.isSpace(last) { name.removeLast() }
            guard let expected = open.popLast(), expected.elementsEqual(name) else {
                throw .malformed(reason: "an end tag does not fit")
            }
            events.append(.end(name: Self.localName(name)))
            return
        }
        let isEmpty = tag.last == UInt8(ascii: "/")
        var parser = XMLTagParser(isEmpty ? tag.dropLast() : tag, limits: limits)
        let name = try parser.name()
        guard !open.isEmpty || !hasRoot else { throw .malformed(reason: "there is a second root") }
        guard open.count < limits.depthMax else { throw .tooDeep(depthMax: limits.depthMax) }
        hasRoot = true
        events.append(.start(name: Self.localName(name), attributes: try parser.attributes()))
        if isEmpty {
            events.append(.end(name: Self.localName(name)))
        } else {
            open.append(Array(name))
        }
    }

    private mutating func readReference() throws(XMLError) -> Bool {
        let window = buffer[position..<min(buffer.count, position + XMLReference.bytesMax)]
        guard let end = window.firstIndex(of: UInt8(ascii: ";")) else {
            guard window.count == XMLReference.bytesMax || isLast else { return false }
            throw .malformed(reason: "an ampersand stands alone")
        }
        let scalar = try XMLReference.scalar(buffer[(position + 1)..<end])
        guard !open.isEmpty else { throw .malformed(reason: "there is text outside of the root") }
        events.append(.text(Array(UTF8.encode(scalar)!)))
        position = end + 1
        return true
    }

    static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x0a || byte == 0x0d || byte == 0x09 }

    static func localName(_ name: ArraySlice<UInt8>) -> String {
        let start = name.firstIndex(of: UInt8(ascii: ":")).map { $0 + 1 } ?? name.startIndex
        return String(decoding: name[start...], as: UTF8.self)
    }
}

/// `&lt;` and its like, without the ampersand and the semicolon.
enum XMLReference {
    /// The longest that is meant by anybody: `&#x10FFFF;` with room for zeros in front.
    static let bytesMax = 16

    static func scalar(_ name: ArraySlice<UInt8>) throws(XMLError) -> Unicode.Scalar {
        guard name.first == UInt8(ascii: "#") else {
            switch String(decoding: name, as: UTF8.self) {
            case "amp": return "&"
            case "lt": return "<"
            case "gt": return ">"
            case "quot": return "\""
            case "apos": return "'"
            default: throw .undefinedEntity
            }
        }
        let digits = name.dropFirst()
        let isHexadecimal = digits.first == UInt8(ascii: "x")
        let text = String(decoding: isHexadecimal ? digits.dropFirst() : digits, as: UTF8.self)
        guard text.utf8.first != UInt8(ascii: "+"), let value = UInt32(text, radix: isHexadecimal ? 16 : 10),
            value != 0, let scalar = Unicode.Scalar(value)
        else { throw .malformed(reason: "a number names no character") }
        return scalar
    }
}

/// What stands in a start tag.
private struct XMLTagParser {
    private let tag: ArraySlice<UInt8>
    private let limits: XMLLimits
    private var position: Int

    init(_ tag: ArraySlice<UInt8>, limits: XMLLimits) {
        self.tag = tag
        self.limits = limits
        position = tag.startIndex
    }

    mutating func name() throws(XMLError) -> ArraySlice<UInt8> {
        let start = position
        while position < tag.endIndex, !XMLReader.isSpace(tag[position]), tag[position] != UInt8(ascii: "=") {
            position += 1
        }
        let name = tag[start..<position]
        guard name.count <= limits.nameBytesMax else { throw .nameTooLong(bytesMax: limits.nameBytesMax) }
        guard let first = name.first, Self.mayBegin(first), !name.contains(where: Self.isForbidden) else {
            throw .malformed(reason: "a name is none")
        }
        return name
    }

    mutating func attributes() throws(XMLError) -> [XMLAttribute] {
        var attributes: [XMLAttribute] = []
        while true {
            let before = position
            skipSpace()
            guard position < tag.endIndex else { return attributes }
            guard position > before else { throw .malformed(reason: "attributes are not parted") }
            guard attributes.count < limits.attributesMax else {
                throw .tooManyAttributes(attributesMax: limits.attributesMax)
            }
            let name = try name()
            skipSpace()
            guard position < tag.endIndex, tag[position] == UInt8(ascii: "=") else {
                throw .malformed(reason: "an attribute has no value")
            }
            position += 1
            skipSpace()
            attributes.append(XMLAttribute(name: XMLReader.localName(name), value: try value()))
        }
    }

    private mutating func value() throws(XMLError) -> String {
        guard position < tag.endIndex, case let quote = tag[position],
            quote == UInt8(ascii: "\"") || quote == UInt8(ascii: "'"),
            let end = tag[(position + 1)...].firstIndex(of: quote)
        else { throw .malformed(reason: "a value has no quotes") }
        let raw = tag[(position + 1)..<end]
        position = end + 1
        guard raw.contains(UInt8(ascii: "&")) else { return String(decoding: raw, as: UTF8.self) }
        var value: [UInt8] = []
        var rest = raw
        while let ampersand = rest.firstIndex(of: UInt8(ascii: "&")) {
            value += rest[..<ampersand]
            guard let end = rest[ampersand...].firstIndex(of: UInt8(ascii: ";")),
                end - ampersand < XMLReference.bytesMax
            else { throw .malformed(reason: "an ampersand stands alone") }
            value += UTF8.encode(try XMLReference.scalar(rest[(ampersand + 1)..<end]))!
            rest = rest[(end + 1)...]
        }
        return String(decoding: value + rest, as: UTF8.self)
    }

    private mutating func skipSpace() {
        while position < tag.endIndex, XMLReader.isSpace(tag[position]) { position += 1 }
    }

    private static func mayBegin(_ byte: UInt8) -> Bool {
        byte >= 0x80 || (byte | 0x20) &- UInt8(ascii: "a") < 26 || byte == UInt8(ascii: "_")
            || byte == UInt8(ascii: ":")
    }

    private static func isForbidden(_ byte: UInt8) -> Bool {
        byte < 0x21 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "'") || byte == UInt8(ascii: "/")
            || byte == UInt8(ascii: "&")
    }
}
