import CLinux
import Glibc

/// A profile made ready for the kernel: entering it takes system calls alone, so that a child can do it between fork
/// and exec.
package struct Sandbox: ~Copyable {
    private let rules: LandlockRules?
    private var filter: [sock_filter]
    private let ownProcessAccess: UInt64

    /// Where the kernel lacks something, the rest is made all the same (`KernelProtection.missing`).
    package init(
        _ profile: SandboxProfile, protection: KernelProtection = .current
    ) throws(SystemError) {
        rules = try LandlockRules.make(for: profile, protection: protection)
        filter =
            protection.filtersSystemCalls
            ? SystemCallFilter.program(of: profile) : []
        let own: LandlockRights = profile.files == .none ? [] : [.read, .list]
        ownProcessAccess = own.rawValue
    }

    mutating func withRequest<Result>(_ body: (UnsafePointer<hw_sandbox>) -> Result) -> Result {
        var sandbox = hw_sandbox()
        // -1: no Landlock.
        switch rules {
        case .some(let rules): sandbox.landlock_ruleset = rules.descriptor.raw
        case nil: sandbox.landlock_ruleset = -1
        }
        sandbox.own_process_access = ownProcessAccess
        return filter.withUnsafeMutableBufferPointer { filter in
            sandbox.filter = filter.baseAddress
            sandbox.filter_count = filter.count
            return body(&sandbox)
        }
    }

    /// This process enters the profile, for good. Call it before a second thread exists: others would stay outside.
    package static func enter(
        _ profile: SandboxProfile, protection: KernelProtection = .current
    ) throws(SystemError) {
        var sandbox = try Sandbox(profile, protection: protection)
        let result = sandbox.withRequest { hw_enter_ruleset($0) == 0 ? hw_enter_filter($0) : -1 }
        if result != 0 { throw SystemError("sandbox") }
    }
}
