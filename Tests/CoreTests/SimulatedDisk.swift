/// A disk under uploads: what processes see of it, and what would be left if the machine stopped now.
struct SimulatedDisk {
    /// What the machine can do wrong, once each time it is set.
    struct Trouble {
        /// The next write fails, after some of its bytes.
        var isFull = false
        /// The next sync fails; what it could not write is dropped, and the one after it says that all is well.
        var failsSync = false
    }

    struct File: Equatable {
        /// What a process reads.
        var bytes: [UInt8] = []
        /// What the disk has.
        var kept: [UInt8] = []
        /// Bytes that the next sync writes; of those that are not here the system believes that the disk has them.
        var dirty: Set<Int> = []
        var hasKeptName = false

        mutating func put(_ byte: UInt8, at index: Int) {
            while bytes.count <= index {
                dirty.insert(bytes.count)
                bytes.append(0)
            }
            bytes[index] = byte
            dirty.insert(index)
        }

        mutating func writeBack(_ index: Int) {
            guard index < bytes.count else { return }
            while kept.count <= index { kept.append(0xee) }
            kept[index] = bytes[index]
        }

        /// Its first bytes are there after a power cut, too.
        func isSafe(_ count: Int64) -> Bool {
            hasKeptName && kept.count >= count && bytes.count >= count
                && kept.prefix(Int(count)) == bytes.prefix(Int(count))
        }
    }

    struct Failure: Error {}

    var trouble = Trouble()
    private(set) var files: [Int64: File] = [:]
    /// Removed, and not yet for good.
    private var removed: [Int64: File] = [:]

    /// Opens it as `ContentFile` does: what lies behind `startBytes` is cut off.
    mutating func open(_ token: Int64, startBytes: Int64) throws(Failure) {
        guard var file = files[token] ?? (startBytes == 0 ? File() : nil) else { throw Failure() }
        if file.bytes.count < startBytes { throw Failure() }
        file.bytes.removeLast(file.bytes.count - Int(startBytes))
        file.dirty = file.dirty.filter { $0 < startBytes }
        files[token] = file
    }

    mutating func write(_ token: Int64, _ bytes: [UInt8], at offset: Int64, _ random: inout SeededRandom)
        throws(Failure)
    {
        // An open file whose name is gone takes what is written, and nobody sees it.
        guard var file = files[token] else { return }
        let count = trouble.isFull ? Int.random(in: 0..<max(bytes.count, 1), using: &random) : bytes.count
        for index in 0..<count { file.put(bytes[index], at: Int(offset) + index) }
        // The system may write back at any time.
        for index in file.dirty.sorted() where random.oneIn(4) { file.writeBack(index) }
        files[token] = file
        if trouble.isFull {
            trouble.isFull = false
            throw Failure()
        }
    }

    mutating func cut(_ token: Int64, to byteCount: Int64) {
        guard var file = files[token] else { return }
        file.bytes.removeLast(max(0, file.bytes.count - Int(byteCount)))
        file.dirty = file.dirty.filter { $0 < byteCount }
        files[token] = file
    }

    mutating func sync(_ token: Int64, namesToo: Bool, _ random: inout SeededRandom) throws(Failure) {
        guard var file = files[token] else { return }
        let fails = trouble.failsSync
        trouble.failsSync = false
        for index in file.dirty.sorted() where !fails || random.oneIn(2) { file.writeBack(index) }
        file.dirty = []
        if !fails {
            file.kept.removeLast(max(0, file.kept.count - file.bytes.count))
            if namesToo { file.hasKeptName = true }
        }
        files[token] = file
        if fails { throw Failure() }
    }

    mutating func remove(_ token: Int64) {
        if let file = files.removeValue(forKey: token), file.hasKeptName { removed[token] = file }
    }

    /// The machine stops: what was not synced is there or not, in any mixture.
    mutating func stop(_ random: inout SeededRandom) {
        for (token, file) in removed.sorted(by: { $0.key < $1.key }) where random.oneIn(2) { files[token] = file }
        removed = [:]
        for (token, var file) in files.sorted(by: { $0.key < $1.key }) {
            if !file.hasKeptName && random.oneIn(2) {
                files[token] = nil
                continue
            }
            for index in file.dirty.sorted() where random.oneIn(2) { file.writeBack(index) }
            // A cut that was not synced may be undone, and a longer file may have come.
            file.bytes = file.kept
            file.dirty = []
            file.hasKeptName = true
            files[token] = file
        }
    }
}
