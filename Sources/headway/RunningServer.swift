import Blobs
import Core
import Documents
import Hub
import JSON
import Ledger
import Logging
import Loop
import Pipeline
import Server
import Synchronization
import System

// Theory of operation
//
// The main thread is loop 0: it takes signals and owns the pipeline, because what starts a child must live as long as
// the process. Everything is made before anything listens; what an earlier process left unfinished is handed to its
// owners first, so that no request can come before it.

/// All that `serve` was told.
struct ServerSettings: Sendable {
    var address: SocketAddress
    var takesNextFreePort: Bool
    var dataDirectory: String
    var loopCount: Int
    var workerCount: Int
    var policy: WorkLimits.Policy
    var chunkCharacters: Int
    var chunkOverlapCharacters: Int
    /// The service that makes the vectors; nil: the workers make them.
    var embedding: EmbeddingConfiguration?
    /// How scanned pages are recognized; nil: they are not.
    var recognition: Recognition?
    var lifetimes: Lifetimes
    var retries: RetryPolicy
    var deduplication: Deduplication
    var server: ServerConfiguration
    var live: LivePolicy
    /// Reads what may change again; nil where there is no configuration file.
    var reread: (@Sendable () -> PolicyReading)?
}

/// Why the server did not start, in words that say what to do.
struct StartFailure: Error, CustomStringConvertible {
    var description: String
}

extension BlobStore: RunPaths {}

/// A server from its start to its end.
final class RunningServer: @unchecked Sendable {
    static let diskThreadCount = 4
    static let drainMilliseconds: Int64 = 8000
    /// Uploads that are still under way then are answered with 503: the sweep finds them within a second, and they have
    /// the rest to read it.
    static let bodiesMilliseconds: Int64 = 6000
    static let endMilliseconds: Int64 = 9500
    static let drainLookMilliseconds: Int64 = 20
    static let nextPortTriesMax = 100

    private let settings: ServerSettings
    private let logger = Logger(label: "headway")
    private var loops: [EventLoop] = []
    private var servers: [LoopServer] = []
    private var ledger: Ledger?
    private let learned = LearnedRates()
    private var pipeline: Pipeline?
    private var shared: ServerShared?
    private var sampler: PressureSampler?
    private var isEnding = false

    init(_ settings: ServerSettings) { self.settings = settings }

    /// Runs until a signal ends it.
    func run() throws {
        do {
            // What the dynamic linker and the reading of options needed is not needed again.
            ProgramPages.release()
            SignalSource.ignoreBrokenPipes()
            SignalSource.waitForChildren()
            let signals = try SignalSource([SignalSource.terminate, SignalSource.interrupt, SignalSource.hangUp])
            ThisProcess.raiseOpenFilesLimit()
            let lock = try lockData()
            try endLeftovers()
            let address = try freeAddress()
            try assemble()
            try recover()
            try listen(on: address)
            ProgramPages.release()
            let first = loops[0]
            let waiting = SignalWait(signals) { [unowned self] in signalled($0) }
            _ = try first.register(waiting.raw, for: .read, handler: waiting)
            try first.run()
            withExtendedLifetime(lock) {}
        } catch let error as SystemError {
            throw StartFailure(description: "\(error)")
        }
    }

    // MARK: Starting

    private final class Lock {
        let descriptor: OwnedDescriptor
        init(_ descriptor: consuming OwnedDescriptor) { self.descriptor = descriptor }
    }

    private func lockData() throws -> Lock {
        do {
            try Files.makeDirectories(settings.dataDirectory)
            guard let descriptor = try Files.lockDirectory(settings.dataDirectory) else {
                throw StartFailure(
                    description: "another server uses the data directory \(settings.dataDirectory). Stop it, or give "
                        + "another --data.")
            }
            return Lock(descriptor)
        } catch let error as SystemError {
            throw StartFailure(description: "the data directory \(settings.dataDirectory) cannot be used (\(error)).")
        }
    }

    private func endLeftovers() throws {
        ThisProcess.adoptOrphans()
        let (found, left) = try LeftoverProcesses.end(in: settings.dataDirectory)
        guard found > 0 else { return }
        logger.notice("ended processes that an earlier server left behind", metadata: ["processes": "\(found)"])
        if left > 0 { logger.error("some of them do not die", metadata: ["processes": "\(left)"]) }
    }

    /// Looks without SO_REUSEPORT whether the port is free: with it, two servers would share one port and never know.
    private func freeAddress() throws -> SocketAddress {
        var address = settings.address
        for _ in 0..<Self.nextPortTriesMax {
            do throws(SystemError) {
                let probe = try Socket.listen(on: address, sharesPort: false)
                return try Socket.localAddress(of: probe.raw)
            } catch {
                guard error.isAddressInUse else {
                    throw StartFailure(
                        description: "\(address) cannot be listened on (\(error)). Give --listen another address.")
                }
                guard settings.takesNextFreePort, address.port < UInt16.max else {
                    throw StartFailure(
                        description: "\(address) is taken by another program. Stop it, or give another --listen "
                            + "(port 0: a free one).")
                }
                try? DescriptorIO.writeAll(
                    2, Array("headway: \(address) is taken by another program; trying the next port\n".utf8))
                address.port += 1
            }
        }
        throw StartFailure(description: "no free port from \(settings.address) on. Give --listen another one.")
    }

    private func assemble() throws {
        let directory = settings.dataDirectory
        let disk = try DiskThreads(count: Self.diskThreadCount)
        let store = try BlobStore(directory: directory, disk: disk)
        let ledger: Ledger
        do {
            ledger = try Ledger(path: "\(directory)/headway.sqlite")
        } catch {
            throw StartFailure(description: "the record \(directory)/headway.sqlite cannot be opened: \(error).")
        }
        self.ledger = ledger
        loops = try (0..<settings.loopCount).map { try EventLoop(index: $0) }
        let work = PipelineConfiguration(
            workers: settings.workerCount, policy: settings.policy, chunkCharacters: settings.chunkCharacters,
            chunkOverlapCharacters: settings.chunkOverlapCharacters, workerProgram: try ThisProcess.executablePath,
            embedding: settings.embedding, recognition: settings.recognition, pipelines: settings.server.pipelines)
        let pipeline = Pipeline(
            loop: loops[0], disk: disk, paths: store, facts: ledger, configuration: work,
            logger: Logger(label: "pipeline"))
        self.pipeline = pipeline
        let hub = Hub(loops: loops)
        // Eight hexadecimal digits tell one run of the server from another.
        let epoch = String(Randomness.integer() >> 32 | 1 << 31, radix: 16)
        var deduplication = settings.deduplication
        deduplication.workSettings = pipeline.workSettings
        let documents = Documents(
            loops: loops, hub: hub, records: ledger, bytes: store, queue: pipeline, epoch: epoch,
            lifetimes: settings.lifetimes, retries: settings.retries, deduplication: deduplication, learned: learned,
            afterDeath: try LastEnd.wasDeath(in: directory))
        let page: Page
        do {
            page = try settings.server.webRoot.map { try Page(folder: $0) } ?? Page()
        } catch let error as Page.UnreadableFolder {
            throw StartFailure(description: error.description)
        }
        let shared = ServerShared(
            configuration: settings.server, documents: documents, hub: hub, records: ledger, store: store,
            pipeline: pipeline, page: page, epoch: epoch, logger: Logger(label: "http"), policy: settings.live,
            reload: settings.reread.map { PolicyReload($0) })
        self.shared = shared
        sampler = PressureSampler(shared, loop: loops[0])
        servers = loops.map { LoopServer(loop: $0, shared: shared) }
    }

    /// Hands what an earlier process left unfinished to its owners, a page after the other, while requests are served:
    /// whoever asks for a document before its turn finds it on record, and goes on with it as well.
    private func recover() throws {
        guard let ledger, let shared, let pipeline else { return }
        let leftovers = try shared.store.leftovers()
        learned.recall(from: ledger) { [logger] recollection in
            guard case .unreadable(let reason) = recollection else { return }
            logger.notice(
                "what was learned of durations cannot be read; it is learned anew", metadata: ["reason": "\(reason)"])
        }
        learned.save(nowAndThenIn: ledger, on: loops[0])
        shared.documents.concatenation.connect { [servers] id in
            let server = servers[id.ownerIndex(of: servers.count)]
            server.loop.post { Concatenation.goOn(id, on: server, loop: server.loop) }
        }
        shared.documents.start()
        sampler?.measureAtOnce()
        loops[0].post { [sampler] in
            pipeline.start(documents: shared.documents)
            sampler?.start()
        }
        goOn(after: nil, ledger, shared)
        sweep(leftovers, ledger, shared)
        Expiry(
            documents: shared.documents, lifetimes: settings.lifetimes, records: ledger, loop: loops[0]
        ).start()
    }

    static let recoveredPageMax = 500

    private func goOn(after position: ListPosition?, _ ledger: Ledger, _ shared: ServerShared) {
        ledger.unfinished(after: position, limit: Self.recoveredPageMax) { [self] result in
            switch result {
            case .failure(let failure):
                logger.error("the record cannot be read", metadata: ["reason": "\(failure)"])
            case .success(let page):
                for record in page.records where !record.isReadable {
                    logger.error(
                        "a record cannot be read; its document is left alone", metadata: ["document": "\(record.id)"])
                }
                let since = Clock.unixMilliseconds - DocumentOwner.retainedMilliseconds
                shared.documents.recover(page.records.filter { $0.isLeftUnfinished(since: since) }.map(\.id))
                if let next = page.next { goOn(after: next, ledger, shared) }
            }
        }
    }

    private func sweep(_ leftovers: BlobStore.Leftovers, _ ledger: Ledger, _ shared: ServerShared) {
        ledger.keptBytes { [logger] result in
            guard case .success(let kept) = result else { return }
            shared.store.disk.submit {
                do throws(SystemError) {
                    let outcome = try shared.store.sweep(leftovers, keeping: kept)
                    for id in outcome.long { shared.documents.perform(id) { $0.cutBack(id) } }
                    if outcome.removed > 0 {
                        logger.notice(
                            "removed files that no document needs", metadata: ["files": "\(outcome.removed)"])
                    }
                    for id in outcome.short {
                        logger.error("bytes of an upload are lost on the disk", metadata: ["document": "\(id)"])
                    }
                } catch {
                    logger.error("the files left behind cannot be looked through", metadata: ["reason": "\(error)"])
                }
                // A name of every file was held.
                ThisProcess.releaseFreedMemory()
            }
        }
    }

    private func listen(on address: SocketAddress) throws {
        for (loop, server) in zip(loops, servers) {
            // Letters cannot carry what is not copyable; the loop owns it again on the other side.
            let raw = try Socket.listen(on: address, sharesPort: true).release()
            loop.post {
                do throws(SystemError) {
                    try server.listen(on: OwnedDescriptor(owning: raw))
                } catch {
                    preconditionFailure("\(error): a new loop takes its listener")
                }
            }
        }
        for loop in loops.dropFirst() {
            try Thread.start(named: "loop-\(loop.index)") {
                do throws(SystemError) { try loop.run() } catch {
                    preconditionFailure("\(error): the loop cannot go on")
                }
            }
        }
        // Said from the loop, after its listener is in place.
        loops[0].post { [logger] in
            try? DescriptorIO.writeAll(1, Array("listening on http://\(address)\n".utf8))
            logger.notice("listening", metadata: ["address": "\(address)"])
        }
    }

    // MARK: Ending

    private final class SignalWait: EventHandler {
        private let source: SignalSource
        private let happened: (Int32) -> Void

        var raw: Int32 { source.raw }

        init(_ source: consuming SignalSource, _ happened: @escaping (Int32) -> Void) {
            self.source = source
            self.happened = happened
        }

        func handle(_ readiness: Readiness) {
            while let signal = source.next() { happened(signal) }
        }
    }

    private func signalled(_ signal: Int32) {
        // Without a file to read again it is what a terminal says that goes away.
        if signal == SignalSource.hangUp, let shared, let reload = shared.reload, !isEnding {
            return reload.run(shared) { _ in }
        }
        if isEnding { ThisProcess.exitAtOnce(130) }
        isEnding = true
        endInAnyCase()
        LastEnd.record(in: settings.dataDirectory)
        logger.notice("ending: replies are finished, watchers are sent away, workers are stopped")
        let now = Clock.monotonicMilliseconds
        shared?.beginDraining(endMilliseconds: now + Self.bodiesMilliseconds)
        pipeline?.stop()
        for (loop, server) in zip(loops, servers) {
            loop.post { server.drain() }
        }
        look(deadline: now + Self.drainMilliseconds)
    }

    /// A disk that hangs, or a loop that does, must not keep the process: a thread of its own ends it after all.
    private func endInAnyCase() {
        try? Thread.start(named: "last-resort") {
            Thread.sleep(milliseconds: Self.endMilliseconds)
            ThisProcess.exitAtOnce(1)
        }
    }

    /// Looks again and again until every loop is quiet, or the time is over.
    private func look(deadline: Int64) {
        let busy = BusyCount(remaining: servers.count) { [unowned self] isQuiet in
            if isQuiet || Clock.monotonicMilliseconds >= deadline { return finish() }
            loops[0].schedule(afterMilliseconds: Self.drainLookMilliseconds) { [unowned self] in
                look(deadline: deadline)
            }
        }
        let home = loops[0]
        for (loop, server) in zip(loops, servers) {
            loop.post {
                let isQuiet = server.isQuiet
                home.post { busy.add(isQuiet) }
            }
        }
    }

    private final class BusyCount: @unchecked Sendable {
        private var remaining: Int
        private var isQuiet = true
        private let done: (Bool) -> Void

        init(remaining: Int, done: @escaping (Bool) -> Void) {
            self.remaining = remaining
            self.done = done
        }

        func add(_ quiet: Bool) {
            isQuiet = isQuiet && quiet
            remaining -= 1
            if remaining == 0 { done(isQuiet) }
        }
    }

    private func finish() {
        if let ledger { learned.save(in: ledger) }
        ledger?.close {
            LogWriter.shared.flush()
            ThisProcess.exitAtOnce(0)
        }
    }
}
