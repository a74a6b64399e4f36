import Glibc
import Testing

@testable import System

@Suite("A number that two processes share")
struct SharedNumberTests {
    @Test("what was told last is read, by whoever holds the other descriptor")
    func told() throws {
        let mine = try SharedNumber()
        #expect(mine.value == 0)
        let theirs = SharedNumber(OwnedDescriptor(owning: dup(mine.raw)))
        for value in [1, 2415, Int64.max, Int64.min, 0] {
            theirs.tell(value)
            #expect(mine.value == value)
        }
    }

    @Test("it is no memory without a limit: it neither grows nor shrinks, and the seal stays")
    func sealed() throws {
        let number = try SharedNumber()
        number.tell(7)
        let page = [UInt8](repeating: 1, count: 4096)
        #expect(pwrite(number.raw, page, page.count, 8) < 0)
        #expect(ftruncate(number.raw, 4096) < 0)
        #expect(ftruncate(number.raw, 0) < 0)
        #expect(posix_fallocate(number.raw, 0, 1 << 30) != 0)
        #expect(number.value == 7)
    }
}
