@testable import Core

/// The requests of `/v1/uploads/{id}` and of the document, as `ResumableUploads` and `Upload` serve them.
struct SimulatedRequests {
    let world: UploadWorld
    let process: SimulatedProcess

    private func ask<Answer>(
        _ question: @escaping (SimulatedOwner, @escaping (Answer) -> Void) -> Void,
        then completion: @escaping (Answer) -> Void
    ) {
        process.ownerLetters.append { [world, process] in
            question(world.owner) { answer in process.connectionLetters.append { completion(answer) } }
        }
    }

    private func begin(
        _ exchange: SimulatedExchange, _ append: UploadAppend? = nil,
        then body: @escaping (SimulatedOwner.Grant, SimulatedHolding) -> Void
    ) {
        let holding = SimulatedHolding(process)
        ask { owner, answer in
            owner.takeUpload(evict: { holding.happen($0) }, then: answer)
        } then: { (result: Result<SimulatedOwner.Grant, SimulatedOwner.Refusal>) in
            switch result {
            case .success(let grant):
                guard exchange.isAlive else { return release(grant) }
                body(grant, holding)
            case .failure(.conflict(.alreadyUploaded)), .failure(.conflict(.alreadyTerminal)):
                answerEnded(exchange, append)
            case .failure(.notFound): exchange.respond(.gone)
            case .failure(.storage): exchange.respond(.storage)
            case .failure(.conflict): exchange.respond(.superseded)
            }
        }
    }

    private func release(_ grant: SimulatedOwner.Grant) {
        process.ownerLetters.append { [world] in
            world.owner.releaseUpload(grant.permit, written: grant.upload.writtenBytes)
        }
    }

    func append(
        _ exchange: SimulatedExchange, _ append: UploadAppend, isRight: (([UInt8]) -> Bool)?, isDraft: Bool
    ) {
        begin(exchange, append) { grant, holding in
            take(exchange, append, grant, holding, isRight: isRight, isDraft: isDraft)
        }
    }

    private func take(
        _ exchange: SimulatedExchange, _ append: UploadAppend, _ grant: SimulatedOwner.Grant,
        _ holding: SimulatedHolding, isRight: (([UInt8]) -> Bool)?, isDraft: Bool
    ) {
        let room: UploadRoom
        do throws(AppendRefusal) {
            room = try append.room(
                written: grant.upload.writtenBytes, knownLength: grant.length, limitBytes: world.limitBytes)
        } catch {
            let refusal = error
            return settle(exchange, grant) { grant in
                release(grant)
                exchange.respond(.refused(refusal))
            }
        }
        SimulatedTransfer(
            world, process, exchange, grant: grant, room: room, bodyCompletes: append.bodyCompletes,
            isRight: isRight, isDraft: isDraft, holding: holding
        ).begin()
    }

    private func settle(
        _ exchange: SimulatedExchange, _ grant: SimulatedOwner.Grant,
        then body: @escaping (SimulatedOwner.Grant) -> Void
    ) {
        let bytes = grant.upload.writtenBytes
        guard bytes > grant.upload.acknowledgedBytes, let token = grant.upload.token else { return body(grant) }
        world.makeContentDurable(token, bytes: bytes, process) { isGood in
            process.connectionLetters.append {
                guard isGood else {
                    let transfer = UploadTransfer(startBytes: bytes, awaitsSum: false)
                    let lost = transfer.keptBytes(.syncFailed, written: bytes)
                    process.ownerLetters.append { [world] in world.owner.releaseUpload(grant.permit, written: lost) }
                    return exchange.respond(.storage)
                }
                ask { owner, answer in
                    owner.acknowledge(grant.permit, offset: bytes, then: answer)
                } then: { (result: Result<SimulatedOwner.Grant, SimulatedOwner.Refusal>) in
                    switch result {
                    case .success(let grant): body(grant)
                    case .failure:
                        release(grant)
                        exchange.respond(.storage)
                    }
                }
            }
        }
    }

    func standing(_ exchange: SimulatedExchange, isTus: Bool) {
        begin(exchange) { grant, holding in
            let written = grant.upload.writtenBytes
            if isTus, grant.upload.form == .whole, grant.length == written {
                let nothing = UploadAppend(offset: written, length: nil, bodyBytes: 0, bodyCompletes: false)
                take(exchange, nothing, grant, holding, isRight: nil, isDraft: false)
                // It has no body, so its end is there already.
                exchange.transfer?.finish()
                return
            }
            settle(exchange, grant) { grant in
                release(grant)
                let isWhole = grant.upload.form == .part && grant.length == grant.upload.acknowledgedBytes
                exchange.respond(.standing(grant.upload.acknowledgedBytes, isComplete: isWhole))
            }
        }
    }

    private func answerEnded(_ exchange: SimulatedExchange, _ append: UploadAppend?) {
        ask { owner, answer in
            owner.endedUpload(then: answer)
        } then: { (result: Result<Int64?, SimulatedOwner.Refusal>) in
            switch result {
            case .success(let bytes?): exchange.respond(.complete(bytes))
            case .success(nil): exchange.respond(.gone)
            case .failure: exchange.respond(.superseded)
            }
        }
    }

    func cancel(_ exchange: SimulatedExchange) {
        ask { owner, answer in
            owner.cancel(then: answer)
        } then: { (_: SimulatedOwner.Refusal?) in
            exchange.respond(.done)
        }
    }

    func delete(_ exchange: SimulatedExchange) {
        ask { owner, answer in
            owner.delete(then: answer)
        } then: { (_: SimulatedOwner.Refusal?) in
            exchange.respond(.done)
        }
    }

    /// PUT: all the bytes from 0, in a file of their own.
    func put(_ exchange: SimulatedExchange, _ bytes: [UInt8]) {
        let upload = SimulatedPut(world, process, exchange)
        ask { owner, answer in
            owner.beginUpload(
                evict: { reason in process.connectionLetters.append { upload.evicted(reason) } }, then: answer)
        } then: { (result: Result<SimulatedOwner.Permit, SimulatedOwner.Refusal>) in
            guard case .success(let permit) = result else { return exchange.respond(.done) }
            upload.begin(permit)
            guard exchange.isAlive else { return upload.abort() }
            upload.receive(Array(bytes.prefix(bytes.count / 2)))
            // The rest comes a little later, if at all.
            process.timers.append {
                guard exchange.isAlive else { return upload.abort() }
                upload.receive(Array(bytes.dropFirst(bytes.count / 2)))
                upload.finish()
            }
        }
    }
}

/// `Upload`, step by step.
final class SimulatedPut {
    private unowned let world: UploadWorld
    private let process: SimulatedProcess
    private let exchange: SimulatedExchange
    private let sink: SimulatedSink
    private var permit: SimulatedOwner.Permit?
    private var isOver = false

    init(_ world: UploadWorld, _ process: SimulatedProcess, _ exchange: SimulatedExchange) {
        self.world = world
        self.process = process
        self.exchange = exchange
        sink = SimulatedSink(world, process, token: world.newToken(), startBytes: 0, isNameDurable: false)
    }

    func begin(_ permit: SimulatedOwner.Permit) {
        self.permit = permit
        world.checker.begins(sink)
        sink.failed = { [weak self] in self?.refuse(.storage) }
    }

    func receive(_ bytes: [UInt8]) {
        guard !isOver else { return }
        sink.write(bytes)
    }

    func finish() {
        guard !isOver, let permit else { return }
        sink.sync { [self] bytes in
            guard !isOver else { return }
            guard let bytes else { return refuse(.storage) }
            isOver = true
            process.ownerLetters.append { [self] in
                world.owner.uploadCompleted(permit, token: sink.token, bytes: bytes) { [self] result in
                    process.connectionLetters.append { [self] in
                        switch result {
                        case .success(let bytes): exchange.respond(.complete(bytes))
                        case .failure:
                            sink.abandon()
                            exchange.respond(.superseded)
                        }
                    }
                }
            }
        }
    }

    private func lose() {
        guard !isOver, let permit else { return }
        isOver = true
        sink.abandon()
        process.ownerLetters.append { [world] in world.owner.uploadLost(permit) }
    }

    private func refuse(_ reply: SimulatedReply) {
        guard !isOver else { return }
        lose()
        exchange.respond(reply)
    }

    func abort() { lose() }

    func evicted(_ reason: SimulatedOwner.Eviction) {
        guard !isOver else { return }
        isOver = true
        sink.abandon()
        exchange.respond(reason == .cancelled ? .gone : .superseded)
    }
}
