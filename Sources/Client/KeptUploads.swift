import JSON

/// The uploads that were begun and are not whole: by them a later run finds out where to go on.
package struct KeptUploads: Equatable, Sendable {
    package struct Upload: Equatable, Sendable {
        /// As messages name it: a password in the URL is not kept.
        package var server: String
        /// Absolute.
        package var path: String
        package var stamp: FileStamp
        package var documentID: String
        /// The process that sends it, or sent it last.
        package var process: Int32
        package var keptAtSeconds: Int64

        package init(
            server: String, path: String, stamp: FileStamp, documentID: String, process: Int32, keptAtSeconds: Int64
        ) {
            self.server = server
            self.path = path
            self.stamp = stamp
            self.documentID = documentID
            self.process = process
            self.keptAtSeconds = keptAtSeconds
        }
    }

    package private(set) var uploads: [Upload] = []

    /// The server gives up on an upload long before.
    package static let keptSecondsMax: Int64 = 7 * 86_400
    /// The oldest goes when there are more.
    package static let uploadsMax = 500

    package init() {}

    package func find(server: String, path: String, stamp: FileStamp) -> Upload? {
        uploads.first { $0.server == server && $0.path == path && $0.stamp == stamp }
    }

    /// A file has one upload on a server: what was kept of an older one, or of the file as it was, is let go.
    package mutating func keep(_ upload: Upload) {
        uploads.removeAll {
            $0.server == upload.server && $0.path == upload.path
                || upload.keptAtSeconds - $0.keptAtSeconds > Self.keptSecondsMax
        }
        uploads.append(upload)
        if uploads.count > Self.uploadsMax { uploads.removeFirst(uploads.count - Self.uploadsMax) }
    }

    package mutating func drop(documentID: String) {
        uploads.removeAll { $0.documentID == documentID }
    }

    // MARK: As JSON

    /// What cannot be read is left out: a file of a later version, or a damaged one, costs a resumption and no more.
    package init(json: [UInt8]) {
        guard let whole = try? JSONValue.parse(json), case .array(let items)? = whole["uploads"] else { return }
        uploads = items.compactMap(Self.upload).suffix(Self.uploadsMax)
    }

    private static func upload(_ json: JSONValue) -> Upload? {
        guard let server = json["server"]?.stringValue, let path = json["path"]?.stringValue,
            let size = json["size_bytes"]?.integerValue, let modified = json["modified_nanoseconds"]?.integerValue,
            let id = json["document_id"]?.stringValue, let process = json["process"]?.integerValue,
            let kept = json["kept_at_seconds"]?.integerValue
        else { return nil }
        return Upload(
            server: server, path: path, stamp: FileStamp(sizeBytes: size, modifiedNanoseconds: modified),
            documentID: id, process: Int32(clamping: process), keptAtSeconds: kept)
    }

    package var json: [UInt8] {
        let items = uploads.map { upload in
            JSONValue.object([
                "server": .string(upload.server), "path": .string(upload.path),
                "size_bytes": .integer(upload.stamp.sizeBytes),
                "modified_nanoseconds": .integer(upload.stamp.modifiedNanoseconds),
                "document_id": .string(upload.documentID), "process": .integer(Int64(upload.process)),
                "kept_at_seconds": .integer(upload.keptAtSeconds),
            ])
        }
        return JSONValue.object(["uploads": .array(items)]).compactBytes
    }
}

/// What tells that a file is still the one it was.
package struct FileStamp: Equatable, Sendable {
    package var sizeBytes: Int64
    package var modifiedNanoseconds: Int64

    package init(sizeBytes: Int64, modifiedNanoseconds: Int64) {
        self.sizeBytes = sizeBytes
        self.modifiedNanoseconds = modifiedNanoseconds
    }
}
