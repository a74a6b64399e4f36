// Theory of operation
//
// The tokenization of the HTML Standard (§13.2.5) as far as text needs it: one byte at a time, so that any cut of the
// input tells the same. Nothing is an error. Tags are told by name; attributes are passed over without being kept, with
// their quotes. What is held is a name, or a character reference, each of a few bytes.

package enum HTMLToken: Sendable, Equatable {
    case start(name: String, isSelfClosing: Bool)
    case end(name: String)
    /// UTF-8, with character references resolved. One run of text may come in several pieces.
    case text([UInt8])
}

/// Reads HTML or XHTML in UTF-8. Call `receive` with each piece, then `finish`; after each call take tokens until there
/// are none.
package struct HTMLTokenizer {
    private enum State {
        case data
        case tagOpen, endTagOpen
        case tagName
        case beforeAttribute, attributeName, beforeValue, unquotedValue
        case quotedValue(UInt8)
        case selfClosing
        case markupDeclaration
        case bogusComment
        /// Hyphens seen in a row; those of the opening count, so that `<!-->` is whole.
        case comment(hyphens: Int)
        case commentBang
        /// Brackets seen in a row, two at most.
        case characterData(brackets: Int)
        case reference
    }

    /// How the content of the element that is open reads.
    private enum Content: Equatable {
        case markup
        /// Text until the end tag; `resolves`: with character references.
        case raw(name: String, resolves: Bool)
        /// To the end: `<plaintext>`.
        case plain
    }

    /// A longer name is no element's, and is cut.
    static let nameBytesMax = 64

    private let isXML: Bool
    private var state = State.data
    private var content = Content.markup
    private var name: [UInt8] = []
    private var isEndTag = false
    /// What a tag or declaration began with, in case it turns out to be text.
    private var held: [UInt8] = []
    private var text: [UInt8] = []
    private var tokens: [HTMLToken] = []
    private var tokensTaken = 0

    /// In XML (`isXML`) an element may close itself and has no content of its own kind; CDATA is text.
    package init(isXML: Bool = false) { self.isXML = isXML }

    package mutating func receive(_ bytes: [UInt8]) {
        for byte in bytes { take(byte) }
        flushText()
    }

    package mutating func finish() {
        switch state {
        case .reference: resolveReference(before: nil)
        case .tagOpen, .endTagOpen: text += held
        // A tag or a comment that never ended is no text.
        default: break
        }
        state = .data
        flushText()
    }

    package mutating func nextToken() -> HTMLToken? {
        guard tokensTaken < tokens.count else {
            tokens.removeAll(keepingCapacity: true)
            tokensTaken = 0
            return nil
        }
        tokensTaken += 1
        return tokens[tokensTaken - 1]
    }

    // MARK: - States

    private mutating func take(_ byte: UInt8) {
        switch state {
        case .data: takeData(byte)
        case .reference: takeReference(byte)
        case .tagOpen, .endTagOpen, .markupDeclaration: takeOpening(byte)
        case .tagName, .beforeAttribute, .attributeName, .beforeValue, .unquotedValue, .quotedValue, .selfClosing:
            takeTag(byte)
        case .bogusComment: if byte == UInt8(ascii: ">") { state = .data }
        case .comment(let hyphens): takeComment(byte, hyphens)
        case .commentBang: state = byte == UInt8(ascii: ">") ? .data : .comment(hyphens: Self.isHyphen(byte) ? 1 : 0)
        case .characterData(let brackets): takeCharacterData(byte, brackets)
        }
    }

    private mutating func takeData(_ byte: UInt8) {
        switch byte {
        case UInt8(ascii: "<") where content != .plain:
            held = [byte]
            state = .tagOpen
        case UInt8(ascii: "&") where resolvesReferences:
            held = [byte]
            state = .reference
        default: text.append(byte)
        }
    }

    private var resolvesReferences: Bool {
        switch content {
        case .markup: true
        case .raw(_, let resolves): resolves
        case .plain: false
        }
    }

    /// What follows `<`, `</` or `<!`.
    private mutating func takeOpening(_ byte: UInt8) {
        if case .markupDeclaration = state { return takeDeclaration(byte) }
        let isRaw = content != .markup
        if case .tagOpen = state {
            if byte == UInt8(ascii: "/") {
                held.append(byte)
                state = .endTagOpen
                return
            }
            if !isRaw, Self.isLetter(byte) { return beginName(byte, isEndTag: false) }
            if !isRaw, byte == UInt8(ascii: "!") {
                held.append(byte)
                state = .markupDeclaration
                return
            }
            if !isRaw, byte == UInt8(ascii: "?") { return state = .bogusComment }
        } else if Self.isLetter(byte) {
            return beginName(byte, isEndTag: true)
        } else if !isRaw, byte == UInt8(ascii: ">") {
            // `</>` is nothing.
            return state = .data
        } else if !isRaw {
            return state = .bogusComment
        }
        giveBack(byte)
    }

    /// What was held is text after all; `byte` is looked at anew.
    private mutating func giveBack(_ byte: UInt8) {
        text += held
        held = []
        state = .data
        takeData(byte)
    }

    private mutating func takeDeclaration(_ byte: UInt8) {
        held.append(byte)
        if held.elementsEqual("<!--".utf8) {
            // The opening's own hyphens may end it: `<!-->`.
            state = .comment(hyphens: 2)
        } else if isXML, held.elementsEqual("<![CDATA[".utf8) {
            state = .characterData(brackets: 0)
        } else if !"<!--".utf8.starts(with: held) && !(isXML && "<![CDATA[".utf8.starts(with: held)) {
            state = byte == UInt8(ascii: ">") ? .data : .bogusComment
        }
    }

    private mutating func takeComment(_ byte: UInt8, _ hyphens: Int) {
        switch byte {
        case UInt8(ascii: "-"): state = .comment(hyphens: min(2, hyphens + 1))
        case UInt8(ascii: ">") where hyphens == 2: state = .data
        case UInt8(ascii: "!") where hyphens == 2: state = .commentBang
        default: state = .comment(hyphens: 0)
        }
    }

    private mutating func takeCharacterData(_ byte: UInt8, _ brackets: Int) {
        switch byte {
        case UInt8(ascii: "]"):
            if brackets == 2 { text.append(byte) }
            state = .characterData(brackets: min(2, brackets + 1))
        case UInt8(ascii: ">") where brackets == 2: state = .data
        default:
            for _ in 0..<brackets { text.append(UInt8(ascii: "]")) }
            text.append(byte)
            state = .characterData(brackets: 0)
        }
    }

    // MARK: - Tags

    private mutating func beginName(_ byte: UInt8, isEndTag: Bool) {
        self.isEndTag = isEndTag
        name = [Self.lowered(byte)]
        held.append(byte)
        state = .tagName
    }

    private mutating func takeTag(_ byte: UInt8) {
        switch state {
        case .tagName:
            if Self.isSpace(byte) || byte == UInt8(ascii: "/") || byte == UInt8(ascii: ">") {
                // In a raw element only its own end tag is one.
                if case .raw(let expected, _) = content, !(isEndTag && name.elementsEqual(expected.utf8)) {
                    return giveBack(byte)
                }
                held = []
                endOfPart(byte)
            } else if name.count < Self.nameBytesMax {
                name.append(Self.lowered(byte))
                if content != .markup { held.append(byte) }
            } else if content != .markup {
                giveBack(byte)
            }
        case .beforeAttribute: endOfPart(byte)
        case .attributeName:
            if byte == UInt8(ascii: "=") { state = .beforeValue } else { endOfPart(byte) }
        case .beforeValue:
            if Self.isSpace(byte) { return }
            if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "'") { return state = .quotedValue(byte) }
            state = .unquotedValue
            if byte == UInt8(ascii: ">") { endTag(isSelfClosing: false) }
        case .unquotedValue:
            if Self.isSpace(byte) { state = .beforeAttribute }
            if byte == UInt8(ascii: ">") { endTag(isSelfClosing: false) }
        case .quotedValue(let quote): if byte == quote { state = .beforeAttribute }
        case .selfClosing:
            if byte == UInt8(ascii: ">") { endTag(isSelfClosing: true) } else { endOfPart(byte) }
        default: break
        }
    }

    private mutating func endOfPart(_ byte: UInt8) {
        switch byte {
        case UInt8(ascii: ">"): endTag(isSelfClosing: false)
        case UInt8(ascii: "/"): state = .selfClosing
        // A value may follow after blanks: `a = "b"`. An equals sign that begins a name is taken so, too.
        case UInt8(ascii: "="): state = .beforeValue
        default: if Self.isSpace(byte) { state = .beforeAttribute } else { state = .attributeName }
        }
    }

    private mutating func endTag(isSelfClosing: Bool) {
        state = .data
        flushText()
        var name = String(decoding: name, as: UTF8.self)
        if isXML, let colon = name.lastIndex(of: ":") { name = String(name[name.index(after: colon)...]) }
        if isEndTag {
            content = .markup
            tokens.append(.end(name: name))
            return
        }
        tokens.append(.start(name: name, isSelfClosing: isSelfClosing))
        if isXML && isSelfClosing { return }
        switch name {
        case "script", "style", "iframe", "noembed", "noframes", "xmp": content = .raw(name: name, resolves: false)
        case "title", "textarea": content = .raw(name: name, resolves: true)
        case "plaintext" where !isXML: content = .plain
        default: break
        }
    }

    // MARK: - Character references

    private mutating func takeReference(_ byte: UInt8) {
        if byte == UInt8(ascii: ";") {
            held.append(byte)
            resolveReference(before: nil)
        } else if CharacterReference.mayHold(byte, after: held), held.count < CharacterReference.bytesMax {
            held.append(byte)
        } else {
            resolveReference(before: byte)
        }
    }

    private mutating func resolveReference(before byte: UInt8?) {
        let (resolved, used) = CharacterReference.resolve(held)
        text += resolved
        let rest = held[used...]
        held = []
        state = .data
        // What was not used up is plain: a reference has neither an ampersand nor a tag in it.
        text += rest
        if let byte { takeData(byte) }
    }

    private mutating func flushText() {
        if text.isEmpty { return }
        tokens.append(.text(text))
        text.removeAll(keepingCapacity: true)
    }

    static func isSpace(_ byte: UInt8) -> Bool {
        byte == 0x20 || byte == 0x0a || byte == 0x0d || byte == 0x09 || byte == 0x0c
    }

    private static func isHyphen(_ byte: UInt8) -> Bool { byte == UInt8(ascii: "-") }
    private static func isLetter(_ byte: UInt8) -> Bool { (byte | 0x20) &- UInt8(ascii: "a") < 26 }
    private static func lowered(_ byte: UInt8) -> UInt8 { byte &- UInt8(ascii: "A") < 26 ? byte | 0x20 : byte }
}
