import Testing

@testable import Core

@Suite("What pdfimages says of a page")
struct PageImagesTests {
    private static func listing(_ lines: String...) -> String {
        ([
            "page   num  type   width height color comp bpc  enc interp  object ID x-ppi y-ppi size ratio",
            String(repeating: "-", count: 96),
        ] + lines).joined(separator: "\n") + "\n"
    }

    private static func line(_ type: String, _ width: Int, _ height: Int) -> String {
        "   3     0 \(type)    \(width)  \(height)  gray    1   8  jpeg   no         5  0   200   200  104K 2.8%"
    }

    @Test("a page that shows a picture, or many strips of one, may hold text")
    func pictures() {
        #expect(PageImages.mayHoldText(Self.listing(Self.line("image", 1653, 2338))))
        #expect(PageImages.mayHoldText(Self.listing(Self.line("stencil", 100, 100))))
        let strip = Self.line("image", 1000, 4)
        #expect(PageImages.mayHoldText(Self.listing(strip, strip, strip)))
    }

    @Test("one without, with rules alone, or with masks that shape others, is blank")
    func none() {
        #expect(!PageImages.mayHoldText(Self.listing()))
        #expect(!PageImages.mayHoldText(""))
        #expect(!PageImages.mayHoldText(Self.listing(Self.line("image", 1000, 4))))
        #expect(!PageImages.mayHoldText(Self.listing(Self.line("image", 100, 99))))
        for mask in ["mask", "smask"] { #expect(!PageImages.mayHoldText(Self.listing(Self.line(mask, 1653, 2338)))) }
        #expect(!PageImages.mayHoldText(Self.listing("   3     0 image    many  of them", "image")))
    }
}
