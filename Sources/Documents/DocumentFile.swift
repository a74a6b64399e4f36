import Core
import Hub

/// Which bytes of a document are asked for, and whether there are any yet.
package struct DocumentFile: Sendable {
    package enum Part: Sendable {
        case content(DocumentID)
        case result(DocumentID)
        case text(DocumentID)
        /// What a pipeline of the operator's own made, by its name.
        case file(DocumentID, name: String)

        package var document: DocumentID {
            switch self {
            case .content(let id), .result(let id), .text(let id), .file(let id, _): id
            }
        }

        package var name: String {
            switch self {
            case .content: "content"
            case .result: "result"
            case .text: "text"
            case .file: "result"
            }
        }

        package var isOutputFile: Bool { if case .file = self { true } else { false } }

        package var isContent: Bool { if case .content = self { true } else { false } }

        package var readyWhen: String {
            switch self {
            case .content: "uploaded"
            case .result, .text, .file: "complete"
            }
        }
    }

    package var part: Part
    package var isFromCommands: Bool
    package var pipeline: String
    /// Files that a pipeline of the operator's own left; nil for the built-in one.
    package var fileCount: Int64?
    package var stageCount: Int
    package var isReady: Bool
    /// It was there, and has had its time.
    package var isRemoved: Bool
    package var status: DocumentStatus
    package var run: Int64?
    package var contentToken: Int64?
    package var name: String
    package var contentType: String?
    /// Changes when the bytes may have changed.
    package var validator: String
}

extension DocumentOwner {
    package func file(
        _ part: DocumentFile.Part, then answer: @escaping @Sendable (Result<DocumentFile, DocumentRefusal>) -> Void
    ) {
        let id = part.document
        find(id) { result in
            answer(
                result.map { live in
                    let document = live.document
                    // What watchers have been told counts: a result is there when they know that it is.
                    let status = live.told?.status ?? document.status
                    let isReady: Bool
                    switch part {
                    case .content: isReady = document.hasContent && status != .uploading
                    case .result, .text, .file: isReady = status == .complete && document.hasResult
                    }
                    let run = live.run.map { String($0, radix: 36) } ?? "0"
                    let validator: String
                    switch part {
                    case .content:
                        // Without a digest, the number of the upload: an id may be given again to other bytes.
                        validator =
                            document.sha256.map { String($0.prefix(32)) }
                            ?? document.contentToken.map { "c" + String($0, radix: 36) } ?? "\(id)"
                    case .result: validator = "r\(run)"
                    case .text: validator = "t\(run)"
                    // The run's files do not change; which of them it is, the URL says.
                    case .file: validator = "f\(run)"
                    }
                    return DocumentFile(
                        part: part, isFromCommands: !document.isReadByWorkers, pipeline: document.pipeline,
                        fileCount: document.isReadByWorkers ? nil : document.chunkCount,
                        stageCount: document.stages.count, isReady: isReady,
                        isRemoved: document.isResultRemoved && !part.isContent, status: status, run: live.run,
                        contentToken: document.contentToken, name: document.name,
                        contentType: document.contentType, validator: validator)
                })
        }
    }
}
