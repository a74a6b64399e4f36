/// A quantity known by its logarithm and the variance of that.
struct Likely: Equatable {
    var logarithm: Double
    var variance: Double

    /// What is foretold and what is seen, where that is evidence or not alone.
    static func weighed(foretold: Likely?, seen: Likely?, _ isEvidence: Bool) -> Likely? {
        switch (foretold, seen) {
        case (let foretold?, let seen?): foretold.weighed(with: seen)
        case (let foretold?, nil): foretold
        case (nil, let seen?): isEvidence ? seen : nil
        case (nil, nil): nil
        }
    }

    /// Both together, each by how sure it is. Where they contradict each other the result is less sure of itself.
    func weighed(with other: Likely) -> Likely {
        let (mine, theirs) = (1 / variance, 1 / other.variance)
        let sum = mine + theirs
        let difference = logarithm - other.logarithm
        return Likely(
            logarithm: (logarithm * mine + other.logarithm * theirs) / sum,
            variance: 1 / sum + difference * difference * mine * theirs / (sum * sum) / 2)
    }
}

/// A point in time from now on, in milliseconds, and how sure it is.
struct Likelihood: Equatable {
    var milliseconds = 0.0
    var variance = 0.0

    func after(_ units: Double, _ cost: UnitCost) -> Likelihood {
        let part = units * cost.milliseconds
        return Likelihood(milliseconds: milliseconds + part, variance: variance + part * part * cost.variance)
    }

    func later(_ other: Likelihood) -> Likelihood { other.milliseconds >= milliseconds ? other : self }
}

/// What one unit takes, and the variance of its logarithm.
struct UnitCost: Equatable {
    /// A cost beyond e³⁰ or below e⁻³⁰ milliseconds is a fault of the record.
    private static let logarithmMax = 30.0

    var milliseconds: Double
    var variance: Double

    init(milliseconds: Double, variance: Double) {
        self.milliseconds = milliseconds
        self.variance = variance
    }

    init(_ cost: Likely) {
        milliseconds = min(Self.logarithmMax, max(-Self.logarithmMax, cost.logarithm)).exponential
        variance = cost.variance
    }
}
