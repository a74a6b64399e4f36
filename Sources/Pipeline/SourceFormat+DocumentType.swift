import Core
import Wire

extension SourceFormat {
    /// How a worker reads a document of the type. What an extractor reads first comes as pages.
    init(_ type: DocumentType, readBy reader: TextReader) {
        self =
            switch type {
            case .pdf: reader == .second ? .pagesWithLineFeeds : .pages
            case .docx: .docx
            case .odt: .odt
            case .epub: .epub
            case .html: .html
            case .xhtml: .xhtml
            case .plainText, .markdown, .csv: .text
            }
    }
}
