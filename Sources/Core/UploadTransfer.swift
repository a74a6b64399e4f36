/// One request's bytes on their way to the end of an upload: what stays of them, however that ends.
package struct UploadTransfer: Sendable, Equatable {
    package enum End: Sendable, Equatable {
        /// The request stopped between two bytes: its client or a newer one ended it, or its body is whole.
        case stopped
        /// The disk took no more, or could not be read.
        case diskRefused
        /// A sync failed. The kernel may have dropped what it could not write, and says so only once.
        case syncFailed
        /// The bytes are not what their sum says.
        case sumRefuted
    }

    /// Where it began.
    package var startBytes: Int64
    /// The client has sent a sum: until the bytes were held against it, none of them counts.
    package var awaitsSum: Bool

    package init(startBytes: Int64, awaitsSum: Bool) {
        self.startBytes = startBytes
        self.awaitsSum = awaitsSum
    }

    /// How much of the upload is left to go on from, when `written` bytes are in the file. What was durable before
    /// stays in any case.
    package func keptBytes(_ end: End, written: Int64) -> Int64 {
        switch end {
        case .syncFailed: 0
        case .sumRefuted: startBytes
        case .stopped, .diskRefused: awaitsSum ? startBytes : written
        }
    }
}
