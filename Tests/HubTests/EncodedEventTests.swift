import Compression
import Core
import Loop
import Testing
import Wire

@testable import Hub

@Suite("An event in its forms")
struct EncodedEventTests {
    private let compressors = LoopCompressors()

    private func text(_ bytes: SharedBytes) -> String { String(decoding: bytes.copy, as: UTF8.self) }

    @Test("every form carries the same JSON")
    func forms() throws {
        let event = event(1, 7)
        #expect(text(event.bytes(.line(isChunked: false), compressors)) == "{\"d\":1,\"o\":7}\n")
        #expect(text(event.bytes(.line(isChunked: true), compressors)) == "e\r\n{\"d\":1,\"o\":7}\n\r\n")
        #expect(
            text(event.bytes(.serverSentEvent(isChunked: false), compressors)) == "id: e-7\ndata: {\"d\":1,\"o\":7}\n\n"
        )
        #expect(event.bytes(.webSocket, compressors).copy == [0x81, 13] + Array("{\"d\":1,\"o\":7}".utf8))
        #expect(event.json == Array("{\"d\":1,\"o\":7}".utf8) && event.entityTag == "\"e-7\"")
    }

    @Test("a form is made once and shared")
    func once() {
        let event = event(1, 7)
        for form in [EventForm.webSocket, .serverSentEvent(isChunked: true), .deflatedWebSocket(windowBits: 15)] {
            #expect(event.bytes(form, compressors) === event.bytes(form, LoopCompressors()))
        }
    }

    @Test("what is too short to pay is not compressed; the rest is, and stands for itself")
    func compressed() throws {
        let short = event(1, 7)
        let form = EventForm.deflatedWebSocket(windowBits: 15)
        #expect(short.bytes(form, compressors).copy[0] == 0x81)
        let json = Array("{\"text\":\"\(String(repeating: "again and ", count: 40))\"}".utf8)
        let long = EncodedEvent(
            document: documentID(1), position: WatchPosition(epoch: "e", offset: 1), weight: .step,
            status: .processing, json: json)
        let frame = long.bytes(form, compressors).copy
        #expect(frame[0] == 0xC1 && frame.count < json.count / 4)
        for _ in 0..<2 {
            var inflated: [UInt8] = []
            let payload = Array(frame[2...])
            try MessageDeflate(DeflateParameters()).inflate(payload.span, bytesMax: 10_000, into: &inflated)
            #expect(inflated == json)
        }
    }

    @Test("several events are one piece, the newest alone another")
    func run() {
        let run = EventRun([event(1, 1), event(1, 2)], compressors)
        #expect(text(run.bytes(.line(isChunked: false))) == "{\"d\":1,\"o\":1}\n{\"d\":1,\"o\":2}\n")
        #expect(run.bytes(.webSocket) === run.bytes(.webSocket))
        #expect(text(run.newestBytes(.line(isChunked: false))) == "{\"d\":1,\"o\":2}\n")
    }

    @Test("who resumes is told in the first message whether something was missed")
    func recovered() {
        let start = WatchStart(events: [event(1, 3)], recovered: false)
        #expect(String(decoding: start.firstJSON ?? [], as: UTF8.self) == "{\"d\":1,\"o\":3,\"recovered\":false}")
        #expect(WatchStart(events: [event(1, 3)], recovered: nil).firstJSON == nil)
    }
}
