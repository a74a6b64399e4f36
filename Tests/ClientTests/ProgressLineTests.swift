import Testing

@testable import Client

@Suite struct ProgressLineTests {
    @Test("the line says percentage, pages, rate and what remains, as far as the width goes")
    func widths() throws {
        var row = row(try state(#"{"stages":[{"name":"extracting","done":100,"total":1000}]}"#))
        row.receive(try state(), nowMilliseconds: 10_000)
        let pictures = [
            140:
                "  policy.pdf  ██████ █████████▏░░░░░ █▏ ████▎░░░   67%  reading page 610 of 1,000    51 pages/s   about 10–17 s left",
            100: "  policy.pdf  ████ ██████░░░░ █▏ ██▋░░   67%  reading page 610 of 1,000    51 pages/s   10–17 s",
            60: "  policy.pdf  ██ ███░░ ▌ █▌░   67%  610/1,000    10–17 s",
            30: "  policy.pdf   67%  610/1,000",
        ]
        for (columns, picture) in pictures { #expect(line(row, columns: columns) == picture) }
    }

    @Test("no line is wider than its terminal, whatever it shows")
    func fits() throws {
        let hostile =
            #"{"name":"報告\#(String(repeating: "a", count: 300))","stage":"\#(String(repeating: "x", count: 200))"}"#
        let failed = #"{"status":"failed","error":{"code":"c","detail":"\#(String(repeating: "long ", count: 90))"}}"#
        let changes = [
            "{}", hostile, failed, #"{"status":"complete"}"#, #"{"status":"cancelled"}"#, #"{"status":"queued"}"#,
            #"{"status":"uploading","bytes_received":1}"#, #"{"stages":[],"pages_done":9223372036854775807}"#,
        ]
        for columns in Array(21...45) + [59, 60, 80, 99, 100, 139, 140, 200] {
            for change in changes {
                for style in [plainStyle, asciiStyle, colorStyle] {
                    var offline = row(try state(change))
                    let text = line(offline, columns: columns, style: style)
                    #expect(FramePainter.visibleWidth(text) < columns, "\(columns) \(change)")
                    offline.isOffline = true
                    #expect(FramePainter.visibleWidth(line(offline, columns: columns, style: style)) < columns)
                }
            }
        }
    }

    @Test("figures that grow move nothing beside them")
    func steady() throws {
        let early = row(try state(#"{"stages":[{"name":"extracting","done":9,"total":1000}]}"#))
        let late = row(try state(#"{"stages":[{"name":"extracting","done":1000,"total":1000}]}"#))
        for columns in [60, 80, 100, 140] {
            let (first, second) = (Array(line(early, columns: columns)), Array(line(late, columns: columns)))
            #expect(first.lastIndex(of: "–") == second.lastIndex(of: "–"), "\(columns)")
        }
    }

    @Test("an ended line says how it ended and how long it took")
    func endings() throws {
        #expect(line(row(try state(#"{"status":"complete"}"#)), columns: 80).hasPrefix("✓ policy.pdf  "))
        #expect(line(row(try state(#"{"status":"complete"}"#)), columns: 80).hasSuffix("100%  1,000 pages in 20.4 s"))
        #expect(line(row(try state(#"{"status":"cancelled"}"#)), columns: 80) == "– policy.pdf  cancelled after 20.4 s")
        let failed = row(
            try state(#"{"status":"failed","error":{"code":"no_text","detail":"There is no text in it."}}"#))
        #expect(line(failed, columns: 80) == "✗ policy.pdf  failed: There is no text in it. (no_text)")
        #expect(line(failed, columns: 80, style: asciiStyle).hasPrefix("x policy.pdf"))
    }

    @Test("what went wrong is said in full once the line stays")
    func settled() throws {
        let failed = row(
            try state(
                #"{"status":"failed","error":{"code":"password_protected","detail":"The document needs a password; "#
                    + #"remove it and send it again."}}"#
            ))
        let line = ProgressLine(columns: .init(terminalColumns: 60, rows: [failed]), style: plainStyle)
        #expect(line.text(failed) == "✗ policy.pdf  failed: The document needs a password; remov…")
        #expect(
            line.settledLines(failed) == [
                "✗ policy.pdf  failed: The document needs a password; remove",
                "              it and send it again. (password_protected)",
            ])
    }

    @Test("what was only sent shows no full bar and no 100 %")
    func accepted() {
        var row = ProgressRow(name: "a.pdf")
        row.startSending(totalBytes: 1000, nowMilliseconds: 0)
        row.send(sentBytes: 1000, totalBytes: 1000, nowMilliseconds: 500)
        #expect(line(row, columns: 80).contains("  99%  "))
        row.end(.complete, words: "1.00 kB sent", nowMilliseconds: 900)
        #expect(line(row, columns: 80) == "✓ a.pdf  1.00 kB sent in 0.9 s; the server goes on with it")
    }

    @Test("rows that wait, connect or are offline say so")
    func quiet() throws {
        var row = ProgressRow(name: "a.pdf")
        #expect(line(row, columns: 80) == "  a.pdf  waiting for its turn")
        row.startWatching()
        #expect(line(row, columns: 80) == "  a.pdf  connecting")
        row.isOffline = true
        #expect(line(row, columns: 80) == "  a.pdf  offline, trying again")
    }
}
