/// WordprocessingML (ECMA-376 part 1, §17): the text of a DOCX's body or of its notes.
///
/// Only `t` holds text; fields' codes, deleted runs and comments are other elements. What stands twice for older
/// readers (`mc:Fallback`) counts once. Pages end where the author says so and where the word processor last drew a
/// boundary; where both speak of the same end they count once, because no text lies between them.
struct WordText: XMLVocabulary {
    private var textDepth = 0
    private var isInProperties = false
    private var isListItem = false
    private var wasListItem = false
    private var isParagraphBegun = false
    private var endsSection = false
    private var sectionIsContinuous = false
    private var rowDepth = 0
    /// A row that goes over two pages says so in each of its cells.
    private var rowEndedPage = false

    func passesOver(_ name: String, _ attributes: [XMLAttribute]) -> Bool {
        switch name {
        case "Fallback", "del", "moveFrom", "rPr", "tblPr", "trPr", "tcPr", "tblGrid", "sdtPr", "rt": true
        // The lines that part notes from the text.
        case "footnote", "endnote": attributes["type"].map { $0 != "normal" } ?? false
        default: false
        }
    }

    mutating func start(_ name: String, _ attributes: [XMLAttribute], _ flow: inout TextFlow) -> String? {
        if isInProperties {
            startProperty(name, attributes, &flow)
            return nil
        }
        switch name {
        case "t":
            beginParagraph(&flow)
            textDepth += 1
        case "p":
            (isParagraphBegun, isListItem, endsSection) = (false, false, false)
        case "pPr": isInProperties = true
        case "tab", "ptab":
            beginParagraph(&flow)
            flow.appendTab()
        case "cr": flow.breakLine()
        case "br":
            beginParagraph(&flow)
            if attributes["type"] == "page" { flow.endPage() } else { flow.breakLine() }
        case "lastRenderedPageBreak": endPageOnce(&flow)
        case "noBreakHyphen":
            beginParagraph(&flow)
            flow.append("\u{2011}")
        case "sym":
            // Symbol fonts put their own characters where Unicode has private ones.
            if let scalar = attributes["char"].flatMap({ UInt32($0, radix: 16) }).flatMap(Unicode.Scalar.init),
                scalar.value >= 0x20, !(0xe000...0xf8ff).contains(scalar.value)
            {
                beginParagraph(&flow)
                flow.append(scalar)
            }
        case "txbxContent", "footnote", "endnote": flow.beginBlock(lineFeeds: 2)
        case "tbl": flow.beginBlock(lineFeeds: 2)
        case "tr":
            if rowDepth == 0 { rowEndedPage = false }
            rowDepth += 1
            flow.beginRow()
        case "tc": flow.beginCell()
        case "altChunk":
            flow.beginBlock(lineFeeds: 2)
            return attributes["id"]
        default: break
        }
        return nil
    }

    private mutating func startProperty(_ name: String, _ attributes: [XMLAttribute], _ flow: inout TextFlow) {
        switch name {
        case "numPr": isListItem = true
        // The built-in styles of lists number by themselves; their ids are the same in every language.
        case "pStyle": if attributes["val"]?.hasPrefix("List") ?? false { isListItem = true }
        case "pageBreakBefore":
            if !["0", "false", "off"].contains(attributes["val"]), flow.pageHasText { flow.endPage() }
        case "sectPr": (endsSection, sectionIsContinuous) = (true, false)
        case "type": if attributes["val"] == "continuous" { sectionIsContinuous = true }
        default: break
        }
    }

    mutating func end(_ name: String, _ flow: inout TextFlow) {
        if isInProperties {
            if name == "pPr" { isInProperties = false }
            return
        }
        switch name {
        case "t": textDepth = max(0, textDepth - 1)
        case "p":
            beginParagraph(&flow)
            wasListItem = isListItem
            isParagraphBegun = false
            flow.beginBlock(lineFeeds: 1)
            if endsSection, !sectionIsContinuous, flow.pageHasText { flow.endPage() }
            endsSection = false
        case "txbxContent", "footnote", "endnote": flow.beginBlock(lineFeeds: 2)
        case "tr":
            rowDepth = max(0, rowDepth - 1)
            flow.endRow()
        case "tbl": flow.endTable()
        default: break
        }
    }

    mutating func text(_ text: [UInt8], _ flow: inout TextFlow) {
        if textDepth > 0 { flow.append(folding: text) }
    }

    /// What a paragraph is is known only behind its properties.
    private mutating func beginParagraph(_ flow: inout TextFlow) {
        guard !isParagraphBegun else { return }
        isParagraphBegun = true
        flow.beginBlock(lineFeeds: isListItem && wasListItem ? 1 : 2)
    }

    private mutating func endPageOnce(_ flow: inout TextFlow) {
        guard flow.pageHasText, rowDepth == 0 || !rowEndedPage else { return }
        rowEndedPage = rowDepth > 0
        flow.endPage()
    }
}
