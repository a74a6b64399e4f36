import CLinux
import Glibc

/// What this machine's kernel can take from a process. Asked once; what is missing is told by name.
package struct KernelProtection: Sendable, Equatable {
    /// The version of Landlock's interface (landlock(7)); 0: none.
    package var landlockVersion: Int32
    /// seccomp(2) with filters that end the process.
    package var filtersSystemCalls: Bool
    /// Whether a child can be given a mark that it passes on to all that it starts.
    package var marksDescendants: Bool

    package init(landlockVersion: Int32, filtersSystemCalls: Bool, marksDescendants: Bool) {
        self.landlockVersion = landlockVersion
        self.filtersSystemCalls = filtersSystemCalls
        self.marksDescendants = marksDescendants
    }

    package static let current = KernelProtection(
        landlockVersion: max(0, hw_landlock_version()),
        filtersSystemCalls: SystemCallFilter.isKnown && hw_has_seccomp(),
        marksDescendants: ProcessMark.canBeSet)

    /// One kind of protection, and what children can do where it is missing.
    package enum Kind: String, Sendable, CaseIterable {
        /// A tool can read whatever the server's user can.
        case files
        /// A tool that may start processes can signal others of the same user.
        case signals
        /// System calls that tools never need stay open to them, the network among them.
        case systemCalls = "system_calls"
        /// A descendant that left its session is not found when its document is over.
        case descendants
    }

    package func has(_ kind: Kind) -> Bool {
        switch kind {
        case .files: landlockVersion >= 1
        case .signals: landlockVersion >= 6
        case .systemCalls: filtersSystemCalls
        case .descendants: marksDescendants
        }
    }

    package var missing: [Kind] { Kind.allCases.filter { !has($0) } }
}
