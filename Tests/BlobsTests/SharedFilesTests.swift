import Core
import System
import Testing

@testable import Blobs

@Suite("Files that two documents share")
struct SharedFilesTests {
    private static let earlier = StoredBytes(document: .number(1), contentToken: 0x11, run: 0x12)
    private static let later = StoredBytes(document: .number(2), contentToken: 0x21, run: 0x22)

    private static func paths(_ files: StoredBytes, in store: BlobStore) -> [String] {
        [
            store.resultPath(files.document, run: files.run), store.textPath(files.document, run: files.run),
            store.contentPath(files.document, token: files.contentToken),
        ]
    }

    private func fixture(without missing: Int? = nil) throws -> BlobFixture {
        let fixture = try BlobFixture()
        for (index, path) in Self.paths(Self.earlier, in: fixture.store).enumerated() where index != missing {
            try fixture.write(pattern(10 + index), to: path)
        }
        return fixture
    }

    private func share(_ fixture: BlobFixture) throws -> SharedFiles {
        try fixture.wait { fixture.store.share(Self.earlier, as: Self.later, then: $0) }
    }

    private func sizes(_ files: StoredBytes, _ store: BlobStore) -> [Int64?] {
        Self.paths(files, in: store).map { try? Files.size(path: $0) }
    }

    @Test("each has its own names, and removing one document's leaves the other's", arguments: [true, false])
    func removal(removesEarlier: Bool) throws {
        let fixture = try fixture()
        let store = fixture.store
        #expect(try share(fixture) == .outputAndContent)
        #expect(sizes(Self.later, store) == [10, 11, 12])
        let (gone, left) = removesEarlier ? (Self.earlier, Self.later) : (Self.later, Self.earlier)
        for path in Self.paths(gone, in: store) { try Files.remove(path) }
        #expect(sizes(gone, store) == [nil, nil, nil])
        #expect(sizes(left, store) == [10, 11, 12])
    }

    @Test("where the earlier bytes are gone the result alone is shared")
    func withoutContent() throws {
        let fixture = try fixture(without: 2)
        #expect(try share(fixture) == .output)
        #expect(sizes(Self.later, fixture.store) == [10, 11, nil])
    }

    @Test("where a part of the result is gone nothing is shared, and nothing is left", arguments: [0, 1])
    func withoutResult(missing: Int) throws {
        let fixture = try fixture(without: missing)
        #expect(try share(fixture) == .nothing)
        try fixture.settle()
        #expect(sizes(Self.later, fixture.store) == [nil, nil, nil])
    }

    @Test("names that no record knows go at the next start, and take nothing from those that are known")
    func sweep() throws {
        let fixture = try fixture()
        let store = fixture.store
        #expect(try share(fixture) == .outputAndContent)
        let kept = [
            Self.earlier.document: KeptBytes(content: Self.earlier.contentToken, output: Self.earlier.run),
            // The later one had its own bytes, and the record that it is complete was never made.
            Self.later.document: KeptBytes(content: 0x23, acknowledgedBytes: 0, output: nil),
        ]
        let outcome = try store.sweep(try store.leftovers(), keeping: kept)
        #expect(outcome.removed == 3 && outcome.short.isEmpty)
        #expect(sizes(Self.later, store) == [nil, nil, nil])
        #expect(sizes(Self.earlier, store) == [10, 11, 12])
    }
}
