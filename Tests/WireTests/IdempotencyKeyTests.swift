import Testing
import Wire

@Suite("Idempotency-Key")
struct IdempotencyKeyTests {
    @Test(
        "a key is the same with quotes and without",
        arguments: [
            ("8e03978e-40d5-43dd-bc93-6894a57f9324", "8e03978e-40d5-43dd-bc93-6894a57f9324"),
            ("\"8e03978e-40d5-43dd-bc93-6894a57f9324\"", "8e03978e-40d5-43dd-bc93-6894a57f9324"),
            ("  \"a\" ", "a"), ("\ta", "a"), ("\"a\\\"b\\\\c\"", "a\"b\\c"), ("a\"b", "a\"b"), ("a;b,c", "a;b,c"),
            (String(repeating: "k", count: 255), String(repeating: "k", count: 255)),
            ("\"" + String(repeating: "k", count: 255) + "\"", String(repeating: "k", count: 255)),
        ])
    func keys(value: String, key: String) {
        #expect(IdempotencyKey.parse(value) == key)
    }

    @Test(
        "what is no key",
        arguments: [
            "", " ", "\"\"", "\"", "\"a", "\"a\"b\"", "\"a\\\"", "\"a\\b\"", "a b", "\"a b\"", "é", "a\u{7f}",
            String(repeating: "k", count: 256), "\"a\";p=1",
        ])
    func refused(value: String) {
        #expect(IdempotencyKey.parse(value) == nil)
    }
}
