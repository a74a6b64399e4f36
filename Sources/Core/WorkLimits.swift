/// What one document may cost (DESIGN.md, "Bounds").
package struct WorkLimits: Sendable, Equatable {
    package var memoryBytesMax: Int64
    package var cpuSecondsMax: Int64
    package var wallMillisecondsMax: Int64
    package var stallMillisecondsMax: Int64
    /// How much longer a stage's result may grow than its input: a bomb fills the disk otherwise.
    package var outputBytesMax: Int64
    /// Of a reader that is a script, and of a stage: those that run, and those that have ended and wait to be reaped.
    package static let processesMax = 64
    /// Of one reader.
    package static let readerDescriptorsMax: Int64 = 64

    /// The parts that configuration sets; what depends on the document's size is added by `limits(forBytes:)`.
    package struct Policy: Sendable, Equatable {
        package var memoryBytesMax: Int64
        package var cpuSeconds: Int64 = 60
        package var wallSeconds: Int64 = 120
        package var stallSeconds: Int64 = 60
        package var secondsMax: Int64 = 2 * 60 * 60

        package init(memoryBytesMax: Int64) { self.memoryBytesMax = memoryBytesMax }

        /// CPU 60 s + 1 s a MB, wall 120 s + 2 s a MB, both at most two hours.
        package func limits(forBytes bytes: Int64) -> WorkLimits {
            let megabytes = bytes / 1_000_000
            return WorkLimits(
                memoryBytesMax: memoryBytesMax,
                cpuSecondsMax: min(cpuSeconds + megabytes, secondsMax),
                wallMillisecondsMax: min(wallSeconds + 2 * megabytes, secondsMax) * 1000,
                stallMillisecondsMax: stallSeconds * 1000,
                outputBytesMax: max(1 << 30, 64 * bytes))
        }

        /// The same for a document of which so many pages are still to be recognized, and at most two hours as well:
        /// what is done by then need not be done again.
        package func limits(forBytes bytes: Int64, recognizedPages pages: Int64) -> WorkLimits {
            var limits = limits(forBytes: bytes)
            let seconds = min(
                limits.wallMillisecondsMax / 1000 + min(pages, secondsMax) * Recognition.pageSeconds, secondsMax)
            limits.wallMillisecondsMax = seconds * 1000
            return limits
        }
    }

    /// How many workers, and how much memory each, on a machine with this much.
    package static let serverBytes: Int64 = 96 << 20
    package static let workerBytesMax: Int64 = 384 << 20
    package static let workerBytesMin: Int64 = 128 << 20

    /// A number of workers that somebody asked for is kept, and the memory shared among them; one that was not is made
    /// smaller until each has enough.
    package static func share(
        machineBytes: Int64, workersWanted: Int, isFixed: Bool = false
    ) -> (workers: Int, bytesEach: Int64) {
        let available = max(workerBytesMin, machineBytes - serverBytes)
        let workers = isFixed ? workersWanted : max(1, min(workersWanted, Int(available / workerBytesMin)))
        return (workers, min(workerBytesMax, available / Int64(workers)))
    }
}

/// Why the supervisor ended a document's processes itself.
package enum SupervisedEnd: Sendable, Equatable {
    case memory, cpuTime, wallTime, noProgress
}

/// How a process ended, without the operating system's types.
package enum Ending: Sendable, Equatable {
    case exit(Int32)
    case signal(Int32)
    /// By the kernel, at the limit of this name.
    case cpuTime, fileSize
    /// By the supervisor, which adds up what a tool has started.
    case memory, processes
}

/// Everything known about one run when it is over.
package struct RunReport: Sendable, Equatable {
    package var supervisedEnd: SupervisedEnd?
    package var worker: Ending?
    package var extractor: Ending?
    /// The extractor's own words, bounded.
    package var extractorMessage = ""
    /// The worker's last word: what it made, or what it says went wrong.
    package var workerFailure: DocumentError?
    package var finished: Finished?
    /// A service that it needs is not to be called now: what the document says, and for how long.
    package var waits: Waits?
    /// A password was given.
    package var hasPassword = false
    /// One that poppler cuts off (`passwordBytesMax`), so that it never opens a document which has such a one.
    package var hasLongPassword = false
    package static let passwordBytesMax = 32
    /// Another reader is there for a document in which this one finds nothing.
    package var hasSecondReader = false
    /// Why the first reader found nothing: this is the run of another.
    package var firstFailure: DocumentError?
    /// This run recognized the text from pictures of the pages.
    package var isRecognition = false
    /// Nil for what has no pages to recognize.
    package var recognition: RecognitionStanding?
    package var limits: WorkLimits

    package struct Waits: Sendable, Equatable {
        package var message: String
        package var milliseconds: Int64
        package init(_ wait: DependencyWait, nowMilliseconds now: Int64) {
            message = wait.message(nowMilliseconds: now)
            milliseconds = max(0, wait.nextTryMilliseconds - now)
        }
    }

    package struct Finished: Sendable, Equatable {
        package var units: Int64
        package var chunks: Int64
        /// Characters other than white space.
        package var visibleCharacters: Int64
        package init(units: Int64, chunks: Int64, visibleCharacters: Int64) {
            self.units = units
            self.chunks = chunks
            self.visibleCharacters = visibleCharacters
        }
    }

    package init(limits: WorkLimits) { self.limits = limits }
}

package enum RunVerdict: Sendable, Equatable {
    case complete(units: Int64, chunks: Int64)
    case failed(DocumentError)
    /// A reader found nothing, and another is tried. The failure is the first one's.
    case fallsBack(DocumentError, to: TextReader)
    /// Something that it needs is not there now; it goes on in that time.
    case waits(message: String, milliseconds: Int64)
}

extension RunReport {
    /// The one answer for a run. A document in which the first reader finds nothing is read by the second; what the
    /// second finds, though it grumbles, is the text, and where it finds nothing the first one's failure stands. One
    /// that could be read but has no text is recognized after that.
    package var verdict: RunVerdict {
        let verdict = ownVerdict
        guard case .failed(let error) = verdict else { return verdict }
        let code = DocumentError.Code(rawValue: error.code)
        if isRecognition { return code == .noText ? .failed(nothingRecognized) : verdict }
        guard let firstFailure else {
            let isLocked = code == .passwordProtected && hasLongPassword
            if hasSecondReader && (code == .unreadable || code == .noText || isLocked) {
                return .fallsBack(error, to: .second)
            }
            return mayBeRecognized(after: error) ? .fallsBack(error, to: .recognizer) : verdict
        }
        let failure = secondVerdict(verdict, code, firstFailure)
        guard failure != verdict, mayBeRecognized(after: firstFailure) else { return failure }
        return .fallsBack(firstFailure, to: .recognizer)
    }

    /// A damaged document cannot be drawn either.
    private func mayBeRecognized(after first: DocumentError) -> Bool {
        recognition == .ready && first.code == DocumentError.Code.noText.rawValue
    }

    private var nothingRecognized: DocumentError {
        DocumentError(
            .noText,
            "The document holds no text, and text recognition (OCR) of its pages found none either: they are blank, "
                + "show no writing, or are in another language than the server was given.")
    }

    private func secondVerdict(
        _ verdict: RunVerdict, _ code: DocumentError.Code?, _ firstFailure: DocumentError
    ) -> RunVerdict {
        // It did open it: what the first one said is no news.
        if code == .noText, first(firstFailure, is: .passwordProtected) { return verdict }
        switch code {
        case .noText?: return .failed(firstFailure.saying("It was read with mutool as well, which found no text."))
        case .unreadable?, .passwordProtected?, .memoryExceeded?, .timeout?, .stalled?, .outputExceeded?,
            .processesExceeded?, .descriptorsExceeded?:
            return .failed(secondFailed(firstFailure))
        case .crashed? where worker == nil: return .failed(secondFailed(firstFailure))
        default: return verdict
        }
    }

    private func first(_ failure: DocumentError, is code: DocumentError.Code) -> Bool { failure.code == code.rawValue }

    private func secondFailed(_ first: DocumentError) -> DocumentError {
        first.saying(
            "That is what pdftotext made of it; mutool could not read it either\(Self.quote(extractorMessage)).")
    }

    /// The supervisor's own reason first, then the document's, then the processes'.
    private var ownVerdict: RunVerdict {
        switch supervisedEnd {
        case .memory?: return .failed(memoryExceeded)
        case .wallTime?:
            return .failed(
                DocumentError(
                    .timeout,
                    "Processing took longer than the \(limits.wallMillisecondsMax / 1000) s that a document of this "
                        + "size may take. Split the document, or raise --work-seconds."))
        case .noProgress?:
            return .failed(
                DocumentError(
                    .stalled,
                    "There was no sign of progress for \(limits.stallMillisecondsMax / 1000) s. Try again; if it "
                        + "stalls at the same page, the document is damaged there."))
        case .cpuTime?: return .failed(cpuTimeExceeded)
        case nil: break
        }
        if worker == .cpuTime || extractor == .cpuTime { return .failed(cpuTimeExceeded) }
        if worker == .fileSize || extractor == .fileSize { return .failed(outputExceeded) }
        // Whoever fails first has the others ended: a reader that was killed, or lost its pipe, because the worker died
        // is no reason, while one that ended by itself is.
        var wasReaderEnded = extractor == .signal(9) || extractor == .signal(13)
        // The second reader grumbles at the end of every damaged document, and at the end of its pipe.
        if firstFailure != nil, !isRecognition, worker != nil, case .exit = extractor { wasReaderEnded = true }
        if !wasReaderEnded, let failure = documentFailure { return .failed(failure) }
        if let waits { return .waits(message: waits.message, milliseconds: waits.milliseconds) }
        if let workerFailure { return .failed(workerFailure) }
        if let worker, finished == nil { return .failed(crashed("The worker", worker)) }
        if let failure = documentFailure { return .failed(failure) }
        guard let finished else {
            return .failed(DocumentError(.crashed, "The worker ended without a result. Try again."))
        }
        if finished.visibleCharacters == 0 {
            return .failed(noText)
        }
        return .complete(units: finished.units, chunks: finished.chunks)
    }

    private var noText: DocumentError {
        guard recognition != nil else {
            return DocumentError(
                .noText,
                "The document holds no text: it is empty, or all that it shows is pictures. Upload one with text.")
        }
        return DocumentError(
            .noText,
            "The document holds no text: it may be a scan. Run text recognition (OCR) over it and upload it "
                + "again\(recognitionHint).")
    }

    /// What whoever runs the server can do.
    private var recognitionHint: String {
        switch recognition {
        case .off?: ", or have the server do so: headway serve --ocr"
        case .missing(let words)?: "; the server cannot do so itself, because \(words)"
        case .ready?, nil: ""
        }
    }

    private var documentFailure: DocumentError? {
        guard let extractor else { return nil }
        let words = extractorMessage.lowercased()
        switch extractor {
        case .exit(0): return nil
        case .exit where isRecognition:
            return DocumentError(
                .unreadable,
                "No page of the document could be drawn and read by text recognition (OCR)"
                    + "\(Self.quote(extractorMessage)). Save the document anew and upload it again.")
        case .exit where firstFailure != nil && finished?.visibleCharacters ?? 0 > 0: return nil
        case .exit:
            if words.contains("incorrect password") {
                return DocumentError(
                    .passwordProtected,
                    hasPassword
                        ? "The password that was given does not open the document. Upload it again with the right one."
                            + longPasswordHint
                        : "The document opens only with a password. Upload it again with it, or without one."
                )
            }
            if MemoryRefusal.isTold(in: words) { return memoryExceeded }
            if words.contains("too many open files") {
                return DocumentError(
                    .descriptorsExceeded,
                    "The reader opened more than the \(WorkLimits.readerDescriptorsMax) files that it may have open at "
                        + "once\(Self.quote(extractorMessage)). Save "
                        + "the document anew and upload it again.")
            }
            return DocumentError(
                .unreadable,
                "The document cannot be read\(Self.quote(extractorMessage)). Open it in a viewer, save it anew "
                    + "and upload it again.")
        case .signal where MemoryRefusal.isTold(in: words), .memory: return memoryExceeded
        case .cpuTime: return cpuTimeExceeded
        case .fileSize: return outputExceeded
        case .processes:
            return DocumentError(
                .processesExceeded,
                "The reader started more than the \(WorkLimits.processesMax) processes that it may have at once. Other "
                    + "documents are not affected; whoever runs the server should look at the command that reads this "
                    + "type.")
        case .signal: return crashed("The reader", extractor)
        }
    }

    private var longPasswordHint: String {
        hasLongPassword && !hasSecondReader
            ? " One of more than \(Self.passwordBytesMax) bytes is tried where mutool is installed (mupdf-tools)." : ""
    }

    private var memoryExceeded: DocumentError {
        DocumentError(
            .memoryExceeded,
            "Processing needed more than the \(limits.memoryBytesMax >> 20) MiB that a worker may use. Split "
                + "the document, or raise --worker-memory.")
    }

    private var cpuTimeExceeded: DocumentError {
        DocumentError(
            .timeout,
            "Processing used more than the \(limits.cpuSecondsMax) s of CPU time that a document of this size may use. "
                + "Split the document, or raise --work-seconds.")
    }

    private var outputExceeded: DocumentError {
        DocumentError(
            .outputExceeded,
            "What was made of the document grew beyond the \(limits.outputBytesMax >> 20) MiB that a document of this "
                + "size may become. Split the document.")
    }

    private func crashed(_ who: String, _ ending: Ending) -> DocumentError {
        let how =
            switch ending {
            case .exit(let code): "ended with code \(code)"
            // SIGSYS
            case .signal(31): "was ended because it made a system call that it may not make (signal 31)"
            case .signal(let number): "was ended by signal \(number)"
            case .cpuTime: "ran out of CPU time"
            case .fileSize: "wrote too large a file"
            case .memory: "needed too much memory"
            case .processes: "started too many processes"
            }
        return DocumentError(
            .crashed, "\(who) \(how) while it worked on this document. Other documents are not affected; try again.")
    }

    /// The first line of a tool's complaint that is no warning, cut and in parentheses; nothing when it said nothing.
    private static func quote(_ message: String) -> String {
        guard let line = message.split(separator: "\n").first(where: { !$0.hasPrefix("warning:") }) else { return "" }
        return " (\(line.prefix(160)))"
    }
}
