import Core
import System

/// The tools that read documents, found once.
struct ExtractorTools: Sendable {
    private let pdftotext: Program?
    /// The same with its output as it buffers it itself, where nobody waits for each line.
    private let pdftotextInBlocks: Program?
    private let pdfinfo: Program?
    private let pdfdetach: Program?
    /// Recovers most files that are damaged or cut off, of which pdftotext gets nothing.
    private let mutool: Program?
    /// Those that recognize text, and how they stand.
    let recognition: RecognitionTools?
    let standing: RecognitionStanding

    /// On a thread that outlives its children.
    init(_ recognition: Recognition?) {
        switch recognition.map(RecognitionTools.find) {
        case nil: (self.recognition, standing) = (nil, .off)
        case .missing(let words)?: (self.recognition, standing) = (nil, .missing(words))
        case .tools(let tools)?: (self.recognition, standing) = (tools, .ready)
        }
        let buffering = Self.lineBuffering
        func lineBuffered(_ name: String) -> Program? {
            guard let buffering, let path = ThisProcess.findProgram(name) else { return nil }
            return Program(path: path, environment: Self.environment + buffering)
        }
        pdftotext = lineBuffered("pdftotext")
        pdftotextInBlocks = ThisProcess.findProgram("pdftotext").map {
            Program(path: $0, environment: Self.environment)
        }
        mutool = lineBuffered("mutool")
        func plain(_ name: String) -> Program? {
            ThisProcess.findProgram(name).map { Program(path: $0, environment: Self.environment) }
        }
        pdfinfo = plain("pdfinfo")
        pdfdetach = plain("pdfdetach")
    }

    /// Whether any is a script: a program may not start others (`SandboxProfile`).
    var startProcesses: Bool {
        [pdftotext, pdftotextInBlocks, pdfinfo, pdfdetach, mutool].contains { $0?.isScript == true }
            || recognition?.startProcesses == true
    }

    /// How to have `type` read; nil when the machine lacks the means.
    func textCommand(
        for type: DocumentType, _ pages: PageRange, password: String?, byLine: Bool
    ) -> Command? {
        guard type == .pdf, let pdftotext = byLine ? pdftotext : pdftotextInBlocks else { return nil }
        var range: [String] = []
        if pages.first > 1 { range += ["-f", "\(pages.first)"] }
        if let last = pages.last { range += ["-l", "\(last)"] }
        // By /proc/self/fd/0, or the whole file is read into memory.
        return Command(
            program: pdftotext,
            arguments: Self.opening(password) + ["-enc", "UTF-8"] + range + ["/proc/self/fd/0", "-"])
    }

    var hasSecondReader: Bool { mutool != nil }

    /// How to have a PDF read that pdftotext found nothing in.
    func secondTextCommand(_ pages: PageRange, password: String?) -> Command? {
        mutool.map { mutool in
            let last = pages.last.map(String.init) ?? "N"
            return Command(
                program: mutool,
                arguments: ["draw", "-q"] + (password.map { ["-p", $0] } ?? [])
                    + ["-F", "txt", "-o", "-", "/proc/self/fd/0", "\(pages.first)-\(last)"])
        }
    }

    func pageCountCommand(password: String?) -> Command? {
        pdfinfo.map { Command(program: $0, arguments: Self.opening(password) + ["/proc/self/fd/0"]) }
    }

    /// How to have the names of attached files listed, for `AttachmentNames`.
    func attachmentsCommand(password: String?) -> Command? {
        pdfdetach.map {
            Command(
                program: $0, arguments: ["-list", "-enc", "UTF-8"] + Self.opening(password) + ["/proc/self/fd/0"])
        }
    }

    /// For the user's or the owner's password; poppler's tools take it no other way (`docs/isolation.md`).
    static func opening(_ password: String?) -> [String] {
        password.map { ["-upw", $0, "-opw", $0] } ?? []
    }

    struct Command: Sendable {
        var program: Program
        var arguments: [String]
    }

    static let environment = [
        "PATH=/usr/local/bin:/usr/bin:/bin", "LANG=C.UTF-8", "HOME=/nonexistent", allocation,
    ]

    /// pdftotext makes and drops thousands of small objects a page. The allocator of the GNU C library keeps seven of
    /// a size at hand; with a thousand (33 MB at the very most, hardly any in fact) reading costs up to a quarter less
    /// CPU time. Other C libraries do not know the variable, and no harm is done.
    private static let allocation = "GLIBC_TUNABLES=glibc.malloc.tcache_count=1000"

    /// What `stdbuf -oL` gives the program that it runs, or progress stalls until 4 KiB are full. It is asked once: so
    /// no extractor needs the right to run another program, and each starts a millisecond sooner.
    private static var lineBuffering: [String]? {
        guard let stdbuf = ThisProcess.findProgram("stdbuf"), let env = ThisProcess.findProgram("env"),
            let output = try? ChildProcess.output(of: stdbuf, ["-oL", env], environment: environment)
        else { return nil }
        let given = output.split(separator: "\n").map(String.init).filter { !environment.contains($0) }
        return given.isEmpty ? nil : given
    }

    /// Whether pdftotext was to begin behind the last page: then nothing is left to read.
    static func isPastEnd(_ ending: Ending, _ message: String) -> Bool {
        ending == .exit(99) && message.contains("Wrong page range given")
    }
}
