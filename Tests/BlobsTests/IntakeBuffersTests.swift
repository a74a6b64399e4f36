import Loop
import LoopTesting
import Synchronization
import System
import Testing

@testable import Blobs

@Suite("Buffers that disk threads read sockets into")
struct IntakeBuffersTests {
    @Test("there are as many as the bound says, however many are asked for, and one that comes back is had again")
    func bound() {
        let buffers = IntakeBuffers()
        let taken = (0..<IntakeBuffers.countMax).compactMap { _ in buffers.take() }
        #expect(taken.count == IntakeBuffers.countMax && buffers.take() == nil)
        buffers.give(taken[0])
        #expect(buffers.take() === taken[0])
    }

    @Test("those who wait are called in order, one for each buffer that comes back")
    func order() {
        let buffers = IntakeBuffers()
        let taken = (0..<IntakeBuffers.countMax).compactMap { _ in buffers.take() }
        let called = Mutex<[Int]>([])
        for number in 0..<3 { buffers.wait { called.withLock { $0.append(number) } } }
        #expect(called.withLock { $0 } == [])
        buffers.give(taken[0])
        buffers.give(taken[1])
        #expect(called.withLock { $0 } == [0, 1])
    }

    @Test("an upload that ended while it waited for a buffer lets the next one have its turn")
    func endedWhileWaiting() throws {
        let fixture = try BlobFixture()
        let store = fixture.store
        let taken = (0..<IntakeBuffers.countMax).compactMap { _ in store.intakeBuffers.take() }
        let ended = try fixture.sink()
        let sockets = try DescriptorPair.messageSocket()
        let turns = fixture.thread.queue(of: Int64.self)
        let socket = try sockets.first.duplicate().release()
        try fixture.thread.on {
            ended.attach(OwnedDescriptor(owning: socket))
            ended.takeTurn(bytesMax: 10) { turns.put($0.readBytes) }
        }
        try fixture.settle()
        let called = fixture.thread.queue(of: Bool.self)
        store.intakeBuffers.wait { called.put(true) }
        try fixture.thread.on { ended.abandon() }
        store.intakeBuffers.give(taken[0])
        #expect(called.takeFirst() == true)
    }
}
