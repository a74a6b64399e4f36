import Testing

@testable import Formats

/// Each case is read whole, byte by byte and in every two pieces.
@Suite("XML")
struct XMLReaderTests {
    struct Transcript: Equatable, CustomStringConvertible {
        var description = ""
        var error: XMLError?

        init(_ pieces: [[UInt8]], limits: XMLLimits = .default) {
            var reader = XMLReader(limits: limits)
            var text: [UInt8] = []
            func drain(into description: inout String) {
                while let event = reader.nextEvent() {
                    if case .text(let piece) = event {
                        text += piece
                        continue
                    }
                    description += String(decoding: text, as: UTF8.self)
                    text = []
                    switch event {
                    case .start(let name, let attributes):
                        description += "<\(name)" + attributes.map { " \($0.name)=\($0.value)" }.joined() + ">"
                    case .end(let name): description += "</\(name)>"
                    case .text: break
                    }
                }
            }
            do throws(XMLError) {
                for piece in pieces {
                    try reader.receive(piece)
                    drain(into: &description)
                }
                try reader.finish()
            } catch {
                self.error = error
                // What was told before a mistake depends on where the input was cut.
                description = ""
                return
            }
            drain(into: &description)
            description += String(decoding: text, as: UTF8.self)
        }
    }

    static func read(_ text: String, limits: XMLLimits = .default) -> Transcript {
        let ways = everyWay(Array(text.utf8)).map { Transcript($0, limits: limits) }
        for way in ways { #expect(way == ways[0], "\(text)") }
        return ways[0]
    }

    @Test(
        "elements, attributes, text and references are told",
        arguments: [
            ("<a/>", "<a></a>"), ("<a>t</a>", "<a>t</a>"), ("<w:p w:v='1'>x</w:p >", "<p v=1>x</p>"),
            ("<a b = \"&lt;&#65;&amp;\" c='\"'/>", "<a b=<A& c=\"></a>"),
            ("<a>&#x1F600;&quot;&apos;&gt;</a>", "<a>😀\"'></a>"), ("<a b='x>y'>z</a>", "<a b=x>y>z</a>"),
            ("<?xml version='1.0'?>\n<!-- c -- > --><a><?p <b> ?>x</a>\n<!-- -->", "<a>x</a>"),
            ("<a><![CDATA[<b>&amp;]]]]><![CDATA[>]]></a>", "<a><b>&amp;]]></a>"),
            ("<!DOCTYPE a PUBLIC \"-//>\" 'x'><a>1<b/>2</a>", "<a>1<b></b>2</a>"),
        ])
    func told(text: String, expected: String) {
        let transcript = Self.read(text)
        #expect(transcript.error == nil, "\(text)")
        #expect(transcript.description == expected)
    }

    @Test(
        "what is not well-formed is refused",
        arguments: [
            "", "  ", "text", "<a>", "<a></b>", "<a/><b/>", "<a/>text", "<a b></a>", "<a b=c></a>", "<a b='1'c='2'/>",
            "<1/>", "< a/>", "<a><", "<a>&", "<a>&amp</a>", "<a>&#0;</a>", "<a>&#xD800;</a>", "<a>&#;</a>", "<a",
            "</a>",
            "<a><!-- </a>", "<a><![CDATA[ </a>", "<![CDATA[x]]><a/>", "<a b='<'/ >x", "<a <b/></a>", "<a/>&lt;",
            "<a/><!DOCTYPE a>",
        ])
    func malformed(text: String) { #expect(Self.read(text).error != nil, "\(text)") }

    @Test("no entity is ever defined: an internal subset is refused, and so is an unknown name")
    func entities() {
        let bomb = "<!DOCTYPE d [<!ENTITY a 'lol'><!ENTITY b '&a;&a;'>]><d>&b;</d>"
        #expect(Self.read(bomb).error == .declaresEntities)
        #expect(
            Self.read("<!DOCTYPE d [<!ENTITY x SYSTEM 'file:///etc/passwd'>]><d>&x;</d>").error == .declaresEntities)
        #expect(Self.read("<!DOCTYPE d SYSTEM 'file:///etc/passwd'><d>&x;</d>").error == .undefinedEntity)
        #expect(Self.read("<d a='&x;'/>").error == .undefinedEntity)
    }

    @Test("bounds: depth, attributes, a name, a tag")
    func bounds() {
        var limits = XMLLimits()
        (limits.depthMax, limits.attributesMax, limits.nameBytesMax, limits.tagBytesMax) = (3, 2, 4, 20)
        #expect(Self.read("<a><b><c/></b></a>", limits: limits).error == nil)
        #expect(Self.read("<a><b><c><d/></c></b></a>", limits: limits).error == .tooDeep(depthMax: 3))
        #expect(Self.read("<a b='' c=''/>", limits: limits).error == nil)
        #expect(Self.read("<a b='' c='' d=''/>", limits: limits).error == .tooManyAttributes(attributesMax: 2))
        #expect(Self.read("<abcd/>", limits: limits).error == nil)
        #expect(Self.read("<abcde/>", limits: limits).error == .nameTooLong(bytesMax: 4))
        #expect(Self.read("<a b='\(String(repeating: "x", count: 20))'/>", limits: limits).error != nil)
    }

    @Test("a failed reader stays failed")
    func failed() throws {
        var reader = XMLReader()
        #expect(throws: XMLError.self) { try reader.receive(Array("<a></b>".utf8)) }
        #expect(throws: XMLError.self) { try reader.receive(Array("<a/>".utf8)) }
        #expect(throws: XMLError.self) { try reader.finish() }
    }
}
