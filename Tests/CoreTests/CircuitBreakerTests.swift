import Testing

@testable import Core

@Suite("The circuit breaker of a dependency")
struct CircuitBreakerTests {
    private var breaker = CircuitBreaker()

    private mutating func fail(_ times: Int, from start: Int64 = 0, every milliseconds: Int64 = 1000) {
        for index in 0..<Int64(times) {
            breaker.failed(nowMilliseconds: start + index * milliseconds, detail: "it answers 503")
        }
    }

    @Test("four failures in 30 s leave it closed, the fifth opens it for 15 s")
    mutating func opens() {
        fail(4)
        #expect(breaker.ask(nowMilliseconds: 4000) == .call)
        breaker.failed(nowMilliseconds: 4000, detail: "it answers 500")
        #expect(breaker.ask(nowMilliseconds: 4000) == .wait(untilMilliseconds: 19_000))
        #expect(breaker.ask(nowMilliseconds: 18_999) == .wait(untilMilliseconds: 19_000))
        let reading = BreakerReading(state: .open, detail: "it answers 500", nextTryMilliseconds: 19_000)
        #expect(breaker.reading(nowMilliseconds: 5000) == reading)
    }

    @Test("failures that are 30 s old no longer count")
    mutating func window() {
        fail(4)
        breaker.failed(nowMilliseconds: 30_000, detail: "")
        #expect(breaker.ask(nowMilliseconds: 30_000) == .call)
        breaker.failed(nowMilliseconds: 30_500, detail: "")
        #expect(breaker.ask(nowMilliseconds: 30_500) == .wait(untilMilliseconds: 45_500))
    }

    @Test("a success forgets the failures before it")
    mutating func success() {
        fail(4)
        breaker.succeeded()
        fail(4, from: 4000)
        #expect(breaker.ask(nowMilliseconds: 8000) == .call)
        breaker.succeeded()
        #expect(breaker.reading(nowMilliseconds: 8000) == BreakerReading(state: .closed))
    }

    @Test("after 15 s one call is let through, and nobody else until it has ended")
    mutating func oneTrial() {
        fail(5)
        #expect(breaker.reading(nowMilliseconds: 19_000).state == .halfOpen)
        #expect(breaker.ask(nowMilliseconds: 19_000) == .trial)
        #expect(breaker.ask(nowMilliseconds: 19_000) == .wait(untilMilliseconds: nil))
        #expect(breaker.reading(nowMilliseconds: 19_001).nextTryMilliseconds == nil)
        breaker.succeeded()
        #expect(breaker.ask(nowMilliseconds: 19_500) == .call)
    }

    @Test("a trial that fails opens it anew, whatever was counted")
    mutating func trialFails() {
        fail(5)
        #expect(breaker.ask(nowMilliseconds: 19_000) == .trial)
        breaker.failed(nowMilliseconds: 20_000, detail: "no answer in time")
        #expect(breaker.ask(nowMilliseconds: 34_999) == .wait(untilMilliseconds: 35_000))
        #expect(breaker.ask(nowMilliseconds: 35_000) == .trial)
    }

    @Test("a trial that nobody waits for, or that is never heard of, leaves its turn to the next call")
    mutating func abandoned() {
        fail(5)
        #expect(breaker.ask(nowMilliseconds: 19_000) == .trial)
        breaker.abandonTrial(nowMilliseconds: 19_100)
        #expect(breaker.ask(nowMilliseconds: 19_100) == .trial)
        #expect(breaker.ask(nowMilliseconds: 619_099) == .wait(untilMilliseconds: nil))
        #expect(breaker.ask(nowMilliseconds: 619_100) == .trial)
    }

    @Test("what was begun before it opened neither closes it nor keeps it open longer")
    mutating func lateCalls() {
        fail(5)
        breaker.succeeded()
        breaker.failed(nowMilliseconds: 10_000, detail: "later")
        #expect(breaker.ask(nowMilliseconds: 10_000) == .wait(untilMilliseconds: 19_000))
        #expect(breaker.reading(nowMilliseconds: 10_000).detail == "it answers 503")
    }

    @Test(
        "the time a service asks for is waited, 15 s at least and an hour at most",
        arguments: [(nil, 15_000), (1000, 15_000), (90_000, 90_000), (86_400_000, 3_600_000)] as [(Int64?, Int64)])
    mutating func retryAfter(asked: Int64?, waited: Int64) {
        breaker.trip(nowMilliseconds: 0, detail: "it answers 429", retryAfterMilliseconds: asked)
        #expect(breaker.ask(nowMilliseconds: 1) == .wait(untilMilliseconds: waited))
    }

    @Test("a clock that went back does not keep failures of the future")
    mutating func clockGoesBack() {
        fail(4, from: 1_000_000)
        breaker.failed(nowMilliseconds: 0, detail: "")
        #expect(breaker.ask(nowMilliseconds: 0) == .call)
    }

    @Test("a document that waits says for what, why, and when the next try is")
    func message() {
        let wait = DependencyWait(.embedding, detail: "it answers 503", nextTryMilliseconds: 15_000)
        #expect(
            wait.message(nowMilliseconds: 0)
                == "Waiting for the embedding service: it answers 503. Next try in 15 s.")
        #expect(wait.message(nowMilliseconds: 14_900).hasSuffix("Next try in 1 s."))
        #expect(wait.message(nowMilliseconds: 99_000).hasSuffix("Next try in 1 s."))
        let long = DependencyWait(.storage, detail: String(repeating: "a", count: 9999), nextTryMilliseconds: 0)
        #expect(long.message(nowMilliseconds: 0).utf8.count < 500)
    }
}

@Suite("Calls that are made anew")
struct CallRetriesTests {
    private let retries = CallRetries()

    @Test(
        "waits double, between a half and all of them",
        arguments: [(1, 250, 500), (2, 500, 1000), (3, 1000, 2000), (4, 2000, 4000)] as [(Int, Int64, Int64)])
    func doubling(attempt: Int, least: Int64, most: Int64) {
        #expect(
            retries.waitMilliseconds(afterAttempt: attempt, retryAfterMilliseconds: nil, randomness: 0) == least)
        #expect(retries.waitMilliseconds(afterAttempt: attempt, retryAfterMilliseconds: nil, randomness: 1) == most)
    }

    @Test("the fifth attempt is the last")
    func last() {
        #expect(retries.waitMilliseconds(afterAttempt: 5, retryAfterMilliseconds: nil, randomness: 0.5) == nil)
    }

    @Test("no wait is above its bound, however many attempts there are")
    func bounded() {
        var many = retries
        many.attemptsMax = 1000
        #expect(many.waitMilliseconds(afterAttempt: 999, retryAfterMilliseconds: nil, randomness: 1) == 30_000)
    }

    @Test(
        "Retry-After is honoured: never less, at most a tenth more; beyond 15 s there is no further attempt",
        arguments: [(0, 0, 250), (3000, 0, 3000), (3000, 1, 3300), (15_000, 0, 15_000), (15_001, 0, nil)]
            as [(Int64, Double, Int64?)])
    func retryAfter(asked: Int64, randomness: Double, waited: Int64?) {
        #expect(
            retries.waitMilliseconds(afterAttempt: 1, retryAfterMilliseconds: asked, randomness: randomness) == waited)
    }
}
