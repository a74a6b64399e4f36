import Formats

// Input: an XML part of a packed document.

/// Bounds so near that inputs of a few hundred octets reach each of them.
private let tight: XMLLimits = {
    var limits = XMLLimits()
    (limits.depthMax, limits.attributesMax, limits.nameBytesMax, limits.tagBytesMax) = (3, 2, 8, 40)
    return limits
}()

func check(_ input: [UInt8]) {
    for limits in [.default, tight] as [XMLLimits] {
        let answer = Oracle.answer(to: input) { Transcript($0, limits: limits) }
        Oracle.demand(answer.depthMax <= limits.depthMax, "the bound of depth holds", answer)
        Oracle.demand(answer.attributesMax <= limits.attributesMax, "the bound of attributes holds", answer)
        if answer.error == nil {
            Oracle.demand(answer.isBalanced, "an accepted document closes what it opens", answer)
            continue
        }
        guard answer.error != .cutOff else { continue }
        let longer = Transcript([input + Array("</a></b>".utf8)], limits: limits)
        Oracle.demand(longer.error != nil, "what is refused is not mended by what follows", "\(answer)\n\(longer)")
    }
}

private struct Transcript: Equatable {
    private(set) var story: [String] = []
    private(set) var text: [UInt8] = []
    private(set) var error: XMLError?
    private(set) var depthMax = 0
    private(set) var attributesMax = 0
    private var open: [String] = []
    private(set) var isBalanced = true

    init(_ pieces: [[UInt8]], limits: XMLLimits) {
        var reader = XMLReader(limits: limits)
        do throws(XMLError) {
            for piece in pieces {
                try reader.receive(piece)
                while let event = reader.nextEvent() { take(event) }
            }
            try reader.finish()
            while let event = reader.nextEvent() { take(event) }
            isBalanced = isBalanced && open.isEmpty
        } catch {
            // How much was told before a mistake depends on where the input was cut; that there is one does not.
            self = Transcript(error)
        }
    }

    private init(_ error: XMLError) { self.error = error }

    private mutating func take(_ event: XMLEvent) {
        switch event {
        case .start(let name, let attributes):
            open.append(name)
            depthMax = max(depthMax, open.count)
            attributesMax = max(attributesMax, attributes.count)
            story.append("<\(name) \(attributes) at \(text.count)")
        case .end(let name):
            isBalanced = isBalanced && open.popLast() == name
            story.append("</\(name) at \(text.count)")
        case .text(let piece): text += piece
        }
    }
}
