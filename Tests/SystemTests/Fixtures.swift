import Glibc
import Testing

@testable import System

/// A directory of its own for one test, removed with all that is in it.
final class TemporaryDirectory: Sendable {
    let path: String

    init() throws {
        var template = Array("/tmp/headway-test-XXXXXX".utf8CString)
        path = String(cString: try #require(mkdtemp(&template)))
    }

    deinit { Self.remove(path) }

    /// Only what these tests make: files, links, and directories of them.
    private static func remove(_ path: String) {
        if unlink(path) == 0 { return }
        for name in (try? Files.names(in: path)) ?? [] { remove(path + "/" + name) }
        rmdir(path)
    }

    func file(_ name: String) -> String { path + "/" + name }
}

/// A child dies with the thread that started it (PR_SET_PDEATHSIG): whoever starts one stays until it has ended. The
/// threads of tests come and go, so this is a thread for `body` alone.
func onOwnThread<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) throws -> Value {
    let results = BlockingQueue<Result<Value, any Error>>()
    try Thread.start(named: "test") { results.put(Result { try body() }) }
    return try #require(results.takeFirst()).get()
}

/// Reads until the other side has ended.
func readToEnd(_ descriptor: Int32) throws -> [UInt8] {
    let piece = UnsafeMutableRawBufferPointer.allocate(byteCount: 64 * 1024, alignment: 16)
    defer { piece.deallocate() }
    var bytes: [UInt8] = []
    while case .bytes(let count) = try DescriptorIO.read(descriptor, into: piece) { bytes += piece[..<count] }
    return bytes
}

func isOpen(_ descriptor: Int32) -> Bool { fcntl(descriptor, F_GETFD) >= 0 }
func closesOnExec(_ descriptor: Int32) -> Bool { fcntl(descriptor, F_GETFD) & FD_CLOEXEC != 0 }

func makeExecutable(_ path: String) throws { try #require(chmod(path, 0o755) == 0) }
