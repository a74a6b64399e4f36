import Wire

/// Everything a decoder said about a stream. Neighbouring pieces of a body are one: where a body is cut is not part of
/// the story.
struct HTTPTranscript: Equatable, CustomStringConvertible {
    enum Step: Equatable {
        case head(String)
        case body([UInt8])
        case end
        case trailer(String)
        case failed(HTTPRequestError)
    }

    private(set) var steps: [Step] = []
    private(set) var heads: [RequestHead] = []
    private(set) var isBetweenRequests = true
    private(set) var fieldsSoFar = HTTPFields()

    init(_ pieces: [[UInt8]], limits: HTTPLimits = .default) {
        var decoder = HTTPRequestDecoder(limits: limits)
        for piece in pieces {
            do throws(HTTPRequestError) {
                try take(piece, &decoder)
            } catch {
                steps.append(.failed(error))
                break
            }
        }
        isBetweenRequests = decoder.isBetweenRequests
        fieldsSoFar = decoder.fieldsSoFar
    }

    private mutating func take(_ piece: [UInt8], _ decoder: inout HTTPRequestDecoder) throws(HTTPRequestError) {
        var position = 0
        while true {
            switch try decoder.next(piece.span, at: &position) {
            case .needMore:
                precondition(position == piece.count, "needMore says that all input is consumed")
                return
            case .head(let head):
                heads.append(head)
                steps.append(.head(Self.describe(head)))
            case .body(let range):
                precondition(!range.isEmpty && range.upperBound == position)
                if case .body(let earlier)? = steps.last {
                    steps[steps.count - 1] = .body(earlier + piece[range])
                } else {
                    steps.append(.body(Array(piece[range])))
                }
            case .end:
                for trailer in decoder.trailers.pairs { steps.append(.trailer("\(trailer.name)=\(trailer.value)")) }
                steps.append(.end)
            }
        }
    }

    var failure: HTTPRequestError? {
        if case .failed(let error)? = steps.last { error } else { nil }
    }

    var body: [UInt8] {
        steps.reduce(into: []) { if case .body(let bytes) = $1 { $0 += bytes } }
    }

    var requestCount: Int { steps.count { $0 == .end } }

    var description: String { steps.map { "\($0)" }.joined(separator: "\n") }

    static func == (left: HTTPTranscript, right: HTTPTranscript) -> Bool {
        left.steps == right.steps && left.isBetweenRequests == right.isBetweenRequests
    }

    private static func describe(_ head: RequestHead) -> String {
        let fields = head.fields.pairs.map { "\($0.name)=\($0.value)" }.joined(separator: "|")
        return
            "\(head.method) \(head.target) \(head.path) \(head.query) 1.\(head.minorVersion) \(fields) \(head.framing) "
            + "\(head.keepAlive) \(head.expectsContinue)"
    }
}
