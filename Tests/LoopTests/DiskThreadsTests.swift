import LoopTesting
import System
import Testing

@testable import Loop

@Suite("Disk threads")
struct DiskThreadsTests {
    @Test("one thread does its work in the order of submission, and results come home in that order")
    func order() throws {
        let thread = try LoopThread()
        let disk = try DiskThreads(count: 1)
        let results = thread.queue(of: Int.self)
        for number in 0..<500 {
            disk.submit(from: thread.loop) {
                number * 2
            } then: {
                results.put($0)
            }
        }
        for number in 0..<500 { #expect(results.takeFirst() == number * 2) }
    }

    @Test("work runs off the loop, its completion on it")
    func home() throws {
        let thread = try LoopThread()
        let loop = thread.loop
        let disk = try DiskThreads(count: 2)
        let results = thread.queue(of: [Bool].self)
        disk.submit(from: loop) {
            loop.isCurrent
        } then: {
            results.put([$0, loop.isCurrent])
        }
        #expect(results.takeFirst() == [false, true])
    }

    @Test("several threads do everything once; what waits for another thread is not alone")
    func several() throws {
        let thread = try LoopThread()
        let disk = try DiskThreads(count: 3)
        let results = thread.queue(of: Int.self)
        let gates = [thread.queue(of: Int.self), thread.queue(of: Int.self)]
        // Two of the three threads are held until the third has done the rest.
        for gate in gates { disk.submit { results.put(gate.takeFirst() ?? -1) } }
        for number in 0..<100 { disk.submit { results.put(number) } }
        var done: [Int] = []
        for _ in 0..<100 { done.append(try #require(results.takeFirst())) }
        #expect(done == Array(0..<100))
        for (number, gate) in gates.enumerated() { gate.put(1000 + number) }
        let last = [results.takeFirst(), results.takeFirst()].compactMap { $0 }.sorted()
        #expect(last == [1000, 1001])
    }

    @Test("steps that must stay in order follow from the completion of the last")
    func chain() throws {
        let thread = try LoopThread()
        let disk = try DiskThreads(count: 4)
        let results = thread.queue(of: Int.self)
        @Sendable func step(_ number: Int) {
            disk.submit(from: thread.loop) {
                results.put(number)
                return number + 1
            } then: { next in
                if next < 50 { step(next) }
            }
        }
        step(0)
        for number in 0..<50 { #expect(results.takeFirst() == number) }
    }
}
