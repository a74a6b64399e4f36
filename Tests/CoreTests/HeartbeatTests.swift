import Testing

@testable import Core

@Suite("Heartbeats")
struct HeartbeatTests {
    @Test("a ping every 25 s, and the end when its pong does not come within 10 s")
    func ping() {
        var heartbeat = Heartbeat(now: 1000)
        #expect(heartbeat.look(now: 25_999) == .nothing)
        #expect(heartbeat.look(now: 26_000) == .ping)
        #expect(heartbeat.look(now: 36_000) == .nothing)
        var alive = heartbeat
        alive.heard()
        #expect(alive.look(now: 36_001) == .nothing)
        #expect(alive.look(now: 51_000) == .ping)
        #expect(heartbeat.look(now: 36_001) == .end)
    }

    @Test("the peer's time to answer begins when what was sent has left")
    func postponed() {
        var heartbeat = Heartbeat(now: 0)
        heartbeat.postpone(now: 20_000)
        #expect(heartbeat.look(now: 25_000) == .ping)
        heartbeat.postpone(now: 60_000)
        #expect(heartbeat.look(now: 70_000) == .nothing)
        #expect(heartbeat.look(now: 70_001) == .end)
        heartbeat.beginClosing(now: 71_000)
        heartbeat.postpone(now: 80_000)
        #expect(heartbeat.look(now: 85_000) == .nothing)
        #expect(heartbeat.look(now: 85_001) == .end)
    }

    @Test("a closing handshake may take 5 s, whatever is heard meanwhile")
    func closing() {
        var heartbeat = Heartbeat(now: 0)
        heartbeat.beginClosing(now: 1000)
        heartbeat.heard()
        heartbeat.beginClosing(now: 5000)
        #expect(heartbeat.isClosing)
        #expect(heartbeat.look(now: 6000) == .nothing)
        #expect(heartbeat.look(now: 6001) == .end)
    }
}
