import Blobs
import Core
import Documents
import Hub
import Loop
import System
import Wire

// Theory of operation
//
// A document that is made of parts (tus, "Concatenation") may be asked for before the parts are whole. It is put on
// record with their names; each time one of them becomes whole, `attempt` looks whether all are. Then it takes a place
// for the sum of their bytes, as every upload does, and a disk thread copies them one behind the other into the
// document's own file. From there on it is a document like any other; the parts are removed. Where there is no place
// the attempt is made again a while later, and after a restart as well. Where a part is gone the document fails.

/// Puts parts together.
package enum Concatenation {
    /// Puts the document on record and tries at once.
    static func create(
        _ upload: UploadRequest, _ document: Document, parts: [DocumentID], reserving reservation: KeyReservation?
    ) {
        let exchange = upload.exchange
        standings(of: parts, for: nil, on: exchange.server, loop: exchange.loop) { result in
            switch result {
            case .failure(let missing): upload.respond(missing.problem)
            case .success(let standings):
                guard standings.allSatisfy(\.mayBeAwaited) else { return upload.respond(Problem(.awaitedTooOften)) }
                var document = document
                let sum = PartsSum(standings.map(\.part))
                if let limit = upload.sizeLimitBytes, sum.bytes > limit {
                    return upload.respond(.tooLarge(limitBytes: limit))
                }
                if sum.isKnown { document.announce(bytesTotal: sum.bytes) }
                record(upload, document, reservation)
            }
        }
    }

    private static func record(_ upload: UploadRequest, _ document: Document, _ reservation: KeyReservation?) {
        let exchange = upload.exchange
        // Its bytes are promised to its parts; what putting them together takes it asks for when it comes to that.
        ResumableUploads.make(document, upload, declaredBytes: nil, reserving: reservation) {
            attempt(document.id, on: exchange.server, loop: exchange.loop) { outcome in
                switch outcome {
                case .complete(let event, let bytes): upload.answerComplete(event, bytes: bytes)
                case .waiting: upload.answerConcatenation(document)
                // Its client knows of nothing yet, and may ask again when there is room.
                case .refused(let problem), .postponed(let problem): upload.takeBack(problem)
                }
            }
        }
    }

    package enum Outcome: Sendable {
        case complete(EncodedEvent, bytes: Int64)
        /// Parts are missing; the attempt is made again when they are whole.
        case waiting
        case refused(Problem)
        /// There is no room for it now.
        case postponed(Problem)
    }

    /// How long after an attempt for which there was no room the next one is made.
    static let againMilliseconds: Int64 = 2000

    /// Puts the document together as soon as its parts are whole and there is room for it; nobody waits for an answer.
    package static func goOn(_ id: DocumentID, on server: LoopServer, loop: EventLoop) {
        attempt(id, on: server, loop: loop) { outcome in
            guard case .postponed = outcome else { return }
            loop.schedule(afterMilliseconds: againMilliseconds) { goOn(id, on: server, loop: loop) }
        }
    }

    /// Puts the document together if its parts are whole.
    private static func attempt(
        _ id: DocumentID, on server: LoopServer, loop: EventLoop, then completion: @escaping @Sendable (Outcome) -> Void
    ) {
        let holding = UploadHolding(loop)
        server.shared.documents.ask(id, from: loop) { owner, answer in
            owner.takeUpload(id, evict: { holding.happen($0) }, then: answer)
        } then: { (result: Result<UploadGrant, DocumentRefusal>) in
            guard case .success(let grant) = result, case .concatenation(let parts) = grant.upload.form else {
                return completion(.waiting)
            }
            let release = { @Sendable in
                server.shared.documents.perform(id) { $0.releaseUpload(grant.permit, written: 0) }
            }
            standings(of: parts, for: id, on: server, loop: loop) { result in
                let standings: [PartStanding]
                switch result {
                case .success(let found): standings = found
                case .failure(let missing):
                    release()
                    if case .storage(let failure) = missing.refusal { return completion(.refused(.storage(failure))) }
                    server.shared.documents.perform(id) { $0.failForLostPart(id) }
                    return completion(.refused(.partsGone))
                }
                let sum = PartsSum(standings.map(\.part))
                let admission = server.shared.admission
                let own = [grant.tierLimitBytes, server.shared.policy.sizeLimitBytes].compactMap { $0 }.min()
                if let limit = admission.sizeLimitBytes(own), sum.bytes > limit {
                    let words = "The parts are together larger than the \(limit) bytes that are taken."
                    server.shared.documents.perform(id) {
                        $0.failConcatenation(grant.permit, DocumentError(.tooLarge, words))
                    }
                    return completion(.refused(.tooLarge(limitBytes: limit)))
                }
                guard standings.allSatisfy(\.isComplete) else {
                    release()
                    return completion(.waiting)
                }
                switch admission.admit(request(for: sum, of: grant, sizeLimitBytes: own)) {
                case .failure(let refusal):
                    release()
                    completion(.postponed(Problem(refusal)))
                case .success(let place):
                    join(standings, grant, place, holding, on: server, loop: loop, then: completion)
                }
            }
        }
    }

    /// The copy takes room for all of its bytes. For the day count those that no part has brought.
    private static func request(
        for sum: PartsSum, of grant: UploadGrant, sizeLimitBytes: Int64?
    ) -> Admission.Request {
        var request = Admission.Request(
            client: grant.client ?? "", declaredBytes: sum.bytes, kind: .resume, sizeLimitBytes: sizeLimitBytes)
        request.upload = grant.permit.document
        request.uncountedBytes = sum.sentBytes
        return request
    }

    private static func join(
        _ parts: [PartStanding], _ grant: UploadGrant, _ place: UploadPlace, _ holding: UploadHolding,
        on server: LoopServer, loop: EventLoop, then completion: @escaping @Sendable (Outcome) -> Void
    ) {
        let (store, documents) = (server.shared.store, server.shared.documents)
        let id = grant.permit.document
        let sources = parts.compactMap { part in
            part.acknowledgedBytes == 0
                ? nil
                : ContentSource(
                    path: store.contentPath(part.document, token: part.token), bytes: part.acknowledgedBytes)
        }
        let token = Int64(Randomness.integer() >> 1)
        store.join(sources, into: id, token: token, isHashed: grant.upload.isHashed, loop: loop) { result in
            switch result {
            case .failure(let error):
                place.release(after: 0, lackingBytes: 0)
                documents.perform(id) { $0.releaseUpload(grant.permit, written: 0) }
                completion(.postponed(error.isNoSpace ? .storageFull : .storage(.failed("\(error)"))))
            case .success(let receipt):
                place.release(after: receipt.bytes)
                UploadCompletion.record(
                    receipt, grant.permit, declared: grant.contentType, pipeline: grant.pipeline, name: grant.name,
                    metadata: nil, server: server, loop: loop
                ) { result in
                    switch result {
                    case .failure(let refusal):
                        store.removeContent(of: id, token: receipt.token)
                        completion(.refused(Problem(refusal)))
                    case .success(let event):
                        for part in parts {
                            documents.perform(part.document) { $0.delete(part.document) { _ in } }
                        }
                        completion(.complete(event, bytes: receipt.bytes))
                    }
                }
            }
        }
    }

    struct Missing: Error {
        var part: DocumentID
        var refusal: DocumentRefusal

        var problem: Problem {
            if case .storage(let failure) = refusal { return .storage(failure) }
            return .noSuchPart("/v1/uploads/\(part)")
        }
    }

    /// Asks every part how it stands; each remembers who waits for it.
    private static func standings(
        of parts: [DocumentID], for document: DocumentID?, on server: LoopServer, loop: EventLoop,
        then completion: @escaping @Sendable (Result<[PartStanding], Missing>) -> Void
    ) {
        let gathering = Gathering(parts, completion)
        for (index, part) in parts.enumerated() {
            server.shared.documents.ask(part, from: loop) { owner, answer in
                owner.part(part, of: document, then: answer)
            } then: { (result: Result<PartStanding, DocumentRefusal>) in
                gathering.add(result, at: index)
            }
        }
    }

    /// Used on one loop.
    private final class Gathering: @unchecked Sendable {
        private let parts: [DocumentID]
        private var found: [PartStanding?]
        private var remaining: Int
        private var missing: Missing?
        private let completion: @Sendable (Result<[PartStanding], Missing>) -> Void

        init(_ parts: [DocumentID], _ completion: @escaping @Sendable (Result<[PartStanding], Missing>) -> Void) {
            self.parts = parts
            found = Array(repeating: nil, count: parts.count)
            remaining = parts.count
            self.completion = completion
        }

        func add(_ result: Result<PartStanding, DocumentRefusal>, at index: Int) {
            switch result {
            case .success(let standing): found[index] = standing
            case .failure(let refusal): missing = missing ?? Missing(part: parts[index], refusal: refusal)
            }
            remaining -= 1
            guard remaining == 0 else { return }
            if let missing {
                completion(.failure(missing))
            } else {
                completion(.success(found.compactMap { $0 }))
            }
        }
    }
}

extension PartStanding {
    fileprivate var part: PartsSum.Part {
        PartsSum.Part(id: document, length: length, acknowledgedBytes: acknowledgedBytes)
    }
}

extension UploadRequest {
    /// The document is on record and waits for its parts.
    func answerConcatenation(_ document: Document) {
        let standing = UploadStanding(
            offset: nil, length: document.declaredBytes, isComplete: false, expiresUnixMilliseconds: nil,
            sizeLimitBytes: nil, metadata: document.upload.metadataText,
            concatenation: document.upload.concatenationText)
        answerCreated(standing)
    }
}

extension Problem {
    static let partsGone = Problem(
        409, "parts_gone", "A part of this upload is no longer there. Upload the parts again, then put them together.")
}
