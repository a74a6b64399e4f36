import JSON
import Testing

@testable import Client

@Suite struct ProblemTests {
    @Test("problem+json gives its code and detail, and the sentence names both")
    func readsProblem() {
        let body = Array(
            #"{"type":"about:blank","title":"Too large","status":413,"code":"too_large","detail":"The limit is 10 MB."}"#
                .utf8)
        let problem = Problem(status: 413, retryAfter: nil, body: body)
        #expect(problem == Problem(status: 413, code: "too_large", detail: "The limit is 10 MB."))
        #expect(problem.words == "The limit is 10 MB. (too_large, 413)")
        #expect(!problem.isPassing)
    }

    @Test("a body that is no problem object leaves the status alone to speak")
    func readsOther() {
        for body in ["", "<html>Bad Gateway</html>", "[]", "null", #"{"detail":7}"#] {
            let problem = Problem(status: 502, retryAfter: nil, body: Array(body.utf8))
            #expect(problem.words == "the server answered 502")
            #expect(problem.isPassing)
        }
    }

    @Test("Retry-After counts in seconds; a date or nonsense does not")
    func readsRetryAfter() {
        #expect(Problem(status: 503, retryAfter: "7", body: []).retryAfterSeconds == 7)
        #expect(Problem(status: 503, retryAfter: "-7", body: []).retryAfterSeconds == nil)
        #expect(Problem(status: 503, retryAfter: "Fri, 31 Dec 1999 23:59:59 GMT", body: []).retryAfterSeconds == nil)
    }

    @Test("control characters of a problem never reach the terminal")
    func cleansProblem() {
        let problem = Problem(status: 400, code: "a\u{1B}[2J", detail: "no\r\nyes\u{7}")
        #expect(problem.words == "no yes (a[2J, 400)")
    }

    @Test("a refusal for want of a token says how to give one, whoever sends it")
    func advice() {
        let missing = Problem(status: 401, code: "unauthorized", detail: "This needs a token.")
        #expect(
            missing.words
                == "This needs a token. (unauthorized, 401): put a token into HEADWAY_TOKEN, or give it by --token")
        for problem in [
            Problem(status: 401), Problem(status: 401, code: "bad_token"), Problem(status: 403, code: "forbidden"),
        ] {
            #expect(problem.words.contains("HEADWAY_TOKEN") && problem.words.contains("--token"))
            #expect(!problem.isPassing)
        }
        #expect(!Problem(status: 404).words.contains("--token"))
    }

    @Test("every trouble has its exit status")
    func exitStatuses() {
        #expect(ClientError.refused(Problem(status: 404)).outcome.code == 4)
        #expect(ClientError.refused(Problem(status: 415)).outcome.code == 6)
        #expect(ClientError.unreachable(server: "s", reason: "").outcome.code == 5)
        #expect(ClientError.connectionLost(server: "s", reason: "").outcome.code == 5)
        #expect(ClientError.file(name: "f", reason: "").outcome.code == 66)
        #expect(ClientError.libraryMissing(reason: "").outcome.code == 69)
        #expect(ClientError.interrupted(signal: 2).outcome.code == 130)
        #expect(ClientError.interrupted(signal: 15).outcome.code == 143)
        #expect(ClientError.outputClosed.outcome.code == 141)
        #expect(ClientError.outputFailed(reason: "No space left on device").outcome.code == 74)
    }

    @Test("a document's end gives 0, 1 or 3")
    func documentStatuses() {
        #expect([DocumentState.Status.complete, .failed, .cancelled].map { Outcome($0).code } == [0, 1, 3])
    }

    @Test("of several outcomes the gravest counts, in the order the help tells")
    func gravest() {
        let order: [Outcome] = [
            .interrupted(signal: 2), .unwritableOutput, .unreachable, .refused, .unreadableFile, .notFound, .failed,
            .cancelled, .complete,
        ]
        for (index, status) in order.enumerated() {
            #expect(Outcome.gravest(Array(order[index...].reversed())) == status)
            #expect(status == .complete || Outcome.table.contains("  \(status.code)  "))
        }
        #expect(Outcome.gravest([]) == .complete)
        let told = order.map { "\($0.code)" }.joined(separator: ", ")
        #expect(Outcome.table.contains(told))
    }

    @Test("an unreachable server is told with what to do next")
    func unreachableWords() {
        let words = ClientError.unreachable(server: "http://127.0.0.1:8080", reason: "").words
        #expect(
            words
                == "could not connect to http://127.0.0.1:8080: is the server running? start it with `headway serve`")
    }
}
