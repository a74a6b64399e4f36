/// The media type a file is sent as, by the ending of its name.
package enum MediaType {
    /// What the server judges by the bytes.
    package static let unknown = "application/octet-stream"

    /// Unknown endings go as `unknown`.
    package static func of(fileName: String) -> String {
        guard let dot = fileName.lastIndex(of: ".") else { return unknown }
        switch fileName[fileName.index(after: dot)...].lowercased() {
        case "pdf": return "application/pdf"
        case "txt", "text", "log": return "text/plain"
        case "md", "markdown": return "text/markdown"
        case "html", "htm": return "text/html"
        case "xhtml": return "application/xhtml+xml"
        case "csv": return "text/csv"
        case "docx": return "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
        case "odt": return "application/vnd.oasis.opendocument.text"
        case "epub": return "application/epub+zip"
        // Not taken today; named, so that the server refuses them at once instead of after all their bytes.
        case "png": return "image/png"
        case "jpg", "jpeg": return "image/jpeg"
        case "gif": return "image/gif"
        case "webp": return "image/webp"
        case "zip": return "application/zip"
        default: return unknown
        }
    }
}
