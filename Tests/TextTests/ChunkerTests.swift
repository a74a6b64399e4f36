import Testing

import Text

struct ChunkerTests {
    private func chunks(_ pages: String..., max: Int = 50, overlap: Int = 0) throws -> [TextChunk] {
        let options = try ChunkingOptions(charactersMax: max, overlapCharacters: overlap)
        return ChunkerPropertyTests.chunks(pages.map { [$0] }, options).chunks
    }

    private func texts(_ pages: String..., max: Int = 50, overlap: Int = 0) throws -> [String] {
        let options = try ChunkingOptions(charactersMax: max, overlapCharacters: overlap)
        return ChunkerPropertyTests.chunks(pages.map { [$0] }, options).chunks.map(\.text)
    }

    @Test("options out of bounds are refused with the reason")
    func options() throws {
        #expect(throws: ChunkingOptionsError.charactersMaxOutOfRange) {
            try ChunkingOptions(charactersMax: ChunkingOptions.charactersMaxLeast - 1, overlapCharacters: 0)
        }
        #expect(throws: ChunkingOptionsError.charactersMaxOutOfRange) {
            try ChunkingOptions(charactersMax: ChunkingOptions.charactersMaxMost + 1, overlapCharacters: 0)
        }
        #expect(throws: ChunkingOptionsError.overlapOutOfRange) {
            try ChunkingOptions(charactersMax: 100, overlapCharacters: 50)
        }
        #expect(throws: ChunkingOptionsError.overlapOutOfRange) {
            try ChunkingOptions(charactersMax: 100, overlapCharacters: -1)
        }
        #expect(try ChunkingOptions(charactersMax: 1000, overlapCharacters: 150) == .standard)
    }

    @Test("white space is one space, one line feed or two; none at a chunk's ends")
    func whiteSpace() throws {
        #expect(try texts(" \t a \u{a0} b \n c\n\n\n\u{3000}d\r\ne\r\n \r\nf \n") == ["a b\nc\n\nd\ne\n\nf"])
        #expect(try texts(" \n\t\n").isEmpty)
        #expect(try texts("").isEmpty)
    }

    @Test("a divided word is put together between lower-case letters at a line's end, and nowhere else")
    func hyphens() throws {
        #expect(try texts("an exam-\nple") == ["an example"])
        #expect(try texts("an exam- \n  ple") == ["an example"])
        #expect(try texts("über-\nälteste") == ["überälteste"])
        #expect(try texts("exam\u{ad}\nple exam\u{2010}\nple") == ["example example"])
        #expect(try texts("exam-", "ple") == ["example"])
        #expect(try texts("Jean-\nPaul") == ["Jean-\nPaul"])
        #expect(try texts("A-\nb") == ["A-\nb"])
        #expect(try texts("1990-\n2000 a-\n1") == ["1990-\n2000 a-\n1"])
        #expect(try texts("exam-\n\nple") == ["exam-\n\nple"])
        #expect(try texts("exam- ple exam -\nple --\nx") == ["exam- ple exam -\nple --\nx"])
        #expect(try texts("-\na") == ["-\na"])
    }

    @Test("the end of a paragraph is the best place to cut, then a sentence's, a line's, a word's")
    func strengths() throws {
        let ten = "aaaaaaaaa "
        // In each, what is cut at stands before weaker places in the second half of the chunk.
        let start = ten + ten + "aaaaaaaa"
        #expect(try texts("\(start)\n\nbbb. Bbb\nbb bbb bbb bbb bbb bbbb bbb")[0] == start)
        #expect(try texts("\(start). Bbb\nbb bbb bbb bbb bbb bbbb bbb bbb")[0] == start + ".")
        #expect(try texts("\(start)\nbb bbb bbb bbb bbb bbbb bbb bbb bb")[0] == start)
        #expect(try texts("\(start) bbbbbbbbb bbbbbbbbb bbbbbbbbbbbbb")[0] == start + " bbbbbbbbb bbbbbbbbb")
        #expect(try texts(String(repeating: "a", count: 60)).map(\.count) == [50, 10])
    }

    /// Weaker places to cut follow in the chunk; that it ends before them tells that the sentence was seen to end.
    @Test(
        "sentences end where people see them end",
        arguments: [
            ("Here one ends with a full stop. Then", "Here one ends with a full stop."),
            ("Here one is asked, is it not? Then it", "Here one is asked, is it not?"),
            ("Here one ends “in a quotation.” Then", "Here one ends “in a quotation.”"),
            ("Here one ends (in a parenthesis!) The", "Here one ends (in a parenthesis!)"),
            ("Here one ends extraordinarily. Then it", "Here one ends extraordinarily."),
            ("Here one trails off and off… Then it", "Here one trails off and off…"),
            ("これは日本語の文章であり、ここで最初の文が終わります。次の文", "これは日本語の文章であり、ここで最初の文が終わります。"),
            (
                "彼はこう言ったのだと皆が今でも伝えている「もう終わった。」そして",
                "彼はこう言ったのだと皆が今でも伝えている「もう終わった。」"
            ),
            ("هل هذه هي الجملة الأولى في هذا النص؟ نعم", "هل هذه هي الجملة الأولى في هذا النص؟"),
            (
                "यह इस पाठ का पहला वाक्य है जो यहाँ समाप्त होता है। फिर",
                "यह इस पाठ का पहला वाक्य है जो यहाँ समाप्त होता है।"
            ),
        ])
    func sentenceEnds(text: String, sentence: String) throws {
        let isJapanese = text.contains("。")
        let rest = isJapanese ? String(repeating: "字", count: 60) : " x y z " + String(repeating: "x", count: 60)
        #expect(try texts(text + rest)[0] == sentence)
    }

    @Test(
        "abbreviations, initials, decimals and numbered entries end no sentence",
        arguments: [
            "It was seen there by J. Smithers", "It was shown before in Fig. 12, there", "It is bigger, e.g. Apples",
            "It weighs much more than 3.14159 kg", "It went on to say approx. five", "Then they asked “Why?” and went",
            "It was sold there by Mr. Baker", "Dies gilt in der Regel, z.B. Äpfel", "А это написал нам А. Пушкин",
        ])
    func noSentenceEnds(text: String) throws {
        // The chunk goes on to the last space in it, past the stop, or to a line's end, which is better than a space.
        let start = "In one rather long sentence here it was "
        let long = String(repeating: "x", count: 100)
        #expect(try texts("\(start)\(text) \(long)", max: 80)[0] == start + text)
        #expect(try texts("\(start)said\n12. \(text) \(long)", max: 80)[0] == "\(start)said")
    }

    @Test("more than four closing marks after a stop are no end of a sentence")
    func manyClosers() throws {
        let rest = " X y z " + String(repeating: "x", count: 60)
        #expect(try texts("Here are four of them at the end!))))" + rest)[0].hasSuffix("!))))"))
        #expect(try texts("Here are five of them at the end!)))))" + rest)[0].hasSuffix(" X y z"))
    }

    @Test("a chunk begins with the last sentence of the one before, else with its last words")
    func overlap() throws {
        let sentences = "The first one is here. The second is. The third is here too. The fourth one is here."
        let chunks = try texts(sentences, max: 50, overlap: 20)
        #expect(chunks[0] == "The first one is here. The second is.")
        #expect(chunks[1].hasPrefix("The second is. The third"))

        let words = try texts((10..<60).map { "word\($0)" }.joined(separator: " "), max: 50, overlap: 20)
        for (before, after) in zip(words, words.dropFirst()) {
            let shared = before.split(separator: " ").suffix(3).joined(separator: " ")
            #expect(after.hasPrefix(shared + " "), "three words of six letters are twenty characters")
        }

        let letters = String((0..<26).map { Character(Unicode.Scalar(97 + $0)) }) + "0123456789"
        let unbroken = try texts(letters + letters, max: 50, overlap: 10)
        #expect(unbroken[1].hasPrefix(String(unbroken[0].suffix(10))), "a word longer than the overlap")
    }

    @Test("chunks know the pages they span; pages count as chunked when all their text has been returned")
    func pages() throws {
        let found = try chunks("One.", "", "  \n", "Four goes on", "and on to five.", "")
        #expect(found == [TextChunk(index: 0, pageStart: 1, pageEnd: 5, text: "One.\n\nFour goes on\nand on to five.")])

        let page = "Thirty characters are in here."
        let spanning = try chunks(page, page, page)
        #expect(spanning.map(\.pageStart) == [1, 2, 3] && spanning.map(\.pageEnd) == [1, 2, 3])

        var chunker = Chunker(options: try ChunkingOptions(charactersMax: 50, overlapCharacters: 20))
        chunker.endPage()
        #expect(chunker.pagesReceived == 1 && chunker.pagesChunked == 1, "a blank page has nothing to wait for")
        chunker.receive("Some text")
        #expect(chunker.pagesReceived == 1 && chunker.pagesChunked == 1)
        chunker.endPage()
        chunker.endPage()
        #expect(chunker.pagesReceived == 3 && chunker.pagesChunked == 1)
        chunker.receive("and more of it on another page ends. So it goes on and on")
        #expect(chunker.pagesChunked == 1, "the chunk is ready, but nobody has it")
        #expect(chunker.nextChunk()?.text == "Some text\nand more of it on another page ends.")
        #expect(chunker.pagesChunked == 3)
        #expect(chunker.nextChunk() == nil)
        chunker.finish()
        #expect(chunker.pagesReceived == 4 && chunker.pagesChunked == 3)
        #expect(chunker.nextChunk() != nil)
        #expect(chunker.pagesChunked == 4, "the page that was open is ended by the end of the text")
        #expect(chunker.nextChunk() == nil)
    }

    @Test("a mark that follows white space is kept, and a chunk may begin with one")
    func strayMarks() throws {
        let text = "\u{301}a \u{301}b\n\u{301}c"
        #expect(try texts(text).map { Array($0.unicodeScalars) } == [Array(text.unicodeScalars)])
    }

    @Test("lengths count characters, not scalars or bytes")
    func characters() throws {
        let families = String(repeating: "👩‍👩‍👧‍👦", count: 120)
        #expect(try texts(families).map(\.count) == [50, 50, 20])
        let conjuncts = String(repeating: "क्षि", count: 60)
        #expect(try texts(conjuncts).map(\.count) == [50, 10])
    }

    @Test("a page without end is chunked as it comes")
    func endlessPage() {
        var chunker = Chunker()
        var waiting = 0
        for _ in 0..<500 {
            chunker.receive("These are forty characters, and a stop. ")
            waiting += 40
            while let chunk = chunker.nextChunk() { waiting -= chunk.text.count - 150 }
            #expect(waiting < 2 * ChunkingOptions.charactersMaxDefault)
        }
    }
}
