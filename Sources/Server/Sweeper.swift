import Loop

/// Something that the once-a-second sweep of its loop looks at.
protocol Swept: AnyObject {
    func sweep(now: Int64)
    func drain()
}

/// Looks at every connection of a loop once a second: one timer for all of them, instead of one each.
final class Sweeper {
    static let intervalMilliseconds: Int64 = 1000

    private let loop: EventLoop
    private var swept: [ObjectIdentifier: any Swept] = [:]

    init(loop: EventLoop) { self.loop = loop }

    var count: Int { swept.count }

    func add(_ one: any Swept) { swept[ObjectIdentifier(one)] = one }
    func remove(_ one: any Swept) { swept[ObjectIdentifier(one)] = nil }

    func start() {
        loop.schedule(afterMilliseconds: Self.intervalMilliseconds) { [weak self] in
            guard let self else { return }
            let now = self.loop.nowMilliseconds
            for one in Array(self.swept.values) { one.sweep(now: now) }
            self.start()
        }
    }

    func drain() {
        for one in Array(swept.values) { one.drain() }
    }
}
