import Testing

@testable import Wire

/// A part's data read beside the decoder. That scanner and decoder agree on every body is held by the decoder's tests.
@Suite struct PartDataScannerTests {
    private func lent(boundary: String = "b", data: String = "x") throws -> (PartDataScanner, [UInt8]) {
        var decoder = MultipartDecoder(boundary: boundary)
        let body = "--\(boundary)\r\nContent-Disposition: form-data; name=\"file\"\r\n\r\n\(data)".octets
        var position = 0
        while try decoder.next(body.span, at: &position) != .needMore {}
        try #require(decoder.isDataReadable)
        let lent = decoder.lendData()
        return (lent.scanner, lent.undecided)
    }

    @Test("data is data up to the delimiter, and what stands behind it is nobody's business here")
    func extents() throws {
        let (scanner, undecided) = try lent()
        #expect(undecided == [])
        for (text, byteCount, isEnd) in [
            ("", 0, false), ("abc", 3, false), ("abc\r", 3, false), ("abc\r\n--b", 3, false), ("abc\r\n--b-", 3, false),
            ("abc\r\n--b-x", 10, false), ("abc\r\n--b \r", 3, false), ("\r\n--b\r\nmore", 0, true),
            ("abc\r\n--b--", 3, true), ("a\r\n--bx\r\n--b\t\r\n\r\n--b--", 7, true), ("\r\r\r\n--b--", 2, true),
        ] {
            let extent = scanner.extent(of: text.octets.span)
            #expect(extent == PartDataExtent(byteCount: byteCount, isEnd: isEnd), "\(text.octets)")
        }
    }

    @Test(
        "what the decoder holds back is handed over, and it is not lent while it holds what was never sent",
        arguments: [("x\r", "\r"), ("x\r\n--b", "\r\n--b"), ("x\r\n--b \t", "\r\n--b \t"), ("x\r\n--bx", "")])
    func heldBack(data: String, undecided: String) throws {
        #expect(try lent(data: data).1 == undecided.octets)
        var decoder = MultipartDecoder(boundary: "b")
        // A delimiter may stand where the data begins: its line end is the empty line's.
        let body = "--b\r\nContent-Disposition: form-data; name=\"file\"\r\n\r\n--b".octets
        var position = 0
        while try decoder.next(body.span, at: &position) != .needMore { #expect(!decoder.isDataReadable) }
        #expect(!decoder.isDataReadable)
    }

    @Test("no more is left undecided than the bound says, and so much can be")
    func undecidedBytesMax() throws {
        let boundary = String(repeating: "-", count: 70)
        let (scanner, _) = try lent(boundary: boundary)
        let longest = "\r\n--\(boundary)\(String(repeating: " ", count: 64))\r".octets
        #expect(scanner.undecidedBytesMax == longest.count)
        #expect(scanner.extent(of: ("abc".octets + longest).span) == PartDataExtent(byteCount: 3, isEnd: false))
        let longer = "abc".octets + longest + "x".octets
        #expect(scanner.extent(of: longer.span) == PartDataExtent(byteCount: longer.count, isEnd: false))
    }

    @Test("the search finds what a naive one finds, with boundaries of any length", arguments: 1...70)
    func search(length: Int) {
        var random = SeededRandom(seed: UInt64(length))
        for alphabet in ["-b", "-0123456789abcdef", "-bcdefghijklmnopqrstuvwxyz=~"] {
            let boundary = String((0..<length).map { _ in alphabet.randomElement(using: &random)! })
            let pattern = DelimiterPattern(boundary: boundary)
            let delimiter = pattern.delimiter
            for _ in 0..<20 {
                // Pieces of the delimiter, so that nearly all of it is there often, and other octets.
                var input: [UInt8] = []
                while input.count < 400 {
                    let first = Int.random(in: 0...1, using: &random)
                    input += delimiter[first..<Int.random(in: first...delimiter.count, using: &random)]
                    input += (0..<Int.random(in: 0...40, using: &random)).map { _ in
                        Bool.random(using: &random)
                            ? UInt8.random(in: 0...255, using: &random) : delimiter.randomElement(using: &random)!
                    }
                }
                let start = Int.random(in: 0...20, using: &random)
                let naive = (start..<input.count).first {
                    delimiter.starts(with: input[$0...].prefix(delimiter.count))
                }
                #expect(pattern.first(in: input.span, from: start) == naive ?? input.count, "\(boundary) in \(input)")
            }
        }
    }
}
