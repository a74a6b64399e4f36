import Testing

@testable import Core

/// Every way in which a run can end, and the one code that people see for it.
@Suite("Verdicts on runs")
struct RunVerdictTests {
    static let limits = WorkLimits.Policy(memoryBytesMax: 384 << 20).limits(forBytes: 5_000_000)
    static let done = RunReport.Finished(units: 3, chunks: 7, visibleCharacters: 900)
    static let blank = RunReport.Finished(units: 3, chunks: 0, visibleCharacters: 0)

    struct Case: CustomTestStringConvertible {
        var name: String
        var code: DocumentError.Code?
        var report: RunReport
        var testDescription: String { name }

        /// `code` nil: the run is complete.
        init(
            _ name: String, _ code: DocumentError.Code?, supervisor: SupervisedEnd? = nil, worker: Ending? = nil,
            extractor: Ending? = nil, says message: String = "", workerSays failure: DocumentError.Code? = nil,
            finished: RunReport.Finished? = nil
        ) {
            self.name = name
            self.code = code
            report = RunReport(limits: RunVerdictTests.limits)
            report.supervisedEnd = supervisor
            report.worker = worker
            report.extractor = extractor
            report.extractorMessage = message
            report.workerFailure = failure.map { DocumentError($0, "The worker's own words.") }
            report.finished = finished
        }
    }

    static let cases = [
        Case("all went well", nil, extractor: .exit(0), finished: done),
        Case("a text needs no extractor", nil, finished: done),
        Case("the worker ended after its last word", nil, worker: .exit(0), extractor: .exit(0), finished: done),
        Case("the extractor grumbled and succeeded", nil, extractor: .exit(0), says: "Warning", finished: done),
        Case("no visible character", .noText, extractor: .exit(0), finished: blank),

        Case("too much memory", .memoryExceeded, supervisor: .memory, worker: .signal(9), extractor: .signal(9)),
        Case("too much CPU time", .timeout, supervisor: .cpuTime, worker: .signal(9)),
        Case("too long", .timeout, supervisor: .wallTime, worker: .signal(9), finished: done),
        Case("no sign of life", .stalled, supervisor: .noProgress, worker: .signal(9)),
        Case(
            "the supervisor's reason comes first", .stalled, supervisor: .noProgress, extractor: .exit(1),
            says: "Incorrect password", workerSays: .noText),

        Case("the kernel ended the worker for CPU time", .timeout, worker: .cpuTime, extractor: .exit(0)),
        Case("the kernel ended the extractor for CPU time", .timeout, extractor: .cpuTime, finished: done),

        Case(
            "a password", .passwordProtected, extractor: .exit(1), says: "Command Line Error: Incorrect password",
            finished: blank),
        Case(
            "a password, and the worker found nothing", .passwordProtected, extractor: .exit(1),
            says: "Incorrect password", workerSays: .noText),
        Case("damaged", .unreadable, extractor: .exit(1), says: "Syntax Error: no trailer\nmore", finished: blank),
        Case("damaged after some pages", .unreadable, extractor: .exit(3), finished: done),
        Case("the extractor had no memory", .memoryExceeded, extractor: .exit(1), says: "Out of memory"),
        Case(
            "the extractor threw for memory", .memoryExceeded, extractor: .signal(6),
            says: "terminate called after throwing an instance of 'std::bad_alloc'", finished: done),
        Case("another tool's words for it", .memoryExceeded, extractor: .exit(1), says: "x: MEMORY EXHAUSTED"),
        Case("the words of the C library", .memoryExceeded, extractor: .exit(1), says: "fork: Cannot allocate memory"),
        Case("a script's words", .memoryExceeded, extractor: .exit(1), says: "Traceback …\nMemoryError"),
        Case("the extractor crashed", .crashed, extractor: .signal(11), finished: done),

        Case("the worker says why", .storageFull, extractor: .exit(0), workerSays: .storageFull),
        Case("the worker says why, then ends", .storageFull, worker: .exit(1), workerSays: .storageFull),
        Case("the worker crashed", .crashed, worker: .signal(11), extractor: .exit(0)),
        Case("the worker ended without a word", .crashed, worker: .exit(0), extractor: .exit(0)),
        Case("no extractor, no word", .crashed),

        Case("the worker's file grew too large", .outputExceeded, worker: .fileSize, extractor: .signal(13)),
        Case("the extractor's file grew too large", .outputExceeded, extractor: .fileSize, finished: done),
        Case("the extractor and its children held too much", .memoryExceeded, extractor: .memory, finished: done),
        Case("the extractor started too much", .processesExceeded, extractor: .processes, finished: done),
        Case(
            "the extractor opened too much", .descriptorsExceeded, extractor: .exit(1),
            says: "open: Too many open files", finished: done),
        Case("a call that is not allowed", .crashed, extractor: .signal(31), finished: done),
    ]

    @Test("every ending has its code", arguments: cases)
    func verdicts(example: Case) throws {
        switch example.report.verdict {
        case .complete(let units, let chunks):
            #expect(example.code == nil)
            #expect(units == 3)
            #expect(chunks == 7)
        case .failed(let error):
            #expect(error.code == example.code?.rawValue)
            #expect(error.isRetryable == example.code?.isRetryable)
            #expect(error.detail.hasSuffix("."), "a sentence that says what to do")
        case .waits, .fallsBack:
            Issue.record("no ending of these is followed by a run")
        }
    }

    static func detail(_ change: (inout RunReport) -> Void) -> String {
        var report = RunReport(limits: limits)
        change(&report)
        if case .failed(let error) = report.verdict { return error.detail } else { return "" }
    }

    @Test("a limit that was passed is named with its figure")
    func figures() {
        #expect(Self.detail { $0.supervisedEnd = .memory }.contains("384 MiB"))
        #expect(Self.detail { $0.supervisedEnd = .wallTime }.contains("130 s"))
        #expect(Self.detail { $0.supervisedEnd = .cpuTime }.contains("65 s"))
        #expect(Self.detail { $0.worker = .fileSize }.contains("1024 MiB"))
        #expect(Self.detail { $0.supervisedEnd = .noProgress }.contains("60 s"))
    }

    @Test("a tool's complaint is quoted by its first line, cut to 160 characters")
    func quoted() {
        let long = String(repeating: "é", count: 500)
        let detail = Self.detail {
            $0.extractor = .exit(1)
            $0.extractorMessage = "\(long)\nsecond line"
        }
        #expect(detail.contains("(\(long.prefix(160)))"))
        #expect(!detail.contains("second"))
        let silent = Self.detail { $0.extractor = .exit(1) }
        #expect(!silent.contains("("))
    }

    @Test("a crash says how the process ended")
    func crashes() {
        #expect(Self.detail { $0.worker = .signal(11) }.contains("worker was ended by signal 11"))
        #expect(Self.detail { $0.worker = .exit(3) }.contains("worker ended with code 3"))
        #expect(Self.detail { $0.extractor = .signal(31) }.contains("a system call that it may not make"))
        #expect(Self.detail { $0.extractor = .signal(6) }.contains("reader was ended by signal 6"))
    }

    // MARK: The second reader

    static let first = DocumentError(.unreadable, "The document cannot be read (no trailer).")

    static func verdict(_ change: (inout RunReport) -> Void) -> RunVerdict {
        var report = RunReport(limits: limits)
        report.hasSecondReader = true
        change(&report)
        return report.verdict
    }

    @Test("a document that the first reader finds nothing in is given to the second")
    func fallsBack() {
        let scan = Self.verdict { ($0.extractor, $0.finished) = (.exit(0), Self.blank) }
        let damaged = Self.verdict { ($0.extractor, $0.finished) = (.exit(1), Self.done) }
        for (verdict, code) in [(scan, DocumentError.Code.noText), (damaged, .unreadable)] {
            guard case .fallsBack(let error, .second) = verdict else {
                Issue.record("\(verdict)")
                continue
            }
            #expect(error.code == code.rawValue)
        }
    }

    @Test("one that wants a password or hits a limit is not")
    func staysWithTheFirst() {
        for verdict in [
            Self.verdict { ($0.extractor, $0.extractorMessage) = (.exit(1), "Incorrect password") },
            Self.verdict { $0.supervisedEnd = .memory }, Self.verdict { $0.extractor = .signal(11) },
        ] {
            guard case .failed = verdict else {
                Issue.record("\(verdict)")
                continue
            }
        }
    }

    @Test("what the second reader finds is the text, though it grumbles")
    func secondFinds() {
        let verdict = Self.verdict { ($0.firstFailure, $0.extractor, $0.finished) = (Self.first, .exit(1), Self.done) }
        #expect(verdict == .complete(units: 3, chunks: 7))
    }

    @Test("where the second finds nothing either, the first one's failure stands, with the second's words")
    func bothFail() {
        let damaged = Self.verdict {
            ($0.firstFailure, $0.extractor, $0.finished) = (Self.first, .exit(1), Self.blank)
            $0.extractorMessage = "warning: repairing\nerror: no pages"
        }
        let empty = Self.verdict { ($0.firstFailure, $0.extractor, $0.finished) = (Self.first, .exit(0), Self.blank) }
        let crashed = Self.verdict { ($0.firstFailure, $0.extractor) = (Self.first, .signal(11)) }
        let late = Self.verdict { ($0.firstFailure, $0.supervisedEnd, $0.worker) = (Self.first, .wallTime, .signal(9)) }
        for (verdict, words) in [
            (damaged, "mutool could not read it either (error: no pages)."), (empty, "found no text."),
            (crashed, "mutool could not read it either."), (late, "mutool could not read it either."),
        ] {
            guard case .failed(let error) = verdict else {
                Issue.record("\(verdict)")
                continue
            }
            #expect(error.code == Self.first.code && error.detail.hasPrefix(Self.first.detail))
            #expect(error.detail.hasSuffix(words), "\(error.detail)")
        }
    }

    @Test("the machine's trouble in the second reader's run is the machine's")
    func notTheReaders() {
        let full = Self.verdict {
            ($0.firstFailure, $0.workerFailure) = (Self.first, DocumentError(.storageFull, "No room."))
        }
        let died = Self.verdict { ($0.firstFailure, $0.worker) = (Self.first, .signal(11)) }
        let grumbled = Self.verdict {
            ($0.firstFailure, $0.worker, $0.extractor) = (Self.first, .signal(9), .exit(1))
        }
        for (verdict, code) in [(full, DocumentError.Code.storageFull), (died, .crashed), (grumbled, .crashed)] {
            guard case .failed(let error) = verdict else {
                Issue.record("\(verdict)")
                continue
            }
            #expect(error.code == code.rawValue)
        }
    }

    // MARK: Passwords

    @Test("a password that poppler cuts off is tried with the second reader, and told of where there is none")
    func longPassword() {
        func verdict(_ change: (inout RunReport) -> Void) -> RunVerdict {
            Self.verdict {
                ($0.extractor, $0.extractorMessage) = (.exit(1), "Command Line Error: Incorrect password")
                $0.hasPassword = true
                change(&$0)
            }
        }
        func error(_ verdict: RunVerdict) -> DocumentError? {
            if case .failed(let error) = verdict { error } else { nil }
        }
        let short = error(verdict { $0.hasSecondReader = true })
        #expect(short?.code == "password_protected" && short?.detail.contains("mutool") == false)
        let alone = error(verdict { ($0.hasLongPassword, $0.hasSecondReader) = (true, false) })
        #expect(alone?.code == "password_protected" && alone?.detail.contains("32 bytes") == true)
        let both = verdict { ($0.hasLongPassword, $0.hasSecondReader) = (true, true) }
        guard case .fallsBack(let first, to: .second) = both else { return #expect(Bool(false), "\(both)") }
        // Then it opens, or it does not: what it is told as is what the second reader found.
        #expect(error(verdict { $0.firstFailure = first })?.code == "password_protected")
        let blank = Self.verdict { ($0.firstFailure, $0.extractor, $0.finished) = (first, .exit(0), Self.blank) }
        #expect(error(blank)?.code == "no_text" && error(blank)?.detail.contains("password") == false)
        let done = Self.verdict { ($0.firstFailure, $0.extractor, $0.finished) = (first, .exit(0), Self.done) }
        #expect(done == .complete(units: 3, chunks: 7))
    }

    // MARK: Text recognition

    static let scan = DocumentError(.noText, "The document holds no text.")

    static func scanVerdict(_ change: (inout RunReport) -> Void = { _ in }) -> RunVerdict {
        var report = RunReport(limits: limits)
        (report.recognition, report.extractor, report.finished) = (.ready, .exit(0), Self.blank)
        change(&report)
        return report.verdict
    }

    @Test("a document without text is recognized where that can be done, after the second reader where there is one")
    func recognizedNext() {
        guard case .fallsBack(let error, .recognizer) = Self.scanVerdict() else {
            Issue.record("it is not recognized")
            return
        }
        #expect(error.code == "no_text")
        guard case .fallsBack(_, .second) = Self.scanVerdict({ $0.hasSecondReader = true }) else {
            Issue.record("the second reader does not come first")
            return
        }
        for change: (inout RunReport) -> Void in [
            { $0.firstFailure = Self.scan },
            // What the second reader makes of it says nothing of its pictures.
            { ($0.firstFailure, $0.extractor) = (Self.scan, .exit(1)) },
        ] {
            #expect(Self.scanVerdict(change) == .fallsBack(Self.scan, to: .recognizer))
        }
    }

    @Test("a damaged document, and one whose second reading met the machine's trouble, are not recognized")
    func notRecognized() {
        for verdict in [
            Self.scanVerdict { $0.extractor = .exit(1) }, Self.scanVerdict { $0.firstFailure = Self.first },
            Self.scanVerdict {
                ($0.firstFailure, $0.finished) = (Self.scan, nil)
                $0.workerFailure = DocumentError(.storageFull, "No room.")
            },
        ] {
            guard case .failed = verdict else {
                Issue.record("\(verdict)")
                continue
            }
        }
    }

    @Test("without recognition the error tells how to have it, and after it that it was tried")
    func hints() {
        func detail(_ change: @escaping (inout RunReport) -> Void) -> String {
            guard case .failed(let error) = Self.scanVerdict(change), error.code == "no_text" else { return "" }
            return error.detail
        }
        #expect(detail { $0.recognition = .off }.contains("headway serve --ocr"))
        // What has no pages, such as HTML, is nothing to recognize.
        let page = detail { $0.recognition = nil }
        #expect(page.contains("it is empty") && !page.contains("OCR"))
        #expect(detail { $0.recognition = .missing("tesseract is not installed") }.contains("tesseract is not"))
        let tried = detail { ($0.isRecognition, $0.firstFailure) = (true, Self.scan) }
        #expect(tried.contains("found none either") && !tried.contains("--ocr"))
    }

    @Test("recognition that fails is told as what it is, and what was recognized is the text")
    func recognition() {
        func code(_ change: @escaping (inout RunReport) -> Void) -> String {
            let verdict = Self.scanVerdict {
                ($0.isRecognition, $0.firstFailure, $0.finished) = (true, Self.scan, nil)
                change(&$0)
            }
            guard case .failed(let error) = verdict else { return "\(verdict)" }
            return error.code
        }
        #expect(code { $0.extractor = .exit(1) } == "unreadable")
        #expect(code { $0.extractor = .signal(11) } == "crashed")
        #expect(code { $0.extractor = .cpuTime } == "timeout")
        #expect(code { $0.supervisedEnd = .memory } == "memory_exceeded")
        let done = Self.scanVerdict { ($0.isRecognition, $0.firstFailure, $0.finished) = (true, Self.scan, Self.done) }
        #expect(done == .complete(units: 3, chunks: 7))
    }
}
