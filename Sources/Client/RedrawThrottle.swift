/// When to draw: at most 15 times a second, and not at all while nothing has changed.
package struct RedrawThrottle {
    private var lastMilliseconds: Int64?
    private var isDirty = false

    package static let intervalMilliseconds: Int64 = 67

    package init() {}

    /// Something on the board has changed.
    package mutating func touch() {
        isDirty = true
    }

    /// True when the board is to be drawn now; the caller then draws it.
    package mutating func takeTurn(nowMilliseconds: Int64) -> Bool {
        guard isDirty, millisecondsToTurn(nowMilliseconds: nowMilliseconds) == 0 else { return false }
        isDirty = false
        lastMilliseconds = nowMilliseconds
        return true
    }

    /// How long until the next turn; nil while there is nothing to draw.
    package func millisecondsToTurn(nowMilliseconds: Int64) -> Int64? {
        guard isDirty else { return nil }
        guard let lastMilliseconds else { return 0 }
        return max(0, lastMilliseconds + Self.intervalMilliseconds - nowMilliseconds)
    }
}
