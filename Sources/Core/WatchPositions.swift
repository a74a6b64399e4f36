/// Where a reader is in the events of several documents, as one line: `9f3c-17,23,-,a1-5` in the order of the
/// documents. An epoch that is the one before is left out; `-` stands where nothing was told yet.
package struct WatchPositions: Sendable, Equatable, CustomStringConvertible {
    package var positions: [WatchPosition?]

    package init(count: Int) { positions = Array(repeating: nil, count: count) }

    /// Places of which nothing is known.
    package static func lost(count: Int) -> WatchPositions {
        var positions = WatchPositions(count: count)
        positions.positions = Array(repeating: WatchPosition(epoch: "", offset: 0), count: count)
        return positions
    }

    /// Nil when it is none for so many documents.
    package init?(parsing text: some StringProtocol, count: Int) {
        let parts = text.split(separator: ",", omittingEmptySubsequences: false)
        guard parts.count == count else { return nil }
        positions = []
        var epoch: String?
        for part in parts {
            if part == "-" {
                positions.append(nil)
            } else if let position = WatchPosition(parsing: part) {
                epoch = position.epoch
                positions.append(position)
            } else if let epoch, let position = WatchPosition(parsing: "\(epoch)-\(part)") {
                positions.append(position)
            } else {
                return nil
            }
        }
    }

    package var description: String {
        var text = ""
        var epoch: String?
        for (index, position) in positions.enumerated() {
            if index > 0 { text += "," }
            guard let position else {
                text += "-"
                continue
            }
            if position.epoch == epoch {
                text += String(position.offset)
            } else {
                epoch = position.epoch
                text += position.description
            }
        }
        return text
    }
}
