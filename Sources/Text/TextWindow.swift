/// Clean text from which the next chunks are cut, as UTF-8 and as characters, with the page of each.
///
/// A *cluster* is one character as a person counts it. White space is clean in here: one space, one line feed, or two
/// for the end of a paragraph.
struct TextWindow {
    private(set) var bytes: [UInt8] = []
    /// The offset in `bytes` at which each cluster begins.
    private var starts: [Int32] = []
    /// For each page with text in here, its first cluster. The first entry is the page of cluster 0, whatever its
    /// number says.
    private var pages: [(firstCluster: Int, page: Int)] = []

    var count: Int { starts.count }

    // MARK: - Growing

    mutating func beginCluster() { starts.append(Int32(bytes.count)) }

    /// Adds to the cluster that was begun last.
    mutating func append(_ byte: UInt8) { bytes.append(byte) }

    /// Adds ASCII of which each byte is a cluster.
    mutating func append(clusters ascii: Span<UInt8>) {
        let first = Int32(bytes.count)
        starts.append(addingCapacity: ascii.count) { (added: inout OutputSpan<Int32>) in
            for index in 0..<Int32(ascii.count) { added.append(first + index) }
        }
        // The buffer is only read while the span is borrowed; `append` copies it.
        unsafe ascii.withUnsafeBufferPointer { ascii in unsafe bytes.append(contentsOf: ascii) }
    }

    /// The cluster that begins next is the first of its page.
    mutating func beginPage(_ page: Int) { pages.append((count, page)) }

    /// Of a cluster that is not the first of its page.
    mutating func removeLastCluster() {
        guard let start = starts.popLast() else { return }
        bytes.removeSubrange(Int(start)...)
    }

    mutating func removeFirst(_ clusters: Int) {
        guard clusters < count else { return removeAll() }
        let offset = starts[clusters]
        bytes.removeSubrange(..<Int(offset))
        starts.removeSubrange(..<clusters)
        for index in starts.indices { starts[index] -= offset }
        if let first = pages.lastIndex(where: { $0.firstCluster <= clusters }) { pages.removeSubrange(..<first) }
        for index in pages.indices { pages[index].firstCluster -= clusters }
    }

    /// Everything but the page that the text had reached: what follows on it is still its.
    private mutating func removeAll() {
        bytes.removeAll(keepingCapacity: true)
        starts.removeAll(keepingCapacity: true)
        if let last = pages.last { pages = [(0, last.page)] }
    }

    // MARK: - Reading

    func text(of clusters: Range<Int>) -> String {
        String(decoding: bytes[offset(of: clusters.lowerBound)..<offset(of: clusters.upperBound)], as: UTF8.self)
    }

    func page(of cluster: Int) -> Int {
        pages.last { $0.firstCluster <= cluster }?.page ?? pages.first?.page ?? 1
    }

    func isWhite(_ cluster: Int) -> Bool { isLineFeed(cluster) || isByte(UInt8(ascii: " "), cluster) }

    func isLineFeed(_ cluster: Int) -> Bool { isByte(UInt8(ascii: "\n"), cluster) }

    /// Whether that ASCII character, alone, is the cluster. False beyond the ends.
    func isByte(_ byte: UInt8, _ cluster: Int) -> Bool {
        guard starts.indices.contains(cluster) else { return false }
        let start = offset(of: cluster)
        return bytes[start] == byte && offset(of: cluster + 1) == start + 1
    }

    /// Whether ASCII letters or digits stand on both sides of the cluster's start, which is not the first.
    func isInsideASCIIWord(_ cluster: Int) -> Bool {
        let start = offset(of: cluster)
        return Self.isASCIIWord(bytes[start - 1]) && Self.isASCIIWord(bytes[start])
    }

    /// Whether an ASCII letter or digit stands right before the cluster's start, which is not the first.
    func endsWithASCIIWord(before cluster: Int) -> Bool { Self.isASCIIWord(bytes[offset(of: cluster) - 1]) }

    func isASCII(_ cluster: Int) -> Bool { bytes[offset(of: cluster)] < 0x80 }

    private static func isASCIIWord(_ byte: UInt8) -> Bool {
        // Letters of either case are 26 apart from "a" with bit 5 set; what wraps around is larger than either bound.
        (byte | 0x20) &- UInt8(ascii: "a") < 26 || byte &- UInt8(ascii: "0") < 10
    }

    /// The scalar that the cluster begins with: the base character, where marks follow.
    func firstScalar(of cluster: Int) -> Unicode.Scalar {
        let start = offset(of: cluster)
        let length = UTF8Scalar.length(startingWith: bytes[start])
        return UTF8Scalar.decode(bytes.span.extracting(start..<start + length))
    }

    /// The scalar that the last cluster but `distance` ends with.
    func lastScalar(beforeEnd distance: Int) -> Unicode.Scalar? {
        guard count > distance else { return nil }
        let end = offset(of: count - distance)
        return String(decoding: bytes[offset(of: count - distance - 1)..<end], as: UTF8.self).unicodeScalars.last
    }

    private func offset(of cluster: Int) -> Int { cluster < count ? Int(starts[cluster]) : bytes.count }
}
