import Testing

@testable import Core

@Suite("What pdfinfo says of a document")
struct PDFInformationTests {
    @Test("the number of pages is what pdfinfo counted, whatever the document's own words look like")
    func pages() {
        for words in ["", "Title:  A report\nPages: 1\n", "Pages:  7\r\nAuthor: B\nPages: 2 pages\n"] {
            #expect(PDFInformation.pageCount(in: "\(words)JavaScript: no\nPages:           3\nEncrypted: no\n") == 3)
        }
        #expect(PDFInformation.pageCount(in: "Title: Pages: 3\n") == nil)
    }

    @Test("a number that no document has is none")
    func unbelievable() {
        for number in ["0", "-1", "\(Int64.max)", "99999999999999999999", "many", ""] {
            #expect(PDFInformation.pageCount(in: "Pages: \(number)\n") == nil, "\(number)")
        }
        let most = StageProgress.unitsMax
        #expect(PDFInformation.pageCount(in: "Pages: \(most)\n") == most)
        #expect(PDFInformation.pageCount(in: "Pages: \(most + 1)\n") == nil)
    }

    @Test("a page's size is read from what pdfinfo says of that page, behind the document's own words")
    func pageSize() {
        let spoof = "Title:  Page 9 size: 1 x 1 pts\nPage    3 size:  1 x 1 pts\n"
        let text = spoof + "Pages:           5\nPage    3 size:  595.28 x 841.89 pts (A4)\nPage    3 rot:   0\n"
        #expect(PDFInformation.size(ofPage: 3, in: text) == Recognition.PageSize(width: 595.28, height: 841.89))
        #expect(PDFInformation.size(ofPage: 2, in: text) == nil)
        for line in ["Page    1 size:  0 x 5 pts", "Page    1 size:  inf x 5 pts", "Page    1 rot:   90", ""] {
            #expect(PDFInformation.size(ofPage: 1, in: line) == nil)
        }
    }
}
