import Core
import Pipeline
import System
import Text
import Wire

/// The embedding service as it is configured: judged as a whole, and never shown with its key.
extension ServeConfiguration {
    static let embeddingKeyVariable = "HEADWAY_EMBEDDING_KEY"
    /// No service has keys that are longer.
    static let embeddingKeyBytesMax = 4096

    /// Nil where none is configured, or where there is a fault, which is then found.
    mutating func embeddingService() -> EmbeddingConfiguration? {
        let (url, model) = (settings.text(ServeSettings.embeddingURL), settings.text(ServeSettings.embeddingModel))
        let key = embeddingKey()
        guard !url.isEmpty else {
            let needing = [ServeSettings.embeddingModel, ServeSettings.embeddingKeyFile]
            for setting in needing where !settings.text(setting).isEmpty {
                find(setting, "give embedding_url as well, or leave this out")
            }
            return nil
        }
        guard let address = PublicURL(parsing: url)?.text else {
            find(
                ServeSettings.embeddingURL,
                "give an address such as https://api.openai.com/v1, without a query or a fragment")
            return nil
        }
        guard !model.isEmpty else {
            find(ServeSettings.embeddingURL, "give embedding_model as well: the service is asked for it")
            return nil
        }
        let dimensions = settings.number(ServeSettings.embeddingDimensions)
        return EmbeddingConfiguration(
            service: EmbedConfiguration(
                url: address.hasSuffix("/embeddings") ? address : address + "/embeddings", model: model, key: key,
                dimensions: dimensions > 0 ? dimensions : nil, asksForDimensions: dimensions > 0,
                concurrency: settings.number(ServeSettings.embeddingConcurrency),
                timeoutMilliseconds: Int64(settings.number(ServeSettings.embeddingTimeoutSeconds)) * 1000),
            batchMax: settings.number(ServeSettings.embeddingBatch))
    }

    private mutating func embeddingKey() -> String? {
        let path = settings.text(ServeSettings.embeddingKeyFile)
        let variable = ThisProcess.environmentVariable(Self.embeddingKeyVariable).flatMap { $0.isEmpty ? nil : $0 }
        if path.isEmpty {
            guard let variable else { return nil }
            guard Self.isKey(variable) else {
                find(
                    ServeSettings.embeddingKeyFile,
                    "\(Self.embeddingKeyVariable) is no key: give visible ASCII characters on one line")
                return nil
            }
            return variable
        }
        guard variable == nil else {
            find(
                ServeSettings.embeddingKeyFile,
                "give the key by this file or by \(Self.embeddingKeyVariable), not by both")
            return nil
        }
        guard let bytes = Files.contents(of: path, bytesMax: Self.embeddingKeyBytesMax + 2) else {
            find(ServeSettings.embeddingKeyFile, "name a file that can be read and holds the key")
            return nil
        }
        var key = String(decoding: bytes, as: UTF8.self)
        while let last = key.last, last.isNewline { key.removeLast() }
        guard Self.isKey(key) else {
            find(ServeSettings.embeddingKeyFile, "the file must hold one key, of visible ASCII characters on one line")
            return nil
        }
        return key
    }

    /// What can stand in a field behind "Bearer " (RFC 9110 §5.5).
    private static func isKey(_ text: String) -> Bool {
        (1...embeddingKeyBytesMax).contains(text.utf8.count) && text.utf8.allSatisfy { (0x21...0x7e).contains($0) }
    }

    /// For `--check-config`.
    var embeddingLines: [String] {
        guard let embedding else { return ["embeddings: made here, by \(HashedNGramVectorizer.name)"] }
        let key = embedding.service.key == nil ? "without a key" : "with a key"
        return ["embeddings: \(embedding.service.model) at \(embedding.service.url), \(key)"]
    }
}
