extension String {
    /// As many whole characters from the beginning as have room in `utf8BytesMax` bytes. A first character that is
    /// larger by itself (a letter under a heap of accents) is cut between its scalars.
    package func cut(utf8BytesMax: Int) -> String {
        guard utf8.count > utf8BytesMax else { return self }
        var bytes = 0
        var end = startIndex
        while end < endIndex {
            bytes += self[end].utf8.count
            guard bytes <= utf8BytesMax else { break }
            end = index(after: end)
        }
        if end == startIndex {
            bytes = 0
            for scalar in unicodeScalars {
                bytes += UTF8.width(scalar)
                guard bytes <= utf8BytesMax else { break }
                end = unicodeScalars.index(after: end)
            }
        }
        return String(self[..<end])
    }
}
