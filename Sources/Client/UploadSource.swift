import Glibc

/// The bytes of one upload: a file read as it is sent, or a pipe of unknown length. Owns its descriptor.
package final class UploadSource {
    package let name: String
    /// Nil for pipes: then it is sent chunked.
    package let sizeBytes: Int64?
    package let mediaType: String
    let descriptor: Int32
    private(set) var readBytes: Int64 = 0

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
            sizeBytes = max(0, Int64(status.st_size) - max(0, Int64(lseek(descriptor, 0, SEEK_CUR))))
        default:
            sizeBytes = nil
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
        let room = min(Int64(buffer.count), sizeBytes.map { $0 - readBytes } ?? .max)
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

    /// Back to the beginning, for libcurl when a connection that was kept turns out to be closed. Pipes cannot.
    func rewind() -> Bool {
        guard sizeBytes != nil else { return readBytes == 0 }
        guard lseek(descriptor, -off_t(readBytes), SEEK_CUR) >= 0 else { return false }
        readBytes = 0
        return true
    }
}
