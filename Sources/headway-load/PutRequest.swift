import System

/// How an upload is said in HTTP.
package enum UploadWay: String, CaseIterable, Sendable {
    /// PUT of the bytes as they are.
    case put
    /// POST of a form with one file (RFC 7578).
    case multipart
    /// tus 1.0.0: creation, then PATCH with all bytes.
    case tus
}

/// The bytes around an upload's content.
package struct PutRequest {
    package var head: [UInt8]
    package var tail: [UInt8] = []

    private static let boundary = "headway-load-7f3c2a9e51d44c0b"

    private init(_ method: String, _ target: String, host: String, _ fields: [String]) {
        let lines = ["\(method) \(target) HTTP/1.1", "Host: \(host)", "Accept: */*"] + fields + ["", ""]
        head = Array(lines.joined(separator: "\r\n").utf8)
    }

    /// `{n}` in the target is the number of the upload.
    package static func target(_ template: String, number: Int) -> String {
        guard let place = template.firstRange(of: "{n}") else { return template }
        return template[..<place.lowerBound] + String(number) + template[place.upperBound...]
    }

    package static func put(_ target: String, host: String, byteCount: Int64) -> PutRequest {
        PutRequest("PUT", target, host: host, ["Content-Length: \(byteCount)"])
    }

    package static func multipart(_ target: String, host: String, byteCount: Int64) -> PutRequest {
        let front = """
            --\(boundary)\r\nContent-Disposition: form-data; name="file"; filename="content.bin"\r\n\
            Content-Type: application/octet-stream\r\n\r\n
            """
        let back = "\r\n--\(boundary)--\r\n"
        let length = Int64(front.utf8.count + back.utf8.count) + byteCount
        var request = PutRequest(
            "POST", target, host: host,
            ["Content-Type: multipart/form-data; boundary=\(boundary)", "Content-Length: \(length)"])
        request.head += Array(front.utf8)
        request.tail = Array(back.utf8)
        return request
    }

    package static func creation(_ target: String, host: String, byteCount: Int64) -> PutRequest {
        PutRequest(
            "POST", target, host: host, ["Tus-Resumable: 1.0.0", "Upload-Length: \(byteCount)", "Content-Length: 0"])
    }

    package static func patch(_ location: String, host: String, byteCount: Int64) -> PutRequest {
        PutRequest(
            "PATCH", path(of: location), host: host,
            [
                "Tus-Resumable: 1.0.0", "Upload-Offset: 0", "Content-Type: application/offset+octet-stream",
                "Content-Length: \(byteCount)",
            ])
    }

    /// What a request line takes of a Location, which may be a whole URL or begin at the root (RFC 9110 §10.2.2).
    static func path(of location: String) -> String {
        guard let scheme = location.firstRange(of: "://") else { return location }
        let rest = location[scheme.upperBound...]
        return rest.firstIndex(of: "/").map { String(rest[$0...]) } ?? "/"
    }
}
