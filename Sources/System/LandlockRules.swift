import CLinux
import Glibc

/// Rights of landlock(7), as its interface numbers them.
struct LandlockRights: OptionSet {
    var rawValue: UInt64

    static let execute = LandlockRights(rawValue: 1 << 0)
    static let write = LandlockRights(rawValue: 1 << 1)
    static let read = LandlockRights(rawValue: 1 << 2)
    static let list = LandlockRights(rawValue: 1 << 3)
    static let truncate = LandlockRights(rawValue: 1 << 14)
    /// Removing and making of every kind except devices, which no profile may make.
    static let change = LandlockRights(
        rawValue: 1 << 4 | 1 << 5 | 1 << 7 | 1 << 8 | 1 << 9 | 1 << 10 | 1 << 12 | 1 << 13)
    /// Those that a file can have which is no folder.
    static let ofFiles: LandlockRights = [.execute, .write, .read, .truncate, LandlockRights(rawValue: 1 << 15)]

    /// All that the kernel knows, and so refuses where no rule allows it: 13 in the first version, then the change of
    /// folders (2), truncate(2) (3), and ioctl(2) on devices (5).
    static func known(toVersion version: Int32) -> LandlockRights {
        let count: UInt64 =
            switch version {
            case ...1: 13
            case 2: 14
            case 3, 4: 15
            default: 16
            }
        return LandlockRights(rawValue: 1 << count - 1)
    }
}

/// A ruleset of landlock(7): what it does not allow, a process that enters it can no longer open.
struct LandlockRules: ~Copyable {
    let descriptor: OwnedDescriptor

    /// Nil where the kernel has no Landlock.
    static func make(
        for profile: SandboxProfile, protection: KernelProtection
    ) throws(SystemError) -> LandlockRules? {
        let version = protection.landlockVersion
        guard version >= 1 else { return nil }
        let known = LandlockRights.known(toVersion: version)
        // TCP by port since version 4: to take connections (1), to make them (2). Abstract sockets (1) and signals (2)
        // of others since version 6.
        let network: UInt64 = version >= 4 ? (profile.network == .none ? 3 : 1) : 0
        let scope: UInt64 = version >= 6 ? 3 : 0
        let raw = try check("landlock_create_ruleset") { hw_landlock_create(known.rawValue, network, scope) }
        let rules = LandlockRules(descriptor: OwnedDescriptor(owning: raw))
        for path in profile.readable { try rules.allow([.read, .list], at: path, known) }
        for path in profile.executable { try rules.allow([.read, .list, .execute], at: path, known) }
        for path in profile.writable {
            try rules.allow([.read, .list, .write, .truncate, .change], at: path, known)
        }
        if let input = profile.input { try rules.allow([.read], on: input, known) }
        return rules
    }

    private func allow(_ rights: LandlockRights, at path: String, _ known: LandlockRights) throws(SystemError) {
        let raw = hw_open_path(path)
        // What is not there needs no right, and what the server cannot reach its children cannot either.
        guard raw >= 0 else { return }
        let place = OwnedDescriptor(owning: raw)
        try allow(rights, on: place.raw, known)
    }

    private func allow(_ rights: LandlockRights, on descriptor: Int32, _ known: LandlockRights) throws(SystemError) {
        var status = stat()
        _ = try check("fstat") { fstat(descriptor, &status) }
        let isFolder = status.st_mode & S_IFMT == S_IFDIR
        let access = rights.intersection(known).intersection(isFolder ? known : .ofFiles)
        guard hw_landlock_allow(self.descriptor.raw, descriptor, access.rawValue) != 0 else { return }
        // A pipe lies in no tree of files: it needs no rule and can have none.
        guard errno == EBADFD else { throw SystemError("landlock_add_rule") }
    }
}
