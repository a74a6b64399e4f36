import System
import Text
import Wire

// Theory of operation
//
// A worker knows no document's path and opens nothing. It gets an assignment with four descriptors over its socket:
// what is to be read (an extractor's pipe, or the document itself), two files to write, and a number that tells the
// page in hand, so that a death has a place. A `DocumentText` makes text of it, a piece at a time; the worker cuts
// that into pages, the pages into chunks, makes each chunk's vector, appends the result, and says how far it is. No
// stage holds the whole document. Vectors are made here, or by a service: then texts go to `headway embed` over a
// fifth descriptor, since a process that opens documents has no network. When the socket closes, the server is gone,
// and the worker ends.
//
// Before it says that it is ready, it gives up all that this does not need, for good (`SandboxProfile.worker`). It does
// so itself, because starting takes more: to open its own program and libraries.

/// `headway worker`: turns text into chunks and vectors, one document at a time, until its socket closes.
package enum WorkerProcess {
    /// The descriptor that the supervisor gives it.
    package static let socketDescriptor: Int32 = 3

    /// Runs until the server is gone. Returns the exit code.
    package static func run(socket: Int32 = socketDescriptor) -> Int32 {
        SignalSource.ignoreBrokenPipes()
        do throws(SystemError) {
            try Sandbox.enter(.worker)
        } catch {
            try? DescriptorIO.writeAll(2, Array("headway worker: it cannot enter its sandbox (\(error))\n".utf8))
            return 71
        }
        do throws(SystemError) {
            try MessageSocket.send(socket, WorkerReport.ready.encoded)
            while let message = try MessageSocket.receive(socket) {
                // An order that came when its run was over here.
                if WorkerOrder(decoding: message.bytes) != nil {
                    for raw in message.descriptors { _ = OwnedDescriptor(owning: raw) }
                    continue
                }
                guard let assignment = WorkerAssignment(decoding: message.bytes),
                    message.descriptors.count == assignment.descriptorCount
                else { return 65 }
                let job = TextJob(
                    assignment, socket: socket, source: OwnedDescriptor(owning: message.descriptors[0]),
                    result: OwnedDescriptor(owning: message.descriptors[1]),
                    text: OwnedDescriptor(owning: message.descriptors[2]),
                    pageMark: SharedNumber(OwnedDescriptor(owning: message.descriptors[3])),
                    embedder: embedder(assignment, message.descriptors))
                guard let report = job.run() else { return 74 }
                try MessageSocket.send(socket, report.encoded)
            }
            return 0
        } catch {
            // The socket is the only thing that can fail here, and without it there is nobody to tell.
            return 74
        }
    }

    private static func embedder(_ assignment: WorkerAssignment, _ descriptors: [Int32]) -> ChunkEmbedder {
        guard let embedding = assignment.embedding else { return ChunkEmbedder(HashedNGramVectorizer()) }
        let client = EmbeddingClient(
            OwnedDescriptor(owning: descriptors[4]), batchesInFlightMax: embedding.batchesInFlightMax)
        return ChunkEmbedder(client, batchMax: embedding.batchMax)
    }
}
