import CLinux
import Glibc
import Testing

@testable import System

// Goal: the jumps of a filter lead where its rules say. Method: an interpreter of classic BPF runs each profile's
// program for every number and a few arguments, and its answer is held against the rules read one after the other.
@Suite("System call filters")
struct SystemCallFilterTests {
    struct Call {
        var architecture = SystemCallFilter.architecture
        var number: UInt32
        var arguments: [UInt64]

        func word(at offset: UInt32) -> UInt32 {
            switch offset {
            case 0: number
            case 4: architecture
            default: UInt32(truncatingIfNeeded: arguments[Int(offset - 16) / 8] >> (offset % 8 == 4 ? 32 : 0))
            }
        }
    }

    static func run(_ program: [sock_filter], _ call: Call) -> UInt32? {
        var accumulator: UInt32 = 0
        var index = 0
        while program.indices.contains(index) {
            let step = program[index]
            index += 1
            let holds: Bool
            switch Int32(step.code) {
            case BPF_LD | BPF_W | BPF_ABS:
                accumulator = call.word(at: step.k)
                continue
            case BPF_RET | BPF_K: return step.k
            case BPF_JMP | BPF_JA:
                index += Int(step.k)
                continue
            case BPF_JMP | BPF_JEQ | BPF_K: holds = accumulator == step.k
            case BPF_JMP | BPF_JGE | BPF_K: holds = accumulator >= step.k
            case BPF_JMP | BPF_JGT | BPF_K: holds = accumulator > step.k
            case BPF_JMP | BPF_JSET | BPF_K: holds = accumulator & step.k != 0
            default: return nil
            }
            index += Int(holds ? step.jt : step.jf)
        }
        return nil
    }

    static func expected(_ rules: [SystemCallRule], _ call: Call) -> SystemCallAnswer {
        guard call.architecture == SystemCallFilter.architecture, call.number < SystemCallFilter.otherABI else {
            return .kill
        }
        guard call.number <= SystemCallFilter.newestNumber else { return .unknown }
        let rule = rules.first { rule in
            rule.number == call.number
                && rule.tests.allSatisfy { test in
                    switch test {
                    case .equals(let index, let value): UInt32(truncatingIfNeeded: call.arguments[index]) == value
                    case .differs(let index, let value): UInt32(truncatingIfNeeded: call.arguments[index]) != value
                    case .hasAny(let index, let bits): UInt32(truncatingIfNeeded: call.arguments[index]) & bits != 0
                    case .hasNone(let index, let bits): UInt32(truncatingIfNeeded: call.arguments[index]) & bits == 0
                    case .isGiven(let index): call.arguments[index] != 0
                    }
                }
        }
        return rule?.answer ?? .allow
    }

    static let codes: [(SystemCallAnswer, UInt32)] = [
        (.refuse, 0x5_0001), (.unknown, 0x5_0026), (.unsupported, 0x5_005f), (.pretend, 0x5_0000),
        (.allow, 0x7fff_0000), (.kill, 0x8000_0000),
    ]

    @Test(
        "every number and argument has the answer of its rules",
        arguments: [
            SandboxProfile.worker, .embedder, .extractor(input: 0, program: Program(path: "/bin/true")),
            .stage(input: 0, program: Program(path: "/bin/true"), outputDirectory: "/"),
        ])
    func answers(profile: SandboxProfile) throws {
        let program = SystemCallFilter.program(of: profile)
        // seccomp(2): BPF_MAXINSNS.
        #expect(program.count <= 4096)
        let rules = profile.systemCallRules
        let values: [UInt64] = [
            0, 1, 2, 5, 8, 9, 10, 16, 0x5412, 0x1_0000, 0x8_0001, 0x8_0801, 0x1000_0000, 1 << 32, .max,
        ]
        var wrong: [UInt32] = []
        let numbersWithTests = Set(rules.filter { !$0.tests.isEmpty }.map(\.number))
        for number in Array(0...UInt32(470)) + [SystemCallFilter.otherABI, SystemCallFilter.otherABI + 39] {
            // Where no rule looks at arguments, one of each is as good as many.
            let (ones, others): ([UInt64], [UInt64]) =
                numbersWithTests.contains(number) ? (values, [0, 1, 1 << 32]) : ([1], [1])
            for first in ones {
                for second in ones {
                    for third in others {
                        let call = Call(number: number, arguments: [first, second, third, 0, 0, 0])
                        let answer = Self.expected(rules, call)
                        if Self.run(program, call) != Self.codes.first(where: { $0.0 == answer })?.1 {
                            wrong.append(number)
                        }
                    }
                }
            }
        }
        #expect(wrong == [])
        let foreign = Call(architecture: 0x4000_0003, number: 1, arguments: [0, 0, 0, 0, 0, 0])
        #expect(Self.run(program, foreign) == 0x8000_0000)
    }
}
