/// Why a document failed, as `error` shows it. The codes are part of the contract: they never change their meaning.
package struct DocumentError: Sendable, Equatable {
    package enum Code: String, Sendable, CaseIterable {
        case memoryExceeded = "memory_exceeded"
        case timeout
        case stalled
        case crashed
        case unreadable
        case passwordProtected = "password_protected"
        case noText = "no_text"
        case unsupportedType = "unsupported_type"
        case tooLarge = "too_large"
        case expansionExceeded = "expansion_exceeded"
        case uploadInterrupted = "upload_interrupted"
        case uploadExpired = "upload_expired"
        case partsGone = "parts_gone"
        case storageFull = "storage_full"
        case storageFailed = "storage_failed"
        case extractorMissing = "extractor_missing"
        case embeddingRefused = "embedding_refused"
        case embeddingUnusable = "embedding_unusable"
        case embeddingFailed = "embedding_failed"
        case outputExceeded = "output_exceeded"
        case processesExceeded = "processes_exceeded"
        case descriptorsExceeded = "descriptors_exceeded"
        case stageFailed = "stage_failed"
        case pipelineMissing = "pipeline_missing"

        /// Whether the same bytes may well succeed on another try.
        package var isRetryable: Bool {
            switch self {
            case .memoryExceeded, .timeout, .stalled, .crashed, .storageFull, .storageFailed, .extractorMissing,
                .embeddingFailed, .pipelineMissing:
                true
            case .embeddingRefused, .embeddingUnusable, .unreadable, .passwordProtected, .noText, .unsupportedType,
                .tooLarge, .expansionExceeded, .uploadInterrupted, .uploadExpired, .partsGone, .outputExceeded,
                .processesExceeded, .descriptorsExceeded, .stageFailed:
                false
            }
        }
    }

    /// Longer words are cut: a state with its name, its metadata and its error stays below 64 KiB, however much of it
    /// must be escaped.
    package static let detailBytesMax = 1024

    package var code: String
    package private(set) var detail: String
    package var isRetryable: Bool

    package init(_ code: Code, _ detail: String) {
        self.code = code.rawValue
        self.detail = detail.cut(utf8BytesMax: Self.detailBytesMax)
        isRetryable = code.isRetryable
    }

    /// As it was recorded, whatever version wrote it.
    package init(recordedCode: String, detail: String, isRetryable: Bool) {
        code = recordedCode
        self.detail = detail.cut(utf8BytesMax: Self.detailBytesMax)
        self.isRetryable = isRetryable
    }
}
