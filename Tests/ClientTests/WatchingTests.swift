import Testing

@testable import Client

@Suite struct WatchingTests {
    private let lost = Watching.ConnectionEnd.trouble(.connectionLost(server: "s", reason: ""))

    @Test("a watch goes on behind the last state it has seen")
    func resumes() throws {
        var watching = Watching()
        #expect(watching.start() == .connect(after: nil))
        watching.receive(try state())
        #expect(watching.connectionEnded(lost, nowMilliseconds: 0, random: 0) == .wait(milliseconds: 250))
        #expect(watching.isOffline)
        #expect(watching.connectAgain() == .connect(after: "9f3c-17"))
        watching.receive(try state(#"{"offset":18}"#))
        #expect(!watching.isOffline)
    }

    @Test("waits grow, and only news make them short again")
    func grows() throws {
        var watching = Watching()
        watching.receive(try state())
        func wait(_ end: Watching.ConnectionEnd) -> Int64 {
            guard case .wait(let milliseconds) = watching.connectionEnded(end, nowMilliseconds: 0, random: 1) else {
                return -1
            }
            return milliseconds
        }
        #expect([wait(lost), wait(.closed), wait(lost)] == [500, 1000, 2000])
        watching.receive(try state())  // The same state again, as a server without history sends it.
        #expect(wait(.closed) == 4000)
        watching.receive(try state(#"{"offset":18}"#))
        #expect(wait(.closed) == 500)
    }

    @Test("a connection that stood for long was a good one, though nothing was told on it")
    func stood() {
        var watching = Watching()
        func wait(standing milliseconds: Int64) -> Int64 {
            watching.connected(nowMilliseconds: 0)
            guard
                case .wait(let wait) = watching.connectionEnded(.closed, nowMilliseconds: milliseconds, random: 1)
            else { return -1 }
            return wait
        }
        #expect([wait(standing: 10), wait(standing: 10), wait(standing: 10)] == [500, 1000, 2000])
        #expect(wait(standing: Backoff.mostMilliseconds) == 500)
        watching.receiveNews()
        #expect(wait(standing: 10) == 500)
    }

    @Test("on a stream that may be silent, the connection itself ends the time out of reach")
    func silent() {
        var watching = Watching(timeoutMilliseconds: 1000)
        #expect(watching.connectionEnded(lost, nowMilliseconds: 0, random: 1) == .wait(milliseconds: 500))
        watching.connected(nowMilliseconds: 600)
        #expect(!watching.isOffline)
        #expect(watching.connectionEnded(lost, nowMilliseconds: 5000, random: 1) == .wait(milliseconds: 1000))
    }

    @Test("waits end at their most and are cut by chance to no less than half")
    func backoff() {
        var backoff = Backoff()
        let full = (0..<40).map { _ in backoff.next(random: 1) }
        #expect(full.prefix(6) == [500, 1000, 2000, 4000, 8000, 15_000])
        #expect(full.last == Backoff.mostMilliseconds)
        #expect(backoff.next(random: 0) == Backoff.mostMilliseconds / 2)
    }

    @Test("a refusal that will be the same next time is final", arguments: [404, 401, 403, 400, 410])
    func final(status: Int) {
        var watching = Watching()
        let refused = ClientError.refused(Problem(status: status))
        #expect(watching.connectionEnded(.trouble(refused), nowMilliseconds: 0, random: 0) == .finish(refused))
    }

    @Test("a refusal that passes is waited for, as long as the server asks, within reason")
    func passing() {
        for (asked, waited) in [(nil, 500), (7, 7000), (100_000, 120_000)] as [(Int?, Int64)] {
            var watching = Watching()
            let busy = ClientError.refused(Problem(status: 503, retryAfterSeconds: asked))
            let action = watching.connectionEnded(.trouble(busy), nowMilliseconds: 0, random: 1)
            #expect(action == .wait(milliseconds: waited))
        }
    }

    @Test("what is no Headway server is not tried again")
    func otherServer() {
        var watching = Watching()
        let error = ClientError.unreadableReply(server: "s", reason: "r")
        #expect(watching.connectionEnded(.trouble(error), nowMilliseconds: 0, random: 0) == .finish(error))
    }

    @Test("with a timeout it gives up when the server was away for so long, and not before")
    func timeout() throws {
        var watching = Watching(timeoutMilliseconds: 1200)
        let away = ClientError.unreachable(server: "s", reason: "")
        #expect(watching.connectionEnded(.trouble(away), nowMilliseconds: 100, random: 1) == .wait(milliseconds: 500))
        #expect(watching.connectionEnded(.trouble(away), nowMilliseconds: 600, random: 1) == .wait(milliseconds: 700))
        watching.receive(try state())
        #expect(watching.connectionEnded(.trouble(away), nowMilliseconds: 5000, random: 1) == .wait(milliseconds: 500))
        #expect(watching.connectionEnded(.trouble(away), nowMilliseconds: 6199, random: 1) == .wait(milliseconds: 1))
        #expect(watching.connectionEnded(.trouble(away), nowMilliseconds: 6200, random: 1) == .finish(away))
    }
}
