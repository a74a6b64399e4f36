/// The text of an ODT's `content.xml` (ODF 1.3 part 3).
///
/// Notes stand where they are referred to; their text comes behind all other, as in a printed book's end matter. So the
/// part is read twice where it has any: once for the body and once for the notes, and neither time is it held.
struct OpenDocumentText: XMLVocabulary {
    enum Reading { case body, notes }

    /// Styles that are kept because they begin a page.
    static let stylesMax = 10_000
    /// Spaces in a row that `text:s` may stand for.
    static let spacesMax = 256

    private let reading: Reading
    private var paragraphDepth = 0
    private var noteDepth = 0
    private var listDepth = 0
    private var styleName = ""
    private var stylesBeforePage: Set<String> = []
    private var stylesAfterPage: Set<String> = []
    private var endsPageAfter = false
    private(set) var leavesNotes = false

    init(_ reading: Reading) { self.reading = reading }

    mutating func passesOver(_ name: String, _ attributes: [XMLAttribute]) -> Bool {
        switch name {
        case "tracked-changes", "annotation", "forms", "scripts", "title", "desc", "ruby-text", "note-citation",
            "binary-data", "script":
            return true
        case "note" where reading == .body:
            leavesNotes = true
            return true
        default: return name.hasSuffix("-source")
        }
    }

    private var isRead: Bool { reading == .body || noteDepth > 0 }

    mutating func start(_ name: String, _ attributes: [XMLAttribute], _ flow: inout TextFlow) -> String? {
        switch name {
        case "style":
            styleName = attributes["name"] ?? ""
            if let page = attributes["master-page-name"], !page.isEmpty { keep(styleName, in: &stylesBeforePage) }
        case "paragraph-properties":
            if attributes["break-before"] == "page" { keep(styleName, in: &stylesBeforePage) }
            if attributes["break-after"] == "page" { keep(styleName, in: &stylesAfterPage) }
        case "note-body":
            noteDepth += 1
            flow.beginBlock(lineFeeds: 2)
        case _ where !isRead: break
        case "p", "h":
            let style = attributes["style-name"] ?? ""
            if stylesBeforePage.contains(style), reading == .body, flow.pageHasText { flow.endPage() }
            endsPageAfter = stylesAfterPage.contains(style)
            paragraphDepth += 1
            flow.beginBlock(lineFeeds: listDepth > 0 ? 1 : 2)
        case "s":
            let count = attributes["c"].flatMap { Int($0) } ?? 1
            let spaces = [UInt8](repeating: 0x20, count: min(max(0, count), Self.spacesMax))
            if paragraphDepth > 0 { flow.append(keeping: spaces) }
        case "tab": if paragraphDepth > 0 { flow.appendTab() }
        case "line-break": flow.breakLine()
        case "soft-page-break": if reading == .body, flow.pageHasText { flow.endPage() }
        case "list":
            if listDepth == 0 { flow.beginBlock(lineFeeds: 2) }
            listDepth += 1
        case "table-row": flow.beginRow()
        case "table-cell", "covered-table-cell": flow.beginCell()
        default: break
        }
        return nil
    }

    mutating func end(_ name: String, _ flow: inout TextFlow) {
        switch name {
        case "note-body": noteDepth = max(0, noteDepth - 1)
        case _ where !isRead: break
        case "p", "h":
            paragraphDepth = max(0, paragraphDepth - 1)
            flow.beginBlock(lineFeeds: 1)
            if endsPageAfter, reading == .body, flow.pageHasText { flow.endPage() }
            endsPageAfter = false
        case "list":
            listDepth = max(0, listDepth - 1)
            if listDepth == 0 { flow.beginBlock(lineFeeds: 2) }
        case "table-row": flow.endRow()
        case "table": flow.endTable()
        default: break
        }
    }

    mutating func text(_ text: [UInt8], _ flow: inout TextFlow) {
        if paragraphDepth > 0, isRead { flow.append(folding: text) }
    }

    private func keep(_ name: String, in styles: inout Set<String>) {
        if styles.count < Self.stylesMax { styles.insert(name) }
    }
}
