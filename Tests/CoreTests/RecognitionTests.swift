import Testing

@testable import Core

@Suite("Recognition of scanned pages")
struct RecognitionTests {
    private static func size(_ width: Double, _ height: Double) -> Recognition.PageSize {
        Recognition.PageSize(width: width, height: height)
    }

    @Test("languages are names of tesseract's models and nothing that leads elsewhere")
    func languages() {
        for text in ["eng", "eng+deu", "chi_sim", "script/Latin", "osd+eng"] {
            #expect(Recognition(languages: text)?.languages == text)
        }
        for text in [
            "", "eng+", "../eng", "/etc/passwd", "-l", "eng deu", "eng;", String(repeating: "a+", count: 20) + "a",
        ] {
            #expect(Recognition(languages: text) == nil, "\(text)")
        }
        let listing = "List of available languages in \"/usr/share/tessdata/\" (2):\neng\nosd\n"
        #expect(Recognition.languageNames(inListing: listing) == ["eng", "osd"])
    }

    @Test("a page of usual size is drawn as configured, and a huge one within the bounds of a picture")
    func dotsPerInch() throws {
        let recognition = try #require(Recognition(languages: "eng", dotsPerInch: 300))
        #expect(recognition.dotsPerInch(of: Self.size(595, 842)) == 300)
        for (width, height) in [(14_400.0, 14_400.0), (595, 200_000), (1e9, 1e9), (1e12, 0.001), (2000, 3000)] {
            let dots = Double(recognition.dotsPerInch(of: Self.size(width, height)))
            #expect((1...300).contains(dots))
            // One dot an inch is as coarse as it gets.
            guard dots > 1 else { continue }
            #expect(width * height / 72 / 72 * dots * dots <= Recognition.pixelsMax)
            #expect(max(width, height) / 72 * dots <= Recognition.sidePixelsMax)
        }
    }

    @Test("a run recognizes the pages behind those that are done, none where all are, and not more than have room")
    func pages() {
        #expect(Recognition.pages(total: 12, bytes: 90_000, done: 0) == 1..<13)
        #expect(Recognition.pages(total: 12, bytes: 90_000, done: 7) == 8..<13)
        #expect(Recognition.pages(total: 12, bytes: 90_000, done: 12).isEmpty)
        #expect(Recognition.pages(total: 12, bytes: 90_000, done: 20).isEmpty)
        #expect(Recognition.pages(total: 1 << 40, bytes: 3200, done: 0) == 1..<101)
        #expect(Recognition.pages(total: 1, bytes: 5, done: 0) == 1..<2)
    }

    @Test("each page adds to the time of a run, which stays below two hours")
    func time() {
        let policy = WorkLimits.Policy(memoryBytesMax: 1 << 28)
        let plain = policy.limits(forBytes: 1000)
        let some = policy.limits(forBytes: 1000, recognizedPages: 10)
        #expect(some.wallMillisecondsMax == plain.wallMillisecondsMax + 10 * Recognition.pageSeconds * 1000)
        #expect(policy.limits(forBytes: 1000, recognizedPages: .max).wallMillisecondsMax == policy.secondsMax * 1000)
    }
}
