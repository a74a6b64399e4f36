import Formats

// Input: a line with the name of an encoding, which may be none, then the text.

func check(_ input: [UInt8]) {
    let line = input.prefix { $0 != 0x0A }
    let charset = String(decoding: line, as: UTF8.self)
    let body = Array(input.dropFirst(line.count + 1))
    for isMarkup in [false, true] {
        let text = Oracle.answer(to: body) { pieces in
            var decoder = TextDecoder(charset: charset, isMarkup: isMarkup)
            var text: [UInt8] = []
            for piece in pieces { decoder.receive(piece[...], into: &text) }
            decoder.finish(into: &text)
            return text
        }
        Oracle.demand(text.count <= 3 * body.count + 3, "a byte is one character at most", text)
        let encoding = CharacterEncoding(label: charset)
        if encoding != nil, encoding != .utf8, !body.starts(with: [0xef, 0xbb, 0xbf]) {
            Oracle.demand(String(validating: text, as: UTF8.self) != nil, "what is decoded is UTF-8", text)
        }
    }
}
