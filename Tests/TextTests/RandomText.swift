/// Text of many scripts and of what is hard about them, from a seed.
enum RandomText {
    /// Words, marks and signs without white space.
    static let words: [String] = [
        "a", "I", "of", "the", "Fig", "e.g", "etc", "word", "sentence", "extraordinarily", "3.14", "12", "U.S", "J",
        "naïve", "Straße", "Ἑλλάς", "Привет", "мир", "שלום", "עולם", "مرحبا", "بِسْمِ", "العالم",
        "日本語", "漢字かな交じり文", "東京", "ひらがな", "カタカナー", "한국어", "각", "\u{1112}\u{1161}\u{11ab}",
        "हिन्दी", "क्षत्रिय", "नमस्ते", "தமிழ்", "ภาษาไทย", "ខ្មែរ",
        "e\u{301}", "n\u{303}\u{331}", "👩‍👩‍👧‍👦", "👍🏽", "🇩🇪", "🇩", "❤️", "1️⃣",
        "\u{600}7", "x\u{200d}y", "\u{301}", "\u{200b}",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    ]
    static let stops: [String] = [
        ".", ".", ".", "!", "?", "…", "...", ".)", "?”", "。", "！", "？」", "؟", "۔", "।", "॥", ",", "、", ":", ";",
    ]
    static let spaces: [String] = [
        " ", " ", " ", " ", " ", "  ", "\t", "\u{a0}", "\u{3000}", "\n", "\n", " \n ", "\n\n", "\r\n", "\r\n\r\n", "\r",
        "\u{85}", "\u{2028}", "\u{2029}", "\n \n\n",
    ]

    /// Scalars and words in no order that makes sense.
    static func mixed(tokens: Int, using random: inout SeededRandom) -> String {
        (0..<tokens).map { _ in
            Int.random(in: 0..<8, using: &random) == 0 ? " " : (words + stops).randomElement(using: &random)!
        }.joined()
    }

    /// Something like a page: words with spaces, stops and line ends, or a script that has no spaces.
    static func page(tokens: Int, using random: inout SeededRandom) -> String {
        let isSpaced = Int.random(in: 0..<4, using: &random) > 0
        var text = ""
        for _ in 0..<tokens {
            text.unicodeScalars.append(contentsOf: words.randomElement(using: &random)!.unicodeScalars)
            if Int.random(in: 0..<7, using: &random) == 0 {
                text.unicodeScalars.append(contentsOf: stops.randomElement(using: &random)!.unicodeScalars)
            }
            if isSpaced || Int.random(in: 0..<30, using: &random) == 0 {
                text.unicodeScalars.append(contentsOf: spaces.randomElement(using: &random)!.unicodeScalars)
            }
        }
        return text
    }
}
