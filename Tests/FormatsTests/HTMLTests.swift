import Testing

@testable import Formats

/// Each case is read whole, byte by byte and in every two pieces.
@Suite("HTML")
struct HTMLTests {
    static func text(_ html: String, isXML: Bool = false) -> String {
        let ways = everyWay(Array(html.utf8)).map { pieces in
            var document = HTMLDocument(charset: "utf-8", isXML: isXML)
            var text: [UInt8] = []
            for piece in pieces { text += document.receive(piece) }
            return String(decoding: text + document.finish(), as: UTF8.self)
        }
        for way in ways { #expect(way == ways[0], "\(html)") }
        return ways[0]
    }

    @Test(
        "text stands as a reader of the page sees it",
        arguments: [
            ("a  b\n c", "a b c"), ("<p>a</p><p>b", "a\n\nb"), ("a<br>b<br/>c", "a\nb\nc"),
            ("<b>a</b>b <i> c</i>", "ab c"),
            ("<div>a<div>b</div>c</div>", "a\nb\nc"), ("<h1>a</h1>b", "a\n\nb"),
            ("<ul><li>a<li>b<ul><li>c</ul></ul>d", "a\nb\nc\n\nd"), ("<pre>\n a\n  b</pre>c", " a\n  b\n\nc"),
            ("<table><tr><th>a<th>b<tr><td>1</td><td></td><td>3</table>x", "a\tb\n1\t\t3\n\nx"),
            ("<table><tr><td></td><td>b</td></tr><tr><td>c</td></tr></table>", "\tb\nc"),
            ("<table><tr><td>a<table><tr><td>1<td>2</table><td>b</table>", "a\n1\t2\tb"),
            ("<td>a<td>b", "a\nb"), ("<title>t</title><p>a", "t\n\na"), ("a\u{c}b", "a b"),
        ])
    func flow(html: String, expected: String) { #expect(Self.text(html) == expected, "\(html)") }

    @Test(
        "scripts, styles, templates and what stands for something else are no text",
        arguments: [
            "<script>if (a < b) '<p>x</p>'</script>a", "<style>p { }</style>a", "<noscript><p>x</p></noscript>a",
            "<template><template>x</template>x</template>a", "<!-- x --> a", "<!doctype html>a", "<?x y?>a",
            "<iframe><p></iframe>a",
            "<video>x</video>a", "<!-->a", "<!--->a", "<!-- --!>a", "</>a", "</ x>a", "<!x>a", "<SCRIPT>x</sCript >a",
            "<script></scriptx></script>a",
        ])
    func dropped(html: String) { #expect(Self.text(html) == "a", "\(html)") }

    @Test(
        "tags end where they end, whatever their attributes hold",
        arguments: [
            "<i a=\">\">a", "<i a='>' b>a", "<i a = x/>a", "<i a=>a", "<i/a='>'>a", "<i =x>a", "<i a='\"' \"'>a",
        ])
    func tags(html: String) { #expect(Self.text(html) == "a", "\(html)") }

    @Test(
        "character references, whole and as people leave them",
        arguments: [
            ("&amp;&lt;&eacute;&euro;", "&<é€"), ("&#65;&#x41;&#X4a;", "AAJ"), ("&#128;&#x92;", "€’"), ("&copy2", "©2"),
            ("&notit;&notin;", "¬it;∉"), ("&x;&;&#;&#x;& a", "&x;&;&#;&#x;& a"), ("a&", "a&"), ("&#0;&#xD800;", "��"),
            ("&#99999999999;", "�"), ("&NotEqualTilde;", "≂̸"), ("a < b <3 <", "a < b <3 <"),
            ("<title>&lt;b></title>", "<b>"),
        ])
    func references(html: String, expected: String) { #expect(Self.text(html) == expected, "\(html)") }

    @Test("XHTML: elements close themselves, CDATA is text, prefixes count for nothing")
    func xhtml() {
        #expect(Self.text("<script src='x'/><title/>a", isXML: true) == "a")
        #expect(Self.text("<h:p>a<![CDATA[<b>&amp;]]></h:p><h:p>b]]></h:p>", isXML: true) == "a<b>&amp;\n\nb]]>")
        #expect(Self.text("<p>a<![CDATA[x]]>b</p>") == "ab", "in HTML it is a comment")
    }

    @Test("tables within each other beyond the bound are read without their cells")
    func deepTables() {
        let depth = TextFlow.tablesMax + 10
        let text = Self.text(
            String(repeating: "<table><tr><td>a<td>", count: depth) + "b"
                + String(repeating: "</table>", count: depth) + "<table><tr><td>c<td>d</table>")
        #expect(text.filter { $0 == "a" }.count == depth)
        #expect(text.hasSuffix("c\td"))
    }

    @Test("the declared charset, the page's own and a byte order mark are believed")
    func charset() {
        func text(_ bytes: [UInt8], charset: String? = nil) -> String {
            var document = HTMLDocument(charset: charset)
            let text = document.receive(bytes) + document.finish()
            return String(decoding: text, as: UTF8.self)
        }
        let page = Array("<meta http-equiv='Content-Type' content='text/html; charset=koi8-r'>".utf8) + [0xcd]
        #expect(text(page) == "м")
        #expect(text(page, charset: "windows-1251") == "Н")
        #expect(text(Array("<meta charset=\"UTF-16\">".utf8) + [0xc3, 0xa9]) == "é")
        #expect(text([0xff, 0xfe, 0x41, 0x00]) == "A")
    }
}
