import Blobs
import Compression
import Core
import Documents
import Hub
import JSON
import Loop
import System
import Wire

/// What a document holds as bytes: the original, the result, the text.
enum FileRoutes {
    static func content(_ exchange: Exchange, _ id: DocumentID) {
        locate(exchange, id, from: { .content($0) }) { file in
            var fields = HTTPFields()
            fields.set("Content-Type", file.contentType ?? "application/octet-stream")
            fields.set("Content-Disposition", ContentDisposition.attachment(filename: file.name))
            // What was uploaded may be anything; a browser must not run it as this site's.
            fields.set("Content-Security-Policy", "sandbox; default-src 'none'")
            return fields
        }
    }

    static func result(_ exchange: Exchange, _ id: DocumentID) {
        locate(exchange, id, from: { .result($0) }) { _ in ["Content-Type": "application/x-ndjson"] }
    }

    static func text(_ exchange: Exchange, _ id: DocumentID) {
        locate(exchange, id, from: { .text($0) }) { _ in ["Content-Type": "text/plain; charset=utf-8"] }
    }

    private static func locate(
        _ exchange: Exchange, _ id: DocumentID, from part: (DocumentID) -> DocumentFile.Part,
        _ fields: @escaping @Sendable (DocumentFile) -> HTTPFields
    ) {
        let part = part(id)
        exchange.server.shared.documents.ask(id, from: exchange.loop) { owner, answer in
            owner.file(part, then: answer)
        } then: { (result: Result<DocumentFile, DocumentRefusal>) in
            switch result {
            case .failure(.notFound): exchange.respond(.notFound)
            case .failure(let refusal): exchange.respond(Problem(refusal))
            case .success(let file) where file.isRemoved: exchange.respond(.resultExpired)
            case .success(let file) where !file.isReady && file.part.isContent && file.status.isTerminal:
                exchange.respond(.neverUploaded)
            case .success(let file) where !file.isReady:
                exchange.respond(
                    Problem(
                        409, "not_complete",
                        "The document is \(file.status.rawValue). Its \(part.name) can be had once it is "
                            + "\(part.readyWhen); watch \(StateReply.links(id, on: exchange)[1].url)."))
            case .success(let file):
                FileResponse.send(path(file, on: exchange.server), file, fields(file), on: exchange)
            }
        }
    }

    private static func path(_ file: DocumentFile, on server: LoopServer) -> String {
        let store = server.shared.store
        return switch file.part {
        case .content(let id): store.contentPath(id, token: file.contentToken)
        case .result(let id): store.resultPath(id, run: file.run ?? 0)
        case .text(let id): store.textPath(id, run: file.run ?? 0)
        }
    }
}
