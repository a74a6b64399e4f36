import Glibc
import Testing

@testable import System

@Suite("Files and directories")
struct FilesTests {
    let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    func write(_ text: String, to name: String, _ access: Files.Access = .createOrTruncate) throws {
        let file = try Files.open(directory.file(name), access)
        try DescriptorIO.writeAll(file.raw, Array(text.utf8))
        try Files.sync(file.raw)
    }

    func text(of name: String) -> String? {
        Files.contents(of: directory.file(name)).map { String(decoding: $0, as: UTF8.self) }
    }

    @Test("a file that must be new is not opened twice")
    func createNew() throws {
        try write("a", to: "file", .createNew)
        let error = #expect(throws: SystemError.self) { try write("b", to: "file", .createNew) }
        #expect(error?.isAlreadyThere == true)
        #expect(text(of: "file") == "a")
    }

    @Test("a text is found in a file wherever it lies, also across two pieces, and not beyond the bound")
    func contains() throws {
        let piece = 256 * 1024
        for place in [0, 5, piece - 3, piece, 2 * piece - 6] {
            let text = String(repeating: "/", count: place) + "/Embedded"
            try write(text, to: "file")
            let file = try Files.open(directory.file("file"), .read)
            #expect(try Files.contains(file.raw, "/Embedded", bytesMax: 1 << 20), "\(place)")
            #expect(try !Files.contains(file.raw, "/Embeddes", bytesMax: 1 << 20))
        }
        let file = try Files.open(directory.file("file"), .read)
        #expect(try !Files.contains(file.raw, "/Embedded", bytesMax: 1000))
        try write("/Emb", to: "short")
        let short = try Files.open(directory.file("short"), .read)
        #expect(try !Files.contains(short.raw, "/Embedded", bytesMax: 1 << 20))
    }

    @Test("opening to truncate empties a file, opening to append goes on at its end")
    func modes() throws {
        try write("long content", to: "file")
        try write("ab", to: "file")
        try write("cd", to: "file", .append)
        #expect(text(of: "file") == "abcd")
        try write("new", to: "other", .append)
        #expect(text(of: "other") == "new")
    }

    @Test("a missing file is an error that says so")
    func missing() throws {
        let error = #expect(throws: SystemError.self) { try Files.open(directory.file("none"), .read).release() }
        #expect(error?.isNotFound == true)
        #expect(error?.description == "open(\(directory.path)/none): No such file or directory")
        #expect(text(of: "none") == nil)
        #expect(throws: SystemError.self) { try Files.size(path: directory.file("none")) }
        #expect(throws: SystemError.self) { try Files.names(in: directory.file("none")) }
        #expect(throws: SystemError.self) { try Files.syncDirectory(directory.file("none")) }
    }

    @Test("renaming replaces what has the new name")
    func rename() throws {
        try write("old", to: "file")
        try write("new", to: "file.part")
        try Files.rename(directory.file("file.part"), to: directory.file("file"))
        try Files.syncDirectory(directory.path)
        #expect(text(of: "file") == "new")
        #expect(try Files.names(in: directory.path) == ["file"])
        #expect(throws: SystemError.self) { try Files.rename(directory.file("none"), to: directory.file("file")) }
    }

    @Test("removing what is not there is fine")
    func remove() throws {
        try write("a", to: "file")
        try Files.remove(directory.file("file"))
        try Files.remove(directory.file("file"))
        #expect(try Files.names(in: directory.path) == [])
        // A directory is not a file.
        try Files.makeDirectory(directory.file("sub"))
        #expect(throws: SystemError.self) { try Files.remove(directory.file("sub")) }
    }

    @Test("the names in a directory are all of them, as they are written")
    func names() throws {
        let names =
            (0..<300).map { "n\($0)" } + [".hidden", "with space", "ümläut", String(repeating: "x", count: 255)]
        for name in names { try write("", to: name) }
        #expect(Set(try Files.names(in: directory.path)) == Set(names))
    }

    @Test("directories are made with those on the way, and again without harm")
    func directories() throws {
        for _ in 0..<2 { try Files.makeDirectories(directory.file("a//b/c/")) }
        #expect(try Files.names(in: directory.file("a/b")) == ["c"])
        #expect(try Files.makeDirectory(directory.file("a/d")))
        #expect(try !Files.makeDirectory(directory.file("a/d")))
        try write("", to: "file")
        #expect(throws: SystemError.self) { try Files.makeDirectories(directory.file("file/below")) }
        #expect(throws: SystemError.self) { try Files.makeDirectory(directory.file("no/way")) }
    }

    @Test("sizes are those of the content")
    func sizes() throws {
        let file = try Files.open(directory.file("file"), .createNew)
        #expect(try Files.size(file.raw) == 0)
        try DescriptorIO.writeAll(file.raw, [UInt8](repeating: 1, count: 70_000))
        #expect(try Files.size(file.raw) == 70_000)
        #expect(try Files.size(path: directory.file("file")) == 70_000)
        Files.pushOut(file.raw, from: 0, count: 65_536, dropBefore: 65_536)
        #expect(try Files.size(file.raw) == 70_000)
        try Files.truncate(file.raw)
        #expect(try Files.size(file.raw) == 0)
    }

    @Test("a change of content is seen in its time")
    func modified() throws {
        try write("a", to: "file")
        let before = try Files.modifiedNanoseconds(path: directory.file("file"))
        var times = [timespec(tv_sec: 1_700_000_000, tv_nsec: 42), timespec(tv_sec: 1_700_000_000, tv_nsec: 42)]
        #expect(utimensat(AT_FDCWD, directory.file("file"), &times, 0) == 0)
        #expect(try Files.modifiedNanoseconds(path: directory.file("file")) == 1_700_000_000_000_000_042)
        try write("b", to: "file")
        #expect(try Files.modifiedNanoseconds(path: directory.file("file")) >= before)
    }

    @Test("a file above the bound is not read as a small one")
    func contents() throws {
        try write(String(repeating: "x", count: 40_000), to: "file")
        #expect(Files.contents(of: directory.file("file"), bytesMax: 40_000)?.count == 40_000)
        #expect(Files.contents(of: directory.file("file"), bytesMax: 39_999) == nil)
        #expect(Files.contents(of: directory.path) == nil)
        // Files of /proc have no size until they are read.
        #expect(Files.contents(of: "/proc/self/stat")?.isEmpty == false)
    }

    @Test("the lock of a directory has one holder at a time, also within one process")
    func lock() throws {
        do {
            let holder = try Files.lockDirectory(directory.path)
            for _ in 0..<2 { #expect(try !Self.canLock(directory.path)) }
            _ = holder
        }
        for _ in 0..<2 { #expect(try Self.canLock(directory.path)) }
        #expect(throws: SystemError.self) { try Self.canLock(directory.file("none")) }
    }

    /// Takes the lock for a moment.
    static func canLock(_ path: String) throws -> Bool {
        guard let holder = try Files.lockDirectory(path) else { return false }
        return holder.raw >= 0
    }

    @Test("a file system has room, and more than it has free")
    func space() throws {
        let space = try Files.space(at: directory.path)
        #expect(space.totalBytes > 0)
        #expect((0...space.totalBytes).contains(space.freeBytes))
        #expect(throws: SystemError.self) { try Files.space(at: directory.file("none")) }
    }

    @Test("a file in memory that is sealed is read, and never changed or made longer")
    func sealed() throws {
        let file = try FileSending.sealedFileInMemory(holding: Array("words".utf8))
        let raw = file.raw
        #expect(throws: SystemError("write", EPERM)) { try DescriptorIO.writeAll(raw, Array("more".utf8)) }
        #expect(throws: SystemError("ftruncate", EPERM)) { try Files.truncate(raw, to: 0) }
        let size = try Files.size(file.raw)
        #expect(size == 5)
    }
}
