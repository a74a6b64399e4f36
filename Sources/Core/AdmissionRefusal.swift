/// Why an upload is not taken, or goes no further.
package enum AdmissionRefusal: Error, Sendable, Equatable {
    case restarting
    /// It could never be taken.
    case tooLarge(limitBytes: Int64)
    /// An operator closed the server for it.
    case closed(LevelReport)
    case overloaded(LevelReport)
    case tooManyUploadsOfClient(max: Int)
    case tooManyUploads
    case tooManyOpenUploadsOfClient(max: Int)
    case tooManyOpenUploads
    case dailyBytesUsed(limitBytes: Int64, secondsUntilReset: Int64)
    case storageFull

    /// Its stable code, under which it is counted as well.
    package var code: String {
        switch self {
        case .restarting: "restarting"
        case .tooLarge: "too_large"
        case .closed: "uploads_closed"
        case .overloaded: "overloaded"
        case .tooManyUploadsOfClient: "too_many_uploads_of_client"
        case .tooManyUploads: "too_many_uploads"
        case .tooManyOpenUploadsOfClient: "too_many_open_uploads_of_client"
        case .tooManyOpenUploads: "too_many_open_uploads"
        case .dailyBytesUsed: "daily_bytes_used"
        case .storageFull: "storage_full"
        }
    }

    package static let codes = [
        "restarting", "too_large", "uploads_closed", "overloaded", "too_many_uploads_of_client", "too_many_uploads",
        "too_many_open_uploads_of_client", "too_many_open_uploads", "daily_bytes_used", "storage_full",
    ]

    /// When it is worth while to come again; nil: not before somebody does something.
    package var retrySeconds: Int64? {
        switch self {
        case .restarting: 2
        case .tooManyUploadsOfClient, .tooManyUploads: 5
        // Places come back when uploads end, or when nothing is heard of them.
        case .tooManyOpenUploadsOfClient, .tooManyOpenUploads: 15
        case .overloaded: 10
        case .closed: 60
        case .dailyBytesUsed(_, let seconds): seconds
        case .tooLarge, .storageFull: nil
        }
    }

    /// The same with up to half as much again, and 30 s at most: clients that were turned away together must not come
    /// back together.
    package func retrySeconds(random: UInt64) -> Int64? {
        retrySeconds.map { seconds in
            seconds + Int64(random % UInt64(min(max(seconds / 2, 2), Self.jitterSecondsMax) + 1))
        }
    }

    package static let jitterSecondsMax: Int64 = 30
}
