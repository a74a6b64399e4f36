/// Everything known about one command when it has ended.
package struct StageReport: Sendable, Equatable {
    package static let wordsQuotedMax = 400

    package var stage: String
    package var ending: Ending
    /// Why the supervisor ended it, if it did.
    package var supervisedEnd: SupervisedEnd?
    package var outgrewItsSpace = false
    package var lastWords: String
    package var limits: WorkLimits

    package init(
        stage: String, ending: Ending, supervisedEnd: SupervisedEnd?, outgrewItsSpace: Bool = false, lastWords: String,
        limits: WorkLimits
    ) {
        self.stage = stage
        self.ending = ending
        self.supervisedEnd = supervisedEnd
        self.outgrewItsSpace = outgrewItsSpace
        self.lastWords = lastWords
        self.limits = limits
    }

    /// What the document fails with; nil when the stage has come to a good end.
    package var failure: DocumentError? {
        if outgrewItsSpace { return outputExceeded }
        switch supervisedEnd {
        case .memory?: return memoryExceeded
        case .cpuTime?: return cpuTimeExceeded
        case .wallTime?:
            return DocumentError(
                .timeout,
                "The stage \(stage) took longer than the \(limits.wallMillisecondsMax / 1000) s that a stage may take "
                    + "with a document of this size. Split the document, or raise --work-seconds.")
        case .noProgress?:
            return DocumentError(
                .stalled,
                "The stage \(stage) showed no sign of progress for \(limits.stallMillisecondsMax / 1000) s. Try again, "
                    + "or raise --stall-seconds.")
        case nil: break
        }
        switch ending {
        case .exit(0): return nil
        case .exit where speaksOfMemory, .signal where speaksOfMemory: return memoryExceeded
        case .exit(let code):
            return DocumentError(.stageFailed, "The stage \(stage) ended with code \(code)\(quotedWords)")
        case .cpuTime: return cpuTimeExceeded
        case .fileSize: return outputExceeded
        case .memory: return memoryExceeded
        case .processes:
            return DocumentError(
                .processesExceeded,
                "The stage \(stage) started more than the \(WorkLimits.processesMax) processes that it may have at "
                    + "once.")
        case .signal(31):
            return crashed("was ended because it made a system call that it may not make (signal 31)")
        case .signal(let number): return crashed("was ended by signal \(number)")
        }
    }

    private var speaksOfMemory: Bool { MemoryRefusal.isTold(in: lastWords) }

    /// The last lines, on one line.
    private var quotedWords: String {
        let lines = lastWords.split(whereSeparator: \.isNewline).map {
            $0.filter { $0.asciiValue.map { $0 >= 0x20 && $0 != 0x7f } ?? true }
        }
        let text = lines.filter { !$0.isEmpty }.joined(separator: " | ")
        return text.isEmpty ? " and said nothing." : ": \(text.suffix(Self.wordsQuotedMax))"
    }

    private func crashed(_ how: String) -> DocumentError {
        DocumentError(
            .crashed,
            "The stage \(stage) \(how) while it worked on this document\(lastWords.isEmpty ? "." : quotedWords)")
    }

    private var memoryExceeded: DocumentError {
        DocumentError(
            .memoryExceeded,
            "The stage \(stage) needed more than the \(limits.memoryBytesMax >> 20) MiB that it may use. Split the "
                + "document, or raise --worker-memory.")
    }

    private var cpuTimeExceeded: DocumentError {
        DocumentError(
            .timeout,
            "The stage \(stage) used more than the \(limits.cpuSecondsMax) s of CPU time that a stage may use with a "
                + "document of this size. Split the document, or raise --work-seconds.")
    }

    private var outputExceeded: DocumentError {
        DocumentError(
            .outputExceeded,
            "What the stage \(stage) made grew beyond the \(limits.outputBytesMax >> 20) MiB, or the "
                + "\(OutputName.filesMax) files, that a document of this size may become.")
    }
}

/// At RLIMIT_DATA a program is refused memory, and ends as it sees fit: what it says then tells why.
package enum MemoryRefusal {
    static let words = ["out of memory", "bad_alloc", "memory exhausted", "memoryerror", "cannot allocate memory"]

    package static func isTold(in text: String) -> Bool {
        let text = text.lowercased()
        return words.contains { text.contains($0) }
    }
}

/// The name of a file that a pipeline made, as it may stand in a URL and in a list.
package enum OutputName {
    package static let bytesMax = 255
    /// Files that one run may leave.
    package static let filesMax = 10_000

    /// No path, nothing hidden, nothing that a terminal would take for an order.
    package static func isServable(_ name: String) -> Bool {
        (1...bytesMax).contains(name.utf8.count) && !name.hasPrefix(".") && !name.contains("/")
            && name.unicodeScalars.allSatisfy {
                $0.value >= 0x20 && !(0x7f...0x9f).contains($0.value) && $0 != "\u{fffd}" && $0 != "\\"
            }
    }

    /// As a segment of a URL's path (RFC 3986 §2.3).
    package static func escaped(_ name: String) -> String {
        let hexadecimal = Array("0123456789ABCDEF".utf8)
        var bytes: [UInt8] = []
        for byte in name.utf8 {
            switch byte {
            case 0x30...0x39, 0x41...0x5a, 0x61...0x7a, 0x2d, 0x2e, 0x5f, 0x7e: bytes.append(byte)
            default: bytes += [UInt8(ascii: "%"), hexadecimal[Int(byte >> 4)], hexadecimal[Int(byte & 15)]]
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// By the name's ending; what is not known here comes as bytes.
    package static func contentType(of name: String) -> String {
        let ending = name.lowercased().split(separator: ".").last.map(String.init) ?? ""
        return types[ending] ?? "application/octet-stream"
    }

    private static let types = [
        "png": "image/png", "jpg": "image/jpeg", "jpeg": "image/jpeg", "gif": "image/gif", "webp": "image/webp",
        "tif": "image/tiff", "tiff": "image/tiff", "pdf": "application/pdf", "json": "application/json",
        "ndjson": "application/x-ndjson", "jsonl": "application/x-ndjson", "csv": "text/csv; charset=utf-8",
        "txt": "text/plain; charset=utf-8", "md": "text/markdown; charset=utf-8", "xml": "application/xml",
        "zip": "application/zip", "mp3": "audio/mpeg", "mp4": "video/mp4", "wav": "audio/wave",
        "ogg": "application/ogg",
    ]
}
