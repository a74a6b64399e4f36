// Theory of operation
//
// An upload that is created first brings its bytes by requests to come. From its creation to its end it is *open*: it
// is counted, and what it announced and has not brought yet is promised to it. So one that comes in pieces does not
// meet a full disk in its middle, and creating is bounded as sending is.
//
//   opened ──► between requests ◄──► within a request ──► closed
//                    │
//                    └──► silent for too long: not counted, nothing promised
//
// Within a request the promise is that request's (`Admission.began`); between two of them it is here. Abandoned uploads
// hold nobody up for longer than `silenceMilliseconds`. One that comes back is opened anew by its next request, as are
// all after a restart.

/// Uploads of many requests that are not over, and what is promised to them between their requests.
struct OpenUploads: Sendable {
    /// How long after its last request an upload is counted and keeps its promise.
    static let silenceMilliseconds: Int64 = 3 * 60 * 1000

    private struct Upload {
        var client: String
        var promisedBytes: Int64 = 0
        /// Requests that bring bytes. While there are any the promise is theirs.
        var requests = 0
        var heardMilliseconds: Int64 = 0
    }

    private struct Client {
        var uploads = 0
        var promisedBytes: Int64 = 0
    }

    private var uploads: [DocumentID: Upload] = [:]
    private var clients: [String: Client] = [:]
    private(set) var promisedBytes: Int64 = 0
    /// Before this nothing lapses.
    private var nextLapseMilliseconds = Int64.max

    var count: Int { uploads.count }
    func count(of client: String) -> Int { clients[client]?.uploads ?? 0 }
    func promisedBytes(of client: String) -> Int64 { clients[client]?.promisedBytes ?? 0 }

    /// What an upload is promised, and for whose day that counts.
    func promise(to id: DocumentID?) -> (client: String, bytes: Int64)? {
        id.flatMap { uploads[$0] }.map { ($0.client, $0.promisedBytes) }
    }

    /// An upload is to be created. False where one of this name is open: nothing of it changes.
    mutating func open(
        _ id: DocumentID, of client: String, promisedBytes bytes: Int64, at milliseconds: Int64
    ) -> Bool {
        guard uploads[id] == nil else { return false }
        uploads[id] = Upload(client: client)
        clients[client, default: Client()].uploads += 1
        promise(bytes, to: id, at: milliseconds)
        return true
    }

    /// A request begins, and takes the promise with it. One that is not known is opened anew, where there are fewer
    /// than `max`.
    mutating func began(_ id: DocumentID, by client: String, max: Int) {
        if uploads[id] == nil {
            guard uploads.count < max else { return }
            uploads[id] = Upload(client: client)
            clients[client, default: Client()].uploads += 1
        }
        takePromise(from: id)
        uploads[id]?.requests += 1
    }

    /// A request is over, and the upload is not. A newer request that is under way has its own promise.
    mutating func ended(_ id: DocumentID, promisedBytes bytes: Int64, at milliseconds: Int64) {
        guard let upload = uploads[id] else { return }
        uploads[id]?.requests = max(0, upload.requests - 1)
        if upload.requests <= 1 { promise(bytes, to: id, at: milliseconds) }
    }

    /// The upload is over; a second time does nothing.
    mutating func close(_ id: DocumentID) {
        takePromise(from: id)
        guard let upload = uploads.removeValue(forKey: id) else { return }
        clients[upload.client]?.uploads -= 1
        if clients[upload.client]?.uploads == 0 { clients[upload.client] = nil }
    }

    /// Forgets those of which nothing was heard for too long. Cheap where none is.
    mutating func lapse(at milliseconds: Int64) {
        guard milliseconds >= nextLapseMilliseconds else { return }
        var next = Int64.max
        for (id, upload) in uploads where upload.requests == 0 {
            let lapses = upload.heardMilliseconds + Self.silenceMilliseconds
            if lapses <= milliseconds { close(id) } else { next = min(next, lapses) }
        }
        nextLapseMilliseconds = next
    }

    private mutating func promise(_ bytes: Int64, to id: DocumentID, at milliseconds: Int64) {
        guard var upload = uploads[id] else { return }
        takePromise(from: id)
        upload.promisedBytes = bytes
        upload.heardMilliseconds = milliseconds
        upload.requests = uploads[id]?.requests ?? 0
        uploads[id] = upload
        clients[upload.client]?.promisedBytes += bytes
        promisedBytes += bytes
        nextLapseMilliseconds = min(nextLapseMilliseconds, milliseconds + Self.silenceMilliseconds)
    }

    private mutating func takePromise(from id: DocumentID) {
        guard let upload = uploads[id], upload.promisedBytes > 0 else { return }
        uploads[id]?.promisedBytes = 0
        clients[upload.client]?.promisedBytes -= upload.promisedBytes
        promisedBytes -= upload.promisedBytes
    }
}
