import Core
import Crypto
import System
import Testing

@testable import Blobs

@Suite("Sums and digests")
struct DigestTests {
    static func crc(_ bytes: [UInt8], pieceBytes: Int = .max) -> UInt32 {
        var sum = CRC32C()
        var rest = bytes[...]
        while !rest.isEmpty {
            rest.prefix(pieceBytes).withUnsafeBytes { sum.update($0) }
            rest = rest.dropFirst(pieceBytes)
        }
        return sum.value
    }

    @Test(
        "CRC32C gives the published values",
        arguments: [
            // RFC 3720, B.4, and the customary check value.
            (Array("123456789".utf8), 0xe306_9283), ([], 0),
            (Array(repeating: 0, count: 32), 0x8a91_36aa), (Array(repeating: 0xff, count: 32), 0x62a8_ab43),
            (Array(0..<32), 0x46dd_794e), (Array((0..<32).reversed()), 0x113f_db5c),
        ] as [([UInt8], UInt32)])
    func vectors(bytes: [UInt8], expected: UInt32) {
        for pieceBytes in [1, 3, 7, 8, 9, 100] { #expect(Self.crc(bytes, pieceBytes: pieceBytes) == expected) }
    }

    @Test("a sum of a part of a file is compared as the client says it", arguments: [0, 1, 200_000, 700_000])
    func parts(start: Int) throws {
        let fixture = try BlobFixture()
        let bytes = pattern(700_000)
        try fixture.put(bytes)
        let file = try Files.open(fixture.store.contentPath(.first, token: 7), .read)
        let part = Array(bytes[start...])
        let sum = Self.crc(part)
        let expected: [(BodyChecksum.Algorithm, [UInt8])] = [
            (.crc32c, [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: sum >> $0) }),
            (.sha256, Digest.of(part.span, .sha256)), (.sha1, Digest.of(part.span, .sha1)),
            (.md5, Digest.of(part.span, .md5)),
        ]
        for (algorithm, value) in expected {
            let right = BodyChecksum(algorithm, expected: value)
            #expect(try right.matches(file.raw, from: Int64(start), to: 700_000))
            let wrong = BodyChecksum(algorithm, expected: value.map { ~$0 })
            #expect(try !wrong.matches(file.raw, from: Int64(start), to: 700_000))
        }
        #expect(throws: SystemError.self) {
            try BodyChecksum(.md5, expected: []).matches(file.raw, from: 0, to: 700_001)
        }
    }

    @Test(
        "the digests give the published values, whole and in pieces (FIPS 180-4, RFC 1321)",
        arguments: [
            (.sha256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
            (.sha1, "a9993e364706816aba3e25717850c26c9cd0d89d"), (.md5, "900150983cd24fb0d6963f7d28e17f72"),
        ] as [(Digest.Algorithm, String)])
    func published(algorithm: Digest.Algorithm, expected: String) {
        let bytes = Array("abc".utf8)
        let whole = Digest.of(bytes.span, algorithm)
        #expect(whole.count == algorithm.byteCount && Digest.hexadecimal(whole) == expected)
        var digest = Digest(algorithm)
        for byte in bytes { withUnsafeBytes(of: byte) { digest.update($0) } }
        digest.update(UnsafeRawBufferPointer(start: nil, count: 0))
        #expect(Digest.hexadecimal(digest.finish()) == expected)
    }

    @Test("a copy of a digest goes on apart from it")
    func copy() {
        var first = Digest(.sha256)
        pattern(1000).withUnsafeBytes { first.update($0) }
        var second = Digest(copying: first)
        pattern(10, version: 3).withUnsafeBytes { first.update($0) }
        let apart = second.finish()
        #expect(apart == Digest.of(pattern(1000).span, .sha256))
        #expect(first.finish() == Digest.of((pattern(1000) + pattern(10, version: 3)).span, .sha256))
        #expect(second.finish() == Digest.of([UInt8]().span, .sha256), "it starts anew")
    }

    @Test("a digest takes what is next, and reads what it missed from the file, a bounded part at a time")
    func catchUp() throws {
        let fixture = try BlobFixture()
        let bytes = pattern(1_000_000)
        try fixture.put(bytes)
        let file = try Files.open(fixture.store.contentPath(.first, token: 7), .read)
        let digest = RunningDigest()
        bytes[0..<10].withUnsafeBytes { digest.update($0, at: 0) }
        bytes[500..<600].withUnsafeBytes { digest.update($0, at: 500) }
        #expect(digest.hashedBytes == 10, "what is not next waits")
        let before = digest.copy()
        try digest.catchUp(file.raw, to: 900_000, bytesMax: 300_000)
        #expect(digest.hashedBytes == 300_010)
        try digest.catchUp(file.raw, to: 900_000, bytesMax: .max)
        #expect(digest.hashedBytes == 900_000)
        bytes[900_000...].withUnsafeBytes { digest.update($0, at: 900_000) }
        #expect(digest.finish() == sha256(bytes))
        #expect(before.hashedBytes == 10)
        #expect(before.finish() == sha256(pattern(10)))
        #expect(throws: SystemError.self) { try before.catchUp(file.raw, to: 1_000_001, bytesMax: .max) }
    }

    @Test("digests of paused uploads are kept up to their bound, the oldest goes first, and each is taken once")
    func suspended() {
        let digests = SuspendedDigests()
        let count = Int64(SuspendedDigests.countMax)
        for token in 0..<(count + 3) { digests.keep(RunningDigest(), of: token) }
        for token in Int64(0)..<3 { #expect(digests.take(token) == nil) }
        for token in 3..<(count + 3) {
            #expect(digests.take(token) != nil)
            #expect(digests.take(token) == nil)
        }
        // One upload in many requests pushes no other out.
        digests.keep(RunningDigest(), of: -1)
        for _ in 0..<(3 * count) {
            digests.keep(RunningDigest(), of: -2)
            #expect(digests.take(-2) != nil)
        }
        digests.keep(RunningDigest(), of: -2)
        #expect(digests.take(-2) != nil)
    }
}
