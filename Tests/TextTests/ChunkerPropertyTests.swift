import Testing

import Text

/// Goal: what must hold of the chunks of any text. Method: random pages from a printed seed, in random pieces, against
/// a model that knows only the scalars that are not white space and the page of each.
struct ChunkerPropertyTests {
    /// Chunks, and after each the number of pages said to be chunked.
    static func chunks(
        _ pages: [[String]], _ options: ChunkingOptions
    ) -> (chunks: [TextChunk], pagesChunked: [Int], chunker: Chunker) {
        var chunker = Chunker(options: options)
        var chunks: [TextChunk] = []
        var pagesChunked: [Int] = []
        func drain() {
            while let chunk = chunker.nextChunk() {
                chunks.append(chunk)
                pagesChunked.append(chunker.pagesChunked)
            }
        }
        for page in pages {
            for piece in page {
                chunker.receive(piece)
                drain()
            }
            chunker.endPage()
            drain()
        }
        chunker.finish()
        drain()
        return (chunks, pagesChunked, chunker)
    }

    private static func inPieces(_ text: String, using random: inout SeededRandom) -> [String] {
        var pieces: [String] = []
        var rest = Substring.UnicodeScalarView(text.unicodeScalars)
        let lengthMax = [1, 5, 80, 2000].randomElement(using: &random)!
        while !rest.isEmpty {
            let piece = rest.prefix(Int.random(in: 1...lengthMax, using: &random))
            pieces.append(String(piece))
            rest = rest.dropFirst(piece.count)
        }
        return pieces
    }

    private static func visible(_ text: String) -> [Unicode.Scalar] {
        text.unicodeScalars.filter { !$0.properties.isWhitespace }
    }

    /// A space that carries a mark is something to see.
    private static func isWhite(_ character: Character) -> Bool {
        character.unicodeScalars.allSatisfy { $0.properties.isWhitespace }
    }

    @Test("what must hold of any text's chunks holds", arguments: Array(1...50) + [204, 385, 841, 849] as [UInt64])
    func invariants(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        let charactersMax = [50, 64, 100, 333, 1000].randomElement(using: &random)!
        let options = try ChunkingOptions(
            charactersMax: charactersMax, overlapCharacters: .random(in: 0..<charactersMax / 2, using: &random))
        let pages = (0..<Int.random(in: 1...12, using: &random)).map { _ in
            RandomText.page(tokens: [0, 1, 30, 200].randomElement(using: &random)!, using: &random)
        }

        let (chunks, pagesChunked, chunker) = Self.chunks(pages.map { [$0] }, options)
        #expect(Self.chunks(pages.map { Self.inPieces($0, using: &random) }, options).chunks == chunks, "other pieces")
        #expect(chunks.map(\.index) == Array(chunks.indices))
        #expect(chunker.pagesReceived == pages.count && chunker.pagesChunked == pages.count)

        // The model: what is visible, in order, with its page; and the clean text, which is one chunk of any length.
        let scalars = pages.enumerated().flatMap { page, text in
            Self.visible(text).map { (scalar: $0, page: page + 1) }
        }
        let whole = try ChunkingOptions(charactersMax: ChunkingOptions.charactersMaxMost, overlapCharacters: 0)
        let clean = Self.chunks(pages.map { [$0] }, whole).chunks.map(\.text).joined()
        #expect(Self.visible(clean) == scalars.map(\.scalar))
        let characters = Array(clean)

        var start = 0  // of the chunk, in `characters`
        var end = 0
        var visibleStart = 0  // the same, in `scalars`
        var pagesDone = 0
        for (chunk, pagesChunked) in zip(chunks, pagesChunked) {
            let text = Array(chunk.text)
            #expect(!text.isEmpty && text.count <= charactersMax)
            #expect(!Self.isWhite(text.first!) && !Self.isWhite(text.last!))

            // The chunk is some whole characters of the clean text, from within the overlap or right behind the cut.
            let first = max(start + (chunk.index == 0 ? 0 : 1), end - options.overlapCharacters)
            var resume = end
            while resume < characters.count, Self.isWhite(characters[resume]) { resume += 1 }
            let place = try #require(
                (first...max(first, resume)).first { place in
                    place + text.count <= characters.count && place + text.count > end
                        && zip(text, characters[place...]).allSatisfy {
                            $0.unicodeScalars.elementsEqual($1.unicodeScalars)
                        }
                },
                "chunk \(chunk.index) is not a part of the text that goes on from the one before")
            visibleStart += Self.visible(String(characters[start..<place])).count
            (start, end) = (place, place + text.count)

            let visibleEnd = visibleStart + Self.visible(chunk.text).count
            #expect(chunk.pageStart == scalars[visibleStart].page)
            #expect(chunk.pageEnd == scalars[visibleEnd - 1].page)

            #expect(pagesChunked >= pagesDone && pagesChunked <= pages.count)
            pagesDone = pagesChunked
            if visibleEnd < scalars.count {
                #expect(pagesChunked == scalars[visibleEnd].page - 1, "chunked: the pages before the next new text")
            } else {
                #expect(pagesChunked >= scalars[visibleEnd - 1].page - 1)
            }
        }
        #expect(Self.visible(String(characters[end...])).isEmpty, "text after the last chunk")
    }

    @Test("chunks advance by at least a quarter of their length, whatever the text and the overlap")
    func advance() throws {
        let options = try ChunkingOptions(charactersMax: 100, overlapCharacters: 49)
        let long = String(repeating: "a", count: 48) + ". "
        for unit in ["a", "a. ", "a\n\n", long, "漢", "。", ". ", "\n\na. b"] {
            let text = String(repeating: unit, count: 20_000 / unit.count)
            let count = Self.chunks([[text]], options).chunks.count
            #expect(count <= text.count / 25 + 1, "of \(unit)")
        }
    }

    @Test("a million combining marks are many chunks of bounded size")
    func floodOfMarks() {
        let text = "a" + String(repeating: "\u{301}", count: 500_000)
        let chunks = Self.chunks([[text, text]], .standard).chunks
        let bytesMax = ChunkingOptions.charactersMaxDefault * ClusterBreaker.clusterScalarsMax * 4
        #expect(chunks.count > 10)
        #expect(chunks.allSatisfy { $0.text.utf8.count <= bytesMax })
        #expect(chunks.map { $0.text.unicodeScalars.count }.reduce(0, +) >= 1_000_000)
    }
}
