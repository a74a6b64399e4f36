import Wire

// Input: a line with the boundary, then the body. So the fuzzer finds boundaries too, and those that cannot be one.

private let tight = MultipartLimits(partsMax: 2, partHeadBytesMax: 100, preambleBytesMax: 12, epilogueBytesMax: 8)

func check(_ input: [UInt8]) {
    let line = input.prefix { $0 != 0x0A }
    let boundary = String(decoding: line, as: UTF8.self)
    let body = Array(input.dropFirst(line.count + 1))

    for limits in [.default, tight] as [MultipartLimits] {
        let answer = Oracle.answer(to: body) { MultipartTranscript($0, boundary: boundary, limits: limits) }
        if let error = answer.failure {
            Oracle.demand(
                [400, 415].contains(error.status) && !error.code.isEmpty && error.detail.hasSuffix("."),
                "an error has a status, a code and a sentence", error)
            // A body that was cut short is the one mistake that more octets can mend.
            guard error != .truncated else { continue }
            let longer = MultipartTranscript([body + "\r\n--\(boundary)--".utf8], boundary: boundary, limits: limits)
            Oracle.demand(longer == answer, "a failed decoder stays failed", "\(answer)\nthen\n\(longer)")
        } else {
            let isComplete = answer.isFinished && answer.parts.allSatisfy(\.isEnded)
            Oracle.demand(isComplete, "a form that is read is complete", answer)
            let opinion = secondOpinion(body, boundary: boundary)
            Oracle.demand(
                answer.parts.map(\.data) == opinion, "the data is what a naive reader sees", "\(answer)\n\(opinion)")
        }
        Oracle.demand(answer.parts.count <= limits.partsMax, "the bound of parts holds", answer)
        for part in answer.parts { checkFilename(of: part.head) }
    }
}

/// A file's name never leads anywhere, and a download that is given it has it.
private func checkFilename(of part: MultipartPart) {
    guard let filename = part.filename else { return }
    Oracle.demand(!filename.utf8.contains { $0 == 0x2F || $0 == 0x5C }, "a file's name has no path", part)
    let download = ContentDisposition.parse(ContentDisposition.attachment(filename: filename))
    Oracle.demand(download?.filename == filename, "a name that was read can be written", part)
}

/// The data of the parts of a body that is known to be a form, from octets that lie there whole.
private func secondOpinion(_ body: [UInt8], boundary: String) -> [[UInt8]] {
    // A delimiter's CRLF may be the line end before it: before the body a line has ended, as behind a part's head.
    var rest = ("\r\n".utf8 + body)[...]
    var parts: [[UInt8]] = []
    while let delimiter = firstDelimiter(rest, boundary: boundary) {
        // The first piece is the preamble; of the others, the CRLF in front ends the part's head.
        if rest.startIndex > 0 { parts.append(Array(rest[..<delimiter.lowerBound].dropFirst(2))) }
        let isLast = rest[..<delimiter.upperBound].ends(with: "--".utf8)
        guard !isLast, let headEnd = firstRange(of: "\r\n\r\n".octets, in: rest[(delimiter.upperBound - 2)...])
        else { return parts }
        rest = rest[(headEnd.upperBound - 2)...]
    }
    return parts
}

/// RFC 2046 §5.1.1: line end, hyphens, boundary, and then two hyphens, or blanks and a line end. Anything else is data.
private func firstDelimiter(_ octets: ArraySlice<UInt8>, boundary: String) -> Range<Int>? {
    var rest = octets
    while let found = firstRange(of: Array("\r\n--\(boundary)".utf8), in: rest) {
        let tail = rest[found.upperBound...]
        let line = tail.drop { $0 == 0x20 || $0 == 0x09 }
        if tail.starts(with: "--".utf8) { return found.lowerBound..<found.upperBound + 2 }
        if line.starts(with: "\r\n".utf8), line.startIndex - tail.startIndex <= 64 {
            return found.lowerBound..<line.startIndex + 2
        }
        rest = rest[(found.lowerBound + 1)...]
    }
    return nil
}

private func firstRange(of pattern: [UInt8], in octets: ArraySlice<UInt8>) -> Range<Int>? {
    octets.indices.first { octets[$0...].starts(with: pattern) }.map { $0..<$0 + pattern.count }
}

extension ArraySlice<UInt8> {
    fileprivate func ends(with end: String.UTF8View) -> Bool { suffix(end.count).elementsEqual(end) }
}
