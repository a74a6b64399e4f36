import Wire

// Input: the requests of a client that speaks of resumable uploads. Whatever head is accepted as HTTP is read as the
// beginning of an upload and as more of one, in every dialect: a client may name one and send the fields of another.

private let dialects: [UploadDialect] = [.tus] + UploadDialect.interopVersions.map { .draft(interop: $0) }

func check(_ stream: [UInt8]) {
    RequestRules.check(stream) { answer, _ in
        for head in answer.heads {
            if let named = accepted({ () throws(UploadFieldError) in try UploadDialect.of(head) }), let named {
                Oracle.demand(dialects.contains(named), "a dialect is one of those there are", named)
            }
            for dialect in dialects {
                if let fields = accepted({ () throws(UploadFieldError) in
                    try UploadCreationFields(parsing: head, dialect: dialect)
                }) {
                    checkCreation(fields)
                }
                if let fields = accepted({ () throws(UploadFieldError) in
                    try UploadAppendFields(parsing: head, dialect: dialect)
                }) {
                    checkAppend(fields)
                }
            }
        }
    }
}

/// What was read, or nil for an error that has its answer.
private func accepted<Value>(_ read: () throws(UploadFieldError) -> Value) -> Value? {
    do throws(UploadFieldError) {
        return try read()
    } catch {
        Oracle.demand(
            [400, 403, 412, 415].contains(error.status) && !error.code.isEmpty && error.detail.hasSuffix("."),
            "an error has a status, a code and a sentence", error)
        return nil
    }
}

private func checkCreation(_ fields: UploadCreationFields) {
    Oracle.demand(fields.length ?? 0 >= 0, "a length is not negative", fields)
    Oracle.demand(fields.length == nil || !fields.isLengthDeferred, "a deferred length is not known", fields)
    if let checksum = fields.checksum { check(checksum) }
    if let metadata = fields.metadata { check(metadata) }
    if case .final(let ids)? = fields.concatenation {
        Oracle.demand(fields.length == nil && !fields.hasBody && !ids.isEmpty, "a final upload is its parts", fields)
        for id in ids {
            Oracle.demand(
                !id.isEmpty && id != "." && id != ".."
                    && !id.utf8.contains { $0 <= 0x20 || "/?#%\\".utf8.contains($0) },
                "an id is one plain segment of a path", id)
        }
        let again = try? UploadConcatenation(parsing: UploadConcatenation.final(ids: ids).text)
        Oracle.demand(again == .final(ids: ids), "what was read is written so that it is read again", ids)
    }
}

private func checkAppend(_ fields: UploadAppendFields) {
    Oracle.demand(fields.offset >= 0 && fields.length ?? 0 >= 0, "places are not negative", fields)
    if fields.dialect == .tus { Oracle.demand(!fields.bodyCompletes, "in tus the length alone decides", fields) }
    if let checksum = fields.checksum { check(checksum) }
}

private func check(_ checksum: UploadChecksum) {
    Oracle.demand(
        checksum.value.count == checksum.algorithm.digestByteCount, "a digest is as long as its algorithm's", checksum)
    let text = "\(checksum.algorithm.rawValue) \(Base64.encode(checksum.value))"
    Oracle.demand((try? UploadChecksum(parsing: text)) == checksum, "a checksum has one spelling", checksum)
}

private func check(_ metadata: UploadMetadata) {
    Oracle.demand(Set(metadata.items.map(\.name)).count == metadata.items.count, "a name is there once", metadata)
    for item in metadata.items {
        Oracle.demand(
            !item.name.isEmpty && !item.name.utf8.contains { $0 <= 0x20 || $0 == 0x2C || $0 == 0x7F },
            "a name has no blank, comma or control", item)
    }
    let text = metadata.items.map { "\($0.name) \(Base64.encode($0.value))" }.joined(separator: ",")
    let again = try? UploadMetadata(parsing: text)
    Oracle.demand(
        again?.items.map(\.name) == metadata.items.map(\.name)
            && again?.items.map(\.value) == metadata.items.map(\.value),
        "what was read is written so that it is read again", metadata)
}
