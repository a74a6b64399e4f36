import JSON

/// One setting of the server: its name, what it may be, and what it is when nobody says.
package struct Setting: Sendable {
    package enum Kind: Sendable, Equatable {
        case text
        case number(ClosedRange<Int>)
        case flag
        /// Texts; as a variable of the environment, parted by commas.
        case list
    }

    /// Texts that a list holds at most: each is looked at for every request that needs it.
    package static let listEntriesMax = 100

    /// As the option has it, without its dashes: `size-limit`.
    package let name: String
    package let kind: Kind
    package let standard: SettingValue
    /// Whether a change takes effect while the server runs.
    package let isLive: Bool

    package init(_ name: String, _ kind: Kind, standard: SettingValue, isLive: Bool = false) {
        self.name = name
        self.kind = kind
        self.standard = standard
        self.isLive = isLive
    }

    package var option: String { "--\(name)" }
    package var variable: String { "HEADWAY_\(words.joined(separator: "_").uppercased())" }
    /// As the configuration file has it.
    package var key: String { words.joined(separator: "_") }
    private var words: [Substring] { name.split(separator: "-") }

    /// What to give, for a person who gave something else.
    package var wanted: String {
        switch kind {
        case .text: "give a text"
        case .number(let range): "give a number from \(range.lowerBound) to \(range.upperBound)"
        case .flag: "give true or false"
        case .list: "give a list of at most \(Self.listEntriesMax) texts"
        }
    }

    /// Whether a value of the right kind is within bounds.
    private func takes(_ value: SettingValue) -> Bool {
        switch (kind, value) {
        case (.text, .text), (.flag, .flag): true
        case (.number(let range), .number(let number)): range.contains(number)
        case (.list, .list(let texts)): texts.count <= Self.listEntriesMax
        default: false
        }
    }

    package func checked(_ value: SettingValue?) -> SettingValue? { value.flatMap { takes($0) ? $0 : nil } }

    /// What a variable's text stands for; nil when it is no value of this setting.
    func value(ofVariable text: String) -> SettingValue? {
        switch kind {
        case .text: .text(text)
        case .number: checked(Int(text).map(SettingValue.number))
        case .flag: ["true": .flag(true), "false": .flag(false)][text]
        case .list: checked(.list(text.split(separator: ",").map(String.init)))
        }
    }

    func value(of json: JSONValue) -> SettingValue? {
        switch (kind, json) {
        case (.text, .string(let text)): .text(text)
        case (.number, _): checked(json.integerValue.map { .number(Int($0)) })
        case (.flag, .bool(let flag)): .flag(flag)
        case (.list, .array(let elements)):
            elements.allSatisfy { $0.stringValue != nil } ? checked(.list(elements.compactMap(\.stringValue))) : nil
        default: nil
        }
    }
}

package enum SettingValue: Sendable, Equatable, CustomStringConvertible {
    case text(String)
    case number(Int)
    case flag(Bool)
    case list([String])

    package var description: String {
        switch self {
        case .text(let text): JSONValue.string(text).compactText
        case .number(let number): String(number)
        case .flag(let flag): flag ? "true" : "false"
        case .list(let texts): JSONValue.array(texts.map(JSONValue.string)).compactText
        }
    }
}

/// Where a setting's value comes from. The first of them that says something wins.
package enum SettingSource: String, Sendable {
    case option, environment, file
    case standard = "default"
}

/// What is wrong with a setting: where it was given, and what to give.
package struct SettingFault: Error, Sendable, Equatable, CustomStringConvertible {
    package var place: String
    package var words: String

    package init(_ place: String, _ words: String) {
        self.place = place
        self.words = words
    }

    package var description: String { "\(place): \(words)." }
}
