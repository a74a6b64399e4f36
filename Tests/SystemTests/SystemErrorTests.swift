import Glibc
import Testing

@testable import System

@Suite("The machine's errors")
struct SystemErrorTests {
    @Test("an error names its call and says what is wrong")
    func description() {
        #expect(SystemError("open(/x)", ENOENT).description == "open(/x): No such file or directory")
        #expect(SystemError("f", 12_345).description == "f: errno 12345")
    }

    @Test("what a caller must tell apart can be told apart")
    func kinds() {
        for number in [ENOSPC, EDQUOT, EFBIG] { #expect(SystemError("", number).isNoSpace) }
        for number in [EMFILE, ENFILE] { #expect(SystemError("", number).isNoDescriptors) }
        for number in [EPIPE, ECONNRESET] { #expect(SystemError("", number).isOtherSideGone) }
        #expect(SystemError("", EADDRINUSE).isAddressInUse)
        #expect(!SystemError("", EIO).isNoSpace)
        #expect(!SystemError("", EIO).isNotFound)
    }

    @Test("a call that a signal interrupts is made again")
    func interrupted() throws {
        var calls = 0
        let result = try check("call") { () -> Int32 in
            calls += 1
            errno = EINTR
            return calls < 4 ? -1 : 7
        }
        #expect(result == 7)
        #expect(calls == 4)
        #expect(throws: SystemError("call", EIO)) {
            try check("call") { () -> Int in
                errno = EIO
                return -1
            }
        }
    }
}
