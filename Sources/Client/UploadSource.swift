import Glibc

/// The bytes of one upload: a file read as it is sent, or a pipe of unknown length. Owns its descriptor.
package final class UploadSource {
    package let name: String
    /// Nil for pipes: then it is sent chunked.
    package let sizeBytes: Int64?
    package let mediaType: String
    let descriptor: Int32
    /// Since `begin`.
    private(set) var readBytes: Int64 = 0
    /// What a plain file was when it was opened; nil for all else.
    package let stamp: FileStamp?
    /// Whether a file that changes meanwhile is an error: parts of two files would make a third.
    var mustStay = false
    private var startBytes: Int64 = 0
    private let placeOfFirstByte: Int64

    /// `-` is standard input, called `standardInputName` on the server.
    package init(path: String, standardInputName: String) throws(ClientError) {
        let isInput = path == "-"
        let fileName = path.split(separator: "/").last.map(String.init) ?? path
        name = isInput ? standardInputName : fileName
        let descriptor = isInput ? dup(STDIN_FILENO) : open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw .file(name: path, reason: Terminal.errorText(errno)) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else {
            let reason = Terminal.errorText(errno)
            close(descriptor)
            throw .file(name: path, reason: reason)
        }
        switch status.st_mode & S_IFMT {
        case S_IFDIR:
            close(descriptor)
            throw .file(name: path, reason: "is a directory")
        case S_IFREG:
            // Standard input may stand in the middle of a file already.
            placeOfFirstByte = max(0, Int64(lseek(descriptor, 0, SEEK_CUR)))
            sizeBytes = max(0, Int64(status.st_size) - placeOfFirstByte)
            stamp = FileStamp(status)
        default:
            placeOfFirstByte = 0
            sizeBytes = nil
            stamp = nil
        }
        self.descriptor = descriptor
        mediaType = MediaType.of(fileName: name)
    }

    deinit {
        close(descriptor)
    }

    enum ReadResult {
        case bytes(Int)
        case end
        /// Nothing there yet; poll the descriptor.
        case later
        case failed(ClientError)
    }

    /// Reads into the buffer, at most to the size that was announced. Never blocks on a pipe.
    func read(into buffer: UnsafeMutableRawBufferPointer) -> ReadResult {
        if sizeBytes == nil {
            var wait = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            if poll(&wait, 1, 0) == 0 { return .later }
        }
        if mustStay, let reason = changeReason { return .failed(.file(name: name, reason: reason)) }
        let room = min(Int64(buffer.count), leftBytes ?? .max)
        if room == 0 { return .end }
        let count = Glibc.read(descriptor, buffer.baseAddress, Int(room))
        if count < 0 {
            if errno == EAGAIN || errno == EINTR { return .later }
            return .failed(.file(name: name, reason: Terminal.errorText(errno)))
        }
        if count == 0 {
            if sizeBytes == nil { return .end }
            return .failed(.file(name: name, reason: "became shorter while it was read"))
        }
        readBytes += Int64(count)
        return .bytes(count)
    }

    /// How many bytes there are from where it stands; nil for pipes.
    var leftBytes: Int64? { sizeBytes.map { $0 - startBytes - readBytes } }

    /// The next byte read is this one. For plain files alone.
    package func begin(at offset: Int64) throws(ClientError) {
        precondition(sizeBytes != nil, "a pipe begins where it is")
        guard lseek(descriptor, off_t(placeOfFirstByte + offset), SEEK_SET) >= 0 else {
            throw .file(name: name, reason: Terminal.errorText(errno))
        }
        startBytes = offset
        readBytes = 0
        if let reason = changeReason { throw .file(name: name, reason: reason) }
    }

    private var changeReason: String? {
        var status = stat()
        guard let stamp, fstat(descriptor, &status) == 0, FileStamp(status) != stamp else { return nil }
        return "changed while it was sent; send it again when it is finished"
    }

    /// Back to where it began, for libcurl when a connection that was kept turns out to be closed. Pipes cannot.
    func rewind() -> Bool {
        guard sizeBytes != nil else { return readBytes == 0 }
        guard lseek(descriptor, -off_t(readBytes), SEEK_CUR) >= 0 else { return false }
        readBytes = 0
        return true
    }
}

extension FileStamp {
    init(_ status: stat) {
        self.init(
            sizeBytes: Int64(status.st_size),
            modifiedNanoseconds: Int64(status.st_mtim.tv_sec) * 1_000_000_000 + Int64(status.st_mtim.tv_nsec))
    }

    /// The plain file at this path; nil for all else.
    package static func ofPlainFile(at path: String) -> FileStamp? {
        var status = Glibc.stat()
        guard stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return nil }
        return FileStamp(status)
    }
}
