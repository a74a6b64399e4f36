import JSON
import Testing

@testable import Core

@Suite("Settings")
struct SettingsTests {
    static let name = Setting("listen", .text, standard: .text("here"))
    static let count = Setting("worker-count", .number(1...9), standard: .number(3), isLive: true)
    static let isOn = Setting("next-free-port", .flag, standard: .flag(false))
    static let origins = Setting("allow-origin", .list, standard: .list([]))
    static let table = [name, count, isOn, origins]

    static func file(_ text: String) throws(SettingFault) -> ConfigurationFile {
        try ConfigurationFile(name: "h.json", bytes: Array(text.utf8))
    }

    func settings(
        options: [String: SettingValue] = [:], environment: [String: String] = [:], file: String? = nil
    ) throws -> (Settings, [SettingFault]) {
        var faults: [SettingFault] = []
        let file = try file.map { try Self.file($0) }
        let settings = Settings(
            Self.table, options: options, environment: { environment[$0] }, file: file, faults: &faults)
        return (settings, faults)
    }

    @Test("an option wins over the environment, that over the file, and the file over the default")
    func precedence() throws {
        let file = #"{"listen": "file"}"#
        let variable = ["HEADWAY_LISTEN": "variable"]
        let all = try settings(options: ["listen": .text("option")], environment: variable, file: file).0
        #expect(all.text(Self.name) == "option" && all[Self.name].source == .option)
        let two = try settings(environment: variable, file: file).0
        #expect(two.text(Self.name) == "variable" && two[Self.name].source == .environment)
        let one = try settings(environment: ["HEADWAY_LISTEN": ""], file: file).0
        #expect(one.text(Self.name) == "file" && one[Self.name].source == .file)
        #expect(one[Self.name].place == "h.json:1: listen")
        let none = try settings().0
        #expect(none.text(Self.name) == "here" && none[Self.name].source == .standard)
    }

    @Test("every kind of setting can be given at every place")
    func kinds() throws {
        let file = """
            {"worker_count": 9, "next_free_port": true, "allow_origin": ["a", "b"]}
            """
        let variables = [
            "HEADWAY_WORKER_COUNT": "9", "HEADWAY_NEXT_FREE_PORT": "true", "HEADWAY_ALLOW_ORIGIN": "a,b",
        ]
        for (settings, faults) in [try settings(file: file), try settings(environment: variables)] {
            #expect(faults.isEmpty)
            #expect(settings.number(Self.count) == 9)
            #expect(settings.flag(Self.isOn))
            #expect(settings.list(Self.origins) == ["a", "b"])
        }
    }

    @Test("what is given first is judged alone: a wrong value is a fault even where a weaker place has a right one")
    func wrongStrongest() throws {
        let (settings, faults) = try settings(
            environment: ["HEADWAY_WORKER_COUNT": "many"], file: #"{"worker_count": 4}"#)
        #expect(faults.map(\.description) == ["HEADWAY_WORKER_COUNT=many: give a number from 1 to 9."])
        #expect(settings.number(Self.count) == 3)
    }

    @Test("a number is within its range, at every place", arguments: [0, 10, -1])
    func ranges(number: Int) throws {
        let given = [
            try settings(options: ["worker-count": .number(number)]),
            try settings(environment: ["HEADWAY_WORKER_COUNT": "\(number)"]),
            try settings(file: "{\n\"worker_count\": \(number)}"),
        ]
        #expect(
            given.map { $0.1.map(\.description) } == [
                ["--worker-count \(number): give a number from 1 to 9."],
                ["HEADWAY_WORKER_COUNT=\(number): give a number from 1 to 9."],
                ["h.json:2: worker_count: give a number from 1 to 9."],
            ])
    }

    @Test(
        "a value of the wrong type is a fault with its line, and nothing is guessed",
        arguments: [
            (#""worker_count": "3""#, "give a number from 1 to 9"),
            (#""worker_count": 1.5"#, "give a number from 1 to 9"),
            (#""worker_count": null"#, "give a number from 1 to 9"),
            (#""next_free_port": "true""#, "give true or false"),
            (#""next_free_port": 1"#, "give true or false"), (#""listen": 8080"#, "give a text"),
            (#""allow_origin": "a""#, "give a list of at most 100 texts"),
            (#""allow_origin": ["a", 1]"#, "give a list of at most 100 texts"),
        ])
    func wrongTypes(member: String, words: String) throws {
        let (_, faults) = try settings(file: "{\n\n\(member)\n}")
        let key = member.split(separator: "\"")[0]
        #expect(faults.map(\.description) == ["h.json:3: \(key): \(words)."])
    }

    @Test("a list has at most its bound of entries")
    func listBound() throws {
        let list = { (count: Int) in
            JSONValue.object(["allow_origin": .array(Array(repeating: .string("x"), count: count))]).compactText
        }
        #expect(try settings(file: list(Setting.listEntriesMax)).1.isEmpty)
        #expect(try settings(file: list(Setting.listEntriesMax + 1)).1.count == 1)
    }

    @Test("what changed is named where only a restart takes it")
    func restart() throws {
        let before = try settings(file: #"{"listen": "a", "worker_count": 2}"#).0
        let after = try settings(file: #"{"listen": "b", "worker_count": 3, "next_free_port": false}"#).0
        #expect(after.needingRestart(since: before) == ["listen"])
    }
}

@Suite("The configuration file")
struct ConfigurationFileTests {
    @Test(
        "what is no strict JSON object is refused with its line",
        arguments: [
            ("{\n\"a\": 1,\n}", "h.json:3: not JSON: expected a member's name in quotes."),
            ("{\n// a comment\n}", "h.json:2: not JSON: expected a member's name in quotes."),
            ("", "h.json:1: not JSON: the text ends where a value should be."),
            ("[]", "h.json:1: give an object, such as {\"listen\": \"127.0.0.1:8080\"}."),
            ("{\"a\": 1,\n\"a\": 2}", "h.json:2: a: it is there twice; take one of them out."),
            ("{\"a\": {\"b\": 1,\n\n\"b\": 2}}", "h.json:3: a.b: it is there twice; take one of them out."),
        ])
    func refused(text: String, words: String) {
        #expect(throws: SettingFault.self) { try SettingsTests.file(text) }
        do { _ = try SettingsTests.file(text) } catch { #expect(error.description == words) }
    }

    @Test("a key that is not known is a fault that names those there are")
    func unknownKeys() throws {
        let file = try SettingsTests.file("{\"listen\": \"x\",\n\"lisen\": \"y\"}")
        #expect(
            file.unknownKeys(beside: ["listen", "data"]).map(\.description) == [
                "h.json:2: lisen: there is no such setting; there are data, listen."
            ])
    }

    @Test("it has at most its bound of bytes")
    func bytesBound() throws {
        let fill = { (count: Int) in "{}" + String(repeating: " ", count: count - 2) }
        _ = try SettingsTests.file(fill(ConfigurationFile.bytesMax))
        #expect(throws: SettingFault.self) { try SettingsTests.file(fill(ConfigurationFile.bytesMax + 1)) }
    }
}
