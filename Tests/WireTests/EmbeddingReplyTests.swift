import Testing

@testable import Wire

@Suite("The answer of an embedding service")
struct EmbeddingReplyTests {
    static func read(
        _ body: String, texts: Int, dimensions: Int? = nil, piece: Int = 5
    ) throws(EmbeddingReplyError) -> EmbeddingVectors {
        var reply = EmbeddingReply(textCount: texts, dimensions: dimensions)
        let bytes = Array(body.utf8)
        for start in stride(from: 0, to: bytes.count, by: piece) {
            try reply.receive(Array(bytes[start..<min(start + piece, bytes.count)]).span)
        }
        return try reply.finish()
    }

    static func fault(_ body: String, texts: Int = 2, dimensions: Int? = nil) -> EmbeddingReplyError? {
        var found: EmbeddingReplyError?
        for piece in [1, 7, 100_000] {
            do throws(EmbeddingReplyError) {
                _ = try read(body, texts: texts, dimensions: dimensions, piece: piece)
                return nil
            } catch {
                #expect(found == nil || found == error, "the same fault, however the text is cut")
                found = error
            }
        }
        return found
    }

    @Test("vectors are read, other members left aside", arguments: [1, 3, 1000])
    func reading(piece: Int) throws {
        let body = """
            {"object":"list","data":[
              {"object":"embedding","index":0,"embedding":[0.5,-1,2e-3]},
              {"embedding":[1,2,3],"index":1,"extra":{"index":7,"embedding":[9],"data":[[1]]}}
            ],"model":"m","usage":{"prompt_tokens":5,"total_tokens":5}}
            """
        let vectors = try Self.read(body, texts: 2, piece: piece)
        #expect(vectors == EmbeddingVectors(dimensions: 3, numbers: [0.5, -1, 0.002, 1, 2, 3]))
        #expect(vectors.vector(1) == [1, 2, 3])
    }

    @Test("vectors come in the order of the texts, whatever order the answer has")
    func order() throws {
        let body = """
            {"data":[{"index":2,"embedding":[2]},{"index":0,"embedding":[0]},{"embedding":[1],"index":1}]}
            """
        #expect(try Self.read(body, texts: 3).numbers == [0, 1, 2])
    }

    @Test("an answer without indexes is in order")
    func withoutIndexes() throws {
        #expect(try Self.read(#"{"data":[{"embedding":[5]},{"embedding":[6]}]}"#, texts: 2).numbers == [5, 6])
    }

    @Test(
        "what is JSON and not the answer is wrong, and would be again",
        arguments: [
            (#"{"data":[{"index":0,"embedding":[1]}]}"#, "it answered with 1 vectors for 2 texts"),
            (#"{"data":[]}"#, "it answered with 0 vectors for 2 texts"),
            (#"{"data":[{"embedding":[1]},{"embedding":[1]},{"#, "it answered with more than 2 vectors"),
            (#"{"data":[{"embedding":[1,2]},{"embedding":[1]}"#, "vectors of 1 dimensions where 2 are expected"),
            (#"{"data":[{"embedding":[1]},{"embedding":[1,2,"#, "vectors of more than 1 dimensions where 1 are"),
            (#"{"data":[{"index":1,"embedding":[1]},{"index":1,"embedding":[1]}"#, "two vectors for the text with"),
            (#"{"data":[{"index":2,"embedding"#, "the index 2.0, and there were 2 texts"),
            (#"{"data":[{"index":-1,"#, "the index -1.0"),
            (#"{"data":[{"index":0.5,"#, "the index 0.5"),
            (#"{"data":[{"embedding":[]}"#, "an empty vector"),
            (#"{"data":[{"embedding":[1,null]"#, "a vector with null in it"),
            (#"{"data":[{"embedding":[1,"2""#, "a vector with something else than numbers"),
            (#"{"data":[{"embedding":[[1"#, "a vector with something else than numbers"),
            (#"{"data":[{"embedding":[1,NaN"#, "a number that is none (NaN)"),
            (#"{"data":[{"embedding":[-Infinity,"#, "a number that is none (NaN)"),
            (#"{"data":[{"embedding":[1e39,"#, "a number that is too large"),
            (#"{"data":[{"embedding":"AACAPw==""#, "something else than a vector of numbers"),
            (#"{"data":[{"index":0}"#, "an entry without a vector"),
            (#"{"data":[{"embedding":[1],"embedding":["#, "two vectors for one text"),
            (#"{"data":[1,"#, "something else than vectors in \"data\""),
            (#"{"data":[["#, "something else than vectors in \"data\""),
            (#"{"data":[],"data":["#, "\"data\" twice"),
            (#"{"data":{}}"#, "no list of vectors (\"data\")"),
            (#"{"error":{"message":"overloaded"}}"#, "no list of vectors (\"data\")"),
            ("[", "no object with \"data\""), ("null", "no object with \"data\""),
        ])
    func wrong(body: String, words: String) throws {
        guard case .wrong(let detail)? = Self.fault(body) else {
            Issue.record("\(String(describing: Self.fault(body)))")
            return
        }
        #expect(detail.contains(words), "\(detail)")
    }

    @Test(
        "what is no JSON, or ends too early, is the service not being itself",
        arguments: [
            "", "<html>busy</html>", #"{"data":[{"index":0,"embedding":[1,2"#, #"{"data":[]"#, "Bad Gateway",
            #"{"data":[]}x"#, "{\"data\":[{\"embedding\":[1]},{\"embedding\":[1]}]}{}",
        ])
    func unreadable(body: String) throws {
        guard case .unreadable(let detail)? = Self.fault(body) else {
            Issue.record("\(String(describing: Self.fault(body)))")
            return
        }
        #expect(detail.hasPrefix("its answer is not JSON ("))
    }

    @Test("vectors of another length than is configured are wrong at once")
    func dimensions() throws {
        let body = #"{"data":[{"embedding":[1,2,3]}]}"#
        #expect(try Self.read(body, texts: 1, dimensions: 3).dimensions == 3)
        for other in [2, 4] {
            guard case .wrong = Self.fault(body, texts: 1, dimensions: other) else {
                Issue.record("\(other) dimensions")
                continue
            }
        }
    }

    // Goal: the memory of a large answer is that of its numbers. Method: the bounds are reached with a vector that
    // never ends, and with smaller ones of numbers and bytes.
    @Test("a vector that never ends, and an answer that never does, end at their bounds")
    func bounds() throws {
        var endless = EmbeddingReply(textCount: 1, dimensions: nil)
        try endless.receive(Array(#"{"data":[{"embedding":["#.utf8).span)
        let numbers = Array(String(repeating: "1,", count: 1 << 12).utf8)
        #expect(throws: EmbeddingReplyError.self) { while true { try endless.receive(numbers.span) } }

        var many = EmbeddingReply(textCount: 9, dimensions: nil, numbersMax: 3)
        #expect(throws: EmbeddingReplyError.wrong("its answer has more than 3 numbers: make --embedding-batch smaller"))
        {
            try many.receive(Array(#"{"data":[{"embedding":[1,2]},{"embedding":[3,4]}"#.utf8).span)
        }

        var blank = EmbeddingReply(textCount: 1, dimensions: 1, bytesMax: 3)
        try blank.receive(Array("   ".utf8).span)
        #expect(throws: EmbeddingReplyError.wrong("its answer has more than 3 bytes")) {
            try blank.receive(Array(" ".utf8).span)
        }
    }
}

@Suite("Calls to an embedding service")
struct EmbeddingRequestTests {
    @Test("the body has the model and the texts, and dimensions where they are asked for")
    func body() {
        #expect(
            EmbeddingRequest.body(model: "m\"1", dimensions: nil, texts: ["a", "é\n"])
                == Array(#"{"model":"m\"1","input":["a","é\n"]}"#.utf8))
        #expect(
            EmbeddingRequest.body(model: "m", dimensions: 256, texts: ["a"])
                == Array(#"{"model":"m","dimensions":256,"input":["a"]}"#.utf8))
    }

    static func fault(_ status: Int, _ body: String = "", location: String? = nil, retry: Int64? = nil)
        -> EmbeddingFault
    {
        EmbeddingFault(status: status, body: Array(body.utf8), location: location, retryAfterMilliseconds: retry)
    }

    @Test("a refused key says where to look, and does not repeat what the service says of it", arguments: [401, 403])
    func key(status: Int) {
        guard case .refused(let detail) = Self.fault(status, #"{"error":{"message":"bad key sk-secret"}}"#) else {
            Issue.record("not refused")
            return
        }
        #expect(detail.contains("refuses the key (\(status)). Check --embedding-key-file"))
        #expect(!detail.contains("sk-secret"))
    }

    @Test("what the request is at fault for is refused with the service's words", arguments: [400, 404, 405, 422])
    func refused(status: Int) {
        guard case .refused(let detail) = Self.fault(status, #"{"error":{"message":"no such model"}}"#) else {
            Issue.record("not refused")
            return
        }
        #expect(detail.contains("it answers \(status) (no such model). Check"))
    }

    @Test("what passes is to be tried again, after the time that the service asks for")
    func passing() {
        for status in [408, 425, 429, 500, 502, 503, 504, 599] {
            #expect(
                Self.fault(status, "Busy\nline two", retry: 7000)
                    == .passing(detail: "it answers \(status) (Busy)", retryAfterMilliseconds: 7000))
        }
        #expect(Self.fault(503) == .passing(detail: "it answers 503", retryAfterMilliseconds: nil))
        #expect(Self.fault(413) == .tooLarge)
    }

    @Test("a redirection is not followed: the key is for the address that was configured", arguments: [301, 302, 307])
    func redirected(status: Int) {
        guard case .refused(let detail) = Self.fault(status, location: "https://elsewhere.example/") else {
            Issue.record("not refused")
            return
        }
        #expect(detail.contains("a redirection to https://elsewhere.example/ (\(status))"))
    }

    @Test(
        "a service's words are found wherever it has them, in one line",
        arguments: [
            (#"{"error":{"message":"one","type":"t"}}"#, "one"), (#"{"error":"two"}"#, "two"),
            (#"{"message":"three"}"#, "three"), (#"{"detail":"four\nand more"}"#, "four"), (#""five""#, "five"),
            ("  six\r\nmore", "six"), ("a\u{1b}[31mb", "a [31mb"), ("<html>page</html>", nil), ("", nil),
            (#"{"code":7}"#, nil), (#"{"detail":[{"msg":"x"}]}"#, nil),
        ] as [(String, String?)])
    func words(body: String, words: String?) {
        #expect(ServiceWords.of(Array(body.utf8)) == words)
    }

    @Test("a service's words are cut")
    func cut() {
        #expect(ServiceWords.of(Array(String(repeating: "é", count: 9999).utf8))?.count == ServiceWords.charactersMax)
    }

    @Test(
        "Retry-After is seconds or a date",
        arguments: [
            ("0", 0), ("7", 7000), (" 7 ", nil), ("7 ", nil), ("-1", nil), ("1.5", nil), ("soon", nil), ("", nil),
            ("Sun, 06 Nov 1994 08:49:47 GMT", 10_000), ("Sun, 06 Nov 1994 08:00:00 GMT", 0),
            ("99999999999999999999", 366 * 86_400_000),
        ] as [(String, Int64?)])
    func retryAfter(value: String, milliseconds: Int64?) {
        #expect(RetryAfter.milliseconds(value, nowUnixMilliseconds: 784_111_777_000) == milliseconds)
    }
}
