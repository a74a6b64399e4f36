import CLinux
import Glibc

/// An IPv4 or IPv6 address with its port, as a person writes it: `127.0.0.1:8080`, `[::1]:8080`.
package struct SocketAddress: Sendable, Equatable, CustomStringConvertible {
    package var host: String
    package var port: UInt16

    package init(host: String, port: UInt16) {
        self.host = host
        self.port = port
    }

    /// `HOST:PORT`, `[v6]:PORT` or `:PORT` (every address). Nil when it is none of these.
    package init?(parsing text: String) {
        guard let colon = text.lastIndex(of: ":"), let port = UInt16(text[text.index(after: colon)...]) else {
            return nil
        }
        var host = String(text[..<colon])
        if host.hasPrefix("["), host.hasSuffix("]") { host = String(host.dropFirst().dropLast()) }
        if host.isEmpty || host == "*" { host = "0.0.0.0" }
        if host == "localhost" { host = "127.0.0.1" }
        self.init(host: host, port: port)
        guard withRaw({ _, _ in true }) != nil else { return nil }
    }

    package var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }

    /// Names who is behind the address: all of an IPv4 address, the first 64 bits of an IPv6 one, of which a single
    /// household has as many as there are in the rest (RFC 6177).
    package var client: String {
        var v6 = in6_addr()
        guard host.contains(":"), inet_pton(AF_INET6, host, &v6) == 1 else { return host }
        let bytes = withUnsafeBytes(of: v6) { Array($0) }
        // RFC 4291 §2.5.5.2: an IPv4 address that came over a socket for both.
        if bytes[..<12].elementsEqual([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff]) {
            return bytes[12...].map(String.init).joined(separator: ".")
        }
        let groups = stride(from: 0, to: 8, by: 2).map { Int(bytes[$0]) << 8 | Int(bytes[$0 + 1]) }
        return groups.map { String($0, radix: 16) }.joined(separator: ":") + "::/64"
    }

    package var isLoopback: Bool { host.hasPrefix("127.") || host == "::1" }

    func withRaw<Result>(_ body: (UnsafePointer<sockaddr>, socklen_t) -> Result) -> Result? {
        var v4 = sockaddr_in()
        if inet_pton(AF_INET, host, &v4.sin_addr) == 1 {
            v4.sin_family = sa_family_t(AF_INET)
            v4.sin_port = port.bigEndian
            return withUnsafePointer(to: &v4) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    body($0, socklen_t(MemoryLayout<sockaddr_in>.size))
                }
            }
        }
        var v6 = sockaddr_in6()
        if inet_pton(AF_INET6, host, &v6.sin6_addr) == 1 {
            v6.sin6_family = sa_family_t(AF_INET6)
            v6.sin6_port = port.bigEndian
            return withUnsafePointer(to: &v6) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    body($0, socklen_t(MemoryLayout<sockaddr_in6>.size))
                }
            }
        }
        return nil
    }
}

/// What happened to one `accept`.
package enum AcceptOutcome: ~Copyable {
    case connection(OwnedDescriptor)
    case nothing
    /// EMFILE or ENFILE: the connection waits in the kernel; accepting again at once would spin.
    case noDescriptors
}

/// socket(2), bind(2), listen(2), accept4(2) and the options a server needs.
package enum Socket {
    /// A listening socket. With `sharesPort` several loops listen on one port and the kernel spreads connections.
    package static func listen(
        on address: SocketAddress, sharesPort: Bool, backlog: Int32 = 4096
    ) throws(SystemError) -> OwnedDescriptor {
        let family = address.host.contains(":") ? AF_INET6 : AF_INET
        let kind = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
        let descriptor = OwnedDescriptor(owning: try check("socket") { socket(family, kind, 0) })
        try setOption(descriptor.raw, SOL_SOCKET, SO_REUSEADDR, 1, "setsockopt(SO_REUSEADDR)")
        if sharesPort { try setOption(descriptor.raw, SOL_SOCKET, SO_REUSEPORT, 1, "setsockopt(SO_REUSEPORT)") }
        guard let bound = address.withRaw({ bind(descriptor.raw, $0, $1) }) else {
            throw SystemError("inet_pton(\(address.host))", EINVAL)
        }
        if bound != 0 { throw SystemError("bind(\(address))") }
        _ = try check("listen") { Glibc.listen(descriptor.raw, backlog) }
        return descriptor
    }

    package static func localAddress(of descriptor: Int32) throws(SystemError) -> SocketAddress {
        try address(of: descriptor, "getsockname", getsockname)
    }

    package static func peerAddress(of descriptor: Int32) throws(SystemError) -> SocketAddress {
        try address(of: descriptor, "getpeername", getpeername)
    }

    private static func address(
        of descriptor: Int32, _ call: String,
        _ body: (Int32, UnsafeMutablePointer<sockaddr>?, UnsafeMutablePointer<socklen_t>?) -> Int32
    ) throws(SystemError) -> SocketAddress {
        var storage = sockaddr_storage()
        var size = socklen_t(MemoryLayout<sockaddr_storage>.size)
        let result = withUnsafeMutablePointer(to: &storage) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { body(descriptor, $0, &size) }
        }
        guard result == 0 else { throw SystemError(call) }
        return withUnsafeTemporaryAllocation(of: CChar.self, capacity: Int(INET6_ADDRSTRLEN)) { text in
            withUnsafePointer(to: &storage) { storage in
                if storage.pointee.ss_family == sa_family_t(AF_INET6) {
                    storage.withMemoryRebound(to: sockaddr_in6.self, capacity: 1) { v6 in
                        var raw = v6.pointee.sin6_addr
                        _ = inet_ntop(AF_INET6, &raw, text.baseAddress!, socklen_t(text.count))
                        return SocketAddress(
                            host: String(cString: text.baseAddress!), port: UInt16(bigEndian: v6.pointee.sin6_port))
                    }
                } else {
                    storage.withMemoryRebound(to: sockaddr_in.self, capacity: 1) { v4 in
                        var raw = v4.pointee.sin_addr
                        _ = inet_ntop(AF_INET, &raw, text.baseAddress!, socklen_t(text.count))
                        return SocketAddress(
                            host: String(cString: text.baseAddress!), port: UInt16(bigEndian: v4.pointee.sin_port))
                    }
                }
            }
        }
    }

    package static func accept(on listener: Int32) throws(SystemError) -> AcceptOutcome {
        while true {
            let descriptor = hw_accept4(listener)
            if descriptor >= 0 { return .connection(OwnedDescriptor(owning: descriptor)) }
            switch errno {
            // accept(2): errors of the new connection itself are passed on here; the next one may be fine.
            case EINTR, ECONNABORTED, EPROTO, ENETDOWN, ENOPROTOOPT, EHOSTDOWN, EHOSTUNREACH, EOPNOTSUPP, ENETUNREACH:
                continue
            case EAGAIN: return .nothing
            case EMFILE, ENFILE, ENOBUFS, ENOMEM: return .noDescriptors
            default: throw SystemError("accept4")
            }
        }
    }

    package static func setNoDelay(_ descriptor: Int32) {
        var on: Int32 = 1
        _ = setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &on, socklen_t(MemoryLayout<Int32>.size))
    }

    /// A peer that lost its power never says goodbye: after two quiet minutes the kernel asks (tcp(7)).
    package static func keepAlive(_ descriptor: Int32) {
        var on: Int32 = 1
        _ = setsockopt(descriptor, SOL_SOCKET, SO_KEEPALIVE, &on, socklen_t(MemoryLayout<Int32>.size))
        var seconds: Int32 = 60
        for name in [TCP_KEEPIDLE, TCP_KEEPINTVL] {
            _ = setsockopt(descriptor, Int32(IPPROTO_TCP), name, &seconds, socklen_t(MemoryLayout<Int32>.size))
        }
        var tries: Int32 = 2
        _ = setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_KEEPCNT, &tries, socklen_t(MemoryLayout<Int32>.size))
    }

    package static func shutdownWriting(_ descriptor: Int32) { _ = shutdown(descriptor, Int32(SHUT_WR)) }

    package enum WriteOutcome: Equatable {
        case bytes(Int)
        case wouldBlock
        case closed
    }

    /// sendmsg(2) of several buffers at once; the peer's end is an outcome, not an error.
    package static func write(_ descriptor: Int32, _ parts: UnsafeMutableBufferPointer<iovec>) -> WriteOutcome {
        while true {
            var message = msghdr()
            message.msg_iov = parts.baseAddress
            message.msg_iovlen = parts.count
            let count = sendmsg(descriptor, &message, Int32(MSG_NOSIGNAL))
            if count >= 0 { return .bytes(count) }
            switch errno {
            case EINTR: continue
            case EAGAIN: return .wouldBlock
            default: return .closed
            }
        }
    }

    /// recv(2): what read(2) does, without its way through the file layer.
    package static func receive(
        _ descriptor: Int32, into buffer: UnsafeMutableRawBufferPointer
    ) throws(SystemError) -> ReadOutcome {
        while true {
            let count = recv(descriptor, buffer.baseAddress!, buffer.count, 0)
            if count > 0 { return .bytes(count) }
            if count == 0 { return .end }
            switch errno {
            case EINTR: continue
            case EAGAIN: return .wouldBlock
            default: throw SystemError("recv")
            }
        }
    }

    /// send(2) of one buffer; the peer's end is an outcome, not an error.
    package static func send(_ descriptor: Int32, _ bytes: UnsafeRawBufferPointer) -> WriteOutcome {
        while true {
            let count = Glibc.send(descriptor, bytes.baseAddress!, bytes.count, Int32(MSG_NOSIGNAL))
            if count >= 0 { return .bytes(count) }
            switch errno {
            case EINTR: continue
            case EAGAIN: return .wouldBlock
            default: return .closed
            }
        }
    }

    static func setOption(
        _ descriptor: Int32, _ level: Int32, _ name: Int32, _ value: Int32, _ call: String
    ) throws(SystemError) {
        var value = value
        _ = try check(call) { setsockopt(descriptor, level, name, &value, socklen_t(MemoryLayout<Int32>.size)) }
    }
}
