import Loop

/// Tells how much has come: at once, or when the interval since the last time is over, so that the last bytes before a
/// pause are told as well. Used on one loop.
final class UploadProgressTeller: @unchecked Sendable {
    static let intervalMilliseconds: Int64 = 50

    private let loop: EventLoop
    private let say: (Int64) -> Void
    private var received: Int64 = 0
    private var lastMilliseconds: Int64 = 0
    private var isWaiting = false
    private var isOver = false

    init(loop: EventLoop, say: @escaping (Int64) -> Void) {
        self.loop = loop
        self.say = say
    }

    func tell(_ received: Int64) {
        self.received = received
        tellIfDue()
    }

    func end() { isOver = true }

    private func tellIfDue() {
        guard !isOver, !isWaiting else { return }
        let rest = lastMilliseconds + Self.intervalMilliseconds - loop.nowMilliseconds
        guard rest <= 0 else {
            isWaiting = true
            loop.schedule(afterMilliseconds: rest) { [weak self] in
                self?.isWaiting = false
                self?.tellIfDue()
            }
            return
        }
        lastMilliseconds = loop.nowMilliseconds
        say(received)
    }
}
