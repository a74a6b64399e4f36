import LoopTesting
import System
import Testing

@testable import Loop

@Suite("A loop")
struct EventLoopTests {
    // MARK: Mailbox

    @Test("letters of one thread run in the order of posting, those of several threads all run")
    func mailbox() throws {
        struct Letter: Equatable { var sender, number: Int }
        let thread = try LoopThread()
        let loop = thread.loop
        let arrived = OnLoop<[Letter]>([])
        let done = thread.queue(of: Int.self)
        for sender in 0..<4 {
            try Thread.start(named: "sender") {
                for number in 0..<500 {
                    loop.post { arrived.value.append(Letter(sender: sender, number: number)) }
                }
                loop.post { done.put(sender) }
            }
        }
        for _ in 0..<4 { _ = try #require(done.takeFirst()) }
        let letters = try thread.on { arrived.value }
        #expect(letters.count == 2000)
        for sender in 0..<4 {
            #expect(letters.filter { $0.sender == sender }.map(\.number) == Array(0..<500))
        }
        #expect(try thread.stop() == nil)
    }

    @Test("a letter that is posted on the loop runs after the work that posts it")
    func postOnLoop() throws {
        let thread = try LoopThread()
        let loop = thread.loop
        let order = OnLoop<[String]>([])
        try thread.on {
            loop.post { order.value.append("letter") }
            order.value.append("work")
        }
        #expect(try thread.on { order.value } == ["work", "letter"])
    }

    @Test("`perform` runs at once on the loop, and by the mailbox from elsewhere")
    func perform() throws {
        let thread = try LoopThread()
        let loop = thread.loop
        let order = OnLoop<[String]>([])
        #expect(!loop.isCurrent)
        try thread.on {
            order.value.append("\(loop.isCurrent)")
            loop.perform { order.value.append("performed") }
            order.value.append("after")
        }
        #expect(try thread.on { order.value } == ["true", "performed", "after"])
        let done = thread.queue(of: Bool.self)
        loop.perform { done.put(loop.isCurrent) }
        #expect(done.takeFirst() == true)
    }

    @Test("what waits when the loop is stopped in the same turn still runs")
    func stop() throws {
        let thread = try LoopThread()
        let loop = thread.loop
        let ran = thread.queue(of: String.self)
        try thread.on {
            loop.post {
                loop.stop()
                ran.put("first")
            }
            loop.post { ran.put("second") }
        }
        #expect(ran.takeFirst() == "first")
        #expect(ran.takeFirst() == "second")
        #expect(try thread.stop() == nil)
    }

    // MARK: Timers

    @Test("timers run in the order of their times, never early, and not at all when cancelled")
    func timers() throws {
        let thread = try LoopThread()
        let loop = thread.loop
        let ran = thread.queue(of: (name: Int, at: Int64).self)
        let start = try thread.on {
            let start = Clock.monotonicMilliseconds
            for (name, wait) in [(3, 30), (1, 10), (2, 20), (0, 0)] {
                loop.schedule(afterMilliseconds: Int64(wait)) { ran.put((name, Clock.monotonicMilliseconds)) }
            }
            let cancelled = loop.schedule(afterMilliseconds: 5) { ran.put((99, 0)) }
            loop.cancel(cancelled)
            return start
        }
        for name in 0..<4 {
            let timer = try #require(ran.takeFirst())
            #expect(timer.name == name)
            #expect(timer.at >= start + Int64(name) * 10)
        }
    }

    @Test("a timer may set the next one")
    func chain() throws {
        let thread = try LoopThread()
        let loop = thread.loop
        let ran = thread.queue(of: Int.self)
        @Sendable func next(_ number: Int) {
            ran.put(number)
            if number < 5 { loop.schedule(afterMilliseconds: 1) { next(number + 1) } }
        }
        try thread.on { next(0) }
        for number in 0...5 { #expect(ran.takeFirst() == number) }
    }

    // MARK: The end of a turn

    final class Ender: TurnEndHandler, @unchecked Sendable {
        let loop: EventLoop
        let order: OnLoop<[String]>
        var asksAgain = false
        init(_ loop: EventLoop, _ order: OnLoop<[String]>) {
            self.loop = loop
            self.order = order
        }
        func turnEnds() {
            order.value.append("end")
            if asksAgain { loop.atTurnEnd(self) }
            asksAgain = false
        }
    }

    @Test("the end of a turn comes once, after its letters")
    func turnEnd() throws {
        let thread = try LoopThread()
        let loop = thread.loop
        let order = OnLoop<[String]>([])
        let ender = Ender(loop, order)
        try thread.on {
            // Both letters are put in before the next turn looks.
            loop.post {
                loop.atTurnEnd(ender)
                order.value.append("first")
            }
            loop.post { order.value.append("second") }
        }
        try thread.turns()
        #expect(try thread.on { order.value } == ["first", "second", "end"])
    }

    @Test("what asks for the end of a turn at the end of one gets the next, without a wake-up from outside")
    func turnEndAgain() throws {
        let thread = try LoopThread()
        let loop = thread.loop
        let order = OnLoop<[String]>([])
        let ended = thread.queue(of: Int.self)
        final class Counter: TurnEndHandler, @unchecked Sendable {
            let body: @Sendable () -> Void
            init(_ body: @escaping @Sendable () -> Void) { self.body = body }
            func turnEnds() { body() }
        }
        let ender = Ender(loop, order)
        try thread.on {
            ender.asksAgain = true
            loop.atTurnEnd(ender)
            loop.atTurnEnd(Counter { loop.atTurnEnd(Counter { ended.put(order.value.count) }) })
        }
        #expect(ended.takeFirst() == 2)
    }
}
