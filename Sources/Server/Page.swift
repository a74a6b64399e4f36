import CPage
import Compression
import Crypto
import System
import Wire

/// The files of the page: built into the binary, or of a folder that is given instead. Read once, compressed once.
package struct Page: Sendable {
    struct File: Sendable {
        var type: String
        var bytes: [UInt8]
        var gzip: [UInt8]
        var tag: String
    }

    package struct UnreadableFolder: Error, CustomStringConvertible {
        package var description: String
    }

    static let folderBytesMax = 16 << 20

    private var files: [String: File] = [:]

    /// What is built in.
    package init() {
        var index = 0
        while let file = hw_page_file(index) {
            let bytes = Array(UnsafeBufferPointer(start: file.pointee.bytes, count: file.pointee.count))
            add(String(cString: file.pointee.name), bytes)
            index += 1
        }
    }

    /// The files directly in a folder; names that begin with a dot are left out.
    package init(folder: String) throws(UnreadableFolder) {
        guard let names = try? Files.names(in: folder) else {
            throw UnreadableFolder(
                description: "--web-root \(folder) cannot be read. Name a folder that holds index.html.")
        }
        for name in names where !name.hasPrefix(".") {
            if let bytes = Files.contents(of: "\(folder)/\(name)", bytesMax: Self.folderBytesMax) { add(name, bytes) }
        }
        guard files["/"] != nil else {
            throw UnreadableFolder(description: "--web-root \(folder) holds no index.html.")
        }
    }

    private mutating func add(_ name: String, _ bytes: [UInt8]) {
        let file = File(
            type: Self.type(of: name), bytes: bytes, gzip: GzipEncoder.encode(bytes, level: 9),
            tag: String(Digest.hexadecimal(Digest.of(bytes.span, .sha256)).prefix(20)))
        files["/\(name)"] = file
        if name == "index.html" { files["/"] = file }
    }

    func has(path: String) -> Bool { files[path] != nil }
    func file(at path: String) -> File? { files[path] }

    private static func type(of name: String) -> String {
        switch name.split(separator: ".").last {
        case "html": "text/html; charset=utf-8"
        case "js": "text/javascript; charset=utf-8"
        case "css": "text/css; charset=utf-8"
        case "svg": "image/svg+xml"
        case "png": "image/png"
        case "pdf": "application/pdf"
        case "json": "application/json"
        default: "application/octet-stream"
        }
    }
}

enum PageRoutes {
    static func file(_ exchange: Exchange) {
        guard let file = exchange.server.shared.page.file(at: exchange.head.path) else {
            return exchange.respond(.noSuchRoute)
        }
        let isCoded =
            AcceptField.acceptsGzip(exchange.head.fields["Accept-Encoding"]) && file.gzip.count < file.bytes.count
        let tag = isCoded ? "\"\(file.tag)-gzip\"" : "\"\(file.tag)\""
        var fields: HTTPFields = [
            "Content-Type": file.type, "ETag": tag, "Cache-Control": "no-cache", "Vary": "Accept-Encoding",
            "Content-Security-Policy":
                "default-src 'self'; connect-src *; img-src 'self' data:; base-uri 'none'; frame-ancestors 'self'",
            "Referrer-Policy": "no-referrer",
        ]
        if let asked = exchange.head.fields["If-None-Match"], EntityTag.matches(ifNoneMatch: asked, tag: tag) {
            return exchange.respond(304, fields, [])
        }
        if isCoded { fields.set("Content-Encoding", "gzip") }
        exchange.respond(200, fields, isCoded ? file.gzip : file.bytes)
    }
}
