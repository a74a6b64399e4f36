import Wire

// Input: what a client sends, request behind request. The heads that are accepted go on to everything that reads their
// values without further checks.

func check(_ stream: [UInt8]) {
    RequestRules.check(stream) { answer, _ in
        for head in answer.heads { readValues(of: head) }
    }
}

/// The readers of single values say nil, or something true; here it is enough that they say it.
private func readValues(of head: RequestHead) {
    _ = QueryItems(head.query).pairs
    _ = AcceptField.acceptsGzip(head.fields["Accept-Encoding"])
    let quality = AcceptField.quality(of: "text", subtype: "html", in: head.fields["Accept"])
    Oracle.demand((0...1).contains(quality), "a weight lies between 0 and 1", head)
    if let tags = head.fields["If-None-Match"] { _ = EntityTag.matches(ifNoneMatch: tags, tag: "\"a\"") }
    if let type = head.fields["Content-Type"] { _ = MediaType(parsing: type) }
    if let disposition = head.fields["Content-Disposition"] { _ = ContentDisposition.parse(disposition) }
    if let key = try? WebSocketHandshake.validate(head) {
        Oracle.demand(head.method == "GET" && key.utf8.count == 24, "an upgrade is a GET with a key", head)
    }
    for segment in head.path.split(separator: "/") {
        guard let name = PercentCoding.decode(segment) else { continue }
        let again = PercentCoding.decode(PercentCoding.encodePathSegment(name))
        Oracle.demand(again == name, "a segment that was decoded can be encoded again", segment)
    }
}
