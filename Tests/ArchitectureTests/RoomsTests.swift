import Testing

// Goal: the table of rooms in ARCHITECTURE.md is true. Method: every Swift file's imports are read and held against the
// table; the system's own modules are held against a second, smaller one that stands here.
@Suite("The rooms and their rules")
struct RoomsTests {
    struct Room {
        var name: String
        /// Nil: all.
        var mayImport: Set<String>?
    }

    /// Modules of the toolchain, the machine and the packages, and the rooms that may name them.
    static let outside: [String: Set<String>] = [
        "Synchronization": ["Hub", "Loop", "Blobs", "Documents", "Pipeline", "Server", "Client", "headway"],
        "Glibc": ["System", "Loop", "Client", "headway"],
        "Logging": ["Pipeline", "Server", "headway"],
        "ArgumentParser": ["headway", "headway-load"],
    ]
    static let pure: Set<String> = ["JSON", "Core", "Wire", "Text", "Formats"]
    static let banned: Set<String> = ["Foundation", "FoundationEssentials", "Dispatch", "XCTest"]

    /// The rows of the first table under "The rooms".
    static let rooms: [Room] = {
        var rooms: [Room] = []
        for line in Checkout.lines("ARCHITECTURE.md") where line.hasPrefix("| `") {
            let cells = line.split(separator: "|").map { $0.filter { $0 != "`" && $0 != " " } }
            guard cells.count == 3, Checkout.names(in: "Sources").contains(cells[0]) else { continue }
            let imports: Set<String>? =
                switch cells[1] {
                case "–": []
                case "all": nil
                default: Set(cells[1].split(separator: ",").map(String.init))
                }
            rooms.append(Room(name: cells[0], mayImport: imports))
        }
        return rooms
    }()

    static func imports(of file: String) -> [String] {
        Checkout.lines(file).compactMap { line in
            let words = line.split(separator: " ")
            guard let index = words.firstIndex(of: "import"), index <= 1, words.count > index + 1 else { return nil }
            return String(words[index + 1].split(separator: ".")[0])
        }
    }

    @Test("every target with Swift in it has its row in ARCHITECTURE.md, and no other has one")
    func rows() {
        let targets = Checkout.names(in: "Sources").filter { !Checkout.swiftFiles(in: "Sources/\($0)").isEmpty }
        #expect(Self.rooms.map(\.name).sorted() == targets.sorted())
    }

    @Test("a room imports what its row says and nothing else")
    func imports() {
        let targets = Set(Checkout.names(in: "Sources"))
        for room in Self.rooms {
            for file in Checkout.swiftFiles(in: "Sources/\(room.name)") {
                for module in Self.imports(of: file) {
                    if targets.contains(module) {
                        #expect(room.mayImport?.contains(module) ?? true, "\(file) imports \(module)")
                    } else {
                        #expect(Self.outside[module]?.contains(room.name) ?? false, "\(file) imports \(module)")
                    }
                }
            }
        }
    }

    @Test("what a row allows is used: the table promises no arrow that is not there")
    func everyArrowIsUsed() {
        for room in Self.rooms {
            let used = Set(Checkout.swiftFiles(in: "Sources/\(room.name)").flatMap(Self.imports))
            for module in room.mayImport ?? [] { #expect(used.contains(module), "\(room.name) does not use \(module)") }
        }
    }

    @Test("pure rooms know no operating system: no Glibc, Foundation, Dispatch, C, tasks or clocks")
    func purity() {
        for name in Self.pure {
            for file in Checkout.swiftFiles(in: "Sources/\(name)") {
                for module in Self.imports(of: file) {
                    #expect(Self.pure.contains(module), "\(file) imports \(module)")
                }
                let text = Checkout.text(file) ?? ""
                for word in ["Task {", "Task.detached", "ContinuousClock", "SuspendingClock", " async "] {
                    #expect(!text.contains(word), "\(file) has \(word)")
                }
            }
        }
    }

    @Test("nobody imports Foundation or Dispatch")
    func banned() {
        for room in Self.rooms {
            for file in Checkout.swiftFiles(in: "Sources/\(room.name)") {
                #expect(Self.banned.isDisjoint(with: Self.imports(of: file)), "\(file)")
            }
        }
    }

    @Test("imports point down: no room is reached from itself")
    func noCycles() {
        let arrows = Dictionary(uniqueKeysWithValues: Self.rooms.map { ($0.name, $0.mayImport ?? []) })
        for room in Self.rooms {
            var reached: Set<String> = []
            var next = Array(arrows[room.name] ?? [])
            while let name = next.popLast() {
                if reached.insert(name).inserted { next += arrows[name] ?? [] }
            }
            #expect(!reached.contains(room.name), "\(room.name)")
        }
    }
}
