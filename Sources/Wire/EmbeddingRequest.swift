import JSON

/// The body of `POST /v1/embeddings`: `{"model":…,"input":[…]}` (OpenAI's API reference, "Create embeddings").
///
/// `encoding_format` is left to the service: numbers are what every one of them answers with when nobody asks.
package enum EmbeddingRequest {
    /// `dimensions` is asked for only where somebody said how many: not every service knows the word.
    package static func body(model: String, dimensions: Int?, texts: some Sequence<String>) -> [UInt8] {
        var writer = JSONWriter(reservingBytes: 64 * 1024)
        writer.beginObject()
        writer.key("model"); writer.string(model)
        if let dimensions {
            writer.key("dimensions"); writer.integer(dimensions)
        }
        writer.key("input")
        writer.beginArray()
        for text in texts { writer.string(text) }
        writer.endArray()
        writer.endObject()
        return writer.bytes
    }
}

/// What went wrong with a call to the embedding service, as far as what to do next depends on it.
package enum EmbeddingFault: Error, Sendable, Equatable {
    /// It will not do it, and would not when asked again. `detail` is a sentence for the document.
    case refused(detail: String)
    /// It answered with something else than was asked for.
    case unusable(detail: String)
    /// Too much at once: half of it may do.
    case tooLarge
    /// It cannot just now. `detail` completes "Waiting for the embedding service: …".
    case passing(detail: String, retryAfterMilliseconds: Int64? = nil)
}

extension EmbeddingFault {
    /// What a status other than 200 to 299 means. `body` is the beginning of the answer.
    package init(status: Int, body: [UInt8], location: String?, retryAfterMilliseconds: Int64?) {
        let words = ServiceWords.of(body).map { " (\($0))" } ?? ""
        switch status {
        case 401, 403:
            // Its words may quote the key, so they are not told.
            self = .refused(
                detail: "The embedding service refuses the key (\(status)). Check --embedding-key-file or "
                    + "HEADWAY_EMBEDDING_KEY.")
        case 413: self = .tooLarge
        case 408, 425, 429, 500...599:
            self = .passing(detail: "it answers \(status)\(words)", retryAfterMilliseconds: retryAfterMilliseconds)
        case 300...399:
            // The key is for the address that was configured, so it is not carried elsewhere.
            let target = location.map { " to \($0.prefix(Self.locationCharactersMax))" } ?? ""
            self = .refused(
                detail: "The embedding service answers with a redirection\(target) (\(status)). Give the address "
                    + "itself as --embedding-url.")
        default:
            self = .refused(
                detail: "The embedding service refuses the request: it answers \(status)\(words). Check "
                    + "--embedding-url, --embedding-model and --embedding-dimensions.")
        }
    }

    package static let locationCharactersMax = 200
}

/// What a service says of an error, in one line that is fit to be shown.
package enum ServiceWords {
    /// Of an answer that is an error, no more is read.
    package static let bodyBytesMax = 16 * 1024
    package static let charactersMax = 200

    /// `{"error":{"message":…}}` as OpenAI and vLLM have it, `{"error":"…"}` as Ollama and text-embeddings-inference,
    /// `{"message":…}`, `{"detail":…}` as FastAPI; else the first line, unless it is a page for browsers.
    package static func of(_ body: [UInt8]) -> String? {
        let text: String
        if let json = try? JSONValue.parse(body) {
            let said = [json["error"]?["message"], json["error"], json["message"], json["detail"], json]
            guard let found = said.lazy.compactMap({ $0?.stringValue }).first else { return nil }
            text = found
        } else {
            text = String(decoding: body.prefix(bodyBytesMax), as: UTF8.self)
            if text.drop(while: \.isWhitespace).first == "<" { return nil }
        }
        var line = ""
        for character in text.drop(while: \.isWhitespace) {
            if character.isNewline { break }
            let isControl = character.unicodeScalars.contains { $0.properties.generalCategory == .control }
            line.append(isControl ? " " : character)
            if line.count == charactersMax { break }
        }
        return line.isEmpty ? nil : line
    }
}
