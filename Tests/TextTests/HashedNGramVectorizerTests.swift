import Testing

@testable import Text

struct HashedNGramVectorizerTests {
    private let vectorizer = HashedNGramVectorizer()

    private func similarity(_ left: String, _ right: String) -> Float {
        zip(vectorizer.embed(left), vectorizer.embed(right)).reduce(0) { $0 + $1.0 * $1.1 }
    }

    @Test("a vector has the dimensions asked for and length 1; without a word it is all zeros")
    func length() {
        for dimensions in [1, 7, 384, HashedNGramVectorizer.dimensionsMax] {
            let vectorizer = HashedNGramVectorizer(dimensions: dimensions)
            let vector = vectorizer.embed("The quick brown fox jumps over the lazy dog.")
            #expect(vector.count == dimensions)
            #expect(abs(vector.reduce(0) { $0 + $1 * $1 } - 1) < 1e-5)
            #expect(vectorizer.embed("") == [Float](repeating: 0, count: dimensions))
            #expect(vectorizer.embed(" .,;—。\n\u{ad}") == [Float](repeating: 0, count: dimensions))
        }
    }

    @Test("the vector is the same on every machine and in every version: these were written down")
    func stable() {
        let vector = HashedNGramVectorizer(dimensions: 8).embed("Headway shows progress. Прогресс 進捗 1234")
        #expect(vector.map { Int(($0 * 10_000).rounded()) } == [860, -2292, 2006, -2579, -6590, -2579, -2579, 5158])
        let dimensions = vectorizer.embed("progress").enumerated().filter { $0.element != 0 }.map(\.offset)
        let expected = [
            1, 18, 64, 81, 89, 118, 131, 138, 156, 195, 196, 199, 208, 223, 273, 298, 310, 313, 333, 334, 353, 354,
        ]
        #expect(dimensions == expected)
    }

    @Test("letter case, soft hyphens and punctuation make no difference")
    func folding() {
        #expect(vectorizer.embed("Straßen in ΑΘΉΝΑΣ, Москва!") == vectorizer.embed("stra\u{ad}ßen — in αθήνας москва"))
        #expect(vectorizer.embed("ルートパーティ\nション") == vectorizer.embed("ルートパーティション"), "a line's end in a word")
        #expect(vectorizer.embed("日本\n\n語") != vectorizer.embed("日本語"))
        #expect(vectorizer.embed("日本\nx") == vectorizer.embed("日本 x"))
        #expect(vectorizer.embed("ＡＢＣＤ") == vectorizer.embed("ａｂｃｄ"))
    }

    @Test("texts that share words are nearer than texts that do not, in many scripts")
    func similarity() {
        let cases: [(String, String, String)] = [
            (
                "The policy covers water damage in the cellar.",
                "Damage by water in a cellar is covered by the policy.",
                "Trains to the coast leave every hour from platform nine."
            ),
            ("embedding vectors of documents", "the document's embedding vector", "a recipe for bread with olives"),
            ("misspelled progress percentage", "mispelled progres percentages", "blue whales sing at night"),
            ("保険契約の水害補償について", "水害は保険で補償されます", "毎朝電車で海へ行く"),
            ("страховой полис покрывает ущерб", "ущерб покрывается страховым полисом", "поезд уходит к морю утром"),
            ("تغطي وثيقة التأمين أضرار المياه", "أضرار المياه في وثيقة التأمين", "القطار يغادر إلى الساحل صباحا"),
        ]
        for (text, near, far) in cases {
            #expect(similarity(text, near) > 0.25, "\(near)")
            #expect(similarity(text, near) > similarity(text, far) + 0.2, "\(near) against \(far)")
        }
        #expect(similarity("the same text", "the same text") > 0.999)
    }

    @Test("a word adds the same whether it is remembered, was displaced, or is read letter by letter")
    func remembering() {
        var random = SeededRandom(seed: 5)
        let letters = Array("abcdefghijklmnopqrstuvwxyz0123456789")
        // Several for each place of the memory, some of them again and again, from one letter to more than it takes.
        let words = (0..<3 * WordFeatures.placesMax).map { _ in
            String(
                (0..<Int.random(in: 1...ShortWord.lettersMax + 2, using: &random)).map { _ in
                    letters.randomElement(using: &random)!
                })
        }
        for _ in 0..<2 {
            for start in stride(from: 0, to: words.count - 20, by: 40) {
                let text = words[start..<start + 20] + words[0..<5]
                // A soft hyphen is nothing, but behind it a word is no longer taken as a whole.
                let spelled = text.map { word in word.map { "\u{ad}\($0)" }.joined() }
                let vector = vectorizer.embed(text.joined(separator: " "))
                #expect(vector == HashedNGramVectorizer().embed(spelled.joined(separator: " ")))
            }
        }
    }

    @Test("any text makes a finite vector")
    func anyText() {
        var random = SeededRandom(seed: 11)
        for _ in 0..<200 {
            let vector = vectorizer.embed(RandomText.page(tokens: 30, using: &random))
            #expect(vector.allSatisfy { $0.isFinite })
        }
        #expect(vectorizer.embed(String(repeating: "a", count: 200_000)).allSatisfy { $0.isFinite })
    }
}
