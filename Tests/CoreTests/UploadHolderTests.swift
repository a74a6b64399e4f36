import Testing

@testable import Core

// Goal: whatever order requests come and go in, at most one writes, each is answered once, and nobody waits for ever.
// Method: every sequence of steps of up to six requests is played, states that were seen before are not played again;
// the account of what the actions said is kept beside the holder and held against it.
@Suite("Who may bring the bytes of an upload")
struct UploadHolderTests {
    /// What the shell knows: who was granted, who was told to go, who was told that it is over.
    struct Account: Hashable {
        var waiting: [UInt64] = []
        var holder: UInt64?
        var isEvicted = false
        var requested: Set<UInt64> = []
        var gone: Set<UInt64> = []
    }

    struct World {
        var holder = UploadHolder()
        var account = Account()
        var steps: [String] = []

        mutating func carryOut(_ actions: [UploadHolder.Action]) {
            for action in actions {
                switch action {
                case .grant(let number):
                    #expect(account.holder == nil, "two hold it: \(steps)")
                    #expect(account.waiting.first == number, "out of turn: \(steps)")
                    account.waiting.removeAll { $0 == number }
                    account.holder = number
                    account.isEvicted = false
                case .evict(let number):
                    #expect(account.holder == number, "who does not hold it is told to go: \(steps)")
                    #expect(!account.isEvicted, "told to go twice: \(steps)")
                    account.isEvicted = true
                }
            }
        }

        mutating func request(_ number: UInt64) {
            steps.append("request \(number)")
            account.requested.insert(number)
            account.waiting.append(number)
            carryOut(holder.request(number))
        }

        mutating func release(_ number: UInt64) {
            steps.append("release \(number)")
            account.gone.insert(number)
            account.waiting.removeAll { $0 == number }
            if account.holder == number { account.holder = nil }
            carryOut(holder.released(number))
        }

        mutating func clear() {
            steps.append("clear")
            #expect(holder.clear() == account.waiting, "who waits is told that it is over, in order: \(steps)")
            account.gone.formUnion(account.waiting)
            if let current = account.holder { account.gone.insert(current) }
            account.waiting = []
            account.holder = nil
            account.isEvicted = false
        }

        func check() {
            #expect(holder.current == account.holder, "\(steps)")
            #expect(holder.isFree == (account.holder == nil), "\(steps)")
            if account.holder == nil { #expect(account.waiting.isEmpty, "free, and somebody waits: \(steps)") }
            #expect(
                account.isEvicted == !account.waiting.isEmpty || account.holder == nil || account.isEvicted,
                "somebody waits, and the holder was not told: \(steps)")
        }
    }

    static let requestsMax: UInt64 = 6

    /// What tells one situation from another.
    struct Situation: Hashable {
        var account: Account
        var holder: String
    }

    @Test(
        "at most one request holds an upload, each gets its turn in order, and one that waits has the holder told to go"
    )
    func everyOrder() {
        var seen: Set<Situation> = []
        var open = [World()]
        while let world = open.popLast() {
            guard seen.insert(Situation(account: world.account, holder: "\(world.holder)")).inserted else { continue }
            world.check()
            var next: [World] = []
            if UInt64(world.account.requested.count) < Self.requestsMax {
                var copy = world
                copy.request(UInt64(world.account.requested.count))
                next.append(copy)
            }
            // Also those that have gone already, or were told that it is over: a late word changes nothing.
            for number in world.account.requested {
                var copy = world
                copy.release(number)
                next.append(copy)
            }
            var cleared = world
            cleared.clear()
            next.append(cleared)
            open += next
            // Whoever holds it lets go, again and again: all that wait get it, each once.
            var rest = world
            let waiting = world.account.waiting
            var granted: [UInt64] = []
            while let current = rest.account.holder {
                rest.release(current)
                if let next = rest.account.holder { granted.append(next) }
            }
            #expect(granted == waiting, "\(world.steps)")
            #expect(rest.holder == UploadHolder(), "\(world.steps)")
        }
        #expect(seen.count > 100, "the search has ended early")
    }

    @Test("who holds an upload is told to go once, however many wait")
    func toldOnce() {
        var holder = UploadHolder()
        #expect(holder.request(1) == [.grant(1)])
        #expect(holder.request(2) == [.evict(1)])
        #expect(holder.request(3) == [])
        #expect(holder.released(1) == [.grant(2), .evict(2)])
        #expect(holder.released(2) == [.grant(3)])
        #expect(holder.released(3) == [])
        #expect(holder.isFree)
    }

    @Test("who gives up waiting leaves the line; a word of nobody changes nothing")
    func givesUp() {
        var holder = UploadHolder()
        _ = holder.request(1)
        _ = holder.request(2)
        #expect(holder.released(2) == [])
        #expect(holder.released(9) == [])
        #expect(holder.current == 1)
        #expect(holder.released(1) == [])
        #expect(holder.isFree)
    }
}
