/// One part of a document as its text is taken out of it: markup in, running text into a flow.
protocol MarkupText {
    /// Takes the next piece, which is UTF-8.
    mutating func receive(_ bytes: [UInt8]) throws(FormatError)
    /// Says that nothing follows.
    mutating func finish() throws(FormatError)
    /// Works on what was received. Anything but nil: the part of that relationship belongs here; call again after it.
    mutating func advance(into flow: inout TextFlow) throws(FormatError) -> String?
    /// Whether there are notes in it that another reading must fetch.
    var leavesNotes: Bool { get }
}

extension MarkupText {
    var leavesNotes: Bool { false }
}

extension XMLError {
    var formatError: FormatError {
        switch self {
        case .malformed(let reason): .damaged(reason: "its markup is wrong, \(reason)")
        case .declaresEntities: .damaged(reason: "it declares entities, which are not read")
        case .undefinedEntity: .damaged(reason: "it names an entity that is not defined")
        case .tooDeep(let depthMax): .damaged(reason: "its elements lie deeper than \(depthMax) within each other")
        case .tooManyAttributes(let attributesMax):
            .damaged(reason: "an element has more than \(attributesMax) attributes")
        case .nameTooLong(let bytesMax): .damaged(reason: "a name in its markup is longer than \(bytesMax) bytes")
        case .tagTooLong(let bytesMax): .damaged(reason: "a tag is longer than \(bytesMax) bytes")
        case .cutOff: .damaged(reason: "its markup ends too early")
        }
    }
}

/// An XML part whose events a vocabulary turns into text.
struct XMLText<Vocabulary: XMLVocabulary>: MarkupText {
    private var reader = XMLReader()
    private var vocabulary: Vocabulary
    /// How deep within an element that is passed over.
    private var passedOver = 0

    init(_ vocabulary: Vocabulary) { self.vocabulary = vocabulary }

    var leavesNotes: Bool { vocabulary.leavesNotes }

    mutating func receive(_ bytes: [UInt8]) throws(FormatError) {
        do throws(XMLError) { try reader.receive(bytes) } catch { throw error.formatError }
    }

    mutating func finish() throws(FormatError) {
        do throws(XMLError) { try reader.finish() } catch { throw error.formatError }
    }

    mutating func advance(into flow: inout TextFlow) -> String? {
        while let event = reader.nextEvent() {
            switch event {
            case .start(let name, let attributes):
                if passedOver > 0 || vocabulary.passesOver(name, attributes) {
                    passedOver += 1
                } else if let inclusion = vocabulary.start(name, attributes, &flow) {
                    return inclusion
                }
            case .end(let name):
                if passedOver > 0 { passedOver -= 1 } else { vocabulary.end(name, &flow) }
            case .text(let text):
                if passedOver == 0 { vocabulary.text(text, &flow) }
            }
        }
        return nil
    }
}

/// What the elements of one kind of document mean for its text.
protocol XMLVocabulary {
    /// Whether the element has no text of the document in it.
    mutating func passesOver(_ name: String, _ attributes: [XMLAttribute]) -> Bool
    var leavesNotes: Bool { get }
    /// Anything but nil: the relationship of the part that belongs here.
    mutating func start(_ name: String, _ attributes: [XMLAttribute], _ flow: inout TextFlow) -> String?
    mutating func end(_ name: String, _ flow: inout TextFlow)
    mutating func text(_ text: [UInt8], _ flow: inout TextFlow)
}

extension XMLVocabulary {
    var leavesNotes: Bool { false }
}

/// Text without markup, as a part of a document.
struct PlainText: MarkupText {
    private var received: [UInt8] = []

    mutating func receive(_ bytes: [UInt8]) { received += bytes }

    mutating func finish() {}

    mutating func advance(into flow: inout TextFlow) -> String? {
        flow.append(keeping: received)
        received.removeAll(keepingCapacity: true)
        return nil
    }
}
