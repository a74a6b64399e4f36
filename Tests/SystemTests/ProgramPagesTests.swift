import Testing

@testable import System

@Suite("Pages of the program that are let go of")
struct ProgramPagesTests {
    @Test("only what cannot be written and never was: of a file, private, without anonymous pages")
    func unwritten() {
        let smaps = """
            1000-2000 r-xp 00000000 fe:00 17    /usr/bin/a
            Size:                  4 kB
            Rss:                   4 kB
            Anonymous:             0 kB
            VmFlags: rd ex mr mw me
            2000-3000 r-xp 00001000 fe:00 17    /usr/bin/a written into by a debugger
            Anonymous:             4 kB
            3000-4000 r--p 00002000 fe:00 17    /usr/bin/a protected after relocation
            Anonymous:             8 kB
            4000-6000 r--p 00003000 fe:00 18    /usr/lib/b.so
            Anonymous:             0 kB
            6000-7000 rw-p 00004000 fe:00 18    /usr/lib/b.so
            Anonymous:             0 kB
            7000-8000 r--s 00000000 fe:00 19    /var/c
            Anonymous:             0 kB
            8000-9000 r--p 00000000 00:00 0
            Anonymous:             0 kB
            9000-a000 r-xp 00000000 00:00 0     [vdso]
            Anonymous:             0 kB
            """
        #expect(ProgramPages.unwritten(smaps) == [0x1000..<0x2000, 0x4000..<0x6000])
        #expect(ProgramPages.unwritten("") == [])
    }

    @Test("this process has such pages, and goes on without them")
    func release() throws {
        let smaps = try #require(Files.contents(of: "/proc/self/smaps", bytesMax: 1 << 26))
        #expect(ProgramPages.unwritten(String(decoding: smaps, as: UTF8.self)).count > 1)
        ProgramPages.release()
        #expect(Files.contents(of: "/proc/self/smaps", bytesMax: 1 << 26) != nil)
    }
}
