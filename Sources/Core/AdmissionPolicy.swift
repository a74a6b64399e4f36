/// What the server is willing to take on.
package struct AdmissionPolicy: Sendable, Equatable {
    package var uploadsMax = 1024
    /// Nil: as many as there are places.
    package var uploadsPerClientMax: Int?
    /// Uploads that were created and are not over, whether or not their bytes are arriving.
    package var openUploadsMax = 10_000
    /// Nil: as many as there are places.
    package var openUploadsPerClientMax: Int?
    /// Bytes of one client in one calendar day (UTC), whatever became of them; nil: no bound.
    package var bytesPerClientPerDayMax: Int64?
    package var diskKept: DiskKept = .standard
    /// `some avg10` at which uploads are shed; nil: it is not looked at.
    package var memoryPressurePercentMax: Double? = 40
    /// What this process may hold; nil: it is not looked at.
    package var ownMemoryBytesMax: Int64?

    package init() {}
}

/// What uploads leave free of the disk.
package enum DiskKept: Sendable, Equatable {
    /// The smaller of 5 % and 1 GiB.
    case standard
    case bytes(Int64)
    case percent(Int64)

    package static let standardBytesMax: Int64 = 1 << 30

    package func bytes(ofTotal totalBytes: Int64) -> Int64 {
        switch self {
        case .standard: min(totalBytes / 20, Self.standardBytesMax)
        case .bytes(let bytes): bytes
        case .percent(let percent): totalBytes / 100 * percent
        }
    }

    /// `1073741824` or `5%`; an empty text is the standard. Nil for what is neither.
    package init?(parsing text: String) {
        if text.isEmpty {
            self = .standard
        } else if text.hasSuffix("%") {
            guard let percent = Int64(text.dropLast()), (0...99).contains(percent) else { return nil }
            self = .percent(percent)
        } else {
            guard let bytes = Int64(text), (0...1 << 60).contains(bytes) else { return nil }
            self = .bytes(bytes)
        }
    }
}
