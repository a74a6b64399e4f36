import Core
import JSON
import Pipeline
import System
import Text

/// How the services stand that documents depend on, as `/readyz`, `/metrics` and `/v1/limits` tell it. Information: an
/// upload is taken whether or not its document can be worked on now.
enum DependencyReport {
    /// `"dependencies":{"embedding":{"state":"open","detail":"it answers 503","next_try_seconds":12}}`; empty where
    /// there are none.
    static func write(
        _ embedding: EmbeddingReading?, to writer: inout JSONWriter,
        nowMilliseconds now: Int64 = Clock.monotonicMilliseconds
    ) {
        writer.key("dependencies")
        writer.beginObject()
        if let breaker = embedding?.breaker {
            writer.key(Dependency.embedding.rawValue)
            writer.beginObject()
            writer.key("state"); writer.string(breaker.state.rawValue)
            writer.key("detail")
            if breaker.detail.isEmpty { writer.null() } else { writer.string(breaker.detail) }
            writer.key("next_try_seconds")
            if breaker.state == .open, let next = breaker.nextTryMilliseconds {
                writer.integer(max(0, (next - now + 999) / 1000))
            } else {
                writer.null()
            }
            writer.endObject()
        }
        writer.endObject()
    }

    /// `"embedding":{"model":"…","dimensions":1536}`: who makes the vectors of documents from now on.
    static func writeModel(_ embedding: EmbeddingReading?, to writer: inout JSONWriter) {
        writer.key("embedding")
        writer.beginObject()
        writer.key("model"); writer.string(embedding?.model ?? HashedNGramVectorizer.name)
        writer.key("dimensions")
        if let dimensions = embedding.map(\.dimensions) ?? HashedNGramVectorizer.dimensionsDefault {
            writer.integer(dimensions)
        } else {
            writer.null()
        }
        writer.endObject()
    }

    static func metrics(_ embedding: EmbeddingReading?) -> String {
        guard let embedding else { return "" }
        var text = """
            # HELP headway_dependency_breaker The breaker of a service: 1 where it is.
            # TYPE headway_dependency_breaker gauge

            """
        for state in BreakerReading.State.allCases {
            text += "headway_dependency_breaker{dependency=\"embedding\",state=\"\(state.rawValue)\"} "
            text += state == embedding.breaker.state ? "1\n" : "0\n"
        }
        let counters = [
            ("headway_embedding_calls_total", "Calls to the embedding service that ended.", embedding.calls),
            ("headway_embedding_failures_total", "Those of them that brought no vectors.", embedding.failures),
            ("headway_embedding_texts_total", "Chunks that got their vector from the service.", embedding.texts),
        ]
        for (name, help, value) in counters {
            text += "# HELP \(name) \(help)\n# TYPE \(name) counter\n\(name) \(value)\n"
        }
        return text
    }
}
