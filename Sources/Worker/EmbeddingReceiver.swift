import System
import Transfer
import Wire

/// Takes the answer of one call and says what came of it.
final class EmbeddingReceiver: HTTPReceiver {
    private let configuration: EmbedConfiguration
    private let done: (Result<EmbeddingVectors, EmbeddingFault>) -> Void
    private var reply: EmbeddingReply
    private var replyError: EmbeddingReplyError?
    /// The beginning of an answer that is an error.
    private var refusal: [UInt8] = []
    private var head = HTTPReplyHead()

    init(
        textCount: Int, dimensions: Int?, configuration: EmbedConfiguration,
        done: @escaping (Result<EmbeddingVectors, EmbeddingFault>) -> Void
    ) {
        reply = EmbeddingReply(textCount: textCount, dimensions: dimensions)
        self.configuration = configuration
        self.done = done
    }

    func received(_ bytes: UnsafeRawBufferPointer, head: HTTPReplyHead) -> Bool {
        self.head = head
        guard head.isSuccess else {
            refusal += bytes.prefix(ServiceWords.bodyBytesMax - refusal.count)
            return refusal.count < ServiceWords.bodyBytesMax
        }
        do throws(EmbeddingReplyError) {
            // The bytes are libcurl's for as long as this call lasts.
            try reply.receive(Span(_unsafeElements: bytes.bindMemory(to: UInt8.self)))
            return true
        } catch {
            replyError = error
            return false
        }
    }

    func ended(_ result: Result<HTTPReplyHead, HTTPFailure>) {
        switch result {
        case .success(let head):
            self.head = head
            done(head.isSuccess ? finish() : .failure(refused))
        case .failure(.unwanted): done(.failure(replyError.map(fault) ?? refused))
        // An error that was told before the connection broke is the better word.
        case .failure(.lost) where head.status >= 400: done(.failure(refused))
        case .failure(let failure): done(.failure(fault(failure)))
        }
    }

    private func finish() -> Result<EmbeddingVectors, EmbeddingFault> {
        do throws(EmbeddingReplyError) {
            return .success(try reply.finish())
        } catch {
            return .failure(fault(error))
        }
    }

    private var refused: EmbeddingFault {
        let now = Clock.unixMilliseconds
        let retryAfter = head.fields["retry-after"].flatMap { RetryAfter.milliseconds($0, nowUnixMilliseconds: now) }
        // Some services repeat the key that they refuse.
        var body = refusal
        if let key = configuration.key { body = Self.without(key, refusal) }
        return EmbeddingFault(
            status: head.status, body: body, location: head.fields["location"], retryAfterMilliseconds: retryAfter)
    }

    static func without(_ key: String, _ body: [UInt8]) -> [UInt8] {
        let secret = Array(key.utf8)
        var kept: [UInt8] = []
        var index = 0
        while index < body.count {
            if body[index...].starts(with: secret) {
                kept += Array("[key]".utf8)
                index += secret.count
            } else {
                kept.append(body[index])
                index += 1
            }
        }
        return kept
    }

    private func fault(_ error: EmbeddingReplyError) -> EmbeddingFault {
        switch error {
        case .unreadable(let detail): .passing(detail: detail)
        case .wrong(let detail): .unusable(detail: detail)
        }
    }

    private func fault(_ failure: HTTPFailure) -> EmbeddingFault {
        switch failure {
        case .timedOut: .passing(detail: "it did not answer within \(configuration.timeoutMilliseconds / 1000) s")
        case .unreachable(let words): .passing(detail: "it cannot be reached (\(words))")
        case .untrusted(let words): .passing(detail: "its certificate is not trusted (\(words))")
        case .lost(let words): .passing(detail: "the connection to it broke (\(words))")
        case .unwanted: refused
        }
    }
}
