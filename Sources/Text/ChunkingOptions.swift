/// How long chunks are and how much each repeats of the one before, in characters as a person counts them.
package struct ChunkingOptions: Sendable, Equatable {
    /// No chunk is longer.
    package let charactersMax: Int
    /// A chunk begins with at most this much of the one before, so that a sentence near a cut is whole in one of them.
    package let overlapCharacters: Int

    package static let charactersMaxDefault = 1000
    package static let overlapCharactersDefault = 150
    /// Below this a chunk says nothing by itself, and sentences no longer fit.
    package static let charactersMaxLeast = 50
    /// A chunker holds about two chunks in memory; this bounds them.
    package static let charactersMaxMost = 100_000
    package static let charactersMaxRange = charactersMaxLeast...charactersMaxMost

    package static let standard = ChunkingOptions()

    /// Refuses lengths out of bounds, and an overlap that would make chunks repeat rather than advance.
    package init(charactersMax: Int, overlapCharacters: Int) throws(ChunkingOptionsError) {
        guard Self.charactersMaxRange.contains(charactersMax) else {
            throw .charactersMaxOutOfRange
        }
        guard overlapCharacters >= 0, overlapCharacters < charactersMax / 2 else { throw .overlapOutOfRange }
        self.charactersMax = charactersMax
        self.overlapCharacters = overlapCharacters
    }

    private init() {
        charactersMax = Self.charactersMaxDefault
        overlapCharacters = Self.overlapCharactersDefault
    }
}

package enum ChunkingOptionsError: Error, Equatable {
    /// Not between `charactersMaxLeast` and `charactersMaxMost`.
    case charactersMaxOutOfRange
    /// Negative, or half of `charactersMax` and more.
    case overlapOutOfRange
}
