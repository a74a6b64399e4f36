/// The members of a JSON object in the order in which they came; a repeated name keeps its place, its last value wins.
///
/// Names are compared by their bytes (RFC 8259 §8.3: code unit by code unit), not by Unicode equivalence. Reading a
/// member costs a short scan for small objects and one hash for large ones, so no list of names can make it slow.
package struct JSONObject: Sendable, ExpressibleByDictionaryLiteral {
    package private(set) var members: [(key: String, value: JSONValue)] = []

    /// Where each name is in `members`; empty while a scan is cheaper.
    private var places: [MemberName: Int] = [:]

    private static let scannedMembersMax = 12

    package init() {}

    package init(dictionaryLiteral elements: (String, JSONValue)...) {
        for (key, value) in elements { self[key] = value }
    }

    /// Setting nil takes the member out.
    package subscript(key: String) -> JSONValue? {
        get {
            guard let place = place(of: key) else { return nil }
            return members[place].value
        }
        set {
            switch (place(of: key), newValue) {
            case (let place?, let value?): members[place].value = value
            case (let place?, nil): remove(at: place)
            case (nil, let value?): append(key, value)
            case (nil, nil): break
            }
        }
    }

    private func place(of key: String) -> Int? {
        guard places.isEmpty else { return places[MemberName(key)] }
        let name = MemberName(key)
        return members.firstIndex { MemberName($0.key) == name }
    }

    private mutating func append(_ key: String, _ value: JSONValue) {
        members.append((key, value))
        if !places.isEmpty {
            places[MemberName(key)] = members.count - 1
        } else if members.count > Self.scannedMembersMax {
            rememberPlaces()
        }
    }

    private mutating func remove(at place: Int) {
        members.remove(at: place)
        places = [:]
        if members.count > Self.scannedMembersMax { rememberPlaces() }
    }

    private mutating func rememberPlaces() {
        for (place, member) in members.enumerated() { places[MemberName(member.key)] = place }
    }
}

extension JSONObject: Equatable {
    /// The same names with the same values, in any order (RFC 8259 §4: an object is an unordered collection).
    package static func == (left: JSONObject, right: JSONObject) -> Bool {
        left.members.count == right.members.count && left.members.allSatisfy { right[$0.key] == $0.value }
    }
}

/// A member's name with the equality of JSON: `String` would call two different encodings of "é" the same.
private struct MemberName: Hashable, Sendable {
    let text: String

    init(_ text: String) { self.text = text }

    static func == (left: MemberName, right: MemberName) -> Bool {
        left.text.utf8.elementsEqual(right.text.utf8)
    }

    func hash(into hasher: inout Hasher) {
        for byte in text.utf8 { hasher.combine(byte) }
    }
}
