import CLinux
import Glibc

// Theory of operation
//
// A filter is a small program that the kernel runs before each system call of a process and of all that it starts
// (seccomp(2)). This file makes such a program from a list of rules; `SystemCallRules` says which rules a profile has.
//
// What no rule names is allowed, as long as it is older than this list: a call that is newer is answered as a kernel
// answers that does not have it, and every C library then takes the older one. A call of another architecture (32 bit,
// x32) has numbers of its own, which would pass by every rule: it ends the process.
//
// The list is ours, not libseccomp's: what that would add is names for numbers, which the C headers have, and the jumps
// below. Calls are found by halving, so that the kernel, which tries all numbers when a filter is installed, takes some
// ten steps for each and not two hundred.

/// What a process hears that makes a call which it may not make.
enum SystemCallAnswer: Equatable {
    /// EPERM.
    case refuse
    /// ENOSYS: as an older kernel answers.
    case unknown
    /// EOPNOTSUPP: as a file system answers that lacks it.
    case unsupported
    /// As if it had been done.
    case pretend
    case allow
    case kill

    fileprivate var code: UInt32 {
        switch self {
        case .refuse: 0x0005_0000 | UInt32(EPERM)
        case .unknown: 0x0005_0000 | UInt32(ENOSYS)
        case .unsupported: 0x0005_0000 | UInt32(EOPNOTSUPP)
        case .pretend: 0x0005_0000
        case .allow: 0x7fff_0000
        case .kill: 0x8000_0000
        }
    }
}

/// What an argument of a call must be for a rule to hold. Arguments are told from 0; the lower half is looked at.
enum ArgumentTest: Equatable {
    case equals(Int, UInt32)
    case differs(Int, UInt32)
    case hasAny(Int, UInt32)
    case hasNone(Int, UInt32)
    /// Not zero, both halves looked at: a pointer.
    case isGiven(Int)
}

/// An answer to one call, wherever all of its tests hold.
struct SystemCallRule: Equatable {
    var number: UInt32
    var tests: [ArgumentTest]
    var answer: SystemCallAnswer

    init(_ number: Int32, _ answer: SystemCallAnswer, when tests: ArgumentTest...) {
        self.number = UInt32(number)
        self.tests = tests
        self.answer = answer
    }
}

/// A program for seccomp(2) in classic BPF.
struct SystemCallFilter {
    /// The newest call this list was made with: set_mempolicy_home_node, Linux 5.17.
    static let newestNumber: UInt32 = 450
    /// Numbers of x32 have this bit (syscall(2)).
    static let otherABI: UInt32 = 0x4000_0000

    /// AUDIT_ARCH_X86_64, AUDIT_ARCH_AARCH64.
    #if arch(x86_64)
        static let architecture: UInt32 = 0xc000_003e
    #else
        static let architecture: UInt32 = 0xc000_00b7
    #endif

    /// On other machines there is no filter; `KernelProtection` says so.
    static var isKnown: Bool {
        #if arch(x86_64) || arch(arm64)
            true
        #else
            false
        #endif
    }

    private(set) var program: [sock_filter] = []

    // Those that are entered again and again are made once. What differs beyond these three is Landlock's.
    private static let ofReaders = SystemCallFilter(
        SandboxProfile(network: .none, files: .read, startsProcesses: false).systemCallRules
    ).program
    private static let ofScripts = SystemCallFilter(
        SandboxProfile(network: .none, files: .read, startsProcesses: true).systemCallRules
    ).program
    private static let ofStages = SystemCallFilter(
        SandboxProfile(network: .none, files: .readAndWrite, startsProcesses: true).systemCallRules
    ).program

    static func program(of profile: SandboxProfile) -> [sock_filter] {
        switch (profile.network, profile.files, profile.startsProcesses) {
        case (.none, .read, false): ofReaders
        case (.none, .read, true): ofScripts
        case (.none, .readAndWrite, true): ofStages
        default: SystemCallFilter(profile.systemCallRules).program
        }
    }

    init(_ rules: [SystemCallRule]) {
        let numbers = Set(rules.map(\.number)).sorted()
        let blocks = numbers.map { number in Self.block(rules.filter { $0.number == number }) }
        // seccomp_data: number at 0, architecture at 4, arguments of eight bytes each from 16 on.
        program = [
            Self.load(4), Self.jump(BPF_JEQ, Self.architecture, yes: 1, no: 0), Self.answer(.kill),
            Self.load(0), Self.jump(BPF_JGE, Self.otherABI, yes: 0, no: 1), Self.answer(.kill),
            Self.jump(BPF_JGT, Self.newestNumber, yes: 0, no: 1), Self.answer(.unknown),
        ]
        program += Self.search(numbers[...], blocks[...])
    }

    /// Finds the call's number in an ordered list; what is not there is allowed.
    private static func search(_ numbers: ArraySlice<UInt32>, _ blocks: ArraySlice<[sock_filter]>) -> [sock_filter] {
        guard numbers.count > 3 else {
            return zip(numbers, blocks).flatMap { number, block in
                [jump(BPF_JEQ, number, yes: 0, no: UInt8(block.count))] + block
            } + [answer(.allow)]
        }
        let middle = numbers.startIndex + numbers.count / 2
        let lower = search(numbers[..<middle], blocks[..<middle])
        let upper = search(numbers[middle...], blocks[middle...])
        // A jump by condition reaches 255 steps, one without any number of them.
        let over = sock_filter(code: UInt16(BPF_JMP | BPF_JA), jt: 0, jf: 0, k: UInt32(lower.count))
        return [jump(BPF_JGE, numbers[middle], yes: 0, no: 1), over] + lower + upper
    }

    /// The rules of one call, in order; when none holds, it is allowed.
    private static func block(_ rules: [SystemCallRule]) -> [sock_filter] {
        var block: [sock_filter] = []
        for rule in rules {
            var tests: [sock_filter] = []
            // Made from the end: a test that does not hold jumps over all that follows, and the answer.
            for test in rule.tests.reversed() {
                let rest = UInt8(tests.count + 1)
                tests = steps(test, over: rest) + tests
            }
            block += tests + [answer(rule.answer)]
            if rule.tests.isEmpty { return block }
        }
        return block + [answer(.allow)]
    }

    private static func steps(_ test: ArgumentTest, over rest: UInt8) -> [sock_filter] {
        switch test {
        case .equals(let index, let value): [argument(index), jump(BPF_JEQ, value, yes: 0, no: rest)]
        case .differs(let index, let value): [argument(index), jump(BPF_JEQ, value, yes: rest, no: 0)]
        case .hasAny(let index, let bits): [argument(index), jump(BPF_JSET, bits, yes: 0, no: rest)]
        case .hasNone(let index, let bits): [argument(index), jump(BPF_JSET, bits, yes: rest, no: 0)]
        case .isGiven(let index):
            [
                argument(index), jump(BPF_JEQ, 0, yes: 0, no: 2),
                load(UInt32(16 + 8 * index + 4)), jump(BPF_JEQ, 0, yes: rest, no: 0),
            ]
        }
    }

    private static func argument(_ index: Int) -> sock_filter { load(UInt32(16 + 8 * index)) }

    private static func load(_ offset: UInt32) -> sock_filter {
        sock_filter(code: UInt16(BPF_LD | BPF_W | BPF_ABS), jt: 0, jf: 0, k: offset)
    }

    private static func jump(_ condition: Int32, _ value: UInt32, yes: UInt8, no: UInt8) -> sock_filter {
        sock_filter(code: UInt16(BPF_JMP | condition | BPF_K), jt: yes, jf: no, k: value)
    }

    private static func answer(_ answer: SystemCallAnswer) -> sock_filter {
        sock_filter(code: UInt16(BPF_RET | BPF_K), jt: 0, jf: 0, k: answer.code)
    }
}
