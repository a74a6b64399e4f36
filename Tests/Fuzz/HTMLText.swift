import Formats

// Input: a page. It is read as HTML and as XHTML.

func check(_ input: [UInt8]) {
    for isXML in [false, true] {
        let text = Oracle.answer(to: input) { pieces in
            var document = HTMLDocument(charset: "utf-8", isXML: isXML)
            var text: [UInt8] = []
            for piece in pieces { text += document.receive(piece) }
            return text + document.finish()
        }
        Oracle.demand(!text.contains(0x0c), "a page of HTML is one page", text)
        Oracle.demand(
            text.first != 0x0a && text.count <= 4 * input.count + 4, "text grows from characters, not from markup", text
        )

        let tokens = Oracle.answer(to: input) { names($0, isXML: isXML) }
        Oracle.demand(tokens.allSatisfy { $0.utf8.count <= 3 * 64 }, "the bound of names holds", tokens)
    }
}

private func names(_ pieces: [[UInt8]], isXML: Bool) -> [String] {
    var tokenizer = HTMLTokenizer(isXML: isXML)
    var names: [String] = []
    func drain() {
        while let token = tokenizer.nextToken() {
            switch token {
            case .start(let name, let isSelfClosing): names.append(isSelfClosing ? name + "/" : name)
            case .end(let name): names.append("/" + name)
            case .text: break
            }
        }
    }
    for piece in pieces {
        tokenizer.receive(piece)
        drain()
    }
    tokenizer.finish()
    drain()
    return names
}
