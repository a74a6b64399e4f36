import Core
import Loop
import System

/// The recognition of one page: its size is asked, then it is drawn and read at once, the picture going from one
/// process to the other through a pipe. Where it may be blank it is first asked for pictures, for a hundredth of the
/// price. On the pipeline's loop.
final class PageRecognition: @unchecked Sendable {
    enum Outcome {
        case text(String)
        /// There is nothing on the page to be read.
        case blank
        /// The page cannot be drawn, or its picture not be read: nothing is known of its text.
        case unreadable(message: String)
        /// A process met a limit, died or was ended.
        case failed(Ending, message: String)
        /// A process could not be started.
        case broke(SystemError)
    }

    private let page: Int64
    private let tools: RecognitionTools
    private let password: String?
    /// The document; whoever made this keeps it open.
    private let content: Int32
    private let limits: ProcessLimits
    private let loop: EventLoop
    /// The page is not blank.
    private let begins: () -> Void
    private let ended: (Outcome) -> Void
    /// There is something on the page to be read.
    private(set) var hasPictures = false

    private var processes: [ExtractorProcess] = []
    private var picture: (ending: Ending, message: String)?
    private var reading: (ending: Ending, text: String, message: String)?
    private var breakage: SystemError?
    private var isKilled = false
    private var hasEnded = false

    /// `ended` is called once, when no process is left. `mayBeBlank`: only a page with pictures is drawn, and `begins`
    /// is called before.
    init(
        page: Int64, mayBeBlank: Bool = false, tools: RecognitionTools, password: String?, content: Int32,
        limits: ProcessLimits, loop: EventLoop, begins: @escaping () -> Void = {},
        ended: @escaping (Outcome) -> Void
    ) throws(SystemError) {
        self.page = page
        self.tools = tools
        self.password = password
        self.content = content
        self.limits = limits
        self.loop = loop
        self.begins = begins
        self.ended = ended
        if mayBeBlank { try look() } else { try measure() }
    }

    private func look() throws(SystemError) {
        let command = tools.picturesCommand(ofPage: page, password: password)
        processes = [
            try ExtractorProcess(
                program: command.program, arguments: command.arguments, input: content, output: nil, limits: limits,
                loop: loop
            ) { [weak self] ending, output, message in
                self?.looked(ending, output, message)
            }
        ]
    }

    private func looked(_ ending: Ending, _ output: String, _ message: String) {
        processes = []
        guard !isKilled else { return end(.failed(.signal(9), message: "")) }
        guard ending == .exit(0) else {
            if case .exit = ending { return end(.unreadable(message: message)) }
            return end(.failed(ending, message: message))
        }
        guard PageImages.mayHoldText(output) else { return end(.blank) }
        do throws(SystemError) { try measure() } catch { return end(.broke(error)) }
        begins()
    }

    private func measure() throws(SystemError) {
        hasPictures = true
        let command = tools.sizeCommand(ofPage: page, password: password)
        processes = [
            try ExtractorProcess(
                program: command.program, arguments: command.arguments, input: content, output: nil, keepsEnd: true,
                limits: limits, loop: loop
            ) { [weak self] ending, output, message in
                self?.measured(ending, output, message)
            }
        ]
    }

    var processIDs: [Int32] { processes.map(\.processID) }

    private func measured(_ ending: Ending, _ output: String, _ message: String) {
        processes = []
        guard !isKilled else { return end(.failed(.signal(9), message: "")) }
        guard ending == .exit(0), let size = PDFInformation.size(ofPage: page, in: output) else {
            if case .exit = ending { return end(.unreadable(message: message)) }
            return end(.failed(ending, message: message))
        }
        do throws(SystemError) { try read(at: tools.recognition.dotsPerInch(of: size)) } catch {
            breakage = error
            // What was started has lost its pipe, and tells its end.
            if processes.isEmpty { end(.broke(error)) }
        }
    }

    private func read(at dotsPerInch: Int) throws(SystemError) {
        let pipe = try DescriptorPair.pipe()
        let reader = tools.readingCommand(dotsPerInch)
        processes.append(
            try ExtractorProcess(
                program: reader.program, arguments: reader.arguments, input: pipe.first.raw, output: nil,
                outputBytesMax: Recognition.pageTextBytesMax, limits: limits, loop: loop
            ) { [weak self] ending, output, message in
                self?.reading = (ending, output, message)
                self?.endIfDone()
            })
        let drawer = tools.pictureCommand(ofPage: page, dotsPerInch, password: password)
        do throws(SystemError) {
            processes.append(
                try ExtractorProcess(
                    program: drawer.program, arguments: drawer.arguments, input: content, output: pipe.second.raw,
                    limits: limits, loop: loop
                ) { [weak self] ending, _, message in
                    self?.picture = (ending, message)
                    self?.endIfDone()
                })
        } catch {
            picture = (.exit(1), "")
            throw error
        }
    }

    private func endIfDone() {
        guard let picture, let reading else { return }
        processes = []
        if isKilled { return end(.failed(.signal(9), message: "")) }
        if let breakage { return end(.broke(breakage)) }
        switch (picture.ending, reading.ending) {
        case (_, .exit(0)): end(.text(reading.text))
        // Without its picture the reader ends with a complaint of its own, which says nothing.
        case (.exit, .exit):
            end(.unreadable(message: picture.ending == .exit(0) ? reading.message : picture.message))
        // Who lost its pipe is not who failed first.
        case (.signal(13), let ending), (.exit(0), let ending): end(.failed(ending, message: reading.message))
        case (.exit, let ending) where ending != .exit(1): end(.failed(ending, message: reading.message))
        case (let ending, _): end(.failed(ending, message: picture.message))
        }
    }

    private func end(_ outcome: Outcome) {
        guard !hasEnded else { return }
        hasEnded = true
        ended(outcome)
    }

    /// Ends its processes; `ended` is called when they are gone.
    func kill() {
        isKilled = true
        for process in processes { process.kill() }
    }
}
