import System
import Testing

@testable import headway_load

@Suite("Addresses of servers")
struct ServerURLTests {
    @Test("scheme, address and what goes into the request line")
    func parts() throws {
        let url = try #require(ServerURL(parsing: "ws://127.0.0.1:8080/diagnostics/watch?conflate=1"))
        #expect(url.scheme == .ws)
        #expect(url.address.description == "127.0.0.1:8080")
        #expect(url.target == "/diagnostics/watch?conflate=1")
        #expect(ServerURL(parsing: "http://localhost")?.address.description == "127.0.0.1:80")
        #expect(ServerURL(parsing: "http://localhost")?.target == "/")
        #expect(ServerURL(parsing: "http://[::1]/a")?.address.description == "[::1]:80")
        #expect(ServerURL(parsing: "http://[::1]:81/a")?.address.description == "[::1]:81")
    }

    @Test(
        "no names, no TLS, nothing half",
        arguments: ["", "127.0.0.1:80", "wss://127.0.0.1/", "http://example.org/", "http://127.0.0.1:99999/", "ws://"])
    func refused(_ text: String) { #expect(ServerURL(parsing: text) == nil) }
}
