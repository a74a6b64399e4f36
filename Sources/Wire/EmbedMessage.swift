import JSON

// The socket between the supervisor and `headway embed` carries one JSON object a message, as a worker's does. The
// first is the configuration, with the key: arguments and environment of a process can be read by others of the same
// user.

/// How `headway embed` calls its service.
package struct EmbedConfiguration: Sendable, Equatable {
    /// The address that is called, `…/embeddings`.
    package var url: String
    package var model: String
    package var key: String?
    /// What vectors must have, and whether the service is asked for it; nil: what the first one has.
    package var dimensions: Int?
    package var asksForDimensions: Bool
    /// Calls that may be under way at once.
    package var concurrency: Int
    /// For a whole call.
    package var timeoutMilliseconds: Int64

    package init(
        url: String, model: String, key: String?, dimensions: Int?, asksForDimensions: Bool, concurrency: Int,
        timeoutMilliseconds: Int64
    ) {
        self.url = url
        self.model = model
        self.key = key
        self.dimensions = dimensions
        self.asksForDimensions = asksForDimensions
        self.concurrency = concurrency
        self.timeoutMilliseconds = timeoutMilliseconds
    }
}

/// What the supervisor says to `headway embed`.
package enum EmbedOrder: Sendable, Equatable {
    case configure(EmbedConfiguration)
    /// Beside it comes one descriptor: a worker's stream of batches.
    case serve

    package var encoded: [UInt8] {
        var writer = JSONWriter(reservingBytes: 256)
        writer.beginObject()
        switch self {
        case .configure(let configuration):
            writer.key("order"); writer.string("configure")
            writer.key("url"); writer.string(configuration.url)
            writer.key("model"); writer.string(configuration.model)
            if let key = configuration.key {
                writer.key("key"); writer.string(key)
            }
            if let dimensions = configuration.dimensions {
                writer.key("dimensions"); writer.integer(dimensions)
            }
            writer.key("asks_for_dimensions"); writer.bool(configuration.asksForDimensions)
            writer.key("concurrency"); writer.integer(configuration.concurrency)
            writer.key("timeout_milliseconds"); writer.integer(configuration.timeoutMilliseconds)
        case .serve:
            writer.key("order"); writer.string("serve")
        }
        writer.endObject()
        return writer.bytes
    }

    package init?(decoding bytes: [UInt8]) {
        guard let value = try? JSONValue.parse(bytes) else { return nil }
        switch value["order"]?.stringValue {
        case "configure":
            guard let url = value["url"]?.stringValue, let model = value["model"]?.stringValue,
                let asks = value["asks_for_dimensions"]?.boolValue,
                let concurrency = value["concurrency"]?.integerValue, concurrency > 0,
                let timeout = value["timeout_milliseconds"]?.integerValue, timeout > 0
            else { return nil }
            self = .configure(
                EmbedConfiguration(
                    url: url, model: model, key: value["key"]?.stringValue,
                    dimensions: value["dimensions"]?.integerValue.map(Int.init), asksForDimensions: asks,
                    concurrency: Int(concurrency), timeoutMilliseconds: timeout))
        case "serve": self = .serve
        default: return nil
        }
    }
}

/// What `headway embed` says. It listens to a service, so its figures are believed within bounds.
package enum EmbedReport: Sendable, Equatable {
    /// Calls or texts of one report.
    package static let countMax = Int(Int32.max)

    case ready
    /// It cannot work at all and ends: there is no libcurl.
    case broken(detail: String)
    /// The breaker changed. `state` is one of `Core.BreakerReading.State`; the next try is told from now on.
    case breaker(state: String, detail: String, nextTryMilliseconds: Int64?)
    /// Calls that ended and texts that got their vectors since the last such report; and what vectors have.
    case counted(calls: Int, failures: Int, texts: Int, dimensions: Int?)

    package var encoded: [UInt8] {
        var writer = JSONWriter(reservingBytes: 128)
        writer.beginObject()
        switch self {
        case .ready:
            writer.key("report"); writer.string("ready")
        case .broken(let detail):
            writer.key("report"); writer.string("broken")
            writer.key("detail"); writer.string(detail)
        case .breaker(let state, let detail, let nextTry):
            writer.key("report"); writer.string("breaker")
            writer.key("state"); writer.string(state)
            writer.key("detail"); writer.string(detail)
            if let nextTry {
                writer.key("next_try_milliseconds"); writer.integer(nextTry)
            }
        case .counted(let calls, let failures, let texts, let dimensions):
            writer.key("report"); writer.string("counted")
            writer.key("calls"); writer.integer(calls)
            writer.key("failures"); writer.integer(failures)
            writer.key("texts"); writer.integer(texts)
            if let dimensions {
                writer.key("dimensions"); writer.integer(dimensions)
            }
        }
        writer.endObject()
        return writer.bytes
    }

    package init?(decoding bytes: [UInt8]) {
        guard let value = try? JSONValue.parse(bytes) else { return nil }
        func count(_ key: String) -> Int? {
            value[key]?.integerValue.flatMap { 0...Int64(Self.countMax) ~= $0 ? Int($0) : nil }
        }
        switch value["report"]?.stringValue {
        case "ready": self = .ready
        case "broken":
            guard let detail = value["detail"]?.stringValue else { return nil }
            self = .broken(detail: detail)
        case "breaker":
            guard let state = value["state"]?.stringValue, let detail = value["detail"]?.stringValue else { return nil }
            let nextTry = value["next_try_milliseconds"]?.integerValue
            guard 0...WorkerReport.figureMax ~= nextTry ?? 0 else { return nil }
            self = .breaker(state: state, detail: detail, nextTryMilliseconds: nextTry)
        case "counted":
            guard let calls = count("calls"), let failures = count("failures"), let texts = count("texts") else {
                return nil
            }
            let dimensions = value["dimensions"].map { $0.integerValue ?? 0 }
            guard 1...Int64(EmbeddingReply.dimensionsMax) ~= dimensions ?? 1 else { return nil }
            self = .counted(calls: calls, failures: failures, texts: texts, dimensions: dimensions.map(Int.init))
        default: return nil
        }
    }
}
