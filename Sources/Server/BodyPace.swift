/// Whether a body still comes at a pace, seen over a window that moves along: a client that sent much at first and then
/// stalls is found as soon as one that never sent anything.
struct BodyPace {
    /// How far apart two looks are kept; a window is longer by at most this much.
    static let stepMilliseconds: Int64 = 5000

    /// Looks within the window, the oldest first.
    private var looks: [(milliseconds: Int64, received: Int64)] = []

    /// Time up to now does not count.
    mutating func restart(at now: Int64, received: Int64) {
        looks.removeAll(keepingCapacity: true)
        looks.append((now, received))
    }

    /// Call it again and again; `received` are all bytes so far.
    mutating func isTooSlow(received: Int64, at now: Int64, windowMilliseconds: Int64, bytesPerSecondMin: Int64) -> Bool
    {
        while looks.count > 1 && now - looks[1].milliseconds >= windowMilliseconds { looks.removeFirst() }
        if let last = looks.last, now - last.milliseconds >= Self.stepMilliseconds { looks.append((now, received)) }
        guard let first = looks.first, now - first.milliseconds >= windowMilliseconds else { return false }
        return (received - first.received) * 1000 < (now - first.milliseconds) * bytesPerSecondMin
    }
}
