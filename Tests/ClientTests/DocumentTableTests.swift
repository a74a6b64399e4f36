import JSON
import Testing

@testable import Client

@Suite struct DocumentTableTests {
    private let now: Int64 = 1_795_464_920_000

    @Test("documents stand in columns, the id first and the name last")
    func table() throws {
        let documents = [
            try state(),
            try state(#"{"status":"failed","error":{"code":"no_text","retryable":false},"name":"scan.pdf"}"#),
            try state(#"{"status":"complete","progress":100}"#),
        ]
        let lines = DocumentTable(style: plainStyle, columns: nil, nowMilliseconds: now).lines(documents)
        #expect(
            lines == [
                "ID                                    STATUS      DONE      PAGES  UPDATED    NAME",
                "0190f3c2-0000-7000-8000-000000000001  processing   67%  610/1,000  1 min ago  policy.pdf",
                "0190f3c2-0000-7000-8000-000000000001  failed       67%  610/1,000  1 min ago  scan.pdf (no_text)",
                "0190f3c2-0000-7000-8000-000000000001  complete    100%      1,000  1 min ago  policy.pdf",
            ])
    }

    @Test("a narrow terminal gets fewer columns, but the id and the name")
    func narrow() throws {
        for columns in 60...140 {
            let table = DocumentTable(style: plainStyle, columns: columns, nowMilliseconds: now)
            for line in table.lines([try state(#"{"name":"\#(String(repeating: "n", count: 200)).pdf"}"#)]).dropFirst()
            {
                #expect(TerminalText.width(line) < columns)
                #expect(line.hasPrefix("0190f3c2-0000-7000-8000-000000000001  processing  "))
                #expect(line.hasSuffix(".pdf"))
            }
        }
    }

    @Test("hostile names stay in their line")
    func hostile() throws {
        let table = DocumentTable(style: plainStyle, columns: nil, nowMilliseconds: now)
        let lines = table.lines([try state(#"{"name":"a\n\u001b]0;x\u0007b","status":"\u001b[2J"}"#)])
        #expect(lines.count == 2)
        #expect(lines[1].hasSuffix("a ]0;xb"))
        #expect(!lines[1].unicodeScalars.contains("\u{1B}"))
    }

    @Test("a chunk shows its pages and its text, wrapped and cut")
    func chunk() throws {
        let json = try JSONValue.parse(
            #"{"index":0,"page_start":3,"page_end":4,"text":"one two\nthree four","embedding":[0.1,0.2]}"#)
        let chunk = try #require(ChunkText(json))
        #expect(
            chunk.lines(columns: 30, style: plainStyle) == [
                "chunk 1 · pages 3–4 · 2 dimensions", "  one two three four",
            ])
        #expect(chunk.lines(columns: 30, style: plainStyle, charactersMax: 7).last == "  one two…")
        #expect(ChunkText(try JSONValue.parse(#"{"index":1}"#)) == nil)
        let pageless = try #require(ChunkText(try JSONValue.parse(#"{"index":1,"text":"a"}"#)))
        #expect(pageless.lines(columns: 30, style: plainStyle) == ["chunk 2", "  a"])
    }
}
