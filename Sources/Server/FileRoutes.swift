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

    /// One file of what a pipeline of the operator's own has made.
    static func file(_ exchange: Exchange, _ id: DocumentID, _ name: String) {
        guard OutputName.isServable(name) else { return exchange.respond(.noSuchFile) }
        locate(exchange, id, from: { .file($0, name: name) }) { _ in outputFields(name) }
    }

    private static func outputFields(_ name: String) -> HTTPFields {
        var fields = HTTPFields()
        fields.set("Content-Type", OutputName.contentType(of: name))
        fields.set("Content-Disposition", ContentDisposition.attachment(filename: name))
        // Commands make it of what anybody may have sent.
        fields.set("Content-Security-Policy", "sandbox; default-src 'none'")
        return fields
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
            case .success(let file) where file.part.isOutputFile && !file.isFromCommands:
                exchange.respond(.noSuchFile)
            case .success(let file) where !file.isReady:
                exchange.respond(
                    Problem(
                        409, "not_complete",
                        "The document is \(file.status.rawValue). Its \(part.name) can be had once it is "
                            + "\(part.readyWhen); watch \(StateReply.links(id, on: exchange)[1].url)."))
            case .success(let file) where file.isFromCommands: sendOutput(file, id, fields(file), on: exchange)
            case .success(let file):
                FileResponse.send(.init(path: path(file, on: exchange.server)), file, fields(file), on: exchange)
            }
        }
    }

    /// What commands left in the last stage's folder. One file is the result itself; of several, it is their list.
    private static func sendOutput(_ file: DocumentFile, _ id: DocumentID, _ fields: HTTPFields, on exchange: Exchange)
    {
        let store = exchange.server.shared.store
        let run = file.run ?? 0
        let folder = "\(store.stagesPath(id, run: run))/\(file.stageCount - 1)"
        switch file.part {
        case .content: FileResponse.send(.init(path: path(file, on: exchange.server)), file, fields, on: exchange)
        case .text: exchange.respond(.noText(pipeline: file.pipeline))
        case .file(_, let name):
            var file = file
            // The validator tells files of one run apart as well.
            file.validator += "-" + String(name.utf8.reduce(0 as UInt64) { $0 &* 31 &+ UInt64($1) }, radix: 36)
            FileResponse.send(.init(path: name, folder: folder), file, fields, on: exchange)
        case .result:
            guard file.fileCount == 1 else {
                return FileResponse.send(
                    .init(path: store.resultPath(id, run: run)), file, fields, on: exchange)
            }
            store.disk.submit(from: exchange.loop) {
                (try? FileTree.files(in: folder))?.first { OutputName.isServable($0.name) }?.name
            } then: { name in
                guard let name else { return exchange.respond(.noSuchFile) }
                FileResponse.send(.init(path: name, folder: folder), file, outputFields(name), on: exchange)
            }
        }
    }

    private static func path(_ file: DocumentFile, on server: LoopServer) -> String {
        let store = server.shared.store
        return switch file.part {
        case .content(let id): store.contentPath(id, token: file.contentToken)
        case .result(let id): store.resultPath(id, run: file.run ?? 0)
        case .text(let id): store.textPath(id, run: file.run ?? 0)
        case .file: preconditionFailure("a pipeline without commands leaves no files")
        }
    }
}
