package enum ResponseFault: Error, Equatable {
    /// What came is not the head of an HTTP/1.1 response.
    case notHTTP
    case headTooLong
    /// Neither a length nor a status without content: its end could be told only by reading chunks.
    case noLength

    package var description: String {
        switch self {
        case .notHTTP: "what came is no HTTP/1.1 response"
        case .headTooLong: "the head of a response is longer than 16 KiB"
        case .noLength: "a response has no Content-Length, which this tool needs"
        }
    }
}

/// Finds responses in what a server sends on a connection that is kept (RFC 9112). Their content is skipped.
package struct ResponseScanner {
    package static let headBytesMax = 16 * 1024

    /// A head without its last empty line; its first line and its fields as sent. Borrowed for the call.
    package struct Head {
        package var status: Int
        package var bytes: UnsafeRawBufferPointer

        /// A field's value; nil when it is not there. `lowercasedName` in lower case.
        package func field(_ lowercasedName: StaticString) -> String? {
            ResponseScanner.field(lowercasedName, in: bytes).map { String(decoding: $0, as: UTF8.self) }
        }
    }

    private var held: [UInt8] = []
    private var status = 0
    private var contentLeft = 0
    private var isInContent = false
    private let keepsUpgrade: Bool

    /// `keepsUpgrade`: what follows a 101 is not HTTP any more, so `scan` stops behind its head.
    package init(keepsUpgrade: Bool = false) { self.keepsUpgrade = keepsUpgrade }

    /// Hands out each response's head when it is there, and its status when its last byte is. Returns how many bytes
    /// were used: all, but for those behind an upgrade.
    package mutating func scan(
        _ bytes: UnsafeRawBufferPointer, head receiveHead: (Head) -> Void, end receiveEnd: (Int) -> Void
    ) throws(ResponseFault) -> Int {
        var position = 0
        while position < bytes.count {
            let rest = UnsafeRawBufferPointer(rebasing: bytes[position...])
            if isInContent {
                let skipped = min(contentLeft, rest.count)
                contentLeft -= skipped
                position += skipped
            } else if let used = try takeHead(rest, receiveHead) {
                position += used
                if keepsUpgrade && status == 101 { return position }
            } else {
                return bytes.count
            }
            if isInContent && contentLeft == 0 {
                isInContent = false
                if status >= 200 { receiveEnd(status) }
            }
        }
        return position
    }

    /// The bytes of `rest` that end a head; nil when it goes on, and then they are kept.
    private mutating func takeHead(
        _ rest: UnsafeRawBufferPointer, _ receive: (Head) -> Void
    ) throws(ResponseFault) -> Int? {
        if held.isEmpty, let end = Self.headEnd(rest, from: 0) {
            try readHead(UnsafeRawBufferPointer(rebasing: rest[..<(end - 2)]), receive)
            return end
        }
        let before = held.count
        held.append(contentsOf: rest)
        var fault: ResponseFault?
        let end = held.withUnsafeBytes { Self.headEnd($0, from: max(0, before - 3)) }
        guard let end else {
            if held.count > Self.headBytesMax { throw .headTooLong }
            return nil
        }
        let whole = held
        held.removeAll(keepingCapacity: true)
        whole.withUnsafeBytes { whole in
            do throws(ResponseFault) {
                try readHead(UnsafeRawBufferPointer(rebasing: whole[..<(end - 2)]), receive)
            } catch { fault = error }
        }
        if let fault { throw fault }
        return end - before
    }

    private mutating func readHead(
        _ bytes: UnsafeRawBufferPointer, _ receive: (Head) -> Void
    ) throws(ResponseFault) {
        // RFC 9112 §4: "HTTP/1.1 200 " and a reason that may be empty.
        guard bytes.count >= 12, bytes.prefix(7).elementsEqual("HTTP/1.".utf8), let status = Self.number(bytes[9..<12])
        else { throw .notHTTP }
        self.status = status
        contentLeft = 0
        isInContent = true
        // RFC 9112 §6.3: these have no content, whatever their fields say.
        if status >= 200 && status != 204 && status != 304 {
            guard let text = Self.field("content-length", in: bytes), let length = Self.number(text) else {
                throw .noLength
            }
            contentLeft = length
        }
        receive(Head(status: status, bytes: bytes))
    }

    /// Behind the empty line that ends a head.
    private static func headEnd(_ bytes: UnsafeRawBufferPointer, from start: Int) -> Int? {
        var index = start
        while index + 3 < bytes.count {
            if bytes[index] == 13, bytes[index + 1] == 10, bytes[index + 2] == 13, bytes[index + 3] == 10 {
                return index + 4
            }
            index += 1
        }
        return nil
    }

    fileprivate static func field(
        _ lowercasedName: StaticString, in head: UnsafeRawBufferPointer
    ) -> Slice<UnsafeRawBufferPointer>? {
        let count = lowercasedName.utf8CodeUnitCount
        var start = 0
        while start < head.count {
            var end = start
            while end < head.count, head[end] != 13 { end += 1 }
            if end - start > count, head[start + count] == UInt8(ascii: ":"),
                (0..<count).allSatisfy({ head[start + $0] | 0x20 == lowercasedName.utf8Start[$0] | 0x20 })
            {
                var value = head[(start + count + 1)..<end]
                while value.first == 32 || value.first == 9 { value = value.dropFirst() }
                while value.last == 32 || value.last == 9 { value = value.dropLast() }
                return value
            }
            start = end + 2
        }
        return nil
    }

    private static func number(_ digits: Slice<UnsafeRawBufferPointer>) -> Int? {
        guard !digits.isEmpty, digits.count < 18 else { return nil }
        var value = 0
        for digit in digits {
            guard digit >= 48 && digit <= 57 else { return nil }
            value = value * 10 + Int(digit - 48)
        }
        return value
    }
}
