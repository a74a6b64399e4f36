/// Which reader a document has, and what is said of that: the first, the second where that found nothing, then the
/// recognition of scanned pages.
extension Document {
    /// Who reads it, or is to.
    package var reader: TextReader { isRecognized ? .recognizer : firstFailure == nil ? .first : .second }

    /// What a recognizer has done of a document that it could not finish is much too dear to be done again.
    mutating func beginWithFirstReader() {
        if isRecognized, let checkpoint, checkpoint.units > 0, error?.isRetryable == true { return }
        firstFailure = nil
        isRecognized = false
        nameFirstStage()
    }

    /// Says who reads it, where it is not who reads first.
    var readerMessage: String? {
        if isRecognized { return Self.recognizedMessage }
        return firstFailure.map {
            $0.code == DocumentError.Code.noText.rawValue
                ? "Read with mutool, because pdftotext found no text in it."
                : "Read with mutool, because pdftotext could not read it."
        }
    }

    package static let recognizedMessage = "Read by text recognition (OCR), because there was no text in it."

    /// Which page is at hand, while pages are recognized: each takes its time.
    var recognitionMessage: String? {
        guard isRecognized, let stage = stages.first, !stage.isFinished, let total = stage.total, total > 0 else {
            return nil
        }
        return "Recognizing page \(min(stage.done + 1, total)) of \(total)"
    }

    /// Recognizing takes the place of extracting, and its weight.
    package mutating func nameFirstStage() {
        guard isReadByWorkers, !stages.isEmpty else { return }
        stages[0].name = isRecognized ? PipelineShape.recognizingName : PipelineShape.document.stages[0].name
    }
}
