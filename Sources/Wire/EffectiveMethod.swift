extension RequestHead {
    /// What is to be done. A client whose way knows no PATCH says so in a field (tus, "X-HTTP-Method-Override"); what
    /// it gets is framed as the answer to a POST all the same.
    package var effectiveMethod: String {
        guard method == "POST", isOfUpload, let override = fields["X-HTTP-Method-Override"] else { return method }
        return override.uppercased()
    }

    /// It is about an upload that was created before.
    var isOfUpload: Bool { path.hasPrefix(UploadConcatenation.pathPrefix) }

    /// The status in whose place another one is answered, so that an upload goes on. Clients take 5xx to HEAD for the
    /// upload's end and begin again at byte 0, and give up at any 4xx but 409 and 423.
    package func statusForUploads(_ status: Int) -> Int {
        guard isOfUpload else { return status }
        switch effectiveMethod {
        case "HEAD": return status >= 500 || status == 429 ? 423 : status
        case "PATCH": return status == 408 ? 423 : status
        default: return status
        }
    }
}
