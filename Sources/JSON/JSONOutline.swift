/// Where the members and elements of a JSON text stand, for whoever must tell a person which line is wrong.
///
/// A path reads as people write it: `tokens[0].tier`. A name that is repeated in one object has its path twice.
package struct JSONOutline: Sendable {
    package private(set) var places: [(path: String, offset: Int)] = []

    /// `bytes` is a text that `JSONValue.parse` has taken.
    package init(_ bytes: [UInt8]) {
        var scanner = OutlineScanner(bytes: bytes)
        scanner.value(path: "")
        places = scanner.places
    }

    /// Where the path's name or element begins; nil when it is not there.
    package func offset(of path: String) -> Int? { places.first { $0.path == path }?.offset }

    /// The first path that is there twice, and where it is for the second time.
    package var repeated: (path: String, offset: Int)? {
        var seen: Set<String> = []
        return places.first { !seen.insert($0.path).inserted }
    }

    /// The line, from 1, of a byte.
    package static func line(of offset: Int, in bytes: [UInt8]) -> Int {
        1 + bytes.prefix(offset).count { $0 == UInt8(ascii: "\n") }
    }
}

/// Goes over text that is known to be JSON, so that it needs to look at structure alone.
private struct OutlineScanner {
    let bytes: [UInt8]
    var position = 0
    var places: [(path: String, offset: Int)] = []

    init(bytes: [UInt8]) { self.bytes = bytes }

    mutating func value(path: String) {
        skipWhiteSpace()
        guard position < bytes.count else { return }
        switch bytes[position] {
        case UInt8(ascii: "{"): members(of: path)
        case UInt8(ascii: "["): elements(of: path)
        case UInt8(ascii: "\""): skipString()
        default: skipPlain()
        }
    }

    private mutating func members(of path: String) {
        position += 1
        while next(before: UInt8(ascii: "}")) {
            let start = position
            skipString()
            let name = (try? JSONValue.parse(Array(bytes[start..<position])))?.stringValue ?? ""
            let member = path.isEmpty ? name : "\(path).\(name)"
            places.append((member, start))
            skipWhiteSpace()
            position += 1  // The colon.
            value(path: member)
        }
    }

    private mutating func elements(of path: String) {
        position += 1
        var index = 0
        while next(before: UInt8(ascii: "]")) {
            let element = "\(path)[\(index)]"
            places.append((element, position))
            value(path: element)
            index += 1
        }
    }

    /// Whether another part follows; what closes the whole is taken.
    private mutating func next(before end: UInt8) -> Bool {
        skipWhiteSpace()
        if position < bytes.count, bytes[position] == UInt8(ascii: ",") {
            position += 1
            skipWhiteSpace()
        }
        guard position < bytes.count, bytes[position] != end else {
            position += 1
            return false
        }
        return true
    }

    private mutating func skipString() {
        position += 1
        while position < bytes.count, bytes[position] != UInt8(ascii: "\"") {
            position += bytes[position] == UInt8(ascii: "\\") ? 2 : 1
        }
        position += 1
    }

    private mutating func skipPlain() {
        while position < bytes.count, !Self.endsPlain(bytes[position]) { position += 1 }
    }

    private static func endsPlain(_ byte: UInt8) -> Bool {
        isWhiteSpace(byte) || byte == UInt8(ascii: ",") || byte == UInt8(ascii: "}") || byte == UInt8(ascii: "]")
    }

    private mutating func skipWhiteSpace() {
        while position < bytes.count, Self.isWhiteSpace(bytes[position]) { position += 1 }
    }

    private static func isWhiteSpace(_ byte: UInt8) -> Bool {
        byte == 0x20 || byte == 0x09 || byte == 0x0a || byte == 0x0d
    }
}
