import Glibc
import Testing

@testable import System

@Suite("A folder that a stranger filled")
struct FileTreeTests {
    private let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    private func folder() throws -> String {
        let path = directory.file("tree")
        try Files.makeDirectory(path)
        return path
    }

    @Test("all of it is removed: links, folders that nobody may list, and folders without end")
    func removal() throws {
        let path = try folder()
        let outside = "\(path)-outside"
        try Files.makeDirectory(outside)
        _ = try Files.open("\(outside)/kept", .createNew)
        symlink(outside, "\(path)/link")
        mkdir("\(path)/closed", 0)
        mkfifo("\(path)/pipe", 0o600)
        var deep = path
        for _ in 0..<(3 * FileTree.depthMax) {
            deep += "/d"
            try Files.makeDirectory(deep)
        }
        _ = try Files.open("\(deep)/file", .createNew)
        #expect(FileTree.usage(of: path, entriesMax: 1000).isBeyondCount, "it is too deep")
        try FileTree.remove(path)
        #expect(access(path, F_OK) != 0)
        #expect(access("\(outside)/kept", F_OK) == 0, "no link is followed")
        try FileTree.remove(path)
        try FileTree.remove(outside)
    }

    @Test("it is measured up to a number of entries")
    func measuring() throws {
        let path = try folder()
        try Files.makeDirectory("\(path)/inner")
        for number in 0..<10 {
            let file = try Files.open("\(path)/inner/\(number)", .createNew)
            try DescriptorIO.writeAll(file.raw, Array(repeating: 1, count: 10_000))
        }
        let usage = FileTree.usage(of: path, entriesMax: 100)
        #expect(usage.entries == 11 && usage.bytes >= 100_000 && !usage.isBeyondCount)
        #expect(FileTree.usage(of: path, entriesMax: 5).isBeyondCount)
        try FileTree.sync(path)
        try FileTree.remove(path)
    }

    @Test("only a regular file is opened by its name")
    func opening() throws {
        let path = try folder()
        do {
            let file = try Files.open("\(path)/file", .createNew)
            try DescriptorIO.writeAll(file.raw, Array("text".utf8))
        }
        symlink("/etc/passwd", "\(path)/link")
        mkfifo("\(path)/pipe", 0o600)
        try Files.makeDirectory("\(path)/inner")
        #expect(try FileTree.files(in: path).map(\.name) == ["file"])
        _ = try FileTree.openFile("file", in: path)
        for name in ["link", "pipe", "inner", "none"] {
            do throws(SystemError) {
                _ = try FileTree.openFile(name, in: path)
                Issue.record("\(name) was opened")
            } catch {
                #expect(error.isNotFound || name == "inner", "\(error)")
            }
        }
        try FileTree.remove(path)
    }

    @Test("a name that is no text is measured, listed as such and removed like any other")
    func namesThatAreNoText() throws {
        let path = try folder()
        func make(_ name: [UInt8], byteCount: Int) throws {
            let place = (Array("\(path)/".utf8) + name + [0]).map { CChar(bitPattern: $0) }
            let raw = open(place, O_CREAT | O_WRONLY | O_EXCL, 0o600)
            try #require(raw >= 0)
            let file = OwnedDescriptor(owning: raw)
            try DescriptorIO.writeAll(file.raw, Array(repeating: 1, count: byteCount))
        }
        try make([0xff, 0xfe] + Array("1.bin".utf8), byteCount: 100_000)
        try make(Array("2.bin".utf8), byteCount: 10_000)
        let closed = Array("\(path)/".utf8) + [0xe4, 0]
        try #require(mkdir(closed.map { CChar(bitPattern: $0) }, 0) == 0)
        try make([0xe4] + Array("/3.bin".utf8), byteCount: 50_000)
        let usage = FileTree.usage(of: path, entriesMax: 100)
        #expect(usage.entries == 4 && usage.bytes >= 160_000 && !usage.isBeyondCount)
        #expect(try FileTree.files(in: path).map(\.name) == ["2.bin", "\u{fffd}\u{fffd}1.bin"])
        #expect(try FileTree.files(in: path).map(\.bytes) == [10_000, 100_000])
        try FileTree.sync(path)
        try FileTree.remove(path)
        #expect(access(path, F_OK) != 0)
    }

    @Test("a file that has lost its name counts as long as it is open, once however often that is")
    func nameless() throws {
        let path = try folder()
        let bytes = try onOwnThread {
            let orders = try DescriptorPair.pipe()
            let answers = try DescriptorPair.pipe()
            let script = """
                exec 5> file 6>&5; head -c 1000000 /dev/zero >&5; echo made; read go
                rm file; echo removed; read go
                exec 5>&- 6>&-; echo closed; read go
                """
            let child = try ChildProcess.spawn(
                path: "/bin/sh", arguments: ["-c", script], environment: ["PATH=/usr/bin:/bin"],
                descriptors: [orders.first.raw, answers.second.raw, 2], limits: ProcessLimits(), directory: path)
            let piece = UnsafeMutableRawBufferPointer.allocate(byteCount: 64, alignment: 16)
            defer { piece.deallocate() }
            var bytes: [Int64] = []
            for _ in 0..<3 {
                _ = try DescriptorIO.read(answers.first.raw, into: piece)
                bytes.append(OpenFiles.namelessBytes(of: [child.processID, child.processID, Int32.max]))
                try DescriptorIO.writeAll(orders.second.raw, Array("go\n".utf8))
            }
            _ = try child.reap(waits: true)
            return bytes
        }
        #expect(bytes.count == 3 && bytes[0] == 0 && bytes[2] == 0)
        #expect((1_000_000..<2_000_000).contains(bytes[1]))
        try FileTree.remove(path)
    }

    @Test("how far a process has read a file is where its descriptor stands, and is never taken back")
    func reading() throws {
        let path = try folder()
        do {
            let file = try Files.open("\(path)/file", .createNew)
            try DescriptorIO.writeAll(file.raw, Array(repeating: 1, count: 1000))
        }
        let reader = try Files.open("\(path)/file", .read)
        let opened = try FileTree.File(reader.raw)
        // Another process, with few descriptors, that shares the place: this one has as many as the tests beside it.
        let (first, back, beyond) = try onOwnThread {
            let orders = try DescriptorPair.pipe()
            let child = try ChildProcess.spawn(
                path: "/bin/sh", arguments: ["-c", "read nothing"], environment: ["PATH=/usr/bin:/bin"],
                descriptors: [orders.first.raw, 1, 2, reader.raw], limits: ProcessLimits())
            var position = ReadingPosition(of: [opened])
            let places = [400, 100, 5000].map { place in
                lseek(reader.raw, place, SEEK_SET)
                position.look(at: [child.processID, Int32.max])
                return position
            }
            try DescriptorIO.writeAll(orders.second.raw, Array("go\n".utf8))
            _ = try child.reap(waits: true)
            return (places[0], places[1], places[2])
        }
        #expect(first.bytesRead == 400 && first.bytesTotal == 1000)
        #expect(back.bytesRead == 400)
        #expect(beyond.bytesRead == 1000)
        try FileTree.remove(path)
    }
}
