import Testing

@Suite("Files are tidy")
struct TidyTests {
    static let lineColumnsMax = 120
    static let fileLinesMax = 600
    static let moduleLinesMax = 405

    static let sources = Checkout.names(in: "Sources").flatMap { Checkout.swiftFiles(in: "Sources/\($0)") }
    static let tests = Checkout.names(in: "Tests").flatMap { Checkout.swiftFiles(in: "Tests/\($0)") }

    static let modules = Checkout.names(in: "web-demo").filter { $0.hasSuffix(".js") }.map { "web-demo/\($0)" }

    @Test("there are files to look at")
    func notEmpty() {
        #expect(Self.modules.count > 20)
        #expect(Self.sources.count > 100)
        #expect(Self.tests.count > 50)
    }

    @Test("a line of a source has at most 120 columns")
    func lineLength() {
        for file in Self.sources + Self.modules {
            for (index, line) in Checkout.lines(file).enumerated() {
                #expect(line.count <= Self.lineColumnsMax, "\(file):\(index + 1)")
            }
        }
    }

    @Test("a file holds one idea: at most 600 lines of it")
    func fileLength() {
        for file in Self.sources + Self.tests {
            #expect(Checkout.lines(file).count <= Self.fileLinesMax, "\(file)")
        }
    }

    @Test("a module of the page has at most 405 lines")
    func moduleLength() {
        for file in Self.modules { #expect(Checkout.lines(file).count <= Self.moduleLinesMax, "\(file)") }
    }

    @Test("the binary holds every file of the page")
    func embedded() {
        let source = Checkout.text("Sources/CPage/CPage.c") ?? ""
        for name in Checkout.names(in: "web-demo") {
            #expect(source.contains("#embed \"../../web-demo/\(name)\"") && source.contains("{\"\(name)\","), "\(name)")
        }
    }

    @Test("names say what is inside")
    func names() {
        for file in Self.sources + Self.tests {
            let name = file.split(separator: "/").last.map(String.init) ?? ""
            for word in ["Util", "Helper", "Manager", "Common", "Misc"] { #expect(!name.contains(word), "\(file)") }
        }
    }

    @Test("nothing is left for later")
    func leftovers() {
        let words = ["TO" + "DO", "FIX" + "ME", "XX" + "X:", "HA" + "CK"]
        for file in Self.sources + Self.tests {
            let text = Checkout.text(file) ?? ""
            for word in words { #expect(!text.contains(word), "\(file) has \(word)") }
        }
    }
}
