/// How large an upload a caller may send. A megabyte is 1,000,000 bytes.
package enum Tier: String, Sendable, CaseIterable, Comparable {
    case megabytes10 = "10MB"
    case megabytes25 = "25MB"
    case megabytes50 = "50MB"
    case megabytes100 = "100MB"
    case unlimited

    /// Nil: as much as the server itself takes.
    package var limitBytes: Int64? {
        switch self {
        case .megabytes10: 10_000_000
        case .megabytes25: 25_000_000
        case .megabytes50: 50_000_000
        case .megabytes100: 100_000_000
        case .unlimited: nil
        }
    }

    package static func < (left: Tier, right: Tier) -> Bool {
        (left.limitBytes ?? .max) < (right.limitBytes ?? .max)
    }

    static let wanted = "give one of \(allCases.map(\.rawValue).joined(separator: ", "))"
}
