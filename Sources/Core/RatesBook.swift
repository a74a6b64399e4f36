import JSON

/// What a rate is kept by: the same bytes cost differently in another pipeline.
package struct RatesKind: Hashable, Sendable {
    package var pipeline: String
    package var contentType: String

    package init(pipeline: String, contentType: String) {
        self.pipeline = pipeline
        self.contentType = contentType
    }
}

/// The rates of every kind of document that this server has met, as they are kept over a restart.
///
/// A book that is lost or cannot be read costs nothing but learning anew.
package struct RatesBook: Sendable, Equatable {
    /// Beyond them the kind that was not met for longest is forgotten.
    package static let kindsMax = 64

    /// The kind that was met last comes last.
    package private(set) var kinds: [(kind: RatesKind, rates: StageRates)] = []

    package init() {}

    package func rates(of kind: RatesKind) -> StageRates? { kinds.last { $0.kind == kind }?.rates }

    package mutating func take(_ lesson: RunLesson, of kind: RatesKind) {
        let index = kinds.firstIndex { $0.kind == kind }
        var rates = index.map { kinds.remove(at: $0).rates } ?? StageRates(stageCount: lesson.stages.count)
        // A pipeline of this name had other stages once.
        if rates.stages.count != lesson.stages.count { rates = StageRates(stageCount: lesson.stages.count) }
        rates.take(lesson)
        kinds.append((kind, rates))
        if kinds.count > Self.kindsMax { kinds.removeFirst() }
    }

    /// Takes in what an earlier process knew of kinds that this one has not met.
    package mutating func goOn(from older: RatesBook) {
        kinds = older.kinds.filter { rates(of: $0.kind) == nil } + kinds
        kinds.removeFirst(max(0, kinds.count - Self.kindsMax))
    }

    package static func == (left: RatesBook, right: RatesBook) -> Bool {
        left.kinds.elementsEqual(right.kinds) { $0.kind == $1.kind && $0.rates == $1.rates }
    }
}

// MARK: Record

extension RatesBook {
    package var recorded: [UInt8] {
        var writer = JSONWriter(reservingBytes: 512 * (kinds.count + 1))
        writer.beginObject()
        writer.key("kinds")
        writer.beginArray()
        for (kind, rates) in kinds {
            writer.beginObject()
            writer.key("pipeline"); writer.string(kind.pipeline)
            writer.key("content_type"); writer.string(kind.contentType)
            writer.key("reach"); writer.number(rates.reach, decimals: Self.decimals)
            writer.key("lead"); rates.leadMilliseconds.encode(into: &writer)
            writer.key("tail"); rates.tailMilliseconds.encode(into: &writer)
            writer.key("byte_cost"); rates.byteCost.encode(into: &writer)
            writer.key("stages")
            writer.beginArray()
            for stage in rates.stages {
                writer.beginObject()
                writer.key("unit_cost"); stage.unitCost.encode(into: &writer)
                writer.key("begin"); stage.begin.encode(into: &writer)
                writer.endObject()
            }
            writer.endArray()
            writer.endObject()
        }
        writer.endArray()
        writer.endObject()
        return writer.bytes
    }

    fileprivate static let decimals = 6

    /// Reads a record; nil when it is none.
    package init?(recorded bytes: [UInt8]) {
        guard let kinds = (try? JSONValue.parse(bytes))?["kinds"]?.arrayValue, kinds.count <= Self.kindsMax else {
            return nil
        }
        for value in kinds {
            guard let pipeline = value["pipeline"]?.stringValue, let type = value["content_type"]?.stringValue,
                let rates = StageRates(recorded: value)
            else { return nil }
            let kind = RatesKind(pipeline: pipeline, contentType: type)
            guard self.rates(of: kind) == nil else { return nil }
            self.kinds.append((kind, rates))
        }
    }
}

extension StageRates {
    fileprivate init?(recorded value: JSONValue) {
        guard let stages = value["stages"]?.arrayValue, let reach = value["reach"]?.numberValue,
            Self.reachRange.contains(reach), let lead = RunningEstimate(recorded: value["lead"]),
            let tail = RunningEstimate(recorded: value["tail"]),
            let bytes = RunningEstimate(recorded: value["byte_cost"])
        else { return nil }
        self.init(stageCount: stages.count)
        for (index, stage) in stages.enumerated() {
            guard let cost = RunningEstimate(recorded: stage["unit_cost"]),
                let begin = RunningEstimate(recorded: stage["begin"])
            else { return nil }
            self.stages[index].unitCost = cost
            self.stages[index].begin = begin
        }
        self.reach = reach
        leadMilliseconds = lead
        tailMilliseconds = tail
        byteCost = bytes
    }
}

extension RunningEstimate {
    fileprivate func encode(into writer: inout JSONWriter) {
        writer.beginObject()
        writer.key("count"); writer.integer(count)
        writer.key("mean"); writer.number(mean, decimals: RatesBook.decimals)
        writer.key("variance"); writer.number(variance, decimals: RatesBook.decimals)
        writer.endObject()
    }

    fileprivate init?(recorded value: JSONValue?) {
        guard let count = value?["count"]?.integerValue, let mean = value?["mean"]?.numberValue,
            let variance = value?["variance"]?.numberValue, count >= 0, mean.isFinite, variance.isFinite, variance >= 0
        else { return nil }
        self.count = count
        self.mean = mean
        self.variance = variance
    }
}
