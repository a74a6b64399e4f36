@testable import Core

/// The way of one request's bytes to the disk: `ContentSink` without its buffers and digests, which decide nothing of
/// what is kept.
final class SimulatedSink {
    private unowned let world: UploadWorld
    private let process: SimulatedProcess
    let token: Int64
    private let startBytes: Int64
    private var isNameDurable: Bool
    private var gathered: [UInt8] = []
    private var handedBytes: Int64
    private var isOpen = false
    private var isWriting = false
    private var syncsRunning = 0
    private var whenQuiet: (() -> Void)?
    private var whenIdle: [() -> Void] = []
    private var hasFailed = false
    private(set) var hasFailedSync = false
    private var isAbandoned = false
    private(set) var receivedBytes: Int64
    private(set) var writtenBytes: Int64
    var failed: (() -> Void)?

    init(_ world: UploadWorld, _ process: SimulatedProcess, token: Int64, startBytes: Int64, isNameDurable: Bool) {
        self.world = world
        self.process = process
        self.token = token
        self.startBytes = startBytes
        self.isNameDurable = isNameDurable
        (receivedBytes, handedBytes, writtenBytes) = (startBytes, startBytes, startBytes)
    }

    /// Disk work, then its outcome on the connection's loop.
    private func submit(
        _ work: @escaping () throws(SimulatedDisk.Failure) -> Void, then completion: @escaping (Bool) -> Void
    ) {
        process.diskJobs.append { [process] in
            let isGood = (try? work()) != nil
            process.connectionLetters.append { completion(isGood) }
        }
    }

    private func open() throws(SimulatedDisk.Failure) {
        if isOpen { return }
        try world.disk.open(token, startBytes: startBytes)
        isOpen = true
    }

    func write(_ bytes: [UInt8]) {
        guard !hasFailed, !isAbandoned else { return }
        receivedBytes += Int64(bytes.count)
        gathered += bytes
        writeNext()
    }

    private func writeNext() {
        guard !isWriting, !hasFailed, !gathered.isEmpty else { return }
        isWriting = true
        let piece = gathered
        gathered = []
        let offset = handedBytes
        handedBytes += Int64(piece.count)
        submit { [self] () throws(SimulatedDisk.Failure) in
            try open()
            world.checker.writes(self)
            try world.disk.write(token, piece, at: offset, &world.random)
        } then: { [self] isGood in
            isWriting = false
            if !isGood { return fail() }
            writtenBytes = offset + Int64(piece.count)
            writeNext()
            stepDone()
        }
    }

    private func stepDone() {
        if isAbandoned || hasFailed { return endIfIdle() }
        becomeQuietIfSo()
    }

    private func onceQuiet(_ body: @escaping () -> Void) {
        whenQuiet = body
        writeNext()
        becomeQuietIfSo()
    }

    private func becomeQuietIfSo() {
        guard let whenQuiet, !isWriting, syncsRunning == 0, gathered.isEmpty, !hasFailed else { return }
        self.whenQuiet = nil
        whenQuiet()
    }

    private func fail() {
        if !hasFailed {
            hasFailed = true
            dropWaiting()
        }
        endIfIdle()
    }

    private func dropWaiting() {
        gathered = []
        whenQuiet = nil
    }

    private func onceIdle(_ body: @escaping () -> Void) {
        whenIdle.append(body)
        endIfIdle()
    }

    private func endIfIdle() {
        guard isAbandoned || hasFailed, !isWriting, syncsRunning == 0 else { return }
        if isAbandoned { process.diskJobs.append { [world, token] in world.disk.remove(token) } }
        if hasFailed, let failed {
            self.failed = nil
            failed()
        }
        let answers = whenIdle
        whenIdle = []
        for answer in answers { answer() }
    }

    func pause(then completion: @escaping () -> Void) {
        if hasFailed { return onceIdle(completion) }
        onceQuiet(completion)
    }

    func syncWritten(then completion: @escaping (Int64?) -> Void) {
        let end = writtenBytes
        syncsRunning += 1
        let namesToo = !isNameDurable
        submit { [self] () throws(SimulatedDisk.Failure) in
            try open()
            try world.disk.sync(token, namesToo: namesToo, &world.random)
        } then: { [self] isGood in
            syncsRunning -= 1
            if isAbandoned { return endIfIdle() }
            guard isGood else {
                hasFailedSync = true
                fail()
                return onceIdle { completion(nil) }
            }
            isNameDurable = true
            completion(end)
            endIfIdle()
            becomeQuietIfSo()
        }
    }

    func sync(then completion: @escaping (Int64?) -> Void) {
        if hasFailed { return onceIdle { completion(nil) } }
        onceQuiet { [self] in syncWritten(then: completion) }
    }

    /// Whether the file has what `isRight` says; nil when it cannot be read.
    func verify(_ isRight: @escaping ([UInt8]) -> Bool, then completion: @escaping (Bool?) -> Void) {
        if hasFailed { return onceIdle { completion(nil) } }
        onceQuiet { [self] in
            isWriting = true
            var matches = false
            submit { [self] () throws(SimulatedDisk.Failure) in
                try open()
                let bytes = world.disk.files[token]?.bytes ?? []
                matches = isRight(Array(bytes.dropFirst(Int(startBytes)).prefix(Int(writtenBytes - startBytes))))
            } then: { [self] isGood in
                isWriting = false
                if isAbandoned { return endIfIdle() }
                completion(isGood ? matches : nil)
            }
        }
    }

    func cutBack(then completion: @escaping () -> Void) {
        if hasFailed { return onceIdle(completion) }
        onceQuiet { [self] in
            isWriting = true
            submit { [self] () throws(SimulatedDisk.Failure) in
                try open()
                world.disk.cut(token, to: startBytes)
            } then: { [self] isGood in
                isWriting = false
                if isAbandoned { return endIfIdle() }
                if !isGood {
                    fail()
                    return completion()
                }
                (receivedBytes, handedBytes, writtenBytes) = (startBytes, startBytes, startBytes)
                completion()
            }
        }
    }

    func abandon() {
        guard !isAbandoned else { return }
        isAbandoned = true
        dropWaiting()
        failed = nil
        whenIdle = []
        endIfIdle()
    }
}
