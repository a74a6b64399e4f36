import Core
import Hub
import Loop
import System

// Theory of operation
//
// Bytes that have come whole are looked for on record, by all that a result depends on. Where a complete document has
// the same, its files get second names as this document's, which last before the record says `complete`: a crash in
// between leaves names that no record knows, and the start removes them. Until that record the request keeps its right
// to bring the bytes, so whatever ends an upload ends this one too.
//
// Only what is complete serves. While the earlier document is still worked on, the later one is worked on as well: if
// it waited, it would fail, hang and be deleted together with a document it has nothing to do with.
//
// The earlier document may be deleted at any time. Either its files have their second names by then, or this document
// is worked on as if there had been none.

extension DocumentOwner {
    /// The files that an upload takes over in place of being worked on, and what they are.
    struct TakeOver: Sendable {
        var result: TakenResult
        /// The run and, where the bytes are shared as well, the upload that this document's files are named by.
        var files: StoredBytes
        var sharesContent: Bool
    }

    /// Answers what there is to be taken over, with its second names in place; nil when the document has to be worked
    /// on.
    func takeOver(
        _ permit: UploadPermit, _ content: UploadedContent, contentType: String,
        then answer: @escaping @Sendable (TakeOver?) -> Void
    ) {
        let id = permit.document
        guard deduplication.isOn, let document = live[id]?.document,
            let key = document.resultKey(
                sha256: content.sha256, bytes: content.bytes, contentType: contentType,
                workSettings: deduplication.workSettings)
        else { return answer(nil) }
        records.withResult(key) { [bytes, loop] found in
            guard case .success(let record?) = found, record.id != id, let run = record.outputToken,
                let earlier = Document(record), let result = earlier.result
            else { return loop.post { answer(nil) } }
            let source = StoredBytes(document: record.id, contentToken: earlier.contentToken, run: run)
            // Numbers that nothing else ever had, as an upload and a run have them.
            let target = StoredBytes(
                document: id, contentToken: Int64(Randomness.integer() >> 1), run: Int64(Randomness.integer() >> 1))
            bytes.share(source, as: target) { shared in
                loop.post {
                    switch shared {
                    case .nothing: answer(nil)
                    case .output: answer(TakeOver(result: result, files: target, sharesContent: false))
                    case .outputAndContent: answer(TakeOver(result: result, files: target, sharesContent: true))
                    }
                }
            }
        }
    }

    /// The right to bring the bytes was lost meanwhile: the second names are nobody's.
    func giveUp(_ taken: TakeOver) {
        bytes.removeOutput(of: taken.files.document, token: taken.files.run)
        if taken.sharesContent {
            bytes.removeContent(of: taken.files.document, token: taken.files.contentToken)
        }
    }
}
