import JSON

/// A configuration file: one JSON object, read strictly. It knows the line of each of its parts, so that whoever finds
/// fault with one can say where it is.
package struct ConfigurationFile: Sendable {
    package static let bytesMax = 1 << 20
    /// An object of objects in lists is as deep as settings go.
    static let depthMax = 8

    package let name: String
    private let bytes: [UInt8]
    private let members: JSONObject
    private let outline: JSONOutline

    package init(name: String, bytes: [UInt8]) throws(SettingFault) {
        self.name = name
        self.bytes = bytes
        guard bytes.count <= Self.bytesMax else {
            throw SettingFault(name, "a configuration file has at most \(Self.bytesMax) bytes")
        }
        let value: JSONValue
        do throws(JSONError) {
            value = try JSONValue.parse(bytes, depthMax: Self.depthMax)
        } catch {
            throw SettingFault("\(name):\(JSONOutline.line(of: error.offset, in: bytes))", "not JSON: \(error.reason)")
        }
        guard case .object(let object) = value else {
            throw SettingFault("\(name):1", "give an object, such as {\"listen\": \"127.0.0.1:8080\"}")
        }
        members = object
        outline = JSONOutline(bytes)
        if let again = outline.repeated {
            throw SettingFault(
                "\(name):\(JSONOutline.line(of: again.offset, in: bytes)): \(again.path)",
                "it is there twice; take one of them out")
        }
    }

    package subscript(key: String) -> JSONValue? { members[key] }

    /// `headway.json:12: tokens[0].tier`.
    package func place(of path: String) -> String {
        guard let offset = outline.offset(of: path) else { return "\(name): \(path)" }
        return "\(name):\(JSONOutline.line(of: offset, in: bytes)): \(path)"
    }

    package func fault(_ path: String, _ words: String) -> SettingFault { SettingFault(place(of: path), words) }

    /// Keys that mean nothing here. A misspelt key would else be a setting that silently does not hold.
    package func unknownKeys(beside known: [String]) -> [SettingFault] {
        members.members.filter { !known.contains($0.key) }.map { member in
            fault(member.key, "there is no such setting; there are \(known.sorted().joined(separator: ", "))")
        }
    }
}
