import Loop

/// Something that the once-a-second sweep of its loop looks at.
protocol Swept: AnyObject {
    /// Kept by the sweeper; -1 while it is not looked at.
    var sweepPlace: Int32 { get set }
    func sweep(now: Int64)
    func drain()
}

/// Looks at every connection of a loop once a second: one timer for all of them, instead of one each.
final class Sweeper {
    static let intervalMilliseconds: Int64 = 1000

    private let loop: EventLoop
    private var swept: [any Swept] = []

    init(loop: EventLoop) { self.loop = loop }

    var count: Int { swept.count }

    func add(_ one: any Swept) {
        precondition(one.sweepPlace < 0, "a connection is swept once")
        one.sweepPlace = Int32(swept.count)
        swept.append(one)
    }

    func remove(_ one: any Swept) {
        guard one.sweepPlace >= 0 else { return }
        let place = Int(one.sweepPlace)
        one.sweepPlace = -1
        let last = swept.removeLast()
        guard place < swept.count else { return }
        last.sweepPlace = Int32(place)
        swept[place] = last
    }

    func start() {
        loop.schedule(afterMilliseconds: Self.intervalMilliseconds) { [weak self] in
            guard let self else { return }
            let now = self.loop.nowMilliseconds
            self.eachOne { $0.sweep(now: now) }
            self.start()
        }
    }

    func drain() { eachOne { $0.drain() } }

    /// From the last to the first: whoever leaves is replaced by one that was looked at already.
    private func eachOne(_ body: (any Swept) -> Void) {
        var place = swept.count - 1
        while place >= 0 {
            if place < swept.count { body(swept[place]) }
            place -= 1
        }
    }
}
