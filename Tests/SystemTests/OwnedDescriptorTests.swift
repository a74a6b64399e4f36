import Glibc
import Testing

@testable import System

@Suite("Owned descriptors")
struct OwnedDescriptorTests {
    /// The reading end of a pipe sees the end of the last writing end; a number alone could be another file's by then.
    static func pipe() throws -> (reader: Int32, writer: Int32) {
        let pair = try DescriptorPair.pipe()
        return (try pair.first.duplicate().release(), try pair.second.duplicate().release())
    }

    @Test("a descriptor is closed when its owner ends")
    func closes() throws {
        let pipe = try Self.pipe()
        defer { close(pipe.reader) }
        do {
            let owner = OwnedDescriptor(owning: pipe.writer)
            try DescriptorIO.writeAll(owner.raw, [1, 2])
        }
        #expect(try readToEnd(pipe.reader) == [1, 2])
    }

    @Test("handing a descriptor on closes it once, with its last owner")
    func once() throws {
        // A number that nobody else is given: the kernel hands out the lowest.
        let high: Int32 = 900
        let pipe = try Self.pipe()
        defer {
            close(pipe.reader)
            close(pipe.writer)
        }
        #expect(fcntl(pipe.writer, F_DUPFD_CLOEXEC, high) == high)
        func pass(_ owner: consuming OwnedDescriptor) -> OwnedDescriptor { owner }
        do {
            let first = OwnedDescriptor(owning: high)
            var second: OwnedDescriptor? = pass(first)
            #expect(isOpen(high))
            second = nil
            #expect(!isOpen(high))
            // Whatever has the number now is not closed by the end of those who had it.
            #expect(fcntl(pipe.writer, F_DUPFD_CLOEXEC, high) == high)
            _ = second
        }
        #expect(isOpen(high))
        close(high)
    }

    @Test("a released descriptor stays open")
    func release() throws {
        let pipe = try Self.pipe()
        defer { close(pipe.reader) }
        let raw = OwnedDescriptor(owning: pipe.writer).release()
        #expect(raw == pipe.writer)
        try DescriptorIO.writeAll(raw, [3])
        close(raw)
        #expect(try readToEnd(pipe.reader) == [3])
    }

    @Test("a duplicate lives on its own")
    func duplicate() throws {
        let pipe = try Self.pipe()
        defer { close(pipe.reader) }
        do {
            let copy: OwnedDescriptor
            do {
                let owner = OwnedDescriptor(owning: pipe.writer)
                copy = try owner.duplicate()
                #expect(copy.raw != owner.raw)
                #expect(copy.raw > 2)
            }
            try DescriptorIO.writeAll(copy.raw, [4])
        }
        #expect(try readToEnd(pipe.reader) == [4])
    }

    @Test("taking one end of a pair closes the other")
    func takeFirst() throws {
        let reader = try DescriptorPair.pipe().takeFirst()
        #expect(try readToEnd(reader.raw) == [])
    }

    @Test("no program that is started inherits a descriptor by accident")
    func closeOnExec() throws {
        let pipe = try DescriptorPair.pipe()
        let socket = try DescriptorPair.messageSocket()
        let copy = try pipe.first.duplicate()
        let file = try Files.open("/dev/null", .read)
        let all = [
            pipe.first.raw, pipe.second.raw, socket.first.raw, socket.second.raw, copy.raw, file.raw,
        ]
        #expect(all.allSatisfy { closesOnExec($0) })
    }

    // MARK: Reading and writing

    @Test("a read that would block says so, and the end is not an error")
    func reading() throws {
        let pipe = try Self.pipe()
        defer { close(pipe.reader) }
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 16, alignment: 16)
        defer { buffer.deallocate() }
        try DescriptorIO.setNonBlocking(pipe.reader, true)
        #expect(try DescriptorIO.read(pipe.reader, into: buffer) == .wouldBlock)
        try DescriptorIO.writeAll(pipe.writer, [1, 2, 3])
        #expect(try DescriptorIO.read(pipe.reader, into: buffer) == .bytes(3))
        close(pipe.writer)
        #expect(try DescriptorIO.read(pipe.reader, into: buffer) == .end)
        #expect(throws: SystemError("read", EBADF)) { try DescriptorIO.read(-1, into: buffer) }
    }

    @Test("a large write waits for its reader and is whole")
    func largeWrite() throws {
        let pipe = try Self.pipe()
        defer { close(pipe.reader) }
        let bytes = (0..<1_000_000).map { UInt8(truncatingIfNeeded: $0 &* 7) }
        try Thread.start(named: "writer") { [writer = pipe.writer] in
            let owner = OwnedDescriptor(owning: writer)
            try? DescriptorIO.writeAll(owner.raw, bytes)
        }
        #expect(try readToEnd(pipe.reader) == bytes)
    }

    @Test("a peer that is gone is an error, not the end of the process")
    func brokenPipe() throws {
        SignalSource.ignoreBrokenPipes()
        let pipe = try Self.pipe()
        close(pipe.reader)
        defer { close(pipe.writer) }
        #expect(throws: SystemError("write", EPIPE)) { try DescriptorIO.writeAll(pipe.writer, [1]) }
    }
}
