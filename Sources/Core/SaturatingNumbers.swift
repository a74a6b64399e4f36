extension Int64 {
    /// The whole number nearest to `value`; beyond 64 bits the last one there is, and 0 for what is no number. For
    /// figures that come from others: the plain conversion ends the process.
    package init(saturating value: Double) {
        let rounded = value.rounded()
        // Both bounds are exact: 2⁶³ itself is the first that does not fit.
        if rounded >= 0x1p63 {
            self = .max
        } else if rounded < -0x1p63 {
            self = .min
        } else {
            self = rounded.isNaN ? 0 : Int64(rounded)
        }
    }
}
