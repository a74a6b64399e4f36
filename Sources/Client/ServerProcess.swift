import Glibc
import System

/// `headway serve` as a child of this process, for the demo: started, heard until it listens, and ended in any case.
///
/// Its standard error is ours; its standard output is a pipe, of which the first line that says `listening on URL`
/// counts. The child has a process group of its own, so that Ctrl-C reaches it through us and in order.
package final class ServerProcess {
    private let process: ChildProcess
    private let pipe: OwnedDescriptor
    /// Read it until its end (`drain`), or the child's next line blocks it.
    package var output: Int32 { pipe.raw }
    private var lines = LineSplitter(lineBytesMax: 4096)
    private var listeningURL: String?
    private var ending: Ending?

    /// How a child ended, as a shell tells it: its exit code, or 128 and the signal.
    package struct Ending: Error, Equatable {
        package var code: Int32
    }

    package static let stopSecondsMax = 10

    /// Starts this same executable with these arguments. It dies with this process, however this one dies.
    package init(arguments: [String]) throws(ClientError) {
        do throws(SystemError) {
            let ends = try DescriptorPair.pipe()
            let null = try Files.open("/dev/null", .read)
            process = try ChildProcess.spawn(
                path: try ThisProcess.executablePath, arguments: arguments, environment: ThisProcess.environment,
                descriptors: [null.raw, ends.second.raw, 2], limits: ProcessLimits())
            try DescriptorIO.setNonBlocking(ends.first.raw, true)
            pipe = ends.takeFirst()
        } catch {
            throw .file(name: "headway serve", reason: error.description)
        }
    }

    deinit { stop() }

    /// Waits for the line with the URL. Throws `Ending` when the child ended without one, `interrupted` on a signal.
    package func waitUntilListening() throws -> String {
        while true {
            if let signal = Interrupts.taken { throw ClientError.interrupted(signal: signal) }
            var polls = [output, Interrupts.descriptor].map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
            _ = Glibc.poll(&polls, nfds_t(polls.count), 1000)
            if polls[1].revents != 0 { Interrupts.drain() }
            let isOpen = drain()
            if let listeningURL { return listeningURL }
            if !isOpen { throw reap(block: true) ?? Ending(code: 1) }
        }
    }

    /// Reads what the child has written; false when it will write no more. Never blocks.
    package func drain() -> Bool {
        var bytes = [UInt8](repeating: 0, count: 4096)
        while true {
            let count = read(output, &bytes, bytes.count)
            if count == 0 { return false }
            if count < 0 { return errno == EAGAIN || errno == EINTR }
            for line in lines.receive(Array(bytes[..<count])) where listeningURL == nil {
                let text = String(decoding: line, as: UTF8.self)
                if text.hasPrefix(Self.listeningPrefix) {
                    listeningURL = String(text.dropFirst(Self.listeningPrefix.count))
                }
            }
        }
    }

    private static let listeningPrefix = "listening on "

    /// How the child ended; nil while it runs.
    package var endingIfAny: Ending? { reap(block: false) }

    /// Ends the child: SIGTERM, ten seconds to finish, SIGKILL. A signal to us in the meantime is handed on, so that
    /// a second Ctrl-C is a second one for the server too.
    package func stop() {
        guard reap(block: false) == nil else { return }
        process.signal(SIGTERM)
        var signals = Interrupts.takenCount
        let end = Clock.monotonicMilliseconds + Int64(Self.stopSecondsMax) * 1000
        while reap(block: false) == nil {
            if Interrupts.takenCount > signals {
                signals = Interrupts.takenCount
                process.signal(SIGTERM)
            }
            if Clock.monotonicMilliseconds >= end {
                process.killTree()
                _ = reap(block: true)
                return
            }
            _ = drain()
            usleep(10_000)
        }
    }

    private func reap(block: Bool) -> Ending? {
        if let ending { return ending }
        do throws(SystemError) {
            guard let ended = try process.reap(waits: block) else { return nil }
            switch ended.manner {
            case .exit(let code): ending = Ending(code: code)
            case .signal(let signal): ending = Ending(code: 128 + signal)
            }
        } catch {
            // A child that cannot be waited for is gone.
            ending = Ending(code: 1)
        }
        return ending
    }

    /// The directory this executable lies in.
    package static func ownDirectory() throws(ClientError) -> String {
        do throws(SystemError) {
            let path = try ThisProcess.executablePath
            return path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "."
        } catch {
            throw .file(name: "/proc/self/exe", reason: error.description)
        }
    }
}
