import Glibc
import Testing

@testable import System

@Suite("Sockets that carry messages and descriptors")
struct MessageSocketTests {
    @Test("messages keep their bounds and their order")
    func bounds() throws {
        let pair = try DescriptorPair.messageSocket()
        let messages: [[UInt8]] = [[1], [2, 3], Array(repeating: 4, count: MessageSocket.messageBytesMax), [5]]
        for message in messages.prefix(2) { try MessageSocket.send(pair.first.raw, message) }
        for message in messages.prefix(2) { #expect(try MessageSocket.receive(pair.second.raw)?.bytes == message) }
        for message in messages.suffix(2) {
            try MessageSocket.send(pair.second.raw, message)
            let received = try #require(try MessageSocket.receive(pair.first.raw))
            #expect(received.bytes == message)
            #expect(received.descriptors == [])
        }
    }

    @Test("a descriptor that is sent is the same file under a number of the receiver's own")
    func descriptors() throws {
        let pair = try DescriptorPair.messageSocket()
        let pipe = try DescriptorPair.pipe()
        let directory = try TemporaryDirectory()
        let file = try Files.open(directory.file("file"), .createNew)
        try MessageSocket.send(pair.first.raw, [9], descriptors: [pipe.second.raw, file.raw])

        let message = try #require(try MessageSocket.receive(pair.second.raw))
        #expect(message.bytes == [9])
        #expect(message.descriptors.count == 2)
        #expect(!message.descriptors.contains(pipe.second.raw))
        #expect(message.descriptors.allSatisfy { closesOnExec($0) })
        let writer = OwnedDescriptor(owning: message.descriptors[0])
        let copy = OwnedDescriptor(owning: message.descriptors[1])
        try DescriptorIO.writeAll(copy.raw, [1, 2, 3])
        #expect(try Files.size(file.raw) == 3)
        try DescriptorIO.writeAll(writer.raw, [7])
        let piece = UnsafeMutableRawBufferPointer.allocate(byteCount: 8, alignment: 16)
        defer { piece.deallocate() }
        #expect(try DescriptorIO.read(pipe.first.raw, into: piece) == .bytes(1))
        #expect(piece[0] == 7)
    }

    @Test("descriptors beyond what a receiver takes are closed, not leaked")
    func surplus() throws {
        let pair = try DescriptorPair.messageSocket()
        let pipe = try DescriptorPair.pipe()
        let reader = try pipe.first.duplicate()
        try MessageSocket.send(
            pair.first.raw, [1], descriptors: [Int32](repeating: pipe.second.raw, count: 16))
        _ = pipe.takeFirst()
        let message = try #require(try MessageSocket.receive(pair.second.raw))
        #expect(message.descriptors.count == 8)
        for descriptor in message.descriptors { close(descriptor) }
        // Were one of the others still open, this would not come to an end.
        try DescriptorIO.setNonBlocking(reader.raw, true)
        let piece = UnsafeMutableRawBufferPointer.allocate(byteCount: 8, alignment: 16)
        defer { piece.deallocate() }
        #expect(try DescriptorIO.read(reader.raw, into: piece) == .end)
    }

    @Test("more descriptors than one message carries are refused")
    func tooMany() throws {
        let pair = try DescriptorPair.messageSocket()
        #expect(throws: SystemError("sendmsg", EINVAL)) {
            try MessageSocket.send(
                pair.first.raw, [1], descriptors: [Int32](repeating: pair.second.raw, count: 17))
        }
    }

    @Test("a message that is too long does not arrive whole, and the next is not touched by it")
    func tooLong() throws {
        let pair = try DescriptorPair.messageSocket()
        try MessageSocket.send(pair.first.raw, Array(repeating: 1, count: MessageSocket.messageBytesMax + 1))
        try MessageSocket.send(pair.first.raw, [2])
        #expect(try MessageSocket.receive(pair.second.raw)?.bytes.count == MessageSocket.messageBytesMax)
        #expect(try MessageSocket.receive(pair.second.raw)?.bytes == [2])
    }

    @Test("the other side's end is no message; sending to it is an error")
    func end() throws {
        let pair = try DescriptorPair.messageSocket()
        try MessageSocket.send(pair.second.raw, [1])
        let first = pair.takeFirst()
        #expect(try MessageSocket.receive(first.raw)?.bytes == [1])
        #expect(try MessageSocket.receive(first.raw) == nil)
        #expect(throws: SystemError("sendmsg", EPIPE)) { try MessageSocket.send(first.raw, [2]) }
    }
}
