import Testing

@testable import System

@Suite("A queue between threads")
struct BlockingQueueTests {
    @Test("what is put in comes out in its order")
    func order() {
        let queue = BlockingQueue<Int>()
        for number in 0..<5 { queue.put(number) }
        #expect(queue.takeFirst() == 0)
        #expect(queue.takeAll() == [1, 2, 3, 4])
    }

    @Test("a closed queue is emptied first, and then ends")
    func close() {
        let queue = BlockingQueue<Int>()
        queue.put(1)
        queue.put(2)
        queue.close()
        #expect(queue.takeFirst() == 1)
        #expect(queue.takeAll() == [2])
        #expect(queue.takeFirst() == nil)
        #expect(queue.takeAll() == [])
    }

    @Test("closing wakes everybody who waits")
    func wake() throws {
        let queue = BlockingQueue<Int>()
        let woken = BlockingQueue<Bool>()
        for number in 0..<4 {
            try Thread.start(named: "waiter") {
                woken.put(number % 2 == 0 ? queue.takeFirst() == nil : queue.takeAll().isEmpty)
            }
        }
        queue.close()
        for _ in 0..<4 { #expect(woken.takeFirst() == true) }
    }

    @Test("between several threads everything is taken once, in each sender's order")
    func several() throws {
        let queue = BlockingQueue<Int>()
        let taken = BlockingQueue<[Int]>()
        let sent = BlockingQueue<Bool>()
        for _ in 0..<3 {
            try Thread.start(named: "taker") {
                var mine: [Int] = []
                while let number = queue.takeFirst() { mine.append(number) }
                taken.put(mine)
            }
        }
        for sender in 0..<3 {
            try Thread.start(named: "sender") {
                for number in 0..<1000 { queue.put(sender * 1000 + number) }
                sent.put(true)
            }
        }
        for _ in 0..<3 { _ = sent.takeFirst() }
        queue.close()
        var all: [Int] = []
        for _ in 0..<3 {
            let mine = try #require(taken.takeFirst())
            for sender in 0..<3 {
                let ofOne = mine.filter { $0 / 1000 == sender }
                #expect(ofOne == ofOne.sorted())
            }
            all += mine
        }
        #expect(all.sorted() == Array(0..<3000))
    }
}
