import Core
import Documents
import Loop

/// Brings the owner's word that a request must let go of its upload home to the request's loop. It may come before the
/// request has begun, and is kept for it then. Touched on `loop` alone but for `happen`.
final class UploadHolding: @unchecked Sendable {
    private let loop: EventLoop
    private(set) var eviction: UploadEviction?
    var evicted: ((UploadEviction) -> Void)?

    init(_ loop: EventLoop) { self.loop = loop }

    func happen(_ reason: UploadEviction) {
        loop.post { [self] in
            eviction = reason
            evicted?(reason)
        }
    }
}
